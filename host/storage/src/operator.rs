//! What operators do to an org that its calls never do: wrap its data keys anew, seal anew what they sealed, destroy them,
//! and remove the org.
//!
//! On PostgreSQL all of it runs under the role `patchbay_operator`, which speaks for one org at a time. A hub serves
//! without it: where its user was not granted the role, these fail and calls go on.
//!
//! On SQLite what is deleted or written over here is overwritten with zeros at once, also where that costs a write more
//! than usual; see [`crate::Database::scrub`] for the log.

mod removal;
mod sealed;

use patchbay_model::OrgId;

pub use sealed::{SealedCell, SealedColumn};

use crate::{HubTx, OrgKey, StorageError, Tx, column::limit as row_limit};

/// An org, for its operator.
#[derive(Debug)]
pub struct OperatorTx<'a> {
    pub(crate) tx: &'a mut Tx,
    pub(crate) org: OrgId,
}

impl HubTx<'_> {
    /// Data keys of all orgs that another key-encryption key wraps than this one, after one, in order of org and version.
    ///
    /// # Errors
    /// The database fails.
    pub async fn keys_not_under(
        &mut self,
        kek_version: u32,
        after: Option<(OrgId, u32)>,
        limit: u32,
    ) -> Result<Vec<(OrgId, u32)>, StorageError> {
        let (org, version) = after.map_or((uuid::Uuid::nil(), 0), |(org, version)| (org.0, version));
        fetch_all!(
            self.tx,
            (uuid::Uuid, i64),
            "SELECT org_id, version FROM org_key WHERE kek_version <> $1 AND (org_id, version) > ($2, $3)
             ORDER BY org_id, version LIMIT $4",
            i64::from(kek_version),
            org,
            i64::from(version),
            row_limit(limit),
        )?
        .into_iter()
        .map(|(org, version)| {
            let version = u32::try_from(version).map_err(|_| StorageError::corrupt("a key's version"))?;
            Ok((OrgId(org), version))
        })
        .collect()
    }
}

impl OperatorTx<'_> {
    /// Puts a data key's new wrapping in the place of the one that was read. False if that is not there any more.
    ///
    /// # Errors
    /// The database fails.
    pub async fn rewrap(&mut self, old: &OrgKey, new: &OrgKey) -> Result<bool, StorageError> {
        self.erase().await?;
        let rows = execute!(
            self.tx,
            "UPDATE org_key SET kek_version = $4, wrapped = $5 WHERE org_id = $1 AND version = $2 AND wrapped = $3",
            self.org.0,
            i64::from(old.version),
            &old.wrapped,
            i64::from(new.kek_version),
            &new.wrapped,
        )?;
        Ok(rows > 0)
    }

    /// Destroys the data keys before a version, and gives their number. What they sealed is unreadable from then on.
    ///
    /// # Errors
    /// The database fails.
    pub async fn destroy_keys_before(&mut self, version: u32) -> Result<u64, StorageError> {
        self.erase().await?;
        execute!(self.tx, "DELETE FROM org_key WHERE org_id = $1 AND version < $2", self.org.0, i64::from(version),)
    }

    /// From here to the end of the transaction SQLite overwrites what goes. PostgreSQL keeps it until its vacuum.
    async fn erase(&mut self) -> Result<(), StorageError> {
        match &mut *self.tx {
            Tx::Sqlite(tx) => tx.erase().await,
            Tx::Postgres(_) => Ok(()),
        }
    }
}
