//! What a sync is to look at or to write next: hints of the vendor's, and records of ours.
//!
//! Each is there once. What comes again while it is being worked on gets a new number, and is not done with then.

use patchbay_model::{PluginId, object::StandardObject};

use super::Syncs;
use crate::{
    StorageError,
    column::{limit as row_limit, signed, unsigned},
    text::{Json, Text},
};

/// Ids that wait, the one that has waited longest first: a range of an index, whichever database it is.
pub(super) const HINTS: &str = "SELECT vendor_id, seq FROM sync_hint WHERE org_id = $1 AND plugin = $2 AND object = $3
   ORDER BY seq, vendor_id LIMIT $4";
/// The same of records.
pub(super) const OUTBOX: &str = "SELECT record_id, seq FROM sync_outbox WHERE org_id = $1 AND plugin = $2 AND object = $3
   ORDER BY seq, record_id LIMIT $4";

/// Adds ids to one of the two, each with its new number.
macro_rules! add {
    ($self:ident, $table:literal, $column:literal, $of:ident, $what:ident, $ids:ident) => {{
        let Some(seq) = $self.want($of, $what, $ids).await? else { return Ok(false) };
        execute!(
            $self.tx,
            {
                sqlite: concat!(
                    "INSERT INTO ", $table, " (org_id, plugin, object, ", $column, ", seq)
                     SELECT $1, $2, $3, value, $4 FROM json_each($5) WHERE true
                     ON CONFLICT (org_id, plugin, object, ", $column, ") DO UPDATE SET seq = excluded.seq"
                ),
                postgres: concat!(
                    "INSERT INTO ", $table, " (org_id, plugin, object, ", $column, ", seq)
                     SELECT $1, $2, $3, id, $4 FROM (SELECT DISTINCT json_array_elements_text($5) AS id) AS new
                     ON CONFLICT (org_id, plugin, object, ", $column, ") DO UPDATE SET seq = excluded.seq"
                ),
            },
            $self.org.0,
            $of.as_str(),
            $what.as_str(),
            signed(seq),
            Json($ids),
        )?;
        Ok(true)
    }};
}

impl Syncs<'_> {
    /// Ids of the vendor's that somebody said have changed, the one that has waited longest first, each with its number.
    ///
    /// # Errors
    /// The database fails.
    pub async fn hints(
        &mut self,
        of: &PluginId,
        what: StandardObject,
        limit: u32,
    ) -> Result<Vec<(String, u64)>, StorageError> {
        self.waiting(HINTS, of, what, limit).await
    }

    /// Ids of records that are to be written at the vendor, the one that has waited longest first, each with its number.
    ///
    /// # Errors
    /// The database fails.
    pub async fn outbox(
        &mut self,
        of: &PluginId,
        what: StandardObject,
        limit: u32,
    ) -> Result<Vec<(String, u64)>, StorageError> {
        self.waiting(OUTBOX, of, what, limit).await
    }

    /// Says that something has changed at the vendor. False if there were no ids, or if the sync is switched off or was never set
    /// up: nothing is kept then. Make the job that drives it afterwards, in the same transaction.
    ///
    /// # Errors
    /// The database fails.
    pub async fn add_hints(
        &mut self,
        of: &PluginId,
        what: StandardObject,
        vendor_ids: &[String],
    ) -> Result<bool, StorageError> {
        add!(self, "sync_hint", "vendor_id", of, what, vendor_ids)
    }

    /// Says that records are to be written at the vendor. False if there were no ids, or if the sync is switched off or was
    /// never set up: nothing is kept then. Make the job that drives it afterwards, in the same transaction.
    ///
    /// # Errors
    /// The database fails.
    pub async fn add_outbox(
        &mut self,
        of: &PluginId,
        what: StandardObject,
        record_ids: &[String],
    ) -> Result<bool, StorageError> {
        add!(self, "sync_outbox", "record_id", of, what, record_ids)
    }

    /// Holds the sync until the commit, and gives the number of what comes with it.
    async fn want(
        &mut self,
        of: &PluginId,
        what: StandardObject,
        ids: &[String],
    ) -> Result<Option<u64>, StorageError> {
        if ids.is_empty() {
            return Ok(None);
        }
        let row = fetch_optional!(
            self.tx,
            (i64,),
            "UPDATE sync SET wanted = wanted + 1 WHERE org_id = $1 AND plugin = $2 AND object = $3 AND enabled
             RETURNING wanted",
            self.org.0,
            of.as_str(),
            what.as_str(),
        )?;
        Ok(row.map(|(wanted,)| unsigned(wanted)))
    }

    async fn waiting(
        &mut self,
        sql: &'static str,
        of: &PluginId,
        what: StandardObject,
        limit: u32,
    ) -> Result<Vec<(String, u64)>, StorageError> {
        self.in_order();
        let rows =
            fetch_all!(self.tx, (Text, i64), sql, self.org.0, of.as_str(), what.as_str(), row_limit(limit))?;
        Ok(rows.into_iter().map(|(id, seq)| (id.0, unsigned(seq))).collect())
    }
}
