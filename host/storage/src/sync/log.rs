//! What went wrong: what could not be taken over or written, and values that had to give way.

use patchbay_model::{
    PluginId, SyncConflictId, SyncRunId, Timestamp,
    object::StandardObject,
    sync::{SyncConflict, SyncFailure},
};
use serde_json::Value;
use uuid::Uuid;

use super::Syncs;
use crate::{
    StorageError,
    column::{before, first_id, limit as row_limit, signed, time, unsigned, word},
    text::{Json, Text, optional},
};

#[derive(sqlx::FromRow)]
struct FailureRow {
    number: i64,
    vendor_id: Option<Text>,
    record_id: Option<Text>,
    code: Text,
    detail: Text,
}

impl From<FailureRow> for (u64, SyncFailure) {
    fn from(row: FailureRow) -> Self {
        let failure = SyncFailure {
            vendor_id: optional(row.vendor_id),
            record_id: optional(row.record_id),
            code: row.code.0,
            detail: row.detail.0,
        };
        (unsigned(row.number), failure)
    }
}

#[derive(sqlx::FromRow)]
struct ConflictRow {
    id: Uuid,
    record_id: Text,
    vendor_id: Text,
    field: Text,
    hub: Json<Value>,
    vendor: Json<Value>,
    winner: String,
    at: i64,
}

impl TryFrom<ConflictRow> for SyncConflict {
    type Error = StorageError;

    fn try_from(row: ConflictRow) -> Result<Self, StorageError> {
        Ok(Self {
            id: SyncConflictId(row.id),
            record_id: row.record_id.0,
            vendor_id: row.vendor_id.0,
            field: row.field.0,
            hub: row.hub.0,
            vendor: row.vendor.0,
            winner: word(&row.winner)?,
            at: time(row.at)?,
        })
    }
}

impl Syncs<'_> {
    /// Failures of a run that were kept, in the order in which they came, each with its number; `after` is the number of the last
    /// of the page before.
    ///
    /// # Errors
    /// The database fails.
    pub async fn failures(
        &mut self,
        run: SyncRunId,
        after: Option<u64>,
        limit: u32,
    ) -> Result<Vec<(u64, SyncFailure)>, StorageError> {
        let rows = fetch_all!(
            self.tx,
            FailureRow,
            "SELECT number, vendor_id, record_id, code, detail FROM sync_failure
             WHERE org_id = $1 AND run_id = $2 AND number > $3 ORDER BY number LIMIT $4",
            self.org.0,
            run.0,
            signed(after.unwrap_or(0)),
            row_limit(limit),
        )?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    /// The same of a sync's work that belonged to no run: hints, and records that were written there.
    ///
    /// # Errors
    /// The database fails.
    pub async fn live_failures(
        &mut self,
        of: &PluginId,
        what: StandardObject,
        after: Option<u64>,
        limit: u32,
    ) -> Result<Vec<(u64, SyncFailure)>, StorageError> {
        let rows = fetch_all!(
            self.tx,
            FailureRow,
            "SELECT number, vendor_id, record_id, code, detail FROM sync_failure
             WHERE org_id = $1 AND plugin = $2 AND object = $3 AND run_id IS NULL AND number > $4 ORDER BY number LIMIT $5",
            self.org.0,
            of.as_str(),
            what.as_str(),
            signed(after.unwrap_or(0)),
            row_limit(limit),
        )?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    /// Values that had to give way, the newest first; `before` is the last of the page before.
    ///
    /// # Errors
    /// The database fails.
    pub async fn conflicts(
        &mut self,
        of: &PluginId,
        what: StandardObject,
        before_id: Option<SyncConflictId>,
        limit: u32,
    ) -> Result<Vec<SyncConflict>, StorageError> {
        fetch_all!(
            self.tx,
            ConflictRow,
            "SELECT id, record_id, vendor_id, field, hub, vendor, winner, at FROM sync_conflict
             WHERE org_id = $1 AND plugin = $2 AND object = $3 AND id < $4 ORDER BY id DESC LIMIT $5",
            self.org.0,
            of.as_str(),
            what.as_str(),
            before(before_id.map(|id| id.0)),
            row_limit(limit),
        )?
        .into_iter()
        .map(SyncConflict::try_from)
        .collect()
    }

    /// Clears away at most `limit` runs that ended before a time, and gives their number. The last one of each sync stays.
    ///
    /// # Errors
    /// The database fails.
    pub async fn clear_runs_before(&mut self, at: Timestamp, limit: u32) -> Result<u64, StorageError> {
        execute!(
            self.tx,
            "DELETE FROM sync_run WHERE org_id = $1 AND id IN
               (SELECT id FROM sync_run
                WHERE org_id = $1 AND id < $2 AND ended_at < $3
                  AND id NOT IN (SELECT last_run FROM sync WHERE org_id = $1 AND last_run IS NOT NULL)
                ORDER BY id LIMIT $4)",
            self.org.0,
            first_id(at),
            at.timestamp_micros(),
            row_limit(limit),
        )
    }

    /// Clears away at most `limit` failures that were written down before a time, and gives their number.
    ///
    /// # Errors
    /// The database fails.
    pub async fn clear_failures_before(&mut self, at: Timestamp, limit: u32) -> Result<u64, StorageError> {
        execute!(
            self.tx,
            "DELETE FROM sync_failure WHERE org_id = $1 AND (plugin, object, number) IN
               (SELECT plugin, object, number FROM sync_failure WHERE org_id = $1 AND at < $2 ORDER BY at LIMIT $3)",
            self.org.0,
            at.timestamp_micros(),
            row_limit(limit),
        )
    }

    /// Clears away at most `limit` conflicts that were found before a time, and gives their number.
    ///
    /// # Errors
    /// The database fails.
    pub async fn clear_conflicts_before(&mut self, at: Timestamp, limit: u32) -> Result<u64, StorageError> {
        execute!(
            self.tx,
            "DELETE FROM sync_conflict WHERE org_id = $1 AND id IN
               (SELECT id FROM sync_conflict WHERE org_id = $1 AND id < $2 AND at < $3 ORDER BY id LIMIT $4)",
            self.org.0,
            first_id(at),
            at.timestamp_micros(),
            row_limit(limit),
        )
    }
}
