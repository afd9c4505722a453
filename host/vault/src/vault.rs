//! Sealing an org's credentials for the database, and opening them.
//!
//! A data key is looked up in the caller's transaction each time, and the cache only saves its unwrapping: it is
//! keyed by the wrapped bytes themselves. So a key that a rolled-back transaction made is never used again, and one
//! that was deleted stops working at once; and a key-encryption key that lives behind a network call later costs
//! that call once and not with each opening.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use chrono::DateTime;
use hmac::Mac as _;
use patchbay_model::{ConnectionId, OrgId, PluginId, Random, installation::SealedConnection};
use patchbay_storage::{OrgKey, OrgTx};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

use crate::{
    CredentialValues, Credentials, KeyHasher, VaultError,
    cipher::{self, KEY_LEN, KeyBytes, place},
    key_file,
    key_hasher::keyed,
};

/// The form of what [`Vault::seal_connection`] gives: this byte, the data key's version (32 bits, big-endian), the
/// nonce, the ciphertext, its tag.
const FORM: u8 = 1;

/// How many unwrapped data keys are kept at most.
const CACHED: usize = 4_096;

/// The key that wraps all data keys. It is never in the database.
pub struct KeyEncryptionKey {
    version: u32,
    key: KeyBytes,
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

    /// What tells this key and the pepper of API keys from all others, and nothing about either: for hubs on one
    /// database, which need the same.
    #[must_use]
    pub fn fingerprint(&self, pepper: &KeyHasher) -> [u8; 32] {
        const PURPOSE: &str = "patchbay fingerprint 1";
        let mut mac = keyed(&self.key);
        mac.update(PURPOSE.as_bytes());
        mac.update(&self.version.to_be_bytes());
        mac.update(&pepper.hash(PURPOSE));
        mac.finalize().into_bytes().into()
    }

    /// This key, under this version.
    #[must_use]
    pub fn from_bytes(version: u32, mut key: [u8; KEY_LEN]) -> Self {
        let kept = Zeroizing::new(key);
        key.zeroize();
        Self { version, key: kept }
    }
}

impl fmt::Debug for KeyEncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyEncryptionKey").field("version", &self.version).finish_non_exhaustive()
    }
}

/// The keys of orgs in use, each under its wrapped form: a new wrapping is another entry.
type Unwrapped = HashMap<(OrgId, Vec<u8>), Arc<KeyBytes>>;

/// Seals and opens connections.
pub struct Vault {
    kek: KeyEncryptionKey,
    random: Arc<dyn Random>,
    unwrapped: Mutex<Unwrapped>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("kek", &self.kek).finish_non_exhaustive()
    }
}

/// A credential inside of the ciphertext.
#[derive(Serialize, Deserialize)]
struct Plain<'a> {
    #[serde(borrow)]
    current: Text<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none", default)]
    previous: Option<(Text<'a>, i64)>,
}

/// Text that is wiped where it had to be copied.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] std::borrow::Cow<'a, str>);

impl Drop for Text<'_> {
    fn drop(&mut self) {
        if let std::borrow::Cow::Owned(text) = &mut self.0 {
            text.zeroize();
        }
    }
}

impl Vault {
    /// A vault under this key.
    #[must_use]
    pub fn new(kek: KeyEncryptionKey, random: Arc<dyn Random>) -> Self {
        Self { kek, random, unwrapped: Mutex::default() }
    }

    /// Seals a connection's credentials for the row with this id and plugin of this org; they open nowhere else. The
    /// org's first sealing makes its data key, in the same transaction, which must therefore be one that writes.
    ///
    /// # Errors
    /// The data key does not open, or the database fails.
    pub async fn seal_connection(
        &self,
        tx: &mut OrgTx<'_>,
        id: ConnectionId,
        plugin: &PluginId,
        values: &BTreeMap<String, CredentialValues>,
    ) -> Result<Vec<u8>, VaultError> {
        let (version, key) = self.sealing_key(tx).await?;
        let text = |secret: &'_ SecretString| Text(std::borrow::Cow::Owned(secret.expose_secret().to_owned()));
        let plain: BTreeMap<&str, Plain<'_>> = values
            .iter()
            .map(|(name, values)| {
                let previous = values.previous.as_ref().map(|(secret, until)| (text(secret), until.timestamp_micros()));
                (name.as_str(), Plain { current: text(&values.current), previous })
            })
            .collect();
        let plain = Zeroizing::new(serde_json::to_vec(&plain).map_err(|_| VaultError::Malformed)?);
        self.seal(&key, version, &connection_place(tx.id(), id, plugin, version), &plain)
    }

