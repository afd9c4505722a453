//! Two lanes for calls: one on the threads that also serve connections, and a slow one on threads of lower
//! priority, which are so few that they leave a core free.
//!
//! Guest code gives way at each tick of the epoch, but a tick is long beside a quick call's fifth of a
//! millisecond: a few endless loops on the threads of the server would make everybody's calls wait in a queue of
//! ticks. So a call begins in the quick lane, where nothing has to change threads, and what uses more than its
//! share is moved, between two polls, to the slow lane. Whose calls were hungry again and again, or whose call was
//! stopped, begins there next time, until it has been quick for a while.
//!
//! Rejected: all guests on threads of their own (two thread switches for each call, which cost more than the
//! call), and a shorter tick alone (the queue stays, and each tick costs a thread's wake-up on an idle hub).

use std::{
    panic::resume_unwind,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use tokio::{
    runtime::{Builder, Handle},
    task::JoinHandle,
};

use crate::cpu::Stretch;

/// CPU time that a quick call uses at most at once.
const BURST: Duration = Duration::from_millis(2);

/// What a call may use before it is moved. More than a burst: where a hypervisor takes the core away, that time
/// is counted too, and a call that is moved for nothing waits behind all the hungry ones.
const LIMIT: Duration = Duration::from_millis(5);

/// The part of the time since it began that a call may use beside that: a long stream is not a hungry one.
const SHARE: u32 = 20;

/// So many calls in a row must have been quick before the next one begins in the quick lane again.
const PROBATION: u32 = 64;

/// Points for a call that was not quick. Each quick call takes one point away, and probation begins at [`PROBATION`]
/// points and ends at none: once may have been an accident, three times in a row is a habit.
const STRIKE: u32 = 24;

/// How far the slow lane stands back (`nice`): it gets about a tenth of a core that both want.
const NICE: i32 = 10;

/// What is remembered of the calls of one (org, plugin).
#[derive(Debug, Default)]
pub(crate) struct Conduct {
    points: AtomicU32,
    /// The next call begins in the slow lane.
    probation: AtomicBool,
    /// The call that just ended was stopped.
    stopped: AtomicBool,
}

impl Conduct {
    /// A limit or a crash ended a call.
    pub(crate) fn was_stopped(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    fn on_probation(&self) -> bool {
        self.probation.load(Ordering::Relaxed)
    }

    /// Two calls that end at once may count as one: it is a rule of thumb.
    fn ended(&self, quick: bool) {
        let before = self.points.load(Ordering::Relaxed);
        let points = if self.stopped.swap(false, Ordering::Relaxed) {
            PROBATION
        } else if quick {
            before.saturating_sub(1)
        } else {
            (before + STRIKE).min(PROBATION)
        };
        if points != before {
            self.points.store(points, Ordering::Relaxed);
        }
        if points == PROBATION {
            self.probation.store(true, Ordering::Relaxed);
        } else if points == 0 && self.on_probation() {
            self.probation.store(false, Ordering::Relaxed);
        }
    }
}

/// The threads of the slow lane.
#[derive(Debug)]
pub(crate) struct SlowLane {
    /// Taken when the lane is closed.
    runtime: Option<tokio::runtime::Runtime>,
    handle: Handle,
}

impl SlowLane {
    /// # Errors
    /// No thread can be started.
    pub(crate) fn open() -> std::io::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let runtime = Builder::new_multi_thread()
            .thread_name("slow-lane")
            // a low priority alone does not do: a thread that wakes up waits until the running one's slice is over
            .worker_threads(cores.saturating_sub(1).max(1))
            .on_thread_start(|| {
                // on Linux this is the thread's own; without it the lane is only less slow
                if let Err(error) = rustix::process::nice(NICE) {
                    tracing::warn!(%error, "the slow lane's threads cannot be given a lower priority");
                }
            })
            .enable_all()
            .build()?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }

    /// Drives a call's work to its end, in the lane that it deserves.
    pub(crate) async fn drive<T: Send + 'static>(
        &self,
        conduct: &Arc<Conduct>,
        work: impl Future<Output = T> + Send + 'static,
    ) -> T {
        let mut metered = Metered::new(Arc::clone(conduct), Box::pin(work));
        if !conduct.on_probation()
            && let Some(given) = Quickly(&mut metered).await
        {
            return given;
        }
        joined(self.handle.spawn(metered)).await
    }

    /// Drives work that nobody waits for.
    pub(crate) async fn behind<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        joined(self.handle.spawn(work)).await
    }
}

