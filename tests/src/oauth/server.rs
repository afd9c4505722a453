//! Routes, and the endpoints that are a few lines each.

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use serde_json::json;

use super::{Shared, authorize::authorize, client::authenticate, token};

/// Where a redirecting token endpoint points to: nobody may follow it there.
pub(crate) const ELSEWHERE: &str = "/elsewhere";

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/authorize", get(authorize))
        .route("/token", post(token::token))
        .route("/revoke", post(revoke))
        .route("/userinfo", get(userinfo))
        .route("/api/{*path}", any(api))
        .route(ELSEWHERE, any(elsewhere))
        .with_state(shared)
}

async fn revoke(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    if shared.behaviour().revocation_fails {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let served = token::posted(&shared, &headers, &body).and_then(|form| {
        let client = authenticate(&shared, &headers, &form)?;
        let text = form.get("token").ok_or_else(|| token::Refusal::new(400, "invalid_request", "no token"))?;
        if !matches!(form.get("token_type_hint"), None | Some("access_token" | "refresh_token")) {
            return Err(token::Refusal::new(400, "unsupported_token_type", "no such type of token"));
        }
        shared.ledger.lock().unwrap().revoke(text, &client.id);
        Ok(())
    });
    match served {
        Ok(()) => StatusCode::OK.into_response(),
        Err(refusal) => {
            shared.violation(format!("revocation: {}", refusal.text));
            let status = StatusCode::from_u16(refusal.status).unwrap();
            (status, axum::Json(json!({"error": refusal.code}))).into_response()
        }
    }
}

/// The account of the bearer; else the answer that says that there is none.
fn bearer(shared: &Shared, headers: &HeaderMap) -> Result<String, Box<Response>> {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let access = value.strip_prefix("Bearer ").unwrap_or_default();
    let account = shared.ledger.lock().unwrap().account_of(access, shared.clock.now());
    account.ok_or_else(|| Box::new(unknown_token()))
}

fn unknown_token() -> Response {
    let mut response = (StatusCode::UNAUTHORIZED, axum::Json(json!({"error": "invalid_token"}))).into_response();
    let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    response
}

async fn elsewhere(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.violation("a redirect of the token endpoint was followed");
    StatusCode::OK
}

async fn userinfo(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    shared.profiles.send_modify(|profiles| *profiles += 1);
    match bearer(&shared, &headers) {
        Ok(account) => axum::Json(json!({"sub": subject(&account), "email": account})).into_response(),
        Err(refusal) => *refusal,
    }
}

/// What stays the same of an account.
fn subject(account: &str) -> String {
    match account {
        "ada@vendor.example" => "10769150350006150715113082367".to_owned(),
        other => format!("subject-of-{other}"),
    }
}

async fn api(State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap) -> Response {
    if shared.behaviour().api_refuses {
        return unknown_token();
    }
    match bearer(&shared, &headers) {
        Ok(account) => axum::Json(json!({"path": uri.path(), "account": account})).into_response(),
        Err(refusal) => *refusal,
    }
}
