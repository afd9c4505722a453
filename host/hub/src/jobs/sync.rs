//! A step of a job that drives a sync.
//!
//! What is to be done is read anew at each step ([`crate::sync::step`]), so the job has no cursor of its own, and one that has
//! failed is followed by another that goes on where it was. A vendor that asks for a pause costs no try; a connection that
//! somebody has to mend ends the job at once, for no try would help.
//!
//! What is live goes first, so what is live and fails again and again would hold up all else. After some tries it is asked for
//! one by one, and the one that the plugin or its vendor does not take is told and set aside.

mod live;

use std::sync::Arc;

use patchbay_model::{
    Code, Failure,
    job::Job,
    object::StandardObject,
    run::RunKind,
    sync::{Direction, SyncCounts, SyncFailure, SyncRun, SyncStatus},
};
use patchbay_package::{Manifest, manifest::sync::SyncDecl};
use patchbay_runtime::Finished;
use patchbay_storage::{JobEnd, JobOutcome, SyncCommit};

use self::live::{Live, is_about_what_was_asked};
use super::{
    outcome::{Try, Verdict, is_final, kept},
    step::plugin_of,
    underway::Working,
};
use crate::{
    backoff,
    call::{Call, Leaves},
    hub::{Hub, Inner},
    measure,
    sync::{
        Sync, declared, direction_of,
        ends::{counted, is_in_the_way},
        place::{Phase, Place},
        pull,
        push::Push,
        step::{Ask, Next, Stepped, Then},
    },
};

/// A job that drives a sync has none: it is what the database says.
const NO_CURSOR: &str = "{}";

/// What a step is about.
struct At<'a> {
    job: &'a Job,
    this: &'a Try,
    working: &'a Working,
    sync: &'a Sync,
    /// The run that goes on, if one does.
    run: Option<&'a SyncRun>,
    live: &'a Live,
}

impl Hub {
    pub(super) async fn sync_step(&self, job: &Job, this: &Try, working: &Working) -> Result<(), Failure> {
        let hub = &*self.0;
        let object: StandardObject = job.name.parse().map_err(Failure::internal)?;
        let Some((sync, next)) = hub.next_of_sync(job.org, plugin_of(job)?, object).await? else {
            // taken away with its installation
            let verdict = Verdict { attempts: this.attempts, end: JobEnd::Cancelled };
            return hub.end_without_run(job, this, verdict).await;
        };
        let at = At { job, this, working, sync: &sync, run: None, live: &Live::default() };
        let alone = match &next {
            Next::Rest => {
                let mut stepped = Stepped::of(sync.commit(), Then::Rest);
                stepped.commit.only_if_wanted = Some(sync.state.wanted);
                stepped
            }
            Next::Forget(hints) => {
                let mut stepped = Stepped::of(sync.commit(), Then::Again(None));
                stepped.commit.hints_done.clone_from(hints);
                stepped
            }
            Next::Stop(run) => hub.stop_run(&sync, run),
            Next::Finish(run, place) => {
                let mut stepped = hub.finish_run(&sync, run, place, SyncCounts::default(), place.has_read());
                // under other settings it may not have done all
                stepped.commit.only_if_wanted = Some(sync.state.wanted);
                stepped
            }
            Next::Offer(run, place, ids) => hub.offer(&sync, run, place, ids.clone())?,
            Next::Begin(_) | Next::Pull(_) | Next::Push(..) => {
                return Box::pin(self.sync_call(job, this, working, &sync, next)).await;
            }
        };
        hub.commit_sync_alone(&at, stepped_end(hub, this, alone)).await
    }

