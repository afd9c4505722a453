//! Plugins switched on for an org.

use patchbay_hub::{HeldBack as Held, InstallationSync as Shown, InstallationView, LastSyncRun as Last, SyncHealth};
use patchbay_model::{
    Digest, InstallationId, PluginId, SyncRunId, Timestamp,
    installation::VersionPolicy,
    object::StandardObject,
    sync::{SyncMode, SyncStatus},
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A plugin switched on for the org.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Installation {
    /// Its id.
    #[schema(value_type = String)]
    id: InstallationId,
    /// Of which plugin.
    #[schema(value_type = String, example = "openai")]
    plugin: PluginId,
    /// Switched on. One that is off keeps its settings.
    enabled: bool,
    /// The org's settings.
    #[schema(value_type = Object)]
    config: Value,
    /// Which version it runs.
    #[schema(value_type = Policy)]
    policy: VersionPolicy,
    /// The version that answers now; null when none fits the policy.
    version: Option<String>,
    /// The package that answers now.
    #[schema(value_type = Option<String>)]
    digest: Option<Digest>,
    /// A version that the policy asks for and that could not be taken.
    held_back: Option<HeldBack>,
    /// Hosts that the settings name and that were approved.
    hosts: Vec<String>,
    /// Where the vendor sends webhooks; null for a plugin that takes none.
    webhook_url: Option<String>,
    /// Its syncs that were set up.
    syncs: Vec<InstallationSync>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

/// How a sync is getting on; all of it is at the sync itself.
#[derive(Debug, Serialize, ToSchema)]
struct InstallationSync {
    /// Of which standard object.
    #[schema(value_type = String, example = "contact")]
    object: StandardObject,
    /// `off`, `idle` (nothing to do until it is due), `running`, or `failed` (its last run came to nothing).
    #[schema(value_type = String, example = "idle")]
    status: SyncHealth,
    /// The run that ended last.
    last_run: Option<LastSyncRun>,
    /// When the next run is made.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_due_at: Option<Timestamp>,
    /// Why the hub has switched it off, if it has; what can be done is told at the sync itself.
    #[schema(example = "another_account")]
    problem: Option<String>,
}

/// How a sync's last run ended.
#[derive(Debug, Serialize, ToSchema)]
struct LastSyncRun {
    /// Its id.
    #[schema(value_type = String)]
    id: SyncRunId,
    /// `full` or `delta`.
    #[schema(value_type = String, example = "delta")]
    mode: SyncMode,
    /// `completed`, `failed` or `cancelled`.
    #[schema(value_type = String, example = "completed")]
    status: SyncStatus,
    /// When.
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
}

/// Which version an installation runs.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes patchbay_model::VersionPolicy")]
pub(crate) enum Policy {
    /// The newest version in this range, as in `^1.2` or `*`.
    #[schema(example = "^1.2")]
    Track(String),
    /// The package of this digest.
    Pin(String),
}

/// A version that could not be taken, so that the one before it still answers.
#[derive(Debug, Serialize, ToSchema)]
struct HeldBack {
    /// Which version.
    version: String,
    /// Which package.
    #[schema(value_type = String)]
    digest: Digest,
    /// As in a problem document.
    code: String,
    /// What happened and how to fix it.
    detail: String,
    /// What is wrong, place by place.
    violations: Vec<super::Violation>,
    /// With the code `approval_needed`: what it may do that was not approved.
    new_capabilities: Vec<String>,
}

impl From<InstallationView> for Installation {
    fn from(view: InstallationView) -> Self {
        let InstallationView {
            id,
            plugin,
            enabled,
            config,
            policy,
            version,
            digest,
            held_back,
            hosts,
            webhook_url,
            syncs,
            created_at,
            updated_at,
        } = view;
        let held_back = held_back.map(HeldBack::from);
        let syncs = super::all(syncs);
        Self {
            id,
            plugin,
            enabled,
            config,
            policy,
            version,
            digest,
            held_back,
            hosts,
            webhook_url,
            syncs,
            created_at,
            updated_at,
        }
    }
}

impl From<Shown> for InstallationSync {
    fn from(shown: Shown) -> Self {
        let Shown { object, status, last_run, next_due_at, problem } = shown;
        Self { object, status, last_run: last_run.map(LastSyncRun::from), next_due_at, problem }
    }
}

impl From<Last> for LastSyncRun {
    fn from(last: Last) -> Self {
        let Last { id, mode, status, ended_at } = last;
        Self { id, mode, status, ended_at }
    }
}

impl From<Held> for HeldBack {
    fn from(held: Held) -> Self {
        let Held { version, digest, code, detail, violations, new_capabilities } = held;
        Self {
            version,
            digest,
            code: code.as_str().to_owned(),
            detail,
            violations: super::all(violations),
            new_capabilities,
        }
    }
}
