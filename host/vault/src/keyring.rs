//! The key-encryption keys: several versions at once while data keys move from one to the next.

use std::{collections::BTreeMap, fmt, path::Path};

use hmac::Mac as _;
use patchbay_model::Random;
use zeroize::{Zeroize as _, Zeroizing};

use crate::{
    KeySource, VaultError,
    cipher::{KEY_LEN, KeyBytes},
    key_file,
    key_hasher::keyed,
};

/// Keeps this use of a key apart from any other of the same key.
const FINGERPRINT: &str = "patchbay fingerprint 1";

/// A key that wraps data keys. It is never in the database.
pub struct KeyEncryptionKey {
    pub(crate) version: u32,
    pub(crate) key: KeyBytes,
}

impl KeyEncryptionKey {
    /// The key in this file, which is made (0600) when it is missing.
    ///
    /// # Errors
    /// Others may read the file, it holds something else, or it cannot be read or made.
    pub fn from_file_or_create(path: &Path, random: &dyn Random) -> Result<Self, VaultError> {
        let (version, key) = key_file::read_or_create(path, random)?;
        Ok(Self { version, key })
    }

    /// Makes a new random key of this version in a file (0600) that is not there yet.
    ///
    /// # Errors
    /// There is such a file, or it cannot be made.
    pub fn create_file(path: &Path, version: u32, random: &dyn Random) -> Result<(), VaultError> {
        key_file::create_new(path, version, random)
    }

    /// This key, under this version.
    #[must_use]
    pub fn from_bytes(version: u32, mut key: [u8; KEY_LEN]) -> Self {
        let kept = Zeroizing::new(key);
        key.zeroize();
        Self { version, key: kept }
    }

    /// Its version.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// What tells this key from all others, and nothing about it: for hubs on one database, which need the same.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut mac = keyed(&self.key);
        mac.update(FINGERPRINT.as_bytes());
        mac.update(&self.version.to_be_bytes());
        mac.finalize().into_bytes().into()
    }

    /// What hubs compared before there were several keys: a fingerprint of this one and the pepper of API keys together.
    #[must_use]
    pub fn fingerprint_with(&self, pepper: &crate::KeyHasher) -> [u8; 32] {
        let mut mac = keyed(&self.key);
        mac.update(FINGERPRINT.as_bytes());
        mac.update(&self.version.to_be_bytes());
        mac.update(&pepper.hash(FINGERPRINT));
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for KeyEncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyEncryptionKey").field("version", &self.version).finish_non_exhaustive()
    }
}

/// All key-encryption keys that are known, and which of them wraps what is wrapped from now on.
pub struct Keyring {
    keys: BTreeMap<u32, KeyEncryptionKey>,
    current: u32,
}

impl Keyring {
    /// These keys. `current` is the version that wraps; if not said, the greatest.
    ///
    /// # Errors
    /// `NoKey` if there is none, `UnknownKek` if `current` is none of them.
    pub fn new(keys: impl IntoIterator<Item = KeyEncryptionKey>, current: Option<u32>) -> Result<Self, VaultError> {
        let keys: BTreeMap<_, _> = keys.into_iter().map(|key| (key.version, key)).collect();
        let greatest = keys.last_key_value().map(|(version, _)| *version).ok_or(VaultError::NoKey)?;
        let current = current.unwrap_or(greatest);
        if !keys.contains_key(&current) {
            return Err(VaultError::UnknownKek(current));
        }
        Ok(Self { keys, current })
    }

    /// Reads each version's key from its source, once.
    ///
    /// # Errors
    /// A source gives no key; or as of [`Keyring::new`].
    pub async fn load(sources: &BTreeMap<u32, KeySource>, current: Option<u32>) -> Result<Self, VaultError> {
        let mut keys = Vec::with_capacity(sources.len());
        for (version, source) in sources {
            keys.push(KeyEncryptionKey { version: *version, key: source.read(*version).await? });
        }
        Self::new(keys, current)
    }

    /// The version that wraps.
    #[must_use]
    pub const fn current(&self) -> u32 {
        self.current
    }

    /// The known keys, by version.
    pub fn keys(&self) -> impl Iterator<Item = &KeyEncryptionKey> {
        self.keys.values()
    }

    /// True if a version is known.
    #[must_use]
    pub fn knows(&self, version: u32) -> bool {
        self.keys.contains_key(&version)
    }

    pub(crate) fn get(&self, version: u32) -> Result<&KeyBytes, VaultError> {
        self.keys.get(&version).map(|key| &key.key).ok_or(VaultError::UnknownKek(version))
    }
}

impl From<KeyEncryptionKey> for Keyring {
    fn from(key: KeyEncryptionKey) -> Self {
        let current = key.version;
        Self { keys: BTreeMap::from([(current, key)]), current }
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let versions: Vec<_> = self.keys.keys().collect();
        f.debug_struct("Keyring").field("versions", &versions).field("current", &self.current).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(version: u32, byte: u8) -> KeyEncryptionKey {
        KeyEncryptionKey::from_bytes(version, [byte; 32])
    }

    #[test]
    fn the_greatest_version_wraps_unless_another_is_named() {
        assert_eq!(Keyring::new([key(1, 1), key(3, 3), key(2, 2)], None).unwrap().current(), 3);
        assert_eq!(Keyring::new([key(1, 1), key(2, 2)], Some(1)).unwrap().current(), 1);
        assert!(matches!(Keyring::new([key(1, 1)], Some(2)), Err(VaultError::UnknownKek(2))));
        assert!(matches!(Keyring::new([], None), Err(VaultError::NoKey)));
    }

    #[test]
    fn a_fingerprint_is_of_one_key_and_version() {
        assert_eq!(key(1, 1).fingerprint(), key(1, 1).fingerprint());
        assert_ne!(key(1, 1).fingerprint(), key(2, 1).fingerprint());
        assert_ne!(key(1, 1).fingerprint(), key(1, 2).fingerprint());
    }

    #[tokio::test]
    async fn keys_are_loaded_from_their_sources() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("second");
        KeyEncryptionKey::create_file(&path, 2, &patchbay_model::SeededRandom::new(1)).unwrap();
        let again = KeyEncryptionKey::create_file(&path, 2, &patchbay_model::SeededRandom::new(2));
        assert!(matches!(again, Err(VaultError::Io { .. })), "no key is written over");
        let sources = |version| BTreeMap::from([(version, KeySource::File(path.clone()))]);
        let keyring = Keyring::load(&sources(2), None).await.unwrap();
        assert!(keyring.knows(2) && keyring.current() == 2);
        assert!(Keyring::load(&sources(3), None).await.is_err(), "it says that it is version 2");
    }
}
