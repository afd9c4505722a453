//! A hub in a process of its own, an org whose plugins do the work, and an endpoint that gets all that happens.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use futures::{StreamExt as _, stream};
use patchbay_tests::{Fixture, Org, TestHub, TestReceiver, hub::HubProcess, stripe::vector::SECRET};
use serde_json::json;

use super::{
    load::{Answer, Dice, Ledger, Wish},
    witness::Witness,
};
use crate::endpoints::scene::{endpoint_at, on_this_machine};

/// So much is asked at once.
const AT_ONCE: usize = 8;
/// Until when nothing may be left. On PostgreSQL the work of a hub that was killed is taken up when its leases end, the longest
/// of which is that of a webhook.
const DONE_IN: Duration = Duration::from_secs(900);
/// How often it is looked whether something is left.
const LOOK: Duration = Duration::from_millis(250);

const SETTINGS: &str = r#"
[endpoints]
allow_http = true
allow_addresses = ["127.0.0.0/8"]
ports = []
[rate_limits]
org = "unlimited"
key = "unlimited"
addresses = { webhooks = "unlimited" }
"#;

/// What is to be empty in the end.
const WAITING: [&str; 4] = [
    "/v1/webhooks?status=pending",
    "/v1/jobs?status=queued",
    "/v1/jobs?status=running",
    "/v1/deliveries?status=pending",
];

pub struct Scene {
    pub hub: HubProcess,
    pub receiver: TestReceiver,
    /// With which the endpoint's deliveries are signed.
    pub secret: String,
    pub database: &'static str,
    org: Org,
    hook: String,
}

impl Scene {
    pub async fn start() -> Self {
        let receiver = TestReceiver::start().await;
        let hub = TestHub::setup().edit(on_this_machine).start().await;
        let org = hub.org("acme").await;
        // no job comes from anywhere else
        let worker = Fixture::load("worker").edit(|manifest| manifest.schedules.clear());
        for plugin in [worker, Fixture::plugin("stripe")] {
            let _ = org.upload(plugin.pack()).await.expect(201);
        }
        let _ = org.install("worker", json!({})).await.expect(200);
        let _ = org.connect("stripe", "webhook_secret", SECRET).await.expect(200);
        let hook =
            org.install("stripe", json!({})).await.expect(200).json()["webhook_url"].as_str().unwrap().to_owned();
        let hook = hook.strip_prefix(&hub.url).unwrap().to_owned();
        let (_, secret) = endpoint_at(&org, &receiver, json!({})).await;
        let database = if hub.postgres().is_some() { "PostgreSQL" } else { "SQLite" };
        let hub = HubProcess::in_place_of(hub, SETTINGS).await;
        Self { hub, receiver, secret, database, org, hook }
    }

    /// The org as the hub sees it that runs now.
    pub fn org(&self) -> Org {
        self.hub.see(&self.org)
    }

    /// Asks the hub for things until it has acknowledged so many, kills it, and starts it again.
    pub async fn round(&mut self, round: u64, dice: &Dice, ledger: &mut Ledger) {
        let wishes = ledger.wishes(round, dice);
        let (kill_after, mut acknowledged) = (dice.kill_after(), 0);
        let (org, hook, killed) = (self.org(), self.hook.clone(), AtomicBool::new(false));
        let (org, hook, killed) = (&org, hook.as_str(), &killed);
        let asking = stream::iter(wishes).map(|wish: Wish| async move {
            // its port may be somebody else's by now
            let is_there = !killed.load(Ordering::SeqCst);
            let answer = if is_there { wish.ask(org, hook).await } else { Answer::NotAsked };
            (wish, answer)
        });
        let mut answers = asking.buffer_unordered(AT_ONCE);
        while let Some((wish, answer)) = answers.next().await {
            acknowledged += usize::from(matches!(answer, Answer::Acknowledged(_)));
            ledger.note(wish, answer);
            if acknowledged == kill_after && !killed.swap(true, Ordering::SeqCst) {
                self.hub.kill().await;
            }
        }
        drop(answers);
        assert!(killed.load(Ordering::SeqCst), "{acknowledged} acknowledged in round {round}:\n{}", self.hub.log());
        self.hub.start_again().await;
    }

    /// Sends the webhooks once more that no hub has acknowledged, as their vendor would.
    pub async fn send_again(&self, ledger: &mut Ledger) {
        for wish in std::mem::take(&mut ledger.again) {
            let answer = wish.ask(&self.org(), &self.hook).await;
            assert!(matches!(answer, Answer::Acknowledged(_)), "nobody kills it any more:\n{}", self.hub.log());
            ledger.note(wish, answer);
        }
    }

    /// Waits until nothing is left to do and every event has reached the endpoint; gives all that happened.
    ///
    /// # Panics
    /// If something is stuck: with what it is.
    pub async fn nothing_is_left(&self) -> Witness {
        let org = self.org();
        let mut witness = Witness::default();
        let done = async {
            let mut looks = tokio::time::interval(LOOK);
            loop {
                looks.tick().await;
                if !waiting(&org).await.is_empty() {
                    continue;
                }
                witness.look(&org, &self.receiver).await;
                // and what came of the last events is written down
                if witness.missing().is_empty() && waiting(&org).await.is_empty() {
                    return;
                }
            }
        };
        if tokio::time::timeout(DONE_IN, done).await.is_err() {
            witness.look(&org, &self.receiver).await;
            let (waiting, missing) = (waiting(&org).await, witness.missing());
            panic!("waiting: {waiting:#?}, not received: {missing:#?}, log:\n{}", self.hub.log());
        }
        witness
    }
}

/// The first of what is left to do of each kind.
async fn waiting(org: &Org) -> Vec<String> {
    let mut found = Vec::new();
    for path in WAITING {
        let page = org.get(&format!("{path}&limit=1")).await.expect(200).json();
        found.extend(page["items"].as_array().unwrap().iter().map(|one| format!("{path}: {one}")));
    }
    found
}
