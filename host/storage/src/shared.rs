//! What hubs on one database have in common and a hub on SQLite has in files: packages.

use patchbay_model::Digest;

use crate::{
    PluginSource, PluginStatus, StorageError, Tx, plugin_version,
    postgres::{PgTx, answered},
};

fn postgres<'t>(tx: &'t mut Tx, what: &'static str) -> Result<&'t mut PgTx, StorageError> {
    match tx {
        Tx::Sqlite(_) => Err(StorageError::OnlyPostgres(what)),
        Tx::Postgres(tx) => Ok(tx),
    }
}

pub(crate) async fn put(tx: &mut Tx, digest: &Digest, bytes: &[u8]) -> Result<(), StorageError> {
    let tx = postgres(tx, "a table of packages")?;
    let within = tx.patience();
    let putting = sqlx::query("INSERT INTO plugin_package (digest, bytes) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind(digest.0.as_slice())
        .bind(bytes)
        .execute(tx.connection().await?);
    let put = answered(within, putting).await;
    tx.note(put).map(drop)
}

async fn has(tx: &mut Tx, digest: &Digest) -> Result<bool, StorageError> {
    let sql = "SELECT 1 FROM plugin_package WHERE digest = $1";
    Ok(fetch_optional!(tx, (i32,), sql, digest.0.as_slice())?.is_some())
}

pub(crate) async fn get(tx: &mut Tx, digest: &Digest) -> Result<Option<Vec<u8>>, StorageError> {
    let tx = postgres(tx, "a table of packages")?;
    let within = tx.patience();
    let asking = sqlx::query_as("SELECT bytes FROM plugin_package WHERE digest = $1")
        .bind(digest.0.as_slice())
        .fetch_optional(tx.connection().await?);
    let found = answered(within, asking).await;
    Ok(tx.note(found)?.map(|(bytes,): (Vec<u8>,)| bytes))
}

/// True if other hubs did not know that they can have it.
pub(crate) async fn keep(tx: &mut Tx, digest: &Digest, bytes: &[u8]) -> Result<bool, StorageError> {
    let status = held(tx, digest).await?.map(|(_, status)| status);
    // Asked first, because it is megabytes.
    let is_new = !has(tx, digest).await?;
    if is_new {
        put(tx, digest, bytes).await?;
    }
    let is_active = status.as_deref() == Some(PluginStatus::Active.as_str());
    if !is_active {
        // One that was withdrawn is kept for those that run it, and not offered anew.
        execute!(
            tx,
            "UPDATE plugin_version SET status = 'active', source = 'folder', error = NULL WHERE digest = $1",
            digest.0.as_slice(),
        )?;
    }
    Ok(is_new || !is_active)
}

/// False if it has to stay.
pub(crate) async fn release(tx: &mut Tx, digest: &Digest) -> Result<bool, StorageError> {
    let Some((source, status)) = held(tx, digest).await? else { return Ok(false) };
    if source == PluginSource::Upload.as_str() && status == PluginStatus::Active.as_str() {
        return Ok(false);
    }
    // A statement of its own, after the lock: it sees a pin that was waited for.
    let pinned = fetch_optional!(
        tx,
        (i32,),
        "SELECT 1 FROM installation JOIN plugin_version USING (plugin)
         WHERE digest = $1 AND policy ->> 'pin' = $2 LIMIT 1",
        digest.0.as_slice(),
        digest.to_string(),
    )?;
    if pinned.is_some() {
        return Ok(false);
    }
    execute!(tx, "DELETE FROM plugin_package WHERE digest = $1", digest.0.as_slice())?;
    plugin_version::set_status(tx, digest, PluginStatus::Withdrawn, None).await?;
    Ok(true)
}

/// The source and the status of a version, which nobody else changes until the transaction ends.
async fn held(tx: &mut Tx, digest: &Digest) -> Result<Option<(String, String)>, StorageError> {
    let tx = postgres(tx, "a table of packages")?;
    let within = tx.patience();
    let locking = sqlx::query_as("SELECT source, status FROM plugin_version WHERE digest = $1 FOR UPDATE")
        .bind(digest.0.as_slice())
        .fetch_optional(tx.connection().await?);
    let found = answered(within, locking).await;
    tx.note(found)
}
