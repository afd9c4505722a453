//! URLs that are secrets: incoming webhooks and response URLs. They answer in plain text.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::State as Extract,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use serde_json::Value;

use super::{HOOK, Shared, api, blocks};

/// How often a response URL answers.
const ANSWERS: usize = 5;

fn told(status: u16, word: &'static str) -> Response {
    (StatusCode::from_u16(status).expect("a status"), word).into_response()
}

fn message(shared: &Shared, headers: &HeaderMap, body: &[u8]) -> Result<Value, Response> {
    let media = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !media.starts_with("application/json") {
        shared.violation(format!("a message of the type {media:?}"));
    }
    if headers.contains_key(header::AUTHORIZATION) {
        shared.violation("a token for a URL that needs none");
    }
    let Ok(message) = serde_json::from_slice::<Value>(body) else { return Err(told(400, "invalid_payload")) };
    if message.get("blocks").is_some_and(|all| blocks::wrong(all, 50).is_some()) {
        return Err(told(400, "invalid_blocks"));
    }
    Ok(message)
}

pub(super) async fn incoming(
    Extract(shared): Extract<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    api::capture(&shared, &method, &uri, &headers, &body);
    if let Some(fault) = api::fault(&shared) {
        return fault;
    }
    if uri.path() != HOOK {
        return told(404, "no_service");
    }
    let message = match message(&shared, &headers, &body) {
        Ok(message) => message,
        Err(refusal) => return refusal,
    };
    if ["text", "blocks", "attachments"].iter().all(|member| message.get(*member).is_none()) {
        return told(400, "no_text");
    }
    shared.state.lock().unwrap().hook_messages.push(message);
    told(200, "ok")
}

pub(super) async fn response(
    Extract(shared): Extract<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    api::capture(&shared, &method, &uri, &headers, &body);
    let message = match message(&shared, &headers, &body) {
        Ok(message) => message,
        Err(refusal) => return refusal,
    };
    let mut state = shared.state.lock().unwrap();
    if state.responses.len() >= ANSWERS {
        return (StatusCode::NOT_FOUND, r#"{"ok":false,"error":"used_url"}"#).into_response();
    }
    state.responses.push(message);
    told(200, "ok")
}
