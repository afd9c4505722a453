//! API keys, found by the keyed hash of what a caller presents.

use std::collections::BTreeSet;

use patchbay_model::{
    ApiKeyId, OrgId, Timestamp,
    org::{ApiKey, Scope},
};
use uuid::Uuid;

use crate::{
    StorageError, Tx,
    column::{after, limit as row_limit, micros, optional_time, time},
    text::{Json, Text, optional},
};

/// An org's API keys.
#[derive(Debug)]
pub struct ApiKeys<'a> {
    pub(crate) tx: &'a mut Tx,
    pub(crate) org: OrgId,
}

#[derive(sqlx::FromRow)]
struct Row {
    org_id: Uuid,
    id: Uuid,
    name: Text,
    scopes: Json<Vec<Scope>>,
    expires_at: Option<i64>,
    revoked_at: Option<i64>,
    created_at: i64,
    made_by: Option<Text>,
    used_at: Option<i64>,
    replaces: Option<Uuid>,
    spends_as: Option<Uuid>,
}

impl TryFrom<Row> for ApiKey {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        Ok(Self {
            id: ApiKeyId(row.id),
            org: OrgId(row.org_id),
            name: row.name.0,
            scopes: row.scopes.0,
            expires_at: optional_time(row.expires_at)?,
            revoked_at: optional_time(row.revoked_at)?,
            created_at: time(row.created_at)?,
            made_by: optional(row.made_by),
            used_at: optional_time(row.used_at)?,
            replaces: row.replaces.map(ApiKeyId),
            spends_as: row.spends_as.map(ApiKeyId),
        })
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT org_id, id, name, scopes, expires_at, revoked_at, created_at, made_by, used_at, replaces,
               spends_as
             FROM api_key ",
            $rest
        )
    };
}

pub(crate) async fn by_hash(tx: &mut Tx, hash: &[u8; 32]) -> Result<Option<ApiKey>, StorageError> {
    fetch_optional!(tx, Row, select!("WHERE hash = $1"), hash.as_slice())?.map(ApiKey::try_from).transpose()
}

impl ApiKeys<'_> {
    /// Adds a key under the keyed hash of its secret.
    ///
    /// # Errors
    /// `AlreadyExists` if the id or the hash is taken, `Missing` if there is no such org.
    pub async fn insert(&mut self, key: &ApiKey, hash: &[u8; 32]) -> Result<(), StorageError> {
        execute!(
            self.tx,
            "INSERT INTO api_key
               (org_id, id, hash, name, scopes, expires_at, revoked_at, created_at, made_by, used_at, replaces,
                spends_as)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            self.org.0,
            key.id.0,
            hash.as_slice(),
            Text(&key.name),
            Json(&key.scopes),
            micros(key.expires_at),
            micros(key.revoked_at),
            key.created_at.timestamp_micros(),
            key.made_by.as_deref().map(Text),
            micros(key.used_at),
            key.replaces.map(|id| id.0),
            key.spends_as.map(|id| id.0),
        )?;
        Ok(())
    }

    /// One key.
    ///
    /// # Errors
    /// The database fails.
    pub async fn get(&mut self, id: ApiKeyId) -> Result<Option<ApiKey>, StorageError> {
        fetch_optional!(self.tx, Row, select!("WHERE org_id = $1 AND id = $2"), self.org.0, id.0)?
            .map(ApiKey::try_from)
            .transpose()
    }

    /// Keys after one, in the order in which they were made.
    ///
    /// # Errors
    /// The database fails.
    pub async fn list(&mut self, after_id: Option<ApiKeyId>, limit: u32) -> Result<Vec<ApiKey>, StorageError> {
        fetch_all!(
            self.tx,
            Row,
            select!("WHERE org_id = $1 AND id > $2 ORDER BY id LIMIT $3"),
            self.org.0,
            after(after_id.map(|id| id.0)),
            row_limit(limit),
        )?
        .into_iter()
        .map(ApiKey::try_from)
        .collect()
    }

    /// Stops a key from working. False if there is none, or if it was revoked before.
    ///
    /// # Errors
    /// The database fails.
    pub async fn revoke(&mut self, id: ApiKeyId, at: Timestamp) -> Result<bool, StorageError> {
        let rows = execute!(
            self.tx,
            "UPDATE api_key SET revoked_at = $3 WHERE org_id = $1 AND id = $2 AND revoked_at IS NULL",
            self.org.0,
            id.0,
            at.timestamp_micros(),
        )?;
        Ok(rows > 0)
    }

    /// Lets a key end at a time. False if there is none, if it was revoked, or if it ends before that by itself.
    ///
    /// # Errors
    /// The database fails.
    pub async fn expire(&mut self, id: ApiKeyId, at: Timestamp) -> Result<bool, StorageError> {
        let rows = execute!(
            self.tx,
            "UPDATE api_key SET expires_at = $3
             WHERE org_id = $1 AND id = $2 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $3)",
            self.org.0,
            id.0,
            at.timestamp_micros(),
        )?;
        Ok(rows > 0)
    }

    /// Of whose budgets keys spend that work, or did after this instant.
    ///
    /// # Errors
    /// The database fails.
    pub async fn spenders(&mut self, since: Timestamp) -> Result<BTreeSet<ApiKeyId>, StorageError> {
        let found = fetch_all!(
            self.tx,
            (Uuid,),
            "SELECT DISTINCT COALESCE(spends_as, id) FROM api_key
             WHERE org_id = $1 AND (revoked_at IS NULL OR revoked_at > $2) AND (expires_at IS NULL OR expires_at > $2)",
            self.org.0,
            since.timestamp_micros(),
        )?;
        Ok(found.into_iter().map(|(id,)| ApiKeyId(id)).collect())
    }

    /// Notes that a key was used; never goes back.
    ///
    /// # Errors
    /// The database fails.
    pub async fn used(&mut self, id: ApiKeyId, at: Timestamp) -> Result<(), StorageError> {
        execute!(
            self.tx,
            "UPDATE api_key SET used_at = $3 WHERE org_id = $1 AND id = $2 AND (used_at IS NULL OR used_at < $3)",
            self.org.0,
            id.0,
            at.timestamp_micros(),
        )?;
        Ok(())
    }
}
