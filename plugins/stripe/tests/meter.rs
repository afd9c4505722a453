//! Usage above the plans, told to Stripe's meters: what is taken, what never will be, and what has to wait.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail them")]

use patchbay_plugin_stripe::Stripe;
use patchbay_sdk::entitlements::Reading;
use patchbay_sdk::task::{Outcome, Task};
use patchbay_sdk::testing::{Exchange, MockHost, Reply};
use serde_json::{Value, json};

const ORG: &str = "org_018f3c5e7d2a7c3b9f1e2d3c4b5a6978";

fn host() -> MockHost {
    let host = MockHost::with_manifest(include_str!("../plugin.toml"));
    host.set_secret("secret_key", "sk_test_canary");
    host.set_config(json!({"platform": {
        "plans": {"pro": {"price": "price_pro"}},
        "meters": {"minutes": {"event_name": "patchbay_minutes", "meter": "mtr_1"}},
        "success_url": "https://app.example.com/", "cancel_url": "https://app.example.com/",
        "return_url": "https://app.example.com/",
    }}));
    host
}

fn reading(id: &str, metric: &str, units: u64) -> Reading {
    Reading {
        org: ORG.to_owned(),
        customer: "cus_1".to_owned(),
        id: id.to_owned(),
        metric: metric.to_owned(),
        units,
        at: 1_793_491_200_999,
    }
}

fn event() -> Exchange {
    Exchange::post("https://api.stripe.com/v1/billing/meter_events").credential("secret_key")
}

fn refusal(status: u16, param: &str, message: &str) -> Reply {
    Reply::json(status, &json!({"error": {"type": "invalid_request_error", "param": param, "message": message}}))
}

fn step(host: &MockHost) -> Outcome {
    let task = Task {
        job: "job_1".to_owned(),
        kind: "billing-meter".to_owned(),
        payload: "null".to_owned(),
        cursor: None,
        attempt: 1,
    };
    host.step::<Stripe>(task).unwrap()
}

#[test]
fn a_reading_is_told_under_its_own_id_at_its_own_time_and_settled() {
    let host = host();
    host.set_readings(vec![reading("rdg_1", "minutes", 7)]);
    let key = format!("{ORG}.rdg_1.1793491200.{}", host.now());
    let taken = Reply::json(200, &json!({"object": "billing.meter_event"}));
    host.expect(event().header("idempotency-key", &key), taken);
    let Outcome::Again { cursor, .. } = step(&host) else { panic!("it goes on") };
    let cursor: Value = serde_json::from_str(&cursor).unwrap();
    assert_eq!(cursor.get("not_before"), Some(&json!(host.now() + 300_000)), "and rests");
    assert_eq!(host.settled_readings(), [("rdg_1".to_owned(), None)]);
    let sent = host.sent();
    let form = String::from_utf8(sent.first().unwrap().body.clone()).unwrap();
    let identifier = format!("identifier={ORG}.rdg_1.1793491200");
    for part in [
        "event_name=patchbay_minutes",
        identifier.as_str(),
        "timestamp=1793491200",
        "payload%5Bstripe_customer_id%5D=cus_1",
        "payload%5Bvalue%5D=7",
    ] {
        assert!(form.split('&').any(|pair| pair == part), "{part} in {form}");
    }
}

#[test]
fn an_identifier_that_stripe_knows_was_told_before() {
    let host = host();
    host.set_readings(vec![reading("rdg_1", "minutes", 7)]);
    host.expect(event(), refusal(400, "identifier", "An event already exists with identifier rdg_1."));
    step(&host);
    assert_eq!(host.settled_readings(), [("rdg_1".to_owned(), None)]);
}

#[test]
fn what_stripe_never_takes_is_settled_with_the_reason_and_holds_nothing_up() {
    let host = host();
    host.set_readings(vec![
        reading("rdg_1", "minutes", 7),
        reading("rdg_2", "calls", 1),
        reading("rdg_3", "minutes", 2),
    ]);
    host.expect(event(), refusal(400, "timestamp", "The timestamp must be within the past 35 calendar days."));
    host.expect(event(), Reply::json(200, &json!({"object": "billing.meter_event"})));
    step(&host);
    let settled = host.settled_readings();
    let reasons: Vec<_> = settled.iter().map(|(id, reason)| (id.as_str(), reason.is_some())).collect();
    assert_eq!(reasons, [("rdg_1", true), ("rdg_2", true), ("rdg_3", false)]);
}

#[test]
fn what_stripe_cannot_take_now_waits() {
    for status in [409, 429, 500, 503] {
        let host = host();
        host.set_readings(vec![reading("rdg_1", "minutes", 7)]);
        host.expect(event(), Reply::json(status, &json!({"error": {"type": "api_error", "message": "busy"}})));
        assert!(matches!(step(&host), Outcome::Later(1..)), "{status}");
        assert_eq!(host.settled_readings(), []);
    }
}

#[test]
fn one_customers_trouble_holds_nobody_else_up() {
    let host = host();
    host.set_readings(vec![
        reading("rdg_1", "minutes", 7),
        reading("rdg_2", "minutes", 1),
        reading("rdg_3", "minutes", 2),
    ]);
    let busy = || {
        Reply::json(
            409,
            &json!({"error": {"type": "invalid_request_error", "code": "lock_timeout", "message": "busy"}}),
        )
    };
    host.expect(event(), busy());
    for _ in 0..2 {
        host.expect(event(), Reply::json(200, &json!({"object": "billing.meter_event"})));
    }
    assert!(matches!(step(&host), Outcome::Later(1..)));
    assert_eq!(host.settled_readings(), [("rdg_2".to_owned(), None), ("rdg_3".to_owned(), None)]);
    // where nothing is taken, not all are tried
    host.set_readings((1..=9).map(|number| reading(&format!("rdg_{number}"), "minutes", 1)).collect());
    for _ in 0..3 {
        host.expect(event(), busy());
    }
    assert!(matches!(step(&host), Outcome::Later(1..)));
}
