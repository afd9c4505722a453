//! Deliveries and their attempts.

use patchbay_hub::{DeliveryView, ReplayReport};
use patchbay_model::{
    DeliveryId, EndpointId, EventId, Timestamp,
    delivery::{self, Answer},
};
use serde::Serialize;
use utoipa::ToSchema;

/// One event to one endpoint.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Delivery {
    /// Its id, and the `webhook-id` of all its attempts.
    #[schema(value_type = String, example = "dlv_018f3c5e7d2a7c3b9f1e2d3c4b5a6978")]
    id: DeliveryId,
    /// To which endpoint.
    #[schema(value_type = String)]
    endpoint: EndpointId,
    /// Of which event.
    #[schema(value_type = String)]
    event: EventId,
    /// The event's place in the organization's order.
    sequence: i64,
    /// The event's type.
    #[serde(rename = "type")]
    #[schema(example = "call.created")]
    kind: String,
    /// `pending`, `succeeded`, `exhausted` (given up), `cancelled` (its endpoint was deleted or switched off for long) or
    /// `skipped` (the transformation made nothing of it).
    #[schema(value_type = String)]
    status: &'static str,
    /// How often it was tried.
    attempts: u32,
    /// When it is tried next, if it is pending.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_attempt_at: Option<Timestamp>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it came to its end.
    #[schema(value_type = Option<String>, format = DateTime)]
    finished_at: Option<Timestamp>,
}

impl From<delivery::Delivery> for Delivery {
    fn from(delivery: delivery::Delivery) -> Self {
        let delivery::Delivery {
            id,
            org: _,
            endpoint,
            event,
            sequence,
            kind,
            status,
            attempts,
            next_attempt_at,
            created_at,
            finished_at,
        } = delivery;
        let status = status.as_str();
        Self { id, endpoint, event, sequence, kind, status, attempts, next_attempt_at, created_at, finished_at }
    }
}

/// One try.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Attempt {
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// How long it took, in milliseconds.
    duration_ms: u64,
    /// The answer's status, if there was one.
    status: Option<u16>,
    /// Why it failed: `status`, `timeout`, `unreachable`, `address_refused`, `broken_off`, `invalid_answer`,
    /// `transform_failed`, `event_gone` or `secret_unavailable`. Null if it did not.
    #[schema(value_type = Option<String>)]
    error: Option<&'static str>,
    /// The same in more words.
    detail: Option<String>,
    /// The first KiB of the answer's body, if it is text.
    answer: Option<String>,
    /// The same in base64, if it is not.
    answer_base64: Option<String>,
}

impl From<delivery::Attempt> for Attempt {
    fn from(attempt: delivery::Attempt) -> Self {
        let delivery::Attempt { at, ms, status, error, detail, answer } = attempt;
        let (answer, answer_base64) = match answer {
            None => (None, None),
            Some(Answer::Text(text)) => (Some(text), None),
            Some(Answer::Base64(base64)) => (None, Some(base64)),
        };
        let error = error.map(delivery::AttemptError::as_str);
        Self { at, duration_ms: ms, status, error, detail, answer, answer_base64 }
    }
}

/// A delivery with its attempts.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryReply {
    /// The delivery.
    delivery: Delivery,
    /// Its newest attempts, 50 at most, in their order.
    attempts: Vec<Attempt>,
}

impl From<DeliveryView> for DeliveryReply {
    fn from(view: DeliveryView) -> Self {
        let DeliveryView { delivery, attempts } = view;
        Self { delivery: delivery.into(), attempts: super::all(attempts) }
    }
}

/// What is sent once more.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReplayReply {
    /// How many deliveries.
    queued: u64,
    /// One request looks at 50,000 events. Where there are more: give this back as `after`.
    next: Option<i64>,
}

impl From<ReplayReport> for ReplayReply {
    fn from(report: ReplayReport) -> Self {
        let ReplayReport { queued, next } = report;
        Self { queued, next }
    }
}
