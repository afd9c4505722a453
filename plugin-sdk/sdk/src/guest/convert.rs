//! Between the generated types and this crate's own: moves, no copies.

use super::Source;
use super::bindings::patchbay::connector as wit;
use crate::blobs::Blob;
use crate::http::{Body, Request};
use crate::log::Level;
use crate::proxy::{Observation, Summary, Test};
use crate::records::{Change, Document};
use crate::signature::{Digest, KeyEncoding};
use crate::usage::Basis;
use crate::{Error, UpstreamFailure, Violation};

impl From<wit::types::Error> for Error {
    fn from(error: wit::types::Error) -> Self {
        use wit::types::Error as Wit;
        match error {
            Wit::Invalid(violations) => Self::Invalid(
                violations
                    .into_iter()
                    .map(|violation| Violation { pointer: violation.pointer, expected: violation.expected })
                    .collect(),
            ),
            Wit::Denied(text) => Self::Denied(text),
            Wit::NotFound(text) => Self::NotFound(text),
            Wit::Conflict(text) => Self::Conflict(text),
            Wit::RateLimited(wait) => Self::RateLimited(wait),
            Wit::Exhausted(text) => Self::Exhausted(text),
            Wit::Timeout => Self::Timeout,
            Wit::Upstream(failure) => Self::Upstream(UpstreamFailure {
                status: failure.status,
                code: failure.code,
                message: failure.message,
                retry_after_ms: failure.retry_after_ms,
            }),
            Wit::Reauthorize(text) => Self::Reauthorize(text),
            Wit::Unavailable(text) => Self::Unavailable(text),
            Wit::Internal(text) => Self::Internal(text),
        }
    }
}

impl From<Error> for wit::types::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid(violations) => Self::Invalid(violations.into_iter().map(Into::into).collect()),
            Error::Denied(text) => Self::Denied(text),
            Error::NotFound(text) => Self::NotFound(text),
            Error::Conflict(text) => Self::Conflict(text),
            Error::RateLimited(wait) => Self::RateLimited(wait),
            Error::Exhausted(text) => Self::Exhausted(text),
            Error::Timeout => Self::Timeout,
            Error::Upstream(failure) => Self::Upstream(wit::types::UpstreamFailure {
                status: failure.status,
                code: failure.code,
                message: failure.message,
                retry_after_ms: failure.retry_after_ms,
            }),
            Error::Reauthorize(text) => Self::Reauthorize(text),
            Error::Unavailable(text) => Self::Unavailable(text),
            Error::Internal(text) => Self::Internal(text),
        }
    }
}

impl From<Violation> for wit::types::Violation {
    fn from(violation: Violation) -> Self {
        Self { pointer: violation.pointer, expected: violation.expected }
    }
}

impl From<Request> for wit::http::Request {
    fn from(request: Request) -> Self {
        Self {
            method: request.method,
            url: request.url,
            headers: request.headers.into_pairs(),
            body: match request.body {
                Body::Empty => wit::http::Body::Empty,
                Body::Bytes(bytes) => wit::http::Body::Bytes(bytes),
                Body::Stream(source) => wit::http::Body::Stream(source.0.0),
            },
            credential: request.credential,
            timeout_ms: request.timeout_ms,
            repeatable: request.repeatable,
        }
    }
}

impl From<Observation> for wit::reply::Observation {
    fn from(observation: Observation) -> Self {
        let withhold = observation.withhold.into_iter().map(|condition| wit::reply::Condition {
            pointer: condition.pointer,
            test: match condition.test {
                Test::Equals(json) => wit::reply::Test::Equals(json),
                Test::Present => wit::reply::Test::Present,
            },
        });
        Self {
            withhold: withhold.collect(),
            capture: observation.capture,
            measure: observation.measure,
            strip: observation.strip,
        }
    }
}

impl From<wit::reply::Summary> for Summary {
    fn from(summary: wit::reply::Summary) -> Self {
        Self {
            bytes: summary.bytes,
            events: summary.events,
            complete: summary.complete,
            captured: summary.captured,
            measured: summary.measured,
        }
    }
}

impl From<wit::records::Document> for Document<String> {
    fn from(document: wit::records::Document) -> Self {
        Self { id: document.id, version: document.version, data: document.data, updated_at: document.updated_at }
    }
}

impl From<Change<String>> for wit::records::Change {
    fn from(change: Change<String>) -> Self {
        Self { id: change.id, data: change.data, expected: change.expected }
    }
}

impl From<wit::blobs::Blob> for Blob {
    fn from(blob: wit::blobs::Blob) -> Self {
        Self { id: blob.id, size: blob.size, content_type: blob.content_type, sha256: blob.sha256 }
    }
}

impl From<Digest> for wit::signature::Digest {
    fn from(digest: Digest) -> Self {
        match digest {
            Digest::Sha1 => Self::Sha1,
            Digest::Sha256 => Self::Sha256,
            Digest::Sha512 => Self::Sha512,
        }
    }
}

impl From<KeyEncoding> for wit::signature::KeyEncoding {
    fn from(encoding: KeyEncoding) -> Self {
        match encoding {
            KeyEncoding::Raw => Self::Raw,
            KeyEncoding::Base64Suffix => Self::Base64Suffix,
            KeyEncoding::Hex => Self::Hex,
        }
    }
}

impl From<Basis> for wit::usage::Basis {
    fn from(basis: Basis) -> Self {
        match basis {
            Basis::Reported => Self::Reported,
            Basis::Estimated => Self::Estimated,
        }
    }
}

impl From<Level> for wit::log::Level {
    fn from(level: Level) -> Self {
        match level {
            Level::Debug => Self::Debug,
            Level::Info => Self::Info,
            Level::Warn => Self::Warn,
            Level::Error => Self::Error,
        }
    }
}

impl From<wit::bytes::Source> for crate::Source {
    fn from(source: wit::bytes::Source) -> Self {
        Self(Source(source))
    }
}
