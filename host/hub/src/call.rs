//! What every call into a plugin has in common: its run row, its effects, its figures.

use std::{
    fmt,
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

use patchbay_model::{
    Code, Failure, RunId,
    event::Event,
    object::ObjectChange,
    run::{Figures, Run, RunKind},
};
use patchbay_runtime::{Effects, Entitlements, Finished, Invocation, Once, Plugin, Reach, Spending};
use patchbay_storage::{Change, Committed, IdempotencyAnswer, JobOutcome, RunCommit, SyncCommit, WebhookOutcome};
use tracing::{Span, field::Empty};

use crate::{
    budgets::{Hold, Intent},
    hub::{Hub, Inner},
    measure::{self, InFlight},
    peers::{self, Callers},
    plans::gate::Admitted,
    tenant::Serving,
};

/// A call that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallFailure {
    /// The run that tells of it; none if the plugin was not called.
    pub run: Option<RunId>,
    /// Why.
    pub failure: Failure,
}

impl fmt::Display for CallFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.failure.fmt(f)
    }
}

impl std::error::Error for CallFailure {}

impl From<Failure> for CallFailure {
    fn from(failure: Failure) -> Self {
        Self { run: None, failure }
    }
}

/// One call: which version, which export, under which id.
pub(crate) struct Call {
    pub(crate) run: RunId,
    pub(crate) serving: Arc<Serving>,
    pub(crate) kind: RunKind,
    /// What the run row calls it.
    pub(crate) operation: String,
    pub(crate) span: Span,
    /// By the org's plan; none for what a vendor begins.
    pub(crate) admitted: Option<Admitted>,
    /// What it holds of the org's budgets.
    pub(crate) hold: Option<Hold>,
    /// The write that it does, if that is to be done once.
    pub(crate) once: Option<Arc<Once>>,
    /// How far the hub's storage is within its reach.
    pub(crate) reach: Reach,
    /// Set if another plugin answered it without the database.
    pub(crate) answered_alone: Arc<AtomicBool>,
    /// What it may tell of organizations' plans, if anything.
    entitlements: Option<Arc<dyn Entitlements>>,
    /// Who waits for it, if a plugin made it.
    pub(crate) callers: Option<Callers>,
    /// Through which it calls other plugins; none if its manifest names none, or it may not.
    hub: Option<Hub>,
    /// How many events led to it.
    pub(crate) hops: u32,
    /// Nobody waits for its end, so what it leaves may be committed a little later than what others wait for.
    pub(crate) is_behind: bool,
    _in_flight: InFlight,
}

/// What is committed with a call's run beside what the plugin left.
#[derive(Debug, Default)]
pub(crate) struct Leaves {
    /// What became of the webhook that it worked on.
    pub(crate) webhook: Option<WebhookOutcome>,
    /// What became of the job whose step it was.
    pub(crate) job: Option<JobOutcome>,
    /// What the hub publishes of it, also of a call that failed.
    pub(crate) events: Vec<Event>,
    /// The answer of a write that is done once.
    pub(crate) idempotency: Option<IdempotencyAnswer>,
    /// What the hub itself writes to records by what the call gave; nothing of a call that failed.
    pub(crate) object_changes: Vec<ObjectChange>,
    /// What is stored of the sync whose step it was, also of a call that failed.
    pub(crate) sync: Option<SyncCommit>,
}

/// What became of a call.
#[derive(Debug)]
pub(crate) struct Ended<T> {
    /// The run, if there is a row of it.
    pub(crate) run: Option<RunId>,
    pub(crate) result: Result<T, Failure>,
}

impl<T> Ended<T> {
    pub(crate) fn into_result(self) -> Result<T, CallFailure> {
        let run = self.run;
        self.result.map_err(|failure| CallFailure { run, failure })
    }
}

impl Call {
    pub(crate) fn new(hub: &Inner, serving: Arc<Serving>, kind: RunKind, operation: String) -> Self {
        let run = RunId::new(&*hub.clock, &*hub.random);
        let manifest = serving.plugin.manifest();
        let span = tracing::info_span!(
            "call",
            plugin.id = %manifest.id,
            plugin.version = %manifest.version,
            org.id = %serving.tenant.org,
            run.id = %run,
            kind = kind.as_str(),
            operation,
            error.type = Empty,
        );
        let in_flight = InFlight::new(&manifest.id, kind);
        let entitlements = hub.entitlements_of(serving.tenant.org, &manifest.id);
        let calls_others = !manifest.calls.is_empty();
        Self {
            run,
            serving,
            kind,
            operation,
            span,
            admitted: None,
            hold: None,
            once: None,
            reach: Reach::Full,
            answered_alone: Arc::default(),
            entitlements,
            callers: None,
            hub: calls_others.then(|| hub.this.upgrade()).flatten().map(Hub),
            hops: 0,
            is_behind: false,
            _in_flight: in_flight,
        }
    }

