//! What becomes of records and links by what a vendor says.
//!
//! A page is compared as a whole: all that is known of it is read with a handful of statements (`apply/known.rs`), what becomes
//! of it is worked out in memory (`apply/page.rs`), and what differs is written. Each record and each link is there once,
//! however many of the page's changes concern it, and is written only over what was compared.
//!
//! One item never fails its page: a field that does not fit is left out, an item that does not fit is left alone, and both
//! are told.

mod known;
mod page;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use patchbay_model::{
    Failure, SyncRunId,
    object::{ObjectChange, StandardObject},
    sync::{Mapping, SyncConflict, SyncCounts, SyncFailure},
};
use patchbay_package::{Manifest, objects};
use patchbay_runtime::{SyncChange, SyncItem};
use patchbay_storage::LinkChange;

use self::{known::Known, page::Page};
use super::{Sync, readers};
use crate::hub::Inner;

/// By what a page is taken over.
#[derive(Debug, Clone, Copy)]
pub(super) struct By<'a> {
    pub(super) sync: &'a Sync,
    pub(super) manifest: &'a Manifest,
    pub(super) mapping: &'a Mapping,
    /// The run through all that has seen it.
    pub(super) seen_in: Option<SyncRunId>,
    /// Values go to the vendor, too.
    pub(super) goes_out: bool,
}

/// What a page comes to.
#[derive(Debug, Default)]
pub(super) struct Applied {
    pub(super) links: Vec<LinkChange>,
    pub(super) records: Vec<ObjectChange>,
    /// Records of which the vendor lacks something.
    pub(super) outbox: Vec<String>,
    /// What is to be asked for once more.
    pub(super) hints: Vec<(StandardObject, String)>,
    pub(super) conflicts: Vec<SyncConflict>,
    pub(super) failures: Vec<SyncFailure>,
    /// Without what was read and called.
    pub(super) counts: SyncCounts,
}

/// A page with each of the vendor's once.
#[derive(Debug, Default)]
struct Settled {
    /// Which became which one.
    merged: Vec<(String, Vec<String>)>,
    found: Vec<SyncItem>,
    deleted: Vec<String>,
}

impl Settled {
    /// Of what is said several times of the same thing the latest counts.
    fn of(changes: Vec<SyncChange>) -> Self {
        let mut last: BTreeMap<String, Option<SyncItem>> = BTreeMap::new();
        let mut merged = Vec::new();
        for change in changes {
            match change {
                SyncChange::Found(item) => match last.get(&item.id) {
                    // an older one that comes later, as pages of a vendor that move may bring
                    Some(Some(before)) if before.modified_at > item.modified_at => {}
                    _ => {
                        last.insert(item.id.clone(), Some(item));
                    }
                },
                SyncChange::Deleted(id) => {
                    last.insert(id, None);
                }
                SyncChange::Merged { into, gone } => merged.push((into, gone)),
            }
        }
        for id in merged.iter().flat_map(|(_, gone)| gone) {
            last.remove(id);
        }
        let mut settled = Self { merged, ..Self::default() };
        for (id, item) in last {
            match item {
                Some(item) => settled.found.push(item),
                None => settled.deleted.push(id),
            }
        }
        settled
    }

    /// All that it speaks of.
    fn ids(&self) -> Vec<String> {
        let found = self.found.iter().map(|item| &item.id);
        let merged = self.merged.iter().flat_map(|(into, gone)| std::iter::once(into).chain(gone));
        let all: BTreeSet<&String> = found.chain(&self.deleted).chain(merged).collect();
        all.into_iter().cloned().collect()
    }

    /// Those that are not there any more.
    fn gone(&self) -> impl Iterator<Item = &String> {
        self.deleted.iter().chain(self.merged.iter().flat_map(|(_, gone)| gone))
    }
}

impl Inner {
    /// Works out what becomes of a page. Nothing is written.
    pub(super) async fn apply_changes(&self, by: &By<'_>, changes: Vec<SyncChange>) -> Result<Applied, Failure> {
        if changes.is_empty() {
            return Ok(Applied::default());
        }
        let object = by.sync.object();
        let schema = objects::validator(object).ok_or_else(|| Failure::internal(format!("no schema of {object}")))?;
        let settled = Settled::of(changes);
        let mut tx = self.database.read().await?;
        let mut ours = tx.org(by.sync.org);
        let (known, mapped) = Known::read(&mut ours, by, &settled).await?;
        let states = known.states.clone();
        let mut page = Page::new(self, by, schema, known);
        let found: BTreeSet<&str> = settled.found.iter().map(|item| item.id.as_str()).collect();
        // first what became one, so that what is left of it finds its record
        for (into, gone) in &settled.merged {
            page.merged(into, gone, !found.contains(into.as_str()));
        }
        for (item, mapped) in settled.found.iter().zip(mapped) {
            page.found(item, mapped);
        }
        for id in &settled.deleted {
            page.deleted(id);
        }
        let (mut applied, moved) = page.finish();
        applied.hints.extend(readers::of(&mut ours, &states, by.manifest, object, &moved).await?);
        Ok(applied)
    }
}
