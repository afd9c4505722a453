//! What the hub says that happened, and what reached the endpoint.

use std::collections::BTreeSet;

use patchbay_tests::{Org, Received, TestReceiver};
use serde_json::Value;

/// All events and all deliveries, as far as they were looked at.
#[derive(Default)]
pub struct Witness {
    /// In their order.
    pub events: Vec<Value>,
    /// In the order in which they came.
    pub received: Vec<Received>,
    heard: BTreeSet<String>,
    after: Option<String>,
}

impl Witness {
    /// Reads on in both.
    pub async fn look(&mut self, org: &Org, receiver: &TestReceiver) {
        loop {
            let after = self.after.as_deref().unwrap_or("0");
            let page = org.get(&format!("/v1/events?after={after}&limit=200")).await.expect(200).json();
            let items = page["items"].as_array().unwrap().clone();
            let Some(last) = items.last() else { break };
            self.after = Some(last["sequence"].as_str().unwrap().to_owned());
            self.events.extend(items);
        }
        let new = receiver.received_after(self.received.len());
        self.heard.extend(new.iter().map(event_of));
        self.received.extend(new);
    }

    /// Ids of events that did not reach the endpoint.
    pub fn missing(&self) -> Vec<&str> {
        self.events.iter().map(|event| event["id"].as_str().unwrap()).filter(|id| !self.heard.contains(*id)).collect()
    }

    /// What the events of a type are about, in their order.
    pub fn subjects(&self, kind: &str) -> Vec<&str> {
        let of_kind = self.events.iter().filter(|event| event["type"] == kind);
        of_kind.map(|event| event["subject"].as_str().unwrap()).collect()
    }
}

/// The id of the event that a delivery is about.
pub fn event_of(received: &Received) -> String {
    received.json()["id"].as_str().expect("a payload has its event's id").to_owned()
}
