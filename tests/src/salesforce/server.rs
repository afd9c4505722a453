//! The routes, and what is the same for all of them: sessions, limits, faults, errors.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::{Body, Bytes, to_bytes},
    extract::{Request, State as Extract},
    http::{HeaderValue, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::{
    EXTERNAL, Shared, changes, collections, composite, fields, oauth, query, records,
    store::{Answer, Fault, Refusal, State},
};
use crate::openai::Captured;

/// The longest address, in bytes.
const LONGEST_URL: usize = 16_384;
/// The version that the hub is written for, and the oldest that is served.
const VERSION: u32 = 68;
const OLDEST: u32 = 31;
/// Records on a page of a query where nobody asks for another number.
const BATCH: usize = 2_000;

/// What is asked, read.
pub(super) struct Asked {
    method: String,
    /// Below the version, decoded.
    segments: Vec<String>,
    query: Vec<(String, String)>,
    body: Value,
    batch: usize,
}

impl Asked {
    /// Of an address below `/services/data/`.
    pub(super) fn new(method: &str, url: &str, body: Value) -> Self {
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let rest = path.strip_prefix("/services/data/").unwrap_or_default();
        let segments = rest.trim_end_matches('/').split('/').skip(1).map(decoded).collect();
        let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Self { method: method.to_owned(), segments, query, body, batch: BATCH }
    }

    fn parameter(&self, name: &str) -> &str {
        self.query.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value)
    }

    fn fields(&self) -> Result<Map<String, Value>, Refusal> {
        self.body.as_object().cloned().ok_or_else(|| Refusal::new(400, "JSON_PARSER_ERROR", "no object"))
    }
}

fn decoded(segment: &str) -> String {
    // a plus is a plus in a path
    let pair = format!("v={}", segment.replace('+', "%2B"));
    form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new().fallback(serve).with_state(shared)
}

async fn serve(Extract(shared): Extract<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 32 << 20).await.unwrap_or_default();
    let mut state = shared.lock();
    note(&mut state, &parts, &body);
    let mut response = match (parts.method.as_str(), parts.uri.path()) {
        ("GET", "/services/oauth2/authorize") => oauth::authorize(&mut state, parts.uri.query().unwrap_or_default()),
        ("POST", "/services/oauth2/token") => oauth::token(&mut state, &body),
        ("POST", "/services/oauth2/revoke") => oauth::revoke(&mut state, &body),
        (_, path) if path.starts_with("/services/data/") => api(&mut state, &parts, &body),
        _ => (StatusCode::NOT_FOUND, "<html>not here</html>").into_response(),
    };
    let date = state.now.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    response.headers_mut().insert(header::DATE, HeaderValue::try_from(date).expect("a date"));
    response
}

fn note(state: &mut State, parts: &Parts, body: &Bytes) {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let captured = Captured {
        method: parts.method.to_string(),
        path: parts.uri.path_and_query().map_or_else(String::new, ToString::to_string),
        headers: parts.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: body.to_vec(),
    };
    if captured.path.contains("pb_")
        || captured.headers.iter().any(|(_, value)| value.contains("pb_"))
        || String::from_utf8_lossy(body).contains("pb_")
    {
        state.violation("a key of the hub's");
    }
    if captured.header("cookie").is_some() {
        state.violation("a cookie");
    }
    state.captured.push(captured);
}

