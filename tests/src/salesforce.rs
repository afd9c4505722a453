//! Salesforce, simulated: one org of it, with the login host before it and the Outbound Messages behind.
//!
//! Strict about what it is sent, as Salesforce is and then some: SOQL is parsed and not guessed at, queries go by locators that are
//! forgotten, windows of deletions have their rules, refresh tokens rotate and one that comes twice ends its grant. What people do
//! in the org itself is a method; what a well-behaved client would not have sent is a recorded violation. Time is the test's, and
//! the org's clock may differ from the hub's.

mod changes;
mod collections;
mod composite;
mod fields;
mod message;
mod oauth;
mod query;
mod records;
mod server;
mod soql;
mod store;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use chrono::Duration;
use patchbay_model::{Clock, Timestamp};
use serde_json::{Map, Value};
use tokio::net::TcpListener;

use crate::openai::Captured;
use store::State;

pub use store::{Counts, Fault};

/// The org's id.
pub const ORG: &str = "00D000000000001EAA";
/// The user who connects.
pub const USER: &str = "005000000000001AAA";
/// The org's host.
pub const HOST: &str = "acme.my.salesforce.com";
/// Where people sign in.
pub const LOGIN: &str = "login.salesforce.com";
/// Where people of sandboxes sign in.
pub const SANDBOX_LOGIN: &str = "test.salesforce.com";
/// A sandbox's host.
pub const SANDBOX_HOST: &str = "acme--dev.sandbox.my.salesforce.com";
/// The external client app's id.
pub const CLIENT: &str = "3MVG9canary-client";
/// Its secret.
pub const SECRET: &str = "9B7C1D0E5F6A48D29C3B7E1F0A5D6C8E";
/// The field that upserts go by.
pub const EXTERNAL: &str = "Patchbay_Id__c";

struct Shared {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap();
        state.now = self.clock.now() + state.skew;
        state
    }
}

/// A running simulator; it stops when this is dropped.
pub struct Salesforce {
    address: SocketAddr,
    shared: Arc<Shared>,
    client: reqwest::Client,
    task: tokio::task::JoinHandle<()>,
}

impl Salesforce {
    /// Starts on a free port of 127.0.0.1.
    pub async fn start(clock: Arc<dyn Clock>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port on the loopback address");
        let address = listener.local_addr().unwrap();
        let state = Mutex::new(State::new(clock.now()));
        let shared = Arc::new(Shared { clock, state });
        let router = server::router(Arc::clone(&shared));
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        let client = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
        Self { address, shared, client, task }
    }

    /// `http://127.0.0.1:port`, to map [`LOGIN`] and [`HOST`] to.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where the hub's external client app may have browsers sent back to.
    pub fn register(&self, redirect: &str) {
        redirect.clone_into(&mut self.shared.lock().oauth.redirect);
    }

    /// The org's clock goes so much before the test's.
    pub fn set_skew(&self, skew: Duration) {
        self.shared.lock().skew = skew;
    }

    /// Tokens are given for this host from now on: the org was moved to another My Domain.
    pub fn move_to(&self, host: &str) {
        host.clone_into(&mut self.shared.lock().oauth.host);
    }

