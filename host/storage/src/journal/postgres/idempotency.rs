//! How writes that are done once ended, in the batch of their runs.

use sqlx::PgConnection;

use super::column;
use crate::{StorageError, journal::RunCommit};

pub(super) async fn answer(connection: &mut PgConnection, commits: &[&RunCommit]) -> Result<(), StorageError> {
    let rows: Vec<_> =
        commits.iter().filter_map(|commit| Some((commit.run.org, commit.idempotency.as_ref()?))).collect();
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE idempotency_key SET run_id = new.run_id, sealed = new.sealed, answered_at = new.answered_at
         FROM unnest($1::uuid[], $2::bytea[], $3::uuid[], $4::uuid[], $5::bytea[], $6::bigint[])
           AS new (org_id, id, owner, run_id, sealed, answered_at)
         WHERE idempotency_key.org_id = new.org_id AND idempotency_key.id = new.id
           AND idempotency_key.owner = new.owner AND idempotency_key.answered_at IS NULL",
    )
    .bind(column(&rows, |(org, _)| org.0))
    .bind(column(&rows, |(_, done)| done.id.as_slice()))
    .bind(column(&rows, |(_, done)| done.owner.call))
    .bind(column(&rows, |(_, done)| done.run.map(|run| run.0)))
    .bind(column(&rows, |(_, done)| done.answer.as_deref()))
    .bind(column(&rows, |(_, done)| done.at.timestamp_micros()))
    .execute(connection)
    .await?;
    Ok(())
}
