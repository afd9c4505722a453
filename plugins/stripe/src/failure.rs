//! What Stripe's failures mean to the hub.
//!
//! What is wrong with a parameter names it, as a place in the input. A declined card, a limit and a missing object stay
//! Stripe's own failures with their status and the most exact of Stripe's words for them.

use patchbay_sdk::clock::Timestamp;
use patchbay_sdk::{Error, UpstreamFailure, http};
use serde::Deserialize;

/// The longest message of Stripe that is passed on, in characters.
const MAX_MESSAGE: usize = 1000;

/// How long to wait where Stripe says that it is too much and not for how long (it never does), in milliseconds.
const DEFAULT_WAIT_MS: u64 = 1_000;

#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    error: Reason,
}

/// <https://docs.stripe.com/api/errors>
#[derive(Default, Deserialize)]
struct Reason {
    #[serde(rename = "type")]
    kind: Option<String>,
    code: Option<String>,
    decline_code: Option<String>,
    message: Option<String>,
    param: Option<String>,
}

/// The failure behind an answer without success, as of `now`.
pub(crate) fn of(response: &http::WholeResponse, now: Timestamp) -> Error {
    let status = response.status;
    let Reason { kind, code, decline_code, message, param } = response.json::<Refusal>().unwrap_or_default().error;
    let message = message.unwrap_or_else(|| format!("Stripe answered with the status {status}"));
    let message: String = message.chars().filter(|character| !character.is_control()).take(MAX_MESSAGE).collect();
    let (kind, word) = (kind.as_deref().unwrap_or_default(), code.as_deref().unwrap_or_default());
    if status == 401 {
        // Stripe's message repeats parts of the key.
        return Error::Reauthorize(
            "Stripe does not take the secret key: put one into the connection that works".into(),
        );
    }
    // 400 with this code is how Stripe once said 429.
    if status == 429 || word == "rate_limit" {
        let wait = http::retry_after_ms(&response.headers, now).unwrap_or(DEFAULT_WAIT_MS);
        let code = Some(if word.is_empty() { "rate_limit".to_owned() } else { word.to_owned() });
        return Error::Upstream(UpstreamFailure { status: 429, code, message, retry_after_ms: Some(wait) });
    }
    if kind == "idempotency_error" {
        return Error::Conflict(format!("Stripe knows this idempotency key from another request: {message}"));
    }
    if let (400, "invalid_request_error", Some(param)) = (status, kind, &param) {
        return Error::invalid(pointer(param), message);
    }
    let code = decline_code.or(code).or_else(|| (!kind.is_empty()).then(|| kind.to_owned()));
    Error::Upstream(UpstreamFailure { status, code, message, retry_after_ms: None })
}

/// `items[0][price]` as `/items/0/price`.
fn pointer(param: &str) -> String {
    let parts = param.split('[').map(|part| part.strip_suffix(']').unwrap_or(part));
    parts.flat_map(|part| ["/".to_owned(), part.replace('~', "~0").replace('/', "~1")]).collect()
}

#[cfg(test)]
mod tests {
    use patchbay_sdk::Headers;
    use serde_json::{Value, json};

    use super::*;

    fn failure(status: u16, error: Value) -> Error {
        let body = json!({"error": error}).to_string().into_bytes();
        of(&http::WholeResponse { status, headers: Headers::new(), body }, 0)
    }

    #[test]
    fn a_wrong_parameter_is_named_as_a_place_in_the_input() {
        let error = json!({"type": "invalid_request_error", "code": "parameter_unknown", "param": "items[0][prize]", "message": "unknown"});
        assert_eq!(failure(400, error), Error::invalid("/items/0/prize", "unknown"));
    }

    #[test]
    fn a_declined_card_keeps_the_most_exact_word() {
        let error = json!({"type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds", "message": "Your card has insufficient funds."});
        let Error::Upstream(failure) = failure(402, error) else { panic!("no failure of Stripe") };
        assert_eq!((failure.status, failure.code.as_deref()), (402, Some("insufficient_funds")));
    }

    #[test]
    fn a_key_that_does_not_work_is_not_repeated() {
        let error = json!({"type": "invalid_request_error", "message": "Invalid API Key provided: sk_live_****1234"});
        let told = failure(401, error);
        assert!(matches!(told, Error::Reauthorize(_)) && !told.to_string().contains("1234"), "{told}");
    }

    #[test]
    fn what_is_missing_stays_missing_and_a_limit_says_when_to_come_again() {
        let missing = json!({"type": "invalid_request_error", "code": "resource_missing", "param": "id", "message": "No such customer: 'cus_0'"});
        let Error::Upstream(missing) = failure(404, missing) else { panic!("no failure of Stripe") };
        assert_eq!((missing.status, missing.code.as_deref()), (404, Some("resource_missing")));
        for status in [400, 429] {
            let limited =
                json!({"type": "invalid_request_error", "code": "rate_limit", "message": "Too many requests"});
            let Error::Upstream(limited) = failure(status, limited) else { panic!("no failure of Stripe") };
            assert_eq!((limited.status, limited.retry_after_ms), (429, Some(DEFAULT_WAIT_MS)));
        }
    }

    #[test]
    fn another_request_under_the_same_key_is_a_conflict_and_no_json_is_no_panic() {
        assert!(matches!(failure(400, json!({"type": "idempotency_error", "message": "x"})), Error::Conflict(_)));
        let page = http::WholeResponse { status: 502, headers: Headers::new(), body: b"<html>".to_vec() };
        assert!(matches!(of(&page, 0), Error::Upstream(failure) if failure.status == 502));
    }
}
