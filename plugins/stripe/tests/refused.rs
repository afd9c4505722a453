//! Usage that Stripe took and refuses afterwards, and the nights in which days are compared.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail them")]

use patchbay_plugin_stripe::Stripe;
use patchbay_sdk::entitlements::{DaySum, Reading};
use patchbay_sdk::signature::{Digest, KeyEncoding};
use patchbay_sdk::task::{Outcome, Task};
use patchbay_sdk::testing::{Exchange, MockHost, Reply};
use patchbay_sdk::webhook::{Request, Verdict};
use serde_json::{Value, json};

const ORG: &str = "org_018f3c5e7d2a7c3b9f1e2d3c4b5a6978";
const READING: &str = "rdg_018f3c5e7d2a7c3b9f1e2d3c4b5a6978";
const OTHER: &str = "rdg_018f3c5e7d2a7c3b9f1e2d3c4b5a6979";
/// 2026-11-01, in milliseconds since the Unix epoch.
const DAY: u64 = 1_793_491_200_000;
const HOUR: u64 = 3_600_000;

fn host() -> MockHost {
    let host = MockHost::with_manifest(include_str!("../plugin.toml"));
    host.set_secret("secret_key", "sk_test_canary");
    host.set_secret("webhook_secret", "whsec_test");
    host.set_now(DAY + 12 * HOUR);
    host.set_config(json!({"platform": {
        "plans": {"pro": {"price": "price_pro"}},
        "meters": {"minutes": {"event_name": "patchbay_minutes", "meter": "mtr_1"}},
        "success_url": "https://app.example.com/", "cancel_url": "https://app.example.com/",
        "return_url": "https://app.example.com/",
    }}));
    host
}

fn get(path: &str) -> Exchange {
    let exchange = Exchange::get(format!("https://api.stripe.com{path}")).credential("secret_key");
    exchange.header("stripe-version", "2026-10-28.endive")
}

/// Takes in a thin notification.
fn notify(host: &MockHost, kind: &str, related: &Value) {
    let body = json!({
        "id": "evt_1", "object": "v2.core.event", "type": kind, "created": "2026-11-01T12:00:00Z", "livemode": true,
        "related_object": related,
    })
    .to_string();
    let time = host.now() / 1000;
    let mac = host.sign("webhook_secret", Digest::Sha256, KeyEncoding::Raw, format!("{time}.{body}").as_bytes());
    let mac: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
    let request = Request {
        method: "POST".into(),
        url: "https://hub.example.com/hooks/t".into(),
        headers: [("stripe-signature", format!("t={time},v1={mac}").as_str())].into_iter().collect(),
        body: body.into_bytes(),
    };
    let Verdict::Genuine(receipt) = host.verify_webhook::<Stripe>(request.clone()).unwrap() else {
        panic!("it is genuine")
    };
    assert_eq!(host.process_webhook::<Stripe>(receipt, request), Ok(None));
}

fn meter(id: &str) -> Value {
    json!({"id": id, "type": "billing.meter", "url": format!("/v1/billing/meters/{id}")})
}

/// What Stripe says of it when it is asked.
fn report(identifiers: &[&str]) -> Reply {
    let sample =
        |identifier: &&str| json!({"error_message": "no such customer", "request": {"identifier": identifier}});
    let samples: Vec<Value> = identifiers.iter().map(sample).collect();
    let types = json!([{"code": "meter_event_customer_not_found", "error_count": 9, "sample_errors": samples}]);
    Reply::json(
        200,
        &json!({
            "id": "evt_1", "object": "v2.core.event",
            "data": {
                "developer_message_summary": "x", "reason": {"error_count": 9, "error_types": types},
                "validation_start": "2026-11-01T11:00:00Z", "validation_end": "2026-11-01T11:00:10Z",
            },
        }),
    )
}

/// What was told, and is settled: the first one on the day before.
fn told(host: &MockHost) {
    let reading = |id: &str, at: u64| Reading {
        org: ORG.to_owned(),
        customer: "cus_1".to_owned(),
        id: id.to_owned(),
        metric: "minutes".to_owned(),
        units: 7,
        at,
    };
    host.set_readings(vec![reading(READING, DAY - HOUR), reading(OTHER, DAY + HOUR)]);
    for _ in 0..2 {
        host.expect(
            Exchange::post("https://api.stripe.com/v1/billing/meter_events").credential("secret_key"),
            Reply::json(200, &json!({"object": "billing.meter_event"})),
        );
    }
    let _ = step(host, "billing-meter", "null", None);
    assert_eq!(host.settled_readings(), [(READING.to_owned(), None), (OTHER.to_owned(), None)]);
}

fn step(host: &MockHost, kind: &str, payload: &str, cursor: Option<String>) -> Outcome {
    let task = Task { job: "job_1".to_owned(), kind: kind.to_owned(), payload: payload.to_owned(), cursor, attempt: 1 };
    host.step::<Stripe>(task).unwrap()
}

fn cursor(outcome: Outcome) -> Option<String> {
    match outcome {
        Outcome::Again { cursor, .. } => Some(cursor),
        other => panic!("no next step: {other:?}"),
    }
}

