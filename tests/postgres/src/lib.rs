//! A PostgreSQL of the tests' own: one server per test process, and a database per test.
//!
//! Nothing has to be set up. The server's programs are taken from the system; where there are none, tests that need
//! them are skipped and say so, unless `CI` is set: there they fail. A server is private (a socket in a folder that is
//! its owner's alone), and gone when the test process is, however that ends.
//!
//! A database belongs to a role that is no superuser and may make roles, as an operator would set it up: as a superuser
//! one would never see row-level security work.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a library for tests only: a broken harness must stop the test at once"
)]

mod binaries;
mod cluster;
mod pause;

use std::{
    io::Write as _,
    path::PathBuf,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use cluster::{Cluster, Keeps};
pub use pause::Paused;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, postgres::PgConnectOptions};

/// Owns the tests' databases, and logs in without a password.
pub const OWNER: &str = "patchbay_owner";

/// The folder of PostgreSQL's programs; of several, the first in `PATH`, else the newest.
///
/// # Errors
/// There is none; says what to install.
pub fn binaries() -> Result<PathBuf, &'static str> {
    binaries::find().ok_or(binaries::MISSING)
}

/// An empty database, dropped with this.
#[derive(Debug)]
pub struct TestDatabase {
    cluster: Arc<Cluster>,
    name: String,
}

/// A new database, or nothing if this system has no PostgreSQL.
///
/// # Panics
/// If there is none and `CI` is set, or if it does not start.
pub async fn database() -> Option<TestDatabase> {
    Some(make(shared()?).await)
}

/// The variable that names the database of tests that run on either: `sqlite`, which it is if nothing is said, or
/// `postgres`.
const CHOICE: &str = "PATCHBAY_TEST_DATABASE";

/// True if tests that run on either database shall run on PostgreSQL.
///
/// # Panics
/// If the variable names another database.
#[must_use]
pub fn is_chosen() -> bool {
    match std::env::var(CHOICE).as_deref() {
        Ok("postgres") => true,
        Ok("sqlite" | "") | Err(_) => false,
        Ok(other) => panic!("{CHOICE} is {other:?}, and can be sqlite or postgres"),
    }
}

/// A new database for a test that runs on either; nothing if that shall be SQLite.
///
/// # Panics
/// As [`database`], and if there is no PostgreSQL where one was asked for.
pub async fn chosen() -> Option<TestDatabase> {
    if !is_chosen() {
        return None;
    }
    Some(database().await.expect("this test was asked to run on PostgreSQL, and there is none"))
}

/// True if tests on PostgreSQL can run; says so if they are skipped.
///
/// # Panics
/// As [`database`].
#[must_use]
pub fn is_here() -> bool {
    shared().is_some()
}

fn shared() -> Option<Arc<Cluster>> {
    static SHARED: OnceLock<Option<Arc<Cluster>>> = OnceLock::new();
    SHARED.get_or_init(|| start(Keeps::Nothing).map(Arc::new)).clone()
}

/// As [`database`], on a server of its own: for tests that change roles, which all databases of a server share.
///
/// # Panics
/// As [`database`].
pub async fn database_alone() -> Option<TestDatabase> {
    Some(make(Arc::new(start(Keeps::Nothing)?)).await)
}

/// As [`database_alone`], with the settings that PostgreSQL has when it is installed, so that a commit is on the disk:
/// for measurements.
///
/// # Panics
/// As [`database`].
pub async fn database_that_keeps() -> Option<TestDatabase> {
    Some(make(Arc::new(start(Keeps::Commits)?)).await)
}

async fn make(cluster: Arc<Cluster>) -> TestDatabase {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let create = format!("CREATE DATABASE {name} OWNER {OWNER} TEMPLATE template0");
    execute(&cluster.options("postgres", "postgres"), &create).await;
    TestDatabase { cluster, name }
}

fn start(keeps: Keeps) -> Option<Cluster> {
    match binaries::find() {
        Some(binaries) => Some(Cluster::start(&binaries, keeps)),
        None if std::env::var_os("CI").is_some_and(|value| !value.is_empty()) => panic!("{}", binaries::MISSING),
        None => {
            // Not by a macro, whose text is shown for failed tests only.
            let _ = writeln!(std::io::stderr(), "SKIPPED: {}", binaries::MISSING);
            None
        }
    }
}

