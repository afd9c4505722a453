//! Slack's own API, for its SDKs: they send the hub's key where they would send a token.
//!
//! Methods that end or exchange the app's own authorization are the hub's affair and are refused here.

use patchbay_sdk::proxy::{Request, Responder, retain_request_headers, retain_response_headers};
use patchbay_sdk::{Error, Headers, http};

use crate::api::{ORIGIN, TOKEN};

const OWN: [&str; 2] = ["auth.revoke", "apps.uninstall"];

/// Forwards one request and its answer.
pub(crate) fn handle(mut request: Request, responder: &Responder) -> Result<(), Error> {
    let method = request.path.strip_prefix("/api/").unwrap_or_default();
    // An encoded letter would get a method past the list.
    let is_named = method.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'_');
    let method = method.to_ascii_lowercase();
    if !is_named || OWN.contains(&method.as_str()) || method.starts_with("oauth.") {
        let headers: Headers = [("content-type", "application/json")].into_iter().collect();
        responder.start(200, headers)?;
        // as Slack says that an app may not do something
        return responder.write(br#"{"ok":false,"error":"access_denied"}"#);
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