    /// Opens a connection's credentials.
    ///
    /// # Errors
    /// `Tampered` if the bytes were changed or were sealed for another row, org or plugin; `WrongKey` if the data key
    /// does not open; `KeyMissing` if it was destroyed; or the database fails.
    pub async fn open_connection(
        &self,
        tx: &mut OrgTx<'_>,
        connection: &SealedConnection,
    ) -> Result<Credentials, VaultError> {
        let (version, key, sealed) = self.opening_key(tx, &connection.sealed).await?;
        let place = connection_place(tx.id(), connection.id, &connection.plugin, version);
        let plain = cipher::open(&key, &place, sealed).map_err(|_| VaultError::Tampered)?;
        let plain: BTreeMap<String, Plain<'_>> = serde_json::from_slice(&plain).map_err(|_| VaultError::Malformed)?;
        let secret = |text: &Text<'_>| SecretString::from(&*text.0);
        let values = plain
            .into_iter()
            .map(|(name, plain)| {
                let previous = match &plain.previous {
                    None => None,
                    Some((text, until)) => {
                        let until = DateTime::from_timestamp_micros(*until).ok_or(VaultError::Malformed)?;
                        Some((secret(text), until))
                    }
                };
                Ok((name, CredentialValues { current: secret(&plain.current), previous }))
            })
            .collect::<Result<_, VaultError>>()?;
        Ok(Credentials::new(values))
    }

    /// In the form that is stored.
    pub(crate) fn seal(&self, key: &KeyBytes, version: u32, place: &[u8], plain: &[u8]) -> Result<Vec<u8>, VaultError> {
        let mut sealed = vec![FORM];
        sealed.extend_from_slice(&version.to_be_bytes());
        sealed.extend(cipher::seal(key, place, plain, &*self.random).map_err(|_| VaultError::Cipher)?);
        Ok(sealed)
    }

    /// The data key that sealed this, with its version, and what it sealed.
    pub(crate) async fn opening_key<'s>(
        &self,
        tx: &mut OrgTx<'_>,
        sealed: &'s [u8],
    ) -> Result<(u32, Arc<KeyBytes>, &'s [u8]), VaultError> {
        let (version, sealed) = split(sealed).ok_or(VaultError::Malformed)?;
        let key = tx.keys().get(version).await?.ok_or(VaultError::KeyMissing(version))?;
        Ok((version, self.unwrap(tx.id(), &key)?, sealed))
    }

    pub(crate) async fn sealing_key(&self, tx: &mut OrgTx<'_>) -> Result<(u32, Arc<KeyBytes>), VaultError> {
        if let Some(key) = tx.keys().current().await? {
            return Ok((key.version, self.unwrap(tx.id(), &key)?));
        }
        let version = 1;
        let mut key = Zeroizing::new([0; KEY_LEN]);
        self.random.fill(key.as_mut_slice());
        let place = key_place(tx.id(), version, self.kek.version);
        let wrapped =
            cipher::seal(&self.kek.key, &place, key.as_slice(), &*self.random).map_err(|_| VaultError::Cipher)?;
        let made = OrgKey { version, kek_version: self.kek.version, wrapped };
        if tx.keys().insert(&made).await? {
            return Ok((version, Arc::new(key)));
        }
        // Another node made it between our look and our insert: its key is the key.
        let key = tx.keys().get(version).await?.ok_or(VaultError::KeyMissing(version))?;
        Ok((version, self.unwrap(tx.id(), &key)?))
    }

    fn unwrap(&self, org: OrgId, key: &OrgKey) -> Result<Arc<KeyBytes>, VaultError> {
        let wrong = || VaultError::WrongKey { version: self.kek.version };
        if key.kek_version != self.kek.version {
            return Err(wrong());
        }
        let entry = (org, key.wrapped.clone());
        if let Some(found) = self.cache().get(&entry) {
            return Ok(Arc::clone(found));
        }
        let place = key_place(org, key.version, key.kek_version);
        let plain = cipher::open(&self.kek.key, &place, &key.wrapped).map_err(|_| wrong())?;
        let mut unwrapped = Zeroizing::new([0; KEY_LEN]);
        if plain.len() != KEY_LEN {
            return Err(wrong());
        }
        unwrapped.copy_from_slice(&plain);
        let unwrapped = Arc::new(unwrapped);
        let mut cache = self.cache();
        // Unwrapping is cheap enough that forgetting all now and then costs less than knowing which to forget.
        if cache.len() >= CACHED {
            cache.clear();
        }
        cache.insert(entry, Arc::clone(&unwrapped));
        Ok(unwrapped)
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, Unwrapped> {
        self.unwrapped.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn split(sealed: &[u8]) -> Option<(u32, &[u8])> {
    let (form, rest) = sealed.split_first()?;
    let (version, rest) = rest.split_first_chunk()?;
    (*form == FORM).then_some((u32::from_be_bytes(*version), rest))
}

fn connection_place(org: OrgId, id: ConnectionId, plugin: &PluginId, version: u32) -> Vec<u8> {
    place(&[
        org.0.as_bytes(),
        b"connection",
        b"sealed",
        id.0.as_bytes(),
        plugin.as_str().as_bytes(),
        &version.to_be_bytes(),
    ])
}

fn key_place(org: OrgId, version: u32, kek_version: u32) -> Vec<u8> {
    place(&[org.0.as_bytes(), b"org_key", b"wrapped", &version.to_be_bytes(), &kek_version.to_be_bytes()])
}
