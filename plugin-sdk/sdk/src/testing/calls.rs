//! Calls into a connector, as the hub makes them.

use std::cell::RefCell;
use std::rc::Rc;

use serde_json::Value;

use super::client::{Client, ProxyCall, ProxyReply, Responder};
use super::{MockHost, source};
use crate::action::Output;
use crate::{Call, Connector, Error, File, Source, Violation, dispatch, events, proxy, task, webhook};

const RUN: &str = "run_test";

/// A call of an action with more than an input.
#[derive(Debug)]
pub struct ActionCall {
    action: String,
    input: Value,
    attachment: Option<Source>,
    idempotency_key: Option<String>,
}

impl ActionCall {
    /// A call by the action's name.
    #[must_use]
    pub fn new(action: &str, input: Value) -> Self {
        Self { action: action.to_owned(), input, attachment: None, idempotency_key: None }
    }

    /// Sends a file beside the input.
    #[must_use]
    pub fn attachment(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.attachment = Some(source(bytes));
        self
    }

    /// Sends an `Idempotency-Key`.
    #[must_use]
    pub fn idempotency_key(mut self, key: &str) -> Self {
        self.idempotency_key = Some(key.to_owned());
        self
    }
}

/// What an action gave.
#[derive(Debug, Clone, PartialEq)]
pub enum ActionOutput {
    /// JSON.
    Json(Value),
    /// A file.
    File(File),
}

impl MockHost {
    /// Asks whether settings are valid.
    ///
    /// # Errors
    /// What the connector has against them.
    pub fn validate_config<C: Connector>(&self, config: &Value) -> Result<(), Vec<Violation>> {
        dispatch::validate_config::<C>(&config.to_string())
    }

    /// Calls an action that gives JSON.
    ///
    /// # Errors
    /// The action's own.
    ///
    /// # Panics
    /// If it gives a file.
    pub fn invoke<C: Connector>(&self, action: &str, input: Value) -> Result<Value, Error> {
        match self.invoke_with::<C>(ActionCall::new(action, input))? {
            ActionOutput::Json(value) => Ok(value),
            ActionOutput::File(file) => panic!("{action} gave a file: {file:?}"),
        }
    }

    /// Calls an action.
    ///
    /// # Errors
    /// The action's own.
    pub fn invoke_with<C: Connector>(&self, call: ActionCall) -> Result<ActionOutput, Error> {
        self.run(|| {
            let output = dispatch::invoke::<C>(Call {
                run: RUN.to_owned(),
                action: call.action,
                input: call.input.to_string(),
                attachment: call.attachment,
                idempotency_key: call.idempotency_key,
            })?;
            Ok(match output {
                Output::Json(text) => ActionOutput::Json(serde_json::from_str(&text)?),
                Output::File(file) => ActionOutput::File(file),
            })
        })
    }

    /// Sends a request in the vendor's shape.
    ///
    /// # Panics
    /// If the manifest has no such route: the hub would not call the connector.
    #[must_use]
    pub fn proxy<C: Connector>(&self, call: ProxyCall) -> ProxyReply {
        if let Some(manifest) = &self.state.borrow().manifest {
            assert!(
                manifest.routes(&call.method, &call.path),
                "[[proxy.routes]] in plugin.toml needs method = \"{}\", path = \"{}\"",
                call.method,
                call.path
            );
        }
        let client = Rc::new(RefCell::new(Client {
            leaves_after: call.leaves_after,
            has_left: call.has_left,
            ..Client::default()
        }));
        let request = proxy::Request {
            run: RUN.to_owned(),
            method: call.method,
            path: call.path,
            query: call.query,
            headers: call.headers,
            body: source(call.body),
        };
        let responder = proxy::Responder(Responder(Rc::clone(&client)));
        let result = self.run(|| C::proxy(request, responder));
        let client = client.take();
        let (status, headers) =
            client.started.map_or_else(Default::default, |(status, headers)| (Some(status), headers));
        ProxyReply { result, status, headers, chunks: client.chunks }
    }

    /// Asks whether a webhook is genuine.
    ///
    /// # Errors
    /// The connector's own.
    pub fn verify_webhook<C: Connector>(&self, request: webhook::Request) -> Result<webhook::Verdict, Error> {
        self.run(|| C::verify_webhook(request))
    }

    /// Has a genuine webhook processed.
    ///
    /// # Errors
    /// The connector's own.
    pub fn process_webhook<C: Connector>(
        &self,
        receipt: webhook::Receipt,
        request: webhook::Request,
    ) -> Result<Option<webhook::Answer>, Error> {
        self.run(|| C::process_webhook(receipt, request))
    }

    /// Hands an event of the hub over.
    ///
    /// # Errors
    /// The connector's own.
    pub fn deliver<C: Connector>(&self, event: events::Event) -> Result<(), Error> {
        self.run(|| C::on_event(event))
    }

    /// Has one step of a job done.
    ///
    /// # Errors
    /// The connector's own.
    pub fn step<C: Connector>(&self, task: task::Task) -> Result<task::Outcome, Error> {
        self.run(|| C::step(task))
    }

    /// Does all jobs that wait, step by step and with those that they plan, whatever their delay, and gives what each gave. The
    /// steps are done once each; a step that wants to be done later is done at once.
    ///
    /// # Errors
    /// That of the first step that fails; its job waits still.
    ///
    /// # Panics
    /// After ten thousand steps: the jobs do not come to an end.
    pub fn work_off<C: Connector>(&self) -> Result<Vec<Option<Value>>, Error> {
        let mut results = Vec::new();
        let mut steps = 0;
        loop {
            let Some(job) = self.state.borrow().jobs.first().cloned() else { return Ok(results) };
            let mut cursor = None;
            let result = loop {
                steps += 1;
                assert!(steps <= 10_000, "the jobs do not come to an end; this one is {job:?}");
                let step = task::Task {
                    job: job.id.clone(),
                    kind: job.kind.clone(),
                    payload: job.payload.to_string(),
                    cursor: cursor.clone(),
                    attempt: 1,
                };
                match self.step::<C>(step)? {
                    task::Outcome::Done(result) => break result,
                    task::Outcome::Again { cursor: next, .. } => cursor = Some(next),
                    task::Outcome::Later(_) => {}
                }
            };
            self.state.borrow_mut().jobs.retain(|waiting| waiting.id != job.id);
            results.push(result.as_deref().map(serde_json::from_str).transpose()?);
        }
    }

    /// One run: its documents, events, jobs and hints are kept only if it succeeds.
    pub(super) fn run<T>(&self, call: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        let published = {
            let mut state = self.state.borrow_mut();
            state.committed = Some(state.records.clone());
            state.planned = 0;
            state.peers.made = 0;
            state.hints.forget_running();
            (state.events.len(), state.jobs.len())
        };
        let result = call();
        let mut state = self.state.borrow_mut();
        let before = state.committed.take();
        if result.is_err() || state.away {
            state.events.truncate(published.0);
            state.jobs.truncate(published.1);
            state.records = before.unwrap_or_default();
            state.hints.forget_running();
        } else {
            state.hints.commit();
        }
        result
    }
}
