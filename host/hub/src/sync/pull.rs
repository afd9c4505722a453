//! What a plugin is asked for, and what becomes of its answer.

use std::collections::BTreeSet;

use patchbay_model::{
    Code, Failure,
    sync::{Direction, Mapping, SyncCounts, SyncMode, SyncRun},
};
use patchbay_package::manifest::sync::SyncDecl;
use patchbay_runtime::{SyncChange, SyncPage, SyncPull, SyncScope};
use patchbay_storage::PlaceChange;

use super::{
    Sync, apply, direction_of,
    ends::{counted, stays},
    mapping_of,
    place::{Phase, Place},
    step::{Ask, Stepped, Then},
};
use crate::{call::Call, hub::Inner};

/// The status by which a vendor, or the plugin for it, says that it has forgotten what has changed since (RFC 9110, 15.5.11).
const GONE: u16 = 410;

/// What the plugin is asked.
pub(crate) fn question(sync: &Sync, decl: &SyncDecl, ask: &Ask) -> SyncPull {
    let (scope, cursor) = match ask {
        Ask::Hints(hints, _) => (SyncScope::Ids(hints.iter().map(|(id, _)| id.clone()).collect()), None),
        Ask::Unseen(_, _, ids) => (SyncScope::Ids(ids.clone()), None),
        Ask::Page(_, place) => (place.since.map_or(SyncScope::All, SyncScope::Since), place.guest.clone()),
    };
    let limit = match &scope {
        SyncScope::Ids(ids) => u32::try_from(ids.len()).unwrap_or(decl.page),
        _ => decl.page,
    };
    let mapping = inward_mapping(sync, decl);
    let fields: BTreeSet<&str> = mapping.vendor_fields();
    SyncPull {
        resource: decl.resource.clone(),
        fields: fields.into_iter().map(str::to_owned).collect(),
        scope,
        cursor,
        state: sync.state.state.clone(),
        limit,
    }
}

impl Inner {
    /// What a page comes to. It is compared with what is stored once it is there, so that little time is between that and the
    /// commit.
    pub(crate) async fn take_page(
        &self,
        call: &Call,
        sync: &Sync,
        decl: &SyncDecl,
        ask: Ask,
        page: SyncPage,
    ) -> Result<Stepped, Failure> {
        let SyncPage { changes, next, mark, state, total, pause_ms } = page;
        if let Ask::Page(_, place) = &ask {
            check_progress(place, next.as_ref(), &changes)?;
        }
        let read = u64::try_from(changes.len()).unwrap_or(u64::MAX);
        let mapping = inward_mapping(sync, decl);
        let by = apply::By {
            sync,
            manifest: call.plugin().manifest(),
            mapping: &mapping,
            // what only a run through all has seen is known to be there
            seen_in: ask.run().filter(|_| is_full(&ask)).map(|run| run.id),
            goes_out: direction_of(&sync.state, decl).is_some_and(Direction::is_outward),
        };
        let applied = self.apply_changes(&by, changes).await?;
        let add = SyncCounts { read, calls: 1, ..applied.counts };
        let mut stepped = Stepped::of(sync.commit(), Then::after(pause_ms, None));
        stepped.counts = add;
        let now = self.clock.now();
        match ask {
            Ask::Hints(hints, run) => {
                stepped.commit.hints_done = hints;
                // what is said meanwhile belongs to no run, but the plugin may keep something
                stepped.commit.run = run.as_deref().map(|run| counted(run, SyncCounts::default(), now));
                if let (Some(run), Some(state)) = (&run, state) {
                    let cursor = run.cursor.clone();
                    stepped.commit.place = Some(PlaceChange { cursor, state: Some(state), ..stays(run) });
                }
            }
            Ask::Unseen(run, place, ids) => {
                let place = Place { phase: Phase::Unseen { after: ids.last().cloned() }, ..place };
                let place_change = PlaceChange { cursor: Some(place.stored()?), state, ..stays(&run) };
                stepped.commit.place = Some(place_change);
                stepped.commit.run = Some(counted(&run, add, now));
            }
            Ask::Page(run, place) => {
                let is_last = next.is_none();
                let place = Place {
                    version: next.as_ref().map(|_| call.plugin().version().to_string()),
                    guest: next,
                    mark: mark.or(place.mark),
                    read: place.read.saturating_add(read),
                    phase: match is_last && place.mode == SyncMode::Full {
                        true => Phase::Unseen { after: None },
                        false => Phase::Pages,
                    },
                    ..place
                };
                let percent = percent(&place, total);
                if is_last && place.mode == SyncMode::Delta {
                    let ended = self.finish_run(sync, &run, &place, add, true);
                    stepped = Stepped { then: Then::after(pause_ms, Some(100)), ..ended };
                    if let Some(change) = &mut stepped.commit.place {
                        change.state = state;
                    }
                } else {
                    stepped.then = Then::after(pause_ms, percent);
                    stepped.commit.place = Some(PlaceChange { cursor: Some(place.stored()?), state, ..stays(&run) });
                    stepped.commit.run =
                        Some(patchbay_storage::RunChange { progress: percent, ..counted(&run, add, now) });
                }
            }
        }
        stepped.records = applied.records;
        stepped.hints = applied.hints;
        stepped.commit.links = applied.links;
        stepped.commit.outbox_add = applied.outbox;
        stepped.commit.conflicts = applied.conflicts;
        stepped.commit.failures = applied.failures;
        Ok(stepped)
    }

