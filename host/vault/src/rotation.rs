//! Keys that take the place of others: data keys under another key-encryption key, and secrets under another data key.
//!
//! What is written over is only ever what was read (compare and swap, see [`patchbay_storage::OperatorTx`]), so two
//! rotations at once, or one that broke off and is begun again, do no harm.

use std::{collections::BTreeMap, sync::Arc};

use patchbay_model::{OrgId, PluginId};
use patchbay_storage::{OrgKey, OrgTx, SealedCell};

use crate::{
    Vault, VaultError,
    cipher::{self, KeyBytes},
    text,
    vault::{connection_place, split},
};

/// All data keys of an org, opened. Its text for people holds their versions only.
pub struct DataKeys {
    org: OrgId,
    keys: BTreeMap<u32, Arc<KeyBytes>>,
}

impl std::fmt::Debug for DataKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("DataKeys").field(&self.keys.keys().collect::<Vec<_>>()).finish()
    }
}

impl DataKeys {
    /// The version that seals; none if the org has no data key.
    #[must_use]
    pub fn newest(&self) -> Option<u32> {
        self.keys.last_key_value().map(|(version, _)| *version)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.keys.len()
    }
}

impl Vault {
    /// A data key under the current key-encryption key; none if it is under that already.
    ///
    /// # Errors
    /// The key that wraps it is not known, or does not open it.
    pub fn rewrapped(&self, org: OrgId, key: &OrgKey) -> Result<Option<OrgKey>, VaultError> {
        if key.kek_version == self.keyring().current() {
            return Ok(None);
        }
        let plain = self.unwrap(org, key)?;
        self.wrap(org, key.version, &plain).map(Some)
    }

    /// All data keys of the org.
    ///
    /// # Errors
    /// One of them does not open, or the database fails.
    pub async fn data_keys(&self, tx: &mut OrgTx<'_>) -> Result<DataKeys, VaultError> {
        let org = tx.id();
        let mut keys = BTreeMap::new();
        for key in tx.keys().list().await? {
            keys.insert(key.version, self.unwrap(org, &key)?);
        }
        Ok(DataKeys { org, keys })
    }

    /// Gives the org one more data key, which seals from the end of this transaction on, and gives its version. Under the
    /// org's lock.
    ///
    /// # Errors
    /// The database fails.
    pub async fn add_data_key(&self, tx: &mut OrgTx<'_>) -> Result<u32, VaultError> {
        tx.lock().await?;
        let newest = tx.keys().current().await?.map_or(0, |key| key.version);
        let (version, _) = self.add_key(tx, newest.saturating_add(1)).await?;
        Ok(version)
    }

    /// What a cell holds, sealed by the newest data key. None if it does not open, so that there is nothing to seal anew:
    /// its key is gone, or its bytes were changed.
    ///
    /// # Errors
    /// `Cipher`.
    pub fn resealed(&self, keys: &DataKeys, cell: &SealedCell) -> Result<Option<Vec<u8>>, VaultError> {
        let opened = split(&cell.sealed).and_then(|(version, sealed)| {
            let key = keys.keys.get(&version)?;
            cipher::open(key, &place(keys.org, cell, version)?, sealed).ok()
        });
        let (Some(plain), Some((newest, key))) = (opened, keys.keys.last_key_value()) else { return Ok(None) };
        let Some(place) = place(keys.org, cell, *newest) else { return Ok(None) };
        self.seal(key, *newest, &place, &plain).map(Some)
    }

    /// True if one of these data keys opens a cell: for those who have to show that none does any more.
    #[must_use]
    pub fn opens(&self, keys: &DataKeys, cell: &SealedCell) -> bool {
        keys.keys.values().any(|key| {
            split(&cell.sealed).is_some_and(|(version, sealed)| {
                place(keys.org, cell, version).is_some_and(|place| cipher::open(key, &place, sealed).is_ok())
            })
        })
    }
}

/// Where a cell is, as its ciphertext is bound to it.
fn place(org: OrgId, cell: &SealedCell, version: u32) -> Option<Vec<u8>> {
    match cell.connection {
        Some(id) => {
            let plugin: PluginId = std::str::from_utf8(&cell.row).ok()?.parse().ok()?;
            Some(connection_place(org, id, &plugin, version))
        }
        None => Some(text::framed(org, cell.column.table(), &cell.row, version)),
    }
}
