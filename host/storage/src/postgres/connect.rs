//! Opening PostgreSQL.

use sqlx::{
    ConnectOptions as _, PgConnection, PgPool, Row as _,
    postgres::{PgConnectOptions, PgPoolOptions},
    raw_sql,
};
use tokio::time::timeout;

use super::{PgTx, roles};
use crate::{StorageError, database::PATIENCE, url::PostgresUrl};

/// The oldest server that is supported, as the server itself says it.
const OLDEST: u32 = 140_000;

/// What each serving connection does first. The search path is spelled out before the user changes, because
/// `"$user"` in it would become another schema. Waiting for a lock is bounded; so is a transaction that its hub forgot
/// or was stopped in, which would keep locks.
const STEP_DOWN: &str = "
    SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);
    SET ROLE patchbay_app;
    SET lock_timeout = '10s';
    SET statement_timeout = '60s';
    SET idle_in_transaction_session_timeout = '60s'";

/// An open database of a server. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    url: PostgresUrl,
    pool: PgPool,
}

impl Server {
    /// Opens the database, makes the roles if they are missing, and checks that what is there keeps orgs apart.
    pub(crate) async fn open(url: &PostgresUrl) -> Result<Self, StorageError> {
        let options = url.options()?;
        let mut login = connect(&options).await?;
        check_server(&mut login).await?;
        roles::ensure(&mut login).await?;
        drop(login);
        let pool = PgPoolOptions::new()
            .max_connections(url.connections())
            .acquire_timeout(PATIENCE)
            // Beginning a transaction tells as well if the connection still is one: see PgTx.
            .test_before_acquire(false)
            .after_connect(|connection, _| {
                Box::pin(async move { raw_sql(STEP_DOWN).execute(connection).await.map(drop) })
            })
            .connect_lazy_with(options);
        let server = Self { url: url.clone(), pool };
        server.check().await?;
        Ok(server)
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
        crate::rls::check(&mut connection).await
    }

    pub(crate) async fn prepare(&self) -> Result<(), StorageError> {
        roles::ensure(&mut self.login().await?).await
    }

    pub(crate) fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Begins with the first statement, because only then it is known for whom.
    pub(crate) fn begin(&self) -> PgTx {
        PgTx::new(self.pool.clone(), "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
    }

    pub(crate) fn read(&self) -> PgTx {
        PgTx::new(self.pool.clone(), "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}

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
