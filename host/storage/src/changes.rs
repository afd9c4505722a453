//! What changed, for the caches of all hubs on one database.
//!
//! A hub caches what it is asked on each call: keys, settings, packages. A change is told in its own transaction, so
//! that it is heard only if it is true: by `NOTIFY` on PostgreSQL, and from memory on SQLite, which one process has
//! to itself. A notice holds ids and nothing else: PostgreSQL's are outside of row-level security. It says which hub
//! gave it, because that one has nothing left to do.
//!
//! Who listens may miss some: his connection breaks, or he is too slow. He is then told [`Notice::Resync`], and
//! has to forget all that he cached. Rejected: asking for changes at intervals (stale by an interval, and
//! load without end), and a broker.

mod listen;

pub(crate) use listen::CHANNEL;
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use patchbay_model::{ApiKeyId, ConnectionId, Digest, EndpointId, InstallationId, OrgId, PluginId, UserId};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::broadcast::{self, error::RecvError},
    task::AbortHandle,
};

use crate::{
    Fresh, Published,
    postgres::Server,
    published::{self, Outgoing},
};

/// How many notices wait for a slow listener before it is told to start over.
const BACKLOG: usize = 1024;

/// Something that hubs cache, and that was made, changed or deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Change {
    /// An org: made, changed, or about to be deleted.
    Org {
        /// Which.
        org: OrgId,
    },
    /// An API key.
    ApiKey {
        /// Whose.
        org: OrgId,
        /// Which.
        id: ApiKeyId,
    },
    /// A member, or what sessions they have.
    Member {
        /// In which org.
        org: OrgId,
        /// Who.
        user: UserId,
    },
    /// A plugin's settings in an org.
    Installation {
        /// Whose.
        org: OrgId,
        /// Which.
        id: InstallationId,
        /// Of which plugin.
        plugin: PluginId,
    },
    /// An org's credentials for a plugin.
    Connection {
        /// Whose.
        org: OrgId,
        /// Which.
        id: ConnectionId,
        /// Of which plugin.
        plugin: PluginId,
    },
    /// The tokens of a connection, which were renewed: the account, and what may be done in it, are as before.
    Tokens {
        /// Whose.
        org: OrgId,
        /// For which plugin.
        plugin: PluginId,
    },
    /// Documents of a plugin that hubs keep in memory.
    Documents {
        /// Whose.
        org: OrgId,
        /// Of which plugin.
        plugin: PluginId,
    },
    /// An org's data keys: what is kept of the former ones in memory is to be wiped.
    DataKeys {
        /// Whose.
        org: OrgId,
    },
    /// A package.
    PluginVersion {
        /// Of which plugin.
        plugin: PluginId,
        /// Which.
        digest: Digest,
    },
    /// An org's plan, or its budgets.
    Plan {
        /// Whose.
        org: OrgId,
    },
    /// An endpoint: made, changed, switched on or off, or deleted.
    Endpoint {
        /// Whose.
        org: OrgId,
        /// Which.
        id: EndpointId,
    },
    /// An endpoint that another hub sends to has something queued.
    Lane {
        /// Whose.
        org: OrgId,
        /// Which endpoint.
        endpoint: EndpointId,
    },
}

/// What a listener is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// This changed.
    Changed(Change),
    /// Something may have been missed: nothing that was cached before can be relied on.
    Resync,
}

/// A notice, and who gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// What was said.
    pub notice: Notice,
    /// True if it was this very hub: whoever changes something takes care of the caches beside it at once.
    pub by_us: bool,
}

/// The notices from when it was made on; see [`crate::Database::changes`].
#[derive(Debug)]
pub struct Changes(broadcast::Receiver<Told>);

impl Changes {
    /// Waits for the next one, and says who gave it. Nothing when the database was closed. Safe to cancel.
    pub async fn next_told(&mut self) -> Option<Told> {
        match self.0.recv().await {
            Ok(told) => Some(told),
            Err(RecvError::Lagged(_)) => Some(Told { notice: Notice::Resync, by_us: false }),
            Err(RecvError::Closed) => None,
        }
    }
}

/// What is sent over PostgreSQL.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Message {
    /// The hub that says it, as [`Server::teller`] calls it. Not said by people.
    #[serde(default)]
    pub(crate) by: u64,
    #[serde(flatten)]
    pub(crate) change: Change,
}

/// Where notices come in and go out within this process. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Feed(Arc<Mutex<Shared>>);

#[derive(Debug)]
struct Shared {
    /// Who hears of changes elsewhere.
    server: Option<Server>,
    /// None once the database was closed.
    senders: Option<Senders>,
    listener: Option<AbortHandle>,
    /// Tells other hubs of events.
    teller: Option<(AbortHandle, Arc<Outgoing>)>,
}

/// To whom what is heard is passed on.
#[derive(Debug, Clone)]
pub(crate) struct Senders {
    changes: broadcast::Sender<Told>,
    published: broadcast::Sender<Fresh>,
}

impl Feed {
    pub(crate) fn new(server: Option<Server>) -> Self {
        let senders = Senders { changes: broadcast::Sender::new(BACKLOG), published: broadcast::Sender::new(BACKLOG) };
        Self(Arc::new(Mutex::new(Shared { server, senders: Some(senders), listener: None, teller: None })))
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From the first subscription on there is a connection that listens.
    pub(crate) fn subscribe(&self) -> Changes {
        let senders = self.lock().listen();
        Changes(senders.map_or_else(|| broadcast::Sender::new(1), |senders| senders.changes).subscribe())
    }

    /// Likewise, for new events.
    pub(crate) fn follow(&self) -> Published {
        let senders = self.lock().listen();
        Published::new(&senders.map_or_else(|| broadcast::Sender::new(1), |senders| senders.published))
    }

    pub(crate) fn tell(&self, change: Change) {
        if let Some(senders) = &self.lock().senders {
            // An error means that nobody listens.
            let _ = senders.changes.send(Told { notice: Notice::Changed(change), by_us: true });
        }
    }

    /// These orgs have new events, which are committed.
    pub(crate) fn published(&self, orgs: BTreeSet<OrgId>) {
        if orgs.is_empty() {
            return;
        }
        let mut shared = self.lock();
        let Some(senders) = &shared.senders else { return };
        for org in &orgs {
            let _ = senders.published.send(Fresh::Here(*org));
        }
        if let Some(outgoing) = shared.outgoing() {
            outgoing.add(orgs);
        }
    }

    pub(crate) fn close(&self) {
        let mut shared = self.lock();
        shared.senders = None;
        shared.stop();
    }
}

impl Shared {
    fn listen(&mut self) -> Option<Senders> {
        let senders = self.senders.clone()?;
        if let Some(server) = &self.server
            && self.listener.is_none()
        {
            self.listener = Some(tokio::spawn(listen::run(server.clone(), senders.clone())).abort_handle());
        }
        Some(senders)
    }

    fn outgoing(&mut self) -> Option<&Outgoing> {
        if let Some(server) = &self.server
            && self.teller.is_none()
        {
            let outgoing = Arc::new(Outgoing::default());
            let telling = tokio::spawn(published::tell(server.clone(), Arc::clone(&outgoing)));
            self.teller = Some((telling.abort_handle(), outgoing));
        }
        self.teller.as_ref().map(|(_, outgoing)| &**outgoing)
    }

    fn stop(&mut self) {
        let teller = self.teller.take().map(|(handle, _)| handle);
        for task in self.listener.take().into_iter().chain(teller) {
            task.abort();
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.stop();
    }
}
