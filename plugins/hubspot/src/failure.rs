//! What HubSpot's failures mean to the hub.
//!
//! `{"status": "error", "message": "…", "category": "VALIDATION_ERROR", "context": {…}, "errors": […]}`, of which every member may be
//! missing. HubSpot promises no `Retry-After`: how long to wait is in the name of the limit that was passed.

use patchbay_sdk::clock::Timestamp;
use patchbay_sdk::{Error, UpstreamFailure, http};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The longest message of HubSpot that is passed on, in characters.
const MAX_MESSAGE: usize = 1000;

/// The longest wait that is passed on, in milliseconds: a day.
const MAX_WAIT_MS: u64 = 24 * 3_600_000;

/// What HubSpot says of a failure, or of one input among several.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Refusal {
    pub(crate) message: Option<String>,
    pub(crate) category: Option<String>,
    #[serde(rename = "policyName")]
    policy: Option<String>,
    /// Lists of texts by name: `ids`, `objectWriteTraceId`, `propertyName`.
    pub(crate) context: Map<String, Value>,
    pub(crate) errors: Vec<Detail>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Detail {
    pub(crate) message: Option<String>,
    pub(crate) code: Option<String>,
    pub(crate) context: Map<String, Value>,
}

impl Refusal {
    /// What a failure says; nothing if it is not HubSpot's JSON.
    pub(crate) fn read(response: &http::WholeResponse) -> Self {
        response.json().unwrap_or_default()
    }

    /// In words that may be shown.
    pub(crate) fn text(&self, status: u16) -> String {
        let first = self.errors.iter().find_map(|detail| detail.message.as_deref());
        let text = match (self.message.as_deref(), first) {
            (Some(message), Some(more)) if !message.contains(more) => format!("{message}; {more}"),
            (Some(message), _) => message.to_owned(),
            (None, Some(more)) => more.to_owned(),
            (None, None) => format!("HubSpot answered with the status {status}"),
        };
        text.chars().filter(|character| !character.is_control()).take(MAX_MESSAGE).collect()
    }

    /// The first text under a name in the context, of the failure or of one of its details.
    pub(crate) fn context(&self, name: &str) -> Option<&str> {
        let mut all = std::iter::once(&self.context).chain(self.errors.iter().map(|detail| &detail.context));
        all.find_map(|context| texts(context.get(name)).next())
    }

    /// True if a property is not there.
    pub(crate) fn is_of_missing_property(&self, property: &str) -> bool {
        let coded = self.errors.iter().any(|detail| detail.code.as_deref() == Some("PROPERTY_DOESNT_EXIST"));
        let text = self.text(400);
        text.contains(property) && (coded || text.contains("does not exist") || text.contains("PROPERTY_DOESNT_EXIST"))
    }

    /// The id of what already has a value that nothing else may have, as a conflict's message tells it.
    pub(crate) fn existing_id(&self) -> Option<String> {
        let texts = self.message.iter().chain(self.errors.iter().filter_map(|detail| detail.message.as_ref()));
        texts.filter_map(|text| text.split("Existing ID:").nth(1)).find_map(|rest| {
            let digits: String = rest.trim_start().chars().take_while(char::is_ascii_digit).collect();
            (!digits.is_empty()).then_some(digits)
        })
    }
}

/// The texts of a context's list, or its one text.
pub(crate) fn texts(value: Option<&Value>) -> impl Iterator<Item = &str> {
    let (one, many) = match value {
        Some(Value::Array(many)) => (None, many.as_slice()),
        Some(Value::String(one)) => (Some(one.as_str()), [].as_slice()),
        _ => (None, [].as_slice()),
    };
    one.into_iter().chain(many.iter().filter_map(Value::as_str))
}

/// The failure behind an answer without success, as of `now`.
pub(crate) fn of(response: &http::WholeResponse, now: Timestamp) -> Error {
    let status = response.status;
    let refusal = Refusal::read(response);
    if status == 401 {
        return Error::Reauthorize("HubSpot does not take the token: connect HubSpot again".to_owned());
    }
    let wait = wait_ms(response, refusal.policy.as_deref(), now);
    let message = refusal.text(status);
    let code = refusal.category.or_else(|| refusal.errors.into_iter().find_map(|detail| detail.code));
    let code = code.or_else(|| (status == 429).then(|| "RATE_LIMITS".to_owned()));
    Error::Upstream(UpstreamFailure { status, code, message, retry_after_ms: wait })
}

