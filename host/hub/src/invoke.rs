//! Calling an action.

use bytes::Bytes;
use patchbay_model::{Code, Failure, OrgId, PluginId, RunId, org::Scope, record::Blob, run::RunKind};
use patchbay_runtime::{ActionCall, ActionOutput, ActionSchemas, Finished};
use serde_json::{Value, value::RawValue};
use tracing::Instrument as _;

use crate::{
    auth::Caller,
    budgets::Intent,
    call::{Call, CallFailure},
    hub::{Hub, Inner},
    plans::gate::{Operation, action_of},
};

/// What a caller may say beside the input.
#[derive(Debug, Clone, Default)]
pub struct InvokeOptions {
    /// The caller's Idempotency-Key, for the plugin to pass on.
    pub idempotency_key: Option<String>,
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

impl Hub {
    /// Calls an action with a JSON input. Needs the scope `invoke`. Comes back once the run is committed;
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
        caller.require(Scope::Invoke)?;
        let hub = &*self.0;
        let serving = hub.callable(caller.org, plugin).await?;
        let schemas = serving.plugin.action(action).ok_or_else(|| {
            Failure::new(
                Code::ActionNotFound,
                format!("version {} of `{plugin}` has no action `{action}`", serving.plugin.version()),
            )
        })?;
        let manifest = serving.plugin.manifest();
        let operation = Operation::Action(action_of(manifest, action)?);
        let admitted = self.admit(caller, manifest, operation).await?;
        let (input, value) = check_input(schemas, input)?;
        let timeout = schemas.timeout;
        let longest = timeout.unwrap_or(serving.plugin.limits().timeout);
        let intent = Intent::new(manifest, operation, input.len() as u64, Some(&value), longest);
        let mut call = Call::new(hub, std::sync::Arc::clone(&serving), RunKind::Action, action.to_owned());
        call.admitted = Some(admitted);
        let action =
            ActionCall { action: action.to_owned(), input, attachment: None, idempotency_key: options.idempotency_key };
        let (task_hub, span) = (self.clone(), call.span.clone());
        let work = async move {
            let hub = &*task_hub.0;
            let call = match call.with_budgets(hub, intent).await {
                Ok(call) => call,
                Err(refused) => return refused.into_result(),
            };
            let calling = call.plugin().invoke(call.invocation(timeout), action);
            let finished = call.unless_broken_off(hub, calling).await;
            let finished = hub.check_output(&call, finished).await;
            let ended = call.commit(hub, finished, None).await;
            let run = call.run;
            ended.into_result().map(|output| InvokeReply { run, output })
        };
        hub.start_call(&serving, work.instrument(span)).await.map_err(Failure::internal)?
    }
}

/// The input as the guest gets it, the caller's own text, once it is known to be valid; and what it says.
fn check_input(schemas: &ActionSchemas, input: Bytes) -> Result<(String, Value), Failure> {
    let value: Value = serde_json::from_slice(&input).map_err(|error| {
        Failure::new(Code::MalformedJson, format!("line {}, column {}: {error}", error.line(), error.column()))
    })?;
    schemas.input.validate(&value).map_err(Failure::invalid)?;
    let text =
        String::from_utf8(input.into()).map_err(|_| Failure::new(Code::MalformedJson, "the body is not UTF-8"))?;
    Ok((text, value))
}

impl Inner {
    async fn check_output(&self, call: &Call, finished: Finished<ActionOutput>) -> Finished<Output> {
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
