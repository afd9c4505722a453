//! A transaction on PostgreSQL, which speaks for one org at a time.
//!
//! Begun with its first statement, so that beginning and saying for whom are one trip to the server. The setting
//! and the role are the transaction's own (`SET LOCAL`), so that no connection takes them along into the pool.
//!
//! Not sqlx's own `Transaction`: one whose beginning fails half-way or is cancelled goes back into the pool as it is,
//! still open on the server. Here a connection of which that is not known for sure is closed.

use patchbay_model::OrgId;
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Postgres, SqlSafeStr, pool::PoolConnection, raw_sql};

use crate::StorageError;

/// For whom statements speak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scope {
    /// For nobody: no row of any org is there.
    Nobody,
    /// For one org.
    Org(OrgId),
    /// For one org, as its operator.
    Operator(OrgId),
    /// For the hub: what concerns all orgs.
    Hub,
    /// For the journal, and with it for these orgs.
    Journal(Vec<OrgId>),
}

impl Scope {
    /// Ids are hexadecimal digits and hyphens, so nothing of this has to be quoted.
    fn sql(&self) -> String {
        match self {
            Self::Nobody => "SET LOCAL ROLE patchbay_app; SET LOCAL app.org_id TO ''".to_owned(),
            Self::Org(org) => format!("SET LOCAL ROLE patchbay_app; SET LOCAL app.org_id TO '{}'", org.0),
            Self::Operator(org) => {
                format!("SET LOCAL ROLE patchbay_operator; SET LOCAL app.org_id TO '{}'", org.0)
            }
            Self::Hub => "SET LOCAL ROLE patchbay_hub; SET LOCAL app.org_id TO ''".to_owned(),
            Self::Journal(orgs) => {
                let orgs: Vec<String> = orgs.iter().map(|org| org.0.to_string()).collect();
                let orgs = orgs.join(",");
                format!(
                    "SET LOCAL ROLE patchbay_journal; SET LOCAL app.org_id TO ''; SET LOCAL app.org_ids TO '{{{orgs}}}'"
                )
            }
        }
    }
}

impl Scope {
    /// What it means that the server did not take this scope.
    fn refused(&self, error: StorageError) -> StorageError {
        match (self, error) {
            (Self::Operator(_), StorageError::Postgres { code, .. }) if code == "42501" => StorageError::NotOperator,
            (_, other) => other,
        }
    }
}

/// A transaction on PostgreSQL.
#[derive(Debug)]
pub struct PgTx {
    pool: PgPool,
    begin: &'static str,
    /// Once it has begun.
    connection: Option<PoolConnection<Postgres>>,
    wanted: Scope,
    /// What the server was told.
    present: Scope,
    /// The first failure. The server takes nothing more in a transaction after one, and calls its commit a success.
    failed: Option<StorageError>,
}

impl PgTx {
    pub(super) fn new(pool: PgPool, begin: &'static str) -> Self {
        let (wanted, present) = (Scope::Nobody, Scope::Nobody);
        Self { pool, begin, connection: None, wanted, present, failed: None }
    }

    pub(crate) fn speak_for(&mut self, scope: Scope) {
        self.wanted = scope;
    }

    /// The connection, begun and speaking for whom it should.
    pub(crate) async fn connection(&mut self) -> Result<&mut PgConnection, StorageError> {
        match &mut self.connection {
            None => {
                let begun = self.begin().await.map_err(|error| self.wanted.refused(error))?;
                self.connection = Some(begun);
                self.present = self.wanted.clone();
            }
            Some(connection) if self.present != self.wanted => {
                let told = raw_sql(AssertSqlSafe(self.wanted.sql())).execute(&mut **connection).await.map(drop);
                let told = self.note(told);
                told.map_err(|error| self.wanted.refused(error))?;
                self.present = self.wanted.clone();
            }
            Some(_) => {}
        }
        self.connection.as_deref_mut().ok_or(StorageError::Closed)
    }

    async fn begin(&self) -> Result<PoolConnection<Postgres>, StorageError> {
        let sql = AssertSqlSafe(format!("{}; {}", self.begin, self.wanted.sql())).into_sql_str();
        let mut tries = self.pool.options().get_max_connections();
        loop {
            match Unsettled::new(self.pool.acquire().await?).run(sql.clone()).await {
                // The server was restarted or hung up while the connection lay in the pool, and so may others
                // there. Nothing was done yet, so another one is tried, a new one in the end.
                Err(StorageError::Unreachable(_)) if tries > 0 => tries -= 1,
                end => return end,
            }
        }
    }

    /// Keeps in mind that a statement failed.
    pub(crate) fn note<T>(&mut self, end: Result<T, sqlx::Error>) -> Result<T, StorageError> {
        end.map_err(|error| {
            let error = StorageError::from(error);
            self.failed.get_or_insert_with(|| error.clone());
            error
        })
    }

    pub(crate) async fn lock(&mut self, org: OrgId) -> Result<(), StorageError> {
        let connection = self.connection().await?;
        let locked = sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('patchbay org ' || $1, 0))")
            .bind(org.0.to_string())
            .execute(connection)
            .await;
        self.note(locked).map(drop)
    }

    pub(crate) async fn commit(mut self) -> Result<(), StorageError> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        if let Some(connection) = self.connection.take() {
            Unsettled::new(connection).run("COMMIT").await?;
        }
        Ok(())
    }
}

impl Drop for PgTx {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            let rollback = Unsettled::new(connection).run("ROLLBACK");
            // Whoever drops a transaction does not wait; the pool does, for the connection.
            tokio::spawn(async move { rollback.await.map(drop) });
        }
    }
}

/// A connection of which nobody knows if a transaction is open on it: closed, unless what was to settle it is done.
struct Unsettled(Option<PoolConnection<Postgres>>);

impl Unsettled {
    fn new(connection: PoolConnection<Postgres>) -> Self {
        Self(Some(connection))
    }

    async fn run(mut self, sql: impl SqlSafeStr + Send) -> Result<PoolConnection<Postgres>, StorageError> {
        if let Some(connection) = &mut self.0 {
            raw_sql(sql).execute(&mut **connection).await?;
        }
        self.0.take().ok_or(StorageError::Closed)
    }
}

impl Drop for Unsettled {
    fn drop(&mut self) {
        if let Some(connection) = &mut self.0 {
            connection.close_on_drop();
        }
    }
}
