//! How runs of syncs begin and end, and what is told of it.

use std::time::Duration;

use patchbay_model::{
    Code, Failure, Timestamp,
    event::Event,
    sync::{SyncCounts, SyncMode, SyncRun, SyncStatus},
};
use patchbay_package::manifest::sync::SyncDecl;
use patchbay_storage::{PlaceChange, RunChange};
use serde_json::{Value, json};

use super::{
    Sync,
    due::mode_of,
    place::{Place, instant},
    step::{Stepped, Then},
};
use crate::{
    call::told,
    events::own::{Fact, Own},
    hub::Inner,
};

/// How far the vendor's clock may be ahead of ours, and so how far ahead of it a mark may be: what comes from the future would
/// never be behind a mark again.
const AHEAD: chrono::Duration = chrono::Duration::minutes(10);
/// So much before a run began is its mark, if the plugin says none: the vendor's clock may be behind ours.
const BEHIND: chrono::Duration = chrono::Duration::minutes(5);
/// A sync whose connection or plan is in the way is not tried again before that.
const HALT: Duration = Duration::from_secs(3_600);

impl Inner {
    /// Begins a run, from where the failed one was that it goes on with. `every_s`: how much time is between two, so that the next
    /// one is not made before that, also if somebody asked for this one.
    pub(crate) fn begin_run(
        &self,
        sync: &Sync,
        run: &SyncRun,
        decl: &SyncDecl,
        every_s: u32,
    ) -> Result<Stepped, Failure> {
        let now = self.clock.now();
        // what is kept may be of another kind of run, or of a hub that is newer
        let goes_on = |place: &Place| place.mode == SyncMode::Full || run.mode == SyncMode::Delta;
        let kept = Place::of(run).ok().flatten().filter(goes_on).map(Place::taken_up);
        let place = kept.unwrap_or_else(|| Place::first(run.mode, sync.state.mark, decl.overlap_s, now));
        let next = now + chrono::Duration::seconds(every_s.into());
        // whoever asks for changes again and again does not put off that all is read
        let is_enough = place.mode == SyncMode::Full || mode_of(&sync.state, now) == SyncMode::Delta;
        let next_due_at = sync.state.next_due_at.filter(|due| is_enough && *due < next).map(|_| next);
        let mut stepped = Stepped::of(sync.commit(), Then::Again(None));
        stepped.commit.place = Some(PlaceChange { cursor: Some(place.stored()?), next_due_at, ..stays(run) });
        stepped.commit.run =
            Some(RunChange { status: SyncStatus::Running, ..counted(run, SyncCounts::default(), now) });
        stepped.events.push(self.sync_event(sync, run, Own::SyncStarted, json!({})));
        Ok(stepped)
    }

    /// Ends a run that has done all. `add`: what its last step counts for. `reads`: what the vendor has was read; else nothing is
    /// known of that.
    pub(crate) fn finish_run(
        &self,
        sync: &Sync,
        run: &SyncRun,
        place: &Place,
        add: SyncCounts,
        reads: bool,
    ) -> Stepped {
        let now = self.clock.now();
        let mut stepped = Stepped::of(sync.commit(), Then::Again(None));
        let mark = if reads { mark_of(place, now) } else { None };
        // without a mark all is read again, whatever was gone through
        let last_full_at = (place.mode == SyncMode::Full).then_some(now);
        stepped.commit.place = Some(PlaceChange { mark, last_full_at, ..stays(run) });
        stepped.commit.run =
            Some(RunChange { status: SyncStatus::Completed, progress: Some(100), ..counted(run, add, now) });
        let counts = run.counts.plus(add);
        stepped.events.push(self.sync_event(sync, run, Own::SyncCompleted, json!({ "counts": counts })));
        stepped.counts = add;
        stepped
    }

    /// Ends a run that nobody wants any more.
    pub(crate) fn stop_run(&self, sync: &Sync, run: &SyncRun) -> Stepped {
        let mut stepped = Stepped::of(sync.commit(), Then::Again(None));
        let ended = counted(run, SyncCounts::default(), self.clock.now());
        stepped.commit.run = Some(RunChange { status: SyncStatus::Cancelled, ..ended });
        stepped
    }

