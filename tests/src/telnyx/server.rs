//! The routes, and what is the same for all of them: the key, limits, faults, errors and the contract.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::{Bytes, to_bytes},
    extract::{Request, State as Extract},
    http::{HeaderValue, Method, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use url::form_urlencoded;

use super::{Fault, LINK_S, Shared, calls, contract::Contract, numbers};
use crate::openai::Captured;

/// A refusal: status, code, title, and where.
pub(super) struct Refusal(pub(super) u16, pub(super) &'static str, pub(super) String, pub(super) Option<String>);

/// What is asked, read.
pub(super) struct Asked {
    pub(super) method: String,
    /// Below `/v2`, decoded.
    pub(super) segments: Vec<String>,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Value,
}

impl Asked {
    /// A parameter of the query.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// Page and size.
    pub(super) fn page(&self) -> Result<(usize, usize), Refusal> {
        let number = |name: &str, default: usize| {
            self.parameter(name).map_or(Ok(default), |text| text.parse::<usize>().map_err(|_| invalid(name)))
        };
        let (page, size) = (number("page[number]", 1)?, number("page[size]", 20)?);
        if page == 0 || !(1..=250).contains(&size) {
            return Err(invalid("page[size]"));
        }
        Ok((page, size))
    }
}

fn invalid(parameter: &str) -> Refusal {
    Refusal(400, "10015", "Bad Request".to_owned(), Some(format!("?{parameter}")))
}

/// A list of one page, as Telnyx gives lists.
pub(super) fn paged(asked: &Asked, all: Vec<Value>) -> Result<Value, Refusal> {
    let (page, size) = asked.page()?;
    let total = all.len();
    let data: Vec<Value> = all.into_iter().skip((page - 1) * size).take(size).collect();
    let meta = json!({
        "page_number": page, "page_size": size, "total_pages": total.div_ceil(size), "total_results": total,
    });
    Ok(json!({"data": data, "meta": meta}))
}

pub(super) fn missing() -> Refusal {
    Refusal(404, "10005", "Resource not found".to_owned(), None)
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(status, code, title, place) = self;
        let mut error = json!({"code": code, "title": title, "detail": title});
        if let Some(place) = place {
            error["source"] = match place.strip_prefix('?') {
                Some(parameter) => json!({"parameter": parameter}),
                None => json!({"pointer": place}),
            };
        }
        error["meta"] = json!({"url": format!("https://developers.telnyx.com/docs/overview/errors/{code}")});
        (StatusCode::from_u16(status).expect("a status"), Json(json!({"errors": [error]}))).into_response()
    }
}

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new().fallback(serve).with_state(shared)
}

async fn serve(Extract(shared): Extract<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap_or_default();
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let captured = Captured {
        method: parts.method.to_string(),
        path: parts.uri.path_and_query().map_or_else(String::new, ToString::to_string),
        headers: parts.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: body.to_vec(),
    };
    if format!("{captured:?}").contains("pb_") || String::from_utf8_lossy(&body).contains("pb_") {
        shared.violation("a key of the hub's");
    }
    if captured.header("cookie").is_some() {
        shared.violation("a cookie");
    }
    let authorization = captured.header("authorization").map(str::to_owned);
    let media = captured.header("content-type").unwrap_or_default().to_owned();
    shared.state.lock().unwrap().captured.push(captured);
    let path = parts.uri.path();
    if !path.starts_with("/v2/") {
        return recording(&shared, path, authorization.as_deref());
    }
    let fault = {
        let mut state = shared.state.lock().unwrap();
        // an answer that gets lost is one to what changes something
        let waits = matches!(state.faults.front(), Some(Fault::LostAnswer)) && parts.method == Method::GET;
        if waits { None } else { state.faults.pop_front() }
    };
    match fault {
        Some(Fault::Limited(seconds)) => {
            let refusal = Refusal(429, "10011", "Too many requests".to_owned(), None);
            let mut response = refusal.into_response();
            let headers = response.headers_mut();
            headers.insert("x-ratelimit-limit", HeaderValue::from_static("10"));
            headers.insert("x-ratelimit-remaining", HeaderValue::from_static("0"));
            headers.insert("x-ratelimit-reset", HeaderValue::from(seconds));
            return response;
        }
        Some(Fault::Status(status)) => {
            return Refusal(status, "10007", "Unexpected error".to_owned(), None).into_response();
        }
        Some(Fault::LostAnswer) | None => {}
    }
    let expected = format!("Bearer {}", shared.key);
    if authorization.as_deref() != Some(expected.as_str()) {
        return Refusal(401, "10009", "Authentication failed".to_owned(), None).into_response();
    }
    let answer = answer(&shared, parts.method.as_str(), path, parts.uri.query().unwrap_or_default(), &media, &body);
    if matches!(fault, Some(Fault::LostAnswer)) {
        return Refusal(500, "10007", "Unexpected error".to_owned(), None).into_response();
    }
    match answer {
        Ok((status, body)) => {
            let mut response = (StatusCode::from_u16(status).expect("a status"), Json(body)).into_response();
            response.headers_mut().insert("x-ratelimit-remaining", HeaderValue::from_static("9"));
            response
        }
        Err(refusal) => refusal.into_response(),
    }
}

