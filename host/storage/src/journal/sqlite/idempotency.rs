//! How writes that are done once ended, in the batch of their runs.

use sqlx::SqliteConnection;

use crate::{StorageError, journal::RunCommit};

/// One statement each: few runs have one, and their answers are bytes, which JSON would double.
pub(super) async fn answer(connection: &mut SqliteConnection, commits: &[&RunCommit]) -> Result<(), StorageError> {
    for (org, done) in commits.iter().filter_map(|commit| Some((commit.run.org, commit.idempotency.as_ref()?))) {
        sqlx::query(
            "UPDATE idempotency_key SET run_id = $4, sealed = $5, answered_at = $6
             WHERE org_id = $1 AND id = $2 AND owner = $3 AND answered_at IS NULL",
        )
        .bind(org.0)
        .bind(done.id.as_slice())
        .bind(done.owner.call)
        .bind(done.run.map(|run| run.0))
        .bind(done.answer.as_deref())
        .bind(done.at.timestamp_micros())
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
