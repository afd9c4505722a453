//! Syncs: an object kept the same here and at a vendor.

use patchbay_hub::{SyncFieldsView, SyncView};
use patchbay_model::{
    JobId, PluginId, SyncConflictId, SyncRunId, Timestamp,
    filter::Filter,
    object::StandardObject,
    sync::{self, Direction, FieldKind, Mapping, OnDelete, Side, SyncMode, SyncStatus, SyncTrigger, Wins},
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::SyncMapping;

/// A sync: a standard object that is kept the same here and at a vendor.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Sync)]
pub(crate) struct SyncReply {
    /// Of which plugin.
    #[schema(value_type = String, example = "hubspot")]
    plugin: PluginId,
    /// Of which standard object.
    #[schema(value_type = String, example = "contact")]
    object: StandardObject,
    /// What the vendor calls it.
    #[schema(example = "contacts")]
    resource: String,
    /// For people.
    title: String,
    /// Which ways the plugin can: `in` and `out`.
    #[schema(value_type = Vec<String>, example = json!(["in", "out"]))]
    directions: Vec<Direction>,
    /// What the org decided.
    settings: SyncSettings,
    /// One more with each change of the settings; 0: they are as by default, and nothing runs yet.
    version: u64,
    /// The mapping in force: the org's, or the plugin's.
    #[schema(value_type = SyncMapping)]
    mapping: Mapping,
    /// Pairs of a record and one of the vendor's.
    linked: u64,
    /// The vendor's account that these are about, as far as a connection has told it.
    #[schema(example = "62515")]
    account: Option<String>,
    /// Why the hub has switched it off, if it has: `another_account`, and what can be done.
    problem: Option<SyncError>,
    /// The vendor's time up to which all was seen.
    #[schema(value_type = Option<String>, format = DateTime)]
    seen_until: Option<Timestamp>,
    /// When the next run is made.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_due_at: Option<Timestamp>,
    /// When a full run by these settings last came to its end; null: all is still to be read.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_full_at: Option<Timestamp>,
    /// The run that waits or goes on.
    open_run: Option<SyncRun>,
    /// The run that ended last.
    last_run: Option<SyncRun>,
}

/// What an org decided about a sync.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SyncSettings {
    /// It runs.
    enabled: bool,
    /// Seconds between two deltas.
    every_s: u32,
    /// Days between two full runs.
    full_every_days: u32,
    /// `in`, `out` or `both`.
    #[schema(value_type = String, example = "both")]
    direction: Direction,
    /// The org's own mapping; null: the plugin's.
    #[schema(value_type = Option<SyncMapping>)]
    mapping: Option<Mapping>,
    /// Whose value stays where both sides changed it: `latest`, `hub` or `vendor`.
    #[schema(value_type = String, example = "latest")]
    wins: Wins,
    /// What becomes of a record that the vendor deleted: `delete`, `unlink` or `ignore`.
    #[schema(value_type = String, example = "delete")]
    deletes: OnDelete,
    /// The vendor's records are deleted with ours.
    push_deletes: bool,
    /// Records that were made here are made at the vendor.
    create_there: bool,
    /// Which records are written at the vendor (see the guide to filters); null: all.
    #[schema(value_type = Option<Object>)]
    only: Option<Filter>,
}

/// A run of a sync.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SyncRun {
    /// Its id.
    #[schema(value_type = String, example = "syn_018f3c5e7d2a7c3b9f1e2d3c4b5a6978")]
    id: SyncRunId,
    /// Of which plugin.
    #[schema(value_type = String, example = "hubspot")]
    plugin: PluginId,
    /// Of which object.
    #[schema(value_type = String, example = "contact")]
    object: StandardObject,
    /// `full` (all that the vendor has) or `delta` (what changed).
    #[schema(value_type = String, example = "delta")]
    mode: SyncMode,
    /// Why it was made: `schedule`, `manual` or `first`.
    #[schema(value_type = String, example = "schedule")]
    trigger: SyncTrigger,
    /// `queued`, `running`, `completed`, `failed` or `cancelled`.
    #[schema(value_type = String, example = "completed")]
    status: SyncStatus,
    /// Who asked for it: a key's or a user's id.
    requested_by: Option<String>,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When its first page was asked for.
    #[schema(value_type = Option<String>, format = DateTime)]
    started_at: Option<Timestamp>,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
    /// What it has done so far.
    counts: SyncCounts,
    /// How far it has come, in percent; null if the vendor does not say how much there is.
    progress: Option<u32>,
    /// Why it failed.
    error: Option<SyncError>,
    /// The job that does it.
    #[schema(value_type = Option<String>)]
    job: Option<JobId>,
}

/// What a run of a sync has done.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SyncCounts {
    /// Changes that the vendor told of.
    read: u64,
    /// Records that were made here.
    created: u64,
    /// Records that were changed here.
    updated: u64,
    /// Records that were deleted or unlinked here.
    deleted: u64,
    /// Pairs that became one because the vendor merged its records.
    merged: u64,
    /// Changes that said nothing new.
    unchanged: u64,
    /// Records that were written at the vendor.
    pushed: u64,
    /// Records that were left out, by the settings or by the plugin.
    skipped: u64,
    /// Records that could not be taken over: see the run's failures.
    failed: u64,
    /// Fields of which one side's value had to give way: see the sync's conflicts.
    conflicts: u64,
    /// Calls into the plugin.
    calls: u64,
}

/// Why a run of a sync failed, or a sync is switched off.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SyncError {
    /// As in a problem document.
    #[schema(example = "upstream_error")]
    code: String,
    /// In words.
    detail: String,
}