    /// The next API requests fail like this.
    pub fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        self.shared.lock().faults.extend(faults);
    }

    /// The org's API requests of a day.
    pub fn set_limit(&self, limit: u64) {
        self.shared.lock().limit = limit;
    }

    /// The org has, or has not, the field that upserts go by.
    pub fn set_external_id(&self, there: bool) {
        self.shared.lock().has_external_id = there;
    }

    /// The next query that has another page says that it is at this address.
    pub fn lead_astray(&self, next: &str) {
        self.shared.lock().astray = Some(next.to_owned());
    }

    /// All queries that are open are forgotten.
    pub fn forget_queries(&self) {
        self.shared.lock().locators.clear();
    }

    /// Sessions end by themselves; refresh tokens still count.
    pub fn end_sessions(&self) {
        self.shared.lock().oauth.sessions.clear();
    }

    /// The next refresh is told that another one is under way, and may come again.
    pub fn be_busy_with_tokens(&self) {
        self.shared.lock().oauth.is_busy = true;
    }

    /// A person takes the app's right away.
    pub fn revoke(&self) {
        self.shared.lock().oauth.end_all();
    }

    /// Every code and token that it ever gave: none of them may be seen anywhere.
    #[must_use]
    pub fn secrets(&self) -> Vec<String> {
        self.shared.lock().oauth.given.clone()
    }

    /// Sessions that count now.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.shared.lock().oauth.sessions.len()
    }

    /// How often tokens were given for a refresh token.
    #[must_use]
    pub fn refreshes(&self) -> usize {
        self.shared.lock().oauth.refreshes
    }

    /// A person makes a record. Gives its id.
    ///
    /// # Panics
    /// If Salesforce would refuse it.
    pub fn add(&self, object: &str, fields: &Value) -> String {
        let fields = fields.as_object().expect("fields").clone();
        records::insert(&mut self.shared.lock(), object, fields).expect("Salesforce takes it")
    }

    /// Many at once, with one stamp, as an import makes them.
    pub fn import(&self, object: &str, records: impl IntoIterator<Item = Value>) -> Vec<String> {
        records.into_iter().map(|fields| self.add(object, &fields)).collect()
    }

    /// A person changes a record.
    ///
    /// # Panics
    /// If Salesforce would refuse it.
    pub fn edit(&self, id: &str, fields: &Value) {
        let fields = fields.as_object().expect("fields").clone();
        records::change(&mut self.shared.lock(), id, fields).expect("Salesforce takes it");
    }

    /// A person deletes a record.
    ///
    /// # Panics
    /// If it is not there.
    pub fn remove(&self, id: &str) {
        records::delete(&mut self.shared.lock(), id).expect("it is there");
    }

    /// A person merges two: the first is left.
    ///
    /// # Panics
    /// If one is not there.
    pub fn merge(&self, into: &str, gone: &str) {
        records::merge(&mut self.shared.lock(), into, gone).expect("both are there");
    }

    /// The list of what was deleted is emptied, as it is when it has grown too long.
    pub fn purge(&self) {
        let mut state = self.shared.lock();
        let now = state.now;
        state.purged_until = Some(now);
        state.rows.retain(|_, row| row.deleted_at.is_none());
    }

    /// A record's fields, if it is there and not deleted.
    #[must_use]
    pub fn record(&self, id: &str) -> Option<Map<String, Value>> {
        let state = self.shared.lock();
        state.live(id).map(|row| row.fields.clone())
    }

    /// All records of an object that are not deleted, by id.
    #[must_use]
    pub fn all(&self, object: &str) -> BTreeMap<String, Map<String, Value>> {
        let state = self.shared.lock();
        let here = state.rows.values().filter(|row| row.object == object && row.deleted_at.is_none());
        here.map(|row| (row.id.clone(), row.fields.clone())).collect()
    }

    /// Sends an Outbound Message about records to an address. Gives status and body of the answer.
    pub async fn send_message(&self, url: &str, ids: &[&str]) -> (u16, String) {
        let body = message::envelope(&mut self.shared.lock(), ORG, ids);
        self.send_body(url, body).await
    }

    /// The same, from another org.
    pub async fn send_message_of(&self, org: &str, url: &str, ids: &[&str]) -> (u16, String) {
        let body = message::envelope(&mut self.shared.lock(), org, ids);
        self.send_body(url, body).await
    }

    async fn send_body(&self, url: &str, body: String) -> (u16, String) {
        let request =
            self.client.post(url).header("content-type", "text/xml; charset=utf-8").header("soapaction", "\"\"");
        let response = request.body(body).send().await.expect("the hub answers");
        (response.status().as_u16(), response.text().await.unwrap_or_default())
    }

    /// What was asked so far, by kind.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared.lock().counts
    }

    /// Every request so far, those for tokens too.
    #[must_use]
    pub fn captured(&self) -> Vec<Captured> {
        self.shared.lock().captured.clone()
    }

    /// Everything that a well-behaved client would not have sent, in words.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.shared.lock().violations.clone()
    }
}

impl Drop for Salesforce {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// As Salesforce writes a time.
fn written(at: Timestamp) -> String {
    at.format("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string()
}
