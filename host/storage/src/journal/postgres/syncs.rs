//! The syncs of a batch, and what belongs to them.
//!
//! A sync's row is locked before anything that belongs to it is read: whoever else changes that holds the row too.

mod write;

use patchbay_model::SyncRunId;
use sqlx::PgConnection;
use uuid::Uuid;

use super::column;
use crate::{
    StorageError,
    column::unsigned,
    journal::syncs::{Head, Syncs},
    text::{Text, optional},
};

pub(super) use write::write;

#[derive(sqlx::FromRow)]
struct Row {
    place: i64,
    enabled: bool,
    wanted: i64,
    linked: i64,
    failures: i64,
    kept: i64,
    open_run: Option<Uuid>,
    account: Option<Text>,
}

/// Locks those that are there, and takes them and their links in.
pub(super) async fn load(connection: &mut PgConnection, syncs: &mut Syncs<'_>) -> Result<(), StorageError> {
    let all = syncs.keys();
    if all.is_empty() {
        return Ok(());
    }
    let found: Vec<Row> = sqlx::query_as(
        "SELECT asked.place, sync.enabled, sync.wanted, sync.linked, sync.failures, sync.kept, sync.open_run,
           CASE WHEN sync.other_account IS NULL THEN sync.account END AS account
         FROM unnest($1::uuid[], $2::text[], $3::text[]) WITH ORDINALITY AS asked (org_id, plugin, object, place)
         JOIN sync USING (org_id, plugin, object)
         ORDER BY sync.org_id, sync.plugin, sync.object
         FOR UPDATE OF sync",
    )
    .bind(column(&all, |key| key.org.0))
    .bind(column(&all, |key| key.plugin.as_str()))
    .bind(column(&all, |key| key.object.as_str()))
    .fetch_all(&mut *connection)
    .await?;
    for row in found {
        let head = Head {
            enabled: row.enabled,
            wanted: unsigned(row.wanted),
            linked: unsigned(row.linked),
            failures: unsigned(row.failures),
            kept: unsigned(row.kept),
            open_run: row.open_run.map(SyncRunId),
            account: optional(row.account),
        };
        syncs.found(place(row.place)?, head);
    }
    load_links(connection, syncs).await
}

async fn load_links(connection: &mut PgConnection, syncs: &mut Syncs<'_>) -> Result<(), StorageError> {
    let pairs = syncs.pairs();
    if pairs.is_empty() {
        return Ok(());
    }
    // one look by key after the other: of a table that was just filled the statistics do not know yet that there is much in it, and
    // a join reads all links of a sync for each that is asked for
    let found: Vec<(i64, i64, Option<i64>)> = sqlx::query_as(
        "SELECT asked.place, found.version, found.gone_at
         FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[])
           WITH ORDINALITY AS asked (org_id, plugin, object, vendor_id, place), LATERAL
           (SELECT version, gone_at FROM sync_link
            WHERE org_id = asked.org_id AND plugin = asked.plugin AND object = asked.object
              AND vendor_id = asked.vendor_id LIMIT 1) AS found",
    )
    .bind(column(&pairs, |(key, _)| key.org.0))
    .bind(column(&pairs, |(key, _)| key.plugin.as_str()))
    .bind(column(&pairs, |(key, _)| key.object.as_str()))
    .bind(column(&pairs, |(_, vendor_id)| Text(*vendor_id)))
    .fetch_all(connection)
    .await?;
    for (at, version, gone_at) in found {
        syncs.found_pair(place(at)?, unsigned(version), gone_at.is_some());
    }
    Ok(())
}

/// Counted from one.
fn place(ordinality: i64) -> Result<usize, StorageError> {
    usize::try_from(ordinality - 1).map_err(|_| StorageError::corrupt("a place"))
}
