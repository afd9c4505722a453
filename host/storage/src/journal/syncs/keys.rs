//! Which syncs, pairs of records and ids a batch is about.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use patchbay_model::{OrgId, PluginId, object::StandardObject};

use super::{Head, Pair, Shared, Syncs};
use crate::{SyncCommit, journal::RunCommit};

/// Which sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::journal) struct Key<'a> {
    pub(in crate::journal) org: OrgId,
    pub(in crate::journal) plugin: &'a PluginId,
    pub(in crate::journal) object: StandardObject,
}

impl<'a> Key<'a> {
    pub(super) fn of(commit: &RunCommit, sync: &'a SyncCommit) -> Self {
        Self { org: commit.run.org, plugin: &sync.plugin, object: sync.object }
    }

    /// The order in which all hubs take syncs, and PostgreSQL sorts them.
    fn order(&self) -> (OrgId, &'a str, &'static str) {
        (self.org, self.plugin.as_str(), self.object.as_str())
    }
}

/// An id that waits, and its number.
pub(in crate::journal) type Waiting<'a> = (Key<'a>, &'a str, u64);

/// Ids that a batch is done with, and ids that come with it.
#[derive(Debug, Default)]
pub(in crate::journal) struct Queue<'a> {
    done: BTreeSet<Waiting<'a>>,
    new: BTreeMap<(Key<'a>, &'a str), u64>,
}

impl<'a> Queue<'a> {
    pub(super) fn done(&mut self, key: Key<'a>, ids: &'a [(String, u64)]) {
        self.done.extend(ids.iter().map(|(id, seq)| (key, id.as_str(), *seq)));
    }

    pub(super) fn add(&mut self, key: Key<'a>, id: &'a str, seq: u64) {
        self.new.insert((key, id), seq);
    }

    /// Those that go: before others come, which have greater numbers.
    pub(in crate::journal) fn gone(&self) -> Vec<Waiting<'a>> {
        self.done.iter().copied().collect()
    }

    /// Those that come, each once.
    pub(in crate::journal) fn come(&self) -> Vec<Waiting<'a>> {
        self.new.iter().map(|((key, id), seq)| (*key, *id, *seq)).collect()
    }
}

impl<'a> Syncs<'a> {
    /// All that the runs want to write.
    pub(in crate::journal) fn of(runs: &'a [Box<RunCommit>]) -> Self {
        let mut keys: Vec<Key<'a>> = runs.iter().flat_map(|commit| keys(commit)).collect();
        keys.sort_unstable_by_key(Key::order);
        keys.dedup();
        let places: HashMap<_, _> = keys.iter().enumerate().map(|(place, key)| (*key, place)).collect();
        let shared = |key| Shared {
            key,
            head: None,
            last_run: None,
            mark: None,
            state: None,
            next_due_at: None,
            last_full_at: None,
            is_written: false,
        };
        let mut syncs = Self { all: keys.into_iter().map(shared).collect(), places, ..Self::default() };
        for (key, vendor_id) in runs.iter().flat_map(|commit| linked(commit)) {
            let next = syncs.pairs.len();
            if *syncs.pair_places.entry((key, vendor_id)).or_insert(next) == next {
                syncs.pairs.push(Pair { key, vendor_id, version: 0, is_gone: false, link: None, is_written: false });
            }
        }
        syncs
    }

    pub(in crate::journal) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(in crate::journal) fn keys(&self) -> Vec<Key<'a>> {
        self.all.iter().map(|shared| shared.key).collect()
    }

    /// Takes in the sync at this place of [`Syncs::keys`].
    pub(in crate::journal) fn found(&mut self, place: usize, head: Head) {
        if let Some(shared) = self.all.get_mut(place) {
            shared.head = Some(head);
        }
    }

    /// The pairs of records that are touched.
    pub(in crate::journal) fn pairs(&self) -> Vec<(Key<'a>, &'a str)> {
        self.pairs.iter().map(|pair| (pair.key, pair.vendor_id)).collect()
    }

    /// Takes in the version of the pair at this place of [`Syncs::pairs`], and whether it is gone.
    pub(in crate::journal) fn found_pair(&mut self, place: usize, version: u64, is_gone: bool) {
        if let Some(pair) = self.pairs.get_mut(place) {
            (pair.version, pair.is_gone) = (version, is_gone);
        }
    }
}

/// All syncs that a run may change.
fn keys(commit: &RunCommit) -> impl Iterator<Item = Key<'_>> {
    let (org, plugin) = (commit.run.org, &commit.run.plugin);
    let hinted = commit.sync_hints.iter().map(move |(object, _)| Key { org, plugin, object: *object });
    commit.sync.iter().map(move |sync| Key::of(commit, sync)).chain(hinted)
}

fn linked(commit: &RunCommit) -> impl Iterator<Item = (Key<'_>, &str)> {
    let syncs = commit.sync.iter();
    syncs.flat_map(move |sync| sync.links.iter().map(move |change| (Key::of(commit, sync), change.vendor_id())))
}
