//! Folds SQLite's log into its file beside the writer instead of in its commits.
//!
//! A checkpoint copies some megabytes and waits for the disk. SQLite does it in the commit that makes the log too
//! long, and everybody who waits for a commit waits for it. So another connection does the long part while
//! commits go on, and the writer is asked only for what came meanwhile, which is little; after that it begins its
//! log from the front again.

use std::{path::Path, time::Duration};

use sqlx::SqlitePool;
use tokio::task::AbortHandle;

use crate::StorageError;

/// How often the log is folded, if something was written.
const PERIOD: Duration = Duration::from_secs(1);

/// From this length on the writer begins it from the front, in pages of 4 KiB: a short one is not worth its turn.
const LONG: i64 = 2_000;

/// The mode that waits for nobody: what a reader with an old snapshot still needs is left for the next time.
const PASSIVE: &str = "PRAGMA wal_checkpoint(PASSIVE)";

/// The task; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Checkpoints(AbortHandle);

impl Checkpoints {
    /// Begins to look after the log of the database file at `path`. `beside` has one connection for nothing else.
    pub(crate) fn start(path: &Path, beside: SqlitePool, writer: SqlitePool) -> Self {
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let task = async move {
            let mut ticks = tokio::time::interval(PERIOD);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            let mut folded = None;
            loop {
                ticks.tick().await;
                let written = tokio::fs::metadata(&log).await.and_then(|file| file.modified()).ok();
                if written == folded {
                    continue;
                }
                match fold(&beside, &writer).await {
                    Ok(()) => folded = written,
                    Err(StorageError::Closed) => break,
                    // the writer's own limit is the backstop: a commit folds it then
                    Err(error) => tracing::warn!(%error, "the database's log could not be folded into its file"),
                }
            }
        };
        Self(tokio::spawn(task).abort_handle())
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn fold(beside: &SqlitePool, writer: &SqlitePool) -> Result<(), StorageError> {
    let (_, length, _): (i64, i64, i64) = sqlx::query_as(PASSIVE).fetch_one(beside).await?;
    if length >= LONG {
        sqlx::query(PASSIVE).execute(writer).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};

    use super::*;

    #[tokio::test]
    async fn a_log_that_is_folded_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteConnectOptions::new()
            .filename(folder.path().join("a.db"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .pragma("wal_autocheckpoint", "0");
        let pool = || SqlitePoolOptions::new().max_connections(1).connect_with(options.clone());
        let (writer, beside) = (pool().await.unwrap(), pool().await.unwrap());
        let write = async |pages: u32| {
            sqlx::query("INSERT INTO t VALUES (randomblob($1))").bind(pages * 4096).execute(&writer).await.unwrap();
        };
        sqlx::query("CREATE TABLE t (bytes BLOB)").execute(&writer).await.unwrap();

        // The file of the log does not shrink, but what is folded is written over.
        let log = || std::fs::metadata(folder.path().join("a.db-wal")).unwrap().len();
        for _ in 0..4 {
            write(3_000).await;
            fold(&beside, &writer).await.unwrap();
        }
        assert!(log() < 4_000 * 4096, "{}", log());
        write(3_000).await;
        write(3_000).await;
        assert!(log() > 6_000 * 4096, "{}", log());
    }
}
