//! Telnyx, simulated: strict about what it is sent, obedient about how it fails, and late with what it tells.
//!
//! One socket for its API and for the bucket with its recordings. Calls are state machines: what is commanded after a call has
//! ended, or before it was answered, is refused as Telnyx refuses it. What it would tell by webhooks waits until the test has
//! it sent, in whatever order and however often. Time is the test's.

mod caller;
mod calls;
mod contract;
mod numbers;
mod sender;
mod server;

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use patchbay_model::{Clock, Timestamp};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::openai::Captured;
use contract::Contract;

pub use caller::Caller;
pub use sender::{TelnyxSender, vector};

/// How long a link to a recording leads there, in seconds.
const LINK_S: i64 = 600;

/// How the next request fails.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// 429, with so many seconds until the limit begins anew.
    Limited(u64),
    /// This status, and nothing is done.
    Status(u16),
    /// What was asked for is done, and the answer is a 500; waits for a request that changes something.
    LostAnswer,
}

/// How far a leg is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It came in and waits for an answer.
    Parked,
    /// It rings at the called.
    Ringing,
    Answered,
    Ended,
}

/// One leg of a call.
#[derive(Debug, Clone)]
struct Leg {
    leg: String,
    session: String,
    from: String,
    to: String,
    incoming: bool,
    connection: String,
    client_state: Option<String>,
    stage: Stage,
    answered_at: Option<Timestamp>,
    /// Since when it is recorded.
    recorded_since: Option<Timestamp>,
}

/// A recording that is done.
#[derive(Debug, Clone)]
struct Tape {
    leg: String,
    session: String,
    control: String,
    started_at: String,
    ended_at: String,
    millis: i64,
    bytes: Vec<u8>,
}

/// A number that can be ordered.
#[derive(Debug, Clone)]
pub struct Offer {
    /// In E.164.
    pub number: String,
    /// A month, in dollars.
    pub monthly: String,
    /// Once, in dollars.
    pub upfront: String,
}

/// An order.
#[derive(Debug, Clone)]
struct Order {
    number: String,
    reference: String,
    connection: Option<String>,
    status: &'static str,
}

/// A number of the account.
#[derive(Debug, Clone)]
struct Owned {
    number: String,
    connection: Option<String>,
    tags: Vec<String>,
    deleted: bool,
}

/// What waits to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Where to.
    pub url: String,
    /// Media type.
    pub media: &'static str,
    /// The bytes, as text.
    pub body: String,
}

#[derive(Default)]
struct State {
    /// By `call_control_id`.
    legs: BTreeMap<String, Leg>,
    /// Commands that were done: scope, id, when.
    commands: Vec<(String, String, Timestamp)>,
    applications: BTreeMap<String, Value>,
    offers: Vec<Offer>,
    orders: BTreeMap<String, Order>,
    owned: BTreeMap<String, Owned>,
    tapes: BTreeMap<String, Tape>,
    /// Path to recording, and when the link was made.
    links: BTreeMap<String, (String, Timestamp)>,
    outbox: Vec<Outgoing>,
    faults: VecDeque<Fault>,
    captured: Vec<Captured>,
    violations: Vec<String>,
    sequence: u64,
}

impl State {
    /// A number that nothing else has, in the shape of a UUID.
    fn uuid(&mut self) -> String {
        self.sequence += 1;
        format!("00000000-0000-4000-8000-{:012}", self.sequence)
    }

    /// Digits, as ids of numbers and applications.
    fn digits(&mut self) -> String {
        self.sequence += 1;
        format!("1293384261{:09}", self.sequence)
    }
}

struct Shared {
    key: String,
    clock: Arc<dyn Clock>,
    contract: Option<Contract>,
    state: Mutex<State>,
}

impl Shared {
    fn violation(&self, text: impl Into<String>) {
        self.state.lock().unwrap().violations.push(text.into());
    }
}

/// A running simulator; it stops when this is dropped.
pub struct Telnyx {
    address: SocketAddr,
    shared: Arc<Shared>,
    client: reqwest::Client,
    task: tokio::task::JoinHandle<()>,
}

impl Telnyx {
    /// Starts on a free port of 127.0.0.1; `key` is the only one that it takes.
    pub async fn start(key: &str, clock: Arc<dyn Clock>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port on the loopback address");
        let address = listener.local_addr().unwrap();
        let shared =
            Arc::new(Shared { key: key.to_owned(), clock, contract: Contract::load(), state: Mutex::default() });
        let router = server::router(Arc::clone(&shared));
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        let client = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
        Self { address, shared, client, task }
    }

