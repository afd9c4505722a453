//! What is known of stored files.

use patchbay_model::{BlobId, OrgId, PluginId, record::Blob};
use uuid::Uuid;

use crate::{
    StorageError, Tx,
    column::{plugin, signed, time, unsigned},
    text::Text,
};

/// An org's files.
#[derive(Debug)]
pub struct Blobs<'a> {
    pub(crate) tx: &'a mut Tx,
    pub(crate) org: OrgId,
}

#[derive(sqlx::FromRow)]
struct Row {
    org_id: Uuid,
    id: Uuid,
    plugin: String,
    content_type: Text,
    size: i64,
    sha256: Text,
    created_at: i64,
}

impl TryFrom<Row> for Blob {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        Ok(Self {
            id: BlobId(row.id),
            org: OrgId(row.org_id),
            plugin: plugin(&row.plugin)?,
            content_type: row.content_type.0,
            size: unsigned(row.size),
            sha256: row.sha256.0,
            created_at: time(row.created_at)?,
        })
    }
}

impl Blobs<'_> {
    /// Adds a file.
    ///
    /// # Errors
    /// `AlreadyExists` if its id is taken, `Missing` if there is no such org.
    pub async fn insert(&mut self, blob: &Blob) -> Result<(), StorageError> {
        execute!(
            self.tx,
            "INSERT INTO blob (org_id, id, plugin, content_type, size, sha256, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            self.org.0,
            blob.id.0,
            blob.plugin.as_str(),
            Text(&blob.content_type),
            signed(blob.size),
            Text(&blob.sha256),
            blob.created_at.timestamp_micros(),
        )?;
        Ok(())
    }

    /// A file of a plugin.
    ///
    /// # Errors
    /// The database fails.
    pub async fn get(&mut self, plugin: &PluginId, id: BlobId) -> Result<Option<Blob>, StorageError> {
        Ok(self.find(id).await?.filter(|blob| blob.plugin == *plugin))
    }

    /// A file of whichever plugin.
    ///
    /// # Errors
    /// The database fails.
    pub async fn find(&mut self, id: BlobId) -> Result<Option<Blob>, StorageError> {
        fetch_optional!(
            self.tx,
            Row,
            "SELECT org_id, id, plugin, content_type, size, sha256, created_at FROM blob
             WHERE org_id = $1 AND id = $2",
            self.org.0,
            id.0,
        )?
        .map(Blob::try_from)
        .transpose()
    }

    /// Forgets a file of a plugin. False if there was none. Its bytes may be another file's too: see
    /// [`Blobs::references`].
    ///
    /// # Errors
    /// The database fails.
    pub async fn delete(&mut self, plugin: &PluginId, id: BlobId) -> Result<bool, StorageError> {
        let rows = execute!(
            self.tx,
            "DELETE FROM blob WHERE org_id = $1 AND id = $2 AND plugin = $3",
            self.org.0,
            id.0,
            plugin.as_str(),
        )?;
        Ok(rows > 0)
    }

    /// What the org's files have together, in bytes, those of its exports included; contents that are kept once count for
    /// each file.
    ///
    /// # Errors
    /// The database fails.
    pub async fn total_bytes(&mut self) -> Result<u64, StorageError> {
        let total = fetch_optional!(
            self.tx,
            (i64,),
            "SELECT CAST(COALESCE((SELECT SUM(size) FROM blob WHERE org_id = $1), 0)
               + COALESCE((SELECT SUM(bytes) FROM export WHERE org_id = $1 AND file IS NOT NULL), 0) AS BIGINT)",
            self.org.0,
        )?;
        Ok(total.map_or(0, |(total,)| unsigned(total)))
    }

    /// How many of the org's files have these contents; `sha256` in lower-case hexadecimal.
    ///
    /// # Errors
    /// The database fails.
    pub async fn references(&mut self, sha256: &str) -> Result<u64, StorageError> {
        let count = fetch_optional!(
            self.tx,
            (i64,),
            "SELECT COUNT(*) FROM blob WHERE org_id = $1 AND sha256 = $2",
            self.org.0,
            Text(sha256),
        )?;
        Ok(count.map_or(0, |(count,)| unsigned(count)))
    }
}
