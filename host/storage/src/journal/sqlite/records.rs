//! The documents of a batch.

use sqlx::SqliteConnection;

use super::{hex, json, syncs};
use crate::{
    StorageError,
    column::{signed, unsigned},
    journal::{Committed, RunCommit, batch::Documents, objects::Objects, syncs::Syncs},
};

/// Writes what the winners want, and says of each run if it won.
pub(super) async fn write<'a>(
    connection: &mut SqliteConnection,
    runs: &'a [Box<RunCommit>],
    lost: &[Option<Committed>],
    objects: &mut Objects<'a>,
    syncs: &mut Syncs<'a>,
) -> Result<Vec<Committed>, StorageError> {
    let mut documents = Documents::of(runs);
    if documents.is_empty() {
        syncs::load(connection, syncs).await?;
        return Ok(documents.decide(runs, lost, objects, syncs));
    }
    let wanted: Vec<_> =
        documents.iter().map(|d| (hex(&d.key.org.0), d.key.plugin.as_str(), d.key.collection, d.key.id)).collect();
    let found: Vec<(i64, i64)> = sqlx::query_as(
        "WITH wanted AS MATERIALIZED (SELECT key AS place, value AS r FROM jsonb_each($1))
         SELECT wanted.place, record.version FROM wanted CROSS JOIN record
         WHERE record.org_id = unhex(r ->> 0) AND record.plugin = r ->> 1 AND record.collection = r ->> 2
           AND record.id = r ->> 3",
    )
    .bind(json(&wanted)?)
    .fetch_all(&mut *connection)
    .await?;
    for (place, version) in found {
        if let Ok(place) = usize::try_from(place) {
            documents.found(place, unsigned(version));
        }
    }
    syncs::load(connection, syncs).await?;
    let committed = documents.decide(runs, lost, objects, syncs);

    let (kept, deleted): (Vec<_>, Vec<_>) =
        documents.iter().filter(|document| document.written).partition(|document| document.data.is_some());
    if !kept.is_empty() {
        let rows: Vec<_> = kept
            .into_iter()
            .map(|d| {
                let at = d.updated_at.timestamp_micros();
                let key = &d.key;
                (hex(&key.org.0), key.plugin.as_str(), key.collection, key.id, signed(d.version), d.data, at)
            })
            .collect();
        sqlx::query(
            "WITH new AS MATERIALIZED (SELECT value AS r FROM jsonb_each($1))
             INSERT INTO record (org_id, plugin, collection, id, version, data, updated_at)
             SELECT unhex(r ->> 0), r ->> 1, r ->> 2, r ->> 3, r ->> 4, r -> 5, r ->> 6 FROM new WHERE true
             ON CONFLICT (org_id, plugin, collection, id) DO UPDATE SET version = excluded.version,
               data = excluded.data, updated_at = excluded.updated_at",
        )
        .bind(json(&rows)?)
        .execute(&mut *connection)
        .await?;
    }
    if !deleted.is_empty() {
        let rows: Vec<_> = deleted
            .into_iter()
            .map(|d| (hex(&d.key.org.0), d.key.plugin.as_str(), d.key.collection, d.key.id))
            .collect();
        sqlx::query(
            "DELETE FROM record WHERE (org_id, plugin, collection, id) IN
               (SELECT unhex(value ->> 0), value ->> 1, value ->> 2, value ->> 3 FROM json_each($1))",
        )
        .bind(json(&rows)?)
        .execute(&mut *connection)
        .await?;
    }
    Ok(committed)
}
