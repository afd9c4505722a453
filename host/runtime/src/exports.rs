//! Calls into a plugin, one method per export. What goes in and comes out is in `messages.rs`.
//!
//! Every call gets a fresh instance: what one call leaves in memory no other call can find, neither of the
//! same org nor of another. Reusing instances would save some 40 µs and cost that promise.

mod messages;
mod syncs;

use std::{sync::Arc, time::Duration};

use patchbay_model::{Code, Failure, Timestamp, Violation, run::RunKind};
use wasmtime::Store;

pub use self::messages::{
    ActionCall, ActionOutput, Answer, EventCall, Invocation, ProxyCall, Receipt, StepOutcome, SyncChange, SyncField,
    SyncFieldKind, SyncItem, SyncPage, SyncPull, SyncPushed, SyncScope, SyncWrite, SyncWritten, TaskCall, Verdict,
    WebhookCall,
};
use crate::{
    bindings::{exports::patchbay::connector as contract, types},
    call::{self, CallInit, CallState},
    capabilities::{reply::ReplySender, source::Source},
    connector::Connector,
    limits::Stop,
    outcome::{self, Finished},
    plugin::Plugin,
};

/// How long a call waits for a free instance.
const CAPACITY_WAIT: Duration = Duration::from_secs(1);

/// What an export gives: the outer error is a trap, the inner one the guest's own.
type Given<T> = wasmtime::Result<Result<T, types::Error>>;

impl Plugin {
    /// Runs one export in an instance of its own.
    async fn run<T>(
        &self,
        kind: RunKind,
        call: Invocation,
        export: impl AsyncFnOnce(&Connector, &mut Store<CallState>) -> Given<T>,
    ) -> Finished<T> {
        self.run_as_of(None, kind, call, export).await
    }

    /// The same; the guest is told that it is this time.
    async fn run_as_of<T>(
        &self,
        as_of: Option<Timestamp>,
        kind: RunKind,
        call: Invocation,
        export: impl AsyncFnOnce(&Connector, &mut Store<CallState>) -> Given<T>,
    ) -> Finished<T> {
        let shared = &self.shared;
        let refused = |failure| Finished::refused(failure, shared.services.clock.now());
        let Ok(_permit) = Arc::clone(&call.tenant.share.permits).try_acquire_owned() else {
            let detail = format!("at most {} calls of this plugin run at once", self.limits.concurrency);
            return refused(Failure::new(Code::ConcurrencyLimited, detail).retry_after(Duration::from_secs(1)));
        };
        let org = Arc::clone(&call.tenant.share.org);
        let Some(_org_permit) = org.enter() else {
            let detail = format!("at most {} calls of this organization run at once", org.limit());
            return refused(Failure::new(Code::ConcurrencyLimited, detail).retry_after(Duration::from_secs(1)));
        };
        let Ok(Some(_room)) = tokio::time::timeout(CAPACITY_WAIT, shared.room.enter(&org)).await else {
            return refused(Failure::new(Code::Overloaded, "").retry_after(Duration::from_secs(1)));
        };
        let mut limits = self.limits.clone();
        limits.timeout = self.timeout(kind, call.timeout);
        let timeout = limits.timeout;
        let conduct = Arc::clone(&call.tenant.share.conduct);
        let state = CallState::new(CallInit {
            run: call.run,
            tenant: call.tenant,
            grants: Arc::clone(&self.grants),
            services: Arc::clone(&shared.services),
            limits,
            spending: call.spending,
            entitlements: call.entitlements,
            peers: call.peers,
            once: call.once,
            reach: call.reach,
            as_of,
        });
        let mut store = call::store(self.engine(), state);
        let ended = {
            let work = async {
                let instance = self.pre.instantiate(&mut store).await?;
                export(&instance, &mut store).await
            };
            // guest code is stopped by the epoch; these stop a wait in the host
            tokio::time::timeout(timeout, org.gone.run_until_cancelled(work)).await
        };
        let mut state = store.into_data();
        let (broke_off, cut) = (state.broke_off.take(), state.cut.take());
        let result = match ended {
            Ok(None) => Err(Failure::new(Code::NotFound, "the organization was deleted while the call ran")),
            Ok(Some(Ok(Ok(given)))) => broke_off.map_or(Ok(given), Err),
            Ok(Some(Ok(Err(error)))) => Err(outcome::reported(error, &state)),
            Ok(Some(Err(trap))) => {
                conduct.was_stopped();
                Err(outcome::trapped(&trap))
            }
            Err(_) => Err(outcome::trapped(&Stop::Timeout(timeout).into())),
        };
        // whatever the guest made of it, the caller learns which budget it was
        let result = match cut {
            Some(cut) if result.as_ref().err().is_some_and(|failure| failure.code == cut.code) => Err(cut),
            _ => result,
        };
        Finished::new(result, state)
    }

    /// Asks the plugin for what it thinks of settings that are valid by its schema. An empty list: nothing
    /// is wrong with them.
    pub async fn validate_config(&self, call: Invocation, config: &str) -> Finished<Vec<Violation>> {
        self.run(RunKind::Action, call, async |instance, store| {
            let answer = instance.lifecycle.call_validate_config(store, &config.to_owned()).await?;
            let violations = answer.err().unwrap_or_default();
            Ok(Ok(violations
                .into_iter()
                .map(|violation| Violation { pointer: violation.pointer, expected: violation.expected })
                .collect()))
        })
        .await
    }

