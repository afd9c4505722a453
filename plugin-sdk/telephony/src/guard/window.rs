//! How often something may happen: windows of time, each with a counter.
//!
//! A window begins with a whole multiple of its length since the epoch (UTC), so a counter's key tells all and the hub's
//! store adds in one step, whichever hub and however many at once. Rejected: a list of times that slides, which two runs
//! would read and write over each other. What that costs: in the time of one window around a boundary, twice as many pass.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::time::{self, Millis};

/// So many in so much time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// How many at most. None at all with 0.
    pub most: u32,
    /// Seconds of the window.
    #[schemars(range(min = 1, max = 2_678_400))]
    pub per_s: u32,
}

/// A counter to add to, by the hub's key-value store: `kv::add(&counter.key, 1, Some(counter.ttl))` gives the number that
/// [`Self::check`] takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counter {
    /// Holds what is counted, of whom, and the window. Numbers in it are whole: keys are not logged.
    pub key: String,
    /// How many the window takes.
    pub most: u32,
    /// The window's length in seconds.
    pub per_s: u32,
    /// When the window ends.
    pub ends_at: Millis,
    /// How long to keep the counter: until a while after its window.
    pub ttl: Duration,
}

/// There were too many in a window of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("more than {most} in {per_s} s: the next is taken from {} on", time::rfc3339(*.retry_at))]
pub struct Exceeded {
    /// How many the window takes.
    pub most: u32,
    /// The window's length in seconds.
    pub per_s: u32,
    /// When the next window begins.
    pub retry_at: Millis,
}

impl Window {
    /// So many in an hour.
    #[must_use]
    pub const fn per_hour(most: u32) -> Self {
        Self { most, per_s: 3600 }
    }

    /// So many in a day (UTC).
    #[must_use]
    pub const fn per_day(most: u32) -> Self {
        Self { most, per_s: 86_400 }
    }

    /// The counter of what is counted (`calls`), of whom (a number, a contact), in the window that now is in. The subject is
    /// cut off at 200 bytes.
    #[must_use]
    pub fn counter(self, what: &str, subject: &str, now: Millis) -> Counter {
        let length = u64::from(self.per_s.max(1)) * 1000;
        let index = now / length;
        let ends_at = index.saturating_add(1).saturating_mul(length);
        let subject = subject.get(..subject.floor_char_boundary(200)).unwrap_or_default();
        Counter {
            key: format!("{what}/{subject}/{}/{index}", self.per_s.max(1)),
            most: self.most,
            per_s: self.per_s.max(1),
            ends_at,
            ttl: Duration::from_millis(ends_at.saturating_sub(now).saturating_add(60_000)),
        }
    }
}

impl Counter {
    /// Tells if one more was within the window. `count` is how many there are with it, as the store gives it.
    ///
    /// # Errors
    /// [`Exceeded`], with the time from which it goes on.
    pub fn check(&self, count: i64) -> Result<(), Exceeded> {
        if count <= i64::from(self.most) {
            return Ok(());
        }
        Err(Exceeded { most: self.most, per_s: self.per_s, retry_at: self.ends_at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_takes_as_many_as_it_says() {
        let counter = Window::per_hour(2).counter("calls", "+15551230002", 1_793_491_200_000);
        assert_eq!(counter.key, "calls/+15551230002/3600/498192");
        assert_eq!(counter.ends_at, 1_793_494_800_000);
        assert_eq!(counter.ttl, Duration::from_secs(3660));
        assert_eq!(counter.check(2), Ok(()));
        let exceeded = counter.check(3).unwrap_err();
        assert_eq!(exceeded.to_string(), "more than 2 in 3600 s: the next is taken from 2026-11-01T01:00:00Z on");
    }

    #[test]
    fn a_window_ends_where_the_next_begins() {
        let window = Window { most: 1, per_s: 60 };
        let last = window.counter("calls", "x", 59_999);
        let next = window.counter("calls", "x", 60_000);
        assert_eq!((last.ends_at, next.ends_at), (60_000, 120_000));
        assert_ne!(last.key, next.key);
        assert_eq!(window.counter("calls", "x", 0).key, last.key);
        assert_ne!(window.counter("calls", "y", 0).key, last.key);
        assert!(Window { most: 0, per_s: 0 }.counter("calls", "x", u64::MAX).check(1).is_err());
    }
}
