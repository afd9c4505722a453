//! The key that signs how far the audit logs go.
//!
//! Ed25519 and not an HMAC: whoever checks the log, an auditor too, needs the public half alone and can forge nothing.

use std::{fmt, path::Path, str::FromStr};

use aws_lc_rs::{
    digest,
    signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey},
};
use patchbay_model::{Random, Timestamp};
use patchbay_storage::chain::{Chain, Checkpoint, Hash};

use crate::{KeySource, VaultError, cipher::KeyBytes, key_file};

/// The half that checks. As text: 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// What checkpoints name it by: the first 8 bytes of its SHA-256.
    #[must_use]
    pub fn id(&self) -> [u8; 8] {
        let mut id = [0; 8];
        for (to, from) in id.iter_mut().zip(self.fingerprint()) {
            *to = from;
        }
        id
    }

    /// Its SHA-256.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut fingerprint = [0; 32];
        for (to, from) in fingerprint.iter_mut().zip(digest::digest(&digest::SHA256, &self.0).as_ref()) {
            *to = *from;
        }
        fingerprint
    }

    /// True if the other half of this key made the checkpoint's signature.
    #[must_use]
    pub fn verifies(&self, checkpoint: &Checkpoint) -> bool {
        checkpoint.key_id == self.id()
            && UnparsedPublicKey::new(&ED25519, self.0).verify(&checkpoint.statement(), &checkpoint.signature).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no public key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a public key of the audit log is 64 hexadecimal digits, as `patchbay audit key` prints it")]
pub struct InvalidPublicKey;

impl FromStr for PublicKey {
    type Err = InvalidPublicKey;

    fn from_str(text: &str) -> Result<Self, InvalidPublicKey> {
        // The same form as a digest's.
        let patchbay_model::Digest(bytes) = text.parse().map_err(|_| InvalidPublicKey)?;
        Ok(Self(bytes))
    }
}

/// The half that signs.
pub struct CheckpointKey {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

impl CheckpointKey {
    /// The key in this file, which is made (0600) when it is missing.
    ///
    /// # Errors
    /// Others may read the file, it holds something else, or it cannot be read or made.
    pub fn from_file_or_create(path: &Path, random: &dyn Random) -> Result<Self, VaultError> {
        let (_, seed) = key_file::read_or_create(path, random)?;
        Self::from_seed(&seed)
    }

    /// The key that is at this place now.
    ///
    /// # Errors
    /// There is none.
    pub async fn load(source: &KeySource) -> Result<Self, VaultError> {
        Self::from_seed(&source.read(1).await?)
    }

    fn from_seed(seed: &KeyBytes) -> Result<Self, VaultError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.as_slice()).map_err(|_| VaultError::Cipher)?;
        let public = pair.public_key().as_ref().try_into().map(PublicKey).map_err(|_| VaultError::Cipher)?;
        Ok(Self { pair, public })
    }

    /// The half that checks.
    #[must_use]
    pub const fn public(&self) -> PublicKey {
        self.public
    }

    /// States that a log had so many entries at a time, and that its last one had this hash.
    #[must_use]
    pub fn sign(&self, chain: Chain, entries: u64, head: Hash, at: Timestamp, previous: Option<Hash>) -> Checkpoint {
        let key_id = self.public.id();
        let mut checkpoint = Checkpoint { chain, entries, head, at, previous, key_id, signature: [0; 64] };
        let signature = self.pair.sign(&checkpoint.statement());
        for (to, from) in checkpoint.signature.iter_mut().zip(signature.as_ref()) {
            *to = *from;
        }
        checkpoint
    }
}

impl fmt::Debug for CheckpointKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckpointKey").field("public", &self.public).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use patchbay_model::SeededRandom;

    use super::*;

    fn key(folder: &Path, name: &str, seed: u64) -> CheckpointKey {
        CheckpointKey::from_file_or_create(&folder.join(name), &SeededRandom::new(seed)).unwrap()
    }

    #[test]
    fn only_the_very_statement_and_its_own_key_verify() {
        let folder = tempfile::tempdir().unwrap();
        let (ours, theirs) = (key(folder.path(), "ours", 1), key(folder.path(), "theirs", 2));
        let chain = Chain::of(uuid::Uuid::from_u128(7));
        let signed = ours.sign(chain, 3, Hash([1; 32]), Timestamp::default(), Some(Hash([2; 32])));
        assert!(ours.public().verifies(&signed));
        assert!(!theirs.public().verifies(&signed));
        for changed in [
            Checkpoint { chain: Chain::Hub, ..signed.clone() },
            Checkpoint { entries: 2, ..signed.clone() },
            Checkpoint { head: Hash([3; 32]), ..signed.clone() },
            Checkpoint { at: Timestamp::default() + chrono::Duration::microseconds(1), ..signed.clone() },
            Checkpoint { previous: None, ..signed.clone() },
            Checkpoint { signature: [0; 64], ..signed.clone() },
            Checkpoint { key_id: theirs.public().id(), ..signed.clone() },
        ] {
            assert!(!ours.public().verifies(&changed), "{changed:?}");
        }
    }

    #[test]
    fn the_public_half_is_a_text_and_the_other_one_is_in_none() {
        let folder = tempfile::tempdir().unwrap();
        let ours = key(folder.path(), "ours", 1);
        assert_eq!(ours.public().to_string().parse::<PublicKey>().unwrap(), ours.public());
        assert!("abc".parse::<PublicKey>().is_err());
        let seed = std::fs::read_to_string(folder.path().join("ours")).unwrap();
        let seed = seed.split_whitespace().last().unwrap().to_owned();
        assert!(!format!("{ours:?}").contains(&seed));
    }
}
