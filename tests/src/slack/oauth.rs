//! OAuth v2 with its habits: commas between scopes, 200 with a word for a failure, the team inside of an object, and tokens
//! that rotate for the apps that have chosen so.

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    Json,
    body::Bytes,
    extract::{RawQuery, State as Extract},
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use chrono::Duration;
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use super::{Shared, State, Token, api};

/// How long a token lives that rotates, in seconds.
const LIFE: i64 = 43_200;

pub(super) async fn authorize(Extract(shared): Extract<Arc<Shared>>, RawQuery(query): RawQuery) -> Response {
    let pairs: Vec<(String, String)> =
        form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect();
    let text = |name: &str| pairs.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value);
    let mut state = shared.state.lock().unwrap();
    let known = state
        .client
        .as_ref()
        .is_some_and(|client| client.id == text("client_id") && client.redirect == text("redirect_uri"));
    if !known {
        state.violations.push("no such client, or another redirect".to_owned());
        return StatusCode::BAD_REQUEST.into_response();
    }
    if text("scope").contains(' ') || text("scope").is_empty() || text("state").len() < 32 {
        state.violations.push(format!("scopes are joined by commas, and a state is long: {pairs:?}"));
    }
    if pairs.iter().any(|(name, _)| name.starts_with("code_challenge")) {
        state.violations.push("a challenge from an app that has not chosen PKCE".to_owned());
    }
    state.sequence += 1;
    let code = format!("code-{:06}", state.sequence);
    let scopes = text("scope").split(',').map(str::to_owned).collect();
    let redirect = text("redirect_uri").to_owned();
    let mut back = Url::parse(&redirect).expect("the redirect is a URL");
    back.query_pairs_mut().append_pair("code", &code).append_pair("state", text("state"));
    state.codes.insert(code, (redirect, scopes));
    (StatusCode::FOUND, [(header::LOCATION, back.to_string())]).into_response()
}

pub(super) async fn access(
    Extract(shared): Extract<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Json<Value> {
    api::capture(&shared, &method, &uri, &headers, &body);
    let refuse = |word: &str| Json(json!({"ok": false, "error": word}));
    let pairs: Vec<(String, String)> = form_urlencoded::parse(&body).into_owned().collect();
    let text = |name: &str| pairs.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value);
    let now = shared.clock.now();
    let mut state = shared.state.lock().unwrap();
    match &state.client {
        Some(client) if client.id != text("client_id") => return refuse("invalid_client_id"),
        Some(client) if client.secret != text("client_secret") => return refuse("bad_client_secret"),
        Some(_) => {}
        None => return refuse("invalid_client_id"),
    }
    let scopes = match text("grant_type") {
        "authorization_code" | "" => match state.codes.remove(text("code")) {
            None => return refuse("invalid_code"),
            Some((redirect, _)) if redirect != text("redirect_uri") => return refuse("bad_redirect_uri"),
            Some((_, scopes)) => scopes,
        },
        "refresh_token" => match state.refreshes.remove(text("refresh_token")) {
            // one that was used is gone
            None => return refuse("invalid_refresh_token"),
            Some(access) => state.tokens.get(&access).map(|token| token.scopes.clone()).unwrap_or_default(),
        },
        _ => return refuse("invalid_grant_type"),
    };
    let mut answer = json!({
        "ok": true, "token_type": "bot", "scope": scopes.iter().cloned().collect::<Vec<_>>().join(","), "bot_user_id": "U0BOT",
        "app_id": "A0TEST", "team": {"id": "T0TEST", "name": "Acme"}, "enterprise": null, "is_enterprise_install": false,
        "authed_user": {"id": "U0ADA"},
    });
    let ends = state.rotation.then(|| now + Duration::seconds(LIFE));
    let token = give(&mut state, scopes, ends);
    if state.rotation {
        let refresh = format!("xoxe-1-canary-{:08}", state.sequence);
        state.refreshes.insert(refresh.clone(), token.clone());
        answer["refresh_token"] = json!(refresh);
        answer["expires_in"] = json!(LIFE);
    }
    answer["access_token"] = json!(token);
    Json(answer)
}

fn give(state: &mut State, scopes: BTreeSet<String>, expires_at: Option<patchbay_model::Timestamp>) -> String {
    state.sequence += 1;
    let token = format!("xoxb-canary-{:08}", state.sequence);
    state.tokens.insert(token.clone(), Token { scopes, expires_at, revoked: false });
    token
}

pub(super) async fn revoke(
    Extract(shared): Extract<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Json<Value> {
    api::capture(&shared, &method, &uri, &headers, &body);
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = bearer.and_then(|value| value.strip_prefix("Bearer ")).map(str::to_owned);
    let token = bearer.or_else(|| {
        form_urlencoded::parse(&body).into_owned().find(|(name, _)| name == "token").map(|(_, value)| value)
    });
    let mut state = shared.state.lock().unwrap();
    match token.and_then(|token| state.tokens.get_mut(&token)) {
        Some(token) => {
            token.revoked = true;
            Json(json!({"ok": true, "revoked": true}))
        }
        None => Json(json!({"ok": false, "error": "invalid_auth"})),
    }
}
