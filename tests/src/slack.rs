//! Slack, simulated: strict about what it is sent, obedient about how it fails.
//!
//! One socket for both of its hosts: the Web API with OAuth v2 below `slack.com`, incoming webhooks and response URLs below
//! `hooks.slack.com`. It answers 200 with `ok: false` as Slack does, keeps to one message a second for each channel, and
//! signs what it sends. What only a careless client sends is a recorded violation even where Slack would let it pass.

mod api;
mod arguments;
mod blocks;
mod hooks;
mod oauth;
mod sender;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    routing::{any, get, post},
};
use patchbay_model::{Clock, Timestamp};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::openai::Captured;

pub use sender::{SlackSender, vector};

/// A channel with the app in it, one without it, and one that is archived.
pub const CHANNEL: &str = "C0TEST";
/// A public channel that the app is not in.
pub const ELSEWHERE: &str = "C0ELSE";
/// A channel that nobody can post in any more.
pub const ARCHIVED: &str = "C0OLD";
/// What the incoming webhook's URL ends with.
pub const HOOK: &str = "/services/T0TEST/B0TEST/canaryHookSecret0000000";

/// What a token may do, and for how long.
#[derive(Debug, Clone)]
struct Token {
    scopes: BTreeSet<String>,
    expires_at: Option<Timestamp>,
    revoked: bool,
}

/// An app's client.
#[derive(Debug, Clone)]
struct Client {
    id: String,
    secret: String,
    redirect: String,
}

/// A message, by its channel and `ts`.
type Key = (String, String);

struct State {
    tokens: BTreeMap<String, Token>,
    /// Refresh token to access token; gone once it was used.
    refreshes: BTreeMap<String, String>,
    codes: BTreeMap<String, (String, BTreeSet<String>)>,
    client: Option<Client>,
    rotation: bool,
    members: BTreeSet<String>,
    messages: BTreeMap<Key, Value>,
    /// When a channel was posted in last.
    posted_at: BTreeMap<String, Timestamp>,
    /// Seconds to wait, and words to fail with: for the next requests.
    faults: VecDeque<Fault>,
    triggers: BTreeSet<String>,
    hook_messages: Vec<Value>,
    responses: Vec<Value>,
    captured: Vec<Captured>,
    violations: Vec<String>,
    sequence: u64,
}

/// How the next request fails.
#[derive(Debug, Clone)]
pub enum Fault {
    /// 429 with so many seconds to wait.
    Limited(u64),
    /// 200 with this word.
    Word(&'static str),
    /// This status, and no body.
    Status(u16),
}

pub(crate) struct Shared {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

impl Shared {
    fn violation(&self, text: impl Into<String>) {
        self.state.lock().unwrap().violations.push(text.into());
    }
}

/// A running simulator; it stops when this is dropped.
pub struct Slack {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

impl Slack {
    /// Starts on a free port of 127.0.0.1.
    pub async fn start(clock: Arc<dyn Clock>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port on the loopback address");
        let address = listener.local_addr().unwrap();
        let state = State {
            tokens: BTreeMap::new(),
            refreshes: BTreeMap::new(),
            codes: BTreeMap::new(),
            client: None,
            rotation: false,
            members: [CHANNEL, ARCHIVED].map(str::to_owned).into(),
            messages: BTreeMap::new(),
            posted_at: BTreeMap::new(),
            faults: VecDeque::new(),
            triggers: BTreeSet::new(),
            hook_messages: Vec::new(),
            responses: Vec::new(),
            captured: Vec::new(),
            violations: Vec::new(),
            sequence: 0,
        };
        let shared = Arc::new(Shared { clock, state: Mutex::new(state) });
        let router = Router::new()
            .route("/oauth/v2/authorize", get(oauth::authorize))
            .route("/api/oauth.v2.access", post(oauth::access))
            .route("/api/auth.revoke", post(oauth::revoke))
            .route("/api/{method}", any(api::call))
            .route("/services/{team}/{app}/{secret}", any(hooks::incoming))
            .route("/commands/{*rest}", any(hooks::response))
            .route("/actions/{*rest}", any(hooks::response))
            .with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Self { address, shared, task }
    }

    /// `http://127.0.0.1:port`, to map `slack.com` and `hooks.slack.com` to.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A bot token that was made by hand, with these scopes.
    #[must_use]
    pub fn token(&self, scopes: &[&str]) -> String {
        let mut state = self.shared.state.lock().unwrap();
        state.sequence += 1;
        let token = format!("xoxb-canary-{:08}", state.sequence);
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        state.tokens.insert(token.clone(), Token { scopes, expires_at: None, revoked: false });
        token
    }

    /// Knows this app; `rotation`: its tokens end after twelve hours.
    pub fn register(&self, id: &str, secret: &str, redirect: &str, rotation: bool) {
        let mut state = self.shared.state.lock().unwrap();
        state.client = Some(Client { id: id.to_owned(), secret: secret.to_owned(), redirect: redirect.to_owned() });
        state.rotation = rotation;
    }

    /// Ends every token, as when the app is uninstalled.
    pub fn revoke_all(&self) {
        let mut state = self.shared.state.lock().unwrap();
        state.tokens.values_mut().for_each(|token| token.revoked = true);
        state.refreshes.clear();
    }

    /// Tokens that count now.
    #[must_use]
    pub fn good_tokens(&self) -> Vec<String> {
        let (state, now) = (self.shared.state.lock().unwrap(), self.shared.clock.now());
        let good = |token: &&Token| !token.revoked && token.expires_at.is_none_or(|end| end > now);
        state.tokens.iter().filter(|(_, token)| good(token)).map(|(token, _)| token.clone()).collect()
    }

    /// Every token that it ever gave: none of them may be seen anywhere.
    #[must_use]
    pub fn secrets(&self) -> Vec<String> {
        let state = self.shared.state.lock().unwrap();
        state.tokens.keys().chain(state.refreshes.keys()).cloned().collect()
    }

    /// The next requests fail like this.
    pub fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        self.shared.state.lock().unwrap().faults.extend(faults);
    }

    /// A trigger that a command or an interaction has brought: good once.
    pub fn offer_trigger(&self, id: &str) {
        self.shared.state.lock().unwrap().triggers.insert(id.to_owned());
    }

    /// Messages in channels, by when they were posted.
    #[must_use]
    pub fn messages(&self) -> Vec<Value> {
        self.shared.state.lock().unwrap().messages.values().cloned().collect()
    }

    /// Messages that came by the incoming webhook.
    #[must_use]
    pub fn hook_messages(&self) -> Vec<Value> {
        self.shared.state.lock().unwrap().hook_messages.clone()
    }

    /// Answers to commands and interactions.
    #[must_use]
    pub fn responses(&self) -> Vec<Value> {
        self.shared.state.lock().unwrap().responses.clone()
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

impl Drop for Slack {
    fn drop(&mut self) {
        self.task.abort();
    }
}