    /// A step for which the plugin is needed.
    async fn sync_call(
        &self,
        job: &Job,
        this: &Try,
        working: &Working,
        sync: &Sync,
        mut next: Next,
    ) -> Result<(), Failure> {
        let hub = &*self.0;
        let live = Live::of(&mut next, this);
        let run = match &next {
            Next::Begin(run) => Some(run.clone()),
            Next::Pull(ask) => ask.run().cloned().map(Box::new),
            Next::Push(_, run) => run.clone(),
            _ => None,
        };
        let at = At { job, this, working, sync, run: run.as_deref(), live: &live };
        let call = match self.plugin_call(job, RunKind::Job).await {
            Ok(call) => call,
            Err(failure) => return hub.sync_failed_alone(&at, &failure).await,
        };
        let serving = Arc::clone(&call.serving);
        if let Some(failure) = hub.with_foreign_tokens(sync, &serving).await? {
            return hub.sync_failed_alone(&at, &failure).await;
        }
        let manifest = serving.plugin.manifest();
        let Some(decl) = declared(manifest, sync.object()) else {
            let failure = hub.no_such_sync(manifest, sync.object()).await?;
            return hub.sync_failed_alone(&at, &failure).await;
        };
        match next {
            Next::Begin(run) => {
                let every_s = hub.sync_every_s(job.org, &sync.state).await?;
                let stepped = hub.begin_run(sync, &run, decl, every_s)?;
                hub.commit_sync_alone(&at, stepped_end(hub, this, stepped)).await
            }
            Next::Pull(ask) => match direction_of(&sync.state, decl).is_some_and(Direction::is_inward) {
                true => Box::pin(hub.sync_pull(&at, &call, decl, ask)).await,
                false => {
                    let stepped = hub.not_asked(sync, ask)?;
                    hub.commit_sync_alone(&at, stepped_end(hub, this, stepped)).await
                }
            },
            Next::Push(rows, _) => Box::pin(hub.sync_push(&at, call, decl, rows)).await,
            _ => Ok(()),
        }
    }
}

/// A step, with what becomes of the job by it.
struct End {
    verdict: Verdict,
    stepped: Stepped,
}

/// After a step that ended well. The next has all its tries.
fn stepped_end(hub: &Inner, this: &Try, stepped: Stepped) -> End {
    let end = match stepped.then {
        Then::Again(percent) => {
            let progress = percent.map(|percent| percent.min(100).saturating_mul(10));
            JobEnd::Again { cursor: NO_CURSOR.to_owned(), progress }
        }
        Then::Later(pause) => {
            let pause = chrono::Duration::from_std(pause).unwrap_or(chrono::Duration::hours(24));
            JobEnd::Later { due_at: hub.clock.now() + pause, error: None }
        }
        Then::Rest => JobEnd::Done(None),
    };
    let attempts = match end {
        JobEnd::Done(_) => this.attempts,
        _ => 0,
    };
    End { verdict: Verdict { attempts, end }, stepped }
}

impl Inner {
    async fn no_such_sync(&self, manifest: &Manifest, object: StandardObject) -> Result<Failure, Failure> {
        let (id, version) = (&manifest.id, &manifest.version);
        if self.lacks_a_version(id).await? {
            let detail = "a version of the plugin that has the sync has not been loaded by this hub yet";
            return Ok(Failure::new(Code::Unavailable, detail));
        }
        let detail = format!("version {version} of `{id}` has no sync of the object `{object}`");
        Ok(Failure::new(Code::NotFound, detail))
    }

    /// What a question comes to that the plugin cannot be asked: nothing comes from its vendor.
    fn not_asked(&self, sync: &Sync, ask: Ask) -> Result<Stepped, Failure> {
        match ask {
            Ask::Hints(hints, _) => {
                let mut stepped = Stepped::of(sync.commit(), Then::Again(None));
                stepped.commit.hints_done = hints;
                Ok(stepped)
            }
            Ask::Page(run, place) | Ask::Unseen(run, place, _) => {
                let phase = Phase::Here { after: None, version: sync.state.version, has_read: false };
                self.offer(sync, &run, &Place { phase, ..place }, Vec::new())
            }
        }
    }

    /// Asks the plugin for something, and takes it over.
    async fn sync_pull(&self, at: &At<'_>, call: &Call, decl: &SyncDecl, ask: Ask) -> Result<(), Failure> {
        let question = pull::question(at.sync, decl, &ask);
        let calling = call.plugin().pull(call.invocation(None), question);
        let finished = self.unless_unwanted(call, at.working, calling).await;
        let Finished { result, mut effects, figures, upstream_status, started_at, finished_at } = finished;
        // what a vendor has reaches records through the engine alone
        effects.object_changes.clear();
        let version = call.plugin().version().to_string();
        let (result, anew) = match result {
            Ok(page) => (Box::pin(self.take_page(call, at.sync, decl, ask, page)).await, None),
            Err(failure) => {
                let beginning = pull::beginning(&ask, &failure, &version);
                let anew = at.run.zip(beginning).and_then(|(run, place)| self.begin_anew(at.sync, run, &place));
                (Err(failure), anew)
            }
        };
        let finished = Finished { result, effects, figures, upstream_status, started_at, finished_at };
        self.commit_sync(at, call, finished, anew).await
    }

