//! The one connection that hears PostgreSQL's notices, for all listeners of this process.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use sqlx::{
    Executor as _,
    postgres::{PgListener, PgPoolOptions},
};
use tokio::time::{sleep, timeout};

use super::{Message, Notice, Senders, Told};
use crate::{Fresh, StorageError, database::PATIENCE, postgres::Server, published};

/// The channel of all notices.
pub(crate) const CHANNEL: &str = "patchbay_changed";

/// After so long without a notice it is asked if the connection still is one: a peer that is gone says nothing.
const QUIET: Duration = Duration::from_secs(30);

/// Listens until it is aborted. Each time that it begins to, everybody is told to start over: what was said before
/// was not heard.
pub(super) async fn run(server: Server, senders: Senders) {
    let waits = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(50))
        .with_max_delay(Duration::from_secs(5))
        .without_max_times()
        .with_jitter();
    let mut wait = waits.build();
    loop {
        match listen(&server).await {
            Ok(mut listener) => {
                wait = waits.build();
                let _ = senders.changes.send(Told { notice: Notice::Resync, by_us: false });
                let _ = senders.published.send(Fresh::Any);
                let error = hear(&mut listener, &senders, server.teller()).await;
                tracing::warn!(%error, "lost the connection that hears of changes by other hubs");
            }
            Err(error) => tracing::warn!(%error, "cannot listen for changes by other hubs"),
        }
        sleep(wait.next().unwrap_or_default()).await;
    }
}

async fn listen(server: &Server) -> Result<PgListener, StorageError> {
    // Of its own: it is held for good, and the pool's connections have stepped down and have time limits.
    let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(PATIENCE).connect_lazy_with(server.options()?);
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.eager_reconnect(false);
    match timeout(PATIENCE, listener.listen_all([CHANNEL, published::CHANNEL])).await {
        Ok(listening) => listening?,
        Err(_) => return Err(StorageError::Unreachable("it did not answer in time".to_owned())),
    }
    Ok(listener)
}

/// Passes on what is said, until the connection is lost.
async fn hear(listener: &mut PgListener, senders: &Senders, us: u64) -> StorageError {
    let lost = || StorageError::Unreachable("the connection was closed".to_owned());
    loop {
        match timeout(QUIET, listener.try_recv()).await {
            Ok(Ok(Some(said))) if said.channel() == published::CHANNEL => {
                published::heard(said.payload(), us, &senders.published);
            }
            Ok(Ok(Some(said))) => {
                // What cannot be read was said by a newer hub, about something that this one may cache as well.
                let told = match serde_json::from_str(said.payload()) {
                    Ok(Message { by, change }) => Told { notice: Notice::Changed(change), by_us: by == us },
                    Err(_) => Told { notice: Notice::Resync, by_us: false },
                };
                let _ = senders.changes.send(told);
            }
            Ok(Ok(None)) => return lost(),
            Ok(Err(error)) => return error.into(),
            Err(_) => match timeout(PATIENCE, listener.execute("SELECT 1")).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return error.into(),
                Err(_) => return lost(),
            },
        }
    }
}
