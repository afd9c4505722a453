//! What becomes of a job after a step: which failures are tried again, when, and what is published when it has ended.

use std::time::Duration;

use patchbay_model::{
    Code, Failure, JobId, RunId, Timestamp,
    event::Event,
    job::{self, Job, JobKind, MOST_BYTES},
};
use patchbay_runtime::StepOutcome;
use patchbay_storage::{JobEnd, JobOutcome};
use serde_json::json;
use uuid::Uuid;

use crate::{
    backoff,
    call::told,
    events::own::{Fact, Own},
    hub::Inner,
};

/// How much of a failure's text is kept, in characters.
const MOST_DETAIL_CHARS: usize = 1_000;
/// A vendor is not waited for longer than this, however long it asks for.
const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 3600);
/// For so long after a job was made no try is spent where there is no room for it: what is held back for longer may be held
/// back for good, and a step each second for ever helps nobody.
const PATIENCE: chrono::Duration = chrono::Duration::days(7);
/// The longest that a plugin puts a step off.
const LONGEST_LATER_MS: u64 = job::MOST_DELAY_MS;

/// A try of a step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Try {
    pub(super) id: JobId,
    pub(super) lease: Uuid,
    /// Those that ended, and this one.
    pub(super) attempts: u32,
    /// With those whose hub ended in the middle, as well.
    pub(super) begun: u32,
    pub(super) most_attempts: u32,
    pub(super) started_at: Timestamp,
    /// When the job was made.
    pub(super) created_at: Timestamp,
}

/// What becomes of the job, before it is known how its run is committed.
#[derive(Debug, Clone)]
pub(super) struct Verdict {
    pub(super) attempts: u32,
    pub(super) end: JobEnd,
}

impl Try {
    /// As it is written.
    pub(super) fn outcome(&self, hub: &Inner, run: Option<RunId>, verdict: Verdict) -> JobOutcome {
        let Self { id, lease, started_at, .. } = *self;
        let Verdict { attempts, end } = verdict;
        JobOutcome { id, lease, attempts, run, started_at, at: hub.clock.now(), end }
    }

    /// After a step that ended well.
    pub(super) fn went_well(&self, hub: &Inner, step: StepOutcome) -> Result<Verdict, Failure> {
        let end = match step {
            StepOutcome::Done(result) => {
                JobEnd::Done(result.map(|result| checked(result, "the result of a job")).transpose()?)
            }
            StepOutcome::Again(cursor, progress) => JobEnd::Again {
                cursor: checked(cursor, "the cursor of a job")?,
                progress: progress.map(|progress| progress.min(1_000)),
            },
            StepOutcome::Later(wait) => {
                let wait = Duration::from_millis(wait.min(LONGEST_LATER_MS));
                JobEnd::Later { due_at: hub.clock.now() + wait, error: None }
            }
        };
        // the next step has all its tries, and so has this one if nothing went wrong
        Ok(Verdict { attempts: 0, end })
    }

    /// After a step that failed. `is_final`: another try would help nobody.
    pub(super) fn went_wrong(&self, hub: &Inner, failure: &Failure, is_final: bool) -> Verdict {
        let error = kept(failure);
        let now = hub.clock.now();
        let asked = failure.retry_after.map(|wait| wait.min(LONGEST_PAUSE));
        let is_young = now - self.created_at < PATIENCE;
        let stopped = hub.stop.is_cancelled() && failure.code == Code::Unavailable;
        if is_young && had_no_room(failure.code) || stopped || hub.break_off.is_cancelled() {
            let wait = asked.map_or_else(|| backoff::wait_for_room(&*hub.random), |asked| at_least(asked, hub));
            let attempts = self.attempts.saturating_sub(1);
            return Verdict { attempts, end: JobEnd::Later { due_at: now + wait, error: Some(error) } };
        }
        let attempts = self.attempts;
        if is_final || attempts >= self.most_attempts {
            return Verdict { attempts, end: JobEnd::Failed(error.0, error.1) };
        }
        let planned = backoff::wait_after(failure.code, attempts, &*hub.random);
        let wait = asked.map_or(planned, |asked| planned.max(at_least(asked, hub)));
        Verdict { attempts, end: JobEnd::Later { due_at: now + wait, error: Some(error) } }
    }
}

