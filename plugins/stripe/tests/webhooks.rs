//! Stripe's webhooks, from the header to the published event.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail them")]

use patchbay_plugin_stripe::Stripe;
use patchbay_sdk::signature::{Digest, KeyEncoding};
use patchbay_sdk::testing::{Exchange, MockHost, Reply};
use patchbay_sdk::webhook::{Receipt, Request, Verdict};
use patchbay_sdk::{Error, Headers};
use serde_json::{Value, json};

// The vectors below were computed with Stripe's published algorithm and are accepted by stripe-python 16.1.0.
const SECRET: &str = "whsec_7Qm2xV9tKd4LrP1sZc8HbN5wYf3JgT6e";
const OLD_SECRET: &str = "whsec_oldRotatedSecret000000000000001";
const TIME: u64 = 1_793_491_200;
const BODY: &str = r#"{"id":"evt_1TestVector0001","object":"event","api_version":"2026-10-28.endive","created":1793491200,"type":"invoice.payment_failed","livemode":false,"pending_webhooks":1,"request":{"id":null,"idempotency_key":null},"data":{"object":{"id":"in_1TestVector","object":"invoice","customer":"cus_TestVector","amount_due":4900}}}"#;
const MAC: &str = "5788edd4772bb39cd643b6ad1a2532c173de00a58dc81066616b027d7b28aee3";
const OLD_MAC: &str = "46ac57e7abf5fcda9ddf1b41b890fa87c61f2aea2e4306e8ab0c07d7bd02cbc1";

fn host(secret: &str) -> MockHost {
    let host = MockHost::with_manifest(include_str!("../plugin.toml"));
    host.set_secret("webhook_secret", secret);
    host.set_now(TIME * 1000);
    host
}

fn request(header: &str, body: &str) -> Request {
    Request {
        method: "POST".into(),
        url: "https://hub.example.com/hooks/t".into(),
        headers: [("stripe-signature", header)].into_iter().collect(),
        body: body.as_bytes().to_vec(),
    }
}

fn verify(host: &MockHost, header: &str, body: &str) -> Verdict {
    host.verify_webhook::<Stripe>(request(header, body)).unwrap()
}

fn refusal(host: &MockHost, header: &str, body: &str) -> String {
    match verify(host, header, body) {
        Verdict::Refused(reason) => reason,
        other => panic!("not refused: {other:?}"),
    }
}

fn accepted(host: &MockHost, header: &str, body: &str) -> Receipt {
    match verify(host, header, body) {
        Verdict::Genuine(receipt) => receipt,
        other => panic!("not accepted: {other:?}"),
    }
}

/// A header that Stripe would send now for this body.
fn signed(host: &MockHost, body: &str) -> String {
    let time = host.now() / 1000;
    let message = format!("{time}.{body}");
    let mac = host.sign("webhook_secret", Digest::Sha256, KeyEncoding::Raw, message.as_bytes());
    let mac: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={time},v1={mac}")
}

fn process(host: &MockHost, body: &str) -> Result<(), Error> {
    let header = signed(host, body);
    let receipt = accepted(host, &header, body);
    assert_eq!(host.process_webhook::<Stripe>(receipt, request(&header, body))?, None);
    Ok(())
}

#[test]
fn the_published_vector_is_accepted() {
    let receipt = accepted(&host(SECRET), &format!("t={TIME},v1={MAC}"), BODY);
    assert_eq!(
        receipt,
        Receipt {
            id: "evt_1TestVector0001".into(),
            kind: "invoice.payment_failed".into(),
            occurred_at: Some(TIME * 1000),
            in_line: false,
        }
    );
}

#[test]
fn a_rotated_header_is_accepted_with_either_secret() {
    let header = format!("t={TIME},v1={OLD_MAC},v1={MAC},v0={}", "6".repeat(64));
    for secret in [SECRET, OLD_SECRET] {
        accepted(&host(secret), &header, BODY);
    }
    refusal(&host("whsec_another"), &header, BODY);
}

#[test]
fn while_the_org_keeps_two_secrets_either_signature_is_accepted() {
    let host = host(OLD_SECRET);
    host.rotate_secret("webhook_secret", SECRET);
    for mac in [MAC, OLD_MAC] {
        accepted(&host, &format!("t={TIME},v1={mac}"), BODY);
    }
}

