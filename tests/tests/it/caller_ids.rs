//! Verified caller ids at Twilio, from the code on the screen to the call that may come from the number.

use std::{sync::Arc, time::Duration as Real};

use chrono::Duration;
use patchbay_model::ManualClock;
use patchbay_tests::{
    Fixture, Org, Reply, TestHub, Twilio,
    twilio::{ACCOUNT, Callee, TOKEN},
};
use serde_json::{Value, json};

/// For what happens behind the scene to happen.
const SOON: Real = Real::from_secs(30);
const NUMBER: &str = "+15551230001";
const OTHER: &str = "+15551230009";

struct Scene {
    hub: TestHub,
    org: Org,
    vendor: Twilio,
    clock: Arc<ManualClock>,
}

/// An org with the plugin, connected to the vendor's account.
async fn connected(hub: &TestHub, name: &str, caller_ids: &Value) -> Org {
    let org = hub.org(name).await;
    let _ = org.upload(Fixture::plugin("twilio").pack()).await;
    let config = json!({"account_sid": ACCOUNT, "caller_ids": caller_ids});
    let _ = org.install("twilio", config).await.expect(200);
    let _ = org.connect("twilio", "auth_token", TOKEN).await.expect(200);
    org
}

impl Scene {
    async fn start(caller_ids: Value) -> Self {
        let clock = Arc::new(ManualClock::new("2026-11-22T12:00:00Z".parse().unwrap()));
        let vendor = Twilio::start().await;
        let hub = TestHub::setup().clock(clock.clone()).upstream("api.twilio.com", &vendor.url()).start().await;
        let org = connected(&hub, "acme", &caller_ids).await;
        Self { hub, org, vendor, clock }
    }

    /// Has Twilio called by an action; gives the call's SID and its code.
    async fn rings(&self, org: &Org, action: &str, number: &str) -> (String, String) {
        let output = act(org, action, number).await.expect(200).json()["output"].clone();
        assert_eq!(output["state"], "pending", "{output}");
        let text = |name: &str| output[name].as_str().unwrap().to_owned();
        (text("call_sid"), text("validation_code"))
    }

    /// Lets time pass, and has done what is due then.
    async fn after(&self, wait: Duration) {
        self.clock.advance(wait);
        self.hub.hub.work_due_jobs().await.unwrap();
    }

    async fn once(&self, number: &str, state: &str) {
        let look = || async { (kept(&self.org, number).await.as_deref() == Some(state)).then_some(()) };
        self.org.wait_for(SOON, look).await;
    }

    fn assert_well_behaved(&self) {
        assert_eq!(self.vendor.violations(), Vec::<String>::new());
    }
}

async fn act(org: &Org, action: &str, number: &str) -> Reply {
    org.act("twilio", action, &json!({"phone_number": number})).await
}

/// The state that is kept of a number.
async fn kept(org: &Org, number: &str) -> Option<String> {
    let page = org.act("twilio", "list-caller-ids", &json!({})).await.expect(200).json();
    let all = page["output"]["caller_ids"].as_array().unwrap().clone();
    let found = all.iter().find(|one| one["phone_number"] == number)?;
    found["state"].as_str().map(str::to_owned)
}

/// What was told of caller ids, without the family's name.
async fn told(org: &Org) -> Vec<String> {
    let events = org.get("/v1/events?type=twilio.caller_id.*&limit=200").await.expect(200).json();
    let kinds = events["items"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap().to_owned());
    kinds.map(|kind| kind.replace("twilio.caller_id.", "")).collect()
}

pub async fn a_number_is_verified_by_its_callback_and_its_code_is_kept_nowhere() {
    let scene = Scene::start(json!({})).await;
    let (call, code) = scene.rings(&scene.org, "start-caller-id", NUMBER).await;
    assert_eq!(scene.vendor.validations()[0].code, code);
    act(&scene.org, "start-caller-id", NUMBER).await.expect_problem("conflict");
    let told_twice = scene.vendor.validated(&call, Callee::KeysIn).await;
    assert!(told_twice.iter().all(|status| (200..300).contains(status)), "{told_twice:?}");
    scene.hub.hub.process_due_webhooks().await.unwrap();
    scene.once(NUMBER, "verified").await;
    scene.after(Duration::minutes(20)).await;
    scene.once(NUMBER, "verified").await;
    assert_eq!(told(&scene.org).await, ["verified"]);
    // already verified is a success, and rings nobody
    let again = act(&scene.org, "start-caller-id", NUMBER).await.expect(200).json();
    assert_eq!((&again["output"]["state"], scene.vendor.validations().len()), (&json!("verified"), 1));
    // in quotes: six digits alone are in any file by chance
    let quoted = format!("\"{code}\"");
    for (path, bytes) in scene.hub.kept().await {
        for secret in [quoted.as_str(), TOKEN] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{}", path.display());
        }
    }
    for run in scene.org.runs("twilio").await {
        let path = format!("/v1/runs/{}", run["id"].as_str().unwrap());
        let shown = scene.org.get(&path).await.expect(200).json();
        assert!(!shown.to_string().contains(&quoted), "{shown}");
        assert!(!shown["log"].to_string().contains(NUMBER), "{shown}");
    }
    let gone = act(&scene.org, "delete-caller-id", NUMBER).await.expect(200).json();
    assert_eq!(gone["output"]["existed"], true);
    assert_eq!(kept(&scene.org, NUMBER).await, None);
    act(&scene.org, "caller-id-status", NUMBER).await.expect_problem("not_found");
    scene.assert_well_behaved();
}

