//! What a step of a sync leaves behind, committed by the journal together with its run.

use patchbay_model::{
    PluginId, SyncRunId, Timestamp,
    object::StandardObject,
    sync::{SyncConflict, SyncCounts, SyncFailure, SyncLink, SyncStatus},
};
use serde_json::Value;

/// What a run changes of a sync. If the sync is gone, or one of the expectations is lost, the run keeps nothing of what it
/// wrote: `Committed::Conflict` in the collection `sync`, with the id of what was otherwise: the object, the sync-run, or
/// the vendor's id.
#[derive(Debug, Clone, PartialEq)]
pub struct SyncCommit {
    /// Of which plugin.
    pub plugin: PluginId,
    /// Of which object.
    pub object: StandardObject,
    /// Only if nothing has come since the sync's `wanted` was this.
    pub only_if_wanted: Option<u64>,
    /// Only if the sync's links are about this account of the vendor, and no other one is in the way; none: whatever they are
    /// about.
    pub account: Option<String>,
    /// What becomes of pairs of records, one after the other.
    pub links: Vec<LinkChange>,
    /// Hints that are done with, as they were read: one that came again meanwhile stays.
    pub hints_done: Vec<(String, u64)>,
    /// The same of records that were written there.
    pub outbox_done: Vec<(String, u64)>,
    /// Records to be written there. The job that drives the sync is made, if there is none.
    pub outbox_add: Vec<String>,
    /// Values that had to give way.
    pub conflicts: Vec<SyncConflict>,
    /// What could not be taken over or written: of the run that `run` or `place` names, or of none. Of a run the first 1,000
    /// are kept, and of what belongs to no run those among the sync's last 1,000.
    pub failures: Vec<SyncFailure>,
    /// Where the open run goes on.
    pub place: Option<PlaceChange>,
    /// How far the open run is.
    pub run: Option<RunChange>,
}

impl SyncCommit {
    /// Of a sync, with nothing in it.
    #[must_use]
    pub const fn new(plugin: PluginId, object: StandardObject) -> Self {
        Self {
            plugin,
            object,
            only_if_wanted: None,
            account: None,
            links: Vec::new(),
            hints_done: Vec::new(),
            outbox_done: Vec::new(),
            outbox_add: Vec::new(),
            conflicts: Vec::new(),
            failures: Vec::new(),
            place: None,
            run: None,
        }
    }
}

/// What becomes of a pair of records.
#[derive(Debug, Clone, PartialEq)]
pub enum LinkChange {
    /// They are linked, or are so in another way.
    Put {
        /// As it is to be. Its version is not looked at: it is one more than the present one.
        link: SyncLink,
        /// The version that it must have (0: must not exist); `None` for any.
        expected: Option<u64>,
    },
    /// They are so no more.
    Remove {
        /// The vendor's id.
        vendor_id: String,
    },
}

impl LinkChange {
    /// Of which of the vendor's.
    #[must_use]
    pub fn vendor_id(&self) -> &str {
        match self {
            Self::Put { link, .. } => &link.vendor_id,
            Self::Remove { vendor_id } => vendor_id,
        }
    }
}

/// How far the vendor's data was read.
#[derive(Debug, Clone, PartialEq)]
pub struct PlaceChange {
    /// The sync's open run.
    pub run: SyncRunId,
    /// Where its next page begins; none: there is no next one.
    pub cursor: Option<Value>,
    /// The vendor's time up to which all was seen; none: as before.
    pub mark: Option<Timestamp>,
    /// What the plugin keeps between runs; none: as before.
    pub state: Option<Value>,
    /// When the sync is due next; none: as before. One that is switched off is not due.
    pub next_due_at: Option<Timestamp>,
    /// When all was gone through last; none: as before.
    pub last_full_at: Option<Timestamp>,
}

/// How far a run is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunChange {
    /// The sync's open run. With a status that ends it, it is open no more.
    pub id: SyncRunId,
    /// How far it has come.
    pub status: SyncStatus,
    /// What it has done in this step.
    pub add: SyncCounts,
    /// In percent; none: as before.
    pub progress: Option<u32>,
    /// Why it failed: the code, and what may be told.
    pub failure: Option<(String, String)>,
    /// When: its beginning if it is running and was not before, its end if it ends.
    pub at: Timestamp,
}
