//! Asking for a run of a sync.

use patchbay_model::{
    Code, Failure, Permission, PluginId, SyncRunId,
    object::StandardObject,
    sync::{SyncMode, SyncRun, SyncTrigger},
};
use patchbay_storage::NewSyncRun;
use serde_json::json;

use super::{connected::problem_of, due::mode_of};
use crate::{auth::Caller, hub::Hub, queries::not_found};

impl Hub {
    /// Asks for a run of a sync, and gives it: while one is open, that one, which reads all if that is asked for before it has
    /// begun. `None` for the mode: all if that is due, else what has changed. Needs the permission `manage_installations`.
    /// `not_found` if there is no such sync, `conflict` if it is switched off, `another_account` if that is why.
    pub async fn request_sync_run(
        &self,
        caller: &Caller,
        plugin: &PluginId,
        object: StandardObject,
        mode: Option<SyncMode>,
    ) -> Result<SyncRun, Failure> {
        caller.require(Permission::ManageInstallations)?;
        let hub = &*self.0;
        hub.running()?;
        let now = hub.clock.now();
        let mut tx = hub.database.begin().await?;
        let mut ours = tx.org(caller.org);
        let state = ours.syncs().get(plugin, object).await?.ok_or_else(|| not_found("sync"))?;
        if let Some(failure) = problem_of(&state) {
            return Err(failure);
        }
        if !state.settings.enabled {
            let detail = "the sync is switched off: put its settings with `enabled` first";
            return Err(Failure::new(Code::Conflict, detail));
        }
        let due = mode_of(&state, now);
        let wish = NewSyncRun {
            id: SyncRunId::new(&*hub.clock, &*hub.random),
            plugin: plugin.clone(),
            object,
            // what was never read whole is not known well enough to read what has changed
            mode: if state.last_full_at.is_none() { SyncMode::Full } else { mode.unwrap_or(due) },
            trigger: SyncTrigger::Manual,
            requested_by: Some(caller.actor),
            next_due_at: None,
            at: now,
        };
        let requested = ours.syncs().request_run(&wish).await?.ok_or_else(|| not_found("sync"))?;
        hub.drive_sync(&mut ours, plugin, object).await?;
        if requested.is_new {
            let detail = json!({ "plugin": plugin, "object": object, "mode": requested.run.mode });
            let entry = hub.audit(caller.org, caller.actor, "sync_run.request", requested.run.id, detail);
            ours.audit().append(&entry).await?;
        }
        tx.commit().await?;
        hub.jobs.due_at(now);
        Ok(requested.run)
    }
}
