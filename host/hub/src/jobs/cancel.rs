//! Ending a job that somebody does not want any more.

use patchbay_model::{Code, Failure, JobId, Permission, job::Job};
use patchbay_storage::Cancelled;
use serde_json::json;

use crate::{auth::Caller, hub::Hub, queries::not_found};

impl Hub {
    /// Ends a job: one that waits at once; of one that runs, the run is broken off, which leaves no effects, or ends with the
    /// step if another hub does it. Needs the permission `manage_installations`, or to have asked for the job. `not_found` for
    /// another org's, `conflict` for one that has ended.
    pub async fn cancel_job(&self, caller: &Caller, id: JobId) -> Result<Job, Failure> {
        let hub = &*self.0;
        hub.running()?;
        let job = hub.find_job(caller, id).await?;
        if job.caller.is_none_or(|asked| asked.actor != caller.actor) {
            caller.require(Permission::ManageInstallations)?;
        }
        let detail = json!({ "kind": job.kind, "plugin": job.plugin, "name": job.name });
        let entry = hub.audit(caller.org, caller.actor, "job.cancel", id, detail);
        let mut tx = hub.database.begin().await?;
        let mut ours = tx.org(caller.org);
        match ours.jobs().cancel(id, hub.clock.now()).await? {
            None => return Err(not_found("job")),
            Some(Cancelled::TooLate) => {
                let detail = format!("the job is {}: it has ended", job.status.as_str());
                return Err(Failure::new(Code::Conflict, detail));
            }
            Some(Cancelled::Now | Cancelled::AfterThisStep) => {}
        }
        let job = ours.jobs().get(id).await?.ok_or_else(|| not_found("job"))?;
        ours.audit().append(&entry).await?;
        tx.commit().await?;
        hub.jobs.break_off(id);
        Ok(job)
    }
}
