//! The Web API: 200 to nearly everything, and a word for what is wrong.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State as Extract},
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use chrono::Duration;
use serde_json::{Map, Value, json};

use super::{ARCHIVED, CHANNEL, ELSEWHERE, Fault, Shared, State, arguments, blocks};
use crate::openai::Captured;

type Answer = Result<Value, Value>;

fn refuse<T>(word: &str) -> Result<T, Value> {
    Err(json!({"ok": false, "error": word}))
}

/// Remembers a request as it came, and looks for what must never leave the hub.
pub(super) fn capture(shared: &Shared, method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let captured = Captured {
        method: method.to_string(),
        path: uri.path_and_query().map_or_else(String::new, ToString::to_string),
        headers: headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: body.to_vec(),
    };
    if format!("{captured:?}").contains("pb_") || String::from_utf8_lossy(body).contains("pb_") {
        shared.violation("a key of the hub's");
    }
    if captured.header("cookie").is_some() {
        shared.violation("a cookie");
    }
    shared.state.lock().unwrap().captured.push(captured);
}

/// The fault that is due, if any.
pub(super) fn fault(shared: &Shared) -> Option<Response> {
    let fault = shared.state.lock().unwrap().faults.pop_front()?;
    Some(match fault {
        Fault::Limited(seconds) => {
            let body = Json(json!({"ok": false, "error": "ratelimited"}));
            (StatusCode::TOO_MANY_REQUESTS, [("retry-after", seconds.to_string())], body).into_response()
        }
        Fault::Word(word) => Json(json!({"ok": false, "error": word})).into_response(),
        Fault::Status(status) => StatusCode::from_u16(status).expect("a status").into_response(),
    })
}

pub(super) async fn call(
    Extract(shared): Extract<Arc<Shared>>,
    Path(method): Path<String>,
    verb: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    capture(&shared, &verb, &uri, &headers, &body);
    if let Some(fault) = fault(&shared) {
        return fault;
    }
    let arguments = match arguments::read(&uri, &headers, &body) {
        Ok(arguments) => arguments,
        Err(text) => {
            shared.violation(format!("{method}: {text}"));
            return Json(json!({"ok": false, "error": "invalid_post_type"})).into_response();
        }
    };
    for name in arguments::unknown(&method, &arguments) {
        shared.violation(format!("{method} has no argument {name}"));
    }
    if arguments.contains_key("token") {
        shared.violation(format!("{method}: a token among the arguments"));
    }
    let authorization = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (answer, scopes) = answer(&shared, &method, authorization, &arguments);
    let mut response = Json(answer.unwrap_or_else(|refusal| refusal)).into_response();
    if let Ok(scopes) = HeaderValue::try_from(scopes) {
        response.headers_mut().insert("x-oauth-scopes", scopes);
    }
    if response.headers().get("x-slack-req-id").is_none() {
        response.headers_mut().insert("x-slack-req-id", HeaderValue::from_static("simulated"));
    }
    // As Slack says it: too many is the one failure with a status of its own.
    response
}

fn answer(shared: &Shared, method: &str, authorization: &str, arguments: &Map<String, Value>) -> (Answer, String) {
    let now = shared.clock.now();
    let mut state = shared.state.lock().unwrap();
    let Some(bearer) = authorization.strip_prefix("Bearer ") else { return (refuse("not_authed"), String::new()) };
    let Some(token) = state.tokens.get(bearer).cloned() else { return (refuse("invalid_auth"), String::new()) };
    if token.revoked {
        return (refuse("token_revoked"), String::new());
    }
    if token.expires_at.is_some_and(|end| end <= now) {
        return (refuse("token_expired"), String::new());
    }
    let scopes = token.scopes.iter().cloned().collect::<Vec<_>>().join(",");
    let needed = match method {
        "chat.postMessage" | "chat.update" | "chat.delete" | "chat.postEphemeral" => Some("chat:write"),
        "conversations.list" => Some("channels:read"),
        "conversations.join" => Some("channels:join"),
        "users.lookupByEmail" => Some("users:read.email"),
        _ => None,
    };
    if let Some(needed) = needed.filter(|needed| !token.scopes.contains(*needed)) {
        let refusal = json!({"ok": false, "error": "missing_scope", "needed": needed, "provided": scopes});
        return (Err(refusal), scopes);
    }
    let text = |name: &str| arguments.get(name).and_then(Value::as_str).unwrap_or_default();
    let done = match method {
        "auth.test" => Ok(json!({
            "ok": true, "url": "https://acme.slack.com/", "team": "Acme", "user": "patchbay", "team_id": "T0TEST",
            "user_id": "U0BOT", "bot_id": "B0BOT", "is_enterprise_install": false,
        })),
        "chat.postMessage" => post(&mut state, arguments, now),
        "chat.update" => change(&mut state, arguments),
        "chat.delete" => match state.messages.remove(&(text("channel").to_owned(), text("ts").to_owned())) {
            Some(_) => Ok(json!({"ok": true, "channel": text("channel"), "ts": text("ts")})),
            None => refuse("message_not_found"),
        },
        "chat.postEphemeral" => says_something(arguments).map(|()| json!({"ok": true, "message_ts": "1.000001"})),
        "conversations.list" => Ok(conversations(&state, text("cursor"), text("exclude_archived") == "true")),
        "conversations.join" => {
            let warning =
                if state.members.insert(text("channel").to_owned()) { None } else { Some("already_in_channel") };
            let mut joined =
                json!({"ok": true, "channel": {"id": text("channel"), "name": "joined", "is_member": true}});
            if let Some(warning) = warning {
                joined["warning"] = json!(warning);
                joined["response_metadata"] = json!({"warnings": [warning]});
            }
            Ok(joined)
        }
        "users.lookupByEmail" if text("email") == "ada@example.com" => {
            Ok(json!({"ok": true, "user": {"id": "U0ADA", "name": "ada", "deleted": false}}))
        }
        "users.lookupByEmail" => refuse("users_not_found"),
        "views.open" if !state.triggers.remove(text("trigger_id")) => refuse("expired_trigger_id"),
        "views.open" => match blocks::wrong(&arguments["view"]["blocks"], 100) {
            Some(wrong) => invalid_blocks(&wrong),
            None => Ok(json!({"ok": true, "view": {"id": "V0TEST", "hash": "1.abc"}})),
        },
        _ => refuse("unknown_method"),
    };
    (done, scopes)
}

