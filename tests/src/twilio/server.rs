//! What happens to every request: who asks, whether it fails, and which resource it is for.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State as Extracted},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use tokio::net::TcpListener;

use super::{ACCOUNT, API_KEY, Answer, Fault, Fields, Shared, TOKEN, contract::Contract, numbers::refuse};
use crate::openai::Captured;

const BODY_LIMIT: usize = 1 << 20;

/// So many of the latest requests are kept.
const KEPT: usize = 20_000;

pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let router = Router::new().fallback(answer).with_state(shared);
    if let Err(error) = axum::serve(listener, router).await {
        eprintln!("the Twilio simulator stopped: {error}");
    }
}

async fn answer(Extracted(shared): Extracted<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_LIMIT).await else {
        return json(refuse(400, 20001, "the body broke off or is too large"));
    };
    let method = parts.method.as_str().to_owned();
    let path = parts.uri.path().to_owned();
    let query = parts.uri.query().unwrap_or_default().to_owned();
    keep(&shared, &method, &parts.uri.to_string(), &parts.headers, &body);
    let fault = shared.faults.lock().unwrap().next(&method, &path);
    match fault {
        Some(Fault::Status(429)) => return json(refuse(429, 20429, "Too Many Requests")),
        Some(Fault::Status(status)) => return json(refuse(status, 20500, "An internal server error has occurred")),
        Some(Fault::CutBefore) => return cut(),
        Some(Fault::CutAfter) | None => {}
    }
    let answered = route(&shared, &method, &path, &query, &parts.headers, &body);
    if fault == Some(Fault::CutAfter) { cut() } else { json(answered) }
}

fn route(shared: &Shared, method: &str, path: &str, query: &str, headers: &HeaderMap, body: &Bytes) -> Answer {
    if !is_known(headers) {
        return refuse(401, 20003, "Authenticate");
    }
    let Some(below) = path.strip_prefix(&format!("/2010-04-01/Accounts/{ACCOUNT}/")) else {
        shared.violation(format!("{method} {path}: not of the account"));
        return refuse(404, 20404, "The requested resource was not found");
    };
    let Some(below) = below.strip_suffix(".json") else {
        shared.violation(format!("{method} {path}: without .json the answer is XML"));
        return refuse(404, 20404, "The requested resource was not found");
    };
    let media = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !body.is_empty() && !media.starts_with("application/x-www-form-urlencoded") {
        shared.violation(format!("{method} {path}: a body of the type {media:?}"));
    }
    let query: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let form: Vec<(String, String)> = url::form_urlencoded::parse(body).into_owned().collect();
    check(shared, method, path, &query, &form);
    let mut state = shared.state.lock().unwrap();
    let parts: Vec<&str> = below.split('/').collect();
    match (method, parts.as_slice()) {
        ("GET", ["AvailablePhoneNumbers", country, kind]) => state.numbers.available(country, kind, &query),
        ("GET", ["IncomingPhoneNumbers"]) => state.numbers.list(&query),
        ("POST", ["IncomingPhoneNumbers"]) => state.numbers.buy(None, &form),
        ("POST", ["IncomingPhoneNumbers", kind @ ("Local" | "Mobile" | "TollFree")]) => {
            state.numbers.buy(Some(*kind), &form)
        }
        ("GET", ["IncomingPhoneNumbers", sid]) => state.numbers.get(sid),
        ("POST", ["IncomingPhoneNumbers", sid]) => state.numbers.update(sid, &form),
        ("DELETE", ["IncomingPhoneNumbers", sid]) => state.numbers.delete(sid),
        ("GET", ["OutgoingCallerIds"]) => state.caller_ids.list(&query),
        ("POST", ["OutgoingCallerIds"]) => {
            let (answer, wrong) = state.caller_ids.create(&form);
            wrong.into_iter().for_each(|text| shared.violation(text));
            answer
        }
        ("DELETE", ["OutgoingCallerIds", sid]) => state.caller_ids.delete(sid),
        ("GET", ["Messages"]) => state.messages.list(&query),
        ("POST", ["Messages"]) => state.messages.create(&form),
        ("GET", ["Messages", sid]) => state.messages.get(sid),
        ("GET", ["Calls"]) => state.calls.list(&query),
        ("POST", ["Calls"]) => state.calls.create(&form),
        ("GET", ["Calls", sid]) => state.calls.get(sid),
        ("POST", ["Calls", sid]) => state.calls.update(sid, &form),
        _ => {
            drop(state);
            shared.violation(format!("{method} {path}: no such endpoint here"));
            refuse(404, 20404, "The requested resource was not found")
        }
    }
}

/// HTTP Basic: the account and its token, or an API key and its secret.
fn is_known(headers: &HeaderMap) -> bool {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let expected = [(ACCOUNT, TOKEN), API_KEY];
    expected
        .iter()
        .any(|(user, secret)| given == format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{secret}"))))
}

/// What Twilio would pass over silently.
fn check(shared: &Shared, method: &str, path: &str, query: &Fields, form: &Fields) {
    for (name, _) in query.iter().chain(form) {
        if !name.starts_with(|first: char| first.is_ascii_uppercase()) {
            shared.violation(format!("{method} {path}: {name} is not in PascalCase"));
        }
    }
    if method == "POST" && !query.is_empty() {
        shared.violation(format!("{method} {path}: parameters in the query"));
    }
    let Some(contract) = Contract::load() else { return };
    let names = query.iter().chain(form).map(|(name, _)| name.as_str());
    match contract.unknown(method, path, names) {
        Some(unknown) if unknown.is_empty() => {}
        Some(unknown) => shared.violation(format!("{method} {path}: Twilio does not know {}", unknown.join(", "))),
        None => shared.violation(format!("{method} {path}: Twilio's contract has no such endpoint")),
    }
}

fn json((status, body): Answer) -> Response {
    let status = StatusCode::from_u16(status).expect("a status");
    if status == StatusCode::NO_CONTENT {
        return status.into_response();
    }
    let request = [(header::CONTENT_TYPE.as_str(), "application/json"), ("twilio-request-id", "RQ1")];
    (status, request, body.to_string()).into_response()
}

/// The connection ends without an answer.
fn cut() -> Response {
    let cut = futures::stream::iter([Err::<Bytes, _>(std::io::Error::other("cut on purpose"))]);
    Body::from_stream(cut).into_response()
}

fn keep(shared: &Shared, method: &str, path: &str, headers: &HeaderMap, body: &Bytes) {
    let has_key = |bytes: &[u8]| memchr::memmem::find(bytes, b"pb_").is_some();
    if has_key(path.as_bytes()) || has_key(body) || headers.values().any(|value| has_key(value.as_bytes())) {
        shared.violation(format!("a hub key in the request to {path}"));
    }
    let headers = headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let mut captured = shared.captured.lock().unwrap();
    if captured.len() == KEPT {
        captured.pop_front();
    }
    captured.push_back(Captured { method: method.to_owned(), path: path.to_owned(), headers, body: body.to_vec() });
}
