//! Which of theirs is which of ours.

use std::collections::BTreeSet;

use patchbay_model::{
    PluginId, SyncRunId,
    object::StandardObject,
    sync::{Base, SyncLink},
};
use uuid::Uuid;

use super::Syncs;
use crate::{
    StorageError, Tx,
    column::{limit as row_limit, optional_time, time, unsigned},
    postgres::{Scope, answered},
    text::{Json, Text, optional},
};

/// Links that are looked at together, for those that a run has not seen.
const PORTION: u32 = 2_000;

macro_rules! select {
    ($from:expr, $rest:literal) => {
        concat!(
            "SELECT vendor_id, record_id, base, vendor_at, url, seen_in, version, synced_at, gone_at FROM ",
            $from,
            " WHERE org_id = $1 AND plugin = $2 AND object = $3 AND ",
            $rest
        )
    };
}

/// A look by key for each of many ids. Both databases are told so: asked for all of them at once they read all that begins with the
/// same and see what of it is wanted, SQLite by a filter or by the key's first columns, and PostgreSQL while it has not counted how much that is.
macro_rules! for_each_of {
    ($index:literal, $of_one:literal, $on_postgres:expr) => {
        [
            select!(
                concat!("(SELECT CAST(value AS TEXT) AS id FROM json_each($4)) AS asked CROSS JOIN sync_link ", $index),
                $of_one
            ),
            concat!(
                "SELECT found.* FROM unnest($4::text[]) AS asked (id) CROSS JOIN LATERAL (",
                select!($on_postgres, $of_one),
                " OFFSET 0) AS found"
            ),
        ]
    };
}

/// The links of one record, whoever has them, which are few. PostgreSQL is shown nothing else that it could look for: of a table that it
/// has not counted it takes three columns of the primary key for rarer than a record, and reads all links of the sync for each.
macro_rules! of_record {
    ($id:literal) => {
        concat!("(SELECT * FROM sync_link WHERE org_id = $1 AND record_id = ", $id, " OFFSET 0) AS sync_link")
    };
}

/// An aggregate, because of a mere question whether there is a link PostgreSQL would make one list of all links, and look each record
/// up in that.
macro_rules! records {
    ($links:expr) => {
        concat!(
            "SELECT page.id, (SELECT count(*) FROM ",
            $links,
            " WHERE org_id = $1 AND record_id = page.id AND plugin = $2 AND object = $3)
             FROM (SELECT id FROM object_record WHERE org_id = $1 AND object = $3 AND id > $4 AND data IS NOT NULL
               ORDER BY id LIMIT $5) AS page"
        )
    };
}

pub(super) const BY_VENDOR: [&str; 2] = for_each_of!("", "vendor_id = asked.id", "sync_link");
pub(super) const BY_RECORD: [&str; 2] =
    for_each_of!("INDEXED BY sync_link_record", "record_id = asked.id AND gone_at IS NULL", of_record!("asked.id"));
/// With those whose counterpart is gone.
pub(super) const EVER_BY_RECORD: [&str; 2] =
    for_each_of!("INDEXED BY sync_link_record", "record_id = asked.id", of_record!("asked.id"));
/// Records behind one, and how many links each of them has, with those whose counterpart is gone: a range of their primary key,
/// and a look by key for each.
pub(super) const RECORDS: [&str; 2] =
    [records!("sync_link INDEXED BY sync_link_record"), records!(of_record!("page.id"))];
/// A range of the primary key.
pub(super) const BEHIND: &str = select!("sync_link", "vendor_id > $4 ORDER BY vendor_id LIMIT $5");

#[derive(sqlx::FromRow)]
struct Row {
    vendor_id: Text,
    record_id: Text,
    base: Json<Base>,
    vendor_at: Option<i64>,
    url: Option<Text>,
    seen_in: Option<Uuid>,
    version: i64,
    synced_at: i64,
    gone_at: Option<i64>,
}

impl TryFrom<Row> for SyncLink {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        Ok(Self {
            vendor_id: row.vendor_id.0,
            record_id: row.record_id.0,
            base: row.base.0,
            vendor_at: optional_time(row.vendor_at)?,
            url: optional(row.url),
            seen_in: row.seen_in.map(SyncRunId),
            version: unsigned(row.version),
            synced_at: time(row.synced_at)?,
            gone_at: optional_time(row.gone_at)?,
        })
    }
}

