//! What the actions take, against Stripe's published parameters, and the limits that are checked before Stripe is asked.
//!
//! The contract is not part of the repository; where it is not found the tests say so and pass. Its place is
//! `PATCHBAY_VENDOR_SPECS`, by default the folder `shared/vendor-specs` beside the repository.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail them")]

use std::path::PathBuf;

use serde_json::{Value, json};

fn contract() -> Option<Value> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/vendor-specs");
    let folder = std::env::var_os("PATCHBAY_VENDOR_SPECS").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let path = folder.join("stripe/stripe-params-2026-10-28.endive.derived.schema.json");
    let Ok(text) = std::fs::read(&path) else {
        eprintln!("skipped: Stripe's parameters are not at {}; set PATCHBAY_VENDOR_SPECS", path.display());
        return None;
    };
    Some(serde_json::from_slice(&text).unwrap())
}

fn schema(name: &str) -> Value {
    let path = format!("{}/schemas/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// An action, the endpoint that it asks, the member that goes into the path, and an input that uses all that it names.
fn cases() -> [(&'static str, &'static str, Option<&'static str>, Value); 12] {
    let page =
        json!({"limit": 100, "starting_after": "x_1", "expand": ["data.customer"], "created": {"gt": 1, "lte": 2}});
    let with = |more: Value| {
        let mut input = page.clone();
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    let person = json!({
        "email": "ada@example.com", "name": "Ada", "phone": "+49", "description": "x", "metadata": {"tenant": "t1"},
        "address": {"line1": "1", "line2": "2", "postal_code": "3", "city": "4", "state": "5", "country": "DE"},
        "invoice_settings": {"default_payment_method": "pm_1"}, "preferred_locales": ["de"], "tax_exempt": "none",
    });
    let changes = json!([{"id": "si_1", "price": "price_1", "quantity": 2, "metadata": {"a": "b"}}, {"id": "si_2", "deleted": true}]);
    [
        ("create-customer", "POST /v1/customers", None, person.clone()),
        ("update-customer", "POST /v1/customers/{customer}", Some("customer"), person),
        ("list-customers", "GET /v1/customers", None, with(json!({"email": "ada@example.com"}))),
        (
            "create-subscription",
            "POST /v1/subscriptions",
            None,
            json!({
                "customer": "cus_1", "items": [{"price": "price_1", "quantity": 2, "metadata": {"a": "b"}}], "payment_behavior": "error_if_incomplete",
                "trial_period_days": 14, "trial_settings": {"end_behavior": {"missing_payment_method": "pause"}}, "cancel_at_period_end": false,
                "cancel_at": 1, "collection_method": "send_invoice", "days_until_due": 30, "default_payment_method": "pm_1", "description": "x",
                "off_session": true, "metadata": {"a": "b"}, "expand": ["latest_invoice"],
            }),
        ),
        (
            "update-subscription",
            "POST /v1/subscriptions/{subscription}",
            Some("subscription"),
            json!({
                "items": changes, "proration_behavior": "always_invoice", "proration_date": 1, "payment_behavior": "allow_incomplete",
                "billing_cycle_anchor": {"type": "now"}, "cancel_at_period_end": true, "trial_end": "now", "default_payment_method": "pm_1",
                "cancellation_details": {"comment": "x", "feedback": "unused"}, "description": "x", "metadata": {"a": ""},
            }),
        ),
        (
            "cancel-subscription",
            "DELETE /v1/subscriptions/{subscription}",
            Some("subscription"),
            json!({"invoice_now": true, "prorate": false, "cancellation_details": {"feedback": "other"}}),
        ),
        (
            "resume-subscription",
            "POST /v1/subscriptions/{subscription}/resume",
            Some("subscription"),
            json!({"billing_cycle_anchor": {"type": "unchanged"}, "proration_behavior": "none"}),
        ),
        (
            "list-subscriptions",
            "GET /v1/subscriptions",
            None,
            with(json!({"customer": "cus_1", "price": "price_1", "status": "ended"})),
        ),
        (
            "list-invoices",
            "GET /v1/invoices",
            None,
            with(json!({"customer": "cus_1", "subscription": "sub_1", "status": "uncollectible"})),
        ),
        ("finalize-invoice", "POST /v1/invoices/{invoice}/finalize", Some("invoice"), json!({"auto_advance": true})),
        (
            "pay-invoice",
            "POST /v1/invoices/{invoice}/pay",
            Some("invoice"),
            json!({"payment_method": "pm_1", "paid_out_of_band": false}),
        ),
        (
            "preview-invoice",
            "POST /v1/invoices/create_preview",
            None,
            json!({
                "customer": "cus_1", "subscription": "sub_1",
                "subscription_details": {
                    "items": changes, "proration_behavior": "none", "proration_date": 1, "billing_cycle_anchor": {"type": "unchanged"},
                    "cancel_at_period_end": true, "cancel_now": false,
                },
            }),
        ),
    ]
}

fn refusals(schema: &Value, value: &Value) -> Vec<String> {
    let validator = jsonschema::draft202012::new(schema).unwrap_or_else(|error| panic!("{error}"));
    validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn what_an_input_may_say_stripe_understands() {
    let Some(contract) = contract() else { return };
    for (action, endpoint, in_path, input) in cases() {
        let published = &contract["endpoints"][endpoint];
        assert_eq!(refusals(published, &input), Vec::<String>::new(), "{endpoint}");
        let mut whole = input.clone();
        if let Some(name) = in_path {
            whole[name] = json!("id_1");
        }
        let ours = schema(&format!("{action}.input"));
        assert_eq!(refusals(&ours, &whole), Vec::<String>::new(), "{action}");
        let name = published["$ref"].as_str().and_then(|text| text.rsplit('/').next()).unwrap();
        let known = published["$defs"][name]["properties"].as_object().unwrap();
        let named = ours["properties"].as_object().unwrap().keys().filter(|own| Some(own.as_str()) != in_path);
        let unknown: Vec<_> = named.filter(|own| !known.contains_key(*own)).collect();
        assert!(unknown.is_empty(), "{endpoint} has no {unknown:?}");
        for needed in published["$defs"][name]["required"].as_array().into_iter().flatten() {
            assert!(ours["required"].as_array().unwrap().contains(needed), "{endpoint} needs {needed}");
        }
    }
}

#[test]
fn what_cannot_be_meant_is_refused_with_its_place() {
    for (action, input, place) in [
        ("get-customer", json!({"customer": "cus_1/../x"}), "/customer"),
        ("create-subscription", json!({"customer": "cus_1", "items": []}), "/items"),
        (
            "create-subscription",
            json!({"customer": "cus_1", "items": [{"price": "p", "quantity": 1.5}]}),
            "/items/0/quantity",
        ),
        ("create-refund", json!({"charge": "ch_1", "amount": 0}), "/amount"),
        ("create-refund", json!({"charge": "ch_1", "amount": 10.5}), "/amount"),
        ("list-invoices", json!({"limit": 101}), "/limit"),
        ("list-subscriptions", json!({"status": "asleep"}), "/status"),
        ("create-payment-link", json!({"line_items": [{"price": "p", "quantity": -1}]}), "/line_items/0/quantity"),
    ] {
        let wrong = refusals(&schema(&format!("{action}.input")), &input);
        assert!(wrong.iter().any(|text| text.starts_with(&format!("{place}:"))), "{action}: {wrong:?}");
    }
}

#[test]
fn an_invoice_without_an_id_is_an_event_as_well() {
    let schema = schema("invoice-event");
    let upcoming =
        json!({"type": "invoice.upcoming", "object": {"object": "invoice", "customer": "cus_1", "amount_due": 4900}});
    assert_eq!(refusals(&schema, &upcoming), Vec::<String>::new());
}

#[test]
fn of_an_event_only_its_type_is_demanded() {
    for name in
        ["checkout-session-event", "customer-event", "event", "invoice-event", "refund-event", "subscription-event"]
    {
        let schema = schema(name);
        for object in [
            json!({"id": 7, "status": [], "items": {"data": "none"}, "lines": {"data": [1]}, "metadata": {"a": 1}, "price": null}),
            json!("no object"),
            json!(null),
        ] {
            let event = json!({"type": "of.tomorrow", "object": object, "previous_attributes": 1});
            assert_eq!(refusals(&schema, &event), Vec::<String>::new(), "{name}");
        }
        assert_eq!(refusals(&schema, &json!({"object": {}})).len(), 1, "{name}");
    }
}
