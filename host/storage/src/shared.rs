//! What hubs on one database have in common and a hub on SQLite has in files: packages.

use patchbay_model::Digest;

use crate::{StorageError, Tx, postgres::PgTx};

fn postgres<'t>(tx: &'t mut Tx, what: &'static str) -> Result<&'t mut PgTx, StorageError> {
    match tx {
        Tx::Sqlite(_) => Err(StorageError::OnlyPostgres(what)),
        Tx::Postgres(tx) => Ok(tx),
    }
}

pub(crate) async fn put(tx: &mut Tx, digest: &Digest, bytes: &[u8]) -> Result<(), StorageError> {
    let tx = postgres(tx, "a table of packages")?;
    let put = sqlx::query("INSERT INTO plugin_package (digest, bytes) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind(digest.0.as_slice())
        .bind(bytes)
        .execute(tx.connection().await?)
        .await;
    tx.note(put).map(drop)
}

pub(crate) async fn has(tx: &mut Tx, digest: &Digest) -> Result<bool, StorageError> {
    let tx = postgres(tx, "a table of packages")?;
    let found = sqlx::query_as("SELECT EXISTS (SELECT FROM plugin_package WHERE digest = $1)")
        .bind(digest.0.as_slice())
        .fetch_one(tx.connection().await?)
        .await;
    let (found,): (bool,) = tx.note(found)?;
    Ok(found)
}

pub(crate) async fn get(tx: &mut Tx, digest: &Digest) -> Result<Option<Vec<u8>>, StorageError> {
    let tx = postgres(tx, "a table of packages")?;
    let found = sqlx::query_as("SELECT bytes FROM plugin_package WHERE digest = $1")
        .bind(digest.0.as_slice())
        .fetch_optional(tx.connection().await?)
        .await;
    Ok(tx.note(found)?.map(|(bytes,): (Vec<u8>,)| bytes))
}

pub(crate) async fn delete(tx: &mut Tx, digest: &Digest) -> Result<(), StorageError> {
    let tx = postgres(tx, "a table of packages")?;
    let deleted = sqlx::query("DELETE FROM plugin_package WHERE digest = $1")
        .bind(digest.0.as_slice())
        .execute(tx.connection().await?)
        .await;
    tx.note(deleted).map(drop)
}
