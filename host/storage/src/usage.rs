//! What an org is billed for: read here, written by the journal.

#[cfg(test)]
mod plans;

use patchbay_model::{
    OrgId, PluginId, RunId, Timestamp, UsageId,
    run::{Basis, UsageRecord},
};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    StorageError, Tx, Walk,
    column::{after, before, limit as row_limit, plugin, time, unsigned, word},
    text::{Text, optional},
};

/// A page of what was metered, in the order of its keys.
const WALK: &str = "SELECT org_id, id, plugin, run_id, meter, quantity, basis, dedupe, at FROM usage_record
     WHERE org_id = $1 AND id > $2 AND id <= $3 AND at >= $4 AND at < $5 AND ($6 IS NULL OR plugin = $6)
     ORDER BY id LIMIT $7";

/// An org's usage records.
#[derive(Debug)]
pub struct Usage<'a> {
    pub(crate) tx: &'a mut Tx,
    pub(crate) org: OrgId,
}

/// Which usage to look at.
#[derive(Debug, Clone, Default)]
pub struct UsageFilter {
    /// Of this plugin.
    pub plugin: Option<PluginId>,
    /// From this instant on.
    pub from: Option<Timestamp>,
    /// Before this instant.
    pub to: Option<Timestamp>,
}

impl UsageFilter {
    fn plugin(&self) -> Option<&str> {
        self.plugin.as_ref().map(PluginId::as_str)
    }

    fn from(&self) -> i64 {
        self.from.map_or(i64::MIN, |at| at.timestamp_micros())
    }

    fn to(&self) -> i64 {
        self.to.map_or(i64::MAX, |at| at.timestamp_micros())
    }
}

/// The sum of one meter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UsageTotal {
    /// Of which plugin.
    pub plugin: PluginId,
    /// Which meter of its manifest.
    pub meter: String,
    /// How the quantities are known.
    pub basis: Basis,
    /// Their sum, in the meter's unit.
    pub quantity: u64,
}

#[derive(sqlx::FromRow)]
struct Row {
    org_id: Uuid,
    id: Uuid,
    plugin: String,
    run_id: Uuid,
    meter: Text,
    quantity: i64,
    basis: String,
    dedupe: Option<Text>,
    at: i64,
}

impl TryFrom<Row> for UsageRecord {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        Ok(Self {
            id: UsageId(row.id),
            org: OrgId(row.org_id),
            plugin: plugin(&row.plugin)?,
            run: RunId(row.run_id),
            meter: row.meter.0,
            quantity: unsigned(row.quantity),
            basis: word(&row.basis)?,
            dedupe: optional(row.dedupe),
            at: time(row.at)?,
            counts: None,
        })
    }
}

/// Sums are taken in two parts, so that no quantity that a plugin reports can overflow the database's 64 bits and
/// with it hide the org's whole bill.
const PART: i64 = 1_000_000;

type TotalRow = (String, Text, String, i64, i64);

impl Usage<'_> {
    /// Records that match, the newest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn list(
        &mut self,
        filter: &UsageFilter,
        before_id: Option<UsageId>,
        limit: u32,
    ) -> Result<Vec<UsageRecord>, StorageError> {
        fetch_all!(
            self.tx,
            Row,
            "SELECT org_id, id, plugin, run_id, meter, quantity, basis, dedupe, at FROM usage_record
             WHERE org_id = $1 AND id < $2 AND at >= $3 AND at < $4 AND ($5 IS NULL OR plugin = $5)
             ORDER BY id DESC LIMIT $6",
            self.org.0,
            before(before_id.map(|id| id.0)),
            filter.from(),
            filter.to(),
            filter.plugin(),
            row_limit(limit),
        )?
        .into_iter()
        .map(UsageRecord::try_from)
        .collect()
    }

    /// The newest record.
    ///
    /// # Errors
    /// The database fails.
    pub async fn newest(&mut self) -> Result<Option<UsageId>, StorageError> {
        let found = fetch_optional!(
            self.tx,
            (Uuid,),
            "SELECT id FROM usage_record WHERE org_id = $1 ORDER BY id DESC LIMIT 1",
            self.org.0,
        )?;
        Ok(found.map(|(id,)| UsageId(id)))
    }

    /// A page of records, the oldest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn walk(&mut self, walk: &Walk<UsageId>) -> Result<Vec<UsageRecord>, StorageError> {
        fetch_all!(
            self.tx,
            Row,
            WALK,
            self.org.0,
            after(walk.after.map(|id| id.0)),
            walk.upto.0,
            walk.from(),
            walk.to(),
            walk.plugin(),
            row_limit(walk.limit),
        )?
        .into_iter()
        .map(UsageRecord::try_from)
        .collect()
    }

    /// Sums of what matches, by plugin, meter and basis.
    ///
    /// # Errors
    /// The database fails.
    pub async fn totals(&mut self, filter: &UsageFilter) -> Result<Vec<UsageTotal>, StorageError> {
        let rows = fetch_all!(
            self.tx,
            TotalRow,
            "SELECT plugin, meter, basis, CAST(SUM(quantity / $5) AS BIGINT), CAST(SUM(quantity % $5) AS BIGINT)
             FROM usage_record
             WHERE org_id = $1 AND at >= $2 AND at < $3 AND ($4 IS NULL OR plugin = $4)
             GROUP BY plugin, meter, basis ORDER BY plugin, meter, basis",
            self.org.0,
            filter.from(),
            filter.to(),
            filter.plugin(),
            PART,
        )?;
        rows.into_iter()
            .map(|(id, meter, basis, parts, rest)| {
                let quantity = unsigned(parts).saturating_mul(unsigned(PART)).saturating_add(unsigned(rest));
                Ok(UsageTotal { plugin: plugin(&id)?, meter: meter.0, basis: word(&basis)?, quantity })
            })
            .collect()
    }
}
