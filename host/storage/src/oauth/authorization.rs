//! Authorizations that wait for a browser: for one that follows their link, then for its return.

use patchbay_model::{
    OrgId, Timestamp,
    oauth::{AuthorizationStage, SealedAuthorization},
};
use uuid::Uuid;

use crate::{
    StorageError, Tx,
    column::{limit as row_limit, plugin, time},
};

/// How many may wait at once per org, plugin and stage; the oldest give way.
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
    stage: String,
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
            stage: stage(&row.stage)?,
            state: row.state_hash.try_into().map_err(|_| StorageError::corrupt("oauth_authorization.state_hash"))?,
            sealed: row.sealed,
            expires_at: time(row.expires_at)?,
        })
    }
}

fn stage(text: &str) -> Result<AuthorizationStage, StorageError> {
    [AuthorizationStage::Link, AuthorizationStage::Browser]
        .into_iter()
        .find(|stage| stage.as_str() == text)
        .ok_or_else(|| StorageError::corrupt("oauth_authorization.stage"))
}

impl OauthAuthorizations<'_> {
    /// Lets one wait. Of one org, plugin and stage the newest 20 are kept.
    ///
    /// # Errors
    /// `Missing` if there is no such org.
    pub async fn insert(&mut self, authorization: &SealedAuthorization) -> Result<(), StorageError> {
        execute!(
            self.tx,
            "INSERT INTO oauth_authorization (org_id, state_hash, plugin, sealed, expires_at, stage)
             VALUES ($1, $2, $3, $4, $5, $6)",
            self.org.0,
            authorization.state.as_slice(),
            authorization.plugin.as_str(),
            &authorization.sealed,
            authorization.expires_at.timestamp_micros(),
            authorization.stage.as_str(),
        )?;
        execute!(
            self.tx,
            "DELETE FROM oauth_authorization WHERE org_id = $1 AND plugin = $2 AND stage = $3 AND state_hash NOT IN
               (SELECT state_hash FROM oauth_authorization WHERE org_id = $1 AND plugin = $2 AND stage = $3
                ORDER BY expires_at DESC, state_hash LIMIT $4)",
            self.org.0,
            authorization.plugin.as_str(),
            authorization.stage.as_str(),
            MOST,
        )?;
        Ok(())
    }
}

pub(crate) async fn find(
    tx: &mut Tx,
    stage: AuthorizationStage,
    state: &[u8; 32],
) -> Result<Option<SealedAuthorization>, StorageError> {
    fetch_optional!(
        tx,
        Row,
        "SELECT org_id, state_hash, stage, plugin, sealed, expires_at FROM oauth_authorization
         WHERE state_hash = $1 AND stage = $2",
        state.as_slice(),
        stage.as_str(),
    )?
    .map(SealedAuthorization::try_from)
    .transpose()
}

pub(crate) async fn take(
    tx: &mut Tx,
    stage: AuthorizationStage,
    state: &[u8; 32],
) -> Result<Option<SealedAuthorization>, StorageError> {
    fetch_optional!(
        tx,
        Row,
        "DELETE FROM oauth_authorization WHERE state_hash = $1 AND stage = $2
         RETURNING org_id, state_hash, stage, plugin, sealed, expires_at",
        state.as_slice(),
        stage.as_str(),
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
