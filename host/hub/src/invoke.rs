//! Calling an action.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use patchbay_model::{Code, Failure, OrgId, Permission, PluginId, RunId, rate::Endpoint, record::Blob, run::RunKind};
use patchbay_runtime::{ActionCall, ActionOutput, ActionSchemas, Finished};
use serde_json::{Value, value::RawValue};
use tracing::Instrument as _;

use crate::{
    auth::Caller,
    budgets::Intent,
    call::{Call, CallFailure, Ended, Leaves},
    hub::{Hub, Inner},
    idempotency::{Begun, Claim, IdempotencyKey, Kept, What, hash_of},
    notes::AnswerNotes,
    peers::Callers,
    plans::gate::{Admitted, Operation, action_of},
    tenant::Serving,
};

/// What a caller may say beside the input.
#[derive(Debug, Clone, Default)]
pub struct InvokeOptions {
    /// The call is made once, however often it is asked for with this key, and a repeat gets the answer of the first.
    pub idempotency_key: Option<IdempotencyKey>,
    /// For what the answer says beside its body.
    pub notes: AnswerNotes,
}

/// A successful call of an action.
#[derive(Debug)]
pub struct InvokeReply {
    /// Its run.
    pub run: RunId,
    /// What it gave.
    pub output: Output,
}

/// What an action gives.
#[derive(Debug)]
pub enum Output {
    /// JSON, valid by the action's output schema.
    Json(Box<RawValue>),
    /// A stored file.
    Blob(Blob),
    /// A media type and the bytes themselves.
    Bytes(String, Bytes),
}

/// What is committed of a call, beside its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeps {
    All,
    NoWrites,
}

/// A call that may be made.
pub(crate) struct Prepared {
    pub(crate) serving: Arc<Serving>,
    pub(crate) action: String,
    pub(crate) input: String,
    pub(crate) timeout: Option<Duration>,
    pub(crate) admitted: Admitted,
    pub(crate) intent: Intent,
}

impl Hub {
    /// Calls an action with a JSON input. Needs the permission `call_actions`. Comes back once the run is committed;
    /// the call goes on to its end also if the caller does not wait for it, because what the vendor was
    /// asked to do is done all the same.
    pub async fn invoke(
        &self,
        caller: &Caller,
        plugin: &PluginId,
        action: &str,
        input: Bytes,
        options: InvokeOptions,
    ) -> Result<InvokeReply, CallFailure> {
        caller.require(Permission::CallActions)?;
        let InvokeOptions { idempotency_key, notes } = options;
        self.0.admit(caller, Endpoint::Actions, Some((plugin, Some(action))), &notes).await?;
        let mut claim = None;
        if let Some(key) = idempotency_key {
            let route = format!("/v1/actions/{plugin}/{action}");
            let what = What { key, method: "POST".to_owned(), route, fingerprint: hash_of(&[&input]) };
            claim = match self.begin_once(caller, what).await? {
                Begun::Ours(claim) => Some(claim),
                Begun::Before(run, kept) => {
                    notes.note_replayed();
                    return replayed(run, kept);
                }
            };
        }
        match self.prepare(caller, plugin, action, input, &notes).await {
            Ok(prepared) => self.make_call(prepared, claim, Keeps::All, None).await,
            Err(failure) => {
                if let Some(claim) = claim {
                    claim.let_go(&self.0, Some(&failure)).await;
                }
                Err(failure.into())
            }
        }
    }

    /// As [`Hub::invoke`], for what the hub itself asks a plugin in an org's name. It is a question: nothing that the plugin
    /// publishes, writes or plans in answer to it is committed.
    pub(crate) async fn ask(
        &self,
        org: OrgId,
        plugin: &PluginId,
        action: &str,
        input: Bytes,
    ) -> Result<InvokeReply, CallFailure> {
        let prepared = self.prepare(&Caller::operator(org), plugin, action, input, &AnswerNotes::default()).await?;
        self.make_call(prepared, None, Keeps::NoWrites, None).await
    }

