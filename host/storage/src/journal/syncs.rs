//! What becomes of the syncs that a batch touches: the same for either database.
//!
//! As with documents and records, it is decided in memory from what the transaction sees, one run after the other. A sync's row
//! is held from before that to the commit, and with it all that belongs to the sync: links are read after it, and need no locks of
//! their own.

mod keys;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use patchbay_model::{
    JobId, OrgId, SyncRunId, Timestamp,
    job::NewJob,
    object::StandardObject,
    sync::{SyncConflict, SyncCounts, SyncFailure, SyncLink, SyncStatus},
};
use serde_json::Value;

use super::{Committed, RunCommit};
use crate::{LinkChange, PlaceChange, RunChange, SyncCommit};
pub(super) use keys::{Key, Queue, Waiting};

/// Failures of a run that are kept, and of what belongs to no run.
const KEPT: u64 = 1_000;

/// How a sync is before the batch or after some of its runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) enabled: bool,
    pub(super) wanted: u64,
    pub(super) linked: u64,
    pub(super) failures: u64,
    pub(super) kept: u64,
    pub(super) open_run: Option<SyncRunId>,
    /// The vendor's account that its links are about; none also while another one is in the way.
    pub(super) account: Option<String>,
}

/// A sync that a batch touches.
#[derive(Debug)]
pub(super) struct Shared<'a> {
    pub(super) key: Key<'a>,
    /// None: there is no such sync.
    pub(super) head: Option<Head>,
    /// The run that ended in the batch.
    pub(super) last_run: Option<SyncRunId>,
    pub(super) mark: Option<Timestamp>,
    pub(super) state: Option<&'a Value>,
    pub(super) next_due_at: Option<Timestamp>,
    pub(super) last_full_at: Option<Timestamp>,
    is_written: bool,
}

/// A pair of records that a batch touches.
#[derive(Debug)]
pub(super) struct Pair<'a> {
    pub(super) key: Key<'a>,
    pub(super) vendor_id: &'a str,
    /// 0: there is none.
    pub(super) version: u64,
    /// They are linked no more.
    pub(super) is_gone: bool,
    /// What it becomes; nothing if it is removed.
    pub(super) link: Option<&'a SyncLink>,
    is_written: bool,
}

/// What a batch changes of a run.
#[derive(Debug, Default)]
pub(super) struct Progress<'a> {
    pub(super) status: Option<SyncStatus>,
    pub(super) add: SyncCounts,
    pub(super) progress: Option<u32>,
    pub(super) failure: Option<&'a (String, String)>,
    pub(super) started_at: Option<Timestamp>,
    pub(super) ended_at: Option<Timestamp>,
    /// Where it goes on, if that was said; nothing in it: nowhere.
    pub(super) cursor: Option<Option<&'a Value>>,
    pub(super) job: Option<JobId>,
}

/// Something that could not be taken over or written.
#[derive(Debug)]
pub(super) struct Failed<'a> {
    pub(super) key: Key<'a>,
    pub(super) number: u64,
    pub(super) run: Option<SyncRunId>,
    pub(super) failure: &'a SyncFailure,
    pub(super) at: Timestamp,
}

/// The syncs of a batch, each once, in the order in which they are taken.
#[derive(Debug, Default)]
pub(super) struct Syncs<'a> {
    all: Vec<Shared<'a>>,
    places: HashMap<Key<'a>, usize>,
    pairs: Vec<Pair<'a>>,
    pair_places: HashMap<(Key<'a>, &'a str), usize>,
    runs: BTreeMap<(OrgId, SyncRunId), Progress<'a>>,
    /// What is done with, and what has come.
    pub(super) hints: Queue<'a>,
    pub(super) outbox: Queue<'a>,
    pub(super) conflicts: Vec<(Key<'a>, &'a SyncConflict)>,
    pub(super) failures: Vec<Failed<'a>>,
    jobs: BTreeMap<Key<'a>, NewJob>,
}

