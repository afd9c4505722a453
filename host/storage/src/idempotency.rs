//! Writes that are done once however often they are asked for.
//!
//! Each step is one statement that checks and writes at once, so that of two hubs one wins. What a call does to its own
//! row it does as the row's owner: a hub that stood still while another one took its work over changes nothing.
//! That a row's hub is still at work is told by one row per hub, renewed while it lives: renewing each claim would be
//! a write per call and second.

use patchbay_model::{OrgId, RunId, Timestamp};
use uuid::Uuid;

use crate::{
    StorageError, Tx,
    column::{limit as row_limit, optional_time},
};

/// An org's writes that are done once.
#[derive(Debug)]
pub struct Idempotency<'a> {
    pub(crate) tx: &'a mut Tx,
    pub(crate) org: OrgId,
}

/// Who is at work on a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// The one call.
    pub call: Uuid,
    /// The hub that makes it.
    pub node: Uuid,
}

/// A write that somebody begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyClaim {
    /// Names it within the org.
    pub id: [u8; 32],
    /// Tells what was sent from anything else.
    pub fingerprint: [u8; 32],
    /// Who begins it.
    pub owner: Owner,
    /// When it counts as absent.
    pub expires_at: Timestamp,
}

/// What is known of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyRecord {
    /// Tells what was sent from anything else.
    pub fingerprint: [u8; 32],
    /// Who is or was at work on it.
    pub owner: Owner,
    /// A vendor that does not know repeats may have done it.
    pub sent: bool,
    /// When it was answered; none while it is not.
    pub answered_at: Option<Timestamp>,
    /// The run that did it.
    pub run: Option<RunId>,
    /// The sealed answer; none also if it was not kept.
    pub answer: Option<Vec<u8>>,
}

/// How a write ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyAnswer {
    /// Names it within the org.
    pub id: [u8; 32],
    /// By whom: nobody else's answer counts.
    pub owner: Owner,
    /// The run that did it.
    pub run: Option<RunId>,
    /// The sealed answer; none if it is too large to be kept.
    pub answer: Option<Vec<u8>>,
    /// When.
    pub at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct Row {
    fingerprint: Vec<u8>,
    owner: Uuid,
    node: Uuid,
    sent: bool,
    answered_at: Option<i64>,
    run_id: Option<Uuid>,
    sealed: Option<Vec<u8>>,
}

impl TryFrom<Row> for IdempotencyRecord {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        let fingerprint = row.fingerprint.try_into();
        Ok(Self {
            fingerprint: fingerprint.map_err(|_| StorageError::corrupt("idempotency_key.fingerprint"))?,
            owner: Owner { call: row.owner, node: row.node },
            sent: row.sent,
            answered_at: optional_time(row.answered_at)?,
            run: row.run_id.map(RunId),
            answer: row.sealed,
        })
    }
}

