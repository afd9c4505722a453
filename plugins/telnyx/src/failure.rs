//! What Telnyx' failures mean to the hub.
//!
//! `{"errors": [{"code": "10015", "title": "…", "detail": "…", "source": {"pointer": "/to"}}]}`; the codes are digits in text.
//! The first error counts.

use patchbay_sdk::clock::Timestamp;
use patchbay_sdk::{Error, UpstreamFailure, http};
use patchbay_telephony::phone;
use serde::Deserialize;

/// The longest message of Telnyx that is passed on, in characters.
const MAX_MESSAGE: usize = 1000;

/// How long to wait where Telnyx says that it is too much and not for how long, in milliseconds.
const DEFAULT_WAIT_MS: u64 = 1_000;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Refusal {
    errors: Vec<Reason>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Reason {
    code: Option<String>,
    title: Option<String>,
    detail: Option<String>,
    /// In place of `detail` at a few endpoints.
    description: Option<String>,
    source: Source,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Source {
    pointer: Option<String>,
    parameter: Option<String>,
}

/// The failure behind an answer without success, as of `now`.
pub(crate) fn of(response: &http::WholeResponse, now: Timestamp) -> Error {
    let status = response.status;
    let refusal: Refusal = response.json().unwrap_or_default();
    let Reason { code, title, detail, description, source } = refusal.errors.into_iter().next().unwrap_or_default();
    let word = code.clone().unwrap_or_default();
    if status == 401 || word == "10009" {
        return Error::Reauthorize(
            "Telnyx does not take the API key: put one into the connection that works".to_owned(),
        );
    }
    let text = detail.or(description).or(title).unwrap_or_else(|| format!("Telnyx answered with the status {status}"));
    let message: String = text.chars().filter(|character| !character.is_control()).take(MAX_MESSAGE).collect();
    // Telnyx repeats the number that is wrong, and failures are logged
    let message = phone::mask(&message);
    if status == 429 || word == "10011" {
        let wait = wait_ms(response, now).unwrap_or(DEFAULT_WAIT_MS);
        return Error::Upstream(UpstreamFailure { status: 429, code, message, retry_after_ms: Some(wait) });
    }
    match (status, word.as_str()) {
        // what is said of a call that has ended
        (422, "90018" | "90053" | "90055") => return Error::Conflict(format!("the call has ended: {message}")),
        (422, "90015") => {
            return Error::invalid("/call_control_id", format!("the id of a call that Telnyx knows ({message})"));
        }
        (400 | 422, _) => {
            let place = source.pointer.or_else(|| source.parameter.map(|name| format!("/{name}")));
            if let Some(place) = place.filter(|place| place.len() > 1) {
                return Error::invalid(place, message);
            }
        }
        _ => {}
    }
    Error::Upstream(UpstreamFailure { status, code, message, retry_after_ms: wait_ms(response, now) })
}

/// `retry-after`, else the seconds until the limit begins anew.
fn wait_ms(response: &http::WholeResponse, now: Timestamp) -> Option<u64> {
    let reset = || response.header("x-ratelimit-reset")?.trim().parse::<u64>().ok()?.checked_mul(1000);
    let is_used_up = || response.status == 429 || response.header("x-ratelimit-remaining") == Some("0");
    http::retry_after_ms(&response.headers, now).or_else(|| reset().filter(|_| is_used_up()))
}

#[cfg(test)]
mod tests {
    use patchbay_sdk::Headers;
    use serde_json::{Value, json};

    use super::*;

    fn failure(status: u16, error: Value, headers: &[(&str, &str)]) -> Error {
        let body = json!({"errors": [error]}).to_string().into_bytes();
        let headers: Headers = headers.iter().copied().collect();
        of(&http::WholeResponse { status, headers, body }, 0)
    }

    #[test]
    fn a_wrong_member_is_named_as_a_place_in_the_input() {
        let error =
            json!({"code": "10016", "title": "Phone number must be in +E164 format", "source": {"pointer": "/to"}});
        assert_eq!(failure(422, error, &[]), Error::invalid("/to", "Phone number must be in +E164 format"));
        let error =
            json!({"code": "10015", "title": "Bad Request", "detail": "no", "source": {"parameter": "page[size]"}});
        assert_eq!(failure(400, error, &[]), Error::invalid("/page[size]", "no"));
    }

    #[test]
    fn a_call_that_has_ended_is_a_conflict_and_a_key_is_not_repeated() {
        let ended = json!({"code": "90018", "title": "Call has already ended"});
        assert!(matches!(failure(422, ended, &[]), Error::Conflict(_)));
        let told = failure(401, json!({"code": "10009", "title": "Authentication failed", "detail": "KEY0123"}), &[]);
        assert!(matches!(told, Error::Reauthorize(_)) && !told.to_string().contains("KEY0123"), "{told}");
    }

    #[test]
    fn numbers_in_messages_are_masked() {
        let detail = "The 'to' number +14155550100 is not dialable";
        for (status, error) in [
            (422, json!({"code": "10016", "title": "Invalid", "detail": detail, "source": {"pointer": "/to"}})),
            (403, json!({"code": "10010", "title": detail})),
        ] {
            let told = failure(status, error, &[]).to_string();
            assert!(told.contains("is not dialable") && !told.contains("+14155550100"), "{told}");
        }
    }

    #[test]
    fn a_limit_says_when_to_come_again() {
        let limited = || json!({"code": "10011", "title": "Too many requests"});
        for (headers, wait) in [
            (&[("x-ratelimit-reset", "7")][..], 7_000),
            (&[("retry-after", "2"), ("x-ratelimit-reset", "7")][..], 2_000),
            (&[][..], DEFAULT_WAIT_MS),
        ] {
            let Error::Upstream(failure) = failure(429, limited(), headers) else { panic!("no failure of Telnyx") };
            assert_eq!((failure.status, failure.retry_after_ms), (429, Some(wait)));
        }
    }

    #[test]
    fn what_is_missing_stays_missing_and_no_json_is_no_panic() {
        let missing = json!({"code": "10005", "title": "Resource not found"});
        let Error::Upstream(missing) = failure(404, missing, &[]) else { panic!("no failure of Telnyx") };
        assert_eq!((missing.status, missing.code.as_deref()), (404, Some("10005")));
        let page = http::WholeResponse { status: 502, headers: Headers::new(), body: b"<html>".to_vec() };
        assert!(matches!(of(&page, 0), Error::Upstream(failure) if failure.status == 502));
    }
}
