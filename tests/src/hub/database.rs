//! Which database a test's hub is on.
//!
//! A test says so around its body ([`on_sqlite`], [`on_postgres`]), so that the same body runs on both. Every other test
//! is on what `PATCHBAY_TEST_DATABASE` names, `sqlite` or `postgres`: the whole suite can be run on either.

use std::sync::Arc;

use patchbay_test_postgres::TestDatabase;

tokio::task_local! {
    static POSTGRES: bool;
}

/// Runs a test whose hubs are on SQLite.
pub async fn on_sqlite(test: impl Future<Output = ()>) {
    POSTGRES.scope(false, test).await;
}

/// Runs a test whose hubs are on PostgreSQL, each on a database of its own; skips it, and says so, where there is none.
pub async fn on_postgres(test: impl Future<Output = ()>) {
    if patchbay_test_postgres::is_here() {
        POSTGRES.scope(true, test).await;
    }
}

/// A new database for a hub; none: a file of SQLite. `alone`: on a server of its own.
pub(super) async fn chosen(alone: bool) -> Option<Arc<TestDatabase>> {
    let postgres = POSTGRES.try_with(|postgres| *postgres);
    if !postgres.unwrap_or_else(|_| patchbay_test_postgres::is_chosen()) {
        return None;
    }
    let database = match alone {
        true => patchbay_test_postgres::database_alone().await,
        false => patchbay_test_postgres::database().await,
    };
    Some(Arc::new(database.expect("this test was asked to run on PostgreSQL, and there is none")))
}