    /// What a run comes to that begins anew, from here: its cursor is not taken, or what it asks for cannot be told.
    pub(crate) fn begin_anew(&self, sync: &Sync, run: &SyncRun, place: &Place) -> Option<Stepped> {
        let place = place.stored().ok()?;
        let mut stepped = Stepped::of(sync.commit(), Then::Again(None));
        stepped.commit.place = Some(PlaceChange { cursor: Some(place), ..stays(run) });
        stepped.commit.run = Some(counted(run, SyncCounts { calls: 1, ..SyncCounts::default() }, self.clock.now()));
        Some(stepped)
    }
}

/// The mapping, without what goes another way than the sync.
fn inward_mapping(sync: &Sync, decl: &SyncDecl) -> Mapping {
    let direction = direction_of(&sync.state, decl).unwrap_or(Direction::In);
    mapping_of(&sync.state, decl).within(direction)
}

/// True if a failure says that a run's cursor is no good: the plugin says so, or fails with what another version of it gave.
fn is_about_the_cursor(ask: &Ask, failure: &Failure, version: &str) -> bool {
    let Some(place) = ask.place().filter(|place| place.guest.is_some() && place.phase == Phase::Pages) else {
        return false;
    };
    match failure.code {
        Code::InvalidInput => true,
        Code::PluginError | Code::PluginTrapped => place.version.as_deref() != Some(version),
        _ => false,
    }
}

/// Where a run begins anew whose page could not be read; none if that would not help, or was done often enough.
pub(crate) fn beginning(ask: &Ask, failure: &Failure, version: &str) -> Option<Place> {
    if is_about_the_cursor(ask, failure, version) {
        return ask.place()?.anew();
    }
    // 410, Gone: the vendor has forgotten what has changed since
    let is_gone = failure.upstream.as_ref().is_some_and(|upstream| upstream.status == GONE);
    ask.place().filter(|place| is_gone && place.phase == Phase::Pages)?.whole()
}

fn is_full(ask: &Ask) -> bool {
    ask.place().is_some_and(|place| place.mode == SyncMode::Full)
}

/// A plugin that gives nothing and wants to go on from the same place would do so for ever.
fn check_progress(place: &Place, next: Option<&serde_json::Value>, changes: &[SyncChange]) -> Result<(), Failure> {
    if changes.is_empty() && next.is_some() && next == place.guest.as_ref() {
        let detail = "the plugin gave an empty page and the same cursor once more: a sync would never end";
        return Err(Failure::new(Code::PluginOutputInvalid, detail));
    }
    Ok(())
}

