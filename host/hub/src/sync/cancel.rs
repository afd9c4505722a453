//! Ending a run of a sync that somebody does not want any more.

use patchbay_model::{
    Code, Failure, Permission, SyncRunId,
    sync::{SyncRun, SyncStatus},
};
use serde_json::json;

use crate::{auth::Caller, hub::Hub, queries::not_found};

impl Hub {
    /// Ends a run of a sync: what it has read stays, and what a step of it reads at the moment is not taken over. The next run
    /// begins from the sync's mark. Needs the permission `manage_installations`. `not_found` for another org's, `conflict` for
    /// one that has ended.
    pub async fn cancel_sync_run(&self, caller: &Caller, id: SyncRunId) -> Result<SyncRun, Failure> {
        caller.require(Permission::ManageInstallations)?;
        let hub = &*self.0;
        hub.running()?;
        let mut tx = hub.database.begin().await?;
        let mut ours = tx.org(caller.org);
        let run = ours.syncs().run(id).await?.ok_or_else(|| not_found("sync run"))?;
        let ended = || {
            let detail = "the run has ended: only one that waits or runs is cancelled";
            Failure::new(Code::Conflict, detail)
        };
        if run.status.has_ended() {
            return Err(ended());
        }
        if ours.syncs().cancel_run(id, hub.clock.now()).await? != Some(SyncStatus::Cancelled) {
            return Err(ended());
        }
        let detail = json!({ "plugin": run.plugin, "object": run.object, "mode": run.mode });
        let entry = hub.audit(caller.org, caller.actor, "sync_run.cancel", id, detail);
        let run = ours.syncs().run(id).await?.ok_or_else(|| not_found("sync run"))?;
        ours.audit().append(&entry).await?;
        tx.commit().await?;
        Ok(run)
    }
}