    /// Ends a run that has come to a halt. Its place stays: who comes next goes on from there.
    pub(crate) fn fail_run(&self, sync: &Sync, run: &SyncRun, failure: &Failure, add: SyncCounts) -> Stepped {
        let now = self.clock.now();
        let (code, detail) = (failure.code.as_str().to_owned(), told(failure));
        let mut stepped = Stepped::of(sync.commit(), Then::Rest);
        if is_in_the_way(failure.code) {
            let every = Duration::from_secs(sync.state.settings.every_s.into()).max(HALT);
            let next = chrono::Duration::from_std(every).unwrap_or(chrono::Duration::hours(1));
            stepped.commit.place =
                Some(PlaceChange { cursor: run.cursor.clone(), next_due_at: Some(now + next), ..stays(run) });
        }
        let error = json!({ "error": { "code": code, "detail": detail } });
        stepped.events.push(self.sync_event(sync, run, Own::SyncFailed, error));
        stepped.commit.run =
            Some(RunChange { status: SyncStatus::Failed, failure: Some((code, detail)), ..counted(run, add, now) });
        stepped.counts = add;
        stepped
    }

    fn sync_event(&self, sync: &Sync, run: &SyncRun, own: Own, members: Value) -> Event {
        let mut data = json!({
            "sync_run": run.id,
            "plugin": sync.plugin(),
            "object": sync.object(),
            "mode": run.mode,
            "trigger": run.trigger,
        });
        if let (Some(data), Value::Object(members)) = (data.as_object_mut(), members) {
            data.extend(members);
        }
        let fact = Fact { org: sync.org, subject: run.id.to_string(), data, dedupe: None, at: self.clock.now() };
        own.event(fact, &*self.clock, &*self.random)
    }
}

/// True for failures that are no fault of a step, and that only somebody can do away with: the connection, what was approved,
/// the plan.
pub(crate) const fn is_in_the_way(code: Code) -> bool {
    matches!(
        code,
        Code::NotInstalled
            | Code::ConnectionMissing
            | Code::ReauthorizationNeeded
            | Code::ApprovalNeeded
            | Code::PlanRequired
            | Code::Forbidden
            | Code::ScopeMissing
    )
}

/// Up to when all is seen once a run has ended.
fn mark_of(place: &Place, now: Timestamp) -> Option<Timestamp> {
    let said = place.mark.and_then(instant).map(|mark| mark.min(now + AHEAD));
    said.or_else(|| instant(place.begun_ms).map(|begun| begun - BEHIND))
}

/// A place that nothing is said of: a run that has ended has no cursor.
pub(super) fn stays(run: &SyncRun) -> PlaceChange {
    PlaceChange { run: run.id, cursor: None, mark: None, state: None, next_due_at: None, last_full_at: None }
}

/// A run that goes on, and what is added to what it has counted.
pub(crate) fn counted(run: &SyncRun, add: SyncCounts, at: Timestamp) -> RunChange {
    RunChange { id: run.id, status: SyncStatus::Running, add, progress: None, failure: None, at }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn a_mark_is_the_vendors_word_but_not_of_the_far_future() {
        let mut place = Place::first(SyncMode::Full, None, 60, at(10_000));
        place.mark = Some(9_999_000);
        assert_eq!(mark_of(&place, at(11_000)), Some(at(9_999)));
        place.mark = Some(u64::MAX);
        assert_eq!(mark_of(&place, at(11_000)), Some(at(9_700)), "no instant at all");
        place.mark = Some(4_000_000_000_000);
        assert_eq!(mark_of(&place, at(11_000)), Some(at(11_600)));
    }

    #[test]
    fn of_a_plugin_that_says_no_mark_it_is_the_beginning_of_the_run_by_our_clock() {
        let place = Place::first(SyncMode::Full, None, 60, at(10_000));
        assert_eq!(mark_of(&place, at(20_000)), Some(at(9_700)));
    }

    #[test]
    fn only_what_somebody_has_to_do_away_with_is_in_the_way() {
        assert!(is_in_the_way(Code::ReauthorizationNeeded) && is_in_the_way(Code::PlanRequired));
        assert!(!is_in_the_way(Code::UpstreamUnavailable) && !is_in_the_way(Code::PluginTrapped));
    }
}
