//! What Salesforce's failures mean to the hub.
//!
//! `[{"message": "…", "errorCode": "INVALID_FIELD", "fields": ["Name"]}]`. Some gateways answer with an object, and an org under
//! maintenance with a page. The first reason counts.

use patchbay_sdk::clock::Timestamp;
use patchbay_sdk::{Error, UpstreamFailure, http};
use serde::Deserialize;

/// The longest message of Salesforce that is passed on, in characters.
const MAX_MESSAGE: usize = 1000;
/// How long to wait when the org's requests of the day are used up: the day rolls.
const DAY_USED_UP_MS: u64 = 3_600_000;
/// How long when too many requests run at once.
const CROWDED_MS: u64 = 5_000;
/// How long when a record is locked by another transaction.
const LOCKED_MS: u64 = 2_000;
/// How long when Salesforce is away.
const AWAY_MS: u64 = 30_000;

/// Another transaction has the record, or one that it hangs on.
pub(crate) const LOCKED: &str = "UNABLE_TO_LOCK_ROW";
/// A rule of the org against duplicates.
pub(crate) const DUPLICATES: &str = "DUPLICATES_DETECTED";
/// A page of a query that was asked for too late.
pub(crate) const LOCATOR: &str = "INVALID_QUERY_LOCATOR";

/// One reason of a refusal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Reason {
    /// `statusCode` within answers to collections.
    #[serde(rename = "errorCode", alias = "statusCode", alias = "error")]
    pub(crate) code: String,
    #[serde(alias = "error_description")]
    pub(crate) message: String,
    pub(crate) fields: Vec<String>,
}

impl Reason {
    /// The message for people: one line, and short.
    pub(crate) fn text(&self) -> String {
        let text = match self.code.as_str() {
            DUPLICATES => format!(
                "a duplicate rule of the org found that it is there already ({}): merge or link the two there, or let the user \
                 who connected past the rule",
                self.message
            ),
            "" => self.message.clone(),
            code => format!("{code}: {}", self.message),
        };
        text.chars().filter(|character| !character.is_control()).take(MAX_MESSAGE).collect()
    }
}

/// All reasons that an answer gives.
pub(crate) fn reasons(response: &http::WholeResponse) -> Vec<Reason> {
    let several: Result<Vec<Reason>, Error> = response.json();
    several.or_else(|_| response.json().map(|one| vec![one])).unwrap_or_default()
}

/// The failure behind an answer without success, as of `now`.
pub(crate) fn of(response: &http::WholeResponse, now: Timestamp) -> Error {
    let status = response.status;
    let reason = reasons(response).into_iter().next().unwrap_or_default();
    let asked = http::retry_after_ms(&response.headers, now);
    match (status, reason.code.as_str()) {
        // the hub takes the 401 as the sign to renew the token; whoever tries again has the new one
        (401, _) | (_, "INVALID_SESSION_ID") => {
            return Error::Unavailable(
                "the session at Salesforce has ended, and the hub gets another: try again".to_owned(),
            );
        }
        (300, _) => {
            return Error::Conflict(
                "several records have this external id: make the field unique in Salesforce".to_owned(),
            );
        }
        (301 | 302 | 307 | 308, _) => {
            let text = "Salesforce answers at another address: put the org's present one into the setting instance_url";
            return Error::Conflict(text.to_owned());
        }
        _ => {}
    }
    let (status, wait) = match (status, reason.code.as_str()) {
        (_, "REQUEST_LIMIT_EXCEEDED") => {
            let is_crowd = reason.message.contains("Concurrent");
            (429, Some(if is_crowd { CROWDED_MS } else { DAY_USED_UP_MS }))
        }
        (429, _) => (429, Some(CROWDED_MS)),
        (_, LOCKED) => (503, Some(LOCKED_MS)),
        (502..=504, _) => (503, Some(AWAY_MS)),
        (status, _) => (status, None),
    };
    let mut message = reason.text();
    if message.is_empty() {
        message = format!("Salesforce answered with the status {status} and no reason");
    }
    if let Some(field) = reason.fields.first() {
        let field: String = field.chars().filter(|character| !character.is_control()).take(100).collect();
        message = format!("{message} ({field})");
    }
    let code = (!reason.code.is_empty()).then_some(reason.code);
    Error::Upstream(UpstreamFailure { status, code, message, retry_after_ms: asked.or(wait) })
}

/// True for a failure of Salesforce with this code.
pub(crate) fn is(error: &Error, code: &str) -> bool {
    matches!(error, Error::Upstream(failure) if failure.code.as_deref() == Some(code))
}

#[cfg(test)]
mod tests {
    use patchbay_sdk::Headers;
    use serde_json::{Value, json};

    use super::*;

    fn failure(status: u16, body: &Value) -> Error {
        of(&http::WholeResponse { status, headers: Headers::new(), body: body.to_string().into_bytes() }, 0)
    }

    fn wait(status: u16, code: &str, message: &str) -> (u16, Option<u64>) {
        match failure(status, &json!([{"errorCode": code, "message": message}])) {
            Error::Upstream(failure) => (failure.status, failure.retry_after_ms),
            other => unreachable!("{other}"),
        }
    }

    #[test]
    fn limits_of_the_day_and_of_the_moment_are_told_apart() {
        let code = "REQUEST_LIMIT_EXCEEDED";
        assert_eq!(wait(403, code, "TotalRequests Limit exceeded."), (429, Some(DAY_USED_UP_MS)));
        assert_eq!(
            wait(403, code, "ConcurrentRequests (Concurrent API Requests) Limit exceeded."),
            (429, Some(CROWDED_MS))
        );
        assert_eq!(wait(400, LOCKED, "unable to obtain exclusive access"), (503, Some(LOCKED_MS)));
        assert_eq!(wait(503, "SERVER_UNAVAILABLE", "later"), (503, Some(AWAY_MS)));
        assert_eq!(wait(400, "INVALID_FIELD", "no such column"), (400, None));
    }

    #[test]
    fn a_session_that_ended_is_tried_again() {
        let ended =
            failure(401, &json!([{"errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid"}]));
        assert!(matches!(ended, Error::Unavailable(_)), "{ended}");
    }

    #[test]
    fn objects_pages_and_nothing_are_read_as_well() {
        let object = failure(400, &json!({"error": "invalid_grant", "error_description": "expired"}));
        assert!(is(&object, "invalid_grant") && object.to_string().contains("expired"), "{object}");
        let page = of(&http::WholeResponse { status: 500, headers: Headers::new(), body: b"<html>".to_vec() }, 0);
        assert!(page.to_string().contains("no reason"), "{page}");
        let field = failure(
            400,
            &json!([{"errorCode": "REQUIRED_FIELD_MISSING", "message": "missing", "fields": ["LastName"]}]),
        );
        assert!(field.to_string().contains("(LastName)"), "{field}");
    }
}
