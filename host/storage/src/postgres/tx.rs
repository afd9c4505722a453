//! A transaction on PostgreSQL, which speaks for one org at a time.
//!
//! Begun with its first statement, so that beginning and saying for whom are one trip to the server. The setting
//! and the role are the transaction's own (`SET LOCAL`), so that no connection takes them along into the pool.
//!
//! Not sqlx's own `Transaction`: one whose beginning fails half-way or is cancelled goes back into the pool as it is,
//! still open on the server. Here a connection of which that is not known for sure is closed.

use std::{borrow::Cow, collections::BTreeSet, io::ErrorKind, time::Duration};

use patchbay_model::OrgId;
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Postgres, SqlSafeStr, pool::PoolConnection, raw_sql};
use tokio::time::timeout;

use super::{Patience, answered};
use crate::{StorageError, changes::Feed};

/// For whom statements speak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scope {
    /// For nobody: no row of any org is there.
    Nobody,
    /// For one org.
    Org(OrgId),
    /// For one org, as its operator.
    Operator(OrgId),
    /// For one org, with statements that read many rows by their keys.
    Several(OrgId),
    /// An org whose rows are walked in the order of their keys.
    InOrder(OrgId),
    /// For the hub: what concerns all orgs.
    Hub,
    /// For the hub, with statements that find many rows by their keys.
    HubBulk,
    /// For the journal, and with it for these orgs.
    Journal(Vec<OrgId>),
    /// As the journal, with what became of jobs among it.
    Steps(Vec<OrgId>),
    /// As the journal, with statements that find many rows by their keys.
    Bulk(Vec<OrgId>),
}

/// What looks rows up by key does so by index, however few there are: the server keeps plans, and one that it made when a
/// queue was empty would read all of it, again and again, until it has counted anew. And in their order, not as a set of rows that
/// is sorted then.
const BY_INDEX: &str = "SET LOCAL enable_seqscan TO off; SET LOCAL enable_bitmapscan TO off";

/// The same where rows are looked up by keys that come with the statement: one after the other.
const BY_KEYS: &str = "SET LOCAL enable_seqscan TO off; SET LOCAL enable_bitmapscan TO off; SET LOCAL enable_hashjoin TO off; \
     SET LOCAL enable_mergejoin TO off";

/// The plan is made for what there is now. One that the server keeps may be of when a queue was empty: it would read all of the
/// queue for each row that is named, until statistics come, a minute later. Making one costs a fraction of a millisecond.
const AS_OF_NOW: &str = "SET LOCAL plan_cache_mode TO force_custom_plan";

impl Scope {
    /// Ids are hexadecimal digits and hyphens, so nothing of this has to be quoted.
    fn sql(&self) -> String {
        match self {
            Self::Nobody => "SET LOCAL ROLE patchbay_app; SET LOCAL app.org_id TO ''".to_owned(),
            Self::Org(org) => format!("SET LOCAL ROLE patchbay_app; SET LOCAL app.org_id TO '{}'", org.0),
            Self::Several(org) => {
                format!("SET LOCAL ROLE patchbay_app; SET LOCAL app.org_id TO '{}'; {BY_INDEX}; {AS_OF_NOW}", org.0)
            }
            Self::InOrder(org) => {
                let rows = format!("{BY_INDEX}; {AS_OF_NOW}; SET LOCAL enable_sort TO off");
                format!("SET LOCAL ROLE patchbay_app; SET LOCAL app.org_id TO '{}'; {rows}", org.0)
            }
            Self::Operator(org) => {
                format!("SET LOCAL ROLE patchbay_operator; SET LOCAL app.org_id TO '{}'", org.0)
            }
            Self::Hub => format!("SET LOCAL ROLE patchbay_hub; SET LOCAL app.org_id TO ''; {BY_INDEX}"),
            Self::HubBulk => {
                format!("SET LOCAL ROLE patchbay_hub; SET LOCAL app.org_id TO ''; {BY_INDEX}; {AS_OF_NOW}")
            }
            Self::Bulk(orgs) => format!("{}; {AS_OF_NOW}; SET LOCAL enable_seqscan TO off", Self::journal(orgs)),
            Self::Journal(orgs) => format!("{}; {BY_KEYS}", Self::journal(orgs)),
            Self::Steps(orgs) => format!("{}; {BY_KEYS}; {AS_OF_NOW}", Self::journal(orgs)),
        }
    }