impl Syncs<'_> {
    /// The links of those of these vendor ids that have one, also if that is gone, in no order. One statement, however many
    /// they are.
    ///
    /// # Errors
    /// The database fails.
    pub async fn links_by_vendor(
        &mut self,
        of: &PluginId,
        what: StandardObject,
        vendor_ids: &[String],
    ) -> Result<Vec<SyncLink>, StorageError> {
        self.links(BY_VENDOR, of, what, vendor_ids).await
    }

    /// The links of those of these records that have one which is not gone, in no order; a record may have several. One
    /// statement, however many they are.
    ///
    /// # Errors
    /// The database fails.
    pub async fn links_by_record(
        &mut self,
        of: &PluginId,
        what: StandardObject,
        record_ids: &[String],
    ) -> Result<Vec<SyncLink>, StorageError> {
        self.links(BY_RECORD, of, what, record_ids).await
    }

    /// The same, with those whose counterpart the vendor has deleted.
    ///
    /// # Errors
    /// The database fails.
    pub async fn ever_linked(
        &mut self,
        of: &PluginId,
        what: StandardObject,
        record_ids: &[String],
    ) -> Result<Vec<SyncLink>, StorageError> {
        self.links(EVER_BY_RECORD, of, what, record_ids).await
    }

    /// Records of an object behind one, in order of their ids, and whether each is linked, or was until the vendor deleted its
    /// counterpart; deleted ones are left out. Fewer than
    /// `limit` only if there are no more.
    ///
    /// # Errors
    /// The database fails.
    pub async fn records_behind(
        &mut self,
        of: &PluginId,
        what: StandardObject,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<(String, bool)>, StorageError> {
        let [on_sqlite, on_postgres] = RECORDS;
        self.in_order();
        let rows = fetch_all!(
            self.tx,
            (Text, i64),
            { sqlite: on_sqlite, postgres: on_postgres },
            self.org.0,
            of.as_str(),
            what.as_str(),
            Text(after.unwrap_or("")),
            row_limit(limit),
        )?;
        let mut records: Vec<(String, bool)> = rows.into_iter().map(|(id, links)| (id.0, links > 0)).collect();
        // the order of the inner page is not promised to last
        records.sort_unstable();
        Ok(records)
    }

    /// Links that a run of all has not seen, and that none has seen whose pages it went on with, without those that are gone:
    /// behind one, in order of vendor id. Fewer than `limit` only if there are no more. Looks at all links on the way, some
    /// thousands at a time.
    ///
    /// # Errors
    /// The database fails.
    pub async fn unseen_links(
        &mut self,
        of: &PluginId,
        what: StandardObject,
        run: SyncRunId,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<SyncLink>, StorageError> {
        let walk = self.walk(run).await?;
        self.in_order();
        let is_unseen =
            |link: &SyncLink| link.gone_at.is_none() && link.seen_in.is_none_or(|seen_in| !walk.contains(&seen_in));
        let wanted = limit as usize;
        let mut behind = after.unwrap_or("").to_owned();
        let mut unseen = Vec::new();
        loop {
            let rows = fetch_all!(
                self.tx,
                Row,
                BEHIND,
                self.org.0,
                of.as_str(),
                what.as_str(),
                Text(&behind),
                row_limit(PORTION),
            )?;
            let is_last = rows.len() < PORTION as usize;
            for row in rows {
                let link = SyncLink::try_from(row)?;
                behind.clone_from(&link.vendor_id);
                if is_unseen(&link) {
                    unseen.push(link);
                    if unseen.len() >= wanted {
                        return Ok(unseen);
                    }
                }
            }
            if is_last {
                return Ok(unseen);
            }
        }
    }

    /// A run, and those with whose pages it went on.
    async fn walk(&mut self, run: SyncRunId) -> Result<Vec<SyncRunId>, StorageError> {
        let found = fetch_optional!(
            self.tx,
            (Option<Uuid>,),
            "SELECT walk FROM sync_run WHERE org_id = $1 AND id = $2",
            self.org.0,
            run.0,
        )?;
        let Some(first) = found.and_then(|(walk,)| walk) else { return Ok(vec![run]) };
        let others = fetch_all!(
            self.tx,
            (Uuid,),
            "SELECT id FROM sync_run WHERE org_id = $1 AND walk = $2",
            self.org.0,
            first,
        )?;
        Ok(others.into_iter().map(|(id,)| id).chain([first]).map(SyncRunId).collect())
    }

    async fn links(
        &mut self,
        [on_sqlite, on_postgres]: [&'static str; 2],
        of: &PluginId,
        what: StandardObject,
        ids: &[String],
    ) -> Result<Vec<SyncLink>, StorageError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let ids: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
        let rows: Vec<Row> = match &mut *self.tx {
            Tx::Sqlite(tx) => {
                let ids = serde_json::to_string(&ids).map_err(|error| StorageError::Corrupt(error.to_string()))?;
                sqlx::query_as(crate::tx::text(on_sqlite))
                    .bind(self.org.0)
                    .bind(of.as_str())
                    .bind(what.as_str())
                    .bind(ids)
                    .fetch_all(tx.connection())
                    .await?
            }
            Tx::Postgres(tx) => {
                let ids: Vec<_> = ids.into_iter().map(Text).collect();
                tx.speak_for(Scope::Several(self.org));
                let within = tx.patience();
                let connection = tx.connection().await?;
                let asking = sqlx::query_as(crate::tx::text(on_postgres))
                    .bind(self.org.0)
                    .bind(of.as_str())
                    .bind(what.as_str())
                    .bind(ids)
                    .fetch_all(connection);
                let found = answered(within, asking).await;
                tx.note(found)?
            }
        };
        rows.into_iter().map(SyncLink::try_from).collect()
    }
}