/// Waits until somebody waits for what this connection's transaction holds. Asked of the locks: who is connected, the
/// server reads once in a transaction.
///
/// # Panics
/// If the server refuses.
pub async fn somebody_waits(holder: &mut PgConnection) {
    let sql =
        "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))";
    until(holder, sql).await;
}

async fn until(connection: &mut PgConnection, sql: &'static str) {
    loop {
        let (is_so,): (bool,) = sqlx::query_as(sql).fetch_one(&mut *connection).await.expect("the server's locks");
        if is_so {
            return;
        }
        tokio::task::yield_now().await;
    }
}

impl TestDatabase {
    /// The URL of its owner, as the hub takes it.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of(OWNER)
    }

    /// The URL of another user.
    #[must_use]
    pub fn url_of(&self, user: &str) -> String {
        format!("postgres://{user}@localhost/{}?host={}", self.name, self.cluster.folder().display())
    }

    /// A connection of a user: `postgres` is the superuser.
    ///
    /// # Panics
    /// If the server refuses it.
    pub async fn connect(&self, user: &str) -> PgConnection {
        let connected = self.cluster.options(user, &self.name).connect().await;
        connected.unwrap_or_else(|error| panic!("cannot connect to {} as {user}: {error}", self.name))
    }

    /// Runs statements as the superuser.
    ///
    /// # Panics
    /// If the server refuses.
    pub async fn execute(&self, sql: &str) {
        execute(&self.cluster.options("postgres", &self.name), sql).await;
    }

    /// The number that a query of the superuser gives.
    ///
    /// # Panics
    /// If the server refuses, or it gives anything else.
    pub async fn number(&self, sql: &'static str) -> i64 {
        let mut superuser = self.connect("postgres").await;
        let found = sqlx::query_as(sql).fetch_one(&mut superuser).await;
        let (number,): (i64,) = found.unwrap_or_else(|error| panic!("{sql}: {error}"));
        number
    }

    /// What is in each table, past all policies: rows as text, bytes in hexadecimal.
    ///
    /// # Panics
    /// If the server refuses.
    pub async fn dump(&self) -> Vec<(String, String)> {
        let mut superuser = self.connect("postgres").await;
        let tables: Vec<(String,)> = sqlx::query_as(
            "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace",
        )
        .fetch_all(&mut superuser)
        .await
        .expect("the catalogue");
        let mut dump = Vec::with_capacity(tables.len());
        for (table,) in tables {
            let sql = format!("SELECT coalesce(string_agg(t::text, chr(10)), '') FROM {table} t");
            let rows = sqlx::query_as(AssertSqlSafe(sql)).fetch_one(&mut superuser).await;
            let (rows,): (String,) = rows.unwrap_or_else(|error| panic!("{table}: {error}"));
            dump.push((table, rows));
        }
        dump
    }

    /// Waits until somebody waits for a lock in it: where the transaction that holds it is the code's under test, and cannot be
    /// asked.
    ///
    /// # Panics
    /// If the server refuses.
    pub async fn somebody_waits(&self) {
        let mut superuser = self.connect("postgres").await;
        // A row that another transaction has written is waited for by that transaction's number, which is of no database; whoever
        // waits has a lock on the table too.
        let sql = "SELECT EXISTS (
                     SELECT FROM pg_locks waiting JOIN pg_locks have USING (pid)
                     WHERE NOT waiting.granted
                       AND have.database = (SELECT oid FROM pg_database WHERE datname = current_database()))";
        until(&mut superuser, sql).await;
    }

    /// Ends everybody's connections to it, as a server that is restarted does.
    ///
    /// # Panics
    /// If the server refuses.
    pub async fn end_connections(&self) {
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";
        self.execute(sql).await;
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let options = self.cluster.options("postgres", "postgres");
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // On a thread of its own, because the test's runtime may be ending.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(execute(&options, &drop));
        });
        // A test that failed should say why, and not that its database could not be dropped.
        let _ = dropped.join();
    }
}

async fn execute(options: &PgConnectOptions, sql: &str) {
    let mut connection = options.connect().await.expect("the tests' PostgreSQL answers");
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let _ = connection.close().await;
}
