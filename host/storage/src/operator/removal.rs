//! The end of an org.

use patchbay_model::Timestamp;

use super::OperatorTx;
use crate::{StorageError, column::limit as row_limit};

macro_rules! some_of {
    ($table:literal, $key:literal) => {
        concat!(
            "DELETE FROM ",
            $table,
            " WHERE org_id = $1 AND (",
            $key,
            ") IN (SELECT ",
            $key,
            " FROM ",
            $table,
            " WHERE org_id = $1 LIMIT $2)"
        )
    };
}

impl OperatorTx<'_> {
    /// Begins to delete the org: destroys its data keys, and takes away what calls and callers need, so that none begins any
    /// more. Gives the number of data keys; harmless if it was begun before.
    ///
    /// # Errors
    /// The database fails.
    pub async fn shred(&mut self, at: Timestamp) -> Result<u64, StorageError> {
        self.erase().await?;
        let org = self.org.0;
        execute!(
            self.tx,
            "UPDATE org SET deleting_at = $2 WHERE id = $1 AND deleting_at IS NULL",
            org,
            at.timestamp_micros(),
        )?;
        let keys = execute!(self.tx, "DELETE FROM org_key WHERE org_id = $1", org)?;
        execute!(self.tx, "DELETE FROM api_key WHERE org_id = $1", org)?;
        // Sessions go with their members.
        execute!(self.tx, "DELETE FROM member WHERE org_id = $1", org)?;
        execute!(self.tx, "DELETE FROM connect_session WHERE org_id = $1", org)?;
        execute!(self.tx, "DELETE FROM invitation WHERE org_id = $1", org)?;
        execute!(self.tx, "DELETE FROM installation WHERE org_id = $1", org)?;
        // Tokens go with their connections.
        execute!(self.tx, "DELETE FROM connection WHERE org_id = $1", org)?;
        execute!(self.tx, "DELETE FROM oauth_client WHERE org_id = $1", org)?;
        execute!(self.tx, "DELETE FROM oauth_authorization WHERE org_id = $1", org)?;
        execute!(self.tx, "DELETE FROM schedule WHERE org_id = $1", org)?;
        execute!(self.tx, "DELETE FROM sync WHERE org_id = $1", org)?;
        execute!(self.tx, "DELETE FROM endpoint WHERE org_id = $1", org)?;
        // What was to be given back to vendors cannot be read any more.
        execute!(self.tx, "DELETE FROM oauth_revocation WHERE org_id = $1", org)?;
        Ok(keys)
    }

    /// Deletes at most `limit` rows of those tables that can be large, and gives their number: 0 when nothing is left in
    /// them.
    ///
    /// # Errors
    /// The database fails.
    pub async fn remove_some(&mut self, limit: u32) -> Result<u64, StorageError> {
        self.erase().await?;
        let (org, limit) = (self.org.0, row_limit(limit));
        macro_rules! first_with_rows {
            ($($table:literal $key:literal,)*) => {$(
                let rows = execute!(self.tx, some_of!($table, $key), org, limit)?;
                if rows > 0 {
                    return Ok(rows);
                }
            )*};
        }
        first_with_rows! {
            // First: nobody begins a job of it any more.
            "job_queue" "job_id",
            "job" "id",
            "run" "id",
            "usage_record" "id",
            "usage_counter" "hour, plugin, meter, metric, per",
            "event" "sequence",
            "delivery_due" "endpoint_id, sequence",
            "delivery" "id",
            "record" "plugin, collection, id",
            "object_index" "object, field, value, id",
            "object_record" "object, id",
            "sync_hint" "plugin, object, vendor_id",
            "sync_outbox" "plugin, object, record_id",
            "sync_link" "plugin, object, vendor_id",
            "sync_conflict" "id",
            "sync_failure" "plugin, object, number",
            "sync_run" "id",
            "kv" "plugin, key",
            "webhook" "id",
            "blob" "id",
            "export" "id",
            "cached_answer" "plugin, key",
            "idempotency_key" "id",
        }
        Ok(0)
    }

    /// Deletes the org itself, and with it whatever of it is left. False if its deletion was not begun, or if it is gone.
    ///
    /// # Errors
    /// The database fails.
    pub async fn remove(&mut self) -> Result<bool, StorageError> {
        self.erase().await?;
        let rows = execute!(self.tx, "DELETE FROM org WHERE id = $1 AND deleting_at IS NOT NULL", self.org.0)?;
        Ok(rows > 0)
    }
}
