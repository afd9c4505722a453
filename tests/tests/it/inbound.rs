//! What vendors send in, where it is not their signatures that matter: answers that somebody waits for, limits, replays.

use std::{sync::Arc, time::Duration};

use patchbay_model::{Clock as _, ManualClock, SystemClock};
use patchbay_package::Manifest;
use patchbay_tests::{
    Fixture, Org, Reply, StripeSender, TestHub, Vendor,
    stripe::vector::{OLD_SECRET, SECRET, TIME},
};
use serde_json::{Value, json};

/// A hub with the guest whose answers a vendor waits for, 300 ms.
struct Waiting {
    hub: TestHub,
    org: Org,
    vendor: Vendor,
    hook: String,
}

impl Waiting {
    async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    async fn start_with(edit: impl FnOnce(&mut Manifest)) -> Self {
        let vendor = Vendor::start().await;
        // stands still, so that nothing is tried again by itself before a test asks for it
        let clock = Arc::new(ManualClock::new(SystemClock.now()));
        let hub = TestHub::setup().upstream("vendor.test", &vendor.url()).clock(clock).start().await;
        let org = hub.org("acme").await;
        let _ = org.upload(Fixture::load("answerer").edit(edit).pack()).await.expect(201);
        let hook = hook(&hub, &org.install("answerer", json!({})).await.expect(200));
        Self { hub, org, vendor, hook }
    }

    async fn ask(&self, question: &str) -> Reply {
        let stranger = self.org.with_key("none");
        stranger.call("POST", &self.hook).body("text/plain", question.to_owned()).send().await
    }

    async fn settled(&self, status: &str) -> Value {
        let org = self.org.clone();
        let look = || async {
            let webhook = org.get("/v1/webhooks").await.json()["items"][0].clone();
            (webhook["status"] == status && (status != "pending" || webhook["attempts"] != 0)).then_some(webhook)
        };
        self.org.wait_for(Duration::from_secs(30), look).await
    }

    async fn asked(&self) -> usize {
        self.org.get("/v1/events?type=answerer.asked").await.json()["items"].as_array().unwrap().len()
    }
}

fn hook(hub: &TestHub, installed: &Reply) -> String {
    installed.json()["webhook_url"].as_str().unwrap().strip_prefix(&hub.url).unwrap().to_owned()
}

pub async fn an_answer_that_is_made_in_time_reaches_the_vendor() {
    // in time also on a slow machine
    let scene = Waiting::start_with(|manifest| manifest.webhooks.as_mut().unwrap().answer_ms = Some(30_000)).await;
    let reply = scene.ask("is it so?").await.expect(200);
    assert_eq!((reply.text().as_str(), reply.header("content-type")), ("yes", Some("text/plain")));
    scene.settled("processed").await;
    assert_eq!(scene.ask("is it so?").await.expect(200).text(), "", "a repeat is acknowledged and nothing more");
    assert_eq!((scene.vendor.held_requests(), scene.asked().await), (1, 1));
}

pub async fn when_the_time_is_over_the_vendor_gets_something_plain_and_the_work_is_done_once() {
    let scene = Waiting::start().await;
    scene.vendor.hold(true);
    let reply = scene.ask("is it so?").await.expect(200);
    assert_eq!((reply.text().as_str(), reply.header("content-type")), ("<Response/>", Some("text/xml")));
    // whoever looks for work meanwhile leaves it to who does it
    assert_eq!(scene.asked().await, 0, "nothing of it is committed yet");
    scene.vendor.hold(false);
    scene.hub.hub.process_due_webhooks().await.unwrap();
    let webhook = scene.settled("processed").await;
    assert_eq!(webhook["attempts"], 1);
    assert_eq!((scene.vendor.held_requests(), scene.asked().await), (1, 1));
    assert_eq!(
        scene.org.runs("answerer").await.len(),
        1,
        "what worked on it; that it is genuine is the webhook itself"
    );
}

pub async fn an_answer_that_could_not_be_made_is_made_up_for_and_tried_again() {
    let scene = Waiting::start().await;
    scene.vendor.fail(true);
    assert_eq!(scene.ask("is it so?").await.expect(200).text(), "<Response/>");
    let webhook = scene.settled("pending").await;
    assert!(webhook["reason"].as_str().unwrap().starts_with("upstream_unavailable"), "{webhook}");
    scene.vendor.fail(false);
    let replay = format!("/v1/webhooks/{}/replay", webhook["id"].as_str().unwrap());
    let _ = scene.org.call("POST", &replay).send().await.expect(202);
    scene.hub.hub.process_due_webhooks().await.unwrap();
    scene.settled("processed").await;
    assert_eq!(scene.asked().await, 1, "the first try left nothing behind");
}

