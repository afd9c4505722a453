//! The documents of a batch.
//!
//! Those that are there are locked before their versions are read, so that no other hub changes them until the commit.
//! Those that are not there cannot be locked: if another hub makes one meanwhile, ours is not written over it, but
//! the batch begins anew and finds it. Syncs are locked after documents, before any run is let write.

use sqlx::PgConnection;

use super::{column, json_column, syncs};
use crate::{
    StorageError,
    column::{signed, unsigned},
    journal::{
        Committed, RunCommit,
        batch::{Document, Documents},
        objects::Objects,
        syncs::Syncs,
    },
    text::Text,
};

/// Writes what the winners want, and says of each run if it won.
pub(super) async fn write<'a>(
    connection: &mut PgConnection,
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
    let there = lock(connection, &mut documents).await?;
    syncs::load(connection, syncs).await?;
    let committed = documents.decide(runs, lost, objects, syncs);

    let (mut made, mut changed, mut deleted) = (Vec::new(), Vec::new(), Vec::new());
    for (document, there) in documents.iter().zip(there).filter(|(document, _)| document.written) {
        match (there, document.data) {
            (false, Some(_)) => made.push(document),
            (true, Some(_)) => changed.push(document),
            (true, None) => deleted.push(document),
            (false, None) => {}
        }
    }
    made.sort_unstable_by_key(|document| document.key.order());
    insert(connection, &made).await?;
    update(connection, &changed).await?;
    delete(connection, &deleted).await?;
    Ok(committed)
}

/// Locks those that are there, and says which are.
async fn lock(connection: &mut PgConnection, documents: &mut Documents<'_>) -> Result<Vec<bool>, StorageError> {
    let all: Vec<_> = documents.iter().collect();
    let mut there = vec![false; all.len()];
    let found: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT wanted.place, record.version
         FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[])
           WITH ORDINALITY AS wanted (org_id, plugin, collection, id, place)
         JOIN record USING (org_id, plugin, collection, id)
         ORDER BY record.org_id, record.plugin, record.collection, record.id
         FOR UPDATE OF record",
    )
    .bind(column(&all, |document| document.key.org.0))
    .bind(column(&all, |document| document.key.plugin.as_str()))
    .bind(column(&all, |document| Text(document.key.collection)))
    .bind(column(&all, |document| Text(document.key.id)))
    .fetch_all(connection)
    .await?;
    for (place, version) in found {
        // Counted from one.
        let place = usize::try_from(place - 1).map_err(|_| StorageError::corrupt("a place"))?;
        documents.found(place, unsigned(version));
        if let Some(there) = there.get_mut(place) {
            *there = true;
        }
    }
    Ok(there)
}

async fn insert(connection: &mut PgConnection, made: &[&Document<'_>]) -> Result<(), StorageError> {
    if made.is_empty() {
        return Ok(());
    }
    let done = sqlx::query(
        "INSERT INTO record (org_id, plugin, collection, id, version, data, updated_at)
         SELECT org_id, plugin, collection, id, version, data::json, updated_at
         FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::bigint[])
           AS new (org_id, plugin, collection, id, version, data, updated_at)
         ON CONFLICT (org_id, plugin, collection, id) DO NOTHING",
    )
    .bind(column(made, |document| document.key.org.0))
    .bind(column(made, |document| document.key.plugin.as_str()))
    .bind(column(made, |document| Text(document.key.collection)))
    .bind(column(made, |document| Text(document.key.id)))
    .bind(column(made, |document| signed(document.version)))
    .bind(json_column(made, |document| document.data)?)
    .bind(column(made, |document| document.updated_at.timestamp_micros()))
    .execute(connection)
    .await?;
    if usize::try_from(done.rows_affected()).is_ok_and(|rows| rows == made.len()) {
        Ok(())
    } else {
        Err(StorageError::Contended)
    }
}

async fn update(connection: &mut PgConnection, changed: &[&Document<'_>]) -> Result<(), StorageError> {
    if changed.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE record SET version = new.version, data = new.data::json, updated_at = new.updated_at
         FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::bigint[])
           AS new (org_id, plugin, collection, id, version, data, updated_at)
         WHERE record.org_id = new.org_id AND record.plugin = new.plugin AND record.collection = new.collection
           AND record.id = new.id",
    )
    .bind(column(changed, |document| document.key.org.0))
    .bind(column(changed, |document| document.key.plugin.as_str()))
    .bind(column(changed, |document| Text(document.key.collection)))
    .bind(column(changed, |document| Text(document.key.id)))
    .bind(column(changed, |document| signed(document.version)))
    .bind(json_column(changed, |document| document.data)?)
    .bind(column(changed, |document| document.updated_at.timestamp_micros()))
    .execute(connection)
    .await?;
    Ok(())
}

async fn delete(connection: &mut PgConnection, deleted: &[&Document<'_>]) -> Result<(), StorageError> {
    if deleted.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "DELETE FROM record USING unnest($1::uuid[], $2::text[], $3::text[], $4::text[])
           AS old (org_id, plugin, collection, id)
         WHERE record.org_id = old.org_id AND record.plugin = old.plugin AND record.collection = old.collection
           AND record.id = old.id",
    )
    .bind(column(deleted, |document| document.key.org.0))
    .bind(column(deleted, |document| document.key.plugin.as_str()))
    .bind(column(deleted, |document| Text(document.key.collection)))
    .bind(column(deleted, |document| Text(document.key.id)))
    .execute(connection)
    .await?;
    Ok(())
}