pub async fn a_call_in_vain_is_told_with_its_reason_and_rung_once_more() {
    let scene = Scene::start(json!({})).await;
    let (first, _) = scene.rings(&scene.org, "start-caller-id", NUMBER).await;
    scene.vendor.validated(&first, Callee::IsBusy).await;
    scene.hub.hub.process_due_webhooks().await.unwrap();
    scene.once(NUMBER, "failed").await;
    let status = act(&scene.org, "caller-id-status", NUMBER).await.expect(200).json();
    assert_eq!(status["output"]["caller_id"]["reason"], "busy");
    let (second, code) = scene.rings(&scene.org, "resend-caller-id", NUMBER).await;
    assert_ne!(code, scene.vendor.validations()[0].code);
    scene.vendor.validated(&second, Callee::KeysIn).await;
    scene.hub.hub.process_due_webhooks().await.unwrap();
    scene.once(NUMBER, "verified").await;
    assert_eq!(told(&scene.org).await, ["failed", "verified"]);
    scene.assert_well_behaved();
}

pub async fn a_lost_callback_is_made_up_for_by_the_job() {
    let scene = Scene::start(json!({})).await;
    let (call, _) = scene.rings(&scene.org, "start-caller-id", NUMBER).await;
    scene.after(Duration::seconds(20)).await;
    assert_eq!(kept(&scene.org, NUMBER).await.as_deref(), Some("pending"));
    scene.vendor.validated_in_silence(&call, Callee::KeysIn);
    scene.after(Duration::minutes(2)).await;
    scene.once(NUMBER, "verified").await;
    assert_eq!(told(&scene.org).await, ["verified"]);
    scene.assert_well_behaved();
}

pub async fn a_number_is_rung_three_times_an_hour_by_each_org_and_another_org_sees_nothing() {
    let scene = Scene::start(json!({"attempts": 20})).await;
    let other = connected(&scene.hub, "umbrella", &json!({})).await;
    scene.rings(&scene.org, "start-caller-id", NUMBER).await;
    for _ in 0..2 {
        scene.rings(&scene.org, "resend-caller-id", NUMBER).await;
    }
    let refused = act(&scene.org, "resend-caller-id", NUMBER).await;
    refused.expect_problem("rate_limited");
    assert_eq!(refused.header("retry-after"), Some("3600"));
    scene.rings(&scene.org, "start-caller-id", OTHER).await;

    assert_eq!((kept(&other, NUMBER).await, told(&other).await), (None, Vec::new()));
    act(&other, "caller-id-status", NUMBER).await.expect_problem("not_found");
    act(&other, "resend-caller-id", NUMBER).await.expect_problem("not_found");
    scene.rings(&other, "start-caller-id", NUMBER).await;

    scene.after(Duration::minutes(59)).await;
    scene.once(NUMBER, "expired").await;
    act(&scene.org, "resend-caller-id", NUMBER).await.expect_problem("rate_limited");
    scene.after(Duration::minutes(1)).await;
    scene.rings(&scene.org, "resend-caller-id", NUMBER).await;
    assert_eq!(scene.vendor.validations().len(), 6);
    scene.assert_well_behaved();
}

pub async fn a_number_is_locked_after_too_many_calls_in_vain() {
    let scene = Scene::start(json!({"attempts": 2, "lock_minutes": 120})).await;
    scene.rings(&scene.org, "start-caller-id", NUMBER).await;
    scene.rings(&scene.org, "resend-caller-id", NUMBER).await;
    let locked = act(&scene.org, "resend-caller-id", NUMBER).await;
    locked.expect_problem("conflict");
    assert!(locked.text().contains("2026-11-22T14:00:00Z") && !locked.text().contains(NUMBER), "{}", locked.text());
    scene.after(Duration::minutes(119)).await;
    scene.once(NUMBER, "expired").await;
    act(&scene.org, "start-caller-id", NUMBER).await.expect_problem("conflict");
    scene.after(Duration::minutes(1)).await;
    scene.rings(&scene.org, "start-caller-id", NUMBER).await;
    assert_eq!(scene.vendor.validations().len(), 3);
    scene.assert_well_behaved();
}

pub async fn what_nobody_keys_in_expires_and_is_forgotten_by_the_clock() {
    let scene = Scene::start(json!({"pending_minutes": 3, "keep_days": 1})).await;
    scene.rings(&scene.org, "start-caller-id", NUMBER).await;
    scene.after(Duration::minutes(2)).await;
    assert_eq!(kept(&scene.org, NUMBER).await.as_deref(), Some("pending"));
    scene.after(Duration::minutes(1)).await;
    scene.once(NUMBER, "expired").await;
    assert_eq!(told(&scene.org).await, ["expired"]);
    scene.clock.advance(Duration::days(2));
    scene.hub.hub.run_due_schedules().await.unwrap();
    // a schedule's job begins up to ten minutes late
    scene.after(Duration::minutes(11)).await;
    let gone = || async { kept(&scene.org, NUMBER).await.is_none().then_some(()) };
    scene.org.wait_for(SOON, gone).await;
    assert_eq!(told(&scene.org).await, ["expired"]);
}

pub async fn calls_come_from_verified_numbers_alone() {
    let scene = Scene::start(json!({})).await;
    let order = json!({"to": "+15551230005", "from": NUMBER});
    let refused = scene.org.act("twilio", "place-call", &order).await;
    refused.expect_problem("invalid_input");
    assert!(refused.text().contains("start-caller-id") && refused.text().contains("/from"), "{}", refused.text());
    // one that was verified in Twilio's console is known once somebody looks
    scene.vendor.verify_caller_id(NUMBER);
    let status = act(&scene.org, "caller-id-status", NUMBER).await.expect(200).json();
    assert_eq!(status["output"]["caller_id"]["state"], "verified");
    let _ = scene.org.act("twilio", "place-call", &order).await.expect(200);
    scene.assert_well_behaved();
}
