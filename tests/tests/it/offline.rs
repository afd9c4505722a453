//! Vendors that wait, and a database that stands still: who is answered from memory, and what becomes of the webhooks.
//!
//! No time is measured: a vendor gives up after five seconds, and the hub may take whatever is less.

use std::time::Duration;

use patchbay_hub::HubConfig;
use patchbay_package::Manifest;
use patchbay_tests::{Fixture, Org, Reply, Setup, TestHub, Vendor, hub::Standstill};
use serde_json::{Value, json};

/// How long a carrier lets a caller listen to silence.
const PATIENCE: Duration = Duration::from_secs(5);
/// For what happens behind the scene to happen.
const SOON: Duration = Duration::from_secs(60);

const SECRET: &str = "the carrier's secret";

/// A hub with a plugin that is told of calls, and one that knows what callers are told.
struct Scene {
    hub: TestHub,
    org: Org,
    hook: String,
}

impl Scene {
    async fn start() -> Self {
        Self::start_with(|_| {}, |_| {}).await
    }

    async fn start_with(
        config: impl FnOnce(&mut HubConfig) + Send + 'static,
        manifest: impl FnOnce(&mut Manifest),
    ) -> Self {
        Self::start_on(TestHub::setup().alone().edit(config), manifest).await
    }

    async fn start_on(setup: Setup, manifest: impl FnOnce(&mut Manifest)) -> Self {
        let hub = setup.start().await;
        let org = hub.org("acme").await;
        let _ = org.upload(Fixture::load("directory").pack()).await.expect(201);
        let _ = org.install("directory", json!({})).await.expect(200);
        let _ = org.upload(Fixture::load("switchboard").edit(manifest).pack()).await.expect(201);
        let installed = org.install("switchboard", json!({})).await.expect(200).json();
        let hook = installed["webhook_url"].as_str().unwrap().strip_prefix(&hub.url).unwrap().to_owned();
        let _ = org.connect("switchboard", "secret", SECRET).await.expect(200);
        // as the hub does by itself within a second
        hub.hub.read_ahead().await.expect("the database answers");
        Self { hub, org, hook }
    }

    async fn publish(&self, number: &str, says: &str) {
        let _ = self.org.act("directory", "publish", &json!({"number": number, "says": says})).await.expect(200);
    }

    /// What the carrier is answered for a call, if that comes in time.
    async fn ring(&self, call: &str, number: &str) -> Reply {
        tokio::time::timeout(PATIENCE, self.ring_with(SECRET, call, number)).await.expect("the caller hears something")
    }

    /// The same, however long it takes.
    async fn ring_with(&self, secret: &str, call: &str, number: &str) -> Reply {
        let request = self.org.without_key("POST", &self.hook).header("x-secret", secret);
        request.body("text/plain", format!("{call} {number}")).send().await
    }

    async fn webhooks(&self) -> Vec<Value> {
        self.org.get("/v1/webhooks").await.expect(200).json()["items"].as_array().unwrap().clone()
    }

    /// Waits until so many webhooks are worked on, and no other ones are there.
    async fn worked_on(&self, count: usize) {
        let are_done = || async {
            let webhooks = self.webhooks().await;
            let done = webhooks.iter().filter(|webhook| webhook["status"] == "processed").count();
            (done == count && webhooks.len() == count).then_some(())
        };
        self.org.wait_for(SOON, are_done).await;
    }

    /// What the plugin left of calls: events, and what it metered.
    async fn left(&self) -> (usize, u64) {
        let events = self.org.get("/v1/events?type=switchboard.called").await.expect(200).json();
        (events["items"].as_array().unwrap().len(), self.org.metered("switchboard", "calls").await)
    }

    async fn stop_database(&self) -> Standstill {
        self.hub.stop_database().await
    }
}

pub async fn a_vendor_that_waits_is_answered_and_its_webhook_is_worked_on_once_when_it_can_be_stored() {
    let scene = Scene::start().await;
    scene.publish("+15550001", "welcome").await;
    let standstill = scene.stop_database().await;
    let reply = scene.ring("call_1", "+15550001").await.expect(200);
    assert_eq!((reply.text().as_str(), reply.header("content-type")), ("welcome", Some("text/plain")));
    assert_eq!(scene.ring("call_1", "+15550001").await.expect(200).text(), "welcome", "the vendor asks again");
    assert_eq!(scene.ring("call_2", "+15550001").await.expect(200).text(), "welcome");
    standstill.end().await;
    scene.worked_on(2).await;
    assert_eq!(scene.left().await, (2, 2));
    assert_eq!(scene.ring("call_1", "+15550001").await.expect(200).text(), "welcome", "asked again, answered again");
    assert_eq!(scene.left().await, (2, 2));
}

