//! What comes in: who asks, how often, and for what.

use std::{collections::VecDeque, sync::Arc};

use axum::{
    Router,
    body::Bytes,
    extract::State as Extract,
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use chrono::DateTime;
use serde_json::{Value, json};

use super::{
    Fault, KEPT, Shared, State, associations, batch, contract::Contract, oauth, objects, portal::Kind, properties,
    search,
};
use crate::openai::Captured;

/// Requests of an app to one account within ten seconds.
const TEN_SECONDLY: usize = 110;
/// Searches of an account within one.
const SECONDLY: usize = 5;

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/oauth/authorize", get(oauth::authorize))
        .route("/oauth/{version}/token", post(oauth::token))
        .route("/oauth/{version}/token/revoke", post(oauth::revoke))
        .route("/oauth/{version}/token/introspect", post(oauth::introspect))
        .route("/crm/{*rest}", any(call))
        .route("/account-info/{version}/details", get(call))
        .with_state(shared)
}

/// Remembers a request as it came, and looks for what must never leave the hub.
pub(super) fn capture(state: &mut State, method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let captured = Captured {
        method: method.to_string(),
        path: uri.path_and_query().map_or_else(String::new, ToString::to_string),
        headers: headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: body.to_vec(),
    };
    if format!("{:?}", captured.headers).contains("pb_") || String::from_utf8_lossy(body).contains("pb_live") {
        state.violations.push("a key of the hub's".to_owned());
    }
    if captured.header("cookie").is_some() {
        state.violations.push("a cookie".to_owned());
    }
    if state.captured.len() == KEPT {
        state.captured.pop_front();
    }
    state.captured.push_back(captured);
}

/// The path without its version: `["objects", "contacts", "search"]`. Versions are dates, or `v3` and `v4` in an older place.
fn segments(path: &str) -> Option<Vec<&str>> {
    let all: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let is_date = |text: &str| matches!(text, "2025-09" | "2026-03" | "2026-09");
    match all.as_slice() {
        ["crm", "v3" | "v4", area, rest @ ..] => Some([&[*area][..], rest].concat()),
        ["crm", area, version, rest @ ..] if is_date(version) => Some([&[*area][..], rest].concat()),
        ["account-info", version, "details"] if is_date(version) => Some(vec!["account-info"]),
        _ => None,
    }
}

async fn call(
    Extract(shared): Extract<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut state = shared.lock();
    let state = &mut *state;
    capture(state, &method, &uri, &headers, &body);
    let now = shared.now(state);
    let (status, told, more) = answer(state, now, &method, &uri, &headers, &body);
    let mut response =
        (StatusCode::from_u16(status).unwrap(), [(header::CONTENT_TYPE, "application/json")]).into_response();
    if status != 204 {
        *response.body_mut() = told.to_string().into();
    }
    let date = DateTime::from_timestamp_millis(i64::try_from(now).unwrap()).unwrap();
    let date = date.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    response.headers_mut().insert(header::DATE, HeaderValue::try_from(date).unwrap());
    for (name, value) in more {
        response.headers_mut().insert(name, HeaderValue::try_from(value).unwrap());
    }
    response
}

