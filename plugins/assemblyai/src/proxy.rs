//! AssemblyAI's own API, for its SDKs: they send the hub's key where they would send AssemblyAI's.
//!
//! Bodies flow through, uploads of gigabytes among them. The exception is the request for a transcript, into which the
//! hub's webhook goes, and whose answer says what to follow.

use patchbay_sdk::proxy::{Request, Responder, retain_request_headers, retain_response_headers};
use patchbay_sdk::usage::{self, Basis};
use patchbay_sdk::{Error, Headers, http, log};
use serde_json::{Map, Value};

use crate::api::{self, KEY};
use crate::config::{Config, Region};
use crate::{actions, created, order};

/// As in the manifest, in bytes.
const MAX_ORDER: u32 = 1 << 20;

/// Forwards one request and its answer.
pub(crate) fn handle(mut request: Request, responder: &Responder) -> Result<(), Error> {
    let region = Config::load()?.region();
    retain_request_headers(&mut request.headers);
    if request.path == "/v2/upload" && request.headers.get("content-type").is_none() {
        // as AssemblyAI's contract wants it; its SDKs leave it out
        request.headers.set("content-type", "application/octet-stream");
    }
    let is_token = request.path == "/v3/token";
    let mut url = format!("{}{}", if is_token { region.streaming() } else { region.api() }, request.path);
    if !request.query.is_empty() {
        url.push('?');
        url.push_str(&request.query);
    }
    let mut forwarded = http::Request::new(request.method.as_str(), url).headers(request.headers).credential(KEY);
    match (request.method.as_str(), request.path.as_str()) {
        ("POST", "/v2/transcript") => {
            return create(region, forwarded, &request.body.read_to_end(MAX_ORDER)?, responder);
        }
        ("POST", "/v2/upload") => forwarded = forwarded.body(http::Body::Stream(request.body)),
        ("DELETE", path) => match path.strip_prefix("/v2/transcript/").filter(|id| api::is_id(id)) {
            Some(id) => actions::before_deletion(id)?,
            None => return refuse(responder),
        },
        ("GET", _) => {}
        // an encoded letter would get a transcript past the meter
        _ => return refuse(responder),
    }
    // each one is a new token
    let mut response = if is_token { forwarded.repeatable(false) } else { forwarded }.send()?;
    if is_token && response.is_success() {
        usage::add("streaming_tokens", 1, Basis::Reported, None)?;
    }
    retain_response_headers(&mut response.headers);
    responder.start(response.status, response.headers)?;
    responder.forward(response.body, None)?;
    Ok(())
}

/// As AssemblyAI says that there is no such thing.
fn refuse(responder: &Responder) -> Result<(), Error> {
    let headers: Headers = [("content-type", "application/json")].into_iter().collect();
    responder.start(404, headers)?;
    responder.write(br#"{"error":"Not found"}"#)
}

/// Has a transcript made and followed.
fn create(region: Region, request: http::Request, body: &[u8], responder: &Responder) -> Result<(), Error> {
    let (mut response, hooked) = match serde_json::from_slice::<Map<String, Value>>(body) {
        Ok(mut members) => {
            let hooked = order::hook(&mut members);
            (created::ask(region, request.json(&members)?, &members, hooked)?, hooked)
        }
        // anything but an object is for AssemblyAI to refuse
        Err(_) => (request.body(http::Body::Bytes(body.to_vec())).fetch()?, false),
    };
    let created = response.is_success();
    if created {
        created::follow(region, &response, hooked)?;
    }
    retain_response_headers(&mut response.headers);
    let told = responder.start(response.status, response.headers).and_then(|()| responder.write(&response.body));
    match told {
        // it was made and has to be followed: a run that fails would plan nothing
        Err(error) if created => {
            log::warn("the client left before it was told of its transcript", &[("error", &error.to_string())]);
            Ok(())
        }
        told => told,
    }
}
