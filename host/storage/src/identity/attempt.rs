//! How often somebody failed to sign in of late.
//!
//! An attempt is counted before it is made and taken back when it succeeds: of a thousand guesses that come at once, no more
//! are looked at than of a thousand that come one after the other.

use chrono::Duration;
use patchbay_model::Timestamp;

use super::Identities;
use crate::{StorageError, column::unsigned};

/// How attempts are slowed down.
#[derive(Debug, Clone, Copy)]
pub struct Attempts {
    /// So many may fail before anybody has to wait.
    pub free: u32,
    /// The first wait; each further failure doubles it.
    pub first_wait: Duration,
    /// The longest.
    pub longest_wait: Duration,
    /// After so long without an attempt all is forgotten.
    pub forgotten_after: Duration,
}

/// What becomes of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// It may be made; it was counted as a failure.
    Counted,
    /// Nobody is listened to before this time. It was not counted.
    Locked(Timestamp),
}

impl Attempts {
    /// Until when nobody is listened to after so many failures.
    fn lock(&self, failures: u64, now: Timestamp) -> Timestamp {
        let Some(over) = failures.checked_sub(u64::from(self.free)) else { return now };
        let doubled = u32::try_from(over).ok().and_then(|over| 2_i32.checked_pow(over));
        let wait = doubled.and_then(|factor| self.first_wait.checked_mul(factor)).unwrap_or(self.longest_wait);
        now + wait.min(self.longest_wait)
    }
}

impl Identities<'_> {
    /// Counts an attempt of a subject (a keyed hash of an account or an address), unless it is locked.
    ///
    /// # Errors
    /// The database fails.
    pub async fn attempt(
        &mut self,
        subject: &[u8; 32],
        now: Timestamp,
        attempts: Attempts,
    ) -> Result<Attempt, StorageError> {
        type Row = (i64, i64, i64);
        // Changes nothing where there is a row, but holds it: others wait here until this transaction ends.
        execute!(
            self.tx,
            "INSERT INTO sign_in_attempt (subject, failures, locked_until, last_at) VALUES ($1, 0, 0, $2)
             ON CONFLICT (subject) DO UPDATE SET last_at = sign_in_attempt.last_at",
            subject.as_slice(),
            now.timestamp_micros(),
        )?;
        let row: Option<Row> = fetch_optional!(
            self.tx,
            Row,
            "SELECT failures, locked_until, last_at FROM sign_in_attempt WHERE subject = $1",
            subject.as_slice(),
        )?;
        let (failures, locked_until, last_at) = row.unwrap_or_default();
        if locked_until > now.timestamp_micros() {
            return Ok(Attempt::Locked(crate::column::time(locked_until)?));
        }
        let forgotten = crate::column::time(last_at)? + attempts.forgotten_after <= now;
        let failures = if forgotten { 1 } else { unsigned(failures).saturating_add(1) };
        execute!(
            self.tx,
            "UPDATE sign_in_attempt SET failures = $2, locked_until = $3, last_at = $4 WHERE subject = $1",
            subject.as_slice(),
            crate::column::signed(failures),
            attempts.lock(failures, now).timestamp_micros(),
            now.timestamp_micros(),
        )?;
        Ok(Attempt::Counted)
    }

    /// Takes a counted attempt back. A wait that has begun stays: whoever has one good password could end it otherwise.
    ///
    /// # Errors
    /// The database fails.
    pub async fn take_attempt_back(&mut self, subject: &[u8; 32]) -> Result<(), StorageError> {
        execute!(
            self.tx,
            "UPDATE sign_in_attempt SET failures = failures - 1 WHERE subject = $1 AND failures > 0",
            subject.as_slice(),
        )?;
        Ok(())
    }

    /// Forgets a subject's failures.
    ///
    /// # Errors
    /// The database fails.
    pub async fn forget_attempts(&mut self, subject: &[u8; 32]) -> Result<(), StorageError> {
        execute!(self.tx, "DELETE FROM sign_in_attempt WHERE subject = $1", subject.as_slice())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn waits_grow_up_to_the_longest() {
        let attempts = Attempts {
            free: 3,
            first_wait: Duration::seconds(2),
            longest_wait: Duration::seconds(60),
            forgotten_after: Duration::hours(24),
        };
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let waits: Vec<i64> = (0..12).map(|failures| (attempts.lock(failures, now) - now).num_seconds()).collect();
        assert_eq!(waits, [0, 0, 0, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
        assert_eq!((attempts.lock(u64::MAX, now) - now).num_seconds(), 60);
    }
}
