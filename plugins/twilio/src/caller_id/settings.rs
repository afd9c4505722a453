//! What an organization may say about caller ids.

use schemars::JsonSchema;
use serde::Deserialize;

/// How often a number may be rung to verify it, and for how long its code counts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Calls with a code to one number without its verification; the last of them locks it.
    #[serde(default = "attempts")]
    #[schemars(range(min = 1, max = 20))]
    pub attempts: u32,
    /// For how many minutes a number is locked then.
    #[serde(default = "a_day")]
    #[schemars(range(min = 1, max = 10_080))]
    pub lock_minutes: u32,
    /// After how many minutes a verification that nobody ended has expired. Twilio has rung by then, also with a delay.
    #[serde(default = "ten")]
    #[schemars(range(min = 2, max = 60))]
    pub pending_minutes: u32,
    /// For how many days it is kept that a verification failed or expired.
    #[serde(default = "a_month")]
    #[schemars(range(min = 1, max = 365))]
    pub keep_days: u32,
}

const fn attempts() -> u32 {
    5
}

const fn a_day() -> u32 {
    1_440
}

const fn ten() -> u32 {
    10
}

const fn a_month() -> u32 {
    30
}

impl Default for Settings {
    fn default() -> Self {
        Self { attempts: attempts(), lock_minutes: a_day(), pending_minutes: ten(), keep_days: a_month() }
    }
}

impl Settings {
    pub(super) fn lock_ms(&self) -> u64 {
        u64::from(self.lock_minutes) * 60_000
    }

    pub(super) fn pending_ms(&self) -> u64 {
        u64::from(self.pending_minutes) * 60_000
    }

    pub(super) fn keep_ms(&self) -> u64 {
        u64::from(self.keep_days) * 24 * 3_600_000
    }
}
