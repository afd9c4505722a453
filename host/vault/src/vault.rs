//! Sealing an org's credentials for the database, and opening them.
//!
//! A data key is looked up in the caller's transaction each time, and the cache only saves its unwrapping: it is
//! keyed by the wrapped bytes themselves. So a key that a rolled-back transaction made is never used again, and one
//! that was deleted stops working at once; and a key-encryption key that lives behind a network call later costs
//! that call once and not with each opening.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use chrono::DateTime;
use patchbay_model::{ConnectionId, OrgId, PluginId, Random, installation::SealedConnection, wiped};
use patchbay_storage::{OrgKey, OrgTx};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

use crate::{
    CredentialValues, Credentials, Keyring, VaultError,
    cipher::{self, KEY_LEN, KeyBytes, place},
};

/// The form of what [`Vault::seal_connection`] gives: this byte, the data key's version (32 bits, big-endian), the
/// nonce, the ciphertext, its tag.
const FORM: u8 = 1;

/// The version of an org's first data key.
pub(crate) const FIRST: u32 = 1;

/// How many unwrapped data keys are kept at most.
const CACHED: usize = 4_096;

/// The keys of orgs in use, each under its wrapped form: a new wrapping is another entry.
type Unwrapped = HashMap<(OrgId, Vec<u8>), Arc<KeyBytes>>;

/// Seals and opens connections.
pub struct Vault {
    keyring: Keyring,
    random: Arc<dyn Random>,
    unwrapped: Mutex<Unwrapped>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("keyring", &self.keyring).finish_non_exhaustive()
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
    /// A vault under these keys.
    #[must_use]
    pub fn new(keyring: impl Into<Keyring>, random: Arc<dyn Random>) -> Self {
        Self { keyring: keyring.into(), random, unwrapped: Mutex::default() }
    }

    /// The keys that wrap data keys.
    #[must_use]
    pub const fn keyring(&self) -> &Keyring {
        &self.keyring
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
        let plain = wiped::to_json(&plain).map_err(|_| VaultError::Malformed)?;
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
        let key = self.key_of_connection(tx, connection).await?;
        self.open_connection_with(tx.id(), connection, &key)
    }

    /// The data key that sealed a connection's credentials, wrapped: what opens them without the database, for as long as its
    /// key-encryption key is there.
    ///
    /// # Errors
    /// `KeyMissing` if it was destroyed; or the database fails.
    pub async fn key_of_connection(
        &self,
        tx: &mut OrgTx<'_>,
        connection: &SealedConnection,
    ) -> Result<OrgKey, VaultError> {
        let (version, _) = split(&connection.sealed).ok_or(VaultError::Malformed)?;
        tx.keys().get(version).await?.ok_or(VaultError::KeyMissing(version))
    }

    /// As [`Vault::open_connection`] in a transaction of this org, with the data key that [`Vault::key_of_connection`] gave.
    ///
    /// # Errors
    /// As there, but for the database's; `WrongKey` for a key that did not seal it.
    pub fn open_connection_with(
        &self,
        org: OrgId,
        connection: &SealedConnection,
        key: &OrgKey,
    ) -> Result<Credentials, VaultError> {
        let (version, sealed) = split(&connection.sealed).ok_or(VaultError::Malformed)?;
        if version != key.version {
            return Err(VaultError::WrongKey { version: key.kek_version });
        }
        let key = self.unwrap(org, key)?;
        let place = connection_place(org, connection.id, &connection.plugin, version);
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

    /// The data key that seals now. In a transaction that writes it is the org's newest for as long as that lasts: whoever
    /// changes that holds the org's lock too. One that only reads may see what was before the lock.
    pub(crate) async fn sealing_key(&self, tx: &mut OrgTx<'_>) -> Result<(u32, Arc<KeyBytes>), VaultError> {
        tx.lock().await?;
        match self.newest_key(tx).await? {
            Some(found) => Ok(found),
            None => self.add_key(tx, FIRST).await,
        }
    }

    /// The newest data key that the transaction sees.
    pub(crate) async fn newest_key(&self, tx: &mut OrgTx<'_>) -> Result<Option<(u32, Arc<KeyBytes>)>, VaultError> {
        let Some(key) = tx.keys().current().await? else { return Ok(None) };
        Ok(Some((key.version, self.unwrap(tx.id(), &key)?)))
    }

    /// Makes a data key of this version.
    pub(crate) async fn add_key(&self, tx: &mut OrgTx<'_>, version: u32) -> Result<(u32, Arc<KeyBytes>), VaultError> {
        let mut key = Zeroizing::new([0; KEY_LEN]);
        self.random.fill(key.as_mut_slice());
        let made = self.wrap(tx.id(), version, &key)?;
        if tx.keys().insert(&made).await? {
            return Ok((version, Arc::new(key)));
        }
        // Another node made it between our look and our insert: its key is the key.
        let key = tx.keys().get(version).await?.ok_or(VaultError::KeyMissing(version))?;
        Ok((version, self.unwrap(tx.id(), &key)?))
    }

    /// A data key under the current key-encryption key.
    pub(crate) fn wrap(&self, org: OrgId, version: u32, key: &KeyBytes) -> Result<OrgKey, VaultError> {
        let kek_version = self.keyring.current();
        let place = key_place(org, version, kek_version);
        let wrapped = cipher::seal(self.keyring.get(kek_version)?, &place, key.as_slice(), &*self.random)
            .map_err(|_| VaultError::Cipher)?;
        Ok(OrgKey { version, kek_version, wrapped })
    }

    pub(crate) fn unwrap(&self, org: OrgId, key: &OrgKey) -> Result<Arc<KeyBytes>, VaultError> {
        let wrong = || VaultError::WrongKey { version: key.kek_version };
        let kek = self.keyring.get(key.kek_version)?;
        let entry = (org, key.wrapped.clone());
        if let Some(found) = self.cache().get(&entry) {
            return Ok(Arc::clone(found));
        }
        let place = key_place(org, key.version, key.kek_version);
        let plain = cipher::open(kek, &place, &key.wrapped).map_err(|_| wrong())?;
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

    /// Wipes an org's data keys out of memory. Those that the database still has are unwrapped again when they are needed.
    pub fn forget(&self, org: OrgId) {
        self.cache().retain(|(of, _), _| *of != org);
    }

    /// Wipes the data keys of all orgs out of memory, likewise.
    pub fn forget_all(&self) {
        self.cache().clear();
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, Unwrapped> {
        self.unwrapped.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn split(sealed: &[u8]) -> Option<(u32, &[u8])> {
    let (form, rest) = sealed.split_first()?;
    let (version, rest) = rest.split_first_chunk()?;
    (*form == FORM).then_some((u32::from_be_bytes(*version), rest))
}

pub(crate) fn connection_place(org: OrgId, id: ConnectionId, plugin: &PluginId, version: u32) -> Vec<u8> {
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
