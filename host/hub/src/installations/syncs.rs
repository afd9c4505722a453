//! What a look at an installation shows of its syncs.

use patchbay_model::{
    Failure, OrgId, PluginId, SyncRunId, Timestamp,
    object::StandardObject,
    sync::{SyncMode, SyncRun, SyncState, SyncStatus},
};
use serde::Serialize;

use crate::hub::Inner;

/// How a sync is getting on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SyncHealth {
    /// Switched off.
    Off,
    /// Nothing to do until it is due.
    Idle,
    /// A run waits or goes on.
    Running,
    /// Its last run came to nothing.
    Failed,
}

/// What an installation shows of a sync's last run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastSyncRun {
    /// Its id.
    pub id: SyncRunId,
    /// How much it read.
    pub mode: SyncMode,
    /// How it ended.
    pub status: SyncStatus,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// What an installation shows of a sync.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InstallationSync {
    /// Of which object.
    pub object: StandardObject,
    /// How it is getting on.
    pub status: SyncHealth,
    /// The run that ended last.
    pub last_run: Option<LastSyncRun>,
    /// When the next run is made.
    pub next_due_at: Option<Timestamp>,
}

impl InstallationSync {
    fn new(state: &SyncState, last_run: Option<SyncRun>) -> Self {
        let failed = last_run.as_ref().is_some_and(|run| run.status == SyncStatus::Failed);
        let status = match (state.settings.enabled, state.open_run) {
            (false, _) => SyncHealth::Off,
            (true, Some(_)) => SyncHealth::Running,
            (true, None) if failed => SyncHealth::Failed,
            (true, None) => SyncHealth::Idle,
        };
        let last_run =
            last_run.map(|SyncRun { id, mode, status, ended_at, .. }| LastSyncRun { id, mode, status, ended_at });
        Self { object: state.object, status, last_run, next_due_at: state.next_due_at }
    }
}

impl Inner {
    /// The syncs that an org has set up, of one plugin or of all, by plugin and object.
    pub(super) async fn syncs_shown(
        &self,
        org: OrgId,
        plugin: Option<&PluginId>,
    ) -> Result<Vec<(PluginId, InstallationSync)>, Failure> {
        let mut tx = self.database.read().await?;
        let mut ours = tx.org(org);
        let states = ours.syncs().list(plugin).await?;
        let mut shown = Vec::with_capacity(states.len());
        for state in states {
            let last_run = match state.last_run {
                Some(run) => ours.syncs().run(run).await?,
                None => None,
            };
            let sync = InstallationSync::new(&state, last_run);
            shown.push((state.plugin, sync));
        }
        Ok(shown)
    }
}
