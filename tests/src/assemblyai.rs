//! AssemblyAI, simulated: strict about what it is sent, and its webhooks come when a test says so.
//!
//! Requests for transcripts and its own answers are held against the vendor's published contract where that is found.
//! Uploads are counted and hashed as they flow in, and not kept. A transcript ends when a test says so, or when it was
//! asked for often enough.

mod contract;
mod server;
mod transcript;

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

use crate::openai::Captured;
use contract::Contract;
use transcript::{Ended, Entry};

/// How long every audio is, in seconds.
pub const SECONDS: u64 = 91;

/// Audio that was uploaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uploaded {
    /// In bytes.
    pub size: u64,
    /// SHA-256, in lower-case hexadecimal.
    pub sha256: String,
}

/// How the next request fails: the status, and how many seconds to wait if they are said.
#[derive(Debug, Clone, Copy)]
pub struct Refusal(pub u16, pub Option<u64>);

#[derive(Default)]
struct State {
    /// By their ids, which are in the order in which they were made.
    transcripts: BTreeMap<String, Entry>,
    /// By their URLs.
    uploads: BTreeMap<String, Uploaded>,
    /// A transcript is done when it was asked for so often; none: when the test says so.
    looks: Option<u32>,
    faults: VecDeque<Refusal>,
    /// So many of the next transcripts are made, and the connection ends before it is said.
    unsaid: u32,
    captured: Vec<Captured>,
    violations: Vec<String>,
    tokens: u64,
}

pub(crate) struct Shared {
    key: String,
    contract: Option<Contract>,
    state: Mutex<State>,
}

impl Shared {
    fn violation(&self, text: impl Into<String>) {
        self.state.lock().unwrap().violations.push(text.into());
    }
}

/// A running simulator; it stops when this is dropped.
pub struct AssemblyAi {
    address: SocketAddr,
    shared: Arc<Shared>,
    client: reqwest::Client,
    task: tokio::task::JoinHandle<()>,
}

impl AssemblyAi {
    /// Starts on a free port of 127.0.0.1; `key` is the only one that it takes.
    pub async fn start(key: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port on the loopback address");
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { key: key.to_owned(), contract: Contract::load(), state: Mutex::default() });
        let router = server::router(Arc::clone(&shared));
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        let client = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
        Self { address, shared, client, task }
    }

    /// `http://127.0.0.1:port`, to map AssemblyAI's hosts to.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on a transcript is done when it is asked for the so-manieth time.
    pub fn complete_after(&self, looks: u32) {
        self.shared.state.lock().unwrap().looks = Some(looks);
    }

    /// A transcript is done.
    pub fn finish(&self, id: &str) {
        self.end(id, Ended::Completed);
    }

    /// There will be no transcript.
    pub fn fail(&self, id: &str, why: &str) {
        self.end(id, Ended::Failed(why.to_owned()));
    }

    fn end(&self, id: &str, ended: Ended) {
        let mut state = self.shared.state.lock().unwrap();
        state.transcripts.get_mut(id).expect("a transcript of this id").ended = Some(ended);
    }

    /// Sends the webhook of a transcript that has ended, as it was asked for, and gives the status of the answer.
    pub async fn call_back(&self, id: &str) -> u16 {
        let order = self.order(id);
        self.call_back_with(id, order["webhook_auth_header_value"].as_str().expect("a secret to send")).await
    }

    /// The same, with another secret.
    pub async fn call_back_with(&self, id: &str, secret: &str) -> u16 {
        let (order, status) = {
            let state = self.shared.state.lock().unwrap();
            let entry = &state.transcripts[id];
            (entry.order.clone(), entry.status())
        };
        let url = order["webhook_url"].as_str().expect("an address to call");
        let name = order["webhook_auth_header_name"].as_str().expect("a header to send");
        let body = json!({"transcript_id": id, "status": status});
        let request = self.client.post(url).header(name, secret).json(&body);
        request.send().await.expect("the hub answers").status().as_u16()
    }

    /// The next requests are refused like this.
    pub fn refuse(&self, refusals: impl IntoIterator<Item = Refusal>) {
        self.shared.state.lock().unwrap().faults.extend(refusals);
    }

    /// The next transcript is made, and the connection ends before anything is answered.
    pub fn make_without_an_answer(&self) {
        self.shared.state.lock().unwrap().unsaid += 1;
    }

    /// What was asked for this transcript.
    #[must_use]
    pub fn order(&self, id: &str) -> Map<String, Value> {
        self.shared.state.lock().unwrap().transcripts[id].order.clone()
    }

    /// All transcripts, the oldest first.
    #[must_use]
    pub fn ids(&self) -> Vec<String> {
        self.shared.state.lock().unwrap().transcripts.keys().cloned().collect()
    }

    /// Seconds of all transcripts that were completed: what the vendor bills.
    #[must_use]
    pub fn billed(&self) -> u64 {
        let state = self.shared.state.lock().unwrap();
        let completed = state.transcripts.values().filter(|entry| matches!(entry.ended, Some(Ended::Completed)));
        completed.map(|_| SECONDS).sum()
    }

    /// Audio that was uploaded.
    #[must_use]
    pub fn uploads(&self) -> Vec<Uploaded> {
        self.shared.state.lock().unwrap().uploads.values().cloned().collect()
    }

    /// Every request so far, without its body.
    #[must_use]
    pub fn captured(&self) -> Vec<Captured> {
        self.shared.state.lock().unwrap().captured.clone()
    }

    /// Everything that a well-behaved client would not have sent, in words, and answers that break the contract.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.shared.state.lock().unwrap().violations.clone()
    }
}

impl Drop for AssemblyAi {
    fn drop(&mut self) {
        self.task.abort();
    }
}
