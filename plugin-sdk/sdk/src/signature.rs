//! Checks what a vendor signed, with keys that stay in the host. All comparisons take constant time.

use crate::{Error, host};

/// The hash under an HMAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digest {
    /// Only for vendors that sign with nothing newer.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

/// How the stored secret becomes the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyEncoding {
    /// The secret's UTF-8 bytes, whole, prefix and all.
    Raw,
    /// What is left after the last `_` (if there is one), base64-decoded, as in Standard Webhooks.
    Base64Suffix,
    /// Hexadecimal.
    Hex,
}

/// True if any current value of the credential (a rotation keeps two for a while) gives `mac` over
/// `message`.
///
/// # Errors
/// [`Error::Denied`] for a credential that the manifest does not name, [`Error::Reauthorize`] for one
/// without a value.
pub fn hmac_matches(
    credential: &str,
    digest: Digest,
    encoding: KeyEncoding,
    message: &[u8],
    mac: &[u8],
) -> Result<bool, Error> {
    host::hmac_matches(credential, digest, encoding, message, mac)
}

/// True if any current value of the credential (a public key: base64 or hexadecimal of 32 bytes) verifies
/// `signature` over `message`.
///
/// # Errors
/// As [`hmac_matches`].
pub fn ed25519_matches(credential: &str, message: &[u8], signature: &[u8]) -> Result<bool, Error> {
    host::ed25519_matches(credential, message, signature)
}

/// True if `presented` is a current value of the credential: a shared secret sent as it is.
///
/// # Errors
/// As [`hmac_matches`].
pub fn equals(credential: &str, presented: &[u8]) -> Result<bool, Error> {
    host::secret_equals(credential, presented)
}

/// Reads a SHA-256, or an HMAC under it, from 64 lower-case hexadecimal digits, as most vendors write one. Nothing else is
/// one: a vendor's own check compares texts.
#[must_use]
pub fn sha256_from_hex(text: &str) -> Option<[u8; 32]> {
    let bytes = text.as_bytes();
    if bytes.len() != 64 {
        return None;
    }
    let mut hash = [0; 32];
    for (byte, pair) in hash.iter_mut().zip(bytes.chunks_exact(2)) {
        for digit in pair {
            let value = match digit {
                b'0'..=b'9' => digit - b'0',
                b'a'..=b'f' => digit - b'a' + 10,
                _ => return None,
            };
            *byte = *byte << 4 | value;
        }
    }
    Some(hash)
}
