//! The records of standard objects of a batch, and the rows that they are found by.
//!
//! Taken as documents are: those that are there are locked, and of one that another hub makes meanwhile the batch learns
//! when it begins anew.

use patchbay_model::object::StandardObject;
use serde_json::Value;
use sqlx::PgConnection;

use super::{column, json_column};
use crate::{
    StorageError,
    column::signed,
    journal::objects::{Entry, Key, Objects, State},
    object::StateRow,
    text::Text,
};

#[derive(sqlx::FromRow)]
struct Row {
    place: i64,
    #[sqlx(flatten)]
    state: StateRow,
}

/// Locks those that are there, and takes them in.
pub(super) async fn load(connection: &mut PgConnection, objects: &mut Objects<'_>) -> Result<(), StorageError> {
    let all = objects.keys();
    if all.is_empty() {
        return Ok(());
    }
    let found: Vec<Row> = sqlx::query_as(
        "SELECT wanted.place, version, data, sources, created_by, created_run, created_at, updated_by, updated_run,
           updated_at
         FROM unnest($1::uuid[], $2::text[], $3::text[]) WITH ORDINALITY AS wanted (org_id, object, id, place)
         JOIN object_record USING (org_id, object, id)
         ORDER BY object_record.org_id, object_record.object, object_record.id
         FOR UPDATE OF object_record",
    )
    .bind(column(&all, |key| key.org.0))
    .bind(column(&all, |key| key.object.as_str()))
    .bind(column(&all, |key| Text(key.id)))
    .fetch_all(connection)
    .await?;
    for row in found {
        // Counted from one.
        let place = usize::try_from(row.place - 1).map_err(|_| StorageError::corrupt("a place"))?;
        objects.found(place, row.state.state()?);
    }
    Ok(())
}

/// Writes what the winners want.
pub(super) async fn write(connection: &mut PgConnection, objects: &Objects<'_>) -> Result<(), StorageError> {
    if objects.is_empty() {
        return Ok(());
    }
    insert(connection, &objects.made()).await?;
    update(connection, &objects.changed()).await?;
    let (gone, new) = objects.index();
    take_out(connection, &gone).await?;
    put_in(connection, &new).await
}

async fn insert(connection: &mut PgConnection, made: &[(Key<'_>, &State<'_>)]) -> Result<(), StorageError> {
    if made.is_empty() {
        return Ok(());
    }
    let done = sqlx::query(
        "INSERT INTO object_record (org_id, object, id, version, data, sources, created_by, created_run, created_at,
           updated_by, updated_run, updated_at)
         SELECT org_id, object, id, version, data::json, sources::json, created_by, created_run, created_at, updated_by,
           updated_run, updated_at
         FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::uuid[],
           $9::bigint[], $10::text[], $11::uuid[], $12::bigint[])
           AS new (org_id, object, id, version, data, sources, created_by, created_run, created_at, updated_by,
             updated_run, updated_at)
         ON CONFLICT (org_id, object, id) DO NOTHING",
    )
    .bind(column(made, |(key, _)| key.org.0))
    .bind(column(made, |(key, _)| key.object.as_str()))
    .bind(column(made, |(key, _)| Text(key.id)))
    .bind(column(made, |(_, state)| signed(state.version)))
    .bind(datas(made)?)
    .bind(json_column(made, |(_, state)| &state.sources)?)
    .bind(column(made, |(_, state)| state.created.plugin.as_str()))
    .bind(column(made, |(_, state)| state.created.run.0))
    .bind(column(made, |(_, state)| state.created.at.timestamp_micros()))
    .bind(column(made, |(_, state)| state.updated.plugin.as_str()))
    .bind(column(made, |(_, state)| state.updated.run.0))
    .bind(column(made, |(_, state)| state.updated.at.timestamp_micros()))
    .execute(connection)
    .await?;
    if usize::try_from(done.rows_affected()).is_ok_and(|rows| rows == made.len()) {
        Ok(())
    } else {
        Err(StorageError::Contended)
    }
}

async fn update(connection: &mut PgConnection, changed: &[(Key<'_>, &State<'_>)]) -> Result<(), StorageError> {
    if changed.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE object_record SET version = new.version, data = new.data::json, sources = new.sources::json,
           created_by = new.created_by, created_run = new.created_run, created_at = new.created_at,
           updated_by = new.updated_by, updated_run = new.updated_run, updated_at = new.updated_at
         FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::uuid[],
           $9::bigint[], $10::text[], $11::uuid[], $12::bigint[])
           AS new (org_id, object, id, version, data, sources, created_by, created_run, created_at, updated_by,
             updated_run, updated_at)
         WHERE object_record.org_id = new.org_id AND object_record.object = new.object AND object_record.id = new.id",
    )
    .bind(column(changed, |(key, _)| key.org.0))
    .bind(column(changed, |(key, _)| key.object.as_str()))
    .bind(column(changed, |(key, _)| Text(key.id)))
    .bind(column(changed, |(_, state)| signed(state.version)))
    .bind(datas(changed)?)
    .bind(json_column(changed, |(_, state)| &state.sources)?)
    .bind(column(changed, |(_, state)| state.created.plugin.as_str()))
    .bind(column(changed, |(_, state)| state.created.run.0))
    .bind(column(changed, |(_, state)| state.created.at.timestamp_micros()))
    .bind(column(changed, |(_, state)| state.updated.plugin.as_str()))
    .bind(column(changed, |(_, state)| state.updated.run.0))
    .bind(column(changed, |(_, state)| state.updated.at.timestamp_micros()))
    .execute(connection)
    .await?;
    Ok(())
}

/// Nothing for those that are deleted.
fn datas(records: &[(Key<'_>, &State<'_>)]) -> Result<Vec<Option<String>>, StorageError> {
    let present: Vec<&Value> = records.iter().filter_map(|(_, state)| state.data.as_deref()).collect();
    let mut texts = json_column(&present, |data| *data)?.into_iter();
    Ok(records.iter().map(|(_, state)| state.data.as_ref().and_then(|_| texts.next())).collect())
}

fn objects_of(entries: &[Entry<'_>]) -> Vec<&'static str> {
    column(entries, |(key, ..)| StandardObject::as_str(key.object))
}

async fn take_out(connection: &mut PgConnection, gone: &[Entry<'_>]) -> Result<(), StorageError> {
    if gone.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "DELETE FROM object_index USING unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[])
           AS old (org_id, object, id, field, value)
         WHERE object_index.org_id = old.org_id AND object_index.object = old.object AND object_index.id = old.id
           AND object_index.field = old.field AND object_index.value = old.value",
    )
    .bind(column(gone, |(key, ..)| key.org.0))
    .bind(objects_of(gone))
    .bind(column(gone, |(key, ..)| Text(key.id)))
    .bind(column(gone, |(_, field, _)| Text(field.as_str())))
    .bind(column(gone, |(.., value)| Text(value.as_str())))
    .execute(connection)
    .await?;
    Ok(())
}

async fn put_in(connection: &mut PgConnection, new: &[Entry<'_>]) -> Result<(), StorageError> {
    if new.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO object_index (org_id, object, id, field, value)
         SELECT org_id, object, id, field, value
         FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[]) AS new (org_id, object, id, field, value)
         ON CONFLICT DO NOTHING",
    )
    .bind(column(new, |(key, ..)| key.org.0))
    .bind(objects_of(new))
    .bind(column(new, |(key, ..)| Text(key.id)))
    .bind(column(new, |(_, field, _)| Text(field.as_str())))
    .bind(column(new, |(.., value)| Text(value.as_str())))
    .execute(connection)
    .await?;
    Ok(())
}
