//! The syncs of a batch, and what belongs to them.

mod write;

use patchbay_model::SyncRunId;
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::{hex, json};
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

/// Takes in those that are there, and their links.
pub(super) async fn load(connection: &mut SqliteConnection, syncs: &mut Syncs<'_>) -> Result<(), StorageError> {
    let all = syncs.keys();
    if all.is_empty() {
        return Ok(());
    }
    let asked: Vec<_> = all.iter().map(|key| (hex(&key.org.0), key.plugin.as_str(), key.object.as_str())).collect();
    let found: Vec<Row> = sqlx::query_as(
        "WITH asked AS MATERIALIZED (SELECT key AS place, value AS r FROM jsonb_each($1))
         SELECT asked.place, sync.enabled, sync.wanted, sync.linked, sync.failures, sync.kept, sync.open_run,
           CASE WHEN sync.other_account IS NULL THEN sync.account END AS account
         FROM asked CROSS JOIN sync
         WHERE sync.org_id = unhex(r ->> 0) AND sync.plugin = r ->> 1 AND sync.object = r ->> 2",
    )
    .bind(json(&asked)?)
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

async fn load_links(connection: &mut SqliteConnection, syncs: &mut Syncs<'_>) -> Result<(), StorageError> {
    let pairs = syncs.pairs();
    if pairs.is_empty() {
        return Ok(());
    }
    let asked: Vec<_> = pairs
        .iter()
        .map(|(key, vendor_id)| (hex(&key.org.0), key.plugin.as_str(), key.object.as_str(), *vendor_id))
        .collect();
    let found: Vec<(i64, i64, Option<i64>)> = sqlx::query_as(
        "WITH asked AS MATERIALIZED (SELECT key AS place, value AS r FROM jsonb_each($1))
         SELECT asked.place, sync_link.version, sync_link.gone_at FROM asked CROSS JOIN sync_link
         WHERE sync_link.org_id = unhex(r ->> 0) AND sync_link.plugin = r ->> 1 AND sync_link.object = r ->> 2
           AND sync_link.vendor_id = r ->> 3",
    )
    .bind(json(&asked)?)
    .fetch_all(connection)
    .await?;
    for (at, version, gone_at) in found {
        syncs.found_pair(place(at)?, unsigned(version), gone_at.is_some());
    }
    Ok(())
}

fn place(key: i64) -> Result<usize, StorageError> {
    usize::try_from(key).map_err(|_| StorageError::corrupt("a place"))
}
