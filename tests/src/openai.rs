//! OpenAI, simulated: strict about what it is sent, obedient about how it fails.
//!
//! It listens on a real socket and follows the vendor's published OpenAPI contract for requests and
//! answers. Token counts are a function of the text alone, so that two runs meter the same.

mod audio;
mod auth;
mod batches;
mod behaviour;
mod chat;
mod contract;
mod embeddings;
mod files;
mod form;
mod ledger;
mod moderations;
mod responses;
mod server;
mod shape;

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{net::TcpListener, sync::watch};

pub use behaviour::{Behaviour, Break, Fault};
pub use contract::Contract;
pub use ledger::{Ledger, Served, count_tokens};
pub(crate) use server::echoes;
pub use server::percent_encoded;

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct Captured {
    /// Upper-case.
    pub method: String,
    /// With its query.
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// As it came.
    pub body: Vec<u8>,
}

impl Captured {
    /// The body as JSON; null when it is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The first header of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }
}

/// What every handler shares.
pub(crate) struct Shared {
    pub(crate) key: String,
    pub(crate) contract: Option<Contract>,
    pub(crate) behaviour: Mutex<Behaviour>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) captured: Mutex<Vec<Captured>>,
    pub(crate) violations: Mutex<Vec<String>>,
    pub(crate) files: Mutex<files::Files>,
    pub(crate) batches: Mutex<batches::Batches>,
    pub(crate) open_streams: watch::Sender<usize>,
    pub(crate) sequence: AtomicU64,
}

impl Shared {
    pub(crate) fn next_id(&self, prefix: &str) -> String {
        format!("{prefix}{:024}", self.sequence.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn violation(&self, text: impl Into<String>) {
        self.violations.lock().unwrap().push(text.into());
    }
}

/// A running simulator; it stops when this is dropped.
pub struct OpenAi {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

impl OpenAi {
    /// Starts on a free port of 127.0.0.1; `key` is the only one that it takes.
    pub async fn start(key: &str) -> Self {
        Self::listen("127.0.0.1:0".parse().unwrap(), key).await.expect("a free port on the loopback address")
    }

    /// Starts on this address.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub async fn listen(address: SocketAddr, key: &str) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            key: key.to_owned(),
            contract: Contract::load(),
            behaviour: Mutex::new(Behaviour::default()),
            ledger: Arc::new(Ledger::default()),
            captured: Mutex::default(),
            violations: Mutex::default(),
            files: Mutex::default(),
            batches: Mutex::default(),
            open_streams: watch::Sender::new(0),
            sequence: AtomicU64::new(1),
        });
        let router = server::router(Arc::clone(&shared));
        let task = tokio::spawn(server::serve(listener, router));
        Ok(Self { address, shared, task })
    }

    /// `http://127.0.0.1:port`, to map `api.openai.com` to.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How requests are answered from now on, unless their model name says otherwise.
    pub fn behave(&self, behaviour: Behaviour) {
        *self.shared.behaviour.lock().unwrap() = behaviour;
    }

    /// What was served and billed.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.shared.ledger
    }

    /// Every request so far.
    #[must_use]
    pub fn captured(&self) -> Vec<Captured> {
        self.shared.captured.lock().unwrap().clone()
    }

    /// Everything that a well-behaved client would not have sent, in words.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.shared.violations.lock().unwrap().clone()
    }

    /// Streams that are being served now.
    #[must_use]
    pub fn open_streams(&self) -> usize {
        *self.shared.open_streams.borrow()
    }

    /// Waits until exactly `count` streams are open; false if that takes longer than `within`.
    pub async fn wait_for_open_streams(&self, count: usize, within: Duration) -> bool {
        let mut open = self.shared.open_streams.subscribe();
        let result = tokio::time::timeout(within, open.wait_for(|now| *now == count)).await;
        matches!(result, Ok(Ok(_)))
    }

    /// Is the vendor's published contract at hand? Without it only the hand-written checks remain.
    #[must_use]
    pub fn checks_contract(&self) -> bool {
        self.shared.contract.is_some()
    }
}

impl Drop for OpenAi {
    fn drop(&mut self) {
        self.task.abort();
    }
}
