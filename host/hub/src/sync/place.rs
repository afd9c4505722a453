//! Where a run of a sync is: what the plugin gave as its cursor, and what the hub has to remember beside it until the run ends.
//!
//! It is kept as the run's cursor, so that it is committed with the page that it comes after, and so that the run that goes on
//! with a failed one begins there.

use patchbay_model::{
    Failure, Timestamp,
    sync::{SyncMode, SyncRun},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// So often a run begins anew because the plugin does not take its cursor. A plugin that takes none of its own would never end.
const MOST_BEGINNINGS: u32 = 3;

/// Where a run is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// How much the run reads. Who goes on with it reads as much.
    pub(crate) mode: SyncMode,
    /// The vendor's time from which on is read, in milliseconds since the Unix epoch, the overlap taken off; none: all is read.
    pub(crate) since: Option<u64>,
    /// What the plugin said to go on from.
    pub(crate) guest: Option<Value>,
    /// Which version of the plugin said so.
    pub(crate) version: Option<String>,
    /// The vendor's time up to which all is seen once the run has ended, as the plugin said last; in milliseconds.
    pub(crate) mark: Option<u64>,
    /// When the run began here, in milliseconds: what stands for a mark if the plugin says none.
    pub(crate) begun_ms: u64,
    /// How many changes were read.
    pub(crate) read: u64,
    /// How often it began anew.
    pub(crate) beginnings: u32,
    pub(crate) phase: Phase,
}

/// What a run is at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "phase")]
pub(crate) enum Phase {
    /// It reads pages.
    Pages,
    /// All pages are read. Links that it has not seen are asked for by their ids.
    Unseen {
        /// Behind this vendor's id.
        after: Option<String>,
    },
    /// All is read that is read. Records are gone through, for those that the vendor lacks (`here.rs`).
    Here {
        /// Behind this record.
        after: Option<String>,
        /// Under this version of the settings, which say what goes there.
        version: u64,
        /// The vendor's were read before; else values do not come from there.
        has_read: bool,
    },
}

impl Place {
    /// The beginning of a run. `mark`: the vendor's time up to which all was seen before.
    pub(crate) fn first(mode: SyncMode, mark: Option<Timestamp>, overlap_s: u32, now: Timestamp) -> Self {
        let overlap = u64::from(overlap_s).saturating_mul(1_000);
        let since = mark.filter(|_| mode == SyncMode::Delta).map(|mark| millis(mark).saturating_sub(overlap));
        Self {
            // without a mark there is no telling what has changed
            mode: if since.is_some() { SyncMode::Delta } else { SyncMode::Full },
            since,
            guest: None,
            version: None,
            mark: None,
            begun_ms: millis(now),
            read: 0,
            beginnings: 1,
            phase: Phase::Pages,
        }
    }

    /// Where a run is; none if it has not begun.
    ///
    /// # Errors
    /// `internal` if what is stored is none of ours.
    pub(crate) fn of(run: &SyncRun) -> Result<Option<Self>, Failure> {
        let Some(cursor) = &run.cursor else { return Ok(None) };
        let place = Self::deserialize(cursor).map_err(|error| Failure::internal(format!("a run's place: {error}")))?;
        Ok(Some(place))
    }

    /// True if the run has read what the vendor has.
    pub(crate) const fn has_read(&self) -> bool {
        matches!(self.phase, Phase::Here { has_read: true, .. })
    }

    pub(crate) fn stored(&self) -> Result<Value, Failure> {
        serde_json::to_value(self).map_err(Failure::internal)
    }

    /// The same for a run that goes on where another one has failed. It may begin anew as often as any: else a cursor that the
    /// vendor has forgotten would fail each run after it.
    pub(crate) fn taken_up(self) -> Self {
        Self { beginnings: 1, ..self }
    }

    /// The same run from its beginning, from the same mark on; none if it has begun often enough.
    pub(crate) fn anew(&self) -> Option<Self> {
        (self.beginnings < MOST_BEGINNINGS).then(|| Self {
            guest: None,
            version: None,
            mark: None,
            read: 0,
            beginnings: self.beginnings + 1,
            phase: Phase::Pages,
            ..self.clone()
        })
    }

    /// The same run from its beginning, and reading all: for a vendor that cannot tell any more what has changed since the mark.
    /// None if it reads all as it is, or has begun often enough.
    pub(crate) fn whole(&self) -> Option<Self> {
        let again = self.anew().filter(|_| self.mode == SyncMode::Delta)?;
        Some(Self { mode: SyncMode::Full, since: None, ..again })
    }
}

/// Milliseconds since the Unix epoch; a time before that is its beginning.
pub(crate) fn millis(at: Timestamp) -> u64 {
    u64::try_from(at.timestamp_millis()).unwrap_or(0)
}

/// The instant of so many milliseconds since the Unix epoch; none if there is none.
pub(crate) fn instant(millis: u64) -> Option<Timestamp> {
    i64::try_from(millis).ok().and_then(Timestamp::from_timestamp_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn a_delta_begins_behind_the_mark_by_the_overlap() {
        let place = Place::first(SyncMode::Delta, Some(at(1_000)), 60, at(2_000));
        assert_eq!((place.mode, place.since), (SyncMode::Delta, Some(940_000)));
        let place = Place::first(SyncMode::Delta, Some(at(30)), 60, at(2_000));
        assert_eq!(place.since, Some(0), "not before the epoch");
    }

    #[test]
    fn what_was_never_read_is_read_whole() {
        let place = Place::first(SyncMode::Delta, None, 60, at(2_000));
        assert_eq!((place.mode, place.since), (SyncMode::Full, None));
        let place = Place::first(SyncMode::Full, Some(at(1_000)), 60, at(2_000));
        assert_eq!((place.mode, place.since), (SyncMode::Full, None));
    }

    #[test]
    fn a_run_begins_anew_from_the_same_mark_and_not_for_ever() {
        let mut place = Place::first(SyncMode::Delta, Some(at(1_000)), 60, at(2_000));
        place.guest = Some(serde_json::json!("lost"));
        place.read = 7;
        let again = place.anew().unwrap();
        assert_eq!((again.guest.as_ref(), again.read, again.since), (None, 0, place.since));
        let last = again.anew().unwrap();
        assert_eq!(last.anew(), None);
        assert_eq!(last.clone().taken_up().anew(), Some(Place { beginnings: 2, ..last }), "the next run may try again");
    }

    #[test]
    fn what_a_vendor_cannot_tell_any_more_is_read_whole_once() {
        let place = Place::first(SyncMode::Delta, Some(at(1_000)), 60, at(2_000));
        let whole = place.whole().unwrap();
        assert_eq!((whole.mode, whole.since, whole.beginnings), (SyncMode::Full, None, 2));
        assert_eq!(whole.whole(), None);
    }

    #[test]
    fn a_place_is_read_as_it_was_stored() {
        let mut place = Place::first(SyncMode::Full, None, 60, at(2_000));
        place.phase = Phase::Unseen { after: Some("151".to_owned()) };
        place.guest = Some(serde_json::json!({"after": 3}));
        let stored = place.stored().unwrap();
        assert_eq!(Place::deserialize(&stored).unwrap(), place);
        assert!(!place.has_read(), "what it has not seen is still asked for");
        place.phase = Phase::Here { after: Some("telnyx:1".to_owned()), version: 3, has_read: true };
        let stored = place.stored().unwrap();
        assert_eq!(Place::deserialize(&stored).unwrap(), place);
        assert!(place.has_read());
    }
}
