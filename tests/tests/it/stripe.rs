//! Stripe's webhooks: the published vectors, the forgeries, and the same event a hundred times.

use std::{sync::Arc, time::Duration};

use patchbay_model::{Clock as _, ManualClock};
use patchbay_tests::{
    Fixture, Org, Reply, StripeSender, TestHub,
    stripe::vector::{BODY, HEADER, OLD_SECRET, ROTATED, SECRET, TIME},
};
use serde_json::{Value, json};

struct Scene {
    hub: TestHub,
    org: Org,
    hook: String,
    clock: Arc<ManualClock>,
}

impl Scene {
    /// A hub whose clock shows the vectors' time, with the endpoint's secret in place.
    async fn start() -> Self {
        let clock = Arc::new(ManualClock::new(chrono::DateTime::from_timestamp(TIME, 0).unwrap()));
        let hub = TestHub::setup().clock(clock.clone()).start().await;
        let org = hub.org("acme").await;
        let _ = org.upload(Fixture::plugin("stripe").pack()).await.expect(201);
        let installed = org.install("stripe", json!({})).await.expect(200).json();
        let _ = org.connect("stripe", "webhook_secret", SECRET).await.expect(200);
        Self { hub, org, hook: installed["webhook_url"].as_str().unwrap().to_owned(), clock }
    }

    async fn send(&self, header: Option<&str>, body: &str) -> Reply {
        let path = self.hook.strip_prefix(&self.hub.url).expect("the hook is at the public URL");
        let mut call = self.org.with_key("none").call("POST", path).body("application/json", body.to_owned());
        if let Some(header) = header {
            call = call.header("stripe-signature", header);
        }
        call.send().await
    }

    async fn events(&self) -> Vec<Value> {
        self.hub.hub.process_due_webhooks().await.unwrap();
        self.org.get("/v1/events?limit=200").await.expect(200).json()["items"].as_array().unwrap().clone()
    }

    async fn assert_refused(&self, header: Option<&str>, body: &str, why: &str) {
        self.send(header, body).await.expect_problem("webhook_refused");
        assert!(self.events().await.is_empty(), "{why}");
    }
}

pub async fn the_published_vector_becomes_an_event() {
    let scene = Scene::start().await;
    let reply = scene.send(Some(HEADER), BODY).await;
    assert!((200..300).contains(&reply.status), "{}", reply.text());
    let events = scene.events().await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["type"], "stripe.invoice.payment_failed");
    assert_eq!(events[0]["source"], "/plugins/stripe");
    let webhooks = scene.org.get("/v1/webhooks").await.expect(200).json();
    assert_eq!(webhooks["items"][0]["status"], "processed");
    assert_eq!(webhooks["items"][0]["vendor_id"], "evt_1TestVector0001");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_of_another_shape_is_published_as_it_is() {
    let scene = Scene::start().await;
    let sender = StripeSender::new(SECRET);
    let object = json!({
        "id": "in_2", "object": "invoice", "amount_due": "49.00", "customer": {"id": "cus_1", "name": 7}, "lines": ["il_1"],
        "metadata": [], "created": {"at": "today"}, "parent": 1,
    });
    for (number, kind) in ["invoice.paid", "invoice.payment_failed", "customer.subscription.updated"].iter().enumerate()
    {
        let id = format!("evt_{number}");
        let event =
            json!({"id": id, "object": "event", "type": kind, "created": TIME, "data": {"object": object}}).to_string();
        let reply = scene.send(Some(&sender.header(TIME, &event)), &event).await;
        assert!((200..300).contains(&reply.status), "{}", reply.text());
    }
    let events = scene.events().await;
    assert_eq!(events.len(), 3);
    assert!(events.iter().all(|event| event["data"]["object"] == object), "{events:?}");
    let webhooks = scene.org.get("/v1/webhooks").await.expect(200).json();
    assert!(webhooks["items"].as_array().unwrap().iter().all(|webhook| webhook["status"] == "processed"));
}

pub async fn during_a_rotation_either_secret_verifies_the_two_signatures() {
    for secret in [SECRET, OLD_SECRET] {
        let scene = Scene::start().await;
        let _ = scene.org.connect("stripe", "webhook_secret", secret).await.expect(200);
        let reply = scene.send(Some(ROTATED), BODY).await;
        assert!((200..300).contains(&reply.status), "{secret}: {}", reply.text());
        assert_eq!(scene.events().await.len(), 1);
    }
}