impl<'a> Syncs<'a> {
    /// How a run loses that relies on another state of a sync than there is.
    pub(super) fn conflict(&self, commit: &RunCommit) -> Option<Committed> {
        let sync = commit.sync.as_ref()?;
        let key = Key::of(commit, sync);
        let lost = |id: &str| Some(Committed::Conflict { collection: "sync".to_owned(), id: id.to_owned() });
        let Some(head) = self.head(&key) else { return lost(sync.object.as_str()) };
        if sync.only_if_wanted.is_some_and(|wanted| wanted != head.wanted) {
            return lost(sync.object.as_str());
        }
        if sync.account.is_some() && sync.account != head.account {
            return lost(sync.object.as_str());
        }
        let named = sync.run.as_ref().map(|run| run.id).into_iter().chain(sync.place.as_ref().map(|place| place.run));
        for run in named {
            if head.open_run != Some(run) {
                return lost(&run.to_string());
            }
        }
        sync.links.iter().find_map(|change| match change {
            LinkChange::Put { link, expected: Some(expected) } if self.version(key, &link.vendor_id) != *expected => {
                lost(&link.vendor_id)
            }
            LinkChange::Put { .. } | LinkChange::Remove { .. } => None,
        })
    }

    fn version(&self, key: Key<'_>, vendor_id: &str) -> u64 {
        self.pair_places.get(&(key, vendor_id)).and_then(|at| self.pairs.get(*at)).map_or(0, |pair| pair.version)
    }

