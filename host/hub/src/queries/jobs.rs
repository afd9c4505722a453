//! Jobs: what is to be done, is being done, and was done in the background.

use patchbay_model::{
    Failure, JobId, Permission, PluginId,
    job::{Job, JobKind, JobStatus},
};

use super::{Page, Size};
use crate::{auth::Caller, hub::Hub};

/// Which jobs.
#[derive(Debug, Clone, Default)]
pub struct JobFilter {
    /// That have come so far.
    pub status: Option<JobStatus>,
    /// Of this plugin.
    pub plugin: Option<PluginId>,
    /// That are done by this.
    pub kind: Option<JobKind>,
    /// Of this name: a task's kind, an action, an event's type.
    pub name: Option<String>,
    /// Older than this one.
    pub before: Option<JobId>,
    /// At most so many: 1 to 200, default 50.
    pub limit: Option<u32>,
}

impl Hub {
    /// The org's jobs, newest first. Needs the permission `read_activity`.
    pub async fn jobs(&self, caller: &Caller, filter: JobFilter) -> Result<Page<Job>, Failure> {
        caller.require(Permission::ReadActivity)?;
        let size = Size::new(filter.limit)?;
        let JobFilter { status, plugin, kind, name, before, .. } = filter;
        let filter = patchbay_storage::JobFilter { status, plugin, kind, name, before, limit: size.and_one() };
        let mut tx = self.0.database.read().await?;
        let jobs = tx.org(caller.org).jobs().list(&filter).await?;
        Ok(size.page(jobs, |job| job.id.to_string()))
    }

    /// One job of the org; `not_found` for another org's. Needs the permission `read_activity`, or to have asked for it.
    pub async fn job(&self, caller: &Caller, job: JobId) -> Result<Job, Failure> {
        self.0.find_job(caller, job).await
    }
}
