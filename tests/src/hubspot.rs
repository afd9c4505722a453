//! HubSpot, simulated: strict about what it is sent, obedient about how it fails.
//!
//! Several accounts (portals) behind one API, each with contacts, companies, deals and calls. The search knows a change some
//! seconds after it was made, finds 10,000 at most, takes five requests a second and moves what changes while a client pages. Objects
//! are archived, merged and purged; properties are checked; what a person edits becomes webhooks. Searches, other requests and
//! what only a careless client sends are counted.

mod associations;
mod batch;
mod contract;
mod oauth;
mod objects;
mod portal;
mod properties;
mod search;
mod sender;
mod server;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use patchbay_model::Clock;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::openai::Captured;

pub use portal::{Kind, Portal, Properties};
pub use sender::{HubSpotSender, vector};

/// The account that most tests have.
pub const PORTAL: u64 = 62_515;

/// The most requests that are kept to be looked at.
const KEPT: usize = 2_000;

/// How the next request fails.
#[derive(Debug, Clone)]
pub enum Fault {
    /// 429 by this policy.
    Limited(&'static str),
    /// This status, with `Retry-After` in seconds if there is one.
    Status(u16, Option<u64>),
    /// The request is done, and its answer is a 502: the client cannot know.
    DoneAndLost,
}

/// An app's client.
#[derive(Debug, Clone)]
struct Client {
    id: String,
    secret: String,
    redirect: String,
}

/// What a token is for, and until when.
#[derive(Debug, Clone)]
struct Token {
    portal: u64,
    scopes: Vec<String>,
    /// By HubSpot's clock, in milliseconds; none for a private app's.
    ends: Option<u64>,
}

/// What happens after each page of a search.
type Edit = Box<dyn FnMut(&mut Portal, u64) + Send>;

/// Everything behind the API.
struct State {
    portals: BTreeMap<u64, Portal>,
    tokens: BTreeMap<String, Token>,
    /// Refresh token to portal and scopes.
    refreshes: BTreeMap<String, (u64, Vec<String>)>,
    /// Code to portal, redirect, scopes and challenge.
    codes: BTreeMap<String, oauth::Code>,
    given: Vec<String>,
    client: Option<Client>,
    /// Who consents next.
    consents: u64,
    faults: VecDeque<Fault>,
    after_search: Option<Edit>,
    captured: VecDeque<Captured>,
    counts: BTreeMap<String, u64>,
    violations: Vec<String>,
    sequence: u64,
    skew_ms: i64,
    /// How long the search does not know of a change, in milliseconds.
    lag_ms: u64,
}

pub(crate) struct Shared {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// HubSpot's time, in milliseconds.
    fn now(&self, state: &State) -> u64 {
        u64::try_from(self.clock.now().timestamp_millis() + state.skew_ms).unwrap()
    }
}

/// A running simulator; it stops when this is dropped.
pub struct HubSpot {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

impl HubSpot {
    /// Starts on a free port of 127.0.0.1, with the account [`PORTAL`].
    pub async fn start(clock: Arc<dyn Clock>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port on the loopback address");
        let address = listener.local_addr().unwrap();
        let state = State {
            portals: BTreeMap::from([(PORTAL, Portal::new(PORTAL))]),
            tokens: BTreeMap::new(),
            refreshes: BTreeMap::new(),
            codes: BTreeMap::new(),
            given: Vec::new(),
            client: None,
            consents: PORTAL,
            faults: VecDeque::new(),
            after_search: None,
            captured: VecDeque::new(),
            counts: BTreeMap::new(),
            violations: Vec::new(),
            sequence: 0,
            skew_ms: 0,
            lag_ms: 0,
        };
        let shared = Arc::new(Shared { clock, state: Mutex::new(state) });
        let router = server::router(Arc::clone(&shared));
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Self { address, shared, task }
    }

    /// `http://127.0.0.1:port`, to map `api.hubapi.com` and `app.hubspot.com` to.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Another account.
    pub fn add_portal(&self, id: u64) {
        self.shared.lock().portals.insert(id, Portal::new(id));
    }

    /// Whose administrator consents next.
    pub fn next_consent(&self, portal: u64) {
        self.shared.lock().consents = portal;
    }

