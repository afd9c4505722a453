//! Telnyx' own API, for its SDKs: they send the hub's key where they would send Telnyx'.
//!
//! Proxied is what is metered and guarded here: calls, numbers that are there, recordings, applications. What would call
//! somebody is looked at first, and goes through the same settings as the actions. Numbers are ordered and given back by the
//! actions alone, because those ask for the price to be confirmed.

use patchbay_sdk::proxy::{Request, Responder, retain_request_headers, retain_response_headers};
use patchbay_sdk::{Error, Headers, http};
use patchbay_telephony::guard::dialled;
use serde_json::{Map, Value, json};

use crate::actions::MOST_AT_ONCE;
use crate::api::{KEY, ORIGIN};
use crate::config::Config;
use crate::destinations;

/// As in the manifest, in bytes.
const MAX_BODY: u32 = 1 << 20;

/// Actions on calls that call somebody, with the member that says whom.
const CALLING: [&str; 2] = ["transfer", "refer"];

/// Forwards one request and its answer.
pub(crate) fn handle(mut request: Request, responder: &Responder) -> Result<(), Error> {
    retain_request_headers(&mut request.headers);
    let mut body = request.body.read_to_end(MAX_BODY)?;
    let repeatable = match admit(&request.method, &request.path, &mut body)? {
        Admitted::AsItIs => None,
        Admitted::WithCommandId => Some(true),
        Admitted::Never => return refuse(responder),
    };
    let mut url = format!("{ORIGIN}{}", request.path);
    if !request.query.is_empty() {
        url.push('?');
        url.push_str(&request.query);
    }
    let mut forwarded = http::Request::new(request.method, url).headers(request.headers).credential(KEY);
    if let Some(repeatable) = repeatable {
        forwarded = forwarded.repeatable(repeatable);
    }
    if !body.is_empty() {
        forwarded = forwarded.body(http::Body::Bytes(body));
    }
    let mut response = forwarded.send()?;
    retain_response_headers(&mut response.headers);
    responder.start(response.status, response.headers)?;
    responder.forward(response.body, None)?;
    Ok(())
}

/// How a request may go on.
enum Admitted {
    AsItIs,
    /// Telnyx knows a repeat of it.
    WithCommandId,
    Never,
}

/// Looks whom a request would call. Numbers in it become E.164.
fn admit(method: &str, path: &str, body: &mut Vec<u8>) -> Result<Admitted, Error> {
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let calls = match (method, segments.as_slice()) {
        ("POST", ["v2", "calls"]) => true,
        ("POST", ["v2", "calls", _, "actions", name]) => {
            // an encoded letter would get a transfer past this
            if !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
                return Ok(Admitted::Never);
            }
            CALLING.contains(name)
        }
        ("POST", ["v2", "texml", "Accounts", _, "Calls"]) => true,
        _ => return Ok(Admitted::AsItIs),
    };
    // anything but an object is for Telnyx to refuse
    let Ok(mut members) = serde_json::from_slice::<Map<String, Value>>(body) else {
        return Ok(if calls { Admitted::Never } else { Admitted::AsItIs });
    };
    if calls {
        let config = Config::load()?;
        for name in ["to", "To", "sip_address"] {
            if let Some(to) = members.get_mut(name) {
                admit_value(&config, &format!("/{name}"), to)?;
            }
        }
        if let Some(document) = members.get("Texml") {
            admit_document(&config, document)?;
        }
        // also where nothing has changed: of two members of one name Telnyx might take the other one
        *body = serde_json::to_vec(&members).map_err(|error| Error::Internal(error.to_string()))?;
    }
    Ok(if members.contains_key("command_id") { Admitted::WithCommandId } else { Admitted::AsItIs })
}

/// Looks whom a document has called once somebody answers.
fn admit_document(config: &Config, document: &Value) -> Result<(), Error> {
    const AT: &str = "/Texml";
    let text = document.as_str().ok_or_else(|| Error::invalid(AT, "a document, as text"))?;
    let numbers = dialled(text).map_err(|unreadable| Error::invalid(AT, unreadable.to_string()))?;
    if numbers.len() > MOST_AT_ONCE {
        return Err(Error::invalid(AT, format!("a document that dials at most {MOST_AT_ONCE} numbers")));
    }
    numbers.iter().try_for_each(|number| destinations::admit(config, AT, number).map(drop))
}

/// Puts numbers in E.164 in the place of what people write.
fn admit_value(config: &Config, pointer: &str, to: &mut Value) -> Result<(), Error> {
    match to {
        Value::String(text) => {
            let number = destinations::admit(config, pointer, text)?;
            number.as_str().clone_into(text);
            Ok(())
        }
        Value::Array(several) if several.len() <= MOST_AT_ONCE && several.iter().all(Value::is_string) => {
            let mut places = several.iter_mut().enumerate();
            places.try_for_each(|(index, one)| admit_value(config, &format!("{pointer}/{index}"), one))
        }
        _ => Err(Error::invalid(pointer, format!("a telephone number, or a list of at most {MOST_AT_ONCE}"))),
    }
}

/// As Telnyx says that there is no such thing.
fn refuse(responder: &Responder) -> Result<(), Error> {
    let headers: Headers = [("content-type", "application/json")].into_iter().collect();
    responder.start(404, headers)?;
    let told =
        json!({"errors": [{"code": "10005", "title": "Resource not found", "detail": "The hub does not proxy this"}]});
    responder.write(told.to_string().as_bytes())
}