impl Drop for SlowLane {
    fn drop(&mut self) {
        // a runtime must not be waited for within another
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn joined<T>(task: JoinHandle<T>) -> T {
    match task.await {
        Ok(given) => given,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // the lane was closed with the hub, and with it goes whoever waits here
            Err(_) => std::future::pending().await,
        },
    }
}

type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Work whose CPU time is counted.
struct Metered<T> {
    conduct: Arc<Conduct>,
    work: Work<T>,
    began: Instant,
    used: Duration,
}

impl<T> Metered<T> {
    fn new(conduct: Arc<Conduct>, work: Work<T>) -> Self {
        Self { conduct, work, began: Instant::now(), used: Duration::ZERO }
    }

    /// It used no more than this at once and its share of the time since it began.
    fn kept_to(&self, burst: Duration) -> bool {
        self.used <= burst || self.used <= burst.saturating_add(self.began.elapsed() / SHARE)
    }
}

impl<T> Future for Metered<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let stretch = Stretch::begin();
        let polled = self.work.as_mut().poll(context);
        self.used = self.used.saturating_add(stretch.end());
        if polled.is_ready() {
            self.conduct.ended(self.kept_to(BURST));
        }
        polled
    }
}

/// Polls the work for as long as it keeps to the limit. Nothing is given once it does not.
struct Quickly<'a, T>(&'a mut Metered<T>);

impl<T> Future for Quickly<'_, T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        match Pin::new(&mut *self.0).poll(context) {
            Poll::Ready(given) => Poll::Ready(Some(given)),
            Poll::Pending if self.0.kept_to(LIMIT) => Poll::Pending,
            Poll::Pending => Poll::Ready(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keeps its thread busy for so long between two looks around.
    async fn hungry(polls: u32, each: Duration) -> Option<String> {
        for _ in 0..polls {
            let stretch = Stretch::begin();
            while stretch.end() < each {
                std::hint::spin_loop();
            }
            tokio::task::yield_now().await;
        }
        std::thread::current().name().map(str::to_owned)
    }

    const TICK: Duration = Duration::from_millis(10);

    #[tokio::test]
    async fn a_hungry_call_is_moved_and_is_forgiven_once() {
        let (lane, conduct) = (SlowLane::open().unwrap(), Arc::new(Conduct::default()));
        let quick = lane.drive(&conduct, hungry(1, Duration::ZERO)).await;
        assert_ne!(quick.as_deref(), Some("slow-lane"));
        let moved = lane.drive(&conduct, hungry(4, TICK)).await;
        assert_eq!(moved.as_deref(), Some("slow-lane"));
        assert_ne!(lane.drive(&conduct, hungry(1, Duration::ZERO)).await.as_deref(), Some("slow-lane"));
    }

    #[tokio::test]
    async fn who_is_hungry_by_habit_begins_behind_the_others() {
        let (lane, conduct) = (SlowLane::open().unwrap(), Arc::new(Conduct::default()));
        for _ in 0..3 {
            lane.drive(&conduct, hungry(2, TICK)).await;
        }
        for _ in 0..PROBATION {
            assert_eq!(lane.drive(&conduct, hungry(1, Duration::ZERO)).await.as_deref(), Some("slow-lane"));
        }
        assert_ne!(lane.drive(&conduct, hungry(1, Duration::ZERO)).await.as_deref(), Some("slow-lane"));
    }

    #[tokio::test]
    async fn a_call_that_was_stopped_has_consequences_for_its_own_plugin_only() {
        let (lane, conduct) = (SlowLane::open().unwrap(), Arc::new(Conduct::default()));
        let stopped = Arc::clone(&conduct);
        lane.drive(&conduct, async move { stopped.was_stopped() }).await;
        assert_eq!(lane.drive(&conduct, hungry(1, Duration::ZERO)).await.as_deref(), Some("slow-lane"));
        let other = Arc::new(Conduct::default());
        assert_ne!(lane.drive(&other, hungry(1, Duration::ZERO)).await.as_deref(), Some("slow-lane"));
    }

    #[tokio::test]
    async fn a_panic_goes_to_who_waits() {
        let (lane, conduct) = (Arc::new(SlowLane::open().unwrap()), Arc::new(Conduct::default()));
        conduct.probation.store(true, Ordering::Relaxed);
        let panics = async move { lane.drive(&conduct, async { panic!("on purpose") }).await };
        let error = tokio::spawn(panics).await.unwrap_err();
        assert!(error.is_panic());
    }
}
