//! Short stand-ins for longer texts.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// 32 hexadecimal digits that stand for these texts.
pub(crate) fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0_u8]);
    }
    hash.finalize().iter().take(16).fold(String::with_capacity(32), |mut text, byte| {
        // a String takes every write
        let _ = write!(text, "{byte:02x}");
        text
    })
}
