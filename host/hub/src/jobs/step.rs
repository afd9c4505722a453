//! One step of a job, by what does jobs of its kind.

use patchbay_model::{
    Code, EventId, Failure, PluginId,
    event::is_for,
    job::{Job, JobKind},
    run::RunKind,
};
use patchbay_runtime::{EventCall, Finished, StepOutcome, TaskCall};
use patchbay_storage::{ClaimedJob, JobEnd, JobOutcome};
use tracing::Instrument as _;

use super::{
    outcome::{Try, Verdict, is_final},
    underway::Working,
};
use crate::{
    auth::Caller,
    call::{Call, Leaves},
    hub::{Hub, Inner},
    measure,
};

/// So often may hubs end in the middle of a step. That says little of the step, which cannot bring a hub down by itself: hubs are
/// killed and restarted, and what is next in its lane is in the middle each time. But nothing is tried for ever.
pub(super) const MOST_LOST: u32 = 50;

impl Hub {
    /// Does a step. Its failure is kept with the job. `read`: the job as it was when it was claimed, if somebody has read it.
    pub(super) async fn do_step(&self, claimed: &ClaimedJob, read: Option<Job>, working: &Working) {
        // how long it waited, without how long it takes
        metrics::histogram!("patchbay_job_wait_seconds")
            .record((self.0.clock.now() - claimed.due_at).to_std().unwrap_or_default());
        if let Err(failure) = self.try_step(claimed, read, working).await {
            // the lease ends by itself
            tracing::warn!(job.id = %claimed.id, org.id = %claimed.org, error = %failure, "a job's step was not settled");
        }
    }

    async fn try_step(&self, claimed: &ClaimedJob, read: Option<Job>, working: &Working) -> Result<(), Failure> {
        let hub = &*self.0;
        let job = match read {
            Some(job) => job,
            None => {
                let mut tx = hub.database.read().await?;
                // gone with its organization
                let Some(job) = tx.org(claimed.org).jobs().get(claimed.id).await? else { return Ok(()) };
                job
            }
        };
        let this = Try {
            id: job.id,
            lease: working.held.lease,
            attempts: claimed.attempts - claimed.lost,
            begun: claimed.attempts,
            most_attempts: job.most_attempts,
            started_at: hub.clock.now(),
            created_at: job.created_at,
        };
        if job.is_unwanted {
            // whoever did it when it was cancelled is gone, or could not say what became of the step
            let verdict = Verdict { attempts: this.attempts, end: JobEnd::Cancelled };
            return hub.end_without_run(&job, &this, verdict).await;
        }
        if claimed.lost >= MOST_LOST {
            let detail = format!("the hub that did it ended in the middle of the step, {MOST_LOST} times");
            let failure = Failure::new(Code::Unavailable, detail);
            return hub.end_without_run(&job, &this, this.went_wrong(hub, &failure, true)).await;
        }
        // apart: together they would be as large as the largest of them, on the stack of whoever does any
        match job.kind {
            JobKind::Task => Box::pin(self.task_step(&job, &this, working)).await,
            JobKind::Event => Box::pin(self.event_step(&job, &this, working)).await,
            JobKind::Action => Box::pin(self.action_step(&job, &this, working)).await,
            JobKind::Host => Box::pin(self.host_step(&job, &this, working)).await,
            JobKind::Sync => Box::pin(self.sync_step(&job, &this, working)).await,
        }
    }

    async fn task_step(&self, job: &Job, this: &Try, working: &Working) -> Result<(), Failure> {
        let hub = &*self.0;
        let call = match self.plugin_call(job, RunKind::Job).await {
            Ok(call) => call,
            Err(failure) => return hub.fail_without_run(job, this, &failure).await,
        };
        if !call.plugin().manifest().jobs.iter().any(|known| known.kind == job.name) {
            let version = call.plugin().version();
            let detail = format!("version {version} of the plugin has no jobs of the kind `{}`", job.name);
            return hub.fail_without_run(job, this, &Failure::new(Code::NotFound, detail)).await;
        }
        let task = TaskCall {
            job: job.id.to_string(),
            kind: job.name.clone(),
            payload: job.payload.clone(),
            cursor: job.cursor.clone(),
            attempt: this.begun,
        };
        let timeout = job.timeout_ms.map(|millis| std::time::Duration::from_millis(millis.into()));
        let calling = call.plugin().step(call.invocation(timeout), task);
        let finished = hub.unless_unwanted(&call, working, calling).await;
        hub.commit_step(job, this, working, &call, finished).await
    }

    async fn event_step(&self, job: &Job, this: &Try, working: &Working) -> Result<(), Failure> {
        let hub = &*self.0;
        let event: Option<EventId> = serde_json::from_str(&job.payload).ok();
        let mut tx = hub.database.read().await?;
        let event = match event {
            Some(event) => tx.org(job.org).events().get(event).await?,
            None => None,
        };
        drop(tx);
        let Some((_, event)) = event else {
            let failure = Failure::new(Code::NotFound, "the event was cleared away before the plugin took it in");
            return hub.fail_without_run(job, this, &failure).await;
        };
        let call = match self.plugin_call(job, RunKind::Event).await {
            Ok(call) => call,
            // switched off or taken away since the event was handed on
            Err(failure) if failure.code == Code::NotInstalled => return hub.let_go_of_event(job, this).await,
            Err(failure) => return hub.fail_without_run(job, this, &failure).await,
        };
        let manifest = call.plugin().manifest();
        if !is_for(&manifest.id, &manifest.events.consumes, event.source.as_ref(), &event.kind, event.hops) {
            if hub.lacks_a_version(&manifest.id).await? {
                let detail = "a version of the plugin that takes the event in has not been loaded by this hub yet";
                return hub.fail_without_run(job, this, &Failure::new(Code::Unavailable, detail)).await;
            }
            return hub.let_go_of_event(job, this).await;
        }
        let event = EventCall {
            id: event.id.to_string(),
            kind: event.kind,
            subject: event.subject,
            source: event.source.map_or_else(|| "patchbay".to_owned(), |plugin| plugin.to_string()),
            time: u64::try_from(event.at.timestamp_millis()).unwrap_or(0),
            data: event.data.to_string(),
        };
        let calling = call.plugin().on_event(call.invocation(None), event);
        let finished = hub.unless_unwanted(&call, working, calling).await;
        hub.commit_step(job, this, working, &call, finished.map(|()| StepOutcome::Done(None))).await
    }

