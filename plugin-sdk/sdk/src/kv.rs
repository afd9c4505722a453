//! Small values with expiry: cursors, nonces, counters. Unlike records they are written at once, so
//! concurrent calls see them, and they stay if the call fails. Keys have at most 256 bytes.

use std::time::Duration;

use crate::{Error, host};

/// One stored value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// At most 64 KiB.
    pub value: Vec<u8>,
    /// 1 when made, one more with each write.
    pub version: u64,
}

/// The value, if it is there and has not expired.
///
/// # Errors
/// [`Error::Invalid`] for a key that is too long.
pub fn get(key: &str) -> Result<Option<Entry>, Error> {
    host::kv_get(key)
}

/// Writes and gives the new version. With `expected` only if that is the stored version (0: must not
/// exist). Without `ttl` the value stays until it is deleted.
///
/// # Errors
/// [`Error::Conflict`] if the version is another, [`Error::Invalid`] for a key or value that is too long.
pub fn set(key: &str, value: &[u8], ttl: Option<Duration>, expected: Option<u64>) -> Result<u64, Error> {
    host::kv_set(key, value, ttl.map(millis), expected)
}

/// True if it was there.
///
/// # Errors
/// As [`get`].
pub fn delete(key: &str) -> Result<bool, Error> {
    host::kv_delete(key)
}

/// Adds to a counter (0 when missing) in one step and gives the sum. `ttl` counts from the counter's first
/// write.
///
/// # Errors
/// [`Error::Invalid`] if the value is not a counter.
pub fn add(key: &str, delta: i64, ttl: Option<Duration>) -> Result<i64, Error> {
    host::kv_add(key, delta, ttl.map(millis))
}

fn millis(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX)
}