/// How long to wait before the next try, in milliseconds, by what HubSpot documents of each status.
fn wait_ms(response: &http::WholeResponse, policy: Option<&str>, now: Timestamp) -> Option<u64> {
    let by_rule = match response.status {
        429 => match policy {
            Some("SECONDLY") => 1_000,
            // it ends at midnight in the account's time zone, of which nothing is told here
            Some("DAILY") => 3_600_000,
            _ => interval_ms(response),
        },
        423 => 2_000,
        // the account moves to another data centre
        477 => 600_000,
        502..=504 | 521 => 5_000,
        522..=524 => 60_000,
        _ => return None,
    };
    let told = http::retry_after_ms(&response.headers, now);
    Some(told.unwrap_or(by_rule).max(if response.status == 423 { 2_000 } else { 0 }).min(MAX_WAIT_MS))
}

/// The window of the limit that lasts longer than a second.
fn interval_ms(response: &http::WholeResponse) -> u64 {
    let told = response.header("x-hubspot-ratelimit-interval-milliseconds").and_then(|text| text.trim().parse().ok());
    told.unwrap_or(10_000)
}

/// For syncs: a limit that was passed, a lock and a move are no failures of an attempt. They are waited for.
pub(crate) fn deferred(error: Error) -> Error {
    match error {
        Error::Upstream(UpstreamFailure { status: 423 | 429 | 477, retry_after_ms: Some(wait), .. }) => {
            Error::RateLimited(wait)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use patchbay_sdk::Headers;
    use serde_json::json;

    use super::*;

    fn answer(status: u16, body: &Value, headers: &[(&str, &str)]) -> http::WholeResponse {
        let headers: Headers = headers.iter().copied().collect();
        http::WholeResponse { status, headers, body: body.to_string().into_bytes() }
    }

    fn wait(status: u16, body: &Value, headers: &[(&str, &str)]) -> Error {
        deferred(of(&answer(status, body, headers), 0))
    }

    #[test]
    fn each_limit_says_how_long_it_lasts() {
        let limit = |policy: &str| json!({"status": "error", "errorType": "RATE_LIMIT", "policyName": policy});
        assert_eq!(wait(429, &limit("SECONDLY"), &[]), Error::RateLimited(1_000));
        assert_eq!(wait(429, &limit("TEN_SECONDLY_ROLLING"), &[]), Error::RateLimited(10_000));
        let header = [("x-hubspot-ratelimit-interval-milliseconds", "12000")];
        assert_eq!(wait(429, &limit("TEN_SECONDLY_ROLLING"), &header), Error::RateLimited(12_000));
        assert_eq!(wait(429, &limit("DAILY"), &[]), Error::RateLimited(3_600_000));
        assert_eq!(wait(429, &limit("SECONDLY"), &[("retry-after", "7")]), Error::RateLimited(7_000));
        assert_eq!(wait(423, &json!({}), &[("retry-after", "1")]), Error::RateLimited(2_000));
        assert_eq!(wait(477, &json!({}), &[("retry-after", "86400000")]), Error::RateLimited(MAX_WAIT_MS));
    }

    #[test]
    fn what_is_down_is_a_failure_with_a_wait() {
        for (status, expected) in [(502, 5_000), (521, 5_000), (522, 60_000), (524, 60_000)] {
            let Error::Upstream(failure) = wait(status, &json!("<html>"), &[]) else { panic!("no failure of HubSpot") };
            assert_eq!((failure.status, failure.retry_after_ms), (status, Some(expected)));
        }
    }

    #[test]
    fn a_token_is_not_repeated_and_a_refusal_keeps_its_word() {
        let told = of(&answer(401, &json!({"message": "pat-na1-secret"}), &[]), 0);
        assert!(matches!(told, Error::Reauthorize(_)) && !told.to_string().contains("pat-na1"), "{told}");
        let body = json!({"message": "Property values were not valid", "category": "VALIDATION_ERROR", "errors": [{"message": "no such option"}]});
        let Error::Upstream(failure) = of(&answer(400, &body, &[]), 0) else { panic!("no failure of HubSpot") };
        assert_eq!(failure.code.as_deref(), Some("VALIDATION_ERROR"));
        assert_eq!(failure.message, "Property values were not valid; no such option");
    }

    #[test]
    fn a_conflict_names_what_is_there() {
        let refusal: Refusal = serde_json::from_value(
            json!({"message": "Contact already exists. Existing ID: 12345", "category": "CONFLICT"}),
        )
        .unwrap();
        assert_eq!(refusal.existing_id().as_deref(), Some("12345"));
        assert_eq!(Refusal::default().existing_id(), None);
    }
}
