//! Stripe's own API, for its SDKs: they send the hub's key where they would send Stripe's.
//!
//! A client that names a version of the API gets that one; one that names none gets this connector's, and not whatever the
//! account's default is.

use patchbay_sdk::proxy::{Request, Responder, retain_request_headers, retain_response_headers};
use patchbay_sdk::{Error, http};

use crate::api::{KEY, ORIGIN, VERSION};

/// As in the manifest, in bytes. Forms of Stripe are small.
const MAX_BODY: u32 = 1 << 20;

/// Forwards one request and its answer.
pub(crate) fn handle(mut request: Request, responder: &Responder) -> Result<(), Error> {
    retain_request_headers(&mut request.headers);
    if request.headers.get("stripe-version").is_none() {
        request.headers.set("stripe-version", VERSION);
    }
    let mut url = format!("{ORIGIN}{}", request.path);
    if !request.query.is_empty() {
        url.push('?');
        url.push_str(&request.query);
    }
    // Held, not streamed: what broke off on its way is sent again under its key.
    let body = request.body.read_to_end(MAX_BODY)?;
    let has_key = request.headers.get("idempotency-key").is_some();
    let mut forwarded = http::Request::new(request.method, url).headers(request.headers).credential(KEY);
    if has_key {
        forwarded = forwarded.repeatable(true);
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