pub async fn more_than_the_manifest_allows_is_refused_before_it_is_read() {
    let scene = Waiting::start().await;
    assert_ne!(
        scene.ask(&"x".repeat(1_024)).await.status,
        413,
        "the body is the webhook's id here, and too long for that"
    );
    scene.ask(&"x".repeat(1_025)).await.expect_problem("payload_too_large");
    // one that says how large it is gets the answer without sending it
    let mut request = scene.hub.client.post(format!("{}{}", scene.hub.url, scene.hook));
    request = request
        .header("content-length", 1_000_000_000_u64)
        .body(reqwest::Body::wrap_stream(futures::stream::pending::<Result<Vec<u8>, std::io::Error>>()));
    let answered = tokio::time::timeout(Duration::from_secs(30), request.send()).await.expect("at once").unwrap();
    assert_eq!(answered.status(), 413);
    assert_eq!(scene.org.get("/v1/webhooks").await.json()["items"], json!([]));
}

/// A hub on whose clock the time of Stripe's signatures is.
struct Signed {
    hub: TestHub,
    org: Org,
    clock: Arc<ManualClock>,
    hook: String,
}

impl Signed {
    async fn start(secret: &str) -> Self {
        let clock = Arc::new(ManualClock::new(chrono::DateTime::from_timestamp(TIME, 0).unwrap()));
        let hub = TestHub::setup().clock(clock.clone()).start().await;
        let org = hub.org("acme").await;
        let _ = org.upload(Fixture::plugin("stripe").pack()).await.expect(201);
        let hook = hook(&hub, &org.install("stripe", json!({})).await.expect(200));
        let _ = org.connect("stripe", "webhook_secret", secret).await.expect(200);
        Self { hub, org, clock, hook }
    }

    /// Sends what Stripe would send now.
    async fn send(&self, id: &str, secret: &str) -> Reply {
        let now = self.clock.now().timestamp();
        let event = StripeSender::event(id, "invoice.paid", now);
        let header = StripeSender::new(secret).header(now, &event);
        let call = self.org.with_key("none").call("POST", &self.hook).body("application/json", event);
        call.header("stripe-signature", &header).send().await
    }

    async fn worked_off(&self) -> Vec<Value> {
        self.hub.hub.process_due_webhooks().await.unwrap();
        self.org.get("/v1/webhooks").await.json()["items"].as_array().unwrap().clone()
    }

    async fn replay(&self, webhook: &Value, body: &Value) -> Reply {
        let path = format!("/v1/webhooks/{}/replay", webhook["id"].as_str().unwrap());
        self.org.call("POST", &path).json(body).send().await
    }

    async fn events(&self) -> usize {
        self.org.get("/v1/events").await.json()["items"].as_array().unwrap().len()
    }

    fn later(&self) {
        self.clock.advance(chrono::Duration::hours(5));
    }
}

pub async fn what_was_refused_is_verified_anew_as_of_when_it_came() {
    let scene = Signed::start(OLD_SECRET).await;
    scene.send("evt_1", SECRET).await.expect_problem("webhook_refused");
    let refused = scene.worked_off().await.remove(0);
    assert_eq!((refused["status"].as_str(), refused["kind"].as_str()), (Some("refused"), Some("")));
    // the secret is mended hours later, when no signature of then would count any more
    scene.later();
    let _ = scene.org.connect("stripe", "webhook_secret", SECRET).await.expect(200);
    let replayed = scene.replay(&refused, &json!({})).await.expect(202).json();
    assert_eq!((replayed["status"].as_str(), replayed["reason"].as_str()), (Some("pending"), None));
    let webhook = scene.worked_off().await.remove(0);
    assert_eq!(
        (webhook["id"].clone(), webhook["status"].as_str()),
        (refused["id"].clone(), Some("processed")),
        "{webhook}"
    );
    assert_eq!((webhook["vendor_id"].as_str(), webhook["kind"].as_str()), (Some("evt_1"), Some("invoice.paid")));
    assert_eq!(scene.events().await, 1);
    let audit = scene.org.get("/v1/audit").await.json()["items"].to_string();
    assert!(audit.contains("webhook.replay"), "{audit}");
}

pub async fn what_is_still_not_genuine_is_refused_again() {
    let scene = Signed::start(OLD_SECRET).await;
    scene.send("evt_1", SECRET).await.expect_problem("webhook_refused");
    let refused = scene.worked_off().await.remove(0);
    let _ = scene.replay(&refused, &json!({})).await.expect(202);
    let again = scene.worked_off().await.remove(0);
    assert_eq!(again["status"], "refused", "{again}");
    assert!(again["reason"].as_str().unwrap().starts_with("no v1 signature matches"), "{again}");
    assert_eq!(scene.events().await, 0);
}

