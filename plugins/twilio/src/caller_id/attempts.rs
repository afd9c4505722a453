//! How often a number was rung to verify it: at most three times within an hour, and locked after too many in vain.
//!
//! Counted before Twilio is asked, and compared when it is stored, so that two at once count as two. A lock begins with the
//! call that was the last one allowed, not with the first that is refused.

use std::time::Duration;

use patchbay_sdk::clock::{self, Timestamp};
use patchbay_sdk::{Error, kv};
use patchbay_telephony::phone::Number;
use serde::{Deserialize, Serialize};

use super::settings::Settings;

/// Starts within an hour.
const PER_HOUR: usize = 3;
const HOUR_MS: u64 = 3_600_000;
/// Calls in vain are forgotten a day after the last one, where no lock lasts longer.
const REMEMBERED_MS: u64 = 24 * HOUR_MS;
/// So often a count is begun anew because somebody else counted meanwhile.
const TRIES: usize = 8;

/// What was tried.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Ledger {
    /// Within the last hour, the oldest first.
    starts: Vec<Timestamp>,
    /// Since the last lock.
    in_vain: u32,
    locked_until: Option<Timestamp>,
}

/// How a number stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    /// Further starts within this hour.
    pub(super) left: u32,
    /// None before.
    pub(super) locked_until: Option<Timestamp>,
}

/// Why there is no further call now.
#[derive(Debug, PartialEq, Eq)]
enum Refused {
    /// Wait so many milliseconds.
    Hour(u64),
    /// Until then.
    Locked(Timestamp),
}

impl Ledger {
    /// Leaves out what does not count any more.
    fn age(&mut self, now: Timestamp) {
        self.starts.retain(|start| now.saturating_sub(*start) < HOUR_MS);
        if self.locked_until.is_some_and(|until| until <= now) {
            self.locked_until = None;
            self.in_vain = 0;
        }
    }

    fn begin(&mut self, settings: &Settings, now: Timestamp) -> Result<(), Refused> {
        self.age(now);
        if let Some(until) = self.locked_until {
            return Err(Refused::Locked(until));
        }
        if self.starts.len() >= PER_HOUR {
            let oldest = self.starts.first().copied().unwrap_or(now);
            return Err(Refused::Hour((oldest + HOUR_MS).saturating_sub(now)));
        }
        self.starts.push(now);
        self.in_vain += 1;
        if self.in_vain >= settings.attempts {
            self.locked_until = Some(now + settings.lock_ms());
        }
        Ok(())
    }

    /// As before the start at `at`.
    fn take_back(&mut self, settings: &Settings, at: Timestamp) {
        if let Some(place) = self.starts.iter().rposition(|start| *start == at) {
            self.starts.remove(place);
            self.in_vain = self.in_vain.saturating_sub(1);
            if self.in_vain < settings.attempts {
                self.locked_until = None;
            }
        }
    }

    fn standing(&self) -> Standing {
        let left = if self.locked_until.is_some() { 0 } else { PER_HOUR.saturating_sub(self.starts.len()) };
        Standing { left: u32::try_from(left).unwrap_or_default(), locked_until: self.locked_until }
    }
}

/// Counts a start at `now`.
///
/// # Errors
/// [`Error::RateLimited`] after the third within an hour, [`Error::Conflict`] for a number that is locked.
pub(super) fn begin(number: &Number, settings: &Settings, now: Timestamp) -> Result<Standing, Error> {
    let refused = |refused: Refused| match refused {
        Refused::Hour(wait) => Error::RateLimited(wait),
        Refused::Locked(until) => Error::Conflict(format!(
            "{} was called too often without being verified: it is locked until {}",
            number.masked(),
            clock::rfc3339(until)
        )),
    };
    change(number, settings, |ledger| {
        ledger.begin(settings, now).map_err(refused)?;
        Ok(ledger.standing())
    })
}

