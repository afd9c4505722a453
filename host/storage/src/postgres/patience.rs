//! How long what can wait is waited for.
//!
//! The server bounds what it does: a statement, waiting for a lock. A server whose machine is gone, or a network that
//! swallows everything, bounds nothing, and says nothing either: the kernel gives a connection up after a quarter of an
//! hour. So each answer is waited for here as well, a little longer than a server that is there would take.

use std::{io, time::Duration};

use tokio::time::timeout;

use crate::database::PATIENCE;

/// Its parts. Shorter in tests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// For an answer to what the server does at once: beginning a transaction, rolling it back.
    pub(crate) answer: Duration,
    /// For an answer to anything else.
    pub(crate) statement: Duration,
    /// How long the server lets a statement wait for a lock.
    pub(crate) lock: Duration,
    /// How long it leaves a transaction open in which nothing happens.
    pub(crate) idle: Duration,
    /// The same for the journal's: other hubs wait for what its batches hold, and in one of them nothing but the
    /// database is waited for.
    pub(crate) idle_in_batch: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            answer: PATIENCE,
            // The server itself ends one after 60 s.
            statement: Duration::from_secs(65),
            lock: PATIENCE,
            idle: Duration::from_secs(60),
            idle_in_batch: Duration::from_secs(5),
        }
    }
}

/// What the server answers, or that it did not in time. The connection is of no use then: the answer may still come.
pub(crate) async fn answered<T>(
    within: Duration,
    asking: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    match timeout(within, asking).await {
        Ok(answer) => answer,
        Err(_) => Err(late()),
    }
}

/// What is said of a server that did not answer in time.
pub(crate) fn late() -> sqlx::Error {
    sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, "it did not answer in time"))
}