    fn journal(orgs: &[OrgId]) -> String {
        let orgs: Vec<String> = orgs.iter().map(|org| org.0.to_string()).collect();
        let orgs = orgs.join(",");
        format!("SET LOCAL ROLE patchbay_journal; SET LOCAL app.org_id TO ''; SET LOCAL app.org_ids TO '{{{orgs}}}'")
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
    begin: Cow<'static, str>,
    patience: Patience,
    /// How long beginning it takes at most, whatever is tried for it; none: as long as that takes.
    within: Option<Duration>,
    teller: u64,
    /// Orgs that have new events once it is committed, and who is told of them.
    published: BTreeSet<OrgId>,
    feed: Option<Feed>,
    /// Once it has begun.
    connection: Option<PoolConnection<Postgres>>,
    wanted: Scope,
    /// What the server was told, if that is known.
    present: Option<Scope>,
    /// The first failure. The server takes nothing more in a transaction after one, and calls its commit a success.
    failed: Option<StorageError>,
}

impl PgTx {
    pub(super) fn new(pool: PgPool, begin: impl Into<Cow<'static, str>>, patience: Patience, teller: u64) -> Self {
        let (begin, wanted) = (begin.into(), Scope::Nobody);
        Self {
            pool,
            begin,
            patience,
            within: None,
            teller,
            published: BTreeSet::new(),
            feed: None,
            connection: None,
            wanted,
            present: None,
            failed: None,
        }
    }

    /// From here on its commit is told to those who follow events.
    pub(crate) fn telling(mut self, feed: Feed) -> Self {
        self.feed = Some(feed);
        self
    }

    /// From here on nothing of it is waited for longer than this.
    pub(crate) fn within(mut self, within: Duration) -> Self {
        let Patience { answer, statement, .. } = self.patience;
        self.patience.answer = answer.min(within);
        self.patience.statement = statement.min(within);
        self.within = Some(within);
        self
    }

    pub(crate) fn published(&mut self, org: OrgId) {
        self.published.insert(org);
    }

    /// How long an answer to a statement is waited for.
    pub(crate) fn patience(&self) -> Duration {
        self.patience.statement
    }

    /// By what name this hub tells others of changes.
    pub(crate) fn teller(&self) -> u64 {
        self.teller
    }

    pub(crate) fn speak_for(&mut self, scope: Scope) {
        self.wanted = scope;
    }

    /// The connection, begun and speaking for whom it should.
    pub(crate) async fn connection(&mut self) -> Result<&mut PgConnection, StorageError> {
        match &mut self.connection {
            None => {
                let begun = match self.within {
                    Some(within) => timeout(within, self.begin()).await.unwrap_or(Err(StorageError::Busy)),
                    None => self.begin().await,
                };
                let begun = begun.map_err(|error| self.wanted.refused(error))?;
                self.connection = Some(begun);
                self.present = Some(self.wanted.clone());
            }
            Some(connection) if self.present.as_ref() != Some(&self.wanted) => {
                // Who is cancelled while he waits does not know what the server has heard.
                self.present = None;
                let telling = raw_sql(AssertSqlSafe(self.wanted.sql())).execute(&mut **connection);
                let told = answered(self.patience.answer, telling).await.map(drop);
                let told = self.note(told);
                told.map_err(|error| self.wanted.refused(error))?;
                self.present = Some(self.wanted.clone());
            }
            Some(_) => {}
        }
        self.connection.as_deref_mut().ok_or(StorageError::Closed)
    }