type Answer = (u16, Value, Vec<(&'static str, String)>);

fn limited(policy: &str) -> Answer {
    let message = if policy == "SECONDLY" {
        "You have reached your secondly limit."
    } else {
        "You have reached your ten_secondly_rolling limit."
    };
    let body = json!({
        "status": "error", "message": message, "errorType": "RATE_LIMIT", "correlationId": "c", "policyName": policy, "requestId": "r",
    });
    (429, body, Vec::new())
}

fn answer(state: &mut State, now: u64, method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Answer {
    let plain = |(status, told): (u16, Value)| (status, told, Vec::new());
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token =
        bearer.and_then(|value| value.strip_prefix("Bearer ")).and_then(|token| state.tokens.get(token)).cloned();
    let Some(token) = token.filter(|token| token.ends.is_none_or(|ends| ends > now)) else {
        return plain((
            401,
            properties::refused("EXPIRED_AUTHENTICATION", "The OAuth token used to make this call expired."),
        ));
    };
    let Some(segments) = segments(uri.path()) else {
        state.violations.push(format!("no such path: {}", uri.path()));
        return plain((404, properties::refused("OBJECT_NOT_FOUND", "no such path")));
    };
    let name: Vec<&str> =
        segments.iter().map(|one| if one.bytes().all(|byte| byte.is_ascii_digit()) { "*" } else { one }).collect();
    *state.counts.entry(format!("{method} /{}", name.join("/"))).or_default() += 1;
    let is_search = segments.last() == Some(&"search");
    let portal = state.portals.get_mut(&token.portal).expect("a token is of an account");
    if is_search {
        if !room(&mut portal.searches, now, 1_000, SECONDLY) {
            state.violations.push("more than five searches a second".to_owned());
            return limited("SECONDLY");
        }
    } else if !room(&mut portal.requests, now, 10_000, TEN_SECONDLY) {
        state.violations.push("more than 110 requests in ten seconds".to_owned());
        return limited("TEN_SECONDLY_ROLLING");
    }
    let left = TEN_SECONDLY - portal.requests.len();
    let fault = state.faults.pop_front();
    match &fault {
        Some(Fault::Limited(policy)) => return limited(policy),
        Some(Fault::Status(status, wait)) => {
            let more = wait.iter().map(|wait| ("retry-after", wait.to_string())).collect();
            return (*status, properties::refused("INTERNAL_ERROR", "simulated"), more);
        }
        Some(Fault::DoneAndLost) | None => {}
    }
    let (status, told) = routed(state, now, token.portal, method, &segments, uri, body);
    if let Some(contract) = Contract::load() {
        let request = serde_json::from_slice(body).unwrap_or_default();
        state.violations.extend(contract.judge((method, segments.as_slice()), &request, (status, &told)));
    }
    if fault.is_some() {
        return plain((502, json!({"message": "the answer was lost"})));
    }
    if is_search {
        let mut edit = state.after_search.take();
        if let (Some(edit), Some(portal)) = (&mut edit, state.portals.get_mut(&token.portal)) {
            edit(portal, now);
        }
        state.after_search = edit;
        return (status, told, Vec::new());
    }
    let more = vec![
        ("x-hubspot-ratelimit-max", TEN_SECONDLY.to_string()),
        ("x-hubspot-ratelimit-remaining", left.to_string()),
        ("x-hubspot-ratelimit-interval-milliseconds", "10000".to_owned()),
    ];
    (status, told, more)
}

/// Takes a place in a window, if there is one.
fn room(asked: &mut VecDeque<u64>, now: u64, window_ms: u64, most: usize) -> bool {
    while asked.front().is_some_and(|at| at + window_ms <= now) {
        asked.pop_front();
    }
    if asked.len() >= most {
        return false;
    }
    asked.push_back(now);
    true
}

fn routed(
    state: &mut State,
    now: u64,
    portal: u64,
    method: &Method,
    segments: &[&str],
    uri: &Uri,
    body: &[u8],
) -> (u16, Value) {
    let lag_ms = state.lag_ms;
    let (portals, violations) = (&mut state.portals, &mut state.violations);
    let portal = portals.get_mut(&portal).expect("a token is of an account");
    let told: Value = if body.is_empty() {
        Value::Null
    } else {
        match serde_json::from_slice(body) {
            Ok(told) => told,
            Err(error) => {
                return (400, properties::refused("VALIDATION_ERROR", &format!("Invalid input JSON: {error}")));
            }
        }
    };
    let query: Vec<(String, String)> =
        url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let none = || (404, properties::refused("OBJECT_NOT_FOUND", "no such thing"));
    match segments {
        ["account-info"] => (
            200,
            json!({
                "portalId": portal.id, "accountType": "STANDARD", "timeZone": "Europe/Berlin", "companyCurrency": "EUR",
                "additionalCurrencies": [], "utcOffset": "+01:00", "utcOffsetMilliseconds": 3_600_000, "uiDomain": "app.hubspot.com",
                "dataHostingLocation": "na1",
            }),
        ),
        ["objects", kind, "search"] if method == Method::POST => match Kind::named(kind) {
            Some(kind) => search::search(portal, violations, now, lag_ms, kind, &told, body.len()),
            None => none(),
        },
        ["objects", kind, "batch", verb] if method == Method::POST => match Kind::named(kind) {
            Some(kind) => batch::call(portal, now, kind, verb, &told, &query),
            None => none(),
        },
        ["objects", kind, rest @ ..] => match Kind::named(kind) {
            Some(kind) => objects::call(portal, now, method, kind, rest, &told, &query),
            None => none(),
        },
        ["properties", kind, rest @ ..] => match Kind::named(kind) {
            Some(kind) => properties::call(portal, method, kind, rest, &told),
            None => none(),
        },
        ["associations", from, to, "batch", rest @ ..] => match (Kind::named(from), Kind::named(to)) {
            (Some(from), Some(to)) => associations::call(portal, from, to, rest, &told),
            _ => none(),
        },
        ["owners"] => (
            200,
            json!({"results": [{"id": "42", "email": "ada@example.com", "firstName": "Ada", "lastName": "L", "archived": false}]}),
        ),
        ["pipelines", "deals"] => (
            200,
            json!({"results": [{"id": "default", "label": "Sales", "stages": [{"id": "appointmentscheduled", "label": "First"}]}]}),
        ),
        _ => none(),
    }
}
