//! OAuth 2.0 as HubSpot speaks it: parameters in the form and nowhere else, the same refresh token for good.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::State as Extract,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::{Url, form_urlencoded};

use super::{Shared, State, Token, server};

/// How long an access token lives, in seconds.
const LIFE: u64 = 1_800;

/// What a code is good for.
#[derive(Debug, Clone)]
pub(super) struct Code {
    portal: u64,
    redirect: String,
    scopes: Vec<String>,
    challenge: Option<String>,
}

type Pairs = Vec<(String, String)>;

fn text<'a>(pairs: &'a Pairs, name: &str) -> &'a str {
    pairs.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value)
}

pub(super) async fn authorize(Extract(shared): Extract<Arc<Shared>>, uri: Uri) -> Response {
    let pairs: Pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let mut state = shared.lock();
    let known = state.client.as_ref().is_some_and(|client| {
        client.id == text(&pairs, "client_id") && client.redirect == text(&pairs, "redirect_uri")
    });
    if !known || text(&pairs, "scope").is_empty() || text(&pairs, "state").len() < 16 {
        state.violations.push(format!("an authorization of an app that is not known: {pairs:?}"));
        return StatusCode::BAD_REQUEST.into_response();
    }
    state.sequence += 1;
    let code = format!("code-{:06}", state.sequence);
    let redirect = text(&pairs, "redirect_uri").to_owned();
    let mut back = Url::parse(&redirect).expect("the redirect is a URL");
    back.query_pairs_mut().append_pair("code", &code).append_pair("state", text(&pairs, "state"));
    let challenge = Some(text(&pairs, "code_challenge").to_owned()).filter(|challenge| !challenge.is_empty());
    let scopes = text(&pairs, "scope").split(' ').map(str::to_owned).collect();
    let portal = state.consents;
    state.codes.insert(code, Code { portal, redirect, scopes, challenge });
    (StatusCode::FOUND, [(header::LOCATION, back.to_string())]).into_response()
}

/// The form of a request whose client is known; else what it is told.
fn form(state: &mut State, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Result<Pairs, Response> {
    let pairs: Pairs = form_urlencoded::parse(body).into_owned().collect();
    let is_form = headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|own| own.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
    if uri.query().is_some() || !is_form || headers.contains_key(header::AUTHORIZATION) {
        state.violations.push("a request of OAuth whose parameters are not all in the form".to_owned());
        return Err(refuse("BAD_REQUEST", "parameters belong into the form"));
    }
    match &state.client {
        Some(client) if client.id != text(&pairs, "client_id") => {
            Err(refuse("BAD_CLIENT_ID", "missing or unknown client id"))
        }
        Some(client) if client.secret != text(&pairs, "client_secret") => {
            Err(refuse("BAD_CLIENT_SECRET", "missing or invalid client secret"))
        }
        Some(_) => Ok(pairs),
        None => Err(refuse("BAD_CLIENT_ID", "missing or unknown client id")),
    }
}

fn refuse(status: &str, message: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({"status": status, "message": message, "correlationId": "c"}))).into_response()
}

pub(super) async fn token(
    Extract(shared): Extract<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut state = shared.lock();
    let state = &mut *state;
    server::capture(state, &method, &uri, &headers, &body);
    let now = shared.now(state);
    let pairs = match form(state, &uri, &headers, &body) {
        Ok(pairs) => pairs,
        Err(refusal) => return refusal,
    };
    *state.counts.entry(format!("oauth {}", text(&pairs, "grant_type"))).or_default() += 1;
    let (portal, scopes, refresh) = match text(&pairs, "grant_type") {
        "authorization_code" => match state.codes.remove(text(&pairs, "code")) {
            Some(code)
                if code.redirect == text(&pairs, "redirect_uri") && is_proven(&code, text(&pairs, "code_verifier")) =>
            {
                state.sequence += 1;
                let refresh = format!("na1-canary-refresh-{:08}", state.sequence);
                state.given.push(refresh.clone());
                state.refreshes.insert(refresh.clone(), (code.portal, code.scopes.clone()));
                (code.portal, code.scopes, refresh)
            }
            _ => return refuse("BAD_AUTH_CODE", "missing or unknown auth code"),
        },
        "refresh_token" => match state.refreshes.get(text(&pairs, "refresh_token")).cloned() {
            Some((portal, scopes)) => (portal, scopes, text(&pairs, "refresh_token").to_owned()),
            None => return refuse("BAD_REFRESH_TOKEN", "missing or invalid refresh token"),
        },
        _ => return refuse("BAD_GRANT_TYPE", "no such grant"),
    };
    state.sequence += 1;
    let access = format!("CanaryAccess{:08}", state.sequence);
    state.given.push(access.clone());
    let ends = Some(now + LIFE * 1_000);
    state.tokens.insert(access.clone(), Token { portal, scopes: scopes.clone(), ends });
    Json(json!({
        "access_token": access, "refresh_token": refresh, "expires_in": LIFE, "token_type": "bearer", "token_use": "access_token",
        "hub_id": portal, "user_id": 7, "scopes": scopes,
    }))
    .into_response()
}

fn is_proven(code: &Code, verifier: &str) -> bool {
    code.challenge.as_ref().is_none_or(|challenge| URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) == *challenge)
}

pub(super) async fn revoke(
    Extract(shared): Extract<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut state = shared.lock();
    let state = &mut *state;
    server::capture(state, &method, &uri, &headers, &body);
    let pairs = match form(state, &uri, &headers, &body) {
        Ok(pairs) => pairs,
        Err(refusal) => return refusal,
    };
    let token = text(&pairs, "token");
    state.refreshes.remove(token);
    state.tokens.remove(token);
    *state.counts.entry("oauth revoke".to_owned()).or_default() += 1;
    StatusCode::OK.into_response()
}

pub(super) async fn introspect(
    Extract(shared): Extract<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut state = shared.lock();
    let state = &mut *state;
    server::capture(state, &method, &uri, &headers, &body);
    let pairs = match form(state, &uri, &headers, &body) {
        Ok(pairs) => pairs,
        Err(refusal) => return refusal,
    };
    let told: Value = match state.tokens.get(text(&pairs, "token")) {
        Some(token) => {
            json!({"active": true, "hub_id": token.portal, "scopes": token.scopes, "token_use": "access_token"})
        }
        None => json!({"active": false}),
    };
    Json(told).into_response()
}