    async fn begin(&self) -> Result<PoolConnection<Postgres>, StorageError> {
        let sql = AssertSqlSafe(format!("{}; {}", self.begin, self.wanted.sql())).into_sql_str();
        let mut tries = self.pool.options().get_max_connections();
        let mut patience = self.patience.answer;
        loop {
            let begun = Unsettled::new(self.pool.acquire().await?).run(sql.clone(), patience).await;
            match begun.map_err(no_standby) {
                // The server was restarted or hung up while the connection lay in the pool, or is gone without a word,
                // and so may others there. Nothing was done yet, so another one is tried, a new one in the end.
                Err(StorageError::Unreachable(_)) if tries > 0 => {
                    tries -= 1;
                    patience = patience.min(self.patience.answer / 10);
                }
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

    /// The same of one that was understood already.
    pub(crate) fn note_failure<T>(&mut self, end: Result<T, StorageError>) -> Result<T, StorageError> {
        end.inspect_err(|error| {
            self.failed.get_or_insert_with(|| error.clone());
        })
    }

    pub(crate) async fn lock(&mut self, org: OrgId) -> Result<(), StorageError> {
        let within = self.patience.statement;
        let connection = self.connection().await?;
        let locking = sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('patchbay org ' || $1, 0))")
            .bind(org.0.to_string())
            .execute(connection);
        let locked = answered(within, locking).await;
        self.note(locked).map(drop)
    }

    pub(crate) async fn commit(mut self) -> Result<(), StorageError> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        if let Some(connection) = self.connection.take() {
            let connection = Unsettled::new(connection).run("COMMIT", self.patience.statement).await?;
            tokio::spawn(give_back(connection, self.patience.answer));
        }
        if let Some(feed) = self.feed.take() {
            feed.published(std::mem::take(&mut self.published));
        }
        Ok(())
    }

    pub(crate) async fn rollback(mut self) {
        // one that was lost is let go of when this is dropped
        if matches!(self.failed, Some(StorageError::Unreachable(_))) {
            return;
        }
        let Some(connection) = self.connection.take() else { return };
        match Unsettled::new(connection).run("ROLLBACK", self.patience.answer).await {
            Ok(connection) => {
                tokio::spawn(give_back(connection, self.patience.answer));
            }
            Err(error) => tracing::debug!(%error, "a transaction was undone by closing its connection"),
        }
    }
}

impl Drop for PgTx {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            if matches!(self.failed, Some(StorageError::Unreachable(_))) {
                // There is nobody to say it to, and the server rolls back what its client has left.
                drop(connection.detach());
                return;
            }
            let within = self.patience.answer;
            let rollback = Unsettled::new(connection).run("ROLLBACK", within);
            // Whoever drops a transaction does not wait; the pool does, for the connection.
            tokio::spawn(async move {
                if let Ok(connection) = rollback.await {
                    give_back(connection, within).await;
                }
            });
        }
    }
}

/// Puts a connection back into the pool, which asks it first if it still is one, and would wait for the answer for as
/// long as the kernel does: meanwhile its place is taken.
async fn give_back(mut connection: PoolConnection<Postgres>, within: Duration) {
    // Too late, it is closed, and its place free.
    let _ = timeout(within, connection.return_to_pool()).await;
}

/// A standby cannot begin a transaction that writes, and says only that it has no such feature.
fn no_standby(error: StorageError) -> StorageError {
    match error {
        StorageError::Postgres { code, message } if code == "0A000" => StorageError::Unreachable(message),
        other => other,
    }
}

/// A connection of which nobody knows if a transaction is open on it: closed, unless what was to settle it is done.
struct Unsettled(Option<PoolConnection<Postgres>>);

impl Unsettled {
    fn new(connection: PoolConnection<Postgres>) -> Self {
        Self(Some(connection))
    }

    async fn run(
        mut self,
        sql: impl SqlSafeStr + Send,
        within: Duration,
    ) -> Result<PoolConnection<Postgres>, StorageError> {
        if let Some(connection) = &mut self.0
            && let Err(error) = answered(within, raw_sql(sql).execute(&mut **connection)).await
        {
            if matches!(&error, sqlx::Error::Io(io) if io.kind() == ErrorKind::TimedOut)
                && let Some(connection) = self.0.take()
            {
                // Closing it in good order would be one more thing that nobody answers.
                drop(connection.detach());
            }
            return Err(error.into());
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