    pub(crate) fn plugin(&self) -> &Plugin {
        &self.serving.plugin
    }

    /// Notes that a plugin made it.
    pub(crate) fn note_callers(&mut self, callers: Callers) {
        self.hops = callers.hops;
        self.callers = Some(callers);
    }

    /// Has it call no other plugin: of what they did, nothing could be taken back.
    pub(crate) fn calls_nobody(&mut self) {
        self.hub = None;
    }

    /// How long it may take: the action's own limit, or what its caller has left if that is less.
    pub(crate) fn bounded(&self, timeout: Option<Duration>) -> Option<Duration> {
        let Some(callers) = &self.callers else { return timeout };
        let left = callers.until.saturating_duration_since(Instant::now());
        Some(timeout.map_or(left, |own| own.min(left)))
    }

    pub(crate) fn invocation(&self, timeout: Option<Duration>) -> Invocation {
        let spending = self.hold.clone().map(|hold| Arc::new(hold) as Arc<dyn Spending>);
        let once = self.once.clone();
        let entitlements = self.entitlements.clone();
        let peers = self.hub.clone().map(|hub| peers::peers_of(hub, self));
        let (tenant, reach) = (Arc::clone(&self.serving.tenant), self.reach);
        Invocation { tenant, run: self.run, timeout, spending, entitlements, peers, once, reach }
    }

    /// Reserves what the call may use of the org's budgets. What the caller learns if it may not begin.
    pub(crate) async fn reserve<T>(&mut self, hub: &Inner, intent: Intent) -> Result<(), Ended<T>> {
        let Some(admitted) = &self.admitted else { return Ok(()) };
        match Hold::reserve(hub, admitted, self.run, self.plugin().manifest(), intent).await {
            Ok(hold) => {
                self.hold = hold;
                Ok(())
            }
            Err(failure) => Err(self.ended(None, Err(failure), Duration::ZERO)),
        }
    }

    /// Runs the call, unless the hub stops first: what it did is then unknown but not that it was made.
    pub(crate) async fn unless_broken_off<T>(
        &self,
        hub: &Inner,
        calling: impl Future<Output = Finished<T>>,
    ) -> Finished<T> {
        let started_at = hub.clock.now();
        hub.break_off.run_until_cancelled(calling).await.unwrap_or_else(|| Finished {
            result: Err(Failure::new(Code::Unavailable, "the hub stopped while the call ran")),
            effects: Effects::default(),
            figures: Figures::default(),
            upstream_status: None,
            started_at,
            finished_at: hub.clock.now(),
        })
    }

    /// Commits the run with what it leaves behind, and gives what the caller learns. `webhook` is settled
    /// in the same transaction. The run's row is there when this comes back, except for a call that the
    /// runtime had no room to begin.
    pub(crate) async fn commit<T>(
        &self,
        hub: &Inner,
        finished: Finished<T>,
        webhook: Option<WebhookOutcome>,
    ) -> Ended<T> {
        self.commit_with(hub, finished, Leaves { webhook, ..Leaves::default() }).await
    }

