//! What syncs have done: their runs, what could not be taken over, and where somebody's value had to give way.

use patchbay_model::{
    Failure, OrgId, Permission, PluginId, SyncConflictId, SyncRunId,
    object::StandardObject,
    sync::{SyncConflict, SyncFailure, SyncRun},
};

use crate::{
    auth::Caller,
    hub::{Hub, Inner},
    installations::not_installed,
    queries::{Page, Size, not_found},
};

impl Hub {
    /// A sync's runs, newest first, those before one of them. Needs the permission `read_activity`.
    pub async fn sync_runs(
        &self,
        caller: &Caller,
        plugin: &PluginId,
        object: StandardObject,
        before: Option<SyncRunId>,
        limit: Option<u32>,
    ) -> Result<Page<SyncRun>, Failure> {
        caller.require(Permission::ReadActivity)?;
        self.0.is_installed(caller.org, plugin).await?;
        let size = Size::new(limit)?;
        let mut tx = self.0.database.read().await?;
        let runs = tx.org(caller.org).syncs().runs(plugin, object, before, size.and_one()).await?;
        Ok(size.page(runs, |run| run.id.to_string()))
    }

    /// One run; `not_found` for another org's. Needs the permission `read_activity`.
    pub async fn sync_run(&self, caller: &Caller, id: SyncRunId) -> Result<SyncRun, Failure> {
        caller.require(Permission::ReadActivity)?;
        let mut tx = self.0.database.read().await?;
        tx.org(caller.org).syncs().run(id).await?.ok_or_else(|| not_found("sync run"))
    }

    /// What could not be taken over or written in a run, in the order in which it happened; of each run the first 1,000 are kept.
    /// Needs the permission `read_activity`; `not_found` for another org's run.
    pub async fn sync_run_failures(
        &self,
        caller: &Caller,
        id: SyncRunId,
        after: Option<u64>,
        limit: Option<u32>,
    ) -> Result<Page<SyncFailure>, Failure> {
        caller.require(Permission::ReadActivity)?;
        let size = Size::new(limit)?;
        let mut tx = self.0.database.read().await?;
        let mut ours = tx.org(caller.org);
        ours.syncs().run(id).await?.ok_or_else(|| not_found("sync run"))?;
        let found = ours.syncs().failures(id, after, size.and_one()).await?;
        Ok(without_numbers(size.page(found, |(number, _)| number.to_string())))
    }

    /// The same of what happened between runs: of what changed here and was written, or was said to have changed there. The last
    /// 1,000 are kept. Needs the permission `read_activity`.
    pub async fn sync_failures(
        &self,
        caller: &Caller,
        plugin: &PluginId,
        object: StandardObject,
        after: Option<u64>,
        limit: Option<u32>,
    ) -> Result<Page<SyncFailure>, Failure> {
        caller.require(Permission::ReadActivity)?;
        self.0.is_installed(caller.org, plugin).await?;
        let size = Size::new(limit)?;
        let mut tx = self.0.database.read().await?;
        let found = tx.org(caller.org).syncs().live_failures(plugin, object, after, size.and_one()).await?;
        Ok(without_numbers(size.page(found, |(number, _)| number.to_string())))
    }

    /// Values that had to give way because both sides had changed a field, newest first. Needs the permission `read_activity`.
    pub async fn sync_conflicts(
        &self,
        caller: &Caller,
        plugin: &PluginId,
        object: StandardObject,
        before: Option<SyncConflictId>,
        limit: Option<u32>,
    ) -> Result<Page<SyncConflict>, Failure> {
        caller.require(Permission::ReadActivity)?;
        self.0.is_installed(caller.org, plugin).await?;
        let size = Size::new(limit)?;
        let mut tx = self.0.database.read().await?;
        let found = tx.org(caller.org).syncs().conflicts(plugin, object, before, size.and_one()).await?;
        Ok(size.page(found, |conflict| conflict.id.to_string()))
    }
}

impl Inner {
    /// `not_installed` unless it is; switched off counts as installed.
    async fn is_installed(&self, org: OrgId, plugin: &PluginId) -> Result<(), Failure> {
        self.installed(org, plugin).await?.map(drop).ok_or_else(|| not_installed(plugin))
    }
}

fn without_numbers(page: Page<(u64, SyncFailure)>) -> Page<SyncFailure> {
    Page { items: page.items.into_iter().map(|(_, failure)| failure).collect(), next: page.next }
}
