//! When failed background work is tried again: of webhooks and of jobs.

use chrono::Duration;
use patchbay_model::{Code, Random};

/// Tries before work waits for somebody to begin it anew. With the waits below they spread over about
/// eight hours: longer than most outages, shorter than the three days for which vendors would retry.
pub(crate) const MOST_ATTEMPTS: u32 = 8;

const FIRST_MS: i64 = 5_000;
/// Each wait is this many times the one before: 5 s, 20 s, 80 s, 5 min, 21 min, 85 min, 5.7 h.
const FACTOR: i64 = 4;
/// Work that conflicted with other work comes back once that is committed, so its first waits are shorter: 100, 400 and 1,600 ms.
const CONFLICT_MS: i64 = 100;
/// For so many attempts; a conflict that is still there then is none that goes away by itself.
const CONFLICTS: u32 = 3;
/// No wait is planned longer than this, however often something failed: six hours.
const LONGEST_MS: i64 = 6 * 3_600_000;

/// How long to wait after this many failed attempts (at least one): the planned wait, give or take a
/// fifth, so that what failed together does not come back together.
pub(crate) fn wait(failed_attempts: u32, random: &dyn Random) -> Duration {
    let exponent = failed_attempts.saturating_sub(1).min(MOST_ATTEMPTS);
    jittered(FIRST_MS.saturating_mul(FACTOR.saturating_pow(exponent)).min(LONGEST_MS), random)
}

/// The same, by why the last of them failed.
pub(crate) fn wait_after(code: Code, failed_attempts: u32, random: &dyn Random) -> Duration {
    if code == Code::Conflict && failed_attempts <= CONFLICTS {
        return jittered(CONFLICT_MS.saturating_mul(FACTOR.saturating_pow(failed_attempts.saturating_sub(1))), random);
    }
    wait(failed_attempts, random)
}

/// How long to wait when the hub had no room to try at all.
pub(crate) fn wait_for_room(random: &dyn Random) -> Duration {
    jittered(1_000, random)
}

fn jittered(millis: i64, random: &dyn Random) -> Duration {
    let mut bytes = [0; 4];
    random.fill(&mut bytes);
    let part = i64::from(u32::from_le_bytes(bytes));
    let spread = millis.saturating_mul(2) / 5;
    Duration::milliseconds(millis - spread / 2 + spread.saturating_mul(part) / i64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use patchbay_model::SeededRandom;

    use super::*;

    #[test]
    fn waits_grow_and_stay_within_a_fifth_of_the_plan() {
        let random = SeededRandom::new(1);
        for (failed, planned_s) in [(1, 5), (2, 20), (3, 80), (4, 320), (7, 20_480), (50, 21_600)] {
            for _ in 0..100 {
                let wait = wait(failed, &random).num_milliseconds();
                assert!((planned_s * 800..=planned_s * 1200).contains(&wait), "{failed}: {wait}");
            }
        }
    }

    #[test]
    fn a_conflict_is_tried_again_at_once_and_then_as_everything_else() {
        let random = SeededRandom::new(1);
        for (failed, planned_ms) in [(1, 100), (2, 400), (3, 1_600), (4, 320_000), (7, 20_480_000)] {
            let wait = wait_after(Code::Conflict, failed, &random).num_milliseconds();
            assert!((planned_ms * 8 / 10..=planned_ms * 12 / 10).contains(&wait), "{failed}: {wait}");
        }
        assert!(wait_after(Code::Unavailable, 1, &random) >= Duration::seconds(4));
    }

    #[test]
    fn waits_differ() {
        let random = SeededRandom::new(1);
        assert_ne!(wait(3, &random), wait(3, &random));
    }
}