    /// `http://127.0.0.1:port`, to map `api.telnyx.com` and `s3.amazonaws.com` to.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next requests fail like this.
    pub fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        self.shared.state.lock().unwrap().faults.extend(faults);
    }

    /// Has a number that can be ordered.
    pub fn offer(&self, number: &str, monthly: &str, upfront: &str) {
        let offer = Offer { number: number.to_owned(), monthly: monthly.to_owned(), upfront: upfront.to_owned() };
        self.shared.state.lock().unwrap().offers.push(offer);
    }

    /// The account has a number, as if it had been ordered in the portal. Gives Telnyx' id of it.
    pub fn own(&self, number: &str, connection: Option<&str>) -> String {
        let mut state = self.shared.state.lock().unwrap();
        let id = state.digits();
        let connection = connection.map(str::to_owned);
        state
            .owned
            .insert(id.clone(), Owned { number: number.to_owned(), connection, tags: Vec::new(), deleted: false });
        id
    }

    /// The account has a number no more, as if it had been given back in the portal.
    pub fn disown(&self, number: &str) {
        let mut state = self.shared.state.lock().unwrap();
        state.owned.values_mut().filter(|owned| owned.number == number).for_each(|owned| owned.deleted = true);
    }

    /// Numbers of the account, with the applications that answer them.
    #[must_use]
    pub fn numbers(&self) -> Vec<(String, Option<String>)> {
        let state = self.shared.state.lock().unwrap();
        let here = state.owned.values().filter(|owned| !owned.deleted);
        here.map(|owned| (owned.number.clone(), owned.connection.clone())).collect()
    }

    /// How many orders there are.
    #[must_use]
    pub fn orders(&self) -> usize {
        self.shared.state.lock().unwrap().orders.len()
    }

    /// Does all orders that wait, and has `number_order.complete` ready for this address.
    pub fn complete_orders(&self, succeed: bool, notify: &str) {
        numbers::complete(&self.shared, succeed, notify);
    }

    /// An application's settings.
    #[must_use]
    pub fn application(&self, id: &str) -> Value {
        self.shared.state.lock().unwrap().applications.get(id).cloned().unwrap_or_default()
    }

    /// Somebody calls a number that a Call Control application answers. Gives the `call_control_id`.
    pub fn ring(&self, from: &str, to: &str) -> String {
        calls::ring(&self.shared, from, to)
    }

    /// The called answers.
    pub fn pick_up(&self, control: &str) {
        calls::answered(&self.shared, control);
    }

    /// Somebody hangs up; `source` is `caller` or `callee`.
    pub fn hang_up(&self, control: &str, cause: &str, source: &str) {
        calls::ended(&self.shared, control, cause, source);
    }

    /// The caller presses keys that are gathered.
    pub fn press(&self, control: &str, digits: &str) {
        let more = json!({"digits": digits, "status": "valid"});
        calls::tell(&self.shared, control, "call.gather.ended", &more);
    }

    /// What waits to be sent, and waits no more.
    #[must_use]
    pub fn outbox(&self) -> Vec<Outgoing> {
        std::mem::take(&mut self.shared.state.lock().unwrap().outbox)
    }

    /// Signs a webhook as of now and sends it. Gives status and body of the answer.
    pub async fn send(&self, webhook: &Outgoing) -> (u16, String) {
        let time = self.shared.clock.now().timestamp();
        let request = self
            .client
            .post(&webhook.url)
            .header("content-type", webhook.media)
            .header("telnyx-timestamp", time.to_string())
            .header("telnyx-signature-ed25519", TelnyxSender::new().sign(time, webhook.body.as_bytes()))
            .body(webhook.body.clone());
        let response = request.send().await.expect("the hub answers");
        (response.status().as_u16(), response.text().await.unwrap_or_default())
    }

    /// Sends all that waits, in order.
    ///
    /// # Panics
    /// If the hub refuses one.
    pub async fn send_all(&self) {
        for webhook in self.outbox() {
            let (status, body) = self.send(&webhook).await;
            assert_eq!(status, 200, "{webhook:?}: {body}");
        }
    }

    /// The bytes of a recording, as the last one was made.
    #[must_use]
    pub fn last_tape(&self) -> Vec<u8> {
        let state = self.shared.state.lock().unwrap();
        state.tapes.values().next_back().map(|tape| tape.bytes.clone()).unwrap_or_default()
    }

    /// Every request so far.
    #[must_use]
    pub fn captured(&self) -> Vec<Captured> {
        self.shared.state.lock().unwrap().captured.clone()
    }

    /// Everything that a well-behaved client would not have sent, in words.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.shared.state.lock().unwrap().violations.clone()
    }
}

impl Drop for Telnyx {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The same, each one twice and in another order, which is always the same for a seed.
#[must_use]
pub fn doubled_and_shuffled<T: Clone>(all: &[T], seed: u64) -> Vec<T> {
    let mut mixed: Vec<T> = all.iter().chain(all).cloned().collect();
    let mut random = seed;
    for index in (1..mixed.len()).rev() {
        // xorshift64: enough for an order
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let other = usize::try_from(random % (index as u64 + 1)).unwrap();
        mixed.swap(index, other);
    }
    mixed
}
