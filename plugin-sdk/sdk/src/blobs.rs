//! Files: audio, recordings, exports. Kept per org, by content.

use crate::{Error, Source, host};

/// What is known of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// The hub's id of it.
    pub id: String,
    /// In bytes.
    pub size: u64,
    /// Media type (RFC 9110).
    pub content_type: String,
    /// SHA-256 of the bytes, lower-case hexadecimal.
    pub sha256: String,
}

/// Stores what flows out of a source.
///
/// # Errors
/// What cut the flow off, or [`Error::Exhausted`] for a file above the operator's cap.
pub fn put(content_type: &str, body: Source) -> Result<Blob, Error> {
    host::blob_put(content_type, body)
}

/// Stores these bytes.
///
/// # Errors
/// [`Error::Exhausted`] for a file above the operator's cap.
pub fn put_bytes(content_type: &str, bytes: &[u8]) -> Result<Blob, Error> {
    host::blob_put_bytes(content_type, bytes)
}

/// Opens a file for reading.
///
/// # Errors
/// [`Error::NotFound`].
pub fn open(id: &str) -> Result<(Blob, Source), Error> {
    host::blob_open(id)
}

/// True if it was there.
///
/// # Errors
/// What kept the host from deleting it.
pub fn delete(id: &str) -> Result<bool, Error> {
    host::blob_delete(id)
}
