//! Work of the hub itself, by name.
//!
//! A step reads and prepares on its own, and gives what is to be written: that is done in the transaction that moves the job on,
//! under its lease, so that a step which a crash or another hub overtakes leaves nothing. A closure and not a list of changes,
//! because whoever adds work knows best what it writes.

use std::sync::Arc;

use futures::future::BoxFuture;
use patchbay_model::{Code, Failure, OrgId, job::Job};
use patchbay_runtime::StepOutcome;
use patchbay_storage::Tx;

use super::{
    outcome::{Try, is_final},
    underway::Working,
};
use crate::{
    hub::{Hub, Inner},
    measure,
};

/// A step to do.
#[derive(Debug, Clone)]
pub(crate) struct HostWork {
    /// For whom.
    pub(crate) org: OrgId,
    /// What it was made with: JSON text.
    pub(crate) payload: String,
    /// What the step before left: JSON text; none on the first.
    pub(crate) cursor: Option<String>,
}

/// What comes after a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HostNext {
    /// Nothing; with the job's result (JSON text).
    Done(Option<String>),
    /// The next step from this cursor (JSON text), and how far the job has come, in per mille.
    Again(String, Option<u32>),
}

/// What a step writes, in the transaction that moves its job on.
pub(crate) type Effects = Box<dyn for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<(), Failure>> + Send>;

/// What a step gives.
pub(crate) struct HostStep {
    pub(crate) next: HostNext,
    pub(crate) effects: Option<Effects>,
}

/// One kind of work.
pub(crate) trait HostJob: Send + Sync + 'static {
    /// What its jobs are called.
    fn name(&self) -> &'static str;

    /// Does one step. What it does beside what it gives may be done again.
    fn step<'a>(&'a self, hub: &'a Inner, work: HostWork) -> BoxFuture<'a, Result<HostStep, Failure>>;
}

/// All kinds that there are.
#[derive(Clone, Default)]
pub(crate) struct HostJobs(Arc<[Box<dyn HostJob>]>);

impl HostJobs {
    pub(crate) fn new(all: Vec<Box<dyn HostJob>>) -> Self {
        Self(all.into())
    }

    fn find(&self, name: &str) -> Option<&dyn HostJob> {
        self.0.iter().find(|one| one.name() == name).map(|one| &**one)
    }
}

impl Hub {
    pub(super) async fn host_step(&self, job: &Job, this: &Try, working: &Working) -> Result<(), Failure> {
        let hub = &*self.0;
        let jobs = hub.jobs.host.clone();
        let Some(runner) = jobs.find(&job.name) else {
            let failure = Failure::new(Code::NotFound, format!("this hub does no work called `{}`", job.name));
            return hub.fail_without_run(job, this, &failure).await;
        };
        let work = HostWork { org: job.org, payload: job.payload.clone(), cursor: job.cursor.clone() };
        let stepping = working.unwanted.run_until_cancelled(runner.step(hub, work));
        match hub.break_off.run_until_cancelled(stepping).await {
            Some(Some(Ok(step))) => hub.commit_host_step(job, this, step).await,
            Some(Some(Err(failure))) => hub.fail_without_run(job, this, &failure).await,
            Some(None) => {
                let end = patchbay_storage::JobEnd::Cancelled;
                hub.end_without_run(job, this, super::outcome::Verdict { attempts: this.attempts, end }).await
            }
            None => {
                let failure = Failure::new(Code::Unavailable, "the hub stopped while the step was done");
                hub.fail_without_run(job, this, &failure).await
            }
        }
    }
}

impl Inner {
    async fn commit_host_step(&self, job: &Job, this: &Try, step: HostStep) -> Result<(), Failure> {
        let next = match step.next {
            HostNext::Done(result) => StepOutcome::Done(result),
            HostNext::Again(cursor, progress) => StepOutcome::Again(cursor, progress),
        };
        let outcome = match this.went_well(self, next) {
            Ok(verdict) => this.outcome(self, None, verdict),
            Err(failure) => return self.fail_without_run(job, this, &failure).await,
        };
        let mut tx = self.database.begin().await?;
        // first, so that whoever has lost the job writes nothing
        let Some(settled) = tx.org(job.org).jobs().write_outcome(&outcome).await? else { return Ok(()) };
        if let Some(effects) = step.effects
            && let Err(failure) = effects(&mut tx).await
        {
            drop(tx);
            let verdict = this.went_wrong(self, &failure, is_final(&failure));
            return self.end_without_run(job, this, verdict).await;
        }
        tx.org(job.org).jobs().wake(settled).await?;
        tx.commit().await?;
        measure::job_step(job.kind, &outcome.end);
        self.note_due(&outcome);
        Ok(())
    }
}