    /// Has the plugin write what has changed here.
    async fn sync_push(
        &self,
        at: &At<'_>,
        call: Call,
        decl: &SyncDecl,
        rows: Vec<(String, u64)>,
    ) -> Result<(), Failure> {
        let planned = match Box::pin(self.plan_push(call, at.sync, decl, rows)).await {
            Ok(planned) => planned,
            Err(failure) => return self.sync_failed_alone(at, &failure).await,
        };
        match planned {
            Push::Quiet(mut stepped) => {
                self.count_for_run(at, &mut stepped);
                self.commit_sync_alone(at, stepped_end(self, at.this, *stepped)).await
            }
            Push::Asked(asked) => {
                let (call, finished) = (asked.call, asked.finished);
                let finished = finished.map(|mut stepped| {
                    self.count_for_run(at, &mut stepped);
                    stepped
                });
                self.commit_sync(at, &call, finished, None).await
            }
            Push::Write(writes) => {
                let asked = writes.asked();
                let (call, planned) = (writes.call, writes.planned);
                let calling = call.plugin().push(call.invocation(None), &decl.resource, asked);
                let finished = self.unless_unwanted(&call, at.working, calling).await;
                let Finished { result, mut effects, figures, upstream_status, started_at, finished_at } = finished;
                effects.object_changes.clear();
                let result = match result {
                    Ok(pushed) => Box::pin(self.settle_push(&call, at.sync, decl, planned, pushed)).await,
                    Err(failure) => Err(failure),
                };
                let result = result.map(|mut stepped| {
                    self.count_for_run(at, &mut stepped);
                    stepped
                });
                let finished = Finished { result, effects, figures, upstream_status, started_at, finished_at };
                self.commit_sync(at, &call, finished, None).await
            }
        }
    }

    /// What is written while a run goes on counts for it.
    fn count_for_run(&self, at: &At<'_>, stepped: &mut Stepped) {
        if let Some(run) = at.run {
            stepped.commit.run = Some(counted(run, stepped.counts, self.clock.now()));
        }
    }

    /// Commits a step that called the plugin. `anew`: what it comes to although it failed.
    async fn commit_sync(
        &self,
        at: &At<'_>,
        call: &Call,
        finished: Finished<Stepped>,
        anew: Option<Stepped>,
    ) -> Result<(), Failure> {
        let Finished { result, mut effects, figures, upstream_status, started_at, finished_at } = finished;
        let (result, end) = match result {
            Ok(stepped) => (Ok(()), stepped_end(self, at.this, stepped)),
            Err(failure) => {
                let end = match anew {
                    Some(stepped) => stepped_end(self, at.this, stepped),
                    None => self.sync_went_wrong(at, &failure),
                };
                (Err(failure), end)
            }
        };
        let End { verdict, stepped } = end;
        let Stepped { mut commit, records, hints, events, counts, .. } = stepped;
        // what the vendor said was said of this account's ids
        commit.account.clone_from(&at.sync.state.account);
        effects.sync_hints.extend(hints);
        let ended_as = ended_as(&commit);
        let outcome = at.this.outcome(self, Some(call.run), verdict);
        let events = events.into_iter().chain(self.event_of(at.job, &outcome.end, Some(call.run))).collect();
        let leaves = Leaves {
            job: Some(outcome.clone()),
            events,
            object_changes: records,
            sync: Some(commit),
            ..Leaves::default()
        };
        let finished = Finished { result, effects, figures, upstream_status, started_at, finished_at };
        let ended = call.commit_with(self, finished, leaves).await;
        match ended.result {
            // somebody wrote one of the records or links meanwhile: with what is there now, and soon
            Err(failure) if failure.code == Code::Conflict && ended.run.is_some() => {
                self.sync_again(at, &failure).await
            }
            // no run was stored
            Err(failure) if ended.run.is_none() => self.sync_failed_alone(at, &failure).await,
            _ => {
                self.sync_measured(at, &outcome, &counts, ended_as);
                Ok(())
            }
        }
    }

