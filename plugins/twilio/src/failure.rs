//! What Twilio's failures mean to the hub.
//!
//! Two shapes come: the old API's `{"code", "message", "more_info", "status"}`, and RFC 9457 of newer services with
//! `{"type", "title", "status", "code", "detail"}`. What is wrong with a parameter names its place in the input.

use patchbay_sdk::clock::Timestamp;
use patchbay_sdk::{Error, UpstreamFailure, http};
use patchbay_telephony::phone;
use serde::Deserialize;

/// The longest message of Twilio that is passed on, in characters.
const MAX_MESSAGE: usize = 1000;

/// How long to wait where Twilio says that it is too much and not for how long (it promises no `Retry-After`), in milliseconds.
const DEFAULT_WAIT_MS: u64 = 1_000;

/// Twilio's code for a number that somebody else has taken. <https://www.twilio.com/docs/errors/21422>
pub(crate) const NOT_AVAILABLE: i64 = 21422;

/// Codes that are about one parameter, by its place in the inputs of the actions. <https://www.twilio.com/docs/api/errors>
const PLACES: [(i64, &str); 6] =
    [(21211, "/to"), (21212, "/from"), (21606, "/from"), (21614, "/to"), (21421, "/phone_number"), (21617, "/body")];

/// <https://www.twilio.com/docs/usage/twilios-response>
#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    code: Option<i64>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    detail: Option<String>,
}

/// The failure behind an answer without success, as of `now`.
pub(crate) fn of(response: &http::WholeResponse, now: Timestamp) -> Error {
    let status = response.status;
    let Refusal { code, message, title, detail } = response.json::<Refusal>().unwrap_or_default();
    if status == 401 || code == Some(20003) {
        // nothing of the answer: it may repeat what was sent
        return Error::Reauthorize("Twilio does not take the account's SID and its token or API key".to_owned());
    }
    let message = message.or(detail).or(title);
    let message = message.unwrap_or_else(|| format!("Twilio answered with the status {status}"));
    let message: String = message.chars().filter(|character| !character.is_control()).take(MAX_MESSAGE).collect();
    // Twilio repeats the number that is wrong, and failures are logged
    let message = phone::mask(&message);
    if status == 429 {
        // refused before it was looked at, so asking again is always safe
        let wait = http::retry_after_ms(&response.headers, now).unwrap_or(DEFAULT_WAIT_MS);
        let code = Some(code.unwrap_or(20429).to_string());
        return Error::Upstream(UpstreamFailure { status, code, message, retry_after_ms: Some(wait) });
    }
    let place = code.and_then(|code| PLACES.iter().find(|(own, _)| *own == code));
    if let (400, Some((code, place))) = (status, place) {
        return Error::invalid(*place, format!("{message} (Twilio's error {code})"));
    }
    let code = code.map(|code| code.to_string());
    Error::Upstream(UpstreamFailure { status, code, message, retry_after_ms: None })
}

/// True for a failure that Twilio names by this code.
pub(crate) fn is(error: &Error, code: i64) -> bool {
    matches!(error, Error::Upstream(failure) if failure.code.as_deref() == Some(code.to_string().as_str()))
}

/// True for something that Twilio does not have.
pub(crate) fn is_missing(error: &Error) -> bool {
    matches!(error, Error::Upstream(failure) if failure.status == 404)
}

#[cfg(test)]
mod tests {
    use patchbay_sdk::Headers;
    use serde_json::{Value, json};

    use super::*;

    fn failure(status: u16, body: Value) -> Error {
        of(&http::WholeResponse { status, headers: Headers::new(), body: body.to_string().into_bytes() }, 0)
    }

    #[test]
    fn a_wrong_parameter_is_named_as_a_place_in_the_input() {
        let told =
            failure(400, json!({"code": 21211, "message": "Invalid 'To'", "more_info": "https://…", "status": 400}));
        assert_eq!(told, Error::invalid("/to", "Invalid 'To' (Twilio's error 21211)"));
    }

    #[test]
    fn numbers_in_messages_are_masked() {
        let told = failure(400, json!({"code": 21422, "message": "+14155550100 is not available"})).to_string();
        assert!(told.contains("is not available") && !told.contains("+14155550100"), "{told}");
    }

    #[test]
    fn credentials_that_do_not_work_are_not_repeated() {
        let told = failure(401, json!({"code": 20003, "message": "Authenticate AC0123:token"}));
        assert!(matches!(&told, Error::Reauthorize(text) if !text.contains("0123")), "{told}");
    }

    #[test]
    fn a_limit_says_when_to_come_again_and_what_is_missing_stays_so() {
        let Error::Upstream(limited) = failure(429, json!({"code": 20429, "message": "Too Many Requests"})) else {
            panic!("no failure of Twilio")
        };
        assert_eq!((limited.status, limited.retry_after_ms), (429, Some(DEFAULT_WAIT_MS)));
        assert!(is_missing(&failure(404, json!({"code": 20404, "message": "gone"}))));
        assert!(is(&failure(400, json!({"code": 21422, "message": "taken"})), NOT_AVAILABLE));
    }

    #[test]
    fn the_newer_shape_is_read_and_a_page_is_no_panic() {
        let problem = json!({"type": "https://…", "title": "Bad", "status": 400, "code": 60200, "detail": "wrong"});
        let Error::Upstream(told) = failure(400, problem) else { panic!("no failure of Twilio") };
        assert_eq!((told.code.as_deref(), told.message.as_str()), (Some("60200"), "wrong"));
        let page = http::WholeResponse { status: 502, headers: Headers::new(), body: b"<TwilioResponse>".to_vec() };
        assert!(matches!(of(&page, 0), Error::Upstream(failure) if failure.status == 502));
    }
}
