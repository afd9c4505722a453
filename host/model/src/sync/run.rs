//! What is known of a sync: where it stands, its runs, its pairs of records, and what went wrong.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Base, Side, SyncSettings};
use crate::{JobId, PluginId, SyncConflictId, SyncRunId, Timestamp, identity::Actor, object::StandardObject};

words! {
    /// How much a run reads.
    SyncMode {
        /// All that the vendor has; then what is linked and was not seen is asked after.
        Full = "full",
        /// What changed since the mark.
        Delta = "delta",
    }
}

words! {
    /// Why a run was made.
    SyncTrigger {
        /// It was time.
        Schedule = "schedule",
        /// Somebody asked for it.
        Manual = "manual",
        /// The sync was switched on, or all has to be read anew by other settings.
        First = "first",
    }
}

words! {
    /// How far a run has come.
    SyncStatus {
        /// It waits for its first page.
        Queued = "queued",
        /// Pages are being read.
        Running = "running",
        /// The last page is committed.
        Completed = "completed",
        /// It has come to nothing; the next one goes on from where it stood.
        Failed = "failed",
        /// Somebody did not want it any more.
        Cancelled = "cancelled",
    }
}

impl SyncStatus {
    /// True if nothing more becomes of it.
    #[must_use]
    pub const fn has_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// What a run has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SyncCounts {
    /// Changes that the vendor told of.
    pub read: u64,
    /// Records that were made here.
    pub created: u64,
    /// Records that were changed here.
    pub updated: u64,
    /// Records that were deleted or unlinked here.
    pub deleted: u64,
    /// Pairs that became one because the vendor merged its records.
    pub merged: u64,
    /// Changes that said nothing new: echoes and repeats.
    pub unchanged: u64,
    /// Records that were written at the vendor.
    pub pushed: u64,
    /// Records that were left out, by the settings or by the plugin.
    pub skipped: u64,
    /// Records that could not be taken over.
    pub failed: u64,
    /// Fields of which one side's value had to give way.
    pub conflicts: u64,
    /// Calls into the plugin.
    pub calls: u64,
}

impl SyncCounts {
    /// Both together; the largest number instead of more.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            read: self.read.saturating_add(other.read),
            created: self.created.saturating_add(other.created),
            updated: self.updated.saturating_add(other.updated),
            deleted: self.deleted.saturating_add(other.deleted),
            merged: self.merged.saturating_add(other.merged),
            unchanged: self.unchanged.saturating_add(other.unchanged),
            pushed: self.pushed.saturating_add(other.pushed),
            skipped: self.skipped.saturating_add(other.skipped),
            failed: self.failed.saturating_add(other.failed),
            conflicts: self.conflicts.saturating_add(other.conflicts),
            calls: self.calls.saturating_add(other.calls),
        }
    }
}

/// One going through of what a vendor has, or of what changed there.
#[derive(Debug, Clone, PartialEq)]
pub struct SyncRun {
    /// Its id.
    pub id: SyncRunId,
    /// Of which plugin.
    pub plugin: PluginId,
    /// Of which object.
    pub object: StandardObject,
    /// How much it reads.
    pub mode: SyncMode,
    /// Why it was made.
    pub trigger: SyncTrigger,
    /// How far it has come.
    pub status: SyncStatus,
    /// Who asked for it.
    pub requested_by: Option<Actor>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When its first page was asked for.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// What it has done.
    pub counts: SyncCounts,
    /// How much of it is done, in percent, if the vendor says how much there is.
    pub progress: Option<u32>,
    /// Where it goes on: the plugin's own, at most 64 KiB.
    pub cursor: Option<Value>,
    /// Why it failed: a failure's code, and its detail.
    pub failure: Option<(String, String)>,
    /// The job that does it.
    pub job: Option<JobId>,
}

/// Where a sync stands.
#[derive(Debug, Clone, PartialEq)]
pub struct SyncState {
    /// Of which plugin.
    pub plugin: PluginId,
    /// Of which object.
    pub object: StandardObject,
    /// What the organization decided.
    pub settings: SyncSettings,
    /// Grows with each change of the settings.
    pub version: u64,
    /// Grows with each thing that there is to do.
    pub wanted: u64,
    /// The vendor's time up to which all was seen.
    pub mark: Option<Timestamp>,
    /// What the plugin keeps between runs: at most 64 KiB.
    pub state: Option<Value>,
    /// When the next run is made.
    pub next_due_at: Option<Timestamp>,
    /// When the last full run ended well.
    pub last_full_at: Option<Timestamp>,
    /// The run that waits or goes on.
    pub open_run: Option<SyncRunId>,
    /// The run that ended last.
    pub last_run: Option<SyncRunId>,
    /// How many pairs of records there are.
    pub linked: u64,
    /// The vendor's account that these belong to, as far as a connection has told it.
    pub account: Option<String>,
    /// The account that was connected instead, for which the hub has switched the sync off; empty if nobody has said which one
    /// that is.
    pub other_account: Option<String>,
}

impl SyncState {
    /// A sync of which nothing is stored yet and nothing was done.
    #[must_use]
    pub const fn new(plugin: PluginId, object: StandardObject, settings: SyncSettings) -> Self {
        Self {
            plugin,
            object,
            settings,
            version: 0,
            wanted: 0,
            mark: None,
            state: None,
            next_due_at: None,
            last_full_at: None,
            open_run: None,
            last_run: None,
            linked: 0,
            account: None,
            other_account: None,
        }
    }
}

/// A vendor's record and ours that are the same one.
#[derive(Debug, Clone, PartialEq)]
pub struct SyncLink {
    /// The vendor's id of it.
    pub vendor_id: String,
    /// The record's id.
    pub record_id: String,
    /// What the vendor is known to have.
    pub base: Base,
    /// When the vendor says that it changed last.
    pub vendor_at: Option<Timestamp>,
    /// Where people see it at the vendor.
    pub url: Option<String>,
    /// The last run that saw it.
    pub seen_in: Option<SyncRunId>,
    /// Grows with each change.
    pub version: u64,
    /// When it was last read or written.
    pub synced_at: Timestamp,
    /// When the vendor was found to have deleted it, of a record that stays: the two are linked no more, and are remembered so
    /// that the record is not made there anew. None while they are linked.
    pub gone_at: Option<Timestamp>,
}

/// Two values of a field of which one had to give way.
#[derive(Debug, Clone, PartialEq)]
pub struct SyncConflict {
    /// Its id.
    pub id: SyncConflictId,
    /// Of which record.
    pub record_id: String,
    /// And of which of the vendor's.
    pub vendor_id: String,
    /// Of which field: a JSON Pointer into the record.
    pub field: String,
    /// The hub's value; null for none.
    pub hub: Value,
    /// The vendor's, in the hub's terms; null for none.
    pub vendor: Value,
    /// Whose stayed.
    pub winner: Side,
    /// When it was found.
    pub at: Timestamp,
}

/// A record that could not be taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncFailure {
    /// The vendor's id of it, if there is one.
    pub vendor_id: Option<String>,
    /// Ours, if there is one.
    pub record_id: Option<String>,
    /// A stable word for the kind of failure.
    pub code: String,
    /// What happened and how to mend it; holds no value of the record.
    pub detail: String,
}
