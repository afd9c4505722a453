//! Where audit logs end, and what was signed about that.

use patchbay_model::{OrgId, Timestamp};
use uuid::Uuid;

use crate::{
    AuditHead, HubTx, StorageError,
    audit::{self, HeadRow, HubAudit},
    chain::{Chain, Checkpoint},
    column::{after, limit as row_limit, signed, time, unsigned},
};

#[derive(sqlx::FromRow)]
struct Row {
    chain: Uuid,
    entries: i64,
    head: Vec<u8>,
    at: i64,
    previous: Option<Vec<u8>>,
    key_id: Vec<u8>,
    signature: Vec<u8>,
}

impl TryFrom<Row> for Checkpoint {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        let corrupt = |_| StorageError::corrupt("a checkpoint of the audit log");
        Ok(Self {
            chain: Chain::of(row.chain),
            entries: unsigned(row.entries),
            head: audit::hash(row.head)?,
            at: time(row.at)?,
            previous: row.previous.map(audit::hash).transpose()?,
            key_id: row.key_id.try_into().map_err(corrupt)?,
            signature: row.signature.try_into().map_err(corrupt)?,
        })
    }
}

/// Where an org's audit log ends, and how far it was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedHead {
    /// Where it ends.
    pub head: AuditHead,
    /// How many entries its latest checkpoint covers, and of when that is; none while it has no checkpoint.
    pub signed: Option<(u64, Timestamp)>,
}

#[derive(sqlx::FromRow)]
struct SignedRow {
    org_id: Uuid,
    seq: i64,
    hash: Option<Vec<u8>>,
    signed: Option<i64>,
    signed_at: Option<i64>,
}

impl From<SignedRow> for SignedHead {
    fn from(row: SignedRow) -> Self {
        // A time that is none is long ago: whoever signs reads the checkpoint, and finds that it was changed.
        let signed_at = row.signed_at.map(|at| time(at).unwrap_or_default());
        Self { head: audit::head((row.org_id, row.seq, row.hash)), signed: row.signed.map(unsigned).zip(signed_at) }
    }
}

impl HubTx<'_> {
    /// The hub's own audit log.
    pub fn audit(&mut self) -> HubAudit<'_> {
        HubAudit { tx: self.tx }
    }

    /// Where the audit logs of orgs end and how far they were signed, after one, in order of id.
    ///
    /// # Errors
    /// The database fails.
    pub async fn audit_heads(&mut self, after_id: Option<OrgId>, limit: u32) -> Result<Vec<SignedHead>, StorageError> {
        let rows = fetch_all!(
            self.tx,
            SignedRow,
            // The end of an index each: what was signed before is not read, and only ever grows.
            "SELECT org_id, seq, hash,
               (SELECT entries FROM audit_checkpoint WHERE chain = audit_head.org_id ORDER BY entries DESC LIMIT 1)
                 AS signed,
               (SELECT at FROM audit_checkpoint WHERE chain = audit_head.org_id ORDER BY entries DESC LIMIT 1)
                 AS signed_at
             FROM audit_head WHERE org_id > $1 ORDER BY org_id LIMIT $2",
            after(after_id.map(|id| id.0)),
            row_limit(limit),
        )?;
        Ok(rows.into_iter().map(SignedHead::from).collect())
    }

    /// Where audit logs of orgs end whose last entry is of before there were chains.
    ///
    /// # Errors
    /// The database fails.
    pub async fn unchained_audit_heads(&mut self, limit: u32) -> Result<Vec<AuditHead>, StorageError> {
        let rows = fetch_all!(
            self.tx,
            HeadRow,
            "SELECT org_id, seq, hash FROM audit_head WHERE hash IS NULL ORDER BY org_id LIMIT $1",
            row_limit(limit),
        )?;
        Ok(rows.into_iter().map(audit::head).collect())
    }

    /// Keeps a checkpoint. False if there is one of its log with as many entries.
    ///
    /// # Errors
    /// The database fails.
    pub async fn insert_audit_checkpoint(&mut self, checkpoint: &Checkpoint) -> Result<bool, StorageError> {
        let rows = execute!(
            self.tx,
            "INSERT INTO audit_checkpoint (chain, entries, head, at, previous, key_id, signature)
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (chain, entries) DO NOTHING",
            checkpoint.chain.id(),
            signed(checkpoint.entries),
            checkpoint.head.0.as_slice(),
            checkpoint.at.timestamp_micros(),
            checkpoint.previous.as_ref().map(|previous| previous.0.as_slice()),
            checkpoint.key_id.as_slice(),
            checkpoint.signature.as_slice(),
        )?;
        Ok(rows > 0)
    }

    /// Orgs of whose audit logs there are checkpoints, also such as are gone, after one, in order of id.
    ///
    /// # Errors
    /// The database fails.
    pub async fn orgs_with_audit_checkpoints(
        &mut self,
        after_id: Option<OrgId>,
        limit: u32,
    ) -> Result<Vec<OrgId>, StorageError> {
        let rows = fetch_all!(
            self.tx,
            (Uuid,),
            "SELECT DISTINCT chain FROM audit_checkpoint WHERE chain > $1 ORDER BY chain LIMIT $2",
            // zeros, and with them the hub's own, come before all others
            after(after_id.map(|id| id.0)),
            row_limit(limit),
        )?;
        Ok(rows.into_iter().map(|(chain,)| OrgId(chain)).collect())
    }

    /// The latest checkpoint of a log.
    ///
    /// # Errors
    /// The database fails.
    pub async fn latest_audit_checkpoint(&mut self, chain: Chain) -> Result<Option<Checkpoint>, StorageError> {
        fetch_optional!(
            self.tx,
            Row,
            "SELECT chain, entries, head, at, previous, key_id, signature FROM audit_checkpoint
             WHERE chain = $1 ORDER BY entries DESC LIMIT 1",
            chain.id(),
        )?
        .map(Checkpoint::try_from)
        .transpose()
    }

    /// All checkpoints of a log, by entries.
    ///
    /// # Errors
    /// The database fails.
    pub async fn audit_checkpoints(&mut self, chain: Chain) -> Result<Vec<Checkpoint>, StorageError> {
        fetch_all!(
            self.tx,
            Row,
            "SELECT chain, entries, head, at, previous, key_id, signature FROM audit_checkpoint
             WHERE chain = $1 ORDER BY entries",
            chain.id(),
        )?
        .into_iter()
        .map(Checkpoint::try_from)
        .collect()
    }
}
