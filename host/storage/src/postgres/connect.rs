//! Opening PostgreSQL.

use std::{
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};

use sqlx::{
    AssertSqlSafe, ConnectOptions as _, PgConnection, PgPool, Row as _,
    postgres::{PgConnectOptions, PgPoolOptions},
    raw_sql,
};
use tokio::time::timeout;

use super::{Patience, PgTx, roles};
use crate::{StorageError, database::PATIENCE, url::PostgresUrl};

/// The oldest server that is supported, as the server itself says it.
const OLDEST: u32 = 140_000;

/// Connections for the journal alone: it commits what all calls wait for, and must not wait itself behind those that
/// hold a transaction for long. One batch of runs and one of webhooks at a time, and as many that are being rolled back.
const JOURNAL_CONNECTIONS: u32 = 4;

/// What each serving connection does first. The search path is spelled out before the user changes, because
/// `"$user"` in it would become another schema. Waiting for a lock is bounded; so is a transaction that its hub forgot
/// or was stopped in, which would keep locks. A hub whose machine is gone does not say so: the server finds out by
/// asking its peer, also while it works (which not every system can do).
fn step_down(patience: &Patience, idle: Duration) -> String {
    format!(
        "SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);
         SET ROLE patchbay_app;
         SET lock_timeout = '{}ms';
         SET statement_timeout = '60s';
         SET idle_in_transaction_session_timeout = '{}ms';
         SET tcp_keepalives_idle = 10;
         SET tcp_keepalives_interval = 5;
         SET tcp_keepalives_count = 3;
         SET tcp_user_timeout = '15s';
         DO $$ BEGIN
           PERFORM set_config('client_connection_check_interval', '5s', false);
         EXCEPTION WHEN invalid_parameter_value THEN NULL;
         END $$",
        patience.lock.as_millis(),
        idle.as_millis()
    )
}

/// An open database of a server. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    url: PostgresUrl,
    pool: PgPool,
    journal: PgPool,
    patience: Patience,
    /// Tells what this one says from what others do.
    teller: u64,
}

impl Server {
    /// Opens the database, makes the roles if they are missing, and checks that what is there keeps orgs apart.
    pub(crate) async fn open(url: &PostgresUrl) -> Result<Self, StorageError> {
        Self::open_with(url, Patience::default()).await
    }

    pub(super) async fn open_with(url: &PostgresUrl, patience: Patience) -> Result<Self, StorageError> {
        let options = url.options()?;
        let mut login = connect(&options).await?;
        check_server(&mut login).await?;
        roles::ensure(&mut login).await?;
        drop(login);
        let pool = |connections, idle| {
            let first = step_down(&patience, idle);
            PgPoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(PATIENCE)
                // Beginning a transaction tells as well if the connection still is one: see PgTx.
                .test_before_acquire(false)
                .after_connect(move |connection, _| {
                    let first = AssertSqlSafe(first.clone());
                    Box::pin(async move { raw_sql(first).execute(connection).await.map(drop) })
                })
                .connect_lazy_with(options.clone())
        };
        let server = Self {
            url: url.clone(),
            pool: pool(url.connections(), patience.idle),
            journal: pool(JOURNAL_CONNECTIONS, patience.idle_in_batch),
            patience,
            // Hubs in containers may all have the same process id.
            teller: RandomState::new().hash_one(std::process::id()),
        };
        server.check().await?;
        Ok(server)
    }

    /// What this one is called in what it tells others.
    pub(crate) fn teller(&self) -> u64 {
        self.teller
    }

    /// A connection of the URL's own user, as is needed to migrate and to audit.
    pub(crate) async fn login(&self) -> Result<PgConnection, StorageError> {
        connect(&self.url.options()?).await
    }

    /// The URL's options, for a pool of its own.
    pub(crate) fn options(&self) -> Result<PgConnectOptions, StorageError> {
        self.url.options()
    }

    /// Where the tables are, and that they are kept apart: what has to hold before anything is served.
    pub(crate) async fn check(&self) -> Result<(), StorageError> {
        let mut connection = self.pool.acquire().await?;
        match timeout(self.patience.statement, crate::rls::check(&mut connection)).await {
            Ok(checked) => checked,
            Err(_) => {
                drop(connection.detach());
                Err(StorageError::Unreachable("it did not answer in time".to_owned()))
            }
        }
    }

    pub(crate) fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Begins with the first statement, because only then it is known for whom.
    pub(crate) fn begin(&self) -> PgTx {
        PgTx::new(self.pool.clone(), WRITE, self.patience, self.teller)
    }

    /// As [`Server::begin`], for the journal. `lock`: how long it waits for what another transaction holds.
    pub(crate) fn begin_batch(&self, lock: Option<Duration>) -> PgTx {
        let wait = lock.map(|lock| format!("; SET LOCAL lock_timeout TO '{}ms'", lock.as_millis()));
        let begin = WRITE.to_owned() + &wait.unwrap_or_default();
        PgTx::new(self.journal.clone(), begin, self.patience, self.teller)
    }

    pub(crate) fn read(&self) -> PgTx {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        PgTx::new(self.pool.clone(), begin, self.patience, self.teller)
    }

    pub(crate) async fn close(&self) {
        self.journal.close().await;
        self.pool.close().await;
    }
}

/// Each statement sees what was committed before it.
const WRITE: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";

/// One connection, outside of the pool.
pub(crate) async fn connect(options: &PgConnectOptions) -> Result<PgConnection, StorageError> {
    match timeout(PATIENCE, options.connect()).await {
        Ok(connected) => Ok(connected?),
        Err(_) => Err(StorageError::Unreachable("no answer in 10 seconds".to_owned())),
    }
}

async fn check_server(connection: &mut PgConnection) -> Result<(), StorageError> {
    let row = sqlx::query(
        "SELECT current_setting('server_version_num')::int4, current_setting('server_encoding'), current_schema()",
    )
    .fetch_one(connection)
    .await?;
    let version: i32 = row.try_get(0)?;
    if u32::try_from(version).unwrap_or_default() < OLDEST {
        let major = version / 10_000;
        return Err(StorageError::Unsafe(format!("it is PostgreSQL {major}: use 14 or newer")));
    }
    let encoding: String = row.try_get(1)?;
    if encoding != "UTF8" {
        return Err(StorageError::Unsafe(format!("its encoding is {encoding}: make it with ENCODING 'UTF8'")));
    }
    if row.try_get::<Option<String>, _>(2)?.is_none() {
        return Err(StorageError::Unsafe("no schema of its search_path exists: create it".to_owned()));
    }
    Ok(())
}