    /// A call into the plugin whose job it is, if the org's plan still has it.
    pub(super) async fn plugin_call(&self, job: &Job, kind: RunKind) -> Result<Call, Failure> {
        let hub = &*self.0;
        let serving = hub.callable(job.org, plugin_of(job)?).await?;
        self.check_plan_of(&Caller::hub(job.org), serving.plugin.manifest()).await?;
        let mut call = Call::new(hub, serving, kind, job.name.clone());
        call.hops = job.hops;
        Ok(call)
    }
}

/// Whose job it is.
pub(super) fn plugin_of(job: &Job) -> Result<&PluginId, Failure> {
    job.plugin.as_ref().ok_or_else(|| Failure::internal("a plugin's job names no plugin"))
}

impl Inner {
    /// Runs a call, unless the hub stops first or somebody does not want the job any more.
    pub(super) async fn unless_unwanted<T>(
        &self,
        call: &Call,
        working: &Working,
        calling: impl Future<Output = Finished<T>>,
    ) -> Finished<T> {
        let started_at = self.clock.now();
        let unwanted = || Finished {
            result: Err(Failure::new(Code::Conflict, "the job was cancelled while this step of it ran")),
            effects: patchbay_runtime::Effects::default(),
            figures: patchbay_model::run::Figures::default(),
            upstream_status: None,
            started_at,
            finished_at: self.clock.now(),
        };
        let calling = async { working.unwanted.run_until_cancelled(calling).await.unwrap_or_else(unwanted) };
        call.unless_broken_off(self, calling.instrument(call.span.clone())).await
    }

    /// Commits a step's run with what becomes of the job.
    async fn commit_step(
        &self,
        job: &Job,
        this: &Try,
        working: &Working,
        call: &Call,
        finished: Finished<StepOutcome>,
    ) -> Result<(), Failure> {
        let (finished, verdict) = self.verdict_of(this, working, finished);
        let outcome = this.outcome(self, Some(call.run), verdict);
        let leaves = self.leaves(job, call, &outcome);
        let ended = call.commit_with(self, finished, leaves).await;
        match ended.result {
            Err(failure)
                if ended.run.is_none() || failure.code == Code::Conflict && !working.unwanted.is_cancelled() =>
            {
                // no run was stored, or what came with it was not
                self.fail_without_run(job, this, &failure).await
            }
            _ => {
                measure::job_step(job.kind, &outcome.end);
                self.note_due(&outcome);
                Ok(())
            }
        }
    }

    /// What is committed with the run of a step.
    pub(super) fn leaves(&self, job: &Job, call: &Call, outcome: &JobOutcome) -> Leaves {
        let event = self.event_of(job, &outcome.end, Some(call.run));
        Leaves { job: Some(outcome.clone()), events: event.into_iter().collect(), ..Leaves::default() }
    }

    /// What a step comes to, and the call with what it gave checked.
    fn verdict_of(&self, this: &Try, working: &Working, finished: Finished<StepOutcome>) -> (Finished<()>, Verdict) {
        let Finished { result, effects, figures, upstream_status, started_at, finished_at } = finished;
        let result = result.and_then(|step| this.went_well(self, step));
        let (result, verdict) = match result {
            Ok(verdict) => (Ok(()), verdict),
            Err(failure) if working.unwanted.is_cancelled() => {
                (Err(failure), Verdict { attempts: this.attempts, end: JobEnd::Cancelled })
            }
            Err(failure) => {
                let verdict = this.went_wrong(self, &failure, is_final(&failure));
                (Err(failure), verdict)
            }
        };
        (Finished { result, effects, figures, upstream_status, started_at, finished_at }, verdict)
    }

    /// After a step that failed before there was a run, or whose run came to nothing.
    pub(super) async fn fail_without_run(&self, job: &Job, this: &Try, failure: &Failure) -> Result<(), Failure> {
        let verdict = this.went_wrong(self, failure, is_final(failure));
        self.end_without_run(job, this, verdict).await
    }

    /// Ends the job of an event that its plugin does not take in any more: nobody is told, because nobody waits for it.
    async fn let_go_of_event(&self, job: &Job, this: &Try) -> Result<(), Failure> {
        self.end_without_run(job, this, Verdict { attempts: this.attempts, end: JobEnd::Cancelled }).await
    }

    pub(super) async fn end_without_run(&self, job: &Job, this: &Try, verdict: Verdict) -> Result<(), Failure> {
        let outcome = this.outcome(self, None, verdict);
        measure::job_step(job.kind, &outcome.end);
        self.settle_job(job, outcome).await
    }
}
