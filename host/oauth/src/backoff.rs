//! How long a connection is left in peace after a renewal that failed.
//!
//! Callers do not wait this long: they get what there is, or the failure. It keeps a vendor that is down from being
//! asked by every call that would like a fresh token.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use patchbay_model::{Random, Timestamp};

use crate::RefreshError;

/// A connection's peace.
pub(crate) struct Calm {
    waits: ExponentialBackoff,
    until: Timestamp,
    why: RefreshError,
}

impl Calm {
    /// The next peace after one that was, or the first: longer each time, never shorter than the vendor asks for.
    pub(crate) fn after(
        former: Option<Self>,
        why: RefreshError,
        now: Timestamp,
        (first, longest): (Duration, Duration),
        random: &dyn Random,
    ) -> Self {
        let mut waits = former.map_or_else(|| start(first, longest, random), |former| former.waits);
        // Without an end, there is always a next one.
        let own = waits.next().unwrap_or(longest);
        let wait = why.retry_after().map_or(own, |asked| asked.max(own));
        let until = chrono::Duration::from_std(wait).ok().and_then(|wait| now.checked_add_signed(wait));
        Self { waits, until: until.unwrap_or(now), why }
    }

    /// The failure that began it, with the time that is left; none if it is over.
    pub(crate) fn holds(&self, now: Timestamp) -> Option<RefreshError> {
        let left = (self.until - now).to_std().ok().filter(|left| !left.is_zero())?;
        Some(self.why.clone().waiting(left))
    }
}

/// Waits that grow without end, each drawn by our own randomness.
fn start(first: Duration, longest: Duration, random: &dyn Random) -> ExponentialBackoff {
    let mut seed = [0; 8];
    random.fill(&mut seed);
    ExponentialBuilder::new()
        .with_min_delay(first)
        .with_max_delay(longest)
        .without_max_times()
        .with_jitter()
        .with_jitter_seed(u64::from_le_bytes(seed))
        .build()
}

/// Short waits, for a database or another node: a handful, or as many as fit into this time.
pub(crate) fn short(first: Duration, within: Option<Duration>) -> ExponentialBuilder {
    let waits = ExponentialBuilder::new().with_min_delay(first).with_max_delay(Duration::from_secs(1)).with_jitter();
    match within {
        None => waits.with_max_times(4),
        within => waits.without_max_times().with_total_delay(within),
    }
}

/// Waits without an end, for a database that is away.
pub(crate) fn patient(first: Duration, longest: Duration) -> ExponentialBuilder {
    ExponentialBuilder::new().with_min_delay(first).with_max_delay(longest).without_max_times()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use patchbay_model::SeededRandom;

    use super::*;
    use crate::OauthError;

    fn unavailable(retry_after: Option<u64>) -> RefreshError {
        let retry_after = retry_after.map(Duration::from_secs);
        RefreshError::Vendor(OauthError::Unavailable { reason: "down".to_owned(), status: Some(503), retry_after })
    }

    #[test]
    fn each_peace_is_longer_than_the_one_before_up_to_the_longest() {
        let (random, bounds) = (SeededRandom::new(1), (Duration::from_secs(1), Duration::from_secs(60)));
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let mut calm = None;
        let lengths: Vec<_> = (0..12)
            .map(|_| {
                let next = Calm::after(calm.take(), unavailable(None), now, bounds, &random);
                let length = (next.until - now).num_milliseconds();
                calm = Some(next);
                length
            })
            .collect();
        assert!((1_000..=2_000).contains(&lengths[0]), "{lengths:?}");
        assert!((2_000..=4_000).contains(&lengths[1]), "{lengths:?}");
        assert!(lengths[6..].iter().all(|length| (60_000..=120_000).contains(length)), "{lengths:?}");
    }

    #[test]
    fn a_vendor_that_asks_for_more_time_gets_it() {
        let bounds = (Duration::from_secs(1), Duration::from_secs(60));
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let calm = Calm::after(None, unavailable(Some(600)), now, bounds, &SeededRandom::new(1));
        let later = now + chrono::Duration::seconds(590);
        assert_eq!(calm.holds(later).unwrap().retry_after(), Some(Duration::from_secs(10)));
        assert!(calm.holds(now + chrono::Duration::seconds(600)).is_none());
    }
}