    /// As [`Hub::invoke`], for what the hub itself has a plugin do in an org's name. What the plugin leaves is committed.
    pub(crate) async fn have_done(
        &self,
        org: OrgId,
        plugin: &PluginId,
        action: &str,
        input: Bytes,
    ) -> Result<InvokeReply, CallFailure> {
        let prepared = self.prepare(&Caller::operator(org), plugin, action, input, &AnswerNotes::default()).await?;
        self.make_call(prepared, None, Keeps::All, None).await
    }

    /// Makes a call in a task of its own. `callers`: who waits for it, if a plugin made it.
    pub(crate) async fn make_call(
        &self,
        prepared: Prepared,
        claim: Option<Claim>,
        keeps: Keeps,
        callers: Option<Callers>,
    ) -> Result<InvokeReply, CallFailure> {
        let Prepared { serving, action, input, timeout, admitted, intent } = prepared;
        let mut call = Call::new(&self.0, Arc::clone(&serving), RunKind::Action, action.clone());
        call.admitted = Some(admitted);
        if let Some(callers) = callers {
            call.note_callers(callers);
        }
        if keeps == Keeps::NoWrites {
            call.calls_nobody();
        }
        call.once = claim.as_ref().map(|claim| Arc::clone(&claim.once));
        let idempotency_key = claim.as_ref().map(|claim| claim.once.key());
        let action = ActionCall { action, input, attachment: None, idempotency_key };
        let (task_hub, span) = (self.clone(), call.span.clone());
        let work = async move {
            let hub = &*task_hub.0;
            if let Err(refused) = call.reserve(hub, intent).await {
                if let Some(claim) = &claim {
                    hub.settle_once(&refused, false, false, claim).await;
                }
                return refused.into_result();
            }
            let timeout = call.bounded(timeout);
            let calling = call.plugin().invoke(call.invocation(timeout), action);
            let finished = call.unless_broken_off(hub, calling).await;
            let mut finished = hub.check_output(&call, finished).await;
            if keeps == Keeps::NoWrites {
                finished.effects.drop_writes();
            }
            let ended = match claim {
                None => call.commit(hub, finished, None).await,
                Some(claim) => hub.commit_once(&call, finished, &claim).await,
            };
            let run = call.run;
            ended.into_result().map(|output| InvokeReply { run, output })
        };
        self.0.start_call(&serving, work.instrument(span)).await.map_err(Failure::internal)?
    }
}

/// What was answered before.
fn replayed(run: Option<RunId>, kept: Kept) -> Result<InvokeReply, CallFailure> {
    match (kept.into_output(), run) {
        (Ok(output), Some(run)) => Ok(InvokeReply { run, output }),
        (Ok(_), None) => Err(Failure::internal("an answer was kept without its run").into()),
        (Err(failure), run) => Err(CallFailure { run, failure }),
    }
}

/// The input as the guest gets it, the caller's own text, once it is known to be valid; and what it says.
pub(crate) fn check_input(schemas: &ActionSchemas, input: Bytes) -> Result<(String, Value), Failure> {
    let value: Value = serde_json::from_slice(&input).map_err(|error| {
        Failure::new(Code::MalformedJson, format!("line {}, column {}: {error}", error.line(), error.column()))
    })?;
    schemas.input.validate(&value).map_err(Failure::invalid)?;
    let text =
        String::from_utf8(input.into()).map_err(|_| Failure::new(Code::MalformedJson, "the body is not UTF-8"))?;
    Ok((text, value))
}

impl Hub {
    /// Finds what is to be called, and checks what it is called with and whether the org's plan has it.
    pub(crate) async fn prepare(
        &self,
        caller: &Caller,
        plugin: &PluginId,
        action: &str,
        input: Bytes,
        notes: &AnswerNotes,
    ) -> Result<Prepared, Failure> {
        let serving = self.0.callable(caller.org, plugin).await?;
        self.prepare_on(serving, caller, action, input, notes).await
    }

