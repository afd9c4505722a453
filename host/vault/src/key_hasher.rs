//! API keys: making them, and what is stored of them.
//!
//! A key is 256 random bits, so a fast keyed hash is enough: no list of likely keys exists that a slow one would have
//! to slow down. The pepper is not in the database, so who can write to that still cannot add a key of their own.

use std::{fmt, path::Path};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use patchbay_model::Random;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use zeroize::Zeroize as _;

use crate::{TokenKind, VaultError, key_file};

/// Turns a presented API key into what is stored of it: HMAC-SHA256 under a pepper.
#[derive(Clone)]
pub struct KeyHasher {
    keyed: Hmac<Sha256>,
}

impl KeyHasher {
    /// A hasher with this pepper.
    #[must_use]
    pub fn new(mut pepper: [u8; 32]) -> Self {
        let keyed = keyed(&pepper);
        pepper.zeroize();
        Self { keyed }
    }

    /// A hasher with the pepper in this file, which is made (0600) when it is missing.
    ///
    /// # Errors
    /// Others may read the file, it holds something else, or it cannot be read or made.
    pub fn from_file_or_create(path: &Path, random: &dyn Random) -> Result<Self, VaultError> {
        let (_, pepper) = key_file::read_or_create(path, random)?;
        Ok(Self { keyed: keyed(&pepper) })
    }

    /// What tells this pepper from all others, and nothing about it: for hubs on one database, which need the same.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        self.hash("patchbay fingerprint 1")
    }

    /// The keyed hash of a presented key.
    #[must_use]
    pub fn hash(&self, presented: &str) -> [u8; 32] {
        let mut mac = self.keyed.clone();
        mac.update(presented.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

impl KeyHasher {
    /// A text that only this hub can make of another one: 43 characters of base64url. What is derived for one purpose says
    /// nothing of what is derived for another, nor of a stored hash: no token begins as a purpose does.
    #[must_use]
    pub fn derive(&self, purpose: &str, from: &str) -> SecretString {
        let mut mac = self.keyed.clone();
        mac.update(b"patchbay derives ");
        mac.update(purpose.as_bytes());
        mac.update(&[0]);
        mac.update(from.as_bytes());
        SecretString::from(URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    }

    /// True if [`KeyHasher::derive`] makes this text of the other one. How far they agree shows in nothing, the time that it
    /// takes included.
    #[must_use]
    pub fn derives(&self, purpose: &str, from: &str, text: &str) -> bool {
        let derived = self.derive(purpose, from);
        self.hash(derived.expose_secret()) == self.hash(text)
    }
}

impl fmt::Debug for KeyHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHasher(..)")
    }
}

/// HMAC-SHA256 under this key.
pub(crate) fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length")
}

/// A new API key: `pb_` and 43 characters of base64url for 32 random bytes.
#[must_use]
pub fn new_api_key(random: &dyn Random) -> SecretString {
    TokenKind::ApiKey.generate(random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_hmac_sha256() {
        // RFC 4231, test case 2, whose key is shorter than ours: HMAC pads keys with zeros.
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        let expected: [u8; 32] = [
            0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24, 0x26, 0x08, 0x95, 0x75, 0xc7, 0x5a, 0x00,
            0x3f, 0x08, 0x9d, 0x27, 0x39, 0x83, 0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec, 0x38, 0x43,
        ];
        assert_eq!(KeyHasher::new(key).hash("what do ya want for nothing?"), expected);
    }

    #[test]
    fn another_pepper_gives_another_hash() {
        assert_ne!(KeyHasher::new([1; 32]).hash("pb_x"), KeyHasher::new([2; 32]).hash("pb_x"));
    }

    #[test]
    fn what_is_derived_depends_on_pepper_purpose_and_text() {
        let derive = |pepper, purpose, from| KeyHasher::new([pepper; 32]).derive(purpose, from);
        let text = derive(1, "a", "x");
        assert_eq!(text.expose_secret().len(), 43);
        assert_eq!(text.expose_secret(), derive(1, "a", "x").expose_secret());
        for other in [derive(2, "a", "x"), derive(1, "b", "x"), derive(1, "a", "y"), derive(1, "ax", "")] {
            assert_ne!(text.expose_secret(), other.expose_secret());
        }
        let hasher = KeyHasher::new([1; 32]);
        assert!(hasher.derives("a", "x", text.expose_secret()));
        assert!(!hasher.derives("a", "y", text.expose_secret()) && !hasher.derives("a", "x", ""));
    }

    #[test]
    fn debug_output_shows_no_pepper() {
        assert_eq!(format!("{:?}", KeyHasher::new([42; 32])), "KeyHasher(..)");
    }
}
