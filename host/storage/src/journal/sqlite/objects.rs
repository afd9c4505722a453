//! The records of standard objects of a batch, and the rows that they are found by.

use sqlx::SqliteConnection;

use super::{hex, json};
use crate::{
    StorageError,
    column::signed,
    journal::objects::{Entry, Objects},
    object::StateRow,
};

#[derive(sqlx::FromRow)]
struct Row {
    place: i64,
    #[sqlx(flatten)]
    state: StateRow,
}

/// Takes in those that are there.
pub(super) async fn load(connection: &mut SqliteConnection, objects: &mut Objects<'_>) -> Result<(), StorageError> {
    let all = objects.keys();
    if all.is_empty() {
        return Ok(());
    }
    let wanted: Vec<_> = all.iter().map(|key| (hex(&key.org.0), key.object.as_str(), key.id)).collect();
    let found: Vec<Row> = sqlx::query_as(
        "WITH wanted AS MATERIALIZED (SELECT key AS place, value AS r FROM jsonb_each($1))
         SELECT wanted.place, version, data, sources, created_by, created_run, created_at, updated_by, updated_run,
           updated_at
         FROM wanted CROSS JOIN object_record
         WHERE object_record.org_id = unhex(r ->> 0) AND object_record.object = r ->> 1 AND object_record.id = r ->> 2",
    )
    .bind(json(&wanted)?)
    .fetch_all(connection)
    .await?;
    for row in found {
        let place = usize::try_from(row.place).map_err(|_| StorageError::corrupt("a place"))?;
        objects.found(place, row.state.state()?);
    }
    Ok(())
}

/// Writes what the winners want.
pub(super) async fn write(connection: &mut SqliteConnection, objects: &Objects<'_>) -> Result<(), StorageError> {
    if objects.is_empty() {
        return Ok(());
    }
    put(connection, objects).await?;
    let (gone, new) = objects.index();
    take_out(connection, &gone).await?;
    put_in(connection, &new).await
}

async fn put(connection: &mut SqliteConnection, objects: &Objects<'_>) -> Result<(), StorageError> {
    let written: Vec<_> = objects.made().into_iter().chain(objects.changed()).collect();
    let rows: Vec<_> = written
        .iter()
        .map(|(key, state)| {
            let (created, updated) = (&state.created, &state.updated);
            (
                (hex(&key.org.0), key.object.as_str(), key.id),
                (signed(state.version), state.data.as_deref(), &state.sources),
                (created.plugin.as_str(), hex(&created.run.0), created.at.timestamp_micros()),
                (updated.plugin.as_str(), hex(&updated.run.0), updated.at.timestamp_micros()),
            )
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "WITH new AS MATERIALIZED (SELECT value AS r FROM jsonb_each($1))
         INSERT INTO object_record (org_id, object, id, version, data, sources, created_by, created_run, created_at,
           updated_by, updated_run, updated_at)
         SELECT unhex(r ->> '$[0][0]'), r ->> '$[0][1]', r ->> '$[0][2]', r ->> '$[1][0]',
           CASE WHEN r ->> '$[1][1]' IS NOT NULL THEN r -> '$[1][1]' END, r -> '$[1][2]',
           r ->> '$[2][0]', unhex(r ->> '$[2][1]'), r ->> '$[2][2]', r ->> '$[3][0]', unhex(r ->> '$[3][1]'),
           r ->> '$[3][2]'
         FROM new WHERE true
         ON CONFLICT (org_id, object, id) DO UPDATE SET version = excluded.version, data = excluded.data,
           sources = excluded.sources, created_by = excluded.created_by, created_run = excluded.created_run,
           created_at = excluded.created_at, updated_by = excluded.updated_by, updated_run = excluded.updated_run,
           updated_at = excluded.updated_at",
    )
    .bind(json(&rows)?)
    .execute(connection)
    .await?;
    Ok(())
}

fn rows(entries: &[Entry<'_>]) -> Result<String, StorageError> {
    let rows: Vec<_> = entries
        .iter()
        .map(|(key, field, value)| (hex(&key.org.0), key.object.as_str(), field, value, key.id))
        .collect();
    json(&rows)
}

async fn take_out(connection: &mut SqliteConnection, gone: &[Entry<'_>]) -> Result<(), StorageError> {
    if gone.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "DELETE FROM object_index WHERE (org_id, object, field, value, id) IN
           (SELECT unhex(value ->> 0), value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each($1))",
    )
    .bind(rows(gone)?)
    .execute(connection)
    .await?;
    Ok(())
}

async fn put_in(connection: &mut SqliteConnection, new: &[Entry<'_>]) -> Result<(), StorageError> {
    if new.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO object_index (org_id, object, field, value, id)
         SELECT unhex(value ->> 0), value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each($1) WHERE true
         ON CONFLICT DO NOTHING",
    )
    .bind(rows(new)?)
    .execute(connection)
    .await?;
    Ok(())
}
