//! The seal on compiled code in the cache.
//!
//! Loading machine code from a file is running it. Only what carries the mark of this hub's own key is loaded; a
//! checksum would stop accidents alone.

use std::{fmt, path::Path};

use hmac::{Hmac, Mac as _};
use patchbay_model::Random;
use sha2::Sha256;
use zeroize::Zeroize as _;

use crate::{VaultError, key_file, key_hasher::keyed};

/// Keeps this use of a key apart from any other of the same key.
const PURPOSE: &[u8] = b"patchbay artefact 1";

/// Marks bytes as written by this hub: HMAC-SHA256 under a key that is derived from the given one.
#[derive(Clone)]
pub struct ArtefactMac {
    keyed: Hmac<Sha256>,
}

impl ArtefactMac {
    /// With this key.
    #[must_use]
    pub fn new(mut key: [u8; 32]) -> Self {
        let made = Self::derive(&key);
        key.zeroize();
        made
    }

    /// With the key in this file, which is made (0600) when it is missing.
    ///
    /// # Errors
    /// Others may read the file, it holds something else, or it cannot be read or made.
    pub fn from_file_or_create(path: &Path, random: &dyn Random) -> Result<Self, VaultError> {
        let (_, key) = key_file::read_or_create(path, random)?;
        Ok(Self::derive(&key))
    }

    fn derive(key: &[u8; 32]) -> Self {
        let mut mac = keyed(key);
        mac.update(PURPOSE);
        let mut derived: [u8; 32] = mac.finalize().into_bytes().into();
        let keyed = keyed(&derived);
        derived.zeroize();
        Self { keyed }
    }

    /// The mark for these bytes.
    #[must_use]
    pub fn sign(&self, bytes: &[u8]) -> [u8; 32] {
        let mut mac = self.keyed.clone();
        mac.update(bytes);
        mac.finalize().into_bytes().into()
    }

    /// True if the mark is ours for these bytes; takes as long for a wrong mark as for a right one.
    #[must_use]
    pub fn verify(&self, bytes: &[u8], mark: &[u8]) -> bool {
        let mut mac = self.keyed.clone();
        mac.update(bytes);
        mac.verify_slice(mark).is_ok()
    }
}

impl fmt::Debug for ArtefactMac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ArtefactMac(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_bytes_and_the_whole_mark_verify() {
        let mac = ArtefactMac::new([1; 32]);
        let mark = mac.sign(b"code");
        assert!(mac.verify(b"code", &mark));
        assert!(!mac.verify(b"Code", &mark));
        assert!(!mac.verify(b"code", &mark[..31]));
        assert!(!mac.verify(b"code", &[]));
        assert!(!ArtefactMac::new([2; 32]).verify(b"code", &mark));
    }
}