fn invalid_blocks(wrong: &str) -> Answer {
    Err(json!({"ok": false, "error": "invalid_blocks", "response_metadata": {"messages": [wrong]}}))
}

fn says_something(arguments: &Map<String, Value>) -> Result<(), Value> {
    if let Some(wrong) = arguments.get("blocks").and_then(|all| blocks::wrong(all, 50)) {
        return invalid_blocks(&wrong).map(drop);
    }
    if arguments.get("attachments").and_then(Value::as_array).is_some_and(|all| all.len() > 100) {
        return refuse("too_many_attachments");
    }
    let has = |name: &str| match arguments.get(name) {
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Array(items)) => !items.is_empty(),
        _ => false,
    };
    if !["text", "blocks", "attachments", "markdown_text"].into_iter().any(has) {
        return refuse("no_text");
    }
    if arguments.get("text").and_then(Value::as_str).is_some_and(|text| text.chars().count() > 40_000) {
        return refuse("msg_too_long");
    }
    Ok(())
}

fn post(state: &mut State, arguments: &Map<String, Value>, now: patchbay_model::Timestamp) -> Answer {
    let channel = arguments.get("channel").and_then(Value::as_str).unwrap_or_default();
    match channel {
        CHANNEL | ELSEWHERE | "U0ADA" => {}
        ARCHIVED => return refuse("is_archived"),
        _ => return refuse("channel_not_found"),
    }
    if channel.starts_with('C') && !state.members.contains(channel) {
        return refuse("not_in_channel");
    }
    says_something(arguments)?;
    if arguments.get("thread_ts").is_some_and(|ts| !ts.is_string()) {
        state.violations.push("thread_ts is no text: a number loses digits".to_owned());
    }
    let last = state.posted_at.insert(channel.to_owned(), now);
    if last.is_some_and(|last| now - last < Duration::seconds(1)) {
        state.violations.push(format!("more than one message a second in {channel}"));
    }
    state.sequence += 1;
    let ts = format!("{}.{:06}", now.timestamp(), state.sequence);
    let mut message = Value::Object(arguments.clone());
    message["ts"] = json!(ts);
    state.messages.insert((channel.to_owned(), ts.clone()), message);
    let mut posted =
        json!({"ok": true, "channel": channel, "ts": ts, "message": {"type": "message", "ts": ts, "bot_id": "B0BOT"}});
    if !arguments.contains_key("text") {
        posted["warning"] = json!("missing_text_in_message");
        posted["response_metadata"] = json!({"warnings": ["missing_text_in_message"]});
    }
    Ok(posted)
}

fn change(state: &mut State, arguments: &Map<String, Value>) -> Answer {
    says_something(arguments)?;
    let text = |name: &str| arguments.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let key = (text("channel"), text("ts"));
    let Some(message) = state.messages.get_mut(&key) else { return refuse("message_not_found") };
    *message = Value::Object(arguments.clone());
    Ok(json!({"ok": true, "channel": key.0, "ts": key.1, "text": text("text")}))
}

/// Two pages: a cursor that has to be encoded, and a page that is empty although there is a next one.
fn conversations(state: &State, cursor: &str, without_archived: bool) -> Value {
    let channel = |id: &str, archived: bool| json!({"id": id, "name": id.to_lowercase(), "is_archived": archived, "is_member": state.members.contains(id)});
    let (channels, next) = match cursor {
        "" => (vec![channel(CHANNEL, false)], "dXNlcg=="),
        "dXNlcg==" => (vec![], "dGVhbQ=="),
        _ if without_archived => (vec![channel(ELSEWHERE, false)], ""),
        _ => (vec![channel(ELSEWHERE, false), channel(ARCHIVED, true)], ""),
    };
    json!({"ok": true, "channels": channels, "response_metadata": {"next_cursor": next}})
}
