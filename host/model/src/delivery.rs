//! One event to one endpoint, and the attempts at it.

use serde::{Deserialize, Serialize};

use crate::{DeliveryId, EndpointId, EventId, OrgId, Timestamp};

/// How many attempts of a delivery are kept, the newest: replays have no end.
pub const KEPT_ATTEMPTS: usize = 50;
/// How much of an answer is kept, in bytes.
pub const KEPT_ANSWER: usize = 1024;

/// How far a delivery has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// It is to be sent, for the first time or again.
    Pending,
    /// The endpoint took it.
    Succeeded,
    /// It was tried as often as it is, or its endpoint is gone.
    Exhausted,
    /// Its endpoint was deleted before.
    Cancelled,
    /// The endpoint's transformation made nothing of it.
    Skipped,
}

impl DeliveryStatus {
    /// Every status.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Succeeded, Self::Exhausted, Self::Cancelled, Self::Skipped];

    /// The status as text, as in the database and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Exhausted => "exhausted",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
        }
    }
}

/// One event to one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its id, and the `webhook-id` of all its attempts.
    pub id: DeliveryId,
    /// Whose it is.
    pub org: OrgId,
    /// To which endpoint.
    pub endpoint: EndpointId,
    /// Of which event.
    pub event: EventId,
    /// The event's place in the org's order.
    pub sequence: i64,
    /// The event's type.
    pub kind: String,
    /// How far it has come.
    pub status: DeliveryStatus,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next, if it is pending.
    pub next_attempt_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it came to its end.
    pub finished_at: Option<Timestamp>,
}

/// Why an attempt failed, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptError {
    /// The answer's status is not 2xx.
    Status,
    /// The endpoint did not answer in time.
    Timeout,
    /// The name does not resolve, or nothing takes the connection.
    Unreachable,
    /// The URL leads to an address that no endpoint may have.
    AddressRefused,
    /// The exchange broke off.
    BrokenOff,
    /// What the endpoint answered is not HTTP as we take it.
    InvalidAnswer,
    /// The transformation failed.
    TransformFailed,
    /// The event is no longer kept.
    EventGone,
    /// The endpoint's secrets do not open.
    SecretUnavailable,
}

impl AttemptError {
    /// The word, as in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::AddressRefused => "address_refused",
            Self::BrokenOff => "broken_off",
            Self::InvalidAnswer => "invalid_answer",
            Self::TransformFailed => "transform_failed",
            Self::EventGone => "event_gone",
            Self::SecretUnavailable => "secret_unavailable",
        }
    }
}

/// The beginning of what an endpoint answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It is text.
    Text(String),
    /// It is not: in base64.
    Base64(String),
}

/// One try of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When it began.
    #[serde(with = "chrono::serde::ts_microseconds")]
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub ms: u64,
    /// The answer's status, if there was one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<u16>,
    /// Why it failed, if it did.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<AttemptError>,
    /// The same in more words.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub detail: Option<String>,
    /// The first bytes of the answer's body, at most [`KEPT_ANSWER`].
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub answer: Option<Answer>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_a_document_without_what_there_was_not() {
        let at = chrono::DateTime::from_timestamp_micros(1_800_000_000_000_001).unwrap();
        let attempt = Attempt { at, ms: 3, status: Some(200), error: None, detail: None, answer: None };
        let text = serde_json::to_string(&attempt).unwrap();
        assert_eq!(text, r#"{"at":1800000000000001,"ms":3,"status":200}"#);
        assert_eq!(serde_json::from_str::<Attempt>(&text).unwrap(), attempt);
        let answered = Attempt { answer: Some(Answer::Text("ok".to_owned())), ..attempt };
        assert!(serde_json::to_string(&answered).unwrap().ends_with(r#""answer":{"text":"ok"}}"#));
    }
}
