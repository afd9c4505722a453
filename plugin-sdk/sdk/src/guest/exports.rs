//! The exports of the world, for any [`Connector`].

use std::marker::PhantomData;

use super::Responder;
use super::bindings::exports::patchbay::connector as wit;
use super::bindings::patchbay::connector::reply::Responder as WitResponder;
use super::bindings::patchbay::connector::types::{Error as WitError, Violation as WitViolation};
use crate::action::Output;
use crate::{Call, Connector, File, dispatch, events, proxy, task, webhook};

/// The component of a connector; made by [`crate::export_connector!`].
#[derive(Debug)]
pub struct Component<C>(PhantomData<C>);

impl<C: Connector> wit::lifecycle::Guest for Component<C> {
    fn validate_config(config: String) -> Result<(), Vec<WitViolation>> {
        dispatch::validate_config::<C>(&config).map_err(|violations| violations.into_iter().map(Into::into).collect())
    }
}

impl<C: Connector> wit::actions::Guest for Component<C> {
    fn invoke(call: wit::actions::Call) -> Result<wit::actions::Output, WitError> {
        let output = dispatch::invoke::<C>(Call {
            run: call.run,
            action: call.action,
            input: call.input,
            attachment: call.attachment.map(Into::into),
            idempotency_key: call.idempotency_key,
        })?;
        Ok(match output {
            Output::Json(text) => wit::actions::Output::Json(text),
            Output::File(File::Stored(blob)) => wit::actions::Output::Blob(blob.id),
            Output::File(File::Bytes { content_type, bytes }) => wit::actions::Output::Bytes((content_type, bytes)),
        })
    }
}

impl<C: Connector> wit::proxy::Guest for Component<C> {
    fn handle(request: wit::proxy::Request, responder: WitResponder) -> Result<(), WitError> {
        let request = proxy::Request {
            run: request.run,
            method: request.method,
            path: request.path,
            query: request.query,
            headers: request.headers.into(),
            body: request.body.into(),
        };
        C::proxy(request, proxy::Responder(Responder(responder))).map_err(Into::into)
    }
}

impl<C: Connector> wit::webhooks::Guest for Component<C> {
    fn verify(request: wit::webhooks::Request) -> Result<wit::webhooks::Verdict, WitError> {
        Ok(match C::verify_webhook(request.into())? {
            webhook::Verdict::Genuine(receipt) => wit::webhooks::Verdict::Genuine(wit::webhooks::Receipt {
                id: receipt.id,
                kind: receipt.kind,
                occurred_at: receipt.occurred_at,
                in_line: receipt.in_line,
            }),
            webhook::Verdict::Refused(reason) => wit::webhooks::Verdict::Refused(reason),
            webhook::Verdict::Answer(answer) => wit::webhooks::Verdict::Answer(answer.into()),
        })
    }

    fn process(
        receipt: wit::webhooks::Receipt,
        request: wit::webhooks::Request,
    ) -> Result<Option<wit::webhooks::Answer>, WitError> {
        let receipt = webhook::Receipt {
            id: receipt.id,
            kind: receipt.kind,
            occurred_at: receipt.occurred_at,
            in_line: receipt.in_line,
        };
        Ok(C::process_webhook(receipt, request.into())?.map(Into::into))
    }
}

impl<C: Connector> wit::subscriptions::Guest for Component<C> {
    fn on_event(event: wit::subscriptions::Event) -> Result<(), WitError> {
        C::on_event(events::Event {
            id: event.id,
            kind: event.kind,
            subject: event.subject,
            source: event.source,
            time: event.time,
            data: event.data,
        })
        .map_err(Into::into)
    }
}

impl<C: Connector> wit::tasks::Guest for Component<C> {
    fn step(task: wit::tasks::Task) -> Result<wit::tasks::Outcome, WitError> {
        let task = task::Task {
            job: task.job,
            kind: task.kind,
            payload: task.payload,
            cursor: task.cursor,
            attempt: task.attempt,
        };
        Ok(match C::step(task)? {
            task::Outcome::Done(result) => wit::tasks::Outcome::Done(result),
            task::Outcome::Again { cursor, progress } => wit::tasks::Outcome::Again((cursor, progress)),
            task::Outcome::Later(wait) => wit::tasks::Outcome::Later(wait),
        })
    }
}

impl From<wit::webhooks::Request> for webhook::Request {
    fn from(request: wit::webhooks::Request) -> Self {
        Self { method: request.method, url: request.url, headers: request.headers.into(), body: request.body }
    }
}

impl From<webhook::Answer> for wit::webhooks::Answer {
    fn from(answer: webhook::Answer) -> Self {
        Self { status: answer.status, headers: answer.headers.into_pairs(), body: answer.body }
    }
}