    /// As [`Call::commit`], with whatever else belongs in the same transaction.
    pub(crate) async fn commit_with<T>(&self, hub: &Inner, finished: Finished<T>, leaves: Leaves) -> Ended<T> {
        let Finished { result, effects, figures, upstream_status, started_at, finished_at } = finished;
        hub.note_answers(&self.serving, &effects.answered, result.as_ref().err().map(|failure| failure.code));
        let began = !matches!(&result, Err(failure) if is_a_refusal(failure.code)) || figures.host_calls > 0;
        if !began {
            if let Some(hold) = &self.hold {
                hold.release().await;
            }
            return self.ended(None, result, Duration::ZERO);
        }
        let manifest = self.plugin().manifest();
        let failure = result.as_ref().err();
        let Effects { usage, mut events, changes, mut object_changes, mut jobs, sync_hints, log, .. } = effects;
        object_changes.extend(leaves.object_changes);
        for event in &mut events {
            event.hops = self.hops;
        }
        for job in &mut jobs {
            job.hops = self.hops;
        }
        let run = Run {
            id: self.run,
            org: self.serving.tenant.org,
            plugin: manifest.id.clone(),
            version: manifest.version.to_string(),
            digest: self.plugin().digest(),
            kind: self.kind,
            operation: self.operation.clone(),
            parent: self.callers.as_ref().map(|callers| callers.parent),
            error_code: failure.map(|failure| failure.code.as_str().to_owned()),
            error_detail: failure.map(told),
            upstream_status,
            figures,
            log,
            started_at,
            finished_at,
        };
        let succeeded = result.is_ok();
        let published = if succeeded { events } else { Vec::new() };
        let jobs = if succeeded { jobs } else { Vec::new() };
        // whoever is told of what has changed at a vendor is woken with it
        let wakes_sync =
            succeeded && !sync_hints.is_empty() || leaves.sync.as_ref().is_some_and(|sync| !sync.outbox_add.is_empty());
        let first_due = jobs.iter().map(|job| job.due_at).chain(wakes_sync.then_some(finished_at)).min();
        let standing = hub.standing_at_the_end(self, &usage).await;
        let counted = hub.counted(self, &usage);
        let is_kept = |collection: &str| succeeded && manifest.kept_in_memory().any(|kept| kept == collection);
        let kept: Vec<_> = changes.iter().filter(|change| is_kept(&change.collection)).cloned().collect();
        let whose = (self.serving.tenant.org, manifest.id.clone());
        let told = match kept.is_empty() {
            true => Vec::new(),
            false => vec![Change::Documents { org: whose.0, plugin: whose.1.clone() }],
        };
        let commit = RunCommit {
            run,
            spent: hub.spent_by(self, standing.as_deref(), &usage).await,
            usage,
            events: published.into_iter().chain(leaves.events).collect(),
            plugin_changes: if succeeded { changes } else { Vec::new() },
            object_changes: if succeeded { object_changes } else { Vec::new() },
            hops: self.hops,
            webhook: leaves.webhook,
            job: leaves.job,
            jobs,
            idempotency: leaves.idempotency,
            sync: leaves.sync,
            sync_hints: if succeeded { sync_hints } else { Vec::new() },
            told,
        };
        let took = Duration::from_micros(figures.wall_us);
        let committed = match self.is_behind {
            true => hub.journal.commit_behind(commit).await,
            false => hub.journal.commit(commit).await,
        };
        if let (Ok(_), Some(standing)) = (&committed, &standing) {
            standing.tally.add_all(&counted);
        }
        if !kept.is_empty() {
            match &committed {
                Ok(Committed::All) => hub.documents_written(&whose, finished_at, &kept).await,
                Ok(_) => {}
                // it may be stored all the same
                Err(_) => hub.documents_changed(whose),
            }
        }
        if let (Ok(Committed::All), Some(due_at)) = (&committed, first_due) {
            hub.jobs.due_at(due_at);
        }
        match committed {
            Ok(Committed::All) => self.ended(Some(self.run), result, took),
            Ok(Committed::Conflict { collection, id }) => {
                let detail =
                    format!("another call changed the document {id:?} of the collection {collection:?} meanwhile");
                self.ended(Some(self.run), Err(Failure::new(Code::Conflict, detail)), took)
            }
            Ok(Committed::WebhookLost) => {
                let detail = "the work took longer than the webhook's lease, and was taken up anew meanwhile";
                self.ended(Some(self.run), Err(Failure::new(Code::Conflict, detail)), took)
            }
            Ok(Committed::JobLost) => {
                let detail = "the job was taken up anew while this step of it ran, because its lease was not prolonged";
                self.ended(Some(self.run), Err(Failure::new(Code::Conflict, detail)), took)
            }
            Err(error) => self.ended(None, Err(error.into()), took),
        }
    }

    /// Ends a call that succeeded and of which nothing need be kept: no row tells of it, and it is measured like any other.
    pub(crate) fn end_unrecorded<T>(&self, hub: &Inner, finished: Finished<T>) -> Ended<T> {
        let Finished { result, effects, figures, .. } = finished;
        hub.note_answers(&self.serving, &effects.answered, result.as_ref().err().map(|failure| failure.code));
        self.ended(None, result, Duration::from_micros(figures.wall_us))
    }

    fn ended<T>(&self, run: Option<RunId>, result: Result<T, Failure>, took: Duration) -> Ended<T> {
        let code = result.as_ref().err().map(|failure| failure.code);
        measure::called(&self.plugin().manifest().id, self.kind, code, took);
        if let Err(failure) = &result {
            self.span.record("error.type", failure.code.as_str());
            let _entered = self.span.enter();
            tracing::info!(error = %failure, "call failed");
        }
        Ended { run, result }
    }
}

/// Codes of calls that the runtime had no room for.
const fn is_a_refusal(code: Code) -> bool {
    matches!(code, Code::ConcurrencyLimited | Code::Overloaded)
}

/// What the caller was told, for the run row: without what is for our log only.
pub(crate) fn told(failure: &Failure) -> String {
    let external = Failure { internal: None, ..failure.clone() };
    if external.detail.is_empty() && external.violations.is_empty() {
        return external.code.title().to_owned();
    }
    let text = external.to_string();
    text.strip_prefix(external.code.as_str()).unwrap_or(&text).trim_start_matches([':', ';', ' ']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_row_holds_what_the_caller_was_told_and_nothing_else() {
        let failure = Failure::new(Code::PluginTrapped, "unreachable").with_internal("backtrace");
        assert_eq!(told(&failure), "unreachable");
        assert_eq!(told(&Failure::internal("disk full")), "Internal error");
        assert_eq!(told(&Failure::violation("/model", "a string")), "at \"/model\": a string");
    }
}