#[test]
fn an_endpoint_for_thin_events_has_a_secret_of_its_own() {
    let host = host(SECRET);
    host.set_secret("thin_webhook_secret", OLD_SECRET);
    for mac in [MAC, OLD_MAC] {
        accepted(&host, &format!("t={TIME},v1={mac}"), BODY);
    }
    refusal(&host, &format!("t={TIME},v1={}", "0".repeat(64)), BODY);
    drop(host);
    let only_thin = MockHost::with_manifest(include_str!("../plugin.toml"));
    only_thin.set_now(TIME * 1000);
    only_thin.set_secret("thin_webhook_secret", SECRET);
    accepted(&only_thin, &format!("t={TIME},v1={MAC}"), BODY);
}

#[test]
fn what_was_tampered_with_is_refused() {
    let host = host(SECRET);
    let good = format!("t={TIME},v1={MAC}");
    assert!(refusal(&host, &good, &format!("{BODY} ")).starts_with("no v1 signature matches"));
    assert!(refusal(&host, &good, &BODY.replace("4900", "4901")).starts_with("no v1 signature matches"));
    let other_time = format!("t={},v1={MAC}", TIME + 1);
    assert!(refusal(&host, &other_time, BODY).starts_with("no v1 signature matches"));
}

#[test]
fn a_malformed_header_is_refused_with_its_fault() {
    let host = host(SECRET);
    let cases = [
        (format!("t={TIME},v0={MAC}"), "no usable v1"),
        (format!("v1={MAC}"), "has no t"),
        (format!("t={TIME},t={TIME},v1={MAC}"), "more than one t"),
        (format!("t=,v1={MAC}"), "no number of seconds"),
        (format!("t=+{TIME},v1={MAC}"), "no number of seconds"),
        (format!("t=99999999999999999999,v1={MAC}"), "no number of seconds"),
        (format!("t={TIME},v1={}", MAC.to_uppercase()), "no usable v1"),
        (format!("t={TIME},v1={}", &MAC[..62]), "no usable v1"),
        (format!("t={TIME}{}", format!(",v1={OLD_MAC}").repeat(17)), "more than 16 signatures"),
        (String::new(), "has no t"),
    ];
    for (header, fault) in cases {
        let reason = refusal(&host, &header, BODY);
        assert!(reason.contains(fault), "{header}: {reason}");
    }
}

#[test]
fn there_is_exactly_one_signature_header() {
    let host = host(SECRET);
    let mut twice = request(&format!("t={TIME},v1={MAC}"), BODY);
    twice.headers.append("stripe-signature", format!("t={TIME},v1={MAC}"));
    let none = Request { headers: Headers::new(), ..twice.clone() };
    for request in [none, twice] {
        let verdict = host.verify_webhook::<Stripe>(request).unwrap();
        assert_eq!(verdict, Verdict::Refused("there must be exactly one Stripe-Signature header".into()));
    }
}

#[test]
fn the_signature_is_good_for_five_minutes_in_both_directions() {
    let host = host(SECRET);
    let header = format!("t={TIME},v1={MAC}");
    for now in [TIME - 300, TIME + 300] {
        host.set_now(now * 1000);
        accepted(&host, &header, BODY);
    }
    host.set_now((TIME + 301) * 1000);
    assert!(refusal(&host, &header, BODY).contains("301 s behind"));
    host.set_now((TIME - 301) * 1000);
    assert!(refusal(&host, &header, BODY).contains("301 s ahead of"));
}

#[test]
fn without_a_secret_the_owner_is_asked_for_one() {
    let host = MockHost::with_manifest(include_str!("../plugin.toml"));
    host.set_now(TIME * 1000);
    let result = host.verify_webhook::<Stripe>(request(&format!("t={TIME},v1={MAC}"), BODY));
    assert!(matches!(result, Err(Error::Reauthorize(_))), "{result:?}");
}

#[test]
fn what_is_signed_and_no_event_is_refused() {
    let host = host(SECRET);
    for body in [
        "",
        "[]",
        r#"{"id":"evt_1"}"#,
        r#"{"id":"evt_1","object":"invoice","type":"a.b"}"#,
        r#"{"id":"","object":"event","type":"a.b"}"#,
        r#"{"id":"evt_1","object":"event","type":"A b"}"#,
    ] {
        let reason = refusal(&host, &signed(&host, body), body);
        assert!(reason.starts_with("signed, but "), "{body}: {reason}");
    }
}

