//! Orgs' own clients at vendors.

use patchbay_model::{OrgId, PluginId, oauth::SealedClient};
use uuid::Uuid;

use crate::{
    StorageError, Tx,
    column::{plugin, time},
    text::Text,
};

/// An org's own clients.
#[derive(Debug)]
pub struct OauthClients<'a> {
    pub(crate) tx: &'a mut Tx,
    pub(crate) org: OrgId,
}

#[derive(sqlx::FromRow)]
struct Row {
    org_id: Uuid,
    plugin: String,
    client_id: Text,
    sealed: Vec<u8>,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<Row> for SealedClient {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        Ok(Self {
            org: OrgId(row.org_id),
            plugin: plugin(&row.plugin)?,
            client_id: row.client_id.0,
            sealed: row.sealed,
            created_at: time(row.created_at)?,
            updated_at: time(row.updated_at)?,
        })
    }
}

impl OauthClients<'_> {
    /// Registers a client, or another in its place; the time of making stays.
    ///
    /// # Errors
    /// `Missing` if there is no such org.
    pub async fn put(&mut self, client: &SealedClient) -> Result<(), StorageError> {
        execute!(
            self.tx,
            "INSERT INTO oauth_client (org_id, plugin, client_id, sealed, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (org_id, plugin) DO UPDATE SET client_id = excluded.client_id, sealed = excluded.sealed,
               updated_at = excluded.updated_at",
            self.org.0,
            client.plugin.as_str(),
            Text(&client.client_id),
            &client.sealed,
            client.created_at.timestamp_micros(),
            client.updated_at.timestamp_micros(),
        )?;
        Ok(())
    }

    /// The client for a plugin's vendor.
    ///
    /// # Errors
    /// The database fails.
    pub async fn get(&mut self, plugin: &PluginId) -> Result<Option<SealedClient>, StorageError> {
        fetch_optional!(
            self.tx,
            Row,
            "SELECT org_id, plugin, client_id, sealed, created_at, updated_at FROM oauth_client
             WHERE org_id = $1 AND plugin = $2",
            self.org.0,
            plugin.as_str(),
        )?
        .map(SealedClient::try_from)
        .transpose()
    }

    /// Forgets a client. False if there was none.
    ///
    /// # Errors
    /// The database fails.
    pub async fn delete(&mut self, plugin: &PluginId) -> Result<bool, StorageError> {
        let rows = execute!(
            self.tx,
            "DELETE FROM oauth_client WHERE org_id = $1 AND plugin = $2",
            self.org.0,
            plugin.as_str(),
        )?;
        Ok(rows > 0)
    }
}
