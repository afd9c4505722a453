//! An org's data keys, wrapped: only the vault can make use of them.

use patchbay_model::OrgId;

use crate::{StorageError, Tx};

/// An org's data keys.
#[derive(Debug)]
pub struct OrgKeys<'a> {
    pub(crate) tx: &'a mut Tx,
    pub(crate) org: OrgId,
}

/// One wrapped data key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrgKey {
    /// 1 for an org's first; the greatest is the one that seals.
    pub version: u32,
    /// Which key-encryption key wraps it.
    pub kek_version: u32,
    /// The vault's ciphertext of it.
    pub wrapped: Vec<u8>,
}

type Row = (i64, i64, Vec<u8>);

fn org_key((version, kek_version, wrapped): Row) -> Result<OrgKey, StorageError> {
    let number = |value: i64| u32::try_from(value).map_err(|_| StorageError::corrupt("a key's version"));
    Ok(OrgKey { version: number(version)?, kek_version: number(kek_version)?, wrapped })
}

impl OrgKeys<'_> {
    /// The one that seals now.
    ///
    /// # Errors
    /// The database fails.
    pub async fn current(&mut self) -> Result<Option<OrgKey>, StorageError> {
        fetch_optional!(
            self.tx,
            Row,
            "SELECT version, kek_version, wrapped FROM org_key WHERE org_id = $1 ORDER BY version DESC LIMIT 1",
            self.org.0,
        )?
        .map(org_key)
        .transpose()
    }

    /// The one with this version.
    ///
    /// # Errors
    /// The database fails.
    pub async fn get(&mut self, version: u32) -> Result<Option<OrgKey>, StorageError> {
        fetch_optional!(
            self.tx,
            Row,
            "SELECT version, kek_version, wrapped FROM org_key WHERE org_id = $1 AND version = $2",
            self.org.0,
            i64::from(version),
        )?
        .map(org_key)
        .transpose()
    }

    /// All of them, by version: several while a rotation is under way.
    ///
    /// # Errors
    /// The database fails.
    pub async fn list(&mut self) -> Result<Vec<OrgKey>, StorageError> {
        fetch_all!(
            self.tx,
            Row,
            "SELECT version, kek_version, wrapped FROM org_key WHERE org_id = $1 ORDER BY version",
            self.org.0,
        )?
        .into_iter()
        .map(org_key)
        .collect()
    }

    /// Adds one. False if its version is taken, which then stays as it is: a data key that is written over
    /// would take with it all that it sealed.
    ///
    /// # Errors
    /// `Missing` if there is no such org.
    pub async fn insert(&mut self, key: &OrgKey) -> Result<bool, StorageError> {
        let rows = execute!(
            self.tx,
            "INSERT INTO org_key (org_id, version, kek_version, wrapped) VALUES ($1, $2, $3, $4)
             ON CONFLICT (org_id, version) DO NOTHING",
            self.org.0,
            i64::from(key.version),
            i64::from(key.kek_version),
            &key.wrapped,
        )?;
        Ok(rows > 0)
    }
}
