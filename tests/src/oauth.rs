//! A vendor's authorization server, simulated: strict about what it is sent, obedient about how it fails.
//!
//! It follows RFC 6749, 7636, 7009, 7523 and the advice of RFC 9700 to the letter: codes count once and end soon,
//! redirects match whole, PKCE is verified, a refresh token that is used twice ends everything that came of its grant.
//! What only a careless client sends is a recorded violation, even where the protocol would let it pass.

mod assertion;
mod authorize;
mod behaviour;
mod client;
pub(crate) mod form;
mod grants;
mod keys;
mod ledger;
mod server;
mod token;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use patchbay_model::Clock;
use tokio::{net::TcpListener, sync::watch};

pub use behaviour::{Behaviour, Consent, Fault, Style};
pub use client::{Auth, Client};
pub use keys::KeyPair;
use ledger::Ledger;

/// What every handler shares.
pub(crate) struct Shared {
    /// `https://` and the host under which clients know it.
    pub(crate) issuer: String,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) clients: Mutex<Vec<Client>>,
    pub(crate) behaviour: Mutex<Behaviour>,
    pub(crate) ledger: Mutex<Ledger>,
    pub(crate) violations: Mutex<Vec<String>>,
    /// Requests for tokens so far, by grant.
    pub(crate) asked: watch::Sender<Vec<String>>,
    /// Requests for tokens that were answered.
    pub(crate) answered: watch::Sender<usize>,
    /// Questions whose account it is, so far.
    pub(crate) profiles: watch::Sender<usize>,
    /// While it is held, requests for tokens wait.
    pub(crate) held: watch::Sender<bool>,
}

impl Shared {
    pub(crate) fn violation(&self, text: impl Into<String>) {
        self.violations.lock().unwrap_or_else(PoisonError::into_inner).push(text.into());
    }

    pub(crate) fn behaviour(&self) -> Behaviour {
        self.behaviour.lock().unwrap().clone()
    }

    pub(crate) fn client(&self, id: &str) -> Option<Client> {
        self.clients.lock().unwrap().iter().find(|client| client.id == id).cloned()
    }
}

/// A running simulator; it stops when this is dropped.
pub struct OauthVendor {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

impl OauthVendor {
    /// Starts on a free port of 127.0.0.1. Clients know it as `https://{host}`, with `/authorize`, `/token`,
    /// `/revoke`, `/userinfo`, and an API below `/api/` that takes its tokens.
    pub async fn start(host: &str, clock: Arc<dyn Clock>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port on the loopback address");
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            issuer: format!("https://{host}"),
            clock,
            clients: Mutex::default(),
            behaviour: Mutex::default(),
            ledger: Mutex::default(),
            violations: Mutex::default(),
            asked: watch::Sender::default(),
            answered: watch::Sender::default(),
            profiles: watch::Sender::default(),
            held: watch::Sender::default(),
        });
        let router = server::router(Arc::clone(&shared));
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Self { address, shared, task }
    }

    /// `http://127.0.0.1:port`, to map the host to.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Knows this client from now on, in the place of one of the same id.
    pub fn register(&self, client: Client) {
        let mut clients = self.shared.clients.lock().unwrap();
        clients.retain(|known| known.id != client.id);
        clients.push(client);
    }

    /// How requests are answered from now on.
    pub fn behave(&self, behaviour: Behaviour) {
        *self.shared.behaviour.lock().unwrap() = behaviour;
    }

    /// Grants of all requests for tokens so far, refused ones too, in order.
    #[must_use]
    pub fn token_requests(&self) -> Vec<String> {
        self.shared.asked.borrow().clone()
    }

    /// Waits until so many requests for tokens have come.
    pub async fn wait_for_requests(&self, count: usize) {
        let mut asked = self.shared.asked.subscribe();
        let _ = asked.wait_for(|asked| asked.len() >= count).await;
    }

    /// Waits until so many requests for tokens were answered.
    pub async fn wait_for_answers(&self, count: usize) {
        let mut answered = self.shared.answered.subscribe();
        let _ = answered.wait_for(|answered| *answered >= count).await;
    }

    /// Waits until it was asked so often whose account it is.
    pub async fn wait_for_profiles(&self, count: usize) {
        let mut profiles = self.shared.profiles.subscribe();
        let _ = profiles.wait_for(|profiles| *profiles >= count).await;
    }

    /// Lets requests for tokens wait before they are looked at, or go on.
    pub fn hold(&self, held: bool) {
        self.shared.held.send_replace(held);
    }

    /// Every code and token that it ever gave: none of them may be seen anywhere.
    #[must_use]
    pub fn secrets(&self) -> Vec<String> {
        self.shared.ledger.lock().unwrap().secrets()
    }

    /// Is this an access token that counts now?
    #[must_use]
    pub fn accepts(&self, access: &str) -> bool {
        self.shared.ledger.lock().unwrap().account_of(access, self.shared.clock.now()).is_some()
    }

    /// Ends everything that came of consents, as a person can do in the vendor's settings.
    pub fn end_all_grants(&self) {
        self.shared.ledger.lock().unwrap().end_all();
    }

    /// Everything that a well-behaved client would not have sent, in words.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.shared.violations.lock().unwrap().clone()
    }
}

impl Drop for OauthVendor {
    fn drop(&mut self) {
        self.task.abort();
    }
}
