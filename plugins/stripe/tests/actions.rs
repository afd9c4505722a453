//! The actions, by what is asked of Stripe and what is made of its answers.
#![expect(clippy::panic, reason = "helpers of tests fail them")]

use patchbay_plugin_stripe::Stripe;
use patchbay_sdk::testing::{Exchange, MockHost, Reply};
use patchbay_sdk::{Error, UpstreamFailure};
use serde_json::{Value, json};

fn host() -> MockHost {
    let host = MockHost::with_manifest(include_str!("../plugin.toml"));
    host.set_secret("secret_key", "sk_test_canary");
    host
}

fn api(method: &str, path: &str) -> Exchange {
    let exchange = Exchange::new(method, format!("https://api.stripe.com{path}")).credential("secret_key");
    exchange.header("stripe-version", "2026-10-28.endive")
}

fn upstream(result: Result<Value, Error>) -> UpstreamFailure {
    match result {
        Err(Error::Upstream(failure)) => failure,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_action_asks_its_own_endpoint_and_the_id_goes_into_the_path() {
    for (action, input, method, path, body) in [
        ("get-customer", json!({"customer": "cus_1"}), "GET", "/v1/customers/cus_1", ""),
        ("update-customer", json!({"customer": "cus_1", "name": ""}), "POST", "/v1/customers/cus_1", "name="),
        ("delete-customer", json!({"customer": "cus_1"}), "DELETE", "/v1/customers/cus_1", ""),
        ("get-subscription", json!({"subscription": "sub_1"}), "GET", "/v1/subscriptions/sub_1", ""),
        (
            "cancel-subscription",
            json!({"subscription": "sub_1", "prorate": true}),
            "DELETE",
            "/v1/subscriptions/sub_1?prorate=true",
            "",
        ),
        ("resume-subscription", json!({"subscription": "sub_1"}), "POST", "/v1/subscriptions/sub_1/resume", ""),
        ("get-invoice", json!({"invoice": "in_1"}), "GET", "/v1/invoices/in_1", ""),
        ("finalize-invoice", json!({"invoice": "in_1"}), "POST", "/v1/invoices/in_1/finalize", ""),
        ("pay-invoice", json!({"invoice": "in_1"}), "POST", "/v1/invoices/in_1/pay", ""),
        ("void-invoice", json!({"invoice": "in_1"}), "POST", "/v1/invoices/in_1/void", ""),
        ("preview-invoice", json!({"customer": "cus_1"}), "POST", "/v1/invoices/create_preview", "customer=cus_1"),
        (
            "deactivate-payment-link",
            json!({"payment_link": "plink_1"}),
            "POST",
            "/v1/payment_links/plink_1",
            "active=false",
        ),
        ("get-refund", json!({"refund": "re_1"}), "GET", "/v1/refunds/re_1", ""),
    ] {
        let host = host();
        let answer = json!({
            "id": "x_1", "object": "x", "deleted": true, "status": "active", "url": "https://x", "active": false, "amount": 1,
        });
        host.expect(api(method, path).body(body), Reply::json(200, &answer));
        let output = host.invoke::<Stripe>(action, input).unwrap_or_else(|error| panic!("{action}: {error}"));
        assert_eq!(output, answer, "{action}");
    }
}

#[test]
fn parameters_are_written_as_stripes_own_libraries_write_them() {
    let host = host();
    let input = json!({
        "customer": "cus_1", "items": [{"price": "price_A", "quantity": 2}, {"price": "price_B"}], "trial_period_days": null,
        "metadata": {"tenant id": "t_1&x"}, "expand": ["latest_invoice.payments"], "parameter_of_tomorrow": {"a": [1.5]},
    });
    let body = "customer=cus_1&items%5B0%5D%5Bprice%5D=price_A&items%5B0%5D%5Bquantity%5D=2&items%5B1%5D%5Bprice%5D=price_B\
         &metadata%5Btenant%20id%5D=t_1%26x&expand%5B0%5D=latest_invoice.payments&parameter_of_tomorrow%5Ba%5D%5B0%5D=1.5";
    let answer = json!({"id": "sub_1", "status": "active"});
    let exchange = api("POST", "/v1/subscriptions").header("content-type", "application/x-www-form-urlencoded");
    host.expect(exchange.body(body), Reply::json(200, &answer));
    assert_eq!(host.invoke::<Stripe>("create-subscription", input), Ok(answer));
}

#[test]
fn lists_ask_by_the_query_and_pages_come_back_as_they_are() {
    let host = host();
    let page =
        json!({"object": "list", "data": [{"id": "in_2"}, {"id": "in_1"}], "has_more": true, "url": "/v1/invoices"});
    let query = "status=open&created%5Bgte%5D=1793491200&limit=2&starting_after=in_3";
    host.expect(api("GET", &format!("/v1/invoices?{query}")), Reply::json(200, &page));
    let input = json!({"status": "open", "created": {"gte": 1_793_491_200}, "limit": 2, "starting_after": "in_3"});
    assert_eq!(host.invoke::<Stripe>("list-invoices", input), Ok(page));
    host.expect(api("GET", "/v1/customers"), Reply::json(200, &json!({"data": [], "has_more": false})));
    assert_eq!(host.invoke::<Stripe>("list-customers", json!({})), Ok(json!({"data": [], "has_more": false})));
}

#[test]
fn what_cannot_be_asked_is_refused_before_stripe_hears_of_it() {
    let host = host();
    for (action, input) in [
        ("get-customer", json!({"customer": "../accounts"})),
        ("create-refund", json!({"amount": 5})),
        ("create-refund", json!({"charge": "ch_1", "payment_intent": "pi_1"})),
        ("preview-invoice", json!({"subscription_details": {"cancel_now": true}})),
    ] {
        let result = host.invoke::<Stripe>(action, input.clone());
        assert!(matches!(result, Err(Error::Invalid(_))), "{action} {input}: {result:?}");
    }
}

#[test]
fn failures_of_stripe_become_the_hubs_own() {
    let host = host();
    let refund = || json!({"charge": "ch_1"});
    let refuse = |status: u16, error: Value| {
        host.expect(api("POST", "/v1/refunds"), Reply::json(status, &json!({"error": error})));
        host.invoke::<Stripe>("create-refund", refund())
    };
    let invalid = json!({"type": "invalid_request_error", "param": "amount", "message": "too much"});
    assert_eq!(refuse(400, invalid), Err(Error::invalid("/amount", "too much")));
    let declined =
        json!({"type": "card_error", "code": "card_declined", "decline_code": "lost_card", "message": "declined"});
    let declined = upstream(refuse(402, declined));
    assert_eq!((declined.status, declined.code.as_deref()), (402, Some("lost_card")));
    let limited =
        upstream(refuse(429, json!({"type": "invalid_request_error", "code": "rate_limit", "message": "slow"})));
    assert_eq!((limited.status, limited.retry_after_ms), (429, Some(1_000)));
    assert!(matches!(refuse(401, json!({"message": "Invalid API Key provided: sk_x"})), Err(Error::Reauthorize(_))));
    assert!(matches!(refuse(400, json!({"type": "idempotency_error", "message": "x"})), Err(Error::Conflict(_))));
}

#[test]
fn an_answer_that_is_no_json_is_stripes_fault() {
    let host = host();
    host.expect(api("GET", "/v1/customers/cus_1"), Reply::status(200).chunk("<html>"));
    assert_eq!(upstream(host.invoke::<Stripe>("get-customer", json!({"customer": "cus_1"}))).status, 200);
}
