//! Requests within one, which may refer to each other.

use serde_json::{Value, json};

use super::{
    server::{Asked, dispatch},
    store::{Answer, Refusal, State},
};

const MOST: usize = 25;
const MOST_QUERIES: usize = 5;

pub(super) fn run(state: &mut State, body: &Value) -> Answer {
    let parts = body["compositeRequest"].as_array().cloned().unwrap_or_default();
    if parts.is_empty() || parts.len() > MOST {
        return Err(Refusal::new(400, "LIMIT_EXCEEDED", format!("1 to {MOST} subrequests")));
    }
    let is_query = |part: &&Value| {
        part["url"].as_str().is_some_and(|url| url.contains("/query") || url.contains("/composite/sobjects"))
    };
    if parts.iter().filter(is_query).count() > MOST_QUERIES {
        return Err(Refusal::new(400, "LIMIT_EXCEEDED", format!("at most {MOST_QUERIES} queries or collections")));
    }
    let before = state.rows.clone();
    let mut answered: Vec<Value> = Vec::new();
    let mut failed = false;
    for part in &parts {
        let known = |text: &str| refer(&answered, text);
        let url = known(part["url"].as_str().unwrap_or_default());
        let body = serde_json::from_str(&known(&part["body"].to_string())).unwrap_or_default();
        let asked = Asked::new(part["method"].as_str().unwrap_or_default(), &url, body);
        let (status, body) = match dispatch(state, &asked) {
            Ok((status, body)) => (status, body),
            Err(refusal) => {
                failed = true;
                (refusal.status, json!([{"errorCode": refusal.code, "message": refusal.message}]))
            }
        };
        answered.push(json!({
            "body": body, "httpHeaders": {}, "httpStatusCode": status, "referenceId": part["referenceId"],
        }));
    }
    if failed && body["allOrNone"] == json!(true) {
        state.rows = before;
        for one in answered.iter_mut().filter(|one| one["httpStatusCode"].as_u64().is_some_and(|status| status < 300)) {
            one["httpStatusCode"] = json!(400);
            one["body"] = json!([{"errorCode": "PROCESSING_HALTED", "message": "rolled back"}]);
        }
    }
    Ok((200, json!({"compositeResponse": answered})))
}

/// Puts what others gave in the place of `@{name.field}`.
fn refer(answered: &[Value], text: &str) -> String {
    let mut text = text.to_owned();
    for one in answered {
        let name = one["referenceId"].as_str().unwrap_or_default();
        for (field, value) in one["body"].as_object().into_iter().flatten() {
            if let Some(value) = value.as_str() {
                text = text.replace(&format!("@{{{name}.{field}}}"), value);
            }
        }
    }
    text
}
