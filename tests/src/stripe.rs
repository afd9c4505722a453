//! Stripe, simulated: strict about what it is sent, exact about money, obedient about how it fails.
//!
//! It listens on a real socket and speaks the forms and answers of the version [`VERSION`]. What it does not know it refuses
//! as an unknown parameter, before anything is done; requests are also checked against Stripe's published parameters where
//! those are at hand. Time is the clock that it is given: whoever moves it lets periods end, trials run out and payments be
//! tried again, all at their own times, with the next request or with [`Stripe::catch_up`]. A preview and the invoice that
//! comes of the same change are made by the same code. Nothing is delivered by itself: a test takes the events and sends
//! them when, how often and in which order it likes.
//!
//! Where it is narrower than Stripe, it refuses: one interval per subscription, one currency per customer, cards that pay
//! or do not ([`VISA`], [`FAILING`], [`Stripe::decline`]), no taxes and no discounts.

mod catalogue;
mod change;
mod checkout;
mod contract;
mod customer;
mod event;
mod expand;
mod fault;
mod invoice;
mod invoice_item;
mod line;
mod list;
mod meter;
mod money;
mod parameters;
mod payment;
mod payment_link;
mod period;
mod portal;
mod preview;
mod refund;
mod refusal;
mod routes;
mod sender;
mod server;
mod state;
mod stream;
mod subscription;
#[cfg(test)]
mod tests;
mod time;

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use patchbay_model::Clock;
use serde_json::Value;
use tokio::net::TcpListener;

use self::{fault::Faults, parameters::Parameters, state::State};
use crate::{Org, Reply, openai::Captured};

pub use fault::Fault;
pub use meter::{MeterEvent, RejectedEvent};
pub use payment::{FAILING, VISA};
pub use sender::{StripeSender, vector};

/// The version of the API that it speaks, and no other.
pub const VERSION: &str = "2026-10-28.endive";

struct Shared {
    key: String,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    faults: Mutex<Faults>,
    captured: Mutex<VecDeque<Captured>>,
    violations: Mutex<Vec<String>>,
}

impl Shared {
    fn violation(&self, text: String) {
        self.violations.lock().unwrap().push(text);
    }
}

/// A running simulator; it stops when this is dropped.
pub struct Stripe {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

impl Stripe {
    /// Starts on a free port of 127.0.0.1; `key` is the only secret key that it takes.
    pub async fn start(key: &str, clock: Arc<dyn Clock>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port on the loopback address");
        let address = listener.local_addr().unwrap();
        let state = State { now: clock.now().timestamp(), ..State::default() };
        let shared = Arc::new(Shared {
            key: key.to_owned(),
            clock,
            state: Mutex::new(state),
            faults: Mutex::default(),
            captured: Mutex::default(),
            violations: Mutex::default(),
        });
        let task = tokio::spawn(server::serve(listener, Arc::clone(&shared)));
        Self { address, shared, task }
    }

    /// `http://127.0.0.1:port`, to map `api.stripe.com` and `meter-events.stripe.com` to.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.shared.state.lock().unwrap();
        time::catch_up(&mut state, self.shared.clock.now().timestamp());
        state
    }

    /// Does what is due by the clock's time, each at its own time and in that order. Every request and every other
    /// function here does so as well.
    pub fn catch_up(&self) {
        drop(self.state());
    }

    /// Asks it something without a socket, as somebody in the Dashboard would: no key, no faults, nothing captured.
    /// Parameters are Stripe's, as JSON: `stripe.ask("POST", "/v1/products", &json!({"name": "Pro"}))`.
    ///
    /// # Panics
    /// If it refuses.
    pub fn ask(&self, method: &str, path: &str, parameters: &Value) -> Value {
        self.try_ask(method, path, parameters).unwrap_or_else(|refusal| panic!("{method} {path}: {refusal}"))
    }

    /// The same.
    ///
    /// # Errors
    /// The body of the refusal: `{"error": {…}}`.
    pub fn try_ask(&self, method: &str, path: &str, parameters: &Value) -> Result<Value, Value> {
        let mut state = self.state();
        let parameters = Parameters::of(parameters);
        server::call(&mut state, &self.shared, method, path, parameters).map_err(|refusal| refusal.body())
    }

