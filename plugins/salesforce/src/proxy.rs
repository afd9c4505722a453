//! Salesforce's own API, for its SDKs: they send the hub's key where they would send a session's id.

use patchbay_sdk::proxy::{Request, Responder, retain_request_headers, retain_response_headers};
use patchbay_sdk::{Error, Headers, http};

use crate::api::TOKEN;
use crate::config::Config;

/// What all of it is below.
const BASE: &str = "/services/data/";

/// Forwards one request and its answer.
pub(crate) fn handle(mut request: Request, responder: &Responder) -> Result<(), Error> {
    if !is_passed_on(&request.path) {
        let headers: Headers = [("content-type", "application/json")].into_iter().collect();
        responder.start(404, headers)?;
        // as Salesforce says that there is no such thing
        return responder.write(br#"[{"errorCode":"NOT_FOUND","message":"The requested resource does not exist"}]"#);
    }
    let config = Config::load()?;
    retain_request_headers(&mut request.headers);
    let mut url = format!("{}{}", config.instance(), request.path);
    if !request.query.is_empty() {
        url.push('?');
        url.push_str(&request.query);
    }
    let has_body = !matches!(request.method.as_str(), "GET" | "DELETE");
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

/// False for a path that another program would read as another one: that leads out of where it begins, however it is written.
fn is_passed_on(path: &str) -> bool {
    let Some(rest) = path.strip_prefix(BASE) else { return false };
    let rest = rest.to_ascii_lowercase();
    let leads_out = rest.split('/').any(|segment| matches!(segment.replace("%2e", ".").as_str(), "." | ".."));
    !leads_out && !rest.contains('\\') && !rest.contains("%2f") && !rest.contains("%5c")
}
