//! End users who may connect one account each.

use patchbay_model::{
    ConnectSessionId, OrgId, PluginId, Timestamp,
    identity::{ConnectSession, Connected},
};
use uuid::Uuid;

use super::Identities;
use crate::{
    StorageError, Tx,
    column::{optional_time, plugin, time},
    text::{Json, Text, optional},
};

/// An org's connect sessions, ended ones too until they are swept.
#[derive(Debug)]
pub struct ConnectSessions<'a> {
    pub(crate) tx: &'a mut Tx,
    pub(crate) org: OrgId,
}

#[derive(sqlx::FromRow)]
struct Row {
    org_id: Uuid,
    id: Uuid,
    plugins: Json<Vec<PluginId>>,
    end_user: Text,
    account: Option<Text>,
    made_by: Text,
    created_at: i64,
    expires_at: i64,
    connected_plugin: Option<String>,
    connected_at: Option<i64>,
}

impl TryFrom<Row> for ConnectSession {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        let connected = match (row.connected_plugin, optional_time(row.connected_at)?) {
            (Some(name), Some(at)) => Some(Connected { plugin: plugin(&name)?, at }),
            _ => None,
        };
        Ok(Self {
            id: ConnectSessionId(row.id),
            org: OrgId(row.org_id),
            plugins: row.plugins.0,
            end_user: row.end_user.0,
            account: optional(row.account),
            made_by: row.made_by.0,
            created_at: time(row.created_at)?,
            expires_at: time(row.expires_at)?,
            connected,
        })
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT org_id, id, plugins, end_user, account, made_by, created_at, expires_at, connected_plugin,
               connected_at FROM connect_session ",
            $rest
        )
    };
}

impl ConnectSessions<'_> {
    /// Adds a session under the keyed hash of its token.
    ///
    /// # Errors
    /// `Missing` if there is no such org.
    pub async fn insert(&mut self, session: &ConnectSession, hash: &[u8; 32]) -> Result<(), StorageError> {
        execute!(
            self.tx,
            "INSERT INTO connect_session
               (org_id, id, hash, plugins, end_user, account, made_by, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            self.org.0,
            session.id.0,
            hash.as_slice(),
            Json(&session.plugins),
            Text(&session.end_user),
            session.account.as_deref().map(Text),
            Text(&session.made_by),
            session.created_at.timestamp_micros(),
            session.expires_at.timestamp_micros(),
        )?;
        Ok(())
    }

    /// One session.
    ///
    /// # Errors
    /// The database fails.
    pub async fn get(&mut self, id: ConnectSessionId) -> Result<Option<ConnectSession>, StorageError> {
        fetch_optional!(self.tx, Row, select!("WHERE org_id = $1 AND id = $2"), self.org.0, id.0)?
            .map(ConnectSession::try_from)
            .transpose()
    }

    /// Notes what a session connected. False if it connected something before or is gone: of those who come at once, one is
    /// told true.
    ///
    /// # Errors
    /// The database fails.
    pub async fn settle(
        &mut self,
        id: ConnectSessionId,
        plugin: &PluginId,
        at: Timestamp,
    ) -> Result<bool, StorageError> {
        let rows = execute!(
            self.tx,
            "UPDATE connect_session SET connected_plugin = $3, connected_at = $4
             WHERE org_id = $1 AND id = $2 AND connected_at IS NULL",
            self.org.0,
            id.0,
            plugin.as_str(),
            at.timestamp_micros(),
        )?;
        Ok(rows > 0)
    }

    /// Ends a session. False if there is none.
    ///
    /// # Errors
    /// The database fails.
    pub async fn delete(&mut self, id: ConnectSessionId) -> Result<bool, StorageError> {
        let rows = execute!(self.tx, "DELETE FROM connect_session WHERE org_id = $1 AND id = $2", self.org.0, id.0)?;
        Ok(rows > 0)
    }
}

impl Identities<'_> {
    /// The connect session that a token stands for, also an ended one.
    ///
    /// # Errors
    /// The database fails.
    pub async fn connect_session_by_hash(&mut self, hash: &[u8; 32]) -> Result<Option<ConnectSession>, StorageError> {
        fetch_optional!(self.tx, Row, select!("WHERE hash = $1"), hash.as_slice())?
            .map(ConnectSession::try_from)
            .transpose()
    }
}