fn answer(
    shared: &Arc<Shared>,
    method: &str,
    path: &str,
    query: &str,
    media: &str,
    body: &Bytes,
) -> Result<(u16, Value), Refusal> {
    let query: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let whole = path.trim_start_matches("/v2");
    let segments: Vec<String> = whole.split('/').skip(1).map(decoded).collect();
    let body = match (body.is_empty(), media.starts_with("application/json")) {
        (true, _) => None,
        (false, true) => match serde_json::from_slice::<Value>(body) {
            Ok(body) => Some(body),
            Err(_) => return Err(Refusal(400, "10015", "Invalid JSON".to_owned(), None)),
        },
        (false, false) => {
            shared.violation(format!("{method} {path}: a body of the type {media:?}"));
            None
        }
    };
    let against = |contract: &Contract| contract.check(method, whole, &query, body.as_ref()).into_iter().next();
    if let Some(wrong) = shared.contract.as_ref().and_then(against) {
        // a refusal too, so that nothing comes of it
        shared.violation(format!("{method} {path}: {wrong}"));
        return Err(Refusal(422, "10027", wrong, None));
    }
    let asked = Asked { method: method.to_owned(), segments, query, body: body.unwrap_or_default() };
    let names: Vec<&str> = asked.segments.iter().map(String::as_str).collect();
    match names.as_slice() {
        ["calls", ..] => calls::serve(shared, &asked),
        ["recordings", ..] => calls::recordings(shared, &asked),
        ["available_phone_numbers" | "number_orders" | "phone_numbers", ..] => numbers::serve(shared, &asked),
        ["texml_applications" | "call_control_applications", ..] => numbers::applications(shared, &asked),
        _ => {
            shared.violation(format!("{method} {path}: no such path"));
            Err(missing())
        }
    }
}

fn decoded(segment: &str) -> String {
    // a plus in a path is a plus
    let text = segment.replace('+', "%2B");
    form_urlencoded::parse(text.as_bytes()).next().map(|(name, _)| name.into_owned()).unwrap_or_default()
}

/// A link to a recording: its own proof, for ten minutes.
fn recording(shared: &Shared, path: &str, authorization: Option<&str>) -> Response {
    if authorization.is_some() {
        shared.violation("a key for a link that needs none");
    }
    let now = shared.clock.now();
    let state = shared.state.lock().unwrap();
    let found = state.links.get(path).filter(|(_, made)| (now - *made).num_seconds() < LINK_S);
    match found.and_then(|(id, _)| state.tapes.get(id)) {
        Some(tape) => ([("content-type", "audio/mpeg")], tape.bytes.clone()).into_response(),
        None => (StatusCode::FORBIDDEN, "<Error><Code>AccessDenied</Code></Error>").into_response(),
    }
}
