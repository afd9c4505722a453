//! What an organization decides about a sync.

use serde::{Deserialize, Serialize};

use super::{Direction, Mapping, Wins};
use crate::{Violation, filter::Filter};

/// The shortest time between two deltas, in seconds. A plan may ask for more.
pub const LEAST_EVERY_S: u32 = 15;
/// The longest, in seconds: a day.
pub const MOST_EVERY_S: u32 = 86_400;
/// The longest time between two full runs, in days.
pub const MOST_FULL_EVERY_DAYS: u32 = 365;

words! {
    /// What becomes of a record whose counterpart the vendor has deleted.
    #[derive(Default)]
    OnDelete {
        /// It stays, and is no longer kept the same; a push does not make it anew.
        Unlink = "unlink",
        /// It is deleted too if the vendor's plugin made it and no other source is linked to it; else it stays.
        #[default]
        Delete = "delete",
        /// Nothing: the two stay linked, and a push makes it anew.
        Ignore = "ignore",
    }
}

/// What an organization decides about a sync. What is left out is as by default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SyncSettings {
    /// It runs.
    pub enabled: bool,
    /// Seconds between two deltas: 15 to 86,400; 900 by default.
    pub every_s: u32,
    /// Days between two full runs: 1 to 365; 7 by default.
    pub full_every_days: u32,
    /// Which way; both by default, as far as the plugin goes.
    pub direction: Direction,
    /// How records become each other; none: as the plugin says.
    pub mapping: Option<Mapping>,
    /// Whose value stays where both changed; of fields that say nothing themselves.
    pub wins: Wins,
    /// What becomes of records that the vendor has deleted.
    pub deletes: OnDelete,
    /// The vendor's records are deleted with ours; not by default.
    pub push_deletes: bool,
    /// Records that were made here are made at the vendor; they are by default.
    pub create_there: bool,
    /// Which records are pushed; none: all.
    pub only: Option<Filter>,
}

impl Default for SyncSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            every_s: 900,
            full_every_days: 7,
            direction: Direction::Both,
            mapping: None,
            wins: Wins::Latest,
            deletes: OnDelete::Delete,
            push_deletes: false,
            create_there: true,
            only: None,
        }
    }
}

impl SyncSettings {
    /// What is out of bounds, the mapping apart (`validate`): the place as a JSON Pointer into the settings.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        let mut violations = Vec::new();
        let mut refuse = |pointer: &str, expected: String| {
            violations.push(Violation { pointer: pointer.to_owned(), expected });
        };
        if !(LEAST_EVERY_S..=MOST_EVERY_S).contains(&self.every_s) {
            refuse("/every_s", format!("{LEAST_EVERY_S} to {MOST_EVERY_S} seconds"));
        }
        if !(1..=MOST_FULL_EVERY_DAYS).contains(&self.full_every_days) {
            refuse("/full_every_days", format!("1 to {MOST_FULL_EVERY_DAYS} days"));
        }
        violations
    }
}
