//! Tokens that vendors shall end: a queue, worked off by whichever hub.

use patchbay_model::{OrgId, RevocationId, Timestamp, oauth::SealedRevocation};
use uuid::Uuid;

use crate::{
    StorageError, Tx,
    column::{limit as row_limit, plugin, time},
    text::Text,
};

/// An org's revocations that are not done.
#[derive(Debug)]
pub struct OauthRevocations<'a> {
    pub(crate) tx: &'a mut Tx,
    pub(crate) org: OrgId,
}

#[derive(sqlx::FromRow)]
struct Row {
    org_id: Uuid,
    id: Uuid,
    plugin: String,
    sealed: Vec<u8>,
    actor: Text,
    attempts: i64,
    next_attempt_at: i64,
    created_at: i64,
}

impl TryFrom<Row> for SealedRevocation {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        Ok(Self {
            id: RevocationId(row.id),
            org: OrgId(row.org_id),
            plugin: plugin(&row.plugin)?,
            sealed: row.sealed,
            actor: row.actor.0,
            attempts: u32::try_from(row.attempts).map_err(|_| StorageError::corrupt("oauth_revocation.attempts"))?,
            next_attempt_at: time(row.next_attempt_at)?,
            created_at: time(row.created_at)?,
        })
    }
}

impl OauthRevocations<'_> {
    /// Adds one.
    ///
    /// # Errors
    /// `AlreadyExists` if its id is taken, `Missing` if there is no such org.
    pub async fn insert(&mut self, revocation: &SealedRevocation) -> Result<(), StorageError> {
        execute!(
            self.tx,
            "INSERT INTO oauth_revocation (org_id, id, plugin, sealed, actor, attempts, next_attempt_at, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            self.org.0,
            revocation.id.0,
            revocation.plugin.as_str(),
            &revocation.sealed,
            Text(&revocation.actor),
            i64::from(revocation.attempts),
            revocation.next_attempt_at.timestamp_micros(),
            revocation.created_at.timestamp_micros(),
        )?;
        Ok(())
    }

    /// Takes one for a try that is due: counts it, and plans the next one for an instant by which this one has ended.
    /// Nothing if it is not due, or if another hub has taken it.
    ///
    /// # Errors
    /// The database fails.
    pub async fn begin(
        &mut self,
        id: RevocationId,
        now: Timestamp,
        next: Timestamp,
    ) -> Result<Option<SealedRevocation>, StorageError> {
        fetch_optional!(
            self.tx,
            Row,
            "UPDATE oauth_revocation SET attempts = attempts + 1, next_attempt_at = $4
             WHERE org_id = $1 AND id = $2 AND next_attempt_at <= $3
             RETURNING org_id, id, plugin, sealed, actor, attempts, next_attempt_at, created_at",
            self.org.0,
            id.0,
            now.timestamp_micros(),
            next.timestamp_micros(),
        )?
        .map(SealedRevocation::try_from)
        .transpose()
    }

    /// Plans the next try.
    ///
    /// # Errors
    /// The database fails.
    pub async fn put_off(&mut self, id: RevocationId, next: Timestamp) -> Result<(), StorageError> {
        execute!(
            self.tx,
            "UPDATE oauth_revocation SET next_attempt_at = $3 WHERE org_id = $1 AND id = $2",
            self.org.0,
            id.0,
            next.timestamp_micros(),
        )?;
        Ok(())
    }

    /// Forgets one that is done or given up. False if it is gone.
    ///
    /// # Errors
    /// The database fails.
    pub async fn delete(&mut self, id: RevocationId) -> Result<bool, StorageError> {
        let rows = execute!(self.tx, "DELETE FROM oauth_revocation WHERE org_id = $1 AND id = $2", self.org.0, id.0,)?;
        Ok(rows > 0)
    }
}

pub(crate) async fn due(tx: &mut Tx, now: Timestamp, limit: u32) -> Result<Vec<(OrgId, RevocationId)>, StorageError> {
    let rows = fetch_all!(
        tx,
        (Uuid, Uuid),
        "SELECT org_id, id FROM oauth_revocation WHERE next_attempt_at <= $1 ORDER BY next_attempt_at, id LIMIT $2",
        now.timestamp_micros(),
        row_limit(limit),
    )?;
    Ok(rows.into_iter().map(|(org, id)| (OrgId(org), RevocationId(id))).collect())
}
