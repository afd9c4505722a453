//! When calls are taken.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Action, Prompt};

/// Opening hours, by the clocks of a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// Whose clocks, as in `America/New_York` (IANA).
    #[schemars(length(min = 1, max = 64))]
    pub time_zone: String,
    /// A day that is left out is closed.
    pub weekly: Weekly,
    /// Days that are closed whatever day of the week they are. At most 100.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub holidays: Vec<Holiday>,
    /// What happens to calls outside of the hours.
    pub outside: Outside,
}

/// The hours of each day of the week, at most ten spans a day, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Weekly {
    /// Monday.
    #[serde(default)]
    #[schemars(length(max = 10))]
    pub mon: Vec<Span>,
    /// Tuesday.
    #[serde(default)]
    #[schemars(length(max = 10))]
    pub tue: Vec<Span>,
    /// Wednesday.
    #[serde(default)]
    #[schemars(length(max = 10))]
    pub wed: Vec<Span>,
    /// Thursday.
    #[serde(default)]
    #[schemars(length(max = 10))]
    pub thu: Vec<Span>,
    /// Friday.
    #[serde(default)]
    #[schemars(length(max = 10))]
    pub fri: Vec<Span>,
    /// Saturday.
    #[serde(default)]
    #[schemars(length(max = 10))]
    pub sat: Vec<Span>,
    /// Sunday.
    #[serde(default)]
    #[schemars(length(max = 10))]
    pub sun: Vec<Span>,
}

impl Weekly {
    /// Each day's name in the document, and its spans, from Monday on.
    pub(crate) fn days(&self) -> [(&'static str, &[Span]); 7] {
        [
            ("mon", self.mon.as_slice()),
            ("tue", self.tue.as_slice()),
            ("wed", self.wed.as_slice()),
            ("thu", self.thu.as_slice()),
            ("fri", self.fri.as_slice()),
            ("sat", self.sat.as_slice()),
            ("sun", self.sun.as_slice()),
        ]
    }
}

/// A part of a day. One that goes past midnight is two: until `24:00`, and from `00:00` of the next day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// The first minute, as in `09:00`.
    #[schemars(regex(pattern = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub from: String,
    /// The first minute after it, as in `17:30`, or `24:00`.
    #[schemars(regex(pattern = r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"))]
    pub to: String,
}

/// A day on which no calls are taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Holiday {
    /// As in `2026-12-25`.
    #[schemars(regex(pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))]
    pub date: String,
    /// For people.
    #[serde(default)]
    #[schemars(length(min = 1, max = 200))]
    pub name: Option<String>,
    /// Said in place of what is said outside of the hours.
    #[serde(default)]
    pub say: Option<Prompt>,
}

/// What happens to calls outside of the hours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Outside {
    /// Said first.
    #[serde(default)]
    pub say: Option<Prompt>,
    /// What comes then.
    pub then: Action,
}
