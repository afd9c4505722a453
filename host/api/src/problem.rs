//! Failures as RFC 9457 problem documents.
//!
//! A handler's failure travels as an extension of an empty answer, and [`crate::observe`] writes the
//! document: it alone knows the request's id, so no handler has to carry it, and every failure passes
//! through one place where it is logged. Rejected: a task-local request id, which is lost when a body
//! is made in another task.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use patchbay_hub::CallFailure;
use patchbay_model::{Entitlement, Failure, RequestId, RunId, Upstream, Violation};
use serde::Serialize;
use utoipa::ToSchema;

/// What a handler returns instead of an answer.
#[derive(Debug, Clone)]
pub struct Problem {
    /// Why.
    pub failure: Failure,
    /// The run that failed, where one was begun.
    pub run: Option<RunId>,
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Self { failure, run: None }
    }
}

impl From<CallFailure> for Problem {
    fn from(failure: CallFailure) -> Self {
        Self { failure: failure.failure, run: failure.run }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = status_of(&self.failure).into_response();
        response.extensions_mut().insert(self);
        response
    }
}

pub(crate) fn status_of(failure: &Failure) -> StatusCode {
    StatusCode::from_u16(failure.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Says when to come back, if it is known.
pub(crate) fn write_wait(failure: &Failure, headers: &mut HeaderMap) {
    if let Some(wait) = failure.retry_after {
        // Rounded up: a client that comes back early would only be sent away again.
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
}

/// The body of every failed request (`application/problem+json`, RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Document<'a> {
    /// `urn:patchbay:problem:` and the code.
    r#type: String,
    /// A short summary of the code.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// Stable: match on this one.
    code: &'static str,
    /// What happened this time and how to fix it.
    #[serde(skip_serializing_if = "str::is_empty")]
    #[schema(required = false)]
    detail: &'a str,
    /// What is wrong with the input, place by place.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(required = false, value_type = Vec<crate::view::Violation>)]
    violations: &'a [Violation],
    /// Give this to whoever runs the hub.
    #[schema(value_type = String, example = "req_018f3c5e7d2a7c3b9f1e2d3c4b5a6978")]
    request_id: RequestId,
    /// The run that failed, where one was begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    run: Option<RunId>,
    /// The vendor's failure behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<crate::view::Upstream>)]
    upstream: Option<&'a Upstream>,
    /// What the org's plan or budget does not allow, and what would.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<crate::view::Entitlement>)]
    entitlement: Option<&'a Entitlement>,
}

/// Writes the document into the answer that carries `problem`, keeping headers such as `Allow`.
pub(crate) fn render(mut response: Response, problem: &Problem, request_id: RequestId) -> Response {
    let failure = &problem.failure;
    let document = Document {
        r#type: format!("urn:patchbay:problem:{}", failure.code.as_str()),
        title: failure.code.title(),
        status: failure.code.status(),
        code: failure.code.as_str(),
        detail: &failure.detail,
        violations: &failure.violations,
        request_id,
        run: problem.run,
        upstream: failure.upstream.as_ref(),
        entitlement: failure.entitlement.as_deref(),
    };
    // Plain strings and numbers always serialise, so the fallback is never seen.
    let body = serde_json::to_vec(&document).unwrap_or_default();
    *response.status_mut() = status_of(failure);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    write_wait(failure, headers);
    if failure.code.status() == 401 {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"patchbay\""));
    }
    if let Some(run) = problem.run.and_then(|run| HeaderValue::try_from(run.to_string()).ok()) {
        headers.insert(crate::observe::RUN_HEADER, run);
    }
    *response.body_mut() = body.into();
    response
}