    /// Makes an instance and lets it go.
    pub(crate) async fn instantiate_only(&self, call: Invocation) -> Finished<()> {
        self.run(RunKind::Action, call, async |_, _| Ok(Ok(()))).await
    }

    /// Runs an action.
    pub async fn invoke(&self, call: Invocation, action: ActionCall) -> Finished<ActionOutput> {
        let run = call.run;
        self.run(RunKind::Action, call, async |instance, store| {
            let attachment = match action.attachment {
                Some((stream, size)) => Some(store.data_mut().table.push(Source::stream(stream, size))?),
                None => None,
            };
            let call = contract::actions::Call {
                run: run.to_string(),
                action: action.action,
                input: action.input,
                attachment,
                idempotency_key: action.idempotency_key,
            };
            let output = instance.actions.call_invoke(store, &call).await?;
            Ok(output.map(|output| match output {
                contract::actions::Output::Json(json) => ActionOutput::Json(json),
                contract::actions::Output::Blob(id) => ActionOutput::Blob(id),
                contract::actions::Output::Bytes((media_type, bytes)) => ActionOutput::Bytes(media_type, bytes),
            }))
        })
        .await
    }

    /// Answers a request in the vendor's place. The answer goes out through `reply` while this runs; when it
    /// comes back, all of it has been handed over.
    pub async fn proxy(&self, call: Invocation, request: ProxyCall, reply: ReplySender) -> Finished<()> {
        let run = call.run;
        self.run(RunKind::Proxy, call, async |instance, store| {
            let body = store.data_mut().table.push(Source::stream(request.body, request.size))?;
            let responder = store.data_mut().table.push(reply)?;
            store.data_mut().capabilities.http.answers(&responder);
            let request = contract::proxy::Request {
                run: run.to_string(),
                method: request.method,
                path: request.path,
                query: request.query,
                headers: request.headers,
                body,
            };
            instance.proxy.call_handle(store, &request, responder).await
        })
        .await
    }

    /// Asks the plugin whether a webhook is genuine. `as_of`: it came then, and to the guest it is that time still.
    pub async fn verify_webhook(
        &self,
        call: Invocation,
        request: &WebhookCall,
        as_of: Option<Timestamp>,
    ) -> Finished<Verdict> {
        self.run_as_of(as_of, RunKind::Webhook, call, async |instance, store| {
            let verdict = instance.webhooks.call_verify(store, &webhook(request)).await?;
            Ok(verdict.map(|verdict| match verdict {
                contract::webhooks::Verdict::Genuine(receipt) => Verdict::Genuine(Receipt {
                    id: receipt.id,
                    kind: receipt.kind,
                    occurred_at: receipt.occurred_at,
                    in_line: receipt.in_line,
                }),
                contract::webhooks::Verdict::Refused(reason) => Verdict::Refused(reason),
                contract::webhooks::Verdict::Answer(answer) => Verdict::Answer(answered(answer)),
            }))
        })
        .await
    }

    /// Has the plugin do a webhook's work.
    pub async fn process_webhook(
        &self,
        call: Invocation,
        receipt: &Receipt,
        request: &WebhookCall,
    ) -> Finished<Option<Answer>> {
        self.run(RunKind::Webhook, call, async |instance, store| {
            let receipt = contract::webhooks::Receipt {
                id: receipt.id.clone(),
                kind: receipt.kind.clone(),
                occurred_at: receipt.occurred_at,
                in_line: receipt.in_line,
            };
            let answer = instance.webhooks.call_process(store, &receipt, &webhook(request)).await?;
            Ok(answer.map(|answer| answer.map(answered)))
        })
        .await
    }

    /// Hands the plugin an event.
    pub async fn on_event(&self, call: Invocation, event: EventCall) -> Finished<()> {
        self.run(RunKind::Event, call, async |instance, store| {
            let EventCall { id, kind, subject, source, time, data } = event;
            let event = contract::subscriptions::Event { id, kind, subject, source, time, data };
            instance.subscriptions.call_on_event(store, &event).await
        })
        .await
    }

    /// Has the plugin do one step of a job.
    pub async fn step(&self, call: Invocation, task: TaskCall) -> Finished<StepOutcome> {
        self.run(RunKind::Job, call, async |instance, store| {
            let TaskCall { job, kind, payload, cursor, attempt } = task;
            let task = contract::tasks::Task { job, kind, payload, cursor, attempt };
            let outcome = instance.tasks.call_step(store, &task).await?;
            Ok(outcome.map(|outcome| match outcome {
                contract::tasks::Outcome::Done(result) => StepOutcome::Done(result),
                contract::tasks::Outcome::Again((cursor, progress)) => StepOutcome::Again(cursor, progress),
                contract::tasks::Outcome::Later(wait) => StepOutcome::Later(wait),
            }))
        })
        .await
    }
}

fn webhook(request: &WebhookCall) -> contract::webhooks::Request {
    contract::webhooks::Request {
        method: request.method.clone(),
        url: request.url.clone(),
        headers: request.headers.clone(),
        body: request.body.to_vec(),
    }
}

fn answered(answer: contract::webhooks::Answer) -> Answer {
    Answer { status: answer.status, headers: answer.headers, body: answer.body }
}