/// A record that a run could not take over.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SyncFailure {
    /// The vendor's id of it.
    vendor_id: Option<String>,
    /// Ours.
    record: Option<String>,
    /// What kind of failure: a stable word.
    #[schema(example = "invalid_record")]
    code: String,
    /// What happened and how to mend it.
    detail: String,
}

/// A field that both sides changed, and both values.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SyncConflict {
    /// Its id.
    #[schema(value_type = String)]
    id: SyncConflictId,
    /// Of which record.
    #[schema(example = "hubspot:151")]
    record: String,
    /// And of which of the vendor's.
    #[schema(example = "151")]
    vendor_id: String,
    /// Of which field: a JSON Pointer into the record.
    #[schema(example = "/title")]
    field: String,
    /// The hub's value; null: none.
    hub: Value,
    /// The vendor's, as the hub would have it; null: none.
    vendor: Value,
    /// Whose stayed: `hub` or `vendor`.
    #[schema(value_type = String, example = "vendor")]
    winner: Side,
    /// When it was found.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

/// What can be mapped onto what.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SyncFields {
    /// The standard object's schema (JSON Schema 2020-12): a mapping names its fields by JSON Pointer, as `/address/city`.
    hub: Value,
    /// Fields of the vendor's records, those that the vendor's customer made included.
    vendor: Vec<VendorField>,
}

/// A field of a vendor's records.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VendorField {
    /// Its name, as in mappings.
    #[schema(example = "jobtitle")]
    name: String,
    /// For people.
    #[schema(example = "Job title")]
    title: String,
    /// `text`, `number`, `boolean`, `date`, `time`, `choice` or `reference`.
    #[schema(value_type = String, example = "text")]
    kind: FieldKind,
    /// A record must have it.
    required: bool,
    /// It can be read.
    readable: bool,
    /// It can be written.
    writable: bool,
    /// No two records have the same value.
    unique: bool,
    /// The vendor's customer made it.
    custom: bool,
    /// The words of a choice, if they are known.
    choices: Vec<String>,
}

impl From<SyncView> for SyncReply {
    fn from(view: SyncView) -> Self {
        let SyncView { resource, title, directions, mapping, state, open_run, last_run, problem } = view;
        let sync::SyncState {
            plugin,
            object,
            settings,
            version,
            wanted: _,
            mark,
            state: _,
            next_due_at,
            last_full_at,
            open_run: _,
            last_run: _,
            linked,
            account,
            other_account: _,
        } = state;
        Self {
            plugin,
            object,
            resource,
            title,
            directions,
            settings: settings.into(),
            version,
            mapping,
            linked,
            account,
            problem: problem.map(|(code, detail)| SyncError { code: code.as_str().to_owned(), detail }),
            seen_until: mark,
            next_due_at,
            last_full_at,
            open_run: open_run.map(SyncRun::from),
            last_run: last_run.map(SyncRun::from),
        }
    }
}

impl From<sync::SyncSettings> for SyncSettings {
    fn from(settings: sync::SyncSettings) -> Self {
        let sync::SyncSettings {
            enabled,
            every_s,
            full_every_days,
            direction,
            mapping,
            wins,
            deletes,
            push_deletes,
            create_there,
            only,
        } = settings;
        Self { enabled, every_s, full_every_days, direction, mapping, wins, deletes, push_deletes, create_there, only }
    }
}

impl From<sync::SyncRun> for SyncRun {
    fn from(run: sync::SyncRun) -> Self {
        let sync::SyncRun {
            id,
            plugin,
            object,
            mode,
            trigger,
            status,
            requested_by,
            created_at,
            started_at,
            ended_at,
            counts,
            progress,
            cursor: _,
            failure,
            job,
        } = run;
        Self {
            id,
            plugin,
            object,
            mode,
            trigger,
            status,
            requested_by: requested_by.map(|actor| actor.to_string()),
            created_at,
            started_at,
            ended_at,
            counts: counts.into(),
            progress,
            error: failure.map(|(code, detail)| SyncError { code, detail }),
            job,
        }
    }
}

impl From<sync::SyncCounts> for SyncCounts {
    fn from(counts: sync::SyncCounts) -> Self {
        let sync::SyncCounts {
            read,
            created,
            updated,
            deleted,
            merged,
            unchanged,
            pushed,
            skipped,
            failed,
            conflicts,
            calls,
        } = counts;
        Self { read, created, updated, deleted, merged, unchanged, pushed, skipped, failed, conflicts, calls }
    }
}

impl From<sync::SyncFailure> for SyncFailure {
    fn from(failure: sync::SyncFailure) -> Self {
        let sync::SyncFailure { vendor_id, record_id, code, detail } = failure;
        Self { vendor_id, record: record_id, code, detail }
    }
}

impl From<sync::SyncConflict> for SyncConflict {
    fn from(conflict: sync::SyncConflict) -> Self {
        let sync::SyncConflict { id, record_id, vendor_id, field, hub, vendor, winner, at } = conflict;
        Self { id, record: record_id, vendor_id, field, hub, vendor, winner, at }
    }
}

impl From<SyncFieldsView> for SyncFields {
    fn from(view: SyncFieldsView) -> Self {
        let SyncFieldsView { hub, vendor } = view;
        Self { hub: hub.clone(), vendor: super::all(vendor) }
    }
}

impl From<sync::VendorField> for VendorField {
    fn from(field: sync::VendorField) -> Self {
        let sync::VendorField { name, title, kind, required, readable, writable, unique, custom, choices } = field;
        Self { name, title, kind, required, readable, writable, unique, custom, choices }
    }
}
