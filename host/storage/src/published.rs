//! Which orgs have new events: for those who follow an org's events and would otherwise have to ask again and again.
//!
//! Heard at once from this process, after the commit. Other hubs on the database are told by `NOTIFY`, in a transaction
//! of its own that follows the commit and takes all orgs along that have come together meanwhile. Rejected: in the
//! transaction that publishes. Committing a transaction that notifies takes a lock of the whole server, which is held over
//! its fsync: two hubs would commit their batches one after the other. A hub that is killed between the two tells
//! nobody, so whoever follows looks now and then by himself too.
//!
//! Not a [`crate::Change`]: who is too slow for those forgets all that it cached, and there are a thousand times more
//! events than changes.

use std::{
    collections::BTreeSet,
    mem,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use patchbay_model::OrgId;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{
        Notify,
        broadcast::{self, error::RecvError},
    },
    time::{sleep, timeout},
};

use crate::{database::PATIENCE, postgres::Server};

/// The channel of these notices.
pub(crate) const CHANNEL: &str = "patchbay_published";

/// Orgs in one notice: PostgreSQL takes up to 8,000 bytes.
const ORGS: usize = 150;

/// Between two notices, for others to come together.
const PAUSE: Duration = Duration::from_millis(5);

/// Of whom there are new events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fresh {
    /// Of this org, published in this process.
    Here(OrgId),
    /// Of this org, published by another hub.
    Elsewhere(OrgId),
    /// Of any: something may have been missed.
    Any,
}

/// The notices from when it was made on; see [`crate::Database::published`].
#[derive(Debug)]
pub struct Published(broadcast::Receiver<Fresh>);

impl Published {
    pub(crate) fn new(sender: &broadcast::Sender<Fresh>) -> Self {
        Self(sender.subscribe())
    }

    /// Waits for the next one. Nothing when the database was closed. Safe to cancel.
    pub async fn next(&mut self) -> Option<Fresh> {
        match self.0.recv().await {
            Ok(fresh) => Some(fresh),
            Err(RecvError::Lagged(_)) => Some(Fresh::Any),
            Err(RecvError::Closed) => None,
        }
    }
}

/// What is sent over PostgreSQL.
#[derive(Debug, Serialize, Deserialize)]
struct Said {
    /// The hub that says it, as [`Server::teller`] calls it.
    by: u64,
    orgs: Vec<OrgId>,
}

/// What other hubs are still to be told.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    orgs: Mutex<BTreeSet<OrgId>>,
    more: Notify,
}

impl Outgoing {
    pub(crate) fn add(&self, orgs: BTreeSet<OrgId>) {
        self.orgs.lock().unwrap_or_else(PoisonError::into_inner).extend(orgs);
        self.more.notify_one();
    }

    fn take(&self) -> Vec<OrgId> {
        mem::take(&mut *self.orgs.lock().unwrap_or_else(PoisonError::into_inner)).into_iter().collect()
    }
}

/// Tells until it is aborted. What cannot be told is found by those who look.
pub(crate) async fn tell(server: Server, outgoing: Arc<Outgoing>) {
    loop {
        outgoing.more.notified().await;
        for orgs in outgoing.take().chunks(ORGS) {
            let said = Said { by: server.teller(), orgs: orgs.to_vec() };
            let Ok(said) = serde_json::to_string(&said) else { continue };
            let telling = sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(said).execute(server.pool());
            match timeout(PATIENCE, telling).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => tracing::debug!(%error, "other hubs were not told of new events"),
                Err(_) => tracing::debug!("other hubs were not told of new events: the server does not answer"),
            }
        }
        sleep(PAUSE).await;
    }
}

/// Passes on what another hub says.
pub(crate) fn heard(payload: &str, us: u64, sender: &broadcast::Sender<Fresh>) {
    match serde_json::from_str(payload) {
        // that was heard at once
        Ok(Said { by, .. }) if by == us => {}
        Ok(Said { orgs, .. }) => {
            for org in orgs {
                // An error means that nobody listens.
                let _ = sender.send(Fresh::Elsewhere(org));
            }
        }
        // said by a newer hub
        Err(_) => {
            let _ = sender.send(Fresh::Any);
        }
    }
}
