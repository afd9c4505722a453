//! Having jobs done once more that have failed.

use patchbay_model::{
    Code, Failure, JobId, Permission, PluginId,
    job::{Job, JobKind, JobStatus, NewJob},
};
use serde_json::json;

use super::redrive_all::{RedriveAll, Which};
use crate::{auth::Caller, hub::Hub, queries::not_found};

/// The longest name of a job, in bytes: no task, action or type of event has a longer one.
const MOST_NAME: usize = 256;

impl Hub {
    /// Has a failed job done once more, from where its last step left it and with as many tries again. Needs the permission
    /// `manage_installations`. `not_found` for another org's, `conflict` for one that is not `failed`, or while another one with
    /// its key waits or runs.
    pub async fn redrive_job(&self, caller: &Caller, id: JobId) -> Result<Job, Failure> {
        caller.require(Permission::ManageInstallations)?;
        let hub = &*self.0;
        hub.running()?;
        let now = hub.clock.now();
        let mut tx = hub.database.begin().await?;
        let mut ours = tx.org(caller.org);
        let before = ours.jobs().get(id).await?.ok_or_else(|| not_found("job"))?;
        if before.status != JobStatus::Failed {
            let detail = format!("the job is {}: only one that is failed is done once more", before.status.as_str());
            return Err(Failure::new(Code::Conflict, detail));
        }
        let detail =
            json!({ "kind": before.kind, "plugin": before.plugin, "name": before.name, "error": before.error });
        let entry = hub.audit(caller.org, caller.actor, "job.redrive", id, detail);
        if !ours.jobs().redrive(id, now).await? {
            let detail = "a job with the same key waits or runs, or somebody else had this one done once more just now";
            return Err(Failure::new(Code::Conflict, detail));
        }
        let job = ours.jobs().get(id).await?.ok_or_else(|| not_found("job"))?;
        ours.audit().append(&entry).await?;
        tx.commit().await?;
        hub.jobs.due_at(now);
        Ok(job)
    }

    /// Has all failed jobs done once more, of a plugin, kind and name as far as they are given: by a job of the hub itself, which
    /// this gives. Needs the permission `manage_installations`.
    pub async fn redrive_jobs(
        &self,
        caller: &Caller,
        plugin: Option<PluginId>,
        kind: Option<JobKind>,
        name: Option<String>,
    ) -> Result<Job, Failure> {
        caller.require(Permission::ManageInstallations)?;
        if name.as_ref().is_some_and(|name| name.len() > MOST_NAME) {
            return Err(Failure::violation("/name", format!("at most {MOST_NAME} bytes")));
        }
        let hub = &*self.0;
        hub.running()?;
        let now = hub.clock.now();
        let id = JobId::new(&*hub.clock, &*hub.random);
        let detail = json!({ "plugin": plugin, "kind": kind, "name": name });
        let payload = serde_json::to_string(&Which { plugin, kind, name }).map_err(Failure::internal)?;
        let job = NewJob::host(id, RedriveAll::NAME.to_owned(), payload, now);
        let entry = hub.audit(caller.org, caller.actor, "job.redrive_all", id, detail);
        let mut tx = hub.database.begin().await?;
        let mut ours = tx.org(caller.org);
        ours.jobs().enqueue(&[job]).await?;
        let job = ours.jobs().get(id).await?.ok_or_else(|| not_found("job"))?;
        ours.audit().append(&entry).await?;
        tx.commit().await?;
        hub.jobs.due_at(now);
        Ok(job)
    }
}
