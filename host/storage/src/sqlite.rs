//! SQLite. It has one writer. So there is one connection that writes, behind a fair queue, and several that
//! read: waiting for a turn is then ours to do, in order, and never SQLite's busy handler, which sleeps and
//! polls. WAL lets readers go on meanwhile; `synchronous=FULL` makes a commit survive the loss of power.

use std::{collections::BTreeSet, fs::OpenOptions, path::Path, sync::Arc, time::Duration};

use patchbay_model::OrgId;
use sqlx::{
    ConnectOptions as _, Connection as _, Executor as _, Sqlite, SqliteConnection, Transaction,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::time::Instant;

use crate::{
    StorageError,
    changes::{Change, Feed},
    checkpoint::Checkpoints,
    database::PATIENCE,
};

/// How many snapshots can be open at once; each has a thread of its own.
const READERS: u32 = 4;

/// How long cutting the log waits for those who read from it.
const SCRUB_PATIENCE: Duration = Duration::from_secs(1);

/// How soon it asks again where somebody else folds the log just then.
const SCRUB_PAUSE: Duration = Duration::from_millis(10);

/// What is deleted is overwritten where that takes no further writes.
const FAST: &str = "PRAGMA secure_delete = FAST";

/// An open file. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) writer: SqlitePool,
    readers: SqlitePool,
    beside: SqlitePool,
    options: Arc<SqliteConnectOptions>,
    /// Ends with the last clone.
    _checkpoints: Arc<Checkpoints>,
}

impl File {
    pub(crate) async fn open(path: &Path) -> Result<Self, StorageError> {
        create_private(path).map_err(|error| StorageError::Io(Arc::new(error)))?;
        let options = options(path);
        let writer = pool(1).connect_with(options.clone()).await?;
        let readers = pool(READERS).connect_with(options.clone().pragma("query_only", "ON")).await?;
        let beside = pool(1).connect_with(options.clone()).await?;
        let checkpoints = Arc::new(Checkpoints::start(path, beside.clone(), writer.clone()));
        Ok(Self { writer, readers, beside, options: Arc::new(options), _checkpoints: checkpoints })
    }

    pub(crate) async fn begin(&self, feed: Feed) -> Result<SqliteTx, StorageError> {
        // IMMEDIATE, because a transaction that reads first and writes later could lose its snapshot.
        let transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        Ok(SqliteTx { transaction, changes: Vec::new(), published: BTreeSet::new(), feed, erases: false })
    }

    /// Folds all of the log into the file and cuts it to nothing, so that nothing of what was deleted stays in it. False
    /// if somebody still reads from it.
    pub(crate) async fn scrub(&self) -> Result<bool, StorageError> {
        self.scrub_within(SCRUB_PATIENCE).await
    }

    async fn scrub_within(&self, patience: Duration) -> Result<bool, StorageError> {
        // Of its own: it waits for readers, and the writer's commits must not.
        let options = SqliteConnectOptions::clone(&self.options).busy_timeout(patience);
        let mut connection = options.connect().await?;
        let end = Instant::now() + patience;
        let done = loop {
            let (busy, _, _): (i64, i64, i64) =
                sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut connection).await?;
            if busy == 0 || Instant::now() >= end {
                break busy == 0;
            }
            // Of two who fold the log at once SQLite turns one away without any wait, which is no reader's doing.
            tokio::time::sleep(SCRUB_PAUSE).await;
        };
        connection.close().await?;
        Ok(done)
    }

    pub(crate) async fn read(&self, feed: Feed) -> Result<SqliteTx, StorageError> {
        let transaction = self.readers.begin().await?;
        Ok(SqliteTx { transaction, changes: Vec::new(), published: BTreeSet::new(), feed, erases: false })
    }

    pub(crate) async fn close(&self) {
        self.beside.close().await;
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// A transaction on SQLite.
#[derive(Debug)]
pub struct SqliteTx {
    transaction: Transaction<'static, Sqlite>,
    /// What is told to the hub's caches once it is true.
    changes: Vec<Change>,
    /// Orgs that have new events then.
    published: BTreeSet<OrgId>,
    feed: Feed,
    /// It overwrites what it deletes, whatever that costs.
    erases: bool,
}

impl SqliteTx {
    pub(crate) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.transaction
    }

    /// From here on what is deleted is overwritten with zeros, also in pages that become free.
    pub(crate) async fn erase(&mut self) -> Result<(), StorageError> {
        if !self.erases {
            self.transaction.execute("PRAGMA secure_delete = ON").await?;
            self.erases = true;
        }
        Ok(())
    }

    pub(crate) fn notify(&mut self, change: Change) {
        self.changes.push(change);
    }

    pub(crate) fn published(&mut self, org: OrgId) {
        self.published.insert(org);
    }

    pub(crate) async fn commit(mut self) -> Result<(), StorageError> {
        if self.erases {
            // What went is overwritten by now; the next one on this connection need not pay for it.
            self.transaction.execute(FAST).await?;
        }
        self.transaction.commit().await?;
        for change in self.changes {
            self.feed.tell(change);
        }
        self.feed.published(self.published);
        Ok(())
    }
}

/// SQLite gives its log and index files the rights of the database file.
fn create_private(path: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// One connection to a file that is there, which changes nothing.
pub(crate) async fn look(path: &Path) -> Result<SqliteConnection, StorageError> {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(false).busy_timeout(PATIENCE);
    Ok(options.pragma("query_only", "ON").disable_statement_logging().connect().await?)
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(PATIENCE)
        // The backstop of `checkpoint`: 64 MiB.
        .pragma("wal_autocheckpoint", "16000")
        .pragma("temp_store", "MEMORY")
        // As `FAST` below.
        .pragma("secure_delete", "FAST")
        // Formatting a log line per statement costs more than many of the statements.
        .disable_statement_logging()
}

fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(PATIENCE)
        .idle_timeout(None)
        .max_lifetime(None)
        // A ping is a trip to the connection's thread, and a file does not hang up.
        .test_before_acquire(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn who_folds_the_log_just_then_does_not_keep_it_from_being_cut() {
        let folder = tempfile::tempdir().unwrap();
        let file = File::open(&folder.path().join("a.db")).await.unwrap();
        let write = async |statement: &'static str| sqlx::query(statement).execute(&file.writer).await.unwrap();
        write("CREATE TABLE t (number INTEGER)").await;
        write("INSERT INTO t VALUES (1)").await;
        let mut reader = file.readers.begin().await.unwrap();
        sqlx::query("SELECT number FROM t").fetch_all(&mut *reader).await.unwrap();
        write("INSERT INTO t VALUES (2)").await;

        // somebody who holds the log and waits for the reader
        let holder = file.clone();
        let another = tokio::spawn(async move { holder.scrub_within(MINUTE).await });
        let passive = async || {
            sqlx::query_as::<_, (i64, i64, i64)>("PRAGMA wal_checkpoint(PASSIVE)")
                .fetch_one(&file.beside)
                .await
                .unwrap()
        };
        while passive().await.0 == 0 {
            tokio::task::yield_now().await;
        }
        let mut scrub = Box::pin(file.scrub_within(MINUTE));
        let early = tokio::time::timeout(Duration::from_millis(100), &mut scrub).await;
        assert!(early.is_err(), "it has given up although nobody reads");
        reader.rollback().await.unwrap();
        assert!(scrub.await.unwrap());
        assert!(another.await.unwrap().unwrap());
    }
}
