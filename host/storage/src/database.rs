//! Opening the database, and transactions.

use std::time::Duration;

use sqlx::SqlitePool;

use crate::{
    Changes, DatabaseUrl, Published, StorageError, Tx,
    changes::Feed,
    migration::{self, MigrationStatus},
    postgres::Server,
    sqlite::File,
};

/// How long one who waits for a connection or for a lock waits before it is told `Busy`.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// An open database. Clones share it.
#[derive(Debug, Clone)]
pub struct Database {
    store: Store,
    feed: Feed,
}

#[derive(Debug, Clone)]
pub(crate) enum Store {
    Sqlite(Box<File>),
    Postgres(Server),
}

impl Database {
    /// Opens the database. An SQLite file is made, readable by its owner only, when it is missing. A PostgreSQL
    /// database must be there; the roles that the hub steps down to are made when they are missing.
    ///
    /// # Errors
    /// The file cannot be made or is not a database; `Unreachable` if the server does not answer in ten seconds;
    /// `Unsafe` if its roles cannot be made, or if it would not keep orgs apart.
    pub async fn open(url: &DatabaseUrl) -> Result<Self, StorageError> {
        let store = match url {
            DatabaseUrl::Sqlite(path) => Store::Sqlite(Box::new(File::open(path).await?)),
            DatabaseUrl::Postgres(url) => Store::Postgres(Server::open(url).await?),
        };
        Ok(Self::of(store))
    }

    /// On a server that was opened in another way than the usual one.
    #[cfg(test)]
    pub(crate) fn on(server: Server) -> Self {
        Self::of(Store::Postgres(server))
    }

    fn of(store: Store) -> Self {
        let server = match &store {
            Store::Sqlite(_) => None,
            Store::Postgres(server) => Some(server.clone()),
        };
        Self { store, feed: Feed::new(server) }
    }

    /// Brings the schema up to date. On PostgreSQL a user that may not make tables only looks if it is.
    ///
    /// # Errors
    /// A migration fails, or the database was migrated by a newer or a changed version of this program; `Unsafe` if
    /// it would not keep orgs apart afterwards, or needs migrations that its user may not make.
    pub async fn migrate(&self) -> Result<(), StorageError> {
        migration::run(&self.store).await
    }

    /// Which migrations were made and which are missing. Changes nothing.
    ///
    /// # Errors
    /// The database fails.
    pub async fn migration_status(&self) -> Result<Vec<MigrationStatus>, StorageError> {
        migration::status(&self.store).await
    }

    /// Begins a transaction that writes. On SQLite there is one at a time: hold it briefly, and never across
    /// a call to a vendor or a plugin. On PostgreSQL each statement sees what others have committed before it, and
    /// the server is first asked with the first statement.
    ///
    /// # Errors
    /// `Busy` after ten seconds of waiting for a turn; `Closed`.
    pub async fn begin(&self) -> Result<Tx, StorageError> {
        match &self.store {
            Store::Sqlite(file) => file.begin(self.feed.clone()).await.map(Tx::Sqlite),
            Store::Postgres(server) => Ok(Tx::Postgres(server.begin().telling(self.feed.clone()))),
        }
    }

    /// As [`Database::begin`], for who can do without: neither a turn nor any answer of the server is waited for longer than
    /// this.
    ///
    /// # Errors
    /// `Busy` or `Unreachable` once that is over; `Closed`.
    pub async fn begin_within(&self, within: Duration) -> Result<Tx, StorageError> {
        match &self.store {
            Store::Sqlite(file) => soon(within, file.begin(self.feed.clone())).await.map(Tx::Sqlite),
            Store::Postgres(server) => Ok(Tx::Postgres(server.begin().telling(self.feed.clone()).within(within))),
        }
    }

    /// As [`Database::begin`], for the journal, which waits behind nobody on PostgreSQL. `lock`: how long it waits there
    /// for what another transaction holds, if not for ten seconds.
    pub(crate) async fn begin_batch(&self, lock: Option<Duration>) -> Result<Tx, StorageError> {
        match &self.store {
            Store::Sqlite(_) => self.begin().await,
            Store::Postgres(server) => Ok(Tx::Postgres(server.begin_batch(lock).telling(self.feed.clone()))),
        }
    }

    /// Begins a transaction that reads one snapshot; writes in it fail. Drop it when done.
    ///
    /// # Errors
    /// `Busy` after ten seconds of waiting for a connection; `Closed`.
    pub async fn read(&self) -> Result<Tx, StorageError> {
        match &self.store {
            Store::Sqlite(file) => file.read(self.feed.clone()).await.map(Tx::Sqlite),
            Store::Postgres(server) => Ok(Tx::Postgres(server.read())),
        }
    }

    /// As [`Database::read`], for who can do without: neither a connection nor any answer of the server is waited for longer
    /// than this.
    ///
    /// # Errors
    /// `Busy` or `Unreachable` once that is over; `Closed`.
    pub async fn read_within(&self, within: Duration) -> Result<Tx, StorageError> {
        match &self.store {
            Store::Sqlite(file) => soon(within, file.read(self.feed.clone())).await.map(Tx::Sqlite),
            Store::Postgres(server) => Ok(Tx::Postgres(server.read().within(within))),
        }
    }

    /// What changes from now on, as told with [`crate::HubTx::notify`] by this hub and by all others on the database.
    /// On PostgreSQL the first notice is [`crate::Notice::Resync`], once the server has taken the subscription. Must
    /// be called within a tokio runtime.
    #[must_use]
    pub fn changes(&self) -> Changes {
        self.feed.subscribe()
    }

    /// Which orgs have new events from now on, published by this hub or by another one on the database. A hub on
    /// another machine is heard of some milliseconds later, or not at all if it ends between its commit and telling of
    /// it: look every second or so as well. Must be called within a tokio runtime.
    #[must_use]
    pub fn published(&self) -> Published {
        self.feed.follow()
    }

    /// True if other hubs may be at work on it at the same time: PostgreSQL.
    #[must_use]
    pub const fn is_shared(&self) -> bool {
        matches!(self.store, Store::Postgres(_))
    }

    /// Cuts SQLite's log to nothing, so that what was destroyed is not in it either. False if somebody still reads from it,
    /// and on PostgreSQL, where former rows stay until its vacuum, and longer in its own log and in backups.
    ///
    /// # Errors
    /// The database fails.
    pub async fn scrub(&self) -> Result<bool, StorageError> {
        match &self.store {
            Store::Sqlite(file) => file.scrub().await,
            Store::Postgres(_) => Ok(false),
        }
    }

    /// SQLite's one connection that writes, for whoever brings a transaction of their own.
    pub(crate) fn sqlite_writer(&self) -> Option<&SqlitePool> {
        match &self.store {
            Store::Sqlite(file) => Some(&file.writer),
            Store::Postgres(_) => None,
        }
    }

    /// Waits for open transactions and closes. SQLite's log is folded into its file.
    pub async fn close(&self) {
        self.feed.close();
        match &self.store {
            Store::Sqlite(file) => file.close().await,
            Store::Postgres(server) => server.close().await,
        }
    }
}

/// What is begun, or that it was not in time.
async fn soon<T>(
    within: Duration,
    beginning: impl Future<Output = Result<T, StorageError>>,
) -> Result<T, StorageError> {
    tokio::time::timeout(within, beginning).await.unwrap_or(Err(StorageError::Busy))
}
