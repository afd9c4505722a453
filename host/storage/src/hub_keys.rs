//! Fingerprints of the keys that are not in the database, and the versions of those that wrap what is.

use crate::{HubTx, StorageError, column::unsigned};

/// How many data keys a key-encryption key wraps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KekUse {
    /// The key-encryption key's version.
    pub version: u32,
    /// Data keys under it, over all orgs.
    pub data_keys: u64,
}

impl HubTx<'_> {
    /// The fingerprint of the key of this name that the database belongs to, if it is known.
    ///
    /// # Errors
    /// The database fails.
    pub async fn key_fingerprint(&mut self, name: &str) -> Result<Option<Vec<u8>>, StorageError> {
        let found = fetch_optional!(self.tx, (Vec<u8>,), "SELECT fingerprint FROM hub_keys WHERE name = $1", name)?;
        Ok(found.map(|(fingerprint,)| fingerprint))
    }

    /// True if this is the fingerprint of the key of this name. The first that is asked about is.
    ///
    /// # Errors
    /// The database fails.
    pub async fn has_key(&mut self, name: &str, fingerprint: &[u8; 32]) -> Result<bool, StorageError> {
        execute!(
            self.tx,
            "INSERT INTO hub_keys (name, fingerprint) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
            name,
            fingerprint.as_slice(),
        )?;
        // Another hub's row is seen here even if it was added a moment ago: the insertion waited for it.
        Ok(self.key_fingerprint(name).await?.is_some_and(|known| known == fingerprint))
    }

    /// Puts another key in the place of one, if that is still the one. False if it is not.
    ///
    /// # Errors
    /// The database fails.
    pub async fn replace_key(&mut self, name: &str, old: &[u8; 32], new: &[u8; 32]) -> Result<bool, StorageError> {
        let rows = execute!(
            self.tx,
            "UPDATE hub_keys SET fingerprint = $3 WHERE name = $1 AND fingerprint = $2",
            name,
            old.as_slice(),
            new.as_slice(),
        )?;
        Ok(rows > 0)
    }

    /// Which key-encryption keys wrap how many data keys, by version.
    ///
    /// # Errors
    /// The database fails.
    pub async fn kek_uses(&mut self) -> Result<Vec<KekUse>, StorageError> {
        fetch_all!(
            self.tx,
            (i64, i64),
            "SELECT kek_version, COUNT(*) FROM org_key GROUP BY kek_version ORDER BY kek_version",
        )?
        .into_iter()
        .map(|(version, count)| {
            let version = u32::try_from(version).map_err(|_| StorageError::corrupt("a key's version"))?;
            Ok(KekUse { version, data_keys: unsigned(count) })
        })
        .collect()
    }

    /// How many orgs have more than one data key: a rotation of theirs is under way or broke off.
    ///
    /// # Errors
    /// The database fails.
    pub async fn orgs_with_several_keys(&mut self) -> Result<u64, StorageError> {
        let found = fetch_optional!(
            self.tx,
            (i64,),
            "SELECT COUNT(*) FROM (SELECT org_id FROM org_key GROUP BY org_id HAVING COUNT(*) > 1) AS several",
        )?;
        Ok(found.map_or(0, |(count,)| unsigned(count)))
    }
}
