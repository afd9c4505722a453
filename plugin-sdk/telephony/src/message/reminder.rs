//! A message before an appointment, at a time at which people are awake.

use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::template::BadTemplate;
use crate::{phone::Number, time::Millis};

/// How an organization reminds of appointments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reminder {
    /// Minutes before the appointment begins. Of one of whole days, before midnight where it is.
    #[schemars(range(min = 1, max = 43_200))]
    pub before_min: u32,
    /// Where the appointment is, if it does not say so itself (IANA: `Europe/Berlin`).
    #[schemars(length(max = 64))]
    pub timezone: String,
    /// The first hour of the day, there, in which messages go out: 0 to 23.
    #[serde(default = "first_hour")]
    #[schemars(range(max = 23))]
    pub from_hour: u32,
    /// The hour before which they do: 1 to 24. What would go out later goes at the end of that day's time, or the day before:
    /// never after it was due.
    #[serde(default = "last_hour")]
    #[schemars(range(min = 1, max = 24))]
    pub until_hour: u32,
    /// The words, in which `record` is the standard object `appointment` and `timezone` where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4000))]
    pub template: Option<String>,
}

fn first_hour() -> u32 {
    9
}

fn last_hour() -> u32 {
    20
}

/// A reminder to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// When. Not before now.
    pub send_at: Millis,
    /// To whom: the first attendee with a number, if any has one.
    pub to: Option<Number>,
    /// The text.
    pub text: String,
}

/// Why there is nothing to remind of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoReminder {
    /// It is not on any more.
    #[error("the appointment is {0}")]
    Off(String),
    /// It has begun.
    #[error("the appointment has begun")]
    Begun,
    /// It does not say when it is.
    #[error("the appointment has neither starts_at nor starts_on")]
    NoTime,
    /// The time zone is none.
    #[error("timezone {0} is no time zone: give one of IANA's, as Europe/Berlin")]
    NoZone(String),
    /// The hours leave no time to send in.
    #[error("until_hour must be after from_hour, and at most 24")]
    NoHours,
    /// The template is none.
    #[error("template: {0}")]
    Template(#[from] BadTemplate),
}

impl Reminder {
    /// The reminder of an appointment (the standard object).
    ///
    /// # Errors
    /// [`NoReminder`].
    pub fn plan(&self, appointment: &Value, now: Millis) -> Result<Planned, NoReminder> {
        let _ = (appointment, now, Tz::UTC);
        todo!()
    }
}
