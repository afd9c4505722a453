//! When a delivery is tried again, and when an endpoint is left alone.
//!
//! The waits are those that Standard Webhooks recommends: ten attempts over three days. Each is longer or shorter by up to
//! a tenth, so that what failed together does not come back together.

use std::time::Duration;

use chrono::TimeDelta;
use patchbay_model::{Random, Timestamp};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;

/// After the first failed attempt, the second …, in seconds.
const WAITS: [i64; 9] = [5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR];

/// The most that a wait differs from the plan: one part of so many.
const JITTER: i64 = 10;

/// The longest pause that an endpoint can ask for.
const MOST_ASKED: Duration = Duration::from_secs(24 * 3_600);

/// So many failures in a row, and only one delivery at a time is tried, and not before a pause.
pub(super) const OPEN_AFTER: u32 = 5;
/// The first pause, which doubles with each failure, and the longest.
const FIRST_PAUSE_MS: i64 = 5_000;
const LONGEST_PAUSE_MS: i64 = 10 * MINUTE * 1_000;

/// What an endpoint that is overloaded is given if it does not say how long.
const THROTTLED_MS: i64 = 1_000;

fn jittered(millis: i64, random: &dyn Random) -> TimeDelta {
    let mut bytes = [0; 4];
    random.fill(&mut bytes);
    let part = i64::from(u32::from_le_bytes(bytes));
    let spread = millis / JITTER;
    TimeDelta::milliseconds(millis - spread + (2 * spread).saturating_mul(part) / i64::from(u32::MAX))
}

/// When a delivery is tried again that was tried so often (at least once), all in vain; none if that was the last time.
/// Never before the end of a pause that its endpoint asked for.
pub(super) fn next(attempts: u32, now: Timestamp, asked: Option<Duration>, random: &dyn Random) -> Option<Timestamp> {
    let place = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    let planned = now + jittered(WAITS.get(place)?.saturating_mul(1_000), random);
    Some(asked.map_or(planned, |asked| planned.max(after(now, asked))))
}

/// Until when an endpoint is left alone after so many failures in a row.
pub(super) fn pause(failures: u32, now: Timestamp, random: &dyn Random) -> Option<Timestamp> {
    let beyond = failures.checked_sub(OPEN_AFTER)?;
    let millis = FIRST_PAUSE_MS.saturating_mul(1 << beyond.min(20)).min(LONGEST_PAUSE_MS);
    Some(now + jittered(millis, random))
}

/// Until when an endpoint is left alone that says it has too much to do: for as long as it asks, or a little.
pub(super) fn throttle(asked: Option<Duration>, now: Timestamp) -> Timestamp {
    asked.map_or_else(|| now + TimeDelta::milliseconds(THROTTLED_MS), |asked| after(now, asked))
}

fn after(now: Timestamp, asked: Duration) -> Timestamp {
    now + TimeDelta::from_std(asked.min(MOST_ASKED)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use patchbay_model::SeededRandom;
    use proptest::prelude::*;

    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_timestamp(1_800_000_000, 0).unwrap()
    }

    proptest! {
        #[test]
        fn waits_are_within_a_tenth_of_the_plan(seed: u64, attempts in 1_u32..10) {
            let random = SeededRandom::new(seed);
            let wait = next(attempts, now(), None, &random).unwrap() - now();
            let planned = WAITS[attempts as usize - 1] * 1_000;
            prop_assert!((planned * 9 / 10..=planned * 11 / 10).contains(&wait.num_milliseconds()));
        }

        #[test]
        fn nothing_is_tried_before_the_end_of_an_asked_pause_nor_much_later(seed: u64, attempts in 1_u32..10, asked: u64) {
            let at = next(attempts, now(), Some(Duration::from_secs(asked)), &SeededRandom::new(seed)).unwrap();
            let capped = i64::try_from(asked).unwrap_or(i64::MAX).min(24 * HOUR);
            prop_assert!((at - now()).num_seconds() >= capped);
            prop_assert!((at - now()).num_seconds() <= capped.max(WAITS[attempts as usize - 1] * 11 / 10));
        }

        #[test]
        fn pauses_begin_after_some_failures_and_end(seed: u64, failures: u32) {
            let pause = pause(failures, now(), &SeededRandom::new(seed));
            prop_assert_eq!(pause.is_some(), failures >= OPEN_AFTER);
            if let Some(until) = pause {
                let millis = (until - now()).num_milliseconds();
                prop_assert!((4_500..=LONGEST_PAUSE_MS * 11 / 10).contains(&millis), "{millis}");
            }
        }
    }

    #[test]
    fn there_are_ten_attempts_over_three_days() {
        assert!(WAITS.is_sorted());
        let random = SeededRandom::new(1);
        assert!(next(9, now(), None, &random).is_some());
        assert_eq!(next(10, now(), None, &random), None);
        let (mut at, mut starts) = (0, vec![0]);
        for wait in WAITS {
            at += wait;
            starts.push(at);
        }
        let published =
            ["0:00:05", "0:05:05", "0:35:05", "2:35:05", "7:35:05", "17:35:05", "31:35:05", "51:35:05", "75:35:05"];
        let text = |s: &i64| format!("{}:{:02}:{:02}", s / HOUR, s / MINUTE % 60, s % 60);
        assert_eq!(starts[1..].iter().map(text).collect::<Vec<_>>(), published);
    }
}
