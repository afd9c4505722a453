//! Numbers that nobody guesses, and what is stored of them.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use patchbay_model::Random;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// 256 random bits as 43 characters of base64url: a link's ticket, a state, a nonce, a code verifier, an assertion's id.
#[must_use]
pub fn unguessable(random: &dyn Random) -> SecretString {
    let mut bytes = Zeroizing::new([0; 32]);
    random.fill(&mut *bytes);
    SecretString::from(URL_SAFE_NO_PAD.encode(*bytes))
}

/// SHA-256 of a ticket, a `state` or a nonce: what is stored of it. One that can read the database cannot answer in the
/// browser's name. No key and no salt: the input is 256 random bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StateHash([u8; 32]);

impl StateHash {
    /// The hash of a text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// Its 32 bytes, for the database.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// True if it is the hash of this text; takes the same time whatever the text.
    pub(crate) fn is_of(&self, text: &str) -> bool {
        self.0.ct_eq(&Self::of(text).0).into()
    }
}

impl fmt::Debug for StateHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use patchbay_model::SeededRandom;
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn a_number_has_256_bits_in_characters_that_urls_and_pkce_allow() {
        let random = SeededRandom::new(1);
        let (one, other) = (unguessable(&random), unguessable(&random));
        assert_ne!(one.expose_secret(), other.expose_secret());
        let text = one.expose_secret();
        assert_eq!(text.len(), 43);
        assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{text}");
    }

    #[test]
    fn a_hash_knows_its_text_and_no_other() {
        let hash = StateHash::of("abc");
        assert!(hash.is_of("abc") && !hash.is_of("abd") && !hash.is_of(""));
        assert_eq!(format!("{hash:?}"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
