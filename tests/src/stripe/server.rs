//! What happens to every request before and after its endpoint: who asks, in which version, for the how manieth time.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State as Extracted},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::Value;
use tokio::net::TcpListener;

use super::{
    Shared, VERSION,
    contract::Contract,
    event,
    expand::expand,
    fault::Fault,
    parameters::Parameters,
    refusal::Refusal,
    routes::route,
    state::{Cause, State, shown},
    stream, time,
};
use crate::openai::Captured;

const BODY_LIMIT: usize = 4 << 20;

/// So many of the latest requests are kept.
const KEPT: usize = 20_000;

/// The longest key that Stripe takes.
const MAX_KEY: usize = 255;

/// An answer, and to what it was one.
#[derive(Debug, Clone)]
pub(super) struct Answered {
    asked: String,
    status: u16,
    body: String,
}

pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let router = Router::new().fallback(answer).with_state(shared);
    if let Err(error) = axum::serve(listener, router).await {
        eprintln!("the Stripe simulator stopped: {error}");
    }
}

async fn answer(Extracted(shared): Extracted<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_LIMIT).await else {
        return refused(&Refusal::request("the body broke off or is too large"));
    };
    let method = parts.method.as_str().to_owned();
    let (path, query) = (parts.uri.path().to_owned(), parts.uri.query().unwrap_or_default().to_owned());
    let whole = parts.uri.path_and_query().map_or_else(String::new, ToString::to_string);
    look_for_hub_keys(&shared, &whole, &parts.headers, &body);
    keep(&shared, &method, whole, &parts.headers, &body);
    let fault = shared.faults.lock().unwrap().next(&path);
    match fault {
        Some(Fault::Status(status)) => return failure(status),
        Some(Fault::CutBefore) => return cut(),
        Some(Fault::CutAfter) | None => {}
    }
    let asked = Asked { method: &method, path: &path, query: &query, headers: &parts.headers, body: &body };
    let response = asked.answer(&shared);
    if fault == Some(Fault::CutAfter) { cut() } else { response }
}

/// One request.
struct Asked<'a> {
    method: &'a str,
    path: &'a str,
    query: &'a str,
    headers: &'a HeaderMap,
    body: &'a Bytes,
}

