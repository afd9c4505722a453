//! A database that stands still, as a hub sees it.

use patchbay_storage::{Database, Tx};
use patchbay_test_postgres::Paused;

use super::TestHub;

/// A hub's database, which takes no commits until this is dropped. On PostgreSQL nothing at all is answered.
pub struct Standstill(State);

enum State {
    /// Somebody else writes, and does not come to an end.
    Sqlite(Box<Tx>, Database),
    Postgres(Paused),
}

impl TestHub {
    /// Brings its database to a standstill. On PostgreSQL the hub was set up with [`super::Setup::alone`].
    ///
    /// # Panics
    /// If the database takes no writes already.
    pub async fn stop_database(&self) -> Standstill {
        if let Some(postgres) = self.postgres() {
            return Standstill(State::Postgres(postgres.pause()));
        }
        let database = self.database().await;
        let mut tx = database.begin().await.expect("nobody else writes for long");
        // the lock is there once something was asked
        tx.hub().orgs(None, 1).await.expect("the database answers");
        Standstill(State::Sqlite(Box::new(tx), database))
    }
}

impl Standstill {
    /// Lets it go on.
    pub async fn end(self) {
        match self.0 {
            State::Sqlite(tx, database) => {
                (*tx).rollback().await;
                database.close().await;
            }
            State::Postgres(paused) => drop(paused),
        }
    }
}