    /// Lets one run write.
    pub(super) fn apply(&mut self, commit: &'a RunCommit) {
        if let Some(sync) = &commit.sync {
            self.apply_sync(commit, sync);
        }
        let mut objects: BTreeMap<&'static str, (StandardObject, Vec<&'a str>)> = BTreeMap::new();
        for (object, vendor_id) in &commit.sync_hints {
            objects.entry(object.as_str()).or_insert((*object, Vec::new())).1.push(vendor_id);
        }
        for (object, vendor_ids) in objects.into_values() {
            let key = Key { org: commit.run.org, plugin: &commit.run.plugin, object };
            let Some(seq) = self.want(key, true) else { continue };
            for id in vendor_ids {
                self.hints.add(key, id, seq);
            }
            self.drive(commit, key);
        }
    }

    fn apply_sync(&mut self, commit: &'a RunCommit, sync: &'a SyncCommit) {
        let key = Key::of(commit, sync);
        for change in &sync.links {
            self.link(key, change);
        }
        self.hints.done(key, &sync.hints_done);
        self.outbox.done(key, &sync.outbox_done);
        if !sync.outbox_add.is_empty()
            && let Some(seq) = self.want(key, false)
        {
            for id in &sync.outbox_add {
                self.outbox.add(key, id, seq);
            }
            self.drive(commit, key);
        }
        self.conflicts.extend(sync.conflicts.iter().map(|conflict| (key, conflict)));
        self.fail(commit, sync, key);
        if let Some(place) = &sync.place {
            self.place(key, place);
        }
        if let Some(run) = &sync.run {
            self.run(commit, key, run);
        }
    }

    fn link(&mut self, key: Key<'a>, change: &'a LinkChange) {
        let vendor_id = change.vendor_id();
        let link = match change {
            LinkChange::Put { link, .. } => Some(link),
            LinkChange::Remove { .. } => None,
        };
        let Some(pair) = self.pair_places.get(&(key, vendor_id)).and_then(|at| self.pairs.get_mut(*at)) else { return };
        let was_linked = pair.version > 0 && !pair.is_gone;
        let is_linked = link.is_some_and(|link| link.gone_at.is_none());
        pair.version = if link.is_some() { pair.version.saturating_add(1) } else { 0 };
        pair.is_gone = link.is_some() && !is_linked;
        pair.link = link;
        pair.is_written = true;
        if let Some(head) = self.writable(key) {
            head.linked = match (was_linked, is_linked) {
                (false, true) => head.linked.saturating_add(1),
                (true, false) => head.linked.saturating_sub(1),
                (true, true) | (false, false) => head.linked,
            };
        }
    }

    fn fail(&mut self, commit: &'a RunCommit, sync: &'a SyncCommit, key: Key<'a>) {
        let run = sync.run.as_ref().map(|run| run.id).or(sync.place.as_ref().map(|place| place.run));
        for failure in &sync.failures {
            let Some(head) = self.writable(key) else { return };
            if run.is_some() {
                if head.kept >= KEPT {
                    return;
                }
                head.kept += 1;
            }
            head.failures = head.failures.saturating_add(1);
            let number = head.failures;
            self.failures.push(Failed { key, number, run, failure, at: commit.run.finished_at });
        }
    }

    fn place(&mut self, key: Key<'a>, place: &'a PlaceChange) {
        self.runs.entry((key.org, place.run)).or_default().cursor = Some(said(place.cursor.as_ref()));
        let Some(shared) = self.shared(&key) else { return };
        shared.mark = place.mark.or(shared.mark);
        shared.state = said(place.state.as_ref()).or(shared.state);
        shared.next_due_at = place.next_due_at.or(shared.next_due_at);
        shared.last_full_at = place.last_full_at.or(shared.last_full_at);
        shared.is_written = true;
    }

    fn run(&mut self, commit: &'a RunCommit, key: Key<'a>, change: &'a RunChange) {
        let run = self.runs.entry((key.org, change.id)).or_default();
        run.status = Some(change.status);
        run.add = run.add.plus(change.add);
        run.progress = change.progress.or(run.progress);
        run.failure = change.failure.as_ref().or(run.failure);
        run.job = commit.job.as_ref().map(|outcome| outcome.id).or(run.job);
        if change.status != SyncStatus::Queued {
            run.started_at = run.started_at.or(Some(change.at));
        }
        if change.status.has_ended() {
            run.ended_at = Some(change.at);
            if let Some(shared) = self.shared(&key) {
                shared.last_run = Some(change.id);
                shared.is_written = true;
                if let Some(head) = &mut shared.head {
                    head.open_run = None;
                }
            }
        }
    }

    /// The number of what comes next, if something may.
    fn want(&mut self, key: Key<'a>, only_enabled: bool) -> Option<u64> {
        self.head(&key).filter(|head| head.enabled || !only_enabled)?;
        let head = self.writable(key)?;
        head.wanted = head.wanted.saturating_add(1);
        Some(head.wanted)
    }

    fn drive(&mut self, commit: &'a RunCommit, key: Key<'a>) {
        let id = JobId::of_sync(commit.run.id, key.plugin, key.object.as_str());
        let job = NewJob::sync(id, key.plugin.clone(), key.object, commit.hops, commit.run.finished_at);
        // of several with the key of one sync, one is made
        self.jobs.entry(key).or_insert(job);
    }

    fn shared(&mut self, key: &Key<'a>) -> Option<&mut Shared<'a>> {
        self.places.get(key).and_then(|place| self.all.get_mut(*place))
    }

    fn head(&self, key: &Key<'_>) -> Option<&Head> {
        self.places.get(key).and_then(|place| self.all.get(*place))?.head.as_ref()
    }

    /// A sync's head, which is written then.
    fn writable(&mut self, key: Key<'a>) -> Option<&mut Head> {
        let shared = self.shared(&key)?;
        shared.is_written = true;
        shared.head.as_mut()
    }

    /// Syncs whose rows are to be written.
    pub(super) fn written(&self) -> Vec<(&Shared<'a>, &Head)> {
        let written = self.all.iter().filter(|shared| shared.is_written);
        written.filter_map(|shared| Some((shared, shared.head.as_ref()?))).collect()
    }

    /// Links as they are to be.
    pub(super) fn put(&self) -> Vec<(&Pair<'a>, &'a SyncLink)> {
        self.pairs.iter().filter_map(|pair| Some((pair, pair.link?))).collect()
    }

    /// Links that go.
    pub(super) fn removed(&self) -> Vec<&Pair<'a>> {
        self.pairs.iter().filter(|pair| pair.is_written && pair.link.is_none()).collect()
    }

    /// Runs that are to be written.
    pub(super) fn runs(&self) -> Vec<(OrgId, SyncRunId, &Progress<'a>)> {
        self.runs.iter().map(|((org, id), run)| (*org, *id, run)).collect()
    }

    /// Of the syncs that have new failures of no run, the number of the last one that is too many.
    pub(super) fn too_many(&self) -> Vec<(Key<'a>, u64)> {
        let without = self.failures.iter().filter(|failed| failed.run.is_none());
        let without: BTreeSet<_> = without.map(|failed| failed.key).collect();
        let last = |key: Key<'a>| Some((key, self.head(&key)?.failures.checked_sub(KEPT)?));
        without.into_iter().filter_map(last).collect()
    }

    /// The jobs that drive the syncs that something has come for.
    pub(super) fn jobs(&self) -> impl Iterator<Item = (OrgId, &NewJob)> {
        self.jobs.iter().map(|(key, job)| (key.org, job))
    }
}

/// A value that is one: null is none, on whichever database.
fn said(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| !value.is_null())
}