pub async fn what_came_once_more_meanwhile_is_not_taken_in_twice() {
    let scene = Signed::start(OLD_SECRET).await;
    scene.send("evt_1", SECRET).await.expect_problem("webhook_refused");
    let refused = scene.worked_off().await.remove(0);
    let _ = scene.org.connect("stripe", "webhook_secret", SECRET).await.expect(200);
    scene.later();
    assert_eq!(scene.send("evt_1", SECRET).await.status, 200);
    let _ = scene.replay(&refused, &json!({})).await.expect(202);
    let both = scene.worked_off().await;
    let status = |webhook: &Value| webhook["status"].as_str().unwrap().to_owned();
    assert_eq!(both.iter().map(status).collect::<Vec<_>>(), ["processed", "refused"]);
    assert!(both[1]["reason"].as_str().unwrap().contains("came another time"), "{}", both[1]);
    assert_eq!(scene.events().await, 1);
}

pub async fn what_was_processed_is_done_once_more_by_another_version() {
    let scene = Signed::start(SECRET).await;
    let _ = scene.org.upload(Fixture::plugin("stripe").version("0.9.0").pack()).await.expect(201);
    assert_eq!(scene.send("evt_1", SECRET).await.status, 200);
    let webhook = scene.worked_off().await.remove(0);
    assert_eq!(webhook["status"], "processed");
    scene.later();
    let _ = scene.replay(&webhook, &json!({"version": "0.1.0"})).await.expect(202);
    assert_eq!(scene.worked_off().await[0]["status"], "processed");
    // once more without a version is by the one that serves
    scene.later();
    let _ = scene.replay(&webhook, &json!({})).await.expect(202);
    scene.worked_off().await;
    let runs = scene.org.runs("stripe").await;
    let versions: Vec<_> = runs.iter().map(|run| run["version"].as_str().unwrap()).collect();
    assert_eq!(versions, ["0.9.0", "0.1.0", "0.9.0"], "the newest first: two replays, the work");
    assert_eq!(scene.events().await, 1, "the event has Stripe's id");
}

pub async fn no_version_gets_a_webhook_that_could_not_serve() {
    let scene = Signed::start(SECRET).await;
    assert_eq!(scene.send("evt_1", SECRET).await.status, 200);
    let webhook = scene.worked_off().await.remove(0);
    scene.replay(&webhook, &json!({"version": "7.7.7"})).await.expect_problem("invalid_input");
    // one that may do more than was approved
    let mut curious = Fixture::plugin("stripe").version("2.0.0");
    curious.manifest.events.consumes = vec!["contact.*".to_owned()];
    let _ = scene.org.upload(curious.pack()).await.expect(201);
    scene.replay(&webhook, &json!({"version": "2.0.0"})).await.expect_problem("approval_needed");
    // one that takes no webhooks
    let mut deaf = Fixture::plugin("stripe").version("0.0.1");
    deaf.manifest.webhooks = None;
    let _ = scene.org.upload(deaf.pack()).await.expect(201);
    scene.replay(&webhook, &json!({"version": "0.0.1"})).await.expect_problem("conflict");
    let many = json!({"plugin": "stripe", "status": "processed", "version": "2.0.0"});
    scene.org.call("POST", "/v1/webhooks/replay").json(&many).send().await.expect_problem("approval_needed");
    assert_eq!(scene.worked_off().await[0]["status"], "processed", "nothing was planned");
    assert_eq!(scene.org.runs("stripe").await.len(), 1);
}

pub async fn those_of_a_span_of_time_are_replayed_at_once() {
    let scene = Signed::start(OLD_SECRET).await;
    scene.send("evt_before", SECRET).await.expect_problem("webhook_refused");
    scene.later();
    let since = scene.clock.now();
    for id in ["evt_1", "evt_2", "evt_3"] {
        scene.send(id, SECRET).await.expect_problem("webhook_refused");
    }
    scene.later();
    let _ = scene.org.connect("stripe", "webhook_secret", SECRET).await.expect(200);
    let mut wish =
        json!({"status": "refused", "plugin": "stripe", "since": since, "until": scene.clock.now(), "limit": 2});
    let first = scene.org.call("POST", "/v1/webhooks/replay").json(&wish).send().await.expect(202).json();
    assert_eq!(first["replayed"], 2);
    wish["after"] = first["next"].clone();
    let rest = scene.org.call("POST", "/v1/webhooks/replay").json(&wish).send().await.expect(202).json();
    assert_eq!((rest["replayed"].as_u64(), rest["next"].clone()), (Some(1), Value::Null));
    let statuses: Vec<_> = scene.worked_off().await.iter().map(|webhook| webhook["status"].clone()).collect();
    assert_eq!(statuses, ["processed", "processed", "processed", "refused"], "the newest first");
    assert_eq!(scene.events().await, 3);
}
