//! Syncs as they are shown.

use std::collections::HashMap;

use patchbay_model::{
    Code, Failure, OrgId, PluginId, SyncRunId, Timestamp,
    object::StandardObject,
    sync::{Direction, Mapping, SyncMode, SyncRun, SyncSettings, SyncState, SyncStatus},
};
use patchbay_package::manifest::sync::SyncDecl;
use patchbay_storage::OrgTx;
use serde::Serialize;

use super::{connected::problem_of, mapping_of, settings::able};
use crate::hub::Inner;

/// How a sync is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SyncHealth {
    /// It is switched off, or was never set up.
    Off,
    /// It waits for its next time, or for something that changes.
    Idle,
    /// A run of it waits or goes on.
    Running,
    /// Its last run has come to nothing; the next one goes on from there.
    Failed,
}

impl SyncHealth {
    /// As text, as in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Idle => "idle",
            Self::Running => "running",
            Self::Failed => "failed",
        }
    }

    fn of(is_enabled: bool, open: Option<&SyncRun>, last: Option<&SyncRun>) -> Self {
        match (is_enabled, open, last) {
            (false, ..) => Self::Off,
            (true, Some(_), _) => Self::Running,
            (true, None, Some(last)) if last.status == SyncStatus::Failed => Self::Failed,
            (true, None, _) => Self::Idle,
        }
    }
}

/// A sync as the API shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct SyncView {
    /// What the vendor calls what corresponds to the object.
    pub resource: String,
    /// For people.
    pub title: String,
    /// Which ways the plugin can.
    pub directions: Vec<Direction>,
    /// The mapping that it goes by: the org's, or else the plugin's.
    pub mapping: Mapping,
    /// Where it stands. Of one that the org has never set up: by default, switched off, and of version 0.
    pub state: SyncState,
    /// The run that waits or goes on.
    pub open_run: Option<SyncRun>,
    /// The run that ended last.
    pub last_run: Option<SyncRun>,
    /// Why the hub has switched it off: the code, and what somebody can do.
    pub problem: Option<(Code, String)>,
}

/// The least that is told of a sync, beside its installation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InstallationSync {
    /// Of which object.
    pub object: StandardObject,
    /// How it is.
    pub status: SyncHealth,
    /// The run that ended last.
    pub last_run: Option<LastSyncRun>,
    /// When the next run is made.
    pub next_due_at: Option<Timestamp>,
    /// The code of why the hub has switched it off, if it has.
    pub problem: Option<String>,
}

/// The least that is told of a sync's run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastSyncRun {
    /// Its id.
    pub id: SyncRunId,
    /// How much it read.
    pub mode: SyncMode,
    /// How it ended.
    pub status: SyncStatus,
    /// When.
    pub ended_at: Option<Timestamp>,
}

impl SyncView {
    /// With its runs. `state`: none if the org has never set it up.
    pub(super) async fn load(
        ours: &mut OrgTx<'_>,
        plugin: &PluginId,
        decl: &SyncDecl,
        state: Option<SyncState>,
    ) -> Result<Self, Failure> {
        let state = state.unwrap_or_else(|| not_set_up(plugin, decl));
        let problem = problem_of(&state).map(|failure| (failure.code, failure.detail));
        let (open_run, last_run) = (run(ours, state.open_run).await?, run(ours, state.last_run).await?);
        Ok(Self {
            resource: decl.resource.clone(),
            title: decl.title.clone(),
            directions: decl.directions.clone(),
            mapping: mapping_of(&state, decl).clone(),
            state,
            open_run,
            last_run,
            problem,
        })
    }
}

impl Inner {
    /// What is told of the org's syncs beside its installations, by plugin; in order of object.
    pub(crate) async fn sync_summaries(&self, org: OrgId) -> Result<HashMap<PluginId, Vec<InstallationSync>>, Failure> {
        let mut tx = self.database.read().await?;
        let mut ours = tx.org(org);
        let mut summaries: HashMap<PluginId, Vec<InstallationSync>> = HashMap::new();
        for state in ours.syncs().list(None).await? {
            let (open, last) = (run(&mut ours, state.open_run).await?, run(&mut ours, state.last_run).await?);
            let status = SyncHealth::of(state.settings.enabled, open.as_ref(), last.as_ref());
            let last_run =
                last.map(|run| LastSyncRun { id: run.id, mode: run.mode, status: run.status, ended_at: run.ended_at });
            let problem = problem_of(&state).map(|failure| failure.code.as_str().to_owned());
            let (object, next_due_at) = (state.object, state.next_due_at);
            let summary = InstallationSync { object, status, last_run, next_due_at, problem };
            summaries.entry(state.plugin).or_default().push(summary);
        }
        Ok(summaries)
    }
}

async fn run(ours: &mut OrgTx<'_>, id: Option<SyncRunId>) -> Result<Option<SyncRun>, Failure> {
    match id {
        Some(id) => Ok(ours.syncs().run(id).await?),
        None => Ok(None),
    }
}

/// A sync of which nobody has decided anything.
fn not_set_up(plugin: &PluginId, decl: &SyncDecl) -> SyncState {
    let direction = able(decl).unwrap_or_default();
    let settings = SyncSettings { enabled: false, direction, ..SyncSettings::default() };
    SyncState::new(plugin.clone(), decl.object, settings)
}

#[cfg(test)]
mod tests {
    use patchbay_model::sync::{SyncCounts, SyncTrigger};

    use super::*;

    fn ended(status: SyncStatus) -> SyncRun {
        let at = Timestamp::from_timestamp(1_800_000_000, 0).unwrap();
        SyncRun {
            id: SyncRunId(uuid::Uuid::nil()),
            plugin: "demo".parse().unwrap(),
            object: StandardObject::Contact,
            mode: SyncMode::Delta,
            trigger: SyncTrigger::Schedule,
            status,
            requested_by: None,
            created_at: at,
            started_at: Some(at),
            ended_at: Some(at),
            counts: SyncCounts::default(),
            progress: None,
            cursor: None,
            failure: None,
            job: None,
        }
    }

    #[test]
    fn a_sync_has_failed_until_its_next_run() {
        let failed = ended(SyncStatus::Failed);
        assert_eq!(SyncHealth::of(true, None, Some(&failed)), SyncHealth::Failed);
        assert_eq!(SyncHealth::of(true, Some(&ended(SyncStatus::Queued)), Some(&failed)), SyncHealth::Running);
        assert_eq!(SyncHealth::of(true, None, Some(&ended(SyncStatus::Completed))), SyncHealth::Idle);
        assert_eq!(SyncHealth::of(true, None, Some(&ended(SyncStatus::Cancelled))), SyncHealth::Idle);
        assert_eq!(SyncHealth::of(false, None, Some(&failed)), SyncHealth::Off);
    }

    #[test]
    fn words_are_spelled_alike_in_text_and_in_json() {
        for health in [SyncHealth::Off, SyncHealth::Idle, SyncHealth::Running, SyncHealth::Failed] {
            assert_eq!(serde_json::to_value(health).unwrap(), health.as_str());
        }
    }
}