pub async fn the_old_secret_verifies_for_as_long_as_the_org_keeps_it() {
    let scene = Scene::start().await;
    let (old, new) = (StripeSender::new(SECRET), "whsec_next000000000000000000000001");
    let body = json!({"credentials": {"webhook_secret": new}, "keep_previous_for_s": 3600});
    let _ = scene.org.call("PUT", "/v1/connections/stripe").json(&body).send().await.expect(200);
    for (id, sender) in [("evt_old", &old), ("evt_new", &StripeSender::new(new))] {
        let event = StripeSender::event(id, "invoice.paid", TIME);
        let reply = scene.send(Some(&sender.header(TIME, &event)), &event).await;
        assert!((200..300).contains(&reply.status), "{id}: {}", reply.text());
    }
    scene.clock.advance(chrono::Duration::seconds(3601));
    let now = scene.clock.now().timestamp();
    let late = StripeSender::event("evt_late", "invoice.paid", now);
    scene.send(Some(&old.header(now, &late)), &late).await.expect_problem("webhook_refused");
}

pub async fn whatever_is_not_genuine_is_refused_and_publishes_nothing() {
    let scene = Scene::start().await;
    let signature = HEADER.strip_prefix("t=1793491200,v1=").unwrap();
    let sender = StripeSender::new(SECRET);
    scene.assert_refused(Some(HEADER), &format!("{BODY} "), "a changed body").await;
    scene.assert_refused(Some(&format!("t=1793491201,v1={signature}")), BODY, "another time").await;
    scene.assert_refused(Some(&format!("t=1793491200,v0={signature}")), BODY, "no v1").await;
    scene.assert_refused(Some(&format!("v1={signature}")), BODY, "no time").await;
    scene.assert_refused(Some(&format!("t=1793491200,t=1793491200,v1={signature}")), BODY, "two times").await;
    scene.assert_refused(None, BODY, "no header").await;
    scene.assert_refused(Some(""), BODY, "an empty header").await;
    scene.assert_refused(Some(&"v1=00,".repeat(5_000)), BODY, "a long header").await;
    scene.assert_refused(Some(&StripeSender::new(OLD_SECRET).header(TIME, BODY)), BODY, "another secret").await;
    scene.assert_refused(Some(&sender.header(TIME - 301, BODY)), BODY, "too old").await;
}

pub async fn a_genuine_signature_counts_up_to_its_tolerance() {
    let scene = Scene::start().await;
    let header = StripeSender::new(SECRET).header(TIME - 300, BODY);
    assert!((200..300).contains(&scene.send(Some(&header), BODY).await.status));
}

pub async fn two_signatures_of_which_one_is_right_are_enough() {
    let scene = Scene::start().await;
    let right = StripeSender::new(SECRET).sign(TIME, BODY);
    for header in [format!("t={TIME},v1={},v1={right}", "0".repeat(64)), format!("t={TIME},v1={right},v1=zz")] {
        assert!((200..300).contains(&scene.send(Some(&header), BODY).await.status), "{header}");
    }
    assert_eq!(scene.events().await.len(), 1);
}

pub async fn a_hundred_copies_at_once_are_all_acknowledged_and_processed_once() {
    let scene = Scene::start().await;
    let copies = (0..100).map(|_| scene.send(Some(HEADER), BODY));
    for reply in futures::future::join_all(copies).await {
        assert!((200..300).contains(&reply.status), "{}", reply.text());
    }
    assert_eq!(scene.events().await.len(), 1);
    let org = scene.org.clone();
    let webhooks = scene.org.wait_for(Duration::from_secs(30), || async {
        let items = org.get("/v1/webhooks").await.json()["items"].as_array().cloned()?;
        items.iter().all(|webhook| webhook["status"] == "processed").then_some(items)
    });
    assert_eq!(webhooks.await.len(), 1);
    let processed = scene.org.runs("stripe").await;
    assert!(processed.iter().all(|run| run["error_code"].is_null()));
}

pub async fn the_hooks_address_is_the_only_way_to_an_installation() {
    let scene = Scene::start().await;
    let org = scene.org.with_key("none");
    for token in ["0".repeat(64), "x".to_owned(), "%2e%2e".to_owned()] {
        let reply = org.call("POST", &format!("/hooks/{token}")).body("application/json", BODY).send().await;
        assert!((400..500).contains(&reply.status), "{}", reply.text());
    }
}

pub async fn a_secret_that_a_request_carries_is_not_kept() {
    let scene = Scene::start().await;
    scene.send(Some(SECRET), &json!({"token": SECRET}).to_string()).await.expect_problem("webhook_refused");
    let webhooks = scene.org.get("/v1/webhooks").await.expect(200).json();
    assert_eq!(webhooks["items"][0]["status"], "refused");
    for (path, bytes) in scene.hub.kept().await {
        assert!(!bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()), "{}", path.display());
    }
}
