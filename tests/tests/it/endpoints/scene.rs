//! An org with a plugin that publishes what it is told to, and a clock that a test moves.

use std::sync::Arc;

use chrono::TimeDelta;
use patchbay_hub::HubConfig;
use patchbay_model::{Clock as _, ManualClock, Timestamp};
use patchbay_tests::{Fixture, Org, TestHub, TestReceiver};
use serde_json::{Value, json};

/// Lets endpoints be on this machine.
pub fn on_this_machine(config: &mut HubConfig) {
    let rules = &mut config.egress.endpoints;
    rules.allow_http = true;
    rules.ports = Vec::new();
    rules.allow_addresses = vec!["127.0.0.0/8".parse().unwrap()];
}

pub struct Scene {
    pub hub: TestHub,
    pub org: Org,
    pub clock: Arc<ManualClock>,
    pub receiver: TestReceiver,
}

/// A clock that shows a day of November 2026.
pub fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp::from_timestamp(1_795_000_000, 0).unwrap()))
}

/// An org that can publish events.
pub async fn publisher(hub: &TestHub, name: &str) -> Org {
    let org = hub.org(name).await;
    let _ = org.upload(Fixture::load("echo").pack()).await;
    let _ = org.install("echo", json!({})).await.expect(200);
    org
}

impl Scene {
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(edit: impl FnOnce(&mut HubConfig) + Send + 'static) -> Self {
        let (clock, receiver) = (clock(), TestReceiver::start().await);
        let setup = TestHub::setup().clock(Arc::clone(&clock) as _);
        let hub = setup
            .edit(|config| {
                on_this_machine(config);
                edit(config);
            })
            .start()
            .await;
        let org = publisher(&hub, "acme").await;
        Self { hub, org, clock, receiver }
    }

    /// An endpoint at the receiver, with these settings beside its URL: its id and its secret.
    pub async fn endpoint(&self, settings: Value) -> (String, String) {
        endpoint_at(&self.org, &self.receiver, settings).await
    }

    /// Publishes `echo.echoed` with this text.
    pub async fn publish(&self, text: &str) {
        publish(&self.org, text).await;
        self.clock.advance(TimeDelta::milliseconds(1));
    }

    /// Sends all that is due.
    pub async fn settle(&self) {
        self.hub.hub.process_due_deliveries().await.unwrap();
    }

    /// Lets time pass and sends all that is due then.
    pub async fn later(&self, seconds: i64) {
        self.clock.advance(TimeDelta::seconds(seconds));
        self.settle().await;
    }

    /// The endpoint's deliveries, those of the newest events first.
    pub async fn deliveries(&self, endpoint: &str) -> Vec<Value> {
        let list = self.org.get(&format!("/v1/endpoints/{endpoint}/deliveries?limit=200")).await.expect(200).json();
        list["items"].as_array().unwrap().clone()
    }

    /// Its only delivery, with its attempts.
    pub async fn delivery(&self, endpoint: &str) -> Value {
        let all = self.deliveries(endpoint).await;
        assert_eq!(all.len(), 1, "{all:?}");
        self.org.get(&format!("/v1/deliveries/{}", all[0]["id"].as_str().unwrap())).await.expect(200).json()
    }

    pub async fn patch(&self, endpoint: &str, changes: Value) -> patchbay_tests::Reply {
        self.org.call("PATCH", &format!("/v1/endpoints/{endpoint}")).json(&changes).send().await
    }

    pub async fn replay(&self, endpoint: &str, body: Value) -> u64 {
        let call = self.org.call("POST", &format!("/v1/endpoints/{endpoint}/replay")).json(&body);
        call.send().await.expect(202).json()["queued"].as_u64().unwrap()
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The texts of all that the receiver got.
    pub fn texts(&self) -> Vec<String> {
        let text = |one: &patchbay_tests::Received| one.json()["data"]["text"].as_str().unwrap_or_default().to_owned();
        self.receiver.received().iter().map(text).collect()
    }
}

pub async fn publish(org: &Org, text: &str) {
    let _ = org.act("echo", "run", &json!({"text": text})).await.expect(200);
}

pub async fn endpoint_at(org: &Org, receiver: &TestReceiver, mut settings: Value) -> (String, String) {
    settings["url"] = json!(receiver.url());
    let made = org.call("POST", "/v1/endpoints").json(&settings).send().await.expect(201).json();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&made["endpoint"]["id"]), text(&made["secret"]))
}
