//! What ElevenLabs' failures mean.
//!
//! `detail` comes as an object (with `code`, or `status` in older answers), as a list of what a check found, and as
//! plain text.

use patchbay_sdk::{Error, Headers, UpstreamFailure, clock, http};
use serde::Deserialize;
use serde_json::Value;

/// The longest message of ElevenLabs that is passed on, in characters.
const MAX_MESSAGE: usize = 1000;

/// Words with a 401 that say nothing about the key.
const NOT_THE_KEY: [&str; 4] =
    ["quota_exceeded", "missing_permissions", "max_character_limit_exceeded", "detected_unusual_activity"];

/// Failures of an account that no waiting mends.
const WITHOUT_CREDITS: [&str; 2] = ["quota_exceeded", "insufficient_credits"];

#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    detail: Value,
}

/// What a caller is told.
pub(crate) fn of(status: u16, headers: &Headers, body: &[u8]) -> Error {
    let refusal: Refusal = serde_json::from_slice(body).unwrap_or_default();
    let (code, message) = read(&refusal.detail);
    let is_one_of = |words: &[&str]| code.as_deref().is_some_and(|code| words.contains(&code));
    if status == 401 && !is_one_of(&NOT_THE_KEY) {
        let code = code.as_deref().unwrap_or("no reason given");
        return Error::Reauthorize(format!("ElevenLabs refused the API key: {code}"));
    }
    let wait = http::retry_after_ms(headers, clock::now());
    let message = message.unwrap_or_else(|| format!("ElevenLabs answered with the status {status}"));
    Error::Upstream(UpstreamFailure {
        status,
        retry_after_ms: if is_one_of(&WITHOUT_CREDITS) { None } else { wait },
        code,
        message: message.chars().take(MAX_MESSAGE).collect(),
    })
}

/// Code and message.
fn read(detail: &Value) -> (Option<String>, Option<String>) {
    let text = |member: &str| detail.get(member).and_then(Value::as_str).map(str::to_owned);
    match detail {
        Value::Object(_) => (text("code").or_else(|| text("status")), text("message")),
        Value::Array(findings) => {
            let findings: Vec<_> = findings.iter().filter_map(finding).collect();
            (Some("validation_error".to_owned()), Some(findings.join("; ")).filter(|text| !text.is_empty()))
        }
        Value::String(message) => (None, Some(message.clone())),
        _ => (None, None),
    }
}

/// As in `body.text: field required`.
fn finding(finding: &Value) -> Option<String> {
    let message = finding.get("msg")?.as_str()?;
    let place = finding.get("loc").and_then(Value::as_array).into_iter().flatten();
    let place: Vec<_> = place.map(|part| part.as_str().map_or_else(|| part.to_string(), str::to_owned)).collect();
    Some(format!("{}: {message}", place.join(".")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_shape_of_detail_is_read() {
        let (code, message) = (Some("voice_not_found".to_owned()), Some("no such voice".to_owned()));
        let new =
            json!({"type": "not_found_error", "code": "voice_not_found", "message": "no such voice", "status": "x"});
        assert_eq!(read(&new), (code.clone(), message.clone()));
        assert_eq!(read(&json!({"status": "voice_not_found", "message": "no such voice"})), (code, message.clone()));
        assert_eq!(read(&json!("no such voice")), (None, message));
        let found = json!([{"loc": ["body", "text", 0], "msg": "field required", "type": "missing"}]);
        let (code, message) = read(&found);
        assert_eq!(code.as_deref(), Some("validation_error"));
        assert_eq!(message.as_deref(), Some("body.text.0: field required"));
        assert_eq!(read(&Value::Null), (None, None));
    }
}