/// What is kept of a failure: its code and what a caller may be told.
pub(super) fn kept(failure: &Failure) -> (String, String) {
    (failure.code.as_str().to_owned(), told(failure).chars().take(MOST_DETAIL_CHARS).collect())
}

/// What was asked for, and a little more, so that not all come back in one moment.
fn at_least(asked: Duration, hub: &Inner) -> chrono::Duration {
    chrono::Duration::from_std(asked).unwrap_or(chrono::Duration::hours(24)) + backoff::wait_for_room(&*hub.random) / 4
}

fn checked(text: String, what: &str) -> Result<String, Failure> {
    if text.len() > MOST_BYTES {
        let detail = format!("{what} has at most {MOST_BYTES} bytes; this has {}", text.len());
        return Err(Failure::new(Code::PluginOutputTooLarge, detail));
    }
    serde_json::from_str::<serde::de::IgnoredAny>(&text)
        .map_err(|_| Failure::new(Code::PluginOutputInvalid, format!("{what} is not JSON")))?;
    Ok(text)
}

/// True for failures that are the hub's lack of room, or a pause that it was asked to make: no try is spent on those while
/// the job is young.
const fn had_no_room(code: Code) -> bool {
    matches!(
        code,
        Code::ConcurrencyLimited
            | Code::Overloaded
            | Code::RateLimited
            | Code::VendorRateLimited
            | Code::IdempotencyInProgress
    )
}

/// True if the same step would fail in the same way, as far as that can be known: what was asked for is wrong, not allowed, or
/// not there.
pub(super) fn is_final(failure: &Failure) -> bool {
    if let Some(upstream) = &failure.upstream {
        return (400..500).contains(&upstream.status) && !matches!(upstream.status, 408 | 409 | 423 | 425 | 429);
    }
    matches!(
        failure.code,
        Code::InvalidInput
            | Code::MalformedJson
            | Code::PayloadTooLarge
            | Code::ScopeMissing
            | Code::Forbidden
            | Code::NotFound
            | Code::ActionNotFound
            | Code::PlanRequired
            | Code::PluginDenied
            | Code::EgressDenied
            | Code::EgressAddressDenied
            | Code::PluginOutputTooLarge
            | Code::PluginOutputInvalid
            | Code::IdempotencyOutcomeUnknown
            | Code::IdempotencyAnswerNotKept
    )
}

impl Inner {
    /// What is published when a job ends so: of an action how it ended, of everything else but events that it failed.
    pub(super) fn event_of(&self, job: &Job, end: &JobEnd, run: Option<RunId>) -> Option<Event> {
        let (own, error) = match (end, job.kind) {
            (JobEnd::Done(_), JobKind::Action) => (Own::JobCompleted, None),
            (JobEnd::Failed(..), JobKind::Event) => return None,
            (JobEnd::Failed(code, detail), _) => (Own::JobFailed, Some(json!({ "code": code, "detail": detail }))),
            _ => return None,
        };
        let mut data = json!({ "job": job.id, "kind": job.kind, "plugin": job.plugin, "name": job.name, "run": run });
        if let (Some(error), Some(members)) = (error, data.as_object_mut()) {
            members.insert("error".to_owned(), error);
        }
        let fact = Fact { org: job.org, subject: job.id.to_string(), data, dedupe: None, at: self.clock.now() };
        Some(Event { run, hops: job.hops, ..own.event(fact, &*self.clock, &*self.random) })
    }

    /// Writes down what became of a step that left no run behind, with what is published of it. Nothing if somebody else has
    /// taken the job up since.
    pub(super) async fn settle_job(&self, job: &Job, outcome: JobOutcome) -> Result<(), Failure> {
        let event = self.event_of(job, &outcome.end, outcome.run);
        let mut tx = self.database.begin().await?;
        if tx.org(job.org).jobs().settle_and_tell(&outcome, event.as_ref()).await? {
            tx.commit().await?;
            self.note_due(&outcome);
        }
        Ok(())
    }

    /// Tells the worker when a job goes on.
    pub(super) fn note_due(&self, outcome: &JobOutcome) {
        match &outcome.end {
            JobEnd::Later { due_at, .. } => self.jobs.due_at(*due_at),
            JobEnd::Again { .. } => self.jobs.due_at(outcome.at),
            JobEnd::Done(_) | JobEnd::Failed(..) | JobEnd::Cancelled => {}
        }
    }
}