    /// A private app's token.
    #[must_use]
    pub fn token(&self, portal: u64) -> String {
        let mut state = self.shared.lock();
        state.sequence += 1;
        let token = format!("pat-na1-canary-{:08}", state.sequence);
        state.given.push(token.clone());
        state.tokens.insert(token.clone(), Token { portal, scopes: Vec::new(), ends: None });
        token
    }

    /// Knows this app.
    pub fn register(&self, id: &str, secret: &str, redirect: &str) {
        let client = Client { id: id.to_owned(), secret: secret.to_owned(), redirect: redirect.to_owned() };
        self.shared.lock().client = Some(client);
    }

    /// Ends all tokens of an account, as when the app is uninstalled.
    pub fn uninstall(&self, portal: u64) {
        let mut state = self.shared.lock();
        state.tokens.retain(|_, token| token.portal != portal);
        state.refreshes.retain(|_, (own, _)| *own != portal);
    }

    /// Tokens that count now, and refresh tokens.
    #[must_use]
    pub fn good_tokens(&self) -> Vec<String> {
        let state = self.shared.lock();
        let now = self.shared.now(&state);
        let good = state.tokens.iter().filter(|(_, token)| token.ends.is_none_or(|ends| ends > now));
        good.map(|(token, _)| token.clone()).chain(state.refreshes.keys().cloned()).collect()
    }

    /// Every token that it ever gave: none of them may be seen anywhere.
    #[must_use]
    pub fn secrets(&self) -> Vec<String> {
        self.shared.lock().given.clone()
    }

    /// Does something to an account as a person in HubSpot would, at HubSpot's time.
    pub fn edit<T>(&self, portal: u64, edit: impl FnOnce(&mut Portal, u64) -> T) -> T {
        let mut state = self.shared.lock();
        let now = self.shared.now(&state);
        edit(state.portals.get_mut(&portal).expect("an account that was added"), now)
    }

    /// Does the same after each page of a search, before the client can ask for the next one.
    pub fn after_each_search(&self, edit: impl FnMut(&mut Portal, u64) + Send + 'static) {
        self.shared.lock().after_search = Some(Box::new(edit));
    }

    /// Does nothing more after searches.
    pub fn rest(&self) {
        self.shared.lock().after_search = None;
    }

    /// How far HubSpot's clock is ahead of the tests', in milliseconds.
    pub fn set_skew_ms(&self, skew_ms: i64) {
        self.shared.lock().skew_ms = skew_ms;
    }

    /// How long the search does not know of a change, in milliseconds.
    pub fn set_lag_ms(&self, lag_ms: u64) {
        self.shared.lock().lag_ms = lag_ms;
    }

    /// The next requests fail like this.
    pub fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        self.shared.lock().faults.extend(faults);
    }

    /// What HubSpot would send of an account's changes since it was last asked: bodies of at most a hundred elements.
    #[must_use]
    pub fn webhooks(&self, portal: u64) -> Vec<Value> {
        let mut state = self.shared.lock();
        let told = state.portals.get_mut(&portal).map(Portal::take_webhooks).unwrap_or_default();
        told.chunks(100).map(|some| Value::from(some.to_vec())).collect()
    }

    /// How often something was asked for, by method and path with `*` for ids, without the version, as in `POST /objects/contacts/search`.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.shared.lock().counts.clone()
    }

    /// Requests in all that counts have of which the name contains this.
    #[must_use]
    pub fn count(&self, part: &str) -> u64 {
        self.shared.lock().counts.iter().filter(|(name, _)| name.contains(part)).map(|(_, count)| count).sum()
    }

    /// Counts from nothing again.
    pub fn reset_counts(&self) {
        self.shared.lock().counts.clear();
    }

    /// The last requests.
    #[must_use]
    pub fn captured(&self) -> Vec<Captured> {
        self.shared.lock().captured.iter().cloned().collect()
    }

    /// Are the shapes of HubSpot's own library at hand? Without them only the simulator's own checks remain.
    #[must_use]
    pub fn checks_contract(&self) -> bool {
        contract::Contract::load().is_some()
    }

    /// Everything that a well-behaved client would not have sent, in words.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.shared.lock().violations.clone()
    }
}

impl Drop for HubSpot {
    fn drop(&mut self) {
        self.task.abort();
    }
}