    /// Commits a step that called nobody.
    async fn commit_sync_alone(&self, at: &At<'_>, end: End) -> Result<(), Failure> {
        let End { verdict, stepped } = end;
        let outcome = at.this.outcome(self, None, verdict);
        let event = self.event_of(at.job, &outcome.end, None);
        let mut tx = self.database.begin().await?;
        let mut ours = tx.org(at.job.org);
        // the sync before its job, as whoever wakes it does
        if !ours.syncs().settle(&stepped.commit, outcome.at).await? {
            drop(tx);
            let again = Verdict { attempts: 0, end: JobEnd::Again { cursor: NO_CURSOR.to_owned(), progress: None } };
            return self.settle_job(at.job, at.this.outcome(self, None, again)).await;
        }
        // somebody else has taken it up
        let Some(lane) = ours.jobs().write_outcome(&outcome).await? else { return Ok(()) };
        for event in stepped.events.iter().chain(&event) {
            ours.events().append(event).await?;
        }
        ours.jobs().wake(lane).await?;
        tx.commit().await?;
        self.sync_measured(at, &outcome, &stepped.counts, ended_as(&stepped.commit));
        Ok(())
    }

    /// Counts a step that is stored, and tells the worker when the job goes on.
    fn sync_measured(&self, at: &At<'_>, outcome: &JobOutcome, counts: &SyncCounts, ended_as: Option<SyncStatus>) {
        let (plugin, object) = (at.sync.plugin(), at.sync.object());
        measure::job_step(at.job.kind, &outcome.end);
        measure::synced(plugin, object, counts);
        if let Some(status) = ended_as {
            measure::sync_ended(plugin, object, status.as_str());
        }
        self.note_due(outcome);
    }

    /// After a step that came to nothing because others wrote meanwhile. It is done again at once, but not for ever.
    async fn sync_again(&self, at: &At<'_>, failure: &Failure) -> Result<(), Failure> {
        if at.working.unwanted.is_cancelled() || at.this.attempts >= at.this.most_attempts {
            return self.sync_failed_alone(at, failure).await;
        }
        let due_at = self.clock.now() + backoff::wait_for_room(&*self.random) / 4;
        let end = JobEnd::Later { due_at, error: Some(kept(failure)) };
        let verdict = Verdict { attempts: at.this.attempts, end };
        measure::job_step(at.job.kind, &verdict.end);
        self.settle_job(at.job, at.this.outcome(self, None, verdict)).await
    }

    /// After a step that failed before there was a run, or whose run came to nothing.
    async fn sync_failed_alone(&self, at: &At<'_>, failure: &Failure) -> Result<(), Failure> {
        let end = self.sync_went_wrong(at, failure);
        self.commit_sync_alone(at, end).await
    }

    /// What a step comes to that failed. The run fails with its job; what was to be done is still to be done, by whom it wakes next.
    fn sync_went_wrong(&self, at: &At<'_>, failure: &Failure) -> End {
        let verdict = self.sync_verdict(at, failure);
        if let (JobEnd::Failed(code, detail), Some(one)) = (&verdict.end, at.live.one())
            && is_about_what_was_asked(failure)
        {
            let mut stepped = Stepped::of(at.sync.commit(), Then::Again(None));
            stepped.commit.hints_done.clone_from(&at.live.hints);
            stepped.commit.outbox_done.clone_from(&at.live.rows);
            stepped.commit.failures.push(SyncFailure { code: code.clone(), detail: detail.clone(), ..one });
            stepped.counts.failed = 1;
            return stepped_end(self, at.this, stepped);
        }
        let stepped = match (&verdict.end, at.run) {
            (JobEnd::Failed(..) | JobEnd::Cancelled, Some(run)) if !at.working.unwanted.is_cancelled() => {
                self.fail_run(at.sync, run, failure, SyncCounts::default())
            }
            _ => Stepped::of(at.sync.commit(), Then::Rest),
        };
        End { verdict, stepped }
    }

    fn sync_verdict(&self, at: &At<'_>, failure: &Failure) -> Verdict {
        let this = at.this;
        if at.working.unwanted.is_cancelled() || is_in_the_way(failure.code) {
            return Verdict { attempts: this.attempts, end: JobEnd::Cancelled };
        }
        let is_pause = failure.code == Code::UpstreamRateLimited && failure.retry_after.is_some();
        if is_pause {
            // as if the vendor had been asked for its pause
            let pause = Failure { code: Code::VendorRateLimited, ..failure.clone() };
            return this.went_wrong(self, &pause, false);
        }
        // of several it may be one that would fail in the same way
        this.went_wrong(self, failure, is_final(failure) && !at.live.several())
    }
}

/// How a run ends with a step, if it does.
fn ended_as(commit: &SyncCommit) -> Option<SyncStatus> {
    commit.run.as_ref().map(|run| run.status).filter(|status| status.has_ended())
}
