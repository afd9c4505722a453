//! Stripe's own API for its SDKs.

use patchbay_plugin_stripe::Stripe;
use patchbay_sdk::testing::{Exchange, MockHost, ProxyCall, Reply};
use serde_json::json;

fn host() -> MockHost {
    let host = MockHost::with_manifest(include_str!("../plugin.toml"));
    host.set_secret("secret_key", "sk_test_canary");
    host
}

#[test]
fn a_request_and_its_answer_pass_as_they_are() {
    let host = host();
    let form = "name=Ada%20L&metadata[a]=1";
    host.expect(
        Exchange::post("https://api.stripe.com/v1/customers")
            .credential("secret_key")
            .header("stripe-version", "2026-09-30.endive")
            .header("idempotency-key", "the-clients-own")
            .header("stripe-account", "acct_1")
            .without_header("cookie")
            .body(form),
        Reply::json(200, &json!({"id": "cus_1"})).header("request-id", "req_1").header("set-cookie", "d=1"),
    );
    let call = ProxyCall::post("/v1/customers")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("stripe-version", "2026-09-30.endive")
        .header("idempotency-key", "the-clients-own")
        .header("stripe-account", "acct_1")
        .header("cookie", "d=1")
        .body(form);
    let reply = host.proxy::<Stripe>(call);
    reply.result.clone().unwrap();
    assert_eq!((reply.status, reply.text()), (Some(200), json!({"id": "cus_1"}).to_string()));
    assert_eq!(reply.headers.get("request-id"), Some("req_1"));
    assert_eq!(reply.headers.get("set-cookie"), None);
}

#[test]
fn who_names_no_version_gets_the_pinned_one() {
    let host = host();
    host.expect(
        Exchange::post("https://api.stripe.com/v1/refunds")
            .credential("secret_key")
            .header("stripe-version", "2026-10-28.endive"),
        Reply::json(402, &json!({"error": {"type": "card_error"}})),
    );
    let reply = host.proxy::<Stripe>(ProxyCall::post("/v1/refunds").body("charge=ch_1"));
    assert_eq!(reply.status, Some(402), "a failure of Stripe is the client's to read");
}
