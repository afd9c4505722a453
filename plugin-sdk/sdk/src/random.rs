//! Unpredictable bytes.

use crate::host;

/// `length` bytes; the host cuts longer requests to 4,096.
#[must_use]
pub fn bytes(length: u32) -> Vec<u8> {
    host::random(length)
}