/// Takes the start at `at` back: Twilio has rung nobody.
pub(super) fn take_back(number: &Number, settings: &Settings, at: Timestamp) -> Result<Standing, Error> {
    change(number, settings, |ledger| {
        ledger.take_back(settings, at);
        Ok(ledger.standing())
    })
}

/// Forgets all that was tried: the number is verified.
pub(super) fn forget(number: &Number) -> Result<(), Error> {
    kv::delete(&key(number)).map(drop)
}

/// How a number stands at `now`.
pub(super) fn standing(number: &Number, now: Timestamp) -> Result<Standing, Error> {
    let (mut ledger, _) = load(number)?;
    ledger.age(now);
    Ok(ledger.standing())
}

fn key(number: &Number) -> String {
    format!("caller-id/{}", number.as_str())
}

fn load(number: &Number) -> Result<(Ledger, u64), Error> {
    match kv::get(&key(number))? {
        None => Ok((Ledger::default(), 0)),
        Some(entry) => {
            let ledger = serde_json::from_slice(&entry.value).map_err(|error| Error::Internal(error.to_string()))?;
            Ok((ledger, entry.version))
        }
    }
}

fn change<T>(number: &Number, settings: &Settings, by: impl Fn(&mut Ledger) -> Result<T, Error>) -> Result<T, Error> {
    let life = Duration::from_millis(REMEMBERED_MS.max(settings.lock_ms() + HOUR_MS));
    for _ in 0..TRIES {
        let (mut ledger, version) = load(number)?;
        let result = by(&mut ledger)?;
        let bytes = serde_json::to_vec(&ledger).map_err(|error| Error::Internal(error.to_string()))?;
        match kv::set(&key(number), &bytes, Some(life), Some(version)) {
            Err(Error::Conflict(_)) => {}
            set => return set.map(|_| result),
        }
    }
    Err(Error::Conflict(format!("{} is being called by others at this moment", number.masked())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000;

    fn settings() -> Settings {
        Settings { attempts: 5, lock_minutes: 120, ..Settings::default() }
    }

    #[test]
    fn three_starts_fit_into_any_hour() {
        let mut ledger = Ledger::default();
        for minute in [0, 20, 40] {
            assert_eq!(ledger.begin(&settings(), minute * MINUTE), Ok(()));
        }
        assert_eq!(ledger.begin(&settings(), 59 * MINUTE), Err(Refused::Hour(MINUTE)));
        assert_eq!(ledger.begin(&settings(), 60 * MINUTE), Ok(()));
        assert_eq!(ledger.begin(&settings(), 61 * MINUTE), Err(Refused::Hour(19 * MINUTE)));
    }

    #[test]
    fn the_last_call_allowed_locks_the_number_until_the_lock_has_ended() {
        let mut ledger = Ledger::default();
        for minute in [0, 20, 40, 60, 80] {
            assert_eq!(ledger.begin(&settings(), minute * MINUTE), Ok(()));
        }
        assert_eq!(ledger.standing(), Standing { left: 0, locked_until: Some(200 * MINUTE) });
        assert_eq!(ledger.begin(&settings(), 199 * MINUTE), Err(Refused::Locked(200 * MINUTE)));
        assert_eq!(ledger.begin(&settings(), 200 * MINUTE), Ok(()));
        assert_eq!(ledger.standing(), Standing { left: 2, locked_until: None });
    }

    #[test]
    fn what_was_taken_back_does_not_count_and_locks_nothing() {
        let settings = Settings { attempts: 1, ..settings() };
        let mut ledger = Ledger::default();
        assert_eq!(ledger.begin(&settings, MINUTE), Ok(()));
        assert!(ledger.locked_until.is_some());
        ledger.take_back(&settings, MINUTE);
        assert_eq!(ledger, Ledger::default());
        // once only
        ledger.take_back(&settings, MINUTE);
        assert_eq!(ledger.begin(&settings, 2 * MINUTE), Ok(()));
    }
}