#[test]
fn what_is_refused_afterwards_is_settled_with_the_reason_and_its_days_are_compared() {
    let host = host();
    told(&host);
    let own = format!("{ORG}.{READING}.{}", (DAY - HOUR) / 1000);
    host.expect(get("/v2/core/events/evt_1"), report(&[&own, "somebody-elses"]));
    notify(&host, "v1.billing.meter.error_report_triggered", &meter("mtr_1"));
    let why = "meter_event_customer_not_found: no such customer".to_owned();
    assert_eq!(host.settled_readings(), [(READING.to_owned(), Some(why)), (OTHER.to_owned(), None)]);
    let jobs: Vec<_> = host.jobs().iter().map(|job| (job.kind.clone(), job.payload.clone())).collect();
    let kind = || "billing-reconcile".to_owned();
    assert_eq!(jobs, [(kind(), json!(DAY - 24 * HOUR)), (kind(), json!(DAY))]);
    assert_eq!(host.events().len(), 1, "and it is published as all that Stripe tells");
}

#[test]
fn an_event_without_a_meter_is_known_by_its_identifier() {
    let host = host();
    told(&host);
    let own = format!("{ORG}.{OTHER}.{}", (DAY + HOUR) / 1000);
    host.expect(get("/v2/core/events/evt_1"), report(&[&own]));
    notify(&host, "v1.billing.meter.no_meter_found", &Value::Null);
    assert!(host.settled_readings().iter().any(|(id, why)| id == OTHER && why.is_some()));
    let payloads: Vec<_> = host.jobs().iter().map(|job| job.payload.clone()).collect();
    assert_eq!(payloads, [json!(DAY)]);
}

#[test]
fn what_is_about_other_meters_is_only_published() {
    let host = host();
    notify(&host, "v1.billing.meter.error_report_triggered", &meter("mtr_of_another_product"));
    notify(&host, "v1.billing.meter.no_meter_foundling", &Value::Null);
    assert!(host.sent().is_empty() && host.jobs().is_empty());
}

#[test]
fn a_day_is_compared_when_its_sums_are_there() {
    let host = host();
    let sum = DaySum { org: ORG.to_owned(), customer: "cus_1".to_owned(), metric: "minutes".to_owned(), units: 7 };
    host.set_day_sums(vec![sum]);
    let payload = DAY.to_string();
    assert_eq!(step(&host, "billing-reconcile", &payload, None), Outcome::Later(15 * HOUR));
    host.set_now(DAY + 27 * HOUR);
    let summaries = "/v1/billing/meters/mtr_1/event_summaries?customer=cus_1&start_time=1793491200&end_time=1793577600\
         &value_grouping_window=day";
    let sums = json!({"data": [{"aggregated_value": 4.0}], "has_more": false});
    host.expect(get(summaries), Reply::json(200, &sums));
    assert!(matches!(step(&host, "billing-reconcile", &payload, None), Outcome::Done(_)));
    assert_eq!(host.compared_days(), [(ORG.to_owned(), "minutes".to_owned(), DAY, 4)]);
}

#[test]
fn three_days_are_compared_each_night() {
    let host = host();
    let every_night = |cursor: Option<String>| step(&host, "billing-reconcile", "null", cursor);
    let place = cursor(every_night(None));
    assert_eq!(every_night(place.clone()), Outcome::Later(15 * HOUR));
    host.set_now(DAY + 27 * HOUR);
    // of nobody anything was told; so only the places are looked at
    let mut place = place;
    for back in [2, 3, 0] {
        place = cursor(every_night(place));
        let at: Value = serde_json::from_str(place.as_deref().unwrap()).unwrap();
        assert_eq!(at.get("back"), Some(&json!(back)));
    }
    assert_eq!(every_night(place), Outcome::Later(24 * HOUR));
}

#[test]
fn a_night_that_is_worked_on_late_is_of_its_own_days_and_the_one_after_it_is_not_left_out() {
    const WHOLE: u64 = 24 * HOUR;
    let host = host();
    let sum = DaySum { org: ORG.to_owned(), customer: "cus_1".to_owned(), metric: "minutes".to_owned(), units: 7 };
    host.set_day_sums(vec![sum]);
    let compared_on = |day: u64| {
        let (start, end) = (day / 1000, (day + WHOLE) / 1000);
        let summaries = format!(
            "/v1/billing/meters/mtr_1/event_summaries?customer=cus_1&start_time={start}&end_time={end}\
             &value_grouping_window=day"
        );
        let sums = json!({"data": [{"aggregated_value": 7}], "has_more": false});
        host.expect(get(&summaries), Reply::json(200, &sums));
    };
    let every_night = |cursor: Option<String>| step(&host, "billing-reconcile", "null", cursor);
    let mut place = cursor(every_night(None));
    host.set_now(DAY + WHOLE + 3 * HOUR);
    compared_on(DAY);
    place = cursor(every_night(place));
    // the hub was stopped until after the night after
    host.set_now(DAY + 2 * WHOLE + 4 * HOUR);
    for day in [DAY - WHOLE, DAY - 2 * WHOLE, DAY + WHOLE, DAY, DAY - WHOLE] {
        compared_on(day);
        place = cursor(every_night(place));
    }
    assert_eq!(every_night(place), Outcome::Later(23 * HOUR));
}
