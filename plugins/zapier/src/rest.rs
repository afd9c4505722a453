//! The REST surface that Zapier's templates for REST hooks expect, below `/v1/proxy/zapier`.
//!
//! There is no vendor behind these routes: the plugin answers. Errors are `{"message": …}`, which Zapier shows to the
//! person in front of it. Each answer has a body, because the hub holds the end of one back until what it tells of is
//! stored.

use patchbay_sdk::proxy::{Request, Responder};
use patchbay_sdk::{Error, Headers};
use serde::Serialize;
use serde_json::{Value, json};

use crate::types::Subscribe;
use crate::{actions, hook};

/// The largest body of a request, in bytes.
const MOST: u32 = 64 << 10;

/// Answers one request.
pub(crate) fn handle(request: &Request, responder: &Responder) -> Result<(), Error> {
    let (status, body) = match answer(request) {
        Ok(answered) => answered,
        Err(error) => refusal(&error)?,
    };
    let mut headers: Headers = [("content-type", "application/json")].into_iter().collect();
    headers.append("cache-control", "no-store");
    responder.start(status, headers)?;
    responder.write(body.to_string().as_bytes())
}

fn answer(request: &Request) -> Result<(u16, Value), Error> {
    let path = request.path.trim_end_matches('/');
    match (request.method.as_str(), path, path.strip_prefix("/hooks/")) {
        ("GET", "/me", _) => Ok((200, value(&actions::me()?)?)),
        ("GET", "/hooks", _) => Ok((200, value(&hook::list()?)?)),
        ("POST", "/hooks", _) => {
            let body = request.body.read_to_end(MOST)?;
            let wanted: Subscribe = serde_json::from_slice(&body)?;
            Ok((201, value(&hook::subscribe(wanted)?)?))
        }
        ("GET", _, Some(id)) => match hook::get(id)? {
            Some(stored) => Ok((200, value(&stored.view(id.to_owned()))?)),
            None => Err(Error::NotFound("there is no such hook".to_owned())),
        },
        ("DELETE", _, Some(id)) => {
            let existed = hook::unsubscribe(id)?;
            // to take back what is not there is fine: Zapier does it twice at times
            Ok((200, json!({"id": id, "existed": existed})))
        }
        ("GET", "/samples", _) => {
            let parameter = |name: &str| {
                let mut pairs = request.query.split('&').filter_map(|pair| pair.split_once('='));
                pairs.find(|(own, _)| *own == name).map(|(_, value)| value.replace("%2A", "*").replace("%2a", "*"))
            };
            let event = parameter("event").ok_or_else(|| Error::invalid("/event", "the type of event, as ?event="))?;
            let limit = parameter("limit").and_then(|limit| limit.parse().ok()).unwrap_or(actions::SAMPLES);
            Ok((200, value(&actions::samples(&event, limit)?)?))
        }
        _ => Err(Error::NotFound("there is no such route".to_owned())),
    }
}

fn value<T: Serialize>(answer: &T) -> Result<Value, Error> {
    serde_json::to_value(answer).map_err(|error| Error::Internal(error.to_string()))
}

/// What Zapier shows. Failures of the hub itself stay the hub's to tell.
fn refusal(error: &Error) -> Result<(u16, Value), Error> {
    let (status, message) = match error {
        Error::Invalid(violations) => {
            let told = violations.iter().map(|wrong| {
                let name = wrong.pointer.trim_start_matches('/');
                let name = if name.is_empty() { "the body" } else { name };
                format!("{name}: expected {}", wrong.expected)
            });
            (400, told.collect::<Vec<_>>().join("; "))
        }
        Error::NotFound(text) => (404, text.clone()),
        Error::Exhausted(text) => (409, format!("there are too many already: {text}")),
        other => return Err(other.clone()),
    };
    Ok((status, json!({ "message": message })))
}
