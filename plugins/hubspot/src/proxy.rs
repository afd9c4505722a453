//! HubSpot's own API of the CRM, for its SDKs: they send the hub's key where they would send a token.
//!
//! Whatever version a client asks for is passed on. OAuth, webhooks and the account's settings are not below these paths: the connection is the
//! hub's affair.

use patchbay_sdk::proxy::{Request, Responder, retain_request_headers, retain_response_headers};
use patchbay_sdk::{Error, Headers, http};
use serde_json::json;

use crate::api::{ORIGIN, TOKEN};

/// What is passed on.
const PREFIXES: [&str; 2] = ["/crm/", "/account-info/"];

/// Forwards one request and its answer.
pub(crate) fn handle(mut request: Request, responder: &Responder) -> Result<(), Error> {
    if !is_passed_on(&request.path) {
        return refuse(responder);
    }
    retain_request_headers(&mut request.headers);
    let mut url = format!("{ORIGIN}{}", request.path);
    if !request.query.is_empty() {
        url.push('?');
        url.push_str(&request.query);
    }
    let has_body = request.method != "GET";
    let mut forwarded = http::Request::new(request.method, url).headers(request.headers).credential(TOKEN);
    if has_body {
        forwarded = forwarded.body(http::Body::Stream(request.body));
    }
    let mut response = forwarded.send()?;
    retain_response_headers(&mut response.headers);
    responder.start(response.status, response.headers)?;
    responder.forward(response.body, None)?;
    Ok(())
}

/// A path that leads out of where it begins, however it is written, is none.
fn is_passed_on(path: &str) -> bool {
    let escaped = path.to_ascii_lowercase();
    let leads_out = escaped.split('/').any(|segment| matches!(segment.replace("%2e", ".").as_str(), "." | ".."));
    PREFIXES.iter().any(|prefix| path.starts_with(prefix)) && !leads_out && !escaped.contains("%2f")
}

/// As HubSpot says that there is no such thing.
fn refuse(responder: &Responder) -> Result<(), Error> {
    let headers: Headers = [("content-type", "application/json")].into_iter().collect();
    responder.start(404, headers)?;
    let told = json!({"status": "error", "message": "The hub does not proxy this", "category": "OBJECT_NOT_FOUND"});
    responder.write(told.to_string().as_bytes())
}