impl Asked<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    fn answer(&self, shared: &Shared) -> Response {
        if self.path.starts_with("/v2/") {
            return self.answer_json(shared);
        }
        if let Err(refusal) = self.check_key(shared).and_then(|()| self.check_version(shared)) {
            return refused(&refusal);
        }
        let key = match self.idempotency_key(shared) {
            Ok(key) => key,
            Err(refusal) => return refused(&refusal),
        };
        let parameters = match self.parameters(shared) {
            Ok(parameters) => parameters,
            Err(refusal) => return refused(&refusal),
        };
        let mut state = shared.state.lock().unwrap();
        time::catch_up(&mut state, shared.clock.now().timestamp());
        let place = key.clone().map(|key| (shared.key.clone(), key));
        let asked = format!("{} {} {}", self.method, self.path, parameters.value());
        if let Some(before) = place.as_ref().and_then(|place| state.answers.get(place)) {
            if before.asked != asked {
                let text =
                    "Keys for idempotent requests can only be used with the same parameters they were first used with.";
                return refused(&Refusal::new(400, "idempotency_error", text));
            }
            let mut response = json(before.status, before.body.clone());
            response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
            return response;
        }
        let request = state.next_id("req_");
        state.cause = Cause { request: Some(request.clone()), key };
        let (status, body) = match call(&mut state, shared, self.method, self.path, parameters) {
            Ok(value) => (200, value),
            Err(refusal) => (refusal.status, refusal.body()),
        };
        state.cause = Cause::default();
        let body = body.to_string();
        // what was refused before anything was done may be asked again under its key
        if let Some(place) = place.filter(|_| matches!(status, 200 | 402)) {
            state.answers.insert(place, Answered { asked, status, body: body.clone() });
        }
        let mut response = json(status, body);
        for (name, value) in [("request-id", request.as_str()), ("stripe-version", VERSION)] {
            response.headers_mut().insert(name, HeaderValue::from_str(value).expect("a header"));
        }
        response
    }

    /// The second version of the API: JSON, and only what meters need of it.
    fn answer_json(&self, shared: &Shared) -> Response {
        let mut state = shared.state.lock().unwrap();
        time::catch_up(&mut state, shared.clock.now().timestamp());
        let bearer = self.header("authorization").and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        let is_key = bearer == shared.key;
        if self.header("stripe-version").is_none() {
            shared.violation(format!("{} without Stripe-Version, which v2 wants", self.path));
        }
        if self.method == "GET" {
            let found = match self.path.strip_prefix("/v2/core/events/") {
                _ if !is_key => Err(Refusal::new(401, "invalid_request_error", "Invalid API Key provided.")),
                Some(id) => event::get_thin(&state, id),
                None => Err(unrecognized(shared, self.method, self.path)),
            };
            return found.map_or_else(|refusal| refused(&refusal), |event| json(200, event.to_string()));
        }
        let Ok(body) = serde_json::from_slice::<Value>(self.body) else {
            return refused(&Refusal::request("the body is no JSON").code("invalid_json"));
        };
        if let Some(contract) = Contract::load() {
            let wrong = contract.check_json(&format!("{} {}", self.method, self.path), &body);
            if !wrong.is_empty() {
                shared.violation(format!("{}: {}", self.path, wrong.join("; ")));
                return refused(&Refusal::request(wrong.join("; ")).code("invalid_fields"));
            }
        }
        let answered = match (self.method, self.path) {
            ("POST", "/v2/billing/meter_event_stream") => stream::take(&mut state, bearer, &body),
            _ if !is_key => Err(Refusal::new(401, "invalid_request_error", "Invalid API Key provided.")),
            ("POST", "/v2/billing/meter_event_session") => Ok(stream::open(&mut state)),
            ("POST", "/v2/billing/meter_events") => stream::take_one(&mut state, &body),
            _ => Err(unrecognized(shared, self.method, self.path)),
        };
        match answered {
            Ok(value) => json(200, value.to_string()),
            Err(refusal) => refused(&refusal),
        }
    }

    /// A Bearer token, or the user of HTTP Basic without a password.
    fn check_key(&self, shared: &Shared) -> Result<(), Refusal> {
        let given = self.header("authorization").unwrap_or_default();
        let basic = || {
            let decoded = BASE64_STANDARD.decode(given.strip_prefix("Basic ")?).ok()?;
            String::from_utf8(decoded).ok()?.strip_suffix(':').map(str::to_owned)
        };
        let key = given.strip_prefix("Bearer ").map(str::to_owned).or_else(basic);
        match key {
            Some(key) if key == shared.key => Ok(()),
            Some(_) => Err(Refusal::new(401, "invalid_request_error", "Invalid API Key provided: sk_test_****ated")),
            None => Err(Refusal::new(401, "invalid_request_error", "You did not provide an API key.")),
        }
    }

    fn check_version(&self, shared: &Shared) -> Result<(), Refusal> {
        match self.header("stripe-version") {
            Some(VERSION) => Ok(()),
            Some(other) => Err(Refusal::request(format!("Invalid Stripe API version: {other}"))),
            None => {
                shared.violation(format!("{} {} pins no version", self.method, self.path));
                Ok(())
            }
        }
    }

    /// The key of a POST. The others need none.
    fn idempotency_key(&self, shared: &Shared) -> Result<Option<String>, Refusal> {
        let key = self.header("idempotency-key").filter(|_| self.method == "POST");
        match key {
            Some(key) if key.is_empty() || key.len() > MAX_KEY => {
                Err(Refusal::request(format!("The idempotency key has not between 1 and {MAX_KEY} characters")))
            }
            None if self.method == "POST" => {
                shared.violation(format!("POST {} without Idempotency-Key", self.path));
                Ok(None)
            }
            key => Ok(key.map(str::to_owned)),
        }
    }

    /// Those of the query and of the form.
    fn parameters(&self, shared: &Shared) -> Result<Parameters, Refusal> {
        let body = std::str::from_utf8(self.body).map_err(|_| Refusal::request("the form is not UTF-8"))?;
        let media = self.header(header::CONTENT_TYPE.as_str()).unwrap_or_default();
        if !body.is_empty() && !media.starts_with("application/x-www-form-urlencoded") {
            shared.violation(format!("{} {} with a body of the type {media:?}", self.method, self.path));
            return Err(Refusal::request(format!("Invalid request: the content type {media:?}")));
        }
        if self.method == "GET" && !body.is_empty() {
            shared.violation(format!("GET {} with a body", self.path));
        }
        let separator = if self.query.is_empty() || body.is_empty() { "" } else { "&" };
        Parameters::form(&format!("{}{separator}{body}", self.query))
    }
}