fn api(state: &mut State, parts: &Parts, body: &Bytes) -> Response {
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    state.counts.all += 1;
    let bearer = header("authorization").strip_prefix("Bearer ").unwrap_or_default().to_owned();
    let now = state.now;
    if !state.oauth.takes(&bearer, now) {
        return refused(state, &Refusal::new(401, "INVALID_SESSION_ID", "Session expired or invalid"));
    }
    if let Some(response) = failing(state) {
        return response;
    }
    if state.counts.all > state.limit {
        return refused(state, &Refusal::new(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."));
    }
    let url = parts.uri.path_and_query().map_or("", |url| url.as_str());
    if url.len() > LONGEST_URL {
        state.violation("an address that is too long");
        return refused(state, &Refusal::new(414, "URI_TOO_LONG", "URI too long"));
    }
    let has_body = !body.is_empty();
    if has_body && !header("content-type").starts_with("application/json") {
        return refused(state, &Refusal::new(415, "UNSUPPORTED_MEDIA_TYPE", "Content type not supported"));
    }
    let json = if has_body { serde_json::from_slice(body) } else { Ok(Value::Null) };
    let Ok(json) = json else {
        return refused(state, &Refusal::new(400, "JSON_PARSER_ERROR", "Unexpected character"));
    };
    let mut asked = Asked::new(parts.method.as_str(), url, json);
    if let Some(batch) = header("sforce-query-options").strip_prefix("batchSize=") {
        match batch.parse::<usize>() {
            Ok(batch) if (200..=2_000).contains(&batch) => asked.batch = batch,
            _ => state.violation(format!("a batch of {batch}")),
        }
    }
    let is_write = parts.method != Method::GET;
    let answer = match version(parts.uri.path()) {
        Some(version) if (OLDEST..=VERSION).contains(&version) => dispatch(state, &asked),
        Some(version) if version < OLDEST => Err(Refusal::new(410, "UNSUPPORTED_API_VERSION", "retired")),
        _ => Err(Refusal::new(404, "NOT_FOUND", "The requested resource does not exist")),
    };
    if is_write && state.takes(Fault::LostAnswer) {
        let cut = futures::stream::iter([Err::<Bytes, _>(std::io::Error::other("cut"))]);
        return Body::from_stream(cut).into_response();
    }
    match answer {
        Ok((204, _)) => limited(state, StatusCode::NO_CONTENT.into_response()),
        Ok((status, body)) => {
            let status = StatusCode::from_u16(status).expect("a status");
            limited(state, (status, Json(body)).into_response())
        }
        Err(refusal) => refused(state, &refusal),
    }
}

/// As the test wants it.
fn failing(state: &mut State) -> Option<Response> {
    let limit = |message: &str| Refusal::new(403, "REQUEST_LIMIT_EXCEEDED", message);
    match state.faults.front().copied()? {
        Fault::DayUsedUp => {
            state.faults.pop_front();
            Some(refused(state, &limit("TotalRequests Limit exceeded.")))
        }
        Fault::Crowded => {
            state.faults.pop_front();
            Some(refused(state, &limit("ConcurrentRequests (Concurrent API Requests) Limit exceeded.")))
        }
        Fault::Status(status) => {
            state.faults.pop_front();
            let status = StatusCode::from_u16(status).expect("a status");
            Some((status, "<html>maintenance</html>").into_response())
        }
        Fault::LostAnswer | Fault::Locked => None,
    }
}

/// With how much is used up.
fn limited(state: &State, mut response: Response) -> Response {
    let usage = format!("api-usage={}/{}", state.counts.all, state.limit);
    response.headers_mut().insert("sforce-limit-info", HeaderValue::try_from(usage).expect("digits"));
    response
}

fn refused(state: &State, refusal: &Refusal) -> Response {
    let mut reason = json!({"message": refusal.message, "errorCode": refusal.code});
    if !refusal.fields.is_empty() {
        reason["fields"] = json!(refusal.fields);
    }
    let status = StatusCode::from_u16(refusal.status).expect("a status");
    limited(state, (status, Json(json!([reason]))).into_response())
}

fn version(path: &str) -> Option<u32> {
    let rest = path.strip_prefix("/services/data/v")?;
    rest.split('/').next()?.strip_suffix(".0")?.parse().ok()
}

/// Does what is asked.
pub(super) fn dispatch(state: &mut State, asked: &Asked) -> Answer {
    let segments: Vec<&str> = asked.segments.iter().map(String::as_str).collect();
    let is_read = asked.method == "GET";
    match segments.as_slice() {
        ["query" | "queryAll", ..] if is_read => state.counts.queries += 1,
        ["sobjects", _, "deleted"] => state.counts.deleted += 1,
        ["composite", "sobjects", _] if asked.method == "POST" => state.counts.reads += 1,
        _ if !is_read => state.counts.writes += 1,
        _ => {}
    }
    match (asked.method.as_str(), segments.as_slice()) {
        ("GET", ["query"]) => query::run(state, asked.parameter("q"), false, asked.batch),
        ("GET", ["queryAll"]) => query::run(state, asked.parameter("q"), true, asked.batch),
        ("GET", ["query", at]) => query::more(state, at, asked.batch),
        ("GET", ["limits"]) => {
            let left = state.limit.saturating_sub(state.counts.all);
            Ok((200, json!({"DailyApiRequests": {"Max": state.limit, "Remaining": left}})))
        }
        ("GET", ["sobjects"]) => {
            let all: Vec<Value> =
                fields::OBJECTS.iter().map(|(name, prefix)| json!({"name": name, "keyPrefix": prefix})).collect();
            Ok((200, json!({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": all})))
        }
        ("GET", ["sobjects", object, "describe"]) => {
            fields::described(state, object).map(|described| (200, described)).ok_or_else(nothing)
        }
        ("GET", ["sobjects", object, "deleted"]) => {
            changes::deleted(state, object, asked.parameter("start"), asked.parameter("end"))
        }
        ("GET", ["sobjects", object, "updated"]) => {
            changes::updated(state, object, asked.parameter("start"), asked.parameter("end"))
        }
        ("POST", ["composite"]) => composite::run(state, &asked.body),
        ("POST", ["composite", "sobjects"]) => collections::create(state, &asked.body),
        ("PATCH", ["composite", "sobjects"]) => collections::update(state, &asked.body),
        ("DELETE", ["composite", "sobjects"]) => collections::delete(state, asked.parameter("ids")),
        ("POST", ["composite", "sobjects", object]) => collections::read(state, object, &asked.body),
        ("PATCH", ["composite", "sobjects", object, field]) => collections::upsert(state, object, field, &asked.body),
        (_, ["sobjects", rest @ ..]) => record(state, asked, rest),
        _ => Err(nothing()),
    }
}

fn nothing() -> Refusal {
    Refusal::new(404, "NOT_FOUND", "The requested resource does not exist")
}

/// One record.
fn record(state: &mut State, asked: &Asked, rest: &[&str]) -> Answer {
    let made = |id: &str| json!({"id": id, "success": true, "errors": []});
    match (asked.method.as_str(), rest) {
        ("POST", [object]) => records::insert(state, object, asked.fields()?).map(|id| (201, made(&id))),
        ("GET", [object, id]) => shown(state, asked, object, id),
        ("GET", [object, field, value]) if *field == EXTERNAL => {
            let id = records::by_external(state, object, value).map(|row| row.id.clone()).ok_or_else(nothing)?;
            shown(state, asked, object, &id)
        }
        ("PATCH", [object, id]) => {
            let fields = asked.fields()?;
            if fields.keys().any(|name| name.eq_ignore_ascii_case("id")) {
                return Err(Refusal::of_field("INVALID_FIELD", "Id", "the id does not belong into the body"));
            }
            if state.live(id).is_none_or(|row| row.object != *object) {
                return Err(nothing());
            }
            records::change(state, id, fields).map(|()| (204, Value::Null))
        }
        ("PATCH", [object, field, value]) => {
            if *field != EXTERNAL || fields::find(state, object, field).is_none() {
                return Err(records::no_such(field));
            }
            let mut fields = asked.fields()?;
            if fields.contains_key(EXTERNAL) {
                return Err(Refusal::of_field(
                    "INVALID_FIELD",
                    EXTERNAL,
                    "the external id does not belong into the body",
                ));
            }
            match records::by_external(state, object, value).map(|row| row.id.clone()) {
                Some(id) => {
                    records::change(state, &id, fields)?;
                    let mut body = made(&id);
                    body["created"] = json!(false);
                    Ok((200, body))
                }
                None if asked.parameter("updateOnly") == "true" => Err(nothing()),
                None => {
                    fields.insert(EXTERNAL.to_owned(), json!(value));
                    let id = records::insert(state, object, fields)?;
                    let mut body = made(&id);
                    body["created"] = json!(true);
                    Ok((201, body))
                }
            }
        }
        ("DELETE", [object, id]) => {
            if state.live(id).is_some_and(|row| row.object != *object) {
                return Err(nothing());
            }
            records::delete(state, id).map(|()| (204, Value::Null))
        }
        _ => Err(Refusal::new(405, "METHOD_NOT_ALLOWED", "HTTP Method not allowed")),
    }
}

fn shown(state: &State, asked: &Asked, object: &str, id: &str) -> Answer {
    let row = state.live(id).filter(|row| row.object == object).ok_or_else(nothing)?;
    let names: Vec<String> = match asked.parameter("fields") {
        "" => fields::of(state, object).unwrap_or_default().into_iter().map(|field| field.name.to_owned()).collect(),
        some => some.split(',').map(str::to_owned).collect(),
    };
    records::shown(state, row, &names).map(|record| (200, record))
}
