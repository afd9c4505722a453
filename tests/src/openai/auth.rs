//! What the simulator checks before it looks at a body.

use axum::{
    Json,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::Shared;

/// An error answer in the vendor's shape.
pub(crate) fn error(status: u16, kind: &str, code: Option<&str>, message: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = json!({"error": {"message": message, "type": kind, "param": null, "code": code}});
    (status, Json(body)).into_response()
}

/// An error of the request.
pub(crate) fn invalid(message: &str) -> Response {
    error(400, "invalid_request_error", None, message)
}

/// The presented key, if it is the right one.
pub(crate) fn check_key(shared: &Shared, headers: &HeaderMap) -> Result<String, Box<Response>> {
    let mut presented = headers.get_all(header::AUTHORIZATION).iter();
    let first = presented.next().and_then(|value| value.to_str().ok());
    if presented.next().is_some() {
        shared.violation("more than one authorization header");
        return Err(Box::new(invalid("more than one authorization header")));
    }
    match first.and_then(|value| value.strip_prefix("Bearer ")) {
        Some(key) if key == shared.key => Ok(key.to_owned()),
        Some(_) => {
            Err(Box::new(error(401, "invalid_request_error", Some("invalid_api_key"), "Incorrect API key provided.")))
        }
        None => Err(Box::new(error(401, "invalid_request_error", None, "You didn't provide an API key."))),
    }
}

/// Records what must never reach a vendor: a key of the hub, in any place.
pub(crate) fn look_for_hub_keys(shared: &Shared, path: &str, headers: &HeaderMap, body: &[u8]) {
    if path.contains("pb_") {
        shared.violation(format!("a hub key in the path of {path}"));
    }
    for (name, value) in headers {
        if value.as_bytes().windows(3).any(|window| window == b"pb_") {
            shared.violation(format!("a hub key in the header {name}"));
        }
    }
    if body.windows(3).any(|window| window == b"pb_") {
        shared.violation("a hub key in the body");
    }
}
