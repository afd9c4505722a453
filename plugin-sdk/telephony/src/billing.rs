//! What of a call is billed.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// In what steps a carrier counts seconds: the first counts in full once there is a second of it, then each that is begun.
/// Written as carriers write it, `60/60`, `30/6`, `1/1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Increments {
    first_s: u32,
    next_s: u32,
}

impl Increments {
    /// Whole minutes, as most carriers count.
    pub const MINUTE: Self = Self { first_s: 60, next_s: 60 };
    /// Six seconds at a time.
    pub const SIX_SECONDS: Self = Self { first_s: 6, next_s: 6 };

    /// Steps of so many seconds: the first, and each of the next ones.
    ///
    /// # Errors
    /// [`NoIncrements`] for a step of none, or of more than an hour.
    pub fn new(first_s: u32, next_s: u32) -> Result<Self, NoIncrements> {
        let fits = |seconds| (1..=3600).contains(&seconds);
        if fits(first_s) && fits(next_s) { Ok(Self { first_s, next_s }) } else { Err(NoIncrements) }
    }

    /// The seconds that are billed for so many: none for none.
    #[must_use]
    pub fn billed(self, seconds: u64) -> u64 {
        let (first, next) = (u64::from(self.first_s), u64::from(self.next_s));
        match seconds {
            0 => 0,
            seconds if seconds <= first => first,
            seconds => first.saturating_add((seconds - first).div_ceil(next).saturating_mul(next)),
        }
    }
}

impl Default for Increments {
    fn default() -> Self {
        Self::MINUTE
    }
}

/// The text is no pair of steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("increments are two numbers of seconds from 1 to 3600, the first step and the next ones, as in 60/60 or 30/6")]
pub struct NoIncrements;

impl FromStr for Increments {
    type Err = NoIncrements;

    fn from_str(text: &str) -> Result<Self, NoIncrements> {
        let (first, next) = text.split_once('/').ok_or(NoIncrements)?;
        let read = |part: &str| part.trim().parse::<u32>().map_err(|_| NoIncrements);
        Self::new(read(first)?, read(next)?)
    }
}

impl TryFrom<String> for Increments {
    type Error = NoIncrements;

    fn try_from(text: String) -> Result<Self, NoIncrements> {
        text.parse()
    }
}

impl From<Increments> for String {
    fn from(increments: Increments) -> Self {
        increments.to_string()
    }
}

impl fmt::Display for Increments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first_s, self.next_s)
    }
}

/// What one leg comes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegMinutes {
    /// The carrier's id of the leg: the id of the usage record.
    pub leg: String,
    /// Seconds from answer to end.
    pub seconds: u64,
    /// Seconds in the carrier's steps.
    pub billed_seconds: u64,
    /// Those in minutes, rounded up: what is metered.
    pub minutes: u64,
}

impl LegMinutes {
    /// Of so many seconds.
    #[must_use]
    pub fn of(leg: &str, seconds: u64, increments: Increments) -> Self {
        let billed_seconds = increments.billed(seconds);
        Self { leg: leg.to_owned(), seconds, billed_seconds, minutes: billed_seconds.div_ceil(60) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_rounded_up_in_the_carriers_steps() {
        for (increments, seconds, billed, minutes) in [
            ("60/60", 0, 0, 0),
            ("60/60", 1, 60, 1),
            ("60/60", 60, 60, 1),
            ("60/60", 61, 120, 2),
            ("6/6", 1, 6, 1),
            ("6/6", 61, 66, 2),
            ("30/6", 1, 30, 1),
            ("30/6", 30, 30, 1),
            ("30/6", 31, 36, 1),
            ("30/6", 55, 60, 1),
            ("1/1", 59, 59, 1),
            ("60/1", 61, 61, 2),
        ] {
            let leg = LegMinutes::of("leg", seconds, increments.parse().unwrap());
            assert_eq!((leg.billed_seconds, leg.minutes), (billed, minutes), "{seconds} s by {increments}");
        }
    }

    #[test]
    fn what_is_no_pair_of_steps_is_refused() {
        for text in ["", "60", "0/60", "60/0", "6/6/6", "-6/6", "3601/1"] {
            assert_eq!(text.parse::<Increments>(), Err(NoIncrements), "{text}");
        }
        assert_eq!(Increments::new(30, 6).map(|steps| steps.to_string()), Ok("30/6".to_owned()));
    }
}
