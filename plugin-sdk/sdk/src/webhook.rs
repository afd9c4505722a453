//! What a vendor sends in: first verified, then, once it is committed, processed.

use crate::Headers;
use crate::clock::Timestamp;

/// A vendor's request, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Upper-case.
    pub method: String,
    /// The public URL that the vendor called, with its query.
    pub url: String,
    /// As they came.
    pub headers: Headers,
    /// As it came: signatures are over these bytes.
    pub body: Vec<u8>,
}

/// An answer to the vendor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: Headers,
    /// Body.
    pub body: Vec<u8>,
}

/// What a genuine webhook is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The vendor's id of it: a repeat with the same id is acknowledged and dropped.
    pub id: String,
    /// The vendor's name for its kind.
    pub kind: String,
    /// When it happened, by the vendor.
    pub occurred_at: Option<Timestamp>,
    /// The vendor waits for what [`crate::Connector::process_webhook`] answers.
    pub in_line: bool,
}

/// What the host needs before it stores the webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is from the vendor: it will be stored, acknowledged, then processed.
    Genuine(Receipt),
    /// It is not; the reason is kept for the org to read, the sender gets a bare 4xx.
    Refused(String),
    /// Answer this now and keep nothing: a challenge, a ping.
    Answer(Answer),
}
