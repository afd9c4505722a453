//! Call forwarding with Twilio's numbers: from the codes that a person dials to the forwarded call.

use std::{sync::Arc, time::Duration as Real};

use chrono::Duration;
use patchbay_model::ManualClock;
use patchbay_tests::{
    Fixture, Org, TestHub, Twilio,
    twilio::{ACCOUNT, TOKEN, TwilioSender},
};
use serde_json::{Value, json};

/// For what happens behind the scene to happen.
const SOON: Real = Real::from_secs(30);
const NUMBER: &str = "+15551230001";
const OURS: &str = "+15551230002";

struct Scene {
    hub: TestHub,
    org: Org,
    vendor: Twilio,
    clock: Arc<ManualClock>,
    hook: String,
}

async fn connected(hub: &TestHub, name: &str) -> (Org, String) {
    let org = hub.org(name).await;
    let _ = org.upload(Fixture::plugin("twilio").pack()).await;
    let installed = org.install("twilio", json!({"account_sid": ACCOUNT})).await.expect(200).json();
    let _ = org.connect("twilio", "auth_token", TOKEN).await.expect(200);
    (org, installed["webhook_url"].as_str().unwrap().to_owned())
}

impl Scene {
    async fn start() -> Self {
        let clock = Arc::new(ManualClock::new("2026-11-22T12:00:00Z".parse().unwrap()));
        let vendor = Twilio::start().await;
        let hub = TestHub::setup().clock(clock.clone()).upstream("api.twilio.com", &vendor.url()).start().await;
        let (org, hook) = connected(&hub, "acme").await;
        Self { hub, org, vendor, clock, hook }
    }

    /// A call comes in, forwarded by somebody; gives the answer's status.
    async fn call(&self, order: u32, by: &str) -> u16 {
        let sid = format!("CAf0{order:030x}");
        let form = [
            ("AccountSid", ACCOUNT),
            ("ApiVersion", "2010-04-01"),
            ("CallSid", sid.as_str()),
            ("CallStatus", "ringing"),
            ("Direction", "inbound"),
            ("ForwardedFrom", by),
            ("From", "+15559990000"),
            ("To", OURS),
        ];
        let path = self.hook.strip_prefix(&self.hub.url).unwrap();
        TwilioSender::new(TOKEN).post(&self.org, &self.hook, path, &form).send().await.status
    }

    async fn worked_off(&self) {
        self.hub.hub.process_due_webhooks().await.unwrap();
        self.hub.hub.work_due_jobs().await.unwrap();
    }

    /// Waits until something holds, while what is due is done. What the database was too slow for while a caller
    /// waited is done with the webhook's next attempt, which is some seconds later by the clock.
    async fn until(&self, holds: impl AsyncFn() -> bool) {
        let look = || async {
            self.worked_off().await;
            if holds().await {
                return Some(());
            }
            self.clock.advance(Duration::seconds(5));
            None
        };
        self.org.wait_for(SOON, look).await;
    }
}

async fn act(org: &Org, action: &str, input: &Value) -> Value {
    org.act("twilio", action, input).await.expect(200).json()["output"].clone()
}

async fn listed(org: &Org) -> Vec<Value> {
    act(org, "list-forwardings", &json!({})).await["forwardings"].as_array().unwrap().clone()
}

async fn told(org: &Org) -> Vec<Value> {
    let events = org.get("/v1/events?type=twilio.forwarding.*&limit=200").await.expect(200).json();
    events["items"].as_array().unwrap().iter().map(|event| event["data"].clone()).collect()
}

fn order() -> Value {
    json!({"phone_number": NUMBER, "carrier": "t-mobile", "mode": "missed", "destination": OURS, "ring_seconds": 20})
}

pub async fn a_forwarded_call_shows_that_a_forwarding_works_and_that_it_did_not_end() {
    let scene = Scene::start().await;
    let (other, _) = connected(&scene.hub, "umbrella").await;
    let given = act(&scene.org, "set-up-forwarding", &order()).await;
    assert_eq!(given["dial"][0]["code"], "**004*15551230002*11*20#");
    assert_eq!(scene.call(1, "+15551230007").await, 200);
    scene.worked_off().await;
    assert_eq!(listed(&scene.org).await[0]["state"], "pending", "somebody else's call");
    for call in [2, 3] {
        assert_eq!(scene.call(call, NUMBER).await, 200);
        scene.worked_off().await;
    }
    scene.until(async || listed(&scene.org).await[0]["state"] == "active").await;
    let data = json!({"phone_number": NUMBER, "destination": OURS, "mode": "missed", "confirmed_by": "call"});
    assert_eq!(told(&scene.org).await, [data]);

    scene.clock.advance(Duration::minutes(5));
    let ended = act(&scene.org, "disable-forwarding", &json!({"phone_number": NUMBER})).await;
    assert_eq!((&ended["dial"][0]["code"], &ended["forwarding"]["still_forwards"]), (&json!("##004#"), &json!(false)));
    scene.clock.advance(Duration::minutes(5));
    assert_eq!(scene.call(4, NUMBER).await, 200);
    scene.worked_off().await;
    scene.until(async || listed(&scene.org).await[0]["still_forwards"] == true).await;
    assert_eq!(listed(&scene.org).await[0]["state"], "disabled");
    assert!(listed(&other).await.is_empty() && told(&other).await.is_empty());
    assert_eq!(scene.vendor.violations(), Vec::<String>::new());
}

pub async fn a_person_confirms_a_forwarding_and_another_org_knows_nothing_of_it() {
    let scene = Scene::start().await;
    let (other, _) = connected(&scene.hub, "umbrella").await;
    let number = json!({"phone_number": NUMBER});
    act(&scene.org, "set-up-forwarding", &order()).await;
    for action in ["confirm-forwarding", "disable-forwarding"] {
        other.act("twilio", action, &number).await.expect_problem("not_found");
    }
    assert_eq!(act(&scene.org, "confirm-forwarding", &number).await["confirmed_by"], "user");
    assert_eq!(told(&scene.org).await.len(), 1);
    assert!(listed(&other).await.is_empty() && told(&other).await.is_empty());
    // no carrier has more than the table says, and every refusal names its field
    for (wrong, field) in [
        (json!({"carrier": "reseller"}), "/carrier"),
        (json!({"carrier": "verizon", "mode": "busy"}), "/mode"),
        (json!({"carrier": "verizon"}), "/ring_seconds"),
        (json!({"destination": "+4930123456"}), "/destination"),
        (json!({"ring_seconds": 12}), "/ring_seconds"),
    ] {
        let mut input = order();
        input.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        let refused = scene.org.act("twilio", "set-up-forwarding", &input).await;
        refused.expect_problem("invalid_input");
        assert!(refused.text().contains(field), "{}", refused.text());
    }
}
