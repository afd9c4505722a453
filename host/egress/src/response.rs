//! What came back.

use http::header;

use crate::{EgressConfig, EgressError, Redactor, ResponseBody, decode::Decoder, headers};
use std::sync::Arc;
use tokio::time::Instant;

/// A vendor's answer whose body still flows.
#[derive(Debug)]
pub struct Response {
    /// HTTP status. A redirect is an answer like any other.
    pub status: u16,
    /// Without the connection's own, redacted, and without `content-encoding`: see `body`.
    pub headers: Vec<(String, String)>,
    /// The body, decoded and redacted. One in an encoding that the hub did not ask for (anything but gzip, br,
    /// zstd and deflate, or several of them on top of each other) breaks off at its first byte.
    pub body: ResponseBody,
    /// Bytes sent so far: the URL, headers and body of every try. More while a streamed body still goes out.
    pub sent: u64,
}

impl Response {
    pub(crate) fn new(
        answer: reqwest::Response,
        redact: &Arc<Redactor>,
        deadline: Instant,
        sent: u64,
        config: &EgressConfig,
    ) -> Result<Self, EgressError> {
        let status = answer.status();
        if status.is_informational() {
            return Err(EgressError::BrokenOff(format!("the vendor answered {} and nothing more", status.as_u16())));
        }
        let encodings = answer.headers().get_all(header::CONTENT_ENCODING).iter();
        let decoder = Decoder::new(encodings.map(|value| value.as_bytes()));
        let headers = headers::incoming(answer.headers(), decoder.is_some(), redact, config)?;
        let body = ResponseBody::new(answer, decoder, redact.filter(), deadline, config)?;
        Ok(Self { status: status.as_u16(), headers, body, sent })
    }
}
