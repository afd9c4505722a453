//! The handle that a test holds.

use std::cell::RefCell;
use std::rc::Rc;

use serde_json::Value;

use super::crypto;
use super::exchange::{Exchange, Reply, Sent};
use super::manifest::ManifestFacts;
use super::state::{self, Enqueued, LogLine, Published, State, Used};
use crate::clock::Timestamp;
use crate::installation::Account;
use crate::records::Document;
use crate::signature::{Digest, KeyEncoding};
use crate::usage::Basis;

/// A hub in memory, behind this crate's functions on the thread that made it, until it is dropped. When it
/// is dropped, exchanges and calls of other plugins that were expected and never came fail the test.
#[derive(Debug)]
pub struct MockHost {
    pub(crate) state: Rc<RefCell<State>>,
}

impl MockHost {
    /// A hub that grants everything.
    ///
    /// # Panics
    /// If this thread has one already.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it installs itself on the thread, which a default should not")]
    pub fn new() -> Self {
        Self::build(None)
    }

    /// A hub that grants what a `plugin.toml` asks for and denies the rest, with the line that is missing:
    /// `MockHost::with_manifest(include_str!("../plugin.toml"))`.
    ///
    /// # Panics
    /// If the text is no manifest, or if this thread has a hub already.
    #[must_use]
    pub fn with_manifest(plugin_toml: &str) -> Self {
        Self::build(Some(ManifestFacts::parse(plugin_toml)))
    }

    fn build(manifest: Option<ManifestFacts>) -> Self {
        let state = Rc::new(RefCell::new(State::new(manifest)));
        state::install(&state);
        Self { state }
    }

    /// Scripts the next request and the vendor's reply to it.
    pub fn expect(&self, exchange: Exchange, reply: Reply) {
        self.state.borrow_mut().expected.push_back((exchange, reply));
    }

    /// Requests that were sent so far.
    #[must_use]
    pub fn sent(&self) -> Vec<Sent> {
        self.state.borrow().sent.clone()
    }

    /// Sets the org's settings.
    pub fn set_config(&self, config: Value) {
        self.state.borrow_mut().config = config;
    }

    /// Sets the account behind the connection; the names of its credentials are those that have a secret.
    pub fn set_account(&self, account: Account) {
        self.state.borrow_mut().account = Some(account);
    }

    /// Gives a credential its value, in place of the one before.
    pub fn set_secret(&self, credential: &str, value: &str) {
        self.state.borrow_mut().secrets.insert(credential.to_owned(), vec![value.to_owned()]);
    }

    /// Gives a credential a new value; the one before stays valid beside it.
    pub fn rotate_secret(&self, credential: &str, value: &str) {
        self.state.borrow_mut().secrets.entry(credential.to_owned()).or_default().insert(0, value.to_owned());
    }

    /// What a vendor would sign: the HMAC of `message` under the newest value of a credential.
    ///
    /// # Panics
    /// If the credential has no value in that encoding: the test fails.
    #[must_use]
    pub fn sign(&self, credential: &str, digest: Digest, encoding: KeyEncoding, message: &[u8]) -> Vec<u8> {
        let state = self.state.borrow();
        let secret = state.secrets.get(credential).and_then(|values| values.first());
        let key = secret.map(|secret| crypto::key(encoding, secret));
        match key {
            Some(Ok(key)) => crypto::hmac(digest, &key, message),
            Some(Err(error)) => panic!("{error}"),
            None => panic!("the credential {credential} has no value; call set_secret"),
        }
    }

    /// The hub's present time, in milliseconds since the Unix epoch. It stands still until it is moved.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.state.borrow().now
    }

    /// Sets the time.
    pub fn set_now(&self, now: Timestamp) {
        self.state.borrow_mut().now = now;
    }

    /// Sets the public URL of the installation's webhooks.
    pub fn set_webhook_url(&self, url: &str) {
        self.state.borrow_mut().webhook_url = url.to_owned();
    }

    /// All usage so far.
    #[must_use]
    pub fn usage(&self) -> Vec<Used> {
        self.state.borrow().usage.clone()
    }

    /// The sum of one meter, by how it is known.
    #[must_use]
    pub fn used(&self, meter: &str, basis: Basis) -> u64 {
        let state = self.state.borrow();
        state.usage.iter().filter(|used| used.meter == meter && used.basis == basis).map(|used| used.quantity).sum()
    }

    /// Events that were published by calls that succeeded.
    #[must_use]
    pub fn events(&self) -> Vec<Published> {
        self.state.borrow().events.clone()
    }

    /// Jobs that were planned by calls that succeeded, and that [`MockHost::work_off`] has not done.
    #[must_use]
    pub fn jobs(&self) -> Vec<Enqueued> {
        self.state.borrow().jobs.clone()
    }

    /// The log so far.
    #[must_use]
    pub fn log(&self) -> Vec<LogLine> {
        self.state.borrow().log.clone()
    }

    /// A stored document.
    ///
    /// # Panics
    /// If its text is not JSON.
    #[must_use]
    pub fn record(&self, collection: &str, id: &str) -> Option<Value> {
        let state = self.state.borrow();
        let document = state.records.get(&(collection.to_owned(), id.to_owned()))?;
        Some(serde_json::from_str(&document.data).unwrap_or_else(|error| panic!("document {id}: {error}")))
    }

    /// Stores a document, as a call before would have.
    pub fn put_record(&self, collection: &str, id: &str, data: &Value) {
        let mut state = self.state.borrow_mut();
        let key = (collection.to_owned(), id.to_owned());
        let version = state.records.get(&key).map_or(0, |document| document.version) + 1;
        let updated_at = state.now;
        state.records.insert(key, Document { id: id.to_owned(), version, data: data.to_string(), updated_at });
    }

    /// A stored file: its media type and bytes.
    #[must_use]
    pub fn blob(&self, id: &str) -> Option<(String, Vec<u8>)> {
        let state = self.state.borrow();
        state.blobs.get(id).map(|(blob, bytes)| (blob.content_type.clone(), bytes.clone()))
    }
}

impl Drop for MockHost {
    fn drop(&mut self) {
        state::uninstall();
        if std::thread::panicking() {
            return;
        }
        let mut left: Vec<_> = self.state.borrow().expected.iter().map(|(exchange, _)| exchange.line()).collect();
        left.extend(self.state.borrow().peers.left());
        assert!(left.is_empty(), "expected and never sent:\n  {}", left.join("\n  "));
    }
}