/// Serves one request to the first version of the API.
pub(super) fn call(
    state: &mut State,
    shared: &Shared,
    method: &str,
    path: &str,
    mut parameters: Parameters,
) -> Result<Value, Refusal> {
    let Some((endpoint, ids, handler)) = route(method, path) else {
        return Err(unrecognized(shared, method, path));
    };
    let wrong = Contract::load().map_or_else(Vec::new, |contract| contract.check(&endpoint, &parameters.value()));
    let paths = parameters.texts("expand")?;
    let mut answer = shown(&handler(state, &ids, parameters)?);
    if !wrong.is_empty() {
        // the simulator knows a parameter that Stripe's own libraries do not
        shared.violation(format!("{endpoint}: {}", wrong.join("; ")));
    }
    expand(state, &mut answer, &paths)?;
    Ok(answer)
}

fn unrecognized(shared: &Shared, method: &str, path: &str) -> Refusal {
    shared.violation(format!("{method} {path}: no such endpoint here"));
    Refusal::new(404, "invalid_request_error", format!("Unrecognized request URL ({method}: {path})."))
}

fn refused(refusal: &Refusal) -> Response {
    json(refusal.status, refusal.body().to_string())
}

fn json(status: u16, body: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// A failure that the test has asked for.
fn failure(status: u16) -> Response {
    let refusal = match status {
        409 => Refusal::new(409, "idempotency_error", "There is currently another in-progress request using this key.")
            .code("idempotency_key_in_use"),
        429 => {
            Refusal::new(429, "invalid_request_error", "Too many requests hit the API too quickly.").code("rate_limit")
        }
        status => Refusal::new(status, "api_error", "An unknown error occurred."),
    };
    let mut response = refused(&refusal);
    if status == 429 {
        let reason = HeaderValue::from_static("endpoint-rate");
        response.headers_mut().insert("stripe-rate-limited-reason", reason);
    } else {
        response.headers_mut().insert("stripe-should-retry", HeaderValue::from_static("true"));
    }
    response
}

/// The connection ends without an answer.
fn cut() -> Response {
    let cut = futures::stream::iter([Err::<Bytes, _>(std::io::Error::other("cut on purpose"))]);
    Body::from_stream(cut).into_response()
}

fn keep(shared: &Shared, method: &str, path: String, headers: &HeaderMap, body: &Bytes) {
    let headers = headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let mut captured = shared.captured.lock().unwrap();
    if captured.len() == KEPT {
        captured.pop_front();
    }
    captured.push_back(Captured { method: method.to_owned(), path, headers, body: body.to_vec() });
}

/// Records what must never reach a vendor: a key of the hub, in any place.
fn look_for_hub_keys(shared: &Shared, path: &str, headers: &HeaderMap, body: &[u8]) {
    let has_key = |bytes: &[u8]| memchr::memmem::find(bytes, b"pb_").is_some();
    if has_key(path.as_bytes()) || has_key(body) {
        shared.violation(format!("a hub key in the request to {path}"));
    }
    for (name, value) in headers {
        if has_key(value.as_bytes()) {
            shared.violation(format!("a hub key in the header {name}"));
        }
    }
}