impl Idempotency<'_> {
    /// Begins a write, unless it was begun before and has not expired: false then.
    ///
    /// # Errors
    /// `Missing` if there is no such org.
    pub async fn claim(&mut self, claim: &IdempotencyClaim, now: Timestamp) -> Result<bool, StorageError> {
        let rows = execute!(
            self.tx,
            "INSERT INTO idempotency_key (org_id, id, fingerprint, owner, node, sent, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (org_id, id) DO UPDATE SET fingerprint = excluded.fingerprint, owner = excluded.owner,
               node = excluded.node, sent = excluded.sent, expires_at = excluded.expires_at, run_id = NULL,
               sealed = NULL, answered_at = NULL
             WHERE idempotency_key.expires_at <= $8",
            self.org.0,
            claim.id.as_slice(),
            claim.fingerprint.as_slice(),
            claim.owner.call,
            claim.owner.node,
            false,
            claim.expires_at.timestamp_micros(),
            now.timestamp_micros(),
        )?;
        Ok(rows > 0)
    }

    /// What is known of a write.
    ///
    /// # Errors
    /// The database fails.
    pub async fn get(&mut self, id: &[u8; 32]) -> Result<Option<IdempotencyRecord>, StorageError> {
        fetch_optional!(
            self.tx,
            Row,
            "SELECT fingerprint, owner, node, sent, answered_at, run_id, sealed FROM idempotency_key
             WHERE org_id = $1 AND id = $2",
            self.org.0,
            id.as_slice(),
        )?
        .map(IdempotencyRecord::try_from)
        .transpose()
    }

    /// Takes an unanswered write over from a call that is no more; it expires when it would have. False if somebody
    /// else has, or if a vendor may have done it meanwhile.
    ///
    /// # Errors
    /// The database fails.
    pub async fn take_over(&mut self, id: &[u8; 32], from: Owner, to: Owner) -> Result<bool, StorageError> {
        let rows = execute!(
            self.tx,
            "UPDATE idempotency_key SET owner = $4, node = $5
             WHERE org_id = $1 AND id = $2 AND owner = $3 AND answered_at IS NULL AND NOT sent",
            self.org.0,
            id.as_slice(),
            from.call,
            to.call,
            to.node,
        )?;
        Ok(rows > 0)
    }

    /// Writes down that a vendor that does not know repeats is about to be asked. False if the write is not this
    /// owner's any more: then it must not be.
    ///
    /// # Errors
    /// The database fails.
    pub async fn note_sent(&mut self, id: &[u8; 32], owner: Owner) -> Result<bool, StorageError> {
        let rows = execute!(
            self.tx,
            "UPDATE idempotency_key SET sent = $4
             WHERE org_id = $1 AND id = $2 AND owner = $3 AND answered_at IS NULL",
            self.org.0,
            id.as_slice(),
            owner.call,
            true,
        )?;
        Ok(rows > 0)
    }

    /// Writes down how a write ended that leaves no run. With a run, [`crate::RunCommit`] does it. False if it is not
    /// this owner's any more.
    ///
    /// # Errors
    /// The database fails.
    pub async fn answer(&mut self, answer: &IdempotencyAnswer) -> Result<bool, StorageError> {
        let rows = execute!(
            self.tx,
            "UPDATE idempotency_key SET run_id = $4, sealed = $5, answered_at = $6
             WHERE org_id = $1 AND id = $2 AND owner = $3 AND answered_at IS NULL",
            self.org.0,
            answer.id.as_slice(),
            answer.owner.call,
            answer.run.map(|run| run.0),
            answer.answer.as_deref(),
            answer.at.timestamp_micros(),
        )?;
        Ok(rows > 0)
    }

    /// Forgets a write of which nothing was done: who asks again begins it. False if it is not this owner's any more.
    ///
    /// # Errors
    /// The database fails.
    pub async fn release(&mut self, id: &[u8; 32], owner: Owner) -> Result<bool, StorageError> {
        let rows = execute!(
            self.tx,
            "DELETE FROM idempotency_key WHERE org_id = $1 AND id = $2 AND owner = $3 AND answered_at IS NULL",
            self.org.0,
            id.as_slice(),
            owner.call,
        )?;
        Ok(rows > 0)
    }
}

pub(crate) async fn sweep(tx: &mut Tx, now: Timestamp, limit: u32) -> Result<u64, StorageError> {
    execute!(
        tx,
        // Asked again outside, as of small values: a key that is claimed anew while this waits for its row stays.
        "DELETE FROM idempotency_key WHERE expires_at <= $1 AND (org_id, id) IN
           (SELECT org_id, id FROM idempotency_key WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
        now.timestamp_micros(),
        row_limit(limit),
    )
}

/// Says that a hub is at work, and forgets those that have not been for a day.
pub(crate) async fn note_alive(tx: &mut Tx, node: Uuid, now: Timestamp, until: Timestamp) -> Result<(), StorageError> {
    const DAY: i64 = 24 * 3600 * 1_000_000;
    execute!(
        tx,
        "INSERT INTO hub_node (id, alive_until) VALUES ($1, $2)
         ON CONFLICT (id) DO UPDATE SET alive_until = excluded.alive_until",
        node,
        until.timestamp_micros(),
    )?;
    execute!(tx, "DELETE FROM hub_node WHERE alive_until < $1", now.timestamp_micros().saturating_sub(DAY))?;
    Ok(())
}

pub(crate) async fn is_alive(tx: &mut Tx, node: Uuid, now: Timestamp) -> Result<bool, StorageError> {
    let found = fetch_optional!(
        tx,
        (Uuid,),
        "SELECT id FROM hub_node WHERE id = $1 AND alive_until > $2",
        node,
        now.timestamp_micros(),
    )?;
    Ok(found.is_some())
}

pub(crate) async fn forget_node(tx: &mut Tx, node: Uuid) -> Result<(), StorageError> {
    execute!(tx, "DELETE FROM hub_node WHERE id = $1", node)?;
    Ok(())
}