pub async fn what_was_published_last_is_answered_also_after_a_restart() {
    let scene = Scene::start().await;
    scene.publish("+15550001", "welcome").await;
    scene.publish("+15550001", "we are closed").await;
    let standstill = scene.stop_database().await;
    assert_eq!(scene.ring("call_1", "+15550001").await.expect(200).text(), "we are closed");
    standstill.end().await;
    scene.worked_on(1).await;
    let Scene { hub, org, hook } = scene;
    let hub = hub.restart().await;
    let scene = Scene { org: org.at(&hub), hub, hook };
    // as it does by itself: nobody has called this hub yet
    assert_eq!(scene.hub.hub.read_ahead().await.unwrap(), 2);
    let standstill = scene.stop_database().await;
    assert_eq!(scene.ring("call_2", "+15550001").await.expect(200).text(), "we are closed");
    standstill.end().await;
    scene.worked_on(2).await;
}

pub async fn what_is_not_from_the_vendor_is_refused_without_the_database_too() {
    let scene = Scene::start().await;
    scene.publish("+15550001", "welcome").await;
    let standstill = scene.stop_database().await;
    let forged = scene.ring_with("something else", "call_1", "+15550001");
    tokio::time::timeout(PATIENCE, forged).await.expect("at once").expect_problem("webhook_refused");
    standstill.end().await;
    assert_eq!(scene.left().await, (0, 0));
}

pub async fn what_finds_no_place_in_memory_is_refused_and_taken_in_when_the_vendor_sends_again() {
    let scene = Scene::start_with(|config| config.max_held_webhooks = 1, |_| {}).await;
    scene.publish("+15550001", "welcome").await;
    let standstill = scene.stop_database().await;
    assert_eq!(scene.ring("call_1", "+15550001").await.expect(200).text(), "welcome");
    let refused = scene.ring("call_2", "+15550001").await.expect(503);
    refused.expect_problem("unavailable");
    assert!(refused.header("retry-after").is_some());
    standstill.end().await;
    scene.worked_on(1).await;
    assert_eq!(scene.ring("call_2", "+15550001").await.expect(200).text(), "welcome");
    scene.worked_on(2).await;
    assert_eq!(scene.left().await, (2, 2));
}

pub async fn a_plugin_that_does_not_say_so_answers_nobody_without_the_database() {
    let silent = |manifest: &mut Manifest| manifest.webhooks.as_mut().unwrap().answers_offline = false;
    let scene = Scene::start_with(|_| {}, silent).await;
    scene.publish("+15550001", "welcome").await;
    let standstill = scene.stop_database().await;
    let refused = scene.ring_with(SECRET, "call_1", "+15550001").await.expect(503);
    refused.expect_problem("unavailable");
    standstill.end().await;
    let again = || async { (scene.ring("call_1", "+15550001").await.status == 200).then_some(()) };
    scene.org.wait_for(SOON, again).await;
    scene.worked_on(1).await;
    assert_eq!(scene.left().await, (1, 1), "the vendor sent it again");
}

pub async fn a_database_that_stops_while_a_webhook_is_worked_on_keeps_nobody_waiting() {
    let vendor = Vendor::start().await;
    let setup = TestHub::setup().alone().upstream("vendor.test", &vendor.url());
    let scene = Scene::start_on(setup, |_| {}).await;
    scene.publish("+15550001", "welcome").await;
    vendor.hold(true);
    let stopping = async {
        // the webhook is committed by then, and its work has begun
        scene.org.wait_for(SOON, || async { (vendor.held_requests() == 1).then_some(()) }).await;
        let standstill = scene.stop_database().await;
        vendor.hold(false);
        standstill
    };
    let (reply, standstill) = tokio::join!(scene.ring("call_1", "+15550001 slowly"), stopping);
    assert_eq!(reply.expect(200).text(), "welcome");
    standstill.end().await;
    scene.worked_on(1).await;
    assert_eq!(scene.left().await, (1, 1), "what was begun without an end is done once");
    assert_eq!(vendor.held_requests(), 2, "by another attempt");
}

pub async fn a_number_without_a_menu_is_known_to_have_none() {
    let scene = Scene::start().await;
    scene.publish("+15550001", "welcome").await;
    let standstill = scene.stop_database().await;
    let reply = scene.ring("call_1", "+15550002").await;
    assert_eq!((reply.status, reply.code().as_str()), (404, "not_found"), "as with the database");
    standstill.end().await;
    let failed = || async {
        let webhook = scene.webhooks().await.into_iter().next()?;
        webhook["reason"].as_str().is_some_and(|reason| reason.starts_with("not_found")).then_some(())
    };
    scene.org.wait_for(SOON, failed).await;
}