#[test]
fn an_event_is_published_once_under_its_own_id() {
    let host = host(SECRET);
    process(&host, BODY).unwrap();
    process(&host, BODY).unwrap();
    let events = host.events();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].kind, "stripe.invoice.payment_failed");
    assert_eq!(events[0].subject, "in_1TestVector");
    assert_eq!(events[0].id.as_deref(), Some("evt_1TestVector0001"));
    assert_eq!(
        events[0].data,
        json!({
            "type": "invoice.payment_failed",
            "occurred_at": TIME * 1000,
            "livemode": false,
            "api_version": "2026-10-28.endive",
            "object": {"id": "in_1TestVector", "object": "invoice", "customer": "cus_TestVector", "amount_due": 4900},
        })
    );
}

#[test]
fn an_update_says_what_it_changed() {
    let host = host(SECRET);
    let body = json!({
        "id": "evt_2", "object": "event", "type": "customer.subscription.updated", "created": TIME, "account": "acct_1",
        "data": {"object": {"id": "sub_1", "status": "active"}, "previous_attributes": {"status": "trialing"}},
    });
    process(&host, &body.to_string()).unwrap();
    let data = &host.events()[0].data;
    assert_eq!(data["previous_attributes"], json!({"status": "trialing"}));
    assert_eq!(data["account"], "acct_1");
}

#[test]
fn an_upcoming_invoice_has_no_subject() {
    let host = host(SECRET);
    let body = json!({
        "id": "evt_3", "object": "event", "type": "invoice.upcoming", "created": TIME,
        "data": {"object": {"object": "invoice", "customer": "cus_1", "amount_due": 100}},
    });
    process(&host, &body.to_string()).unwrap();
    assert_eq!(host.events()[0].subject, "");
    assert_eq!(host.events()[0].data["object"]["customer"], "cus_1");
}

#[test]
fn a_thin_notification_names_its_object() {
    let host = host(SECRET);
    let body = json!({
        "id": "evt_test_65", "object": "v2.core.event", "type": "v1.billing.meter.error_report_triggered",
        "created": "2026-11-01T00:00:00.250Z", "livemode": true, "context": null,
        "related_object": {"id": "mtr_1", "type": "billing.meter", "url": "/v1/billing/meters/mtr_1"},
    })
    .to_string();
    let receipt = accepted(&host, &signed(&host, &body), &body);
    assert_eq!(receipt.kind, "v1.billing.meter.error_report_triggered");
    assert_eq!(receipt.occurred_at, Some(TIME * 1000 + 250));
    process(&host, &body).unwrap();
    let event = &host.events()[0];
    assert_eq!(event.kind, "stripe.v1.billing.meter.error_report_triggered");
    assert_eq!(event.subject, "mtr_1");
    assert_eq!(event.data["related_object"]["url"], "/v1/billing/meters/mtr_1");
    assert_eq!(event.data.get("object"), None::<&Value>);
}

#[test]
fn a_reference_that_anybody_can_write_names_no_organization() {
    let org = "org_018f3c5e7d2a7c3b9f1e2d3c4b5a6978";
    let host = host(SECRET);
    host.set_secret("secret_key", "sk_test_canary");
    host.set_config(json!({"platform": {
        "plans": {"pro": {"price": "price_pro"}}, "success_url": "https://a.example/", "cancel_url": "https://a.example/",
        "return_url": "https://a.example/",
    }}));
    let stranger = json!({"id": "cus_1", "metadata": {}});
    let asked = Exchange::get("https://api.stripe.com/v1/customers/cus_1").credential("secret_key");
    host.expect(asked, Reply::json(200, &stranger));
    let session = json!({"id": "cs_1", "object": "checkout.session", "customer": "cus_1", "client_reference_id": org,
        "metadata": [], "amount_total": "49.00"});
    let body = json!({
        "id": "evt_4", "object": "event", "type": "checkout.session.completed", "created": TIME, "data": {"object": session},
    });
    process(&host, &body.to_string()).unwrap();
    assert_eq!(host.subscription(org), None);
    assert!(host.billing_entries(org).is_empty() && host.jobs().is_empty());
    assert_eq!(host.events().len(), 1, "it is published all the same");
}