    /// An object as it is now, by its id; none if there is none.
    #[must_use]
    pub fn object(&self, id: &str) -> Option<Value> {
        self.state().objects.get(id).map(state::shown)
    }

    /// Pays on the page of a checkout session, with [`VISA`] or [`FAILING`]: makes the customer if there is none yet, and
    /// the subscription or the payment.
    ///
    /// # Errors
    /// Stripe's word for why the page does not take it, as in `generic_decline`; the session stays open.
    pub fn complete_checkout(&self, session: &str, method: &str) -> Result<(), String> {
        checkout::complete(&mut self.state(), session, method).map_err(|refusal| refusal.word().to_owned())
    }

    /// From now on the bank refuses whatever this customer pays with, with this word, as in `insufficient_funds`.
    pub fn decline(&self, customer: &str, word: &str) {
        self.state().declined.insert(customer.to_owned(), word.to_owned());
    }

    /// The bank pays for this customer again.
    pub fn accept(&self, customer: &str) {
        self.state().declined.remove(customer);
    }

    /// Everything that has happened so far, as events: snapshot events, and thin notifications of meters.
    #[must_use]
    pub fn events(&self) -> Vec<Value> {
        self.state().events.clone()
    }

    /// What has happened since this was asked last, in its order.
    #[must_use]
    pub fn take_events(&self) -> Vec<Value> {
        let mut state = self.state();
        let new = state.events[state.taken..].to_vec();
        state.taken = state.events.len();
        new
    }

    /// Sends an event to an org's hook, signed at the clock's time. `path` is the hook's on the hub that the org is seen at. Of a thin
    /// notification the data stays here, to be asked for.
    pub async fn deliver(&self, sender: &StripeSender, org: &Org, path: &str, event: &Value) -> Reply {
        let mut event = event.clone();
        if event["object"] == "v2.core.event" {
            event.as_object_mut().unwrap().remove("data");
        }
        let body = event.to_string();
        let header = sender.header(self.shared.clock.now().timestamp(), &body);
        let call = org.without_key("POST", path).body("application/json", body);
        call.header("stripe-signature", &header).send().await
    }

    /// Meter events that count, in the order in which they came.
    #[must_use]
    pub fn meter_events(&self) -> Vec<MeterEvent> {
        self.state().usage.events().to_vec()
    }

    /// Meter events that were answered with success and count for nothing.
    #[must_use]
    pub fn rejected_meter_events(&self) -> Vec<RejectedEvent> {
        self.state().usage.rejected.clone()
    }

    /// How often an identifier came again within 24 hours.
    #[must_use]
    pub fn repeated_meter_events(&self) -> usize {
        self.state().usage.repeats
    }

    /// Forgets a meter event that counted, as if Stripe had lost it. False if there is none.
    pub fn lose_meter_event(&self, identifier: &str) -> bool {
        self.state().usage.lose(identifier)
    }

    /// Finds out, as Stripe does in its own time, that a meter event which counted is wrong: it counts no more, and a thin notification
    /// says so, with this code. False if there is none.
    pub fn refuse_meter_event(&self, identifier: &str, code: &'static str) -> bool {
        meter::refuse_afterwards(&mut self.state(), identifier, code)
    }

    /// The next requests whose path begins with this fail like these, one after the other.
    pub fn fail(&self, path: &str, faults: impl IntoIterator<Item = Fault>) {
        self.shared.faults.lock().unwrap().queue(path, faults);
    }

    /// From now on so many of a thousand requests whose path begins with this fail, each in any of the ways; the same seed
    /// chooses the same ones. None with 0.
    pub fn fail_at_random(&self, path: &str, seed: u64, per_mille: u64) {
        self.shared.faults.lock().unwrap().at_random(path, seed, per_mille);
    }

    /// The latest requests, at most 20,000, those that failed among them.
    #[must_use]
    pub fn captured(&self) -> Vec<Captured> {
        self.shared.captured.lock().unwrap().iter().cloned().collect()
    }

    /// Everything that a well-behaved client would not have sent, in words.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.shared.violations.lock().unwrap().clone()
    }

    /// Are Stripe's published parameters at hand? Without them only the simulator's own checks remain.
    #[must_use]
    pub fn checks_contract(&self) -> bool {
        contract::Contract::load().is_some()
    }
}

impl Drop for Stripe {
    fn drop(&mut self) {
        self.task.abort();
    }
}