/// How far a run has come, in percent, if the plugin says how much there is. What is left to be done after the last page is
/// not known.
fn percent(place: &Place, total: Option<u64>) -> Option<u32> {
    if matches!(place.phase, Phase::Unseen { .. }) {
        return Some(99);
    }
    let total = total.filter(|total| *total > 0)?;
    u32::try_from(place.read.saturating_mul(100) / total).ok().map(|percent| percent.min(99))
}

#[cfg(test)]
mod tests {
    use patchbay_model::{PluginId, SyncRunId, Timestamp, sync::SyncStatus, sync::SyncTrigger};
    use serde_json::json;

    use super::*;

    fn place(guest: Option<serde_json::Value>) -> Place {
        let now = Timestamp::from_timestamp(1_000, 0).unwrap();
        let version = guest.as_ref().map(|_| "1.0.0".to_owned());
        Place { guest, version, ..Place::first(SyncMode::Full, None, 60, now) }
    }

    fn page(place: Place) -> Ask {
        let plugin: PluginId = "demo".parse().unwrap();
        let at = Timestamp::from_timestamp(1_000, 0).unwrap();
        let run = SyncRun {
            id: SyncRunId(uuid::Uuid::from_u128(1)),
            plugin,
            object: patchbay_model::object::StandardObject::Contact,
            mode: SyncMode::Full,
            trigger: SyncTrigger::First,
            status: SyncStatus::Running,
            requested_by: None,
            created_at: at,
            started_at: Some(at),
            ended_at: None,
            counts: SyncCounts::default(),
            progress: None,
            cursor: None,
            failure: None,
            job: None,
        };
        Ask::Page(Box::new(run), place)
    }

    #[test]
    fn a_cursor_of_another_version_is_no_good_if_the_plugin_fails_with_it() {
        let with = page(place(Some(json!(7))));
        let failed = |code| Failure::new(code, "");
        assert!(is_about_the_cursor(&with, &failed(Code::InvalidInput), "1.0.0"), "the plugin says so");
        assert!(is_about_the_cursor(&with, &failed(Code::PluginError), "1.1.0"));
        assert!(!is_about_the_cursor(&with, &failed(Code::PluginError), "1.0.0"), "it is tried again");
        assert!(!is_about_the_cursor(&with, &failed(Code::UpstreamUnavailable), "1.1.0"));
        assert!(!is_about_the_cursor(&page(place(None)), &failed(Code::InvalidInput), "1.0.0"), "there is none");
    }

    #[test]
    fn all_is_read_where_the_vendor_has_forgotten_what_has_changed() {
        let delta = |mode| page(Place { mode, since: Some(1), ..place(None) });
        let failed = |status| Failure {
            upstream: Some(patchbay_model::failure::Upstream { status, code: None }),
            ..Failure::new(Code::UpstreamError, "")
        };
        let whole = beginning(&delta(SyncMode::Delta), &failed(410), "1.0.0").unwrap();
        assert_eq!((whole.mode, whole.since), (SyncMode::Full, None));
        assert_eq!(beginning(&delta(SyncMode::Delta), &failed(409), "1.0.0"), None);
        assert_eq!(beginning(&delta(SyncMode::Full), &failed(410), "1.0.0"), None, "all was asked for already");
    }

    #[test]
    fn a_page_that_leads_nowhere_is_refused() {
        let at = place(Some(json!(7)));
        assert_eq!(check_progress(&at, Some(&json!(7)), &[]).unwrap_err().code, Code::PluginOutputInvalid);
        assert!(check_progress(&at, Some(&json!(8)), &[]).is_ok());
        assert!(check_progress(&at, None, &[]).is_ok());
        assert!(check_progress(&at, Some(&json!(7)), &[SyncChange::Deleted("1".to_owned())]).is_ok());
    }

    #[test]
    fn progress_is_told_where_the_vendor_says_how_much_there_is() {
        let at = |read| Place { read, ..place(None) };
        assert_eq!(percent(&at(50), Some(200)), Some(25));
        assert_eq!(percent(&at(500), Some(200)), Some(99), "the last page says that it is the last");
        assert_eq!(percent(&at(50), None), None);
        assert_eq!(percent(&at(50), Some(0)), None);
    }
}
