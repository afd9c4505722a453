//! A Twilio account: its numbers and what they cost, its messages and calls, and the webhooks that it signs.
//!
//! Strict where Twilio is lenient: an unknown parameter, a parameter in another spelling, a request without `.json` is noted as a
//! violation. It fails when it is told to, also after it has done what it was asked; and it keeps a ledger of every number that
//! was ever bought, so that a test can compare what is paid for with what is owned.

mod caller_ids;
mod calls;
mod contract;
mod fault;
mod messages;
mod numbers;
mod sender;
mod server;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use tokio::net::TcpListener;

use crate::openai::Captured;

pub use caller_ids::{Callee, Validation};
pub use calls::Ring;
pub use fault::Fault;
pub use numbers::Bought;
pub use sender::{TwilioSender, vector};

/// The account that is simulated.
pub const ACCOUNT: &str = "AC00000000000000000000000000000001";

/// Its auth token: what the published checks of signatures are signed by.
pub const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// An API key of it.
pub const API_KEY: (&str, &str) = ("SK00000000000000000000000000000001", "canary-of-the-api-key-secret");

/// A status and its body.
pub(crate) type Answer = (u16, serde_json::Value);

/// Parameters in their order.
pub(crate) type Fields = [(String, String)];

/// A running simulator; it stops with the test.
pub struct Twilio {
    url: String,
    shared: Arc<Shared>,
    server: tokio::task::JoinHandle<()>,
}

/// What its requests share.
pub(crate) struct Shared {
    pub(crate) state: Mutex<State>,
    faults: Mutex<fault::Faults>,
    captured: Mutex<VecDeque<Captured>>,
    violations: Mutex<Vec<String>>,
}

/// The account.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) numbers: numbers::Numbers,
    pub(crate) messages: messages::Messages,
    pub(crate) calls: calls::Calls,
    pub(crate) caller_ids: caller_ids::CallerIds,
}

impl Shared {
    pub(crate) fn violation(&self, text: impl Into<String>) {
        self.violations.lock().unwrap().push(text.into());
    }
}

impl Twilio {
    /// Starts an account without numbers.
    ///
    /// # Panics
    /// If there is no free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port on the loopback address");
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            faults: Mutex::default(),
            captured: Mutex::default(),
            violations: Mutex::default(),
        });
        let server = tokio::spawn(server::serve(listener, Arc::clone(&shared)));
        Self { url, shared, server }
    }

    /// Where it listens, for `upstreams`.
    #[must_use]
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// What was asked of it that nobody should ask of Twilio.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.shared.violations.lock().unwrap().clone()
    }

    /// The latest requests.
    #[must_use]
    pub fn captured(&self) -> Vec<Captured> {
        self.shared.captured.lock().unwrap().iter().cloned().collect()
    }

    /// All numbers that were ever bought, those that were given back among them.
    #[must_use]
    pub fn bought(&self) -> Vec<Bought> {
        self.shared.state.lock().unwrap().numbers.ledger()
    }

    /// Those that are paid for now.
    #[must_use]
    pub fn paid_for(&self) -> Vec<Bought> {
        self.bought().into_iter().filter(|number| !number.released).collect()
    }

    /// Buys a number as somebody would in Twilio's console; gives its SID.
    pub fn buy_by_hand(&self, number: &str, friendly_name: &str) -> String {
        self.shared.state.lock().unwrap().numbers.add(number, friendly_name)
    }

    /// Gives a number back as somebody would in Twilio's console.
    pub fn release_by_hand(&self, sid: &str) {
        assert!(self.shared.state.lock().unwrap().numbers.remove(sid), "a number of this SID");
    }

    /// The next requests whose paths hold this text fail so.
    pub fn fail(&self, path: &str, faults: impl IntoIterator<Item = Fault>) {
        self.shared.faults.lock().unwrap().queue(path, faults);
    }

    /// Of a thousand requests so many fail, some after they were done; 0 ends it. The same seed chooses the same.
    pub fn fail_at_random(&self, seed: u64, per_mille: u64) {
        self.shared.faults.lock().unwrap().at_random(seed, per_mille);
    }

    /// Calls that were asked for, by their SIDs.
    #[must_use]
    pub fn calls(&self) -> Vec<Ring> {
        self.shared.state.lock().unwrap().calls.all()
    }

    /// Messages that were sent: SID, receiver, text.
    #[must_use]
    pub fn messages(&self) -> Vec<(String, String, String)> {
        self.shared.state.lock().unwrap().messages.all()
    }
}

impl Drop for Twilio {
    fn drop(&mut self) {
        self.server.abort();
    }
}
