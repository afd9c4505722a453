//! Which runs of a batch win and which lose a compare-and-swap, and what the documents are afterwards.
//!
//! Decided in memory from the versions that the transaction sees, so that a batch needs one read and two writes for
//! all its documents together. Rejected: a savepoint and a conditional write per document, which is a trip to the
//! database's thread for each.

use std::collections::HashMap;

use patchbay_model::{OrgId, PluginId, Timestamp};
use serde_json::Value;

use super::{Committed, RunCommit, objects::Objects, syncs::Syncs};

/// Where a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key<'a> {
    pub(super) org: OrgId,
    pub(super) plugin: &'a PluginId,
    pub(super) collection: &'a str,
    pub(super) id: &'a str,
}

impl<'a> Key<'a> {
    /// The order in which all hubs take documents, and PostgreSQL sorts them.
    pub(super) fn order(&self) -> (OrgId, &'a str, &'a str, &'a str) {
        (self.org, self.plugin.as_str(), self.collection, self.id)
    }
}

/// A document that a batch touches.
#[derive(Debug)]
pub(super) struct Document<'a> {
    pub(super) key: Key<'a>,
    /// 0: there is none.
    pub(super) version: u64,
    /// What it becomes; nothing if it is deleted.
    pub(super) data: Option<&'a Value>,
    pub(super) updated_at: Timestamp,
    /// Some run of the batch wrote it. One that only losers wanted stays as it is.
    pub(super) written: bool,
}

/// The documents of a batch, each once.
#[derive(Debug, Default)]
pub(super) struct Documents<'a> {
    all: Vec<Document<'a>>,
    places: HashMap<Key<'a>, usize>,
}

impl<'a> Documents<'a> {
    /// All that the runs want to write.
    pub(super) fn of(runs: &'a [Box<RunCommit>]) -> Self {
        let mut documents = Self::default();
        for (commit, key) in runs.iter().flat_map(|commit| keys(commit).map(move |key| (commit, key))) {
            let next = documents.all.len();
            if *documents.places.entry(key).or_insert(next) == next {
                let updated_at = commit.run.finished_at;
                documents.all.push(Document { key, version: 0, data: None, updated_at, written: false });
            }
        }
        documents
    }

    /// All of them, in an order that stays.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Document<'a>> {
        self.all.iter()
    }

    /// True if there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Takes in the version of the document at this place of [`Documents::iter`].
    pub(super) fn found(&mut self, place: usize, version: u64) {
        if let Some(document) = self.all.get_mut(place) {
            document.version = version;
        }
    }

    /// Lets the runs write, one after the other, but for those that have lost what they worked on.
    pub(super) fn decide(
        &mut self,
        runs: &'a [Box<RunCommit>],
        lost: &[Option<Committed>],
        objects: &mut Objects<'a>,
        syncs: &mut Syncs<'a>,
    ) -> Vec<Committed> {
        let runs = runs.iter().map(Box::as_ref);
        runs.zip(lost).map(|(commit, lost)| lost.clone().unwrap_or_else(|| self.apply(commit, objects, syncs))).collect()
    }

    /// Lets one run write: all of its changes or none.
    fn apply(&mut self, commit: &'a RunCommit, objects: &mut Objects<'a>, syncs: &mut Syncs<'a>) -> Committed {
        if let Some(lost) = objects.conflict(commit).or_else(|| syncs.conflict(commit)) {
            return lost;
        }
        for (change, key) in commit.plugin_changes.iter().zip(keys(commit)) {
            if change.expected.is_some_and(|expected| self.get(&key).is_none_or(|found| found.version != expected)) {
                return Committed::Conflict { collection: change.collection.clone(), id: change.id.clone() };
            }
        }
        for (change, key) in commit.plugin_changes.iter().zip(keys(commit)) {
            if let Some(document) = self.places.get(&key).and_then(|place| self.all.get_mut(*place)) {
                document.version = if change.data.is_some() { document.version + 1 } else { 0 };
                document.data = change.data.as_ref();
                document.updated_at = commit.run.finished_at;
                document.written = true;
            }
        }
        objects.apply(commit);
        syncs.apply(commit);
        Committed::All
    }

    fn get(&self, key: &Key<'a>) -> Option<&Document<'a>> {
        self.places.get(key).and_then(|place| self.all.get(*place))
    }
}

fn keys(commit: &RunCommit) -> impl Iterator<Item = Key<'_>> {
    let (org, plugin) = (commit.run.org, &commit.run.plugin);
    commit.plugin_changes.iter().map(move |change| Key { org, plugin, collection: &change.collection, id: &change.id })
}
