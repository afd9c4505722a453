//! CPU time, which is what a call costs: the time that others had the core is not its own.
//!
//! Asking the kernel for a thread's CPU time takes some 2 µs, and a call is entered and left thirty times. So a short
//! stretch of work counts by the wall clock, which costs nothing, and the kernel is asked about a long one only.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};

/// From here on a stretch is long, and so old may the sample be that it is measured from.
const LONG: Duration = Duration::from_millis(1);

thread_local! {
    /// When this thread's CPU time was asked for, and what it was.
    static SAMPLE: Cell<Option<(Instant, Duration)>> = const { Cell::new(None) };
}

/// Work that goes on, without a break, on the thread that began it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stretch {
    began: Instant,
    /// The thread's CPU time then, or up to [`LONG`] before.
    cpu: Duration,
}

impl Stretch {
    pub(crate) fn begin() -> Self {
        let began = Instant::now();
        let fresh = SAMPLE.get().filter(|(at, _)| began.duration_since(*at) < LONG);
        let (_, cpu) = fresh.unwrap_or_else(|| {
            let sample = (began, thread_time());
            SAMPLE.set(Some(sample));
            sample
        });
        Self { began, cpu }
    }

    /// CPU time since the beginning; never more than the time that went by.
    pub(crate) fn end(self) -> Duration {
        let wall = self.began.elapsed();
        if wall < LONG { wall } else { wall.min(thread_time().saturating_sub(self.cpu)) }
    }
}

/// CPU time that this thread has used since it began.
fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let (seconds, nanos) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    Duration::new(seconds.unwrap_or(0), nanos.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spin(time: Duration) {
        let before = thread_time();
        while thread_time().saturating_sub(before) < time {
            std::hint::spin_loop();
        }
    }

    #[test]
    fn own_work_counts_and_waiting_for_anothers_does_not() {
        let time = Duration::from_millis(20);
        let stretch = Stretch::begin();
        std::thread::spawn(move || spin(time)).join().unwrap();
        assert!(stretch.end() < time / 2);

        let stretch = Stretch::begin();
        spin(time);
        assert!(stretch.end() >= time);
    }
}
