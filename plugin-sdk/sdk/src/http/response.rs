//! What a vendor answered.

use serde::Deserialize;

use crate::{Error, Headers, Source};

/// A response whose body still flows.
#[derive(Debug)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Without hop-by-hop headers, and decoded: no `content-encoding`.
    pub headers: Headers,
    /// The body, decoded.
    pub body: Source,
}

impl Response {
    /// True for a 2xx.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    /// The first header of that name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    /// Reads the rest, up to `limit` bytes.
    ///
    /// # Errors
    /// As [`Source::read_to_end`].
    pub fn whole(self, limit: u32) -> Result<WholeResponse, Error> {
        Ok(WholeResponse { status: self.status, headers: self.headers, body: self.body.read_to_end(limit)? })
    }
}

/// A response with its whole body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeResponse {
    /// HTTP status.
    pub status: u16,
    /// Without hop-by-hop headers, and decoded: no `content-encoding`.
    pub headers: Headers,
    /// The whole body.
    pub body: Vec<u8>,
}

impl WholeResponse {
    /// True for a 2xx.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    /// The first header of that name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    /// The body as `T`, whatever the status.
    ///
    /// # Errors
    /// [`Error::Upstream`] if it is not: the vendor broke its own contract.
    pub fn json<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| self.not_expected(&error))
    }

    /// The body as text.
    ///
    /// # Errors
    /// [`Error::Upstream`] if it is not UTF-8.
    pub fn text(&self) -> Result<&str, Error> {
        std::str::from_utf8(&self.body).map_err(|error| self.not_expected(&error))
    }

    fn not_expected(&self, error: &dyn std::fmt::Display) -> Error {
        Error::upstream(self.status, format!("the vendor's answer is not what was expected: {error}"))
    }
}
