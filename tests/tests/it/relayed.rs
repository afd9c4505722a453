//! From one vendor's webhook to another vendor: events that Slack and Zapier take in, and the jobs that they make of them.

use std::{sync::Arc, time::Duration};

use patchbay_model::{Clock as _, SystemClock};
use patchbay_tests::{
    Fixture, Org, Slack, StripeSender, TestHub, Zapier, slack::CHANNEL, stripe::vector::SECRET, zapier::ZapFault,
};
use serde_json::{Value, json};

/// How long an effect may take that nobody waits for.
const SOON: Duration = Duration::from_secs(120);

struct Scene {
    hub: TestHub,
    org: Org,
    slack: Slack,
    zapier: Zapier,
    hook: String,
}

impl Scene {
    /// A hub with Stripe on one side, and Slack and Zapier on the other.
    async fn start() -> Self {
        let slack = Slack::start(Arc::new(SystemClock)).await;
        let zapier = Zapier::start(Arc::new(SystemClock)).await;
        let hub = TestHub::setup()
            .upstream("slack.com", &slack.url())
            .upstream("hooks.zapier.com", &zapier.url())
            .start()
            .await;
        let org = hub.org("acme").await;
        for plugin in ["stripe", "slack", "zapier"] {
            let _ = org.upload(Fixture::plugin(plugin).pack()).await.expect(201);
        }
        let installed = org.install("stripe", json!({})).await.expect(200).json();
        let _ = org.connect("stripe", "webhook_secret", SECRET).await.expect(200);
        let _ = org.install("slack", json!({"alerts_channel": CHANNEL})).await.expect(200);
        let _ = org.connect("slack", "bot_token", &slack.token(&["chat:write"])).await.expect(200);
        let _ = org.install("zapier", json!({})).await.expect(200);
        let hook = installed["webhook_url"].as_str().unwrap().strip_prefix(&hub.url).unwrap().to_owned();
        Self { hub, org, slack, zapier, hook }
    }

    async fn stripe_sends(&self, id: &str, kind: &str) {
        let now = SystemClock.now().timestamp();
        let event = StripeSender::event(id, kind, now);
        let header = StripeSender::new(SECRET).header(now, &event);
        let call = self.org.without_key("POST", &self.hook).body("application/json", event);
        let _ = call.header("stripe-signature", &header).send().await.expect(200);
    }

    /// Waits until whatever came in has had all its effects.
    async fn settled(&self) {
        self.hub.hub.process_due_webhooks().await.unwrap();
        self.hub.settled(&self.org).await;
    }

    async fn subscribe(&self, url: &str, event: &str) -> String {
        let body = json!({"target_url": url, "event": event});
        let hook = self.org.call("POST", "/v1/proxy/zapier/hooks").json(&body).send().await.expect(201).json();
        hook["id"].as_str().unwrap().to_owned()
    }

    async fn pushes(&self, url: &str, count: usize) -> Vec<Value> {
        let look = || async {
            let pushes = self.zapier.pushes(url);
            (pushes.len() >= count).then_some(pushes)
        };
        self.org.wait_for(SOON, look).await
    }
}

pub async fn a_failed_payment_is_told_in_slack_once() {
    let scene = Scene::start().await;
    scene.stripe_sends("evt_1", "invoice.payment_failed").await;
    scene.stripe_sends("evt_1", "invoice.payment_failed").await;
    scene.stripe_sends("evt_2", "invoice.paid").await;
    scene.settled().await;
    let messages = scene.slack.messages();
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert!(messages[0]["text"].as_str().unwrap().starts_with(":warning: *Payment failed*: "), "{messages:?}");
    assert_eq!(scene.slack.violations(), Vec::<String>::new());
}

pub async fn an_event_reaches_the_zaps_that_want_it_in_the_shape_of_its_sample() {
    let scene = Scene::start().await;
    let (wanted, other) = (Zapier::standard("1", "wanted"), Zapier::standard("1", "other"));
    scene.subscribe(&wanted, "stripe.*").await;
    scene.subscribe(&other, "stripe.invoice.paid").await;
    scene.stripe_sends("evt_1", "invoice.payment_failed").await;
    let pushed = scene.pushes(&wanted, 1).await;
    assert_eq!(pushed[0]["event"], "stripe.invoice.payment_failed");
    let samples = scene.org.get("/v1/proxy/zapier/samples?event=stripe.invoice.payment_failed").await.json();
    assert_eq!(samples, json!(pushed));
    scene.settled().await;
    assert_eq!(scene.zapier.pushes(&wanted).len(), 1);
    assert!(scene.zapier.pushes(&other).is_empty());
    assert_eq!(scene.zapier.violations(), Vec::<String>::new());
}

pub async fn a_zap_that_is_gone_gets_nothing_more() {
    let scene = Scene::start().await;
    let url = Zapier::standard("1", "gone");
    let id = scene.subscribe(&url, "stripe.*").await;
    scene.zapier.fail(&url, [ZapFault::Gone]);
    scene.stripe_sends("evt_1", "invoice.paid").await;
    let ended = || async { (scene.org.get(&format!("/v1/proxy/zapier/hooks/{id}")).await.status == 404).then_some(()) };
    scene.org.wait_for(SOON, ended).await;
    let other = Zapier::standard("1", "other");
    scene.subscribe(&other, "stripe.*").await;
    scene.stripe_sends("evt_2", "invoice.paid").await;
    scene.pushes(&other, 1).await;
    scene.settled().await;
    assert_eq!(scene.zapier.times(&url).len(), 1);
}

pub async fn a_zap_that_fails_or_asks_to_wait_gets_the_event_later_under_the_same_id() {
    let scene = Scene::start().await;
    let url = Zapier::standard("1", "busy");
    scene.subscribe(&url, "stripe.*").await;
    scene.zapier.fail(&url, [ZapFault::Limited(Some(2)), ZapFault::Moved]);
    scene.stripe_sends("evt_1", "invoice.paid").await;
    let pushed = scene.pushes(&url, 1).await;
    assert_eq!(pushed.len(), 1);
    let times = scene.zapier.times(&url);
    assert!(times[1] - times[0] >= chrono::Duration::seconds(2), "{times:?}");
    assert_eq!(times.len(), 3);
}