    /// The same, for what is found already.
    pub(crate) async fn prepare_on(
        &self,
        serving: Arc<Serving>,
        caller: &Caller,
        action: &str,
        input: Bytes,
        notes: &AnswerNotes,
    ) -> Result<Prepared, Failure> {
        let plugin = &serving.plugin.manifest().id;
        let schemas = serving.plugin.action(action).ok_or_else(|| {
            Failure::new(
                Code::ActionNotFound,
                format!("version {} of `{plugin}` has no action `{action}`", serving.plugin.version()),
            )
        })?;
        self.0.admit_by_manifest(caller, plugin, action, schemas.rate, notes).await?;
        let manifest = serving.plugin.manifest();
        let operation = Operation::Action(action_of(manifest, action)?);
        let admitted = self.admit_by_plan(caller, manifest, operation).await?;
        let (input, value) = check_input(schemas, input)?;
        let timeout = schemas.timeout;
        let longest = timeout.unwrap_or(serving.plugin.limits().timeout);
        let intent = Intent::new(manifest, operation, input.len() as u64, Some(&value), longest);
        Ok(Prepared { serving, action: action.to_owned(), input, timeout, admitted, intent })
    }
}

impl Inner {
    /// Commits a run with the answer of the write that it did, which is done once; or lets the write go, if nothing
    /// was changed by it.
    async fn commit_once(&self, call: &Call, finished: Finished<Output>, claim: &Claim) -> Ended<Output> {
        let succeeded = finished.result.is_ok();
        let stored = succeeded || claim.once.may_have_changed_something();
        let answer = match (&finished.result, stored) {
            (Err(failure), true) => {
                Some(self.answer_of(claim, Some(call.run), Some(&claim.failed(self, failure))).await)
            }
            (result, true) => Some(self.answer_of(claim, Some(call.run), Kept::of_action(result).as_ref()).await),
            (_, false) => None,
        };
        let leaves = Leaves { idempotency: answer, ..Leaves::default() };
        let ended = call.commit_with(self, finished, leaves).await;
        self.settle_once(&ended, stored, succeeded, claim).await;
        ended
    }

    pub(crate) async fn check_output(&self, call: &Call, finished: Finished<ActionOutput>) -> Finished<Output> {
        let Finished { result, effects, figures, upstream_status, started_at, finished_at } = finished;
        let result = match result {
            Ok(output) => self.output(call, output).await,
            Err(failure) => Err(failure),
        };
        Finished { result, effects, figures, upstream_status, started_at, finished_at }
    }

    async fn output(&self, call: &Call, output: ActionOutput) -> Result<Output, Failure> {
        match output {
            ActionOutput::Json(text) => {
                let not_json = |error: serde_json::Error| {
                    Failure::new(Code::PluginOutputInvalid, "the output is not JSON").with_internal(error)
                };
                let value: Value = serde_json::from_str(&text).map_err(not_json)?;
                if let Some(schemas) = call.plugin().action(&call.operation) {
                    schemas
                        .output
                        .validate(&value)
                        .map_err(|violations| Failure { violations, ..Failure::new(Code::PluginOutputInvalid, "") })?;
                }
                RawValue::from_string(text).map(Output::Json).map_err(not_json)
            }
            ActionOutput::Blob(id) => {
                self.stored_file(call.serving.tenant.org, &call.plugin().manifest().id, &id).await.map(Output::Blob)
            }
            ActionOutput::Bytes(content_type, bytes) => Ok(Output::Bytes(content_type, bytes.into())),
        }
    }

    async fn stored_file(&self, org: OrgId, plugin: &PluginId, id: &str) -> Result<Blob, Failure> {
        let missing =
            || Failure::new(Code::PluginOutputInvalid, "the output names a file that the plugin did not store");
        let id = id.parse().map_err(|_| missing())?;
        let mut tx = self.database.read().await?;
        tx.org(org).blobs().get(plugin, id).await?.ok_or_else(missing)
    }
}
