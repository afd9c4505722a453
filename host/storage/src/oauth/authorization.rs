//! Authorizations between the hub's redirect and the browser's return.

use patchbay_model::{OrgId, Timestamp, oauth::SealedAuthorization};
use uuid::Uuid;

use crate::{
    StorageError, Tx,
    column::{limit as row_limit, plugin, time},
};

/// How many may be under way at once per org and plugin; the oldest give way.
const MOST: i64 = 20;

/// An org's authorizations under way.
#[derive(Debug)]
pub struct OauthAuthorizations<'a> {
    pub(crate) tx: &'a mut Tx,
    pub(crate) org: OrgId,
}

#[derive(sqlx::FromRow)]
struct Row {
    org_id: Uuid,
    state_hash: Vec<u8>,
    plugin: String,
    sealed: Vec<u8>,
    expires_at: i64,
}

impl TryFrom<Row> for SealedAuthorization {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        Ok(Self {
            org: OrgId(row.org_id),
            plugin: plugin(&row.plugin)?,
            state: row.state_hash.try_into().map_err(|_| StorageError::corrupt("oauth_authorization.state_hash"))?,
            sealed: row.sealed,
            expires_at: time(row.expires_at)?,
        })
    }
}

impl OauthAuthorizations<'_> {
    /// Lets one wait. Of one org and plugin the newest 20 are kept.
    ///
    /// # Errors
    /// `Missing` if there is no such org.
    pub async fn insert(&mut self, authorization: &SealedAuthorization) -> Result<(), StorageError> {
        execute!(
            self.tx,
            "INSERT INTO oauth_authorization (org_id, state_hash, plugin, sealed, expires_at)
             VALUES ($1, $2, $3, $4, $5)",
            self.org.0,
            authorization.state.as_slice(),
            authorization.plugin.as_str(),
            &authorization.sealed,
            authorization.expires_at.timestamp_micros(),
        )?;
        execute!(
            self.tx,
            "DELETE FROM oauth_authorization WHERE org_id = $1 AND plugin = $2 AND state_hash NOT IN
               (SELECT state_hash FROM oauth_authorization WHERE org_id = $1 AND plugin = $2
                ORDER BY expires_at DESC, state_hash LIMIT $3)",
            self.org.0,
            authorization.plugin.as_str(),
            MOST,
        )?;
        Ok(())
    }
}

pub(crate) async fn take(tx: &mut Tx, state: &[u8; 32]) -> Result<Option<SealedAuthorization>, StorageError> {
    fetch_optional!(
        tx,
        Row,
        "DELETE FROM oauth_authorization WHERE state_hash = $1
         RETURNING org_id, state_hash, plugin, sealed, expires_at",
        state.as_slice(),
    )?
    .map(SealedAuthorization::try_from)
    .transpose()
}

pub(crate) async fn sweep(tx: &mut Tx, now: Timestamp, limit: u32) -> Result<u64, StorageError> {
    execute!(
        tx,
        "DELETE FROM oauth_authorization WHERE state_hash IN
           (SELECT state_hash FROM oauth_authorization WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
        now.timestamp_micros(),
        row_limit(limit),
    )
}
