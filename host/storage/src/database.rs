//! Opening the database, and transactions.
//!
//! SQLite has one writer. So there is one connection that writes, behind a fair queue, and several that
//! read: waiting for a turn is then ours to do, in order, and never SQLite's busy handler, which sleeps and
//! polls. WAL lets readers go on meanwhile; `synchronous=FULL` makes a commit survive the loss of power.

use std::{fmt, fs::OpenOptions, path::PathBuf, str::FromStr, sync::Arc, time::Duration};

use sqlx::{
    ConnectOptions as _,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous},
};

use crate::{StorageError, Tx, checkpoint::Checkpoints};

static SQLITE_MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/sqlite");

/// How many snapshots can be open at once; each has a thread of its own.
const READERS: u32 = 4;

/// How long one who waits for a connection or for a lock waits before it is told `Busy`.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// A file of SQLite, made when it is missing.
    Sqlite(PathBuf),
}

impl DatabaseUrl {
    /// The SQLite file at this path.
    pub fn sqlite(path: impl Into<PathBuf>) -> Self {
        Self::Sqlite(path.into())
    }
}

impl FromStr for DatabaseUrl {
    type Err = StorageError;

    /// `sqlite:` and a path, relative or absolute; `sqlite://` is taken too.
    fn from_str(text: &str) -> Result<Self, StorageError> {
        let path = text.strip_prefix("sqlite:").map(|rest| rest.strip_prefix("//").unwrap_or(rest));
        match path {
            // Each connection would have a memory of its own, so this could never work.
            Some(path) if !path.is_empty() && !path.starts_with(':') => Ok(Self::sqlite(path)),
            _ => Err(StorageError::InvalidUrl(text.to_owned())),
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
        }
    }
}

/// An open database. Clones share it.
#[derive(Debug, Clone)]
pub struct Database {
    connections: Connections,
}

#[derive(Debug, Clone)]
enum Connections {
    Sqlite {
        writer: SqlitePool,
        readers: SqlitePool,
        beside: SqlitePool,
        /// Ends with the last clone.
        _checkpoints: Arc<Checkpoints>,
    },
}

impl Database {
    /// Opens the database; an SQLite file is made, readable by its owner only, when it is missing.
    ///
    /// # Errors
    /// The file cannot be made or is not a database.
    pub async fn open(url: &DatabaseUrl) -> Result<Self, StorageError> {
        match url {
            DatabaseUrl::Sqlite(path) => {
                create_private(path).map_err(|error| StorageError::Io(Arc::new(error)))?;
                let options = sqlite_options(path);
                let writer = sqlite_pool(1).connect_with(options.clone()).await?;
                let readers = sqlite_pool(READERS).connect_with(options.clone().pragma("query_only", "ON")).await?;
                let beside = sqlite_pool(1).connect_with(options).await?;
                let checkpoints = Arc::new(Checkpoints::start(path, beside.clone(), writer.clone()));
                Ok(Self { connections: Connections::Sqlite { writer, readers, beside, _checkpoints: checkpoints } })
            }
        }
    }

    /// Brings the schema up to date.
    ///
    /// # Errors
    /// A migration fails, or the database was migrated by a newer or a changed version of this program.
    pub async fn migrate(&self) -> Result<(), StorageError> {
        match &self.connections {
            Connections::Sqlite { writer, .. } => SQLITE_MIGRATIONS.run(writer).await,
        }
        .map_err(|error| StorageError::Migration(Arc::new(error)))
    }

    /// Begins a transaction that writes. On SQLite there is one at a time: hold it briefly, and never across
    /// a call to a vendor or a plugin.
    ///
    /// # Errors
    /// `Busy` after ten seconds of waiting for a turn; `Closed`.
    pub async fn begin(&self) -> Result<Tx, StorageError> {
        match &self.connections {
            // IMMEDIATE, because a transaction that reads first and writes later could lose its snapshot.
            Connections::Sqlite { writer, .. } => Ok(Tx::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?)),
        }
    }

    /// Begins a transaction that reads one snapshot; writes in it fail. Drop it when done.
    ///
    /// # Errors
    /// `Busy` after ten seconds of waiting for a connection; `Closed`.
    pub async fn read(&self) -> Result<Tx, StorageError> {
        match &self.connections {
            Connections::Sqlite { readers, .. } => Ok(Tx::Sqlite(readers.begin().await?)),
        }
    }

    /// SQLite's one connection that writes, for whoever brings a transaction of their own.
    pub(crate) fn sqlite_writer(&self) -> Option<&SqlitePool> {
        match &self.connections {
            Connections::Sqlite { writer, .. } => Some(writer),
        }
    }

    /// Waits for open transactions and closes. SQLite's log is folded into its file.
    pub async fn close(&self) {
        match &self.connections {
            Connections::Sqlite { writer, readers, beside, .. } => {
                beside.close().await;
                readers.close().await;
                writer.close().await;
            }
        }
    }
}

/// SQLite gives its log and index files the rights of the database file.
fn create_private(path: &PathBuf) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

fn sqlite_options(path: &PathBuf) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(PATIENCE)
        // The backstop of `checkpoint`: 64 MiB.
        .pragma("wal_autocheckpoint", "16000")
        .pragma("temp_store", "MEMORY")
        // What is deleted is overwritten where that takes no further writes.
        .pragma("secure_delete", "FAST")
        // Formatting a log line per statement costs more than many of the statements.
        .disable_statement_logging()
}

fn sqlite_pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(PATIENCE)
        .idle_timeout(None)
        .max_lifetime(None)
        // A ping is a trip to the connection's thread, and a file does not hang up.
        .test_before_acquire(false)
}
