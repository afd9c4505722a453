//! Credentials, as the vault sealed them.

use patchbay_model::{ConnectionId, OrgId, PluginId, installation::SealedConnection};
use uuid::Uuid;

use crate::{
    StorageError, Tx,
    column::{plugin, time},
    text::{Json, Text, optional},
};

/// An org's connections.
#[derive(Debug)]
pub struct Connections<'a> {
    pub(crate) tx: &'a mut Tx,
    pub(crate) org: OrgId,
}

#[derive(sqlx::FromRow)]
struct Row {
    org_id: Uuid,
    id: Uuid,
    plugin: String,
    credentials: Json<Vec<String>>,
    account: Option<Text>,
    sealed: Vec<u8>,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<Row> for SealedConnection {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        Ok(Self {
            id: ConnectionId(row.id),
            org: OrgId(row.org_id),
            plugin: plugin(&row.plugin)?,
            credentials: row.credentials.0,
            account: optional(row.account),
            sealed: row.sealed,
            created_at: time(row.created_at)?,
            updated_at: time(row.updated_at)?,
        })
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT org_id, id, plugin, credentials, account, sealed, created_at, updated_at FROM connection ",
            $rest
        )
    };
}

impl Connections<'_> {
    /// Connects a plugin, or connects it anew. The new id replaces the old one, because the ciphertext opens
    /// only under the id that it was sealed for; the time of making stays.
    ///
    /// # Errors
    /// `Missing` if there is no such org.
    pub async fn put(&mut self, connection: &SealedConnection) -> Result<(), StorageError> {
        execute!(
            self.tx,
            "INSERT INTO connection (org_id, id, plugin, credentials, account, sealed, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (org_id, plugin) DO UPDATE SET id = excluded.id, credentials = excluded.credentials,
               account = excluded.account, sealed = excluded.sealed, updated_at = excluded.updated_at",
            self.org.0,
            connection.id.0,
            connection.plugin.as_str(),
            Json(&connection.credentials),
            connection.account.as_ref().map(Text),
            &connection.sealed,
            connection.created_at.timestamp_micros(),
            connection.updated_at.timestamp_micros(),
        )?;
        Ok(())
    }

    /// The connection of a plugin.
    ///
    /// # Errors
    /// The database fails.
    pub async fn get(&mut self, plugin: &PluginId) -> Result<Option<SealedConnection>, StorageError> {
        fetch_optional!(self.tx, Row, select!("WHERE org_id = $1 AND plugin = $2"), self.org.0, plugin.as_str())?
            .map(SealedConnection::try_from)
            .transpose()
    }

    /// Forgets a plugin's credentials. False if there were none.
    ///
    /// # Errors
    /// The database fails.
    pub async fn delete(&mut self, plugin: &PluginId) -> Result<bool, StorageError> {
        let rows = execute!(
            self.tx,
            "DELETE FROM connection WHERE org_id = $1 AND plugin = $2",
            self.org.0,
            plugin.as_str(),
        )?;
        Ok(rows > 0)
    }

    /// All of them, by plugin.
    ///
    /// # Errors
    /// The database fails.
    pub async fn list(&mut self) -> Result<Vec<SealedConnection>, StorageError> {
        fetch_all!(self.tx, Row, select!("WHERE org_id = $1 ORDER BY plugin"), self.org.0)?
            .into_iter()
            .map(SealedConnection::try_from)
            .collect()
    }
}
