//! The one error of both directions: what the host answers to a connector, and what a connector
//! answers to the host.

use std::fmt;

/// One thing wrong with an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// JSON Pointer (RFC 6901) into the input; empty for the whole of it.
    pub pointer: String,
    /// What was expected, in words that an API consumer understands.
    pub expected: String,
}

impl Violation {
    /// A violation at `pointer`.
    pub fn new(pointer: impl Into<String>, expected: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), expected: expected.into() }
    }
}

/// An answer of the vendor that is a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamFailure {
    /// The vendor's HTTP status.
    pub status: u16,
    /// The vendor's own error code, if it has one.
    pub code: Option<String>,
    /// A message that is safe to show to the caller.
    pub message: String,
    /// How long the vendor asked to wait before the next try, in milliseconds.
    pub retry_after_ms: Option<u64>,
}

/// Why a call of the host or of a connector failed. The host maps each case to a problem type, a retry
/// class and a metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The input breaks the schema or a rule of the vendor.
    Invalid(Vec<Violation>),
    /// A capability, host, method or path that is not granted; the text says what would grant it.
    Denied(String),
    /// What was asked for does not exist in this installation.
    NotFound(String),
    /// A compare-and-swap lost, or the same key is in flight.
    Conflict(String),
    /// The hub's own limit, not the vendor's; milliseconds to wait.
    RateLimited(u64),
    /// A budget of this call is used up; the text names it.
    Exhausted(String),
    /// The deadline of the call or of the request passed, or a request broke off before its answer began. The vendor may
    /// have seen it and done what it asks for: what that costs is to be metered.
    Timeout,
    /// The vendor answered with a failure.
    Upstream(UpstreamFailure),
    /// The connection needs its owner to sign in again; the text says why.
    Reauthorize(String),
    /// What was asked for cannot be reached now; trying later may help. Of a request that has no answer: nothing of it was
    /// sent.
    Unavailable(String),
    /// A defect; the text is for the log and is not shown to the caller.
    Internal(String),
}

impl Error {
    /// An [`Error::Invalid`] with one violation.
    pub fn invalid(pointer: impl Into<String>, expected: impl Into<String>) -> Self {
        Self::Invalid(vec![Violation::new(pointer, expected)])
    }

    /// A failure of the vendor that comes with no more than a status and a message.
    pub fn upstream(status: u16, message: impl Into<String>) -> Self {
        Self::Upstream(UpstreamFailure { status, code: None, message: message.into(), retry_after_ms: None })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(violations) => {
                f.write_str("invalid")?;
                for (index, violation) in violations.iter().enumerate() {
                    let separator = if index == 0 { ": " } else { "; " };
                    write!(f, "{separator}\"{}\" expected {}", violation.pointer, violation.expected)?;
                }
                Ok(())
            }
            Self::Denied(text) => write!(f, "denied: {text}"),
            Self::NotFound(text) => write!(f, "not found: {text}"),
            Self::Conflict(text) => write!(f, "conflict: {text}"),
            Self::RateLimited(wait) => write!(f, "rate limited by the hub for {wait} ms"),
            Self::Exhausted(text) => write!(f, "exhausted: {text}"),
            Self::Timeout => f.write_str("timeout"),
            Self::Upstream(failure) => write!(f, "upstream answered {}: {}", failure.status, failure.message),
            Self::Reauthorize(text) => write!(f, "reauthorize: {text}"),
            Self::Unavailable(text) => write!(f, "unavailable: {text}"),
            Self::Internal(text) => write!(f, "internal: {text}"),
        }
    }
}

impl std::error::Error for Error {}

/// Text that came with the call and is not the JSON that it should be: the caller's fault. A vendor's
/// answer that is not is [`Error::Upstream`] instead: see [`crate::http::WholeResponse::json`].
impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::invalid("", error.to_string())
    }
}

impl From<std::str::Utf8Error> for Error {
    fn from(error: std::str::Utf8Error) -> Self {
        Self::invalid("", error.to_string())
    }
}

impl From<std::string::FromUtf8Error> for Error {
    fn from(error: std::string::FromUtf8Error) -> Self {
        error.utf8_error().into()
    }
}
