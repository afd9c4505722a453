//! Tokens that stay good, and what happens when they cannot.

use std::time::Duration;

use futures::future::join_all;
use patchbay_tests::oauth::{Behaviour, Fault};
use serde_json::json;

use super::scene::{CONNECTION, HOST, OauthScene, SECRET};

/// What a vendor that rotates refresh tokens does.
fn rotating() -> Behaviour {
    Behaviour { rotate: true, ..Behaviour::default() }
}

fn failing(status: u16, retry_after: Option<u64>) -> Behaviour {
    Behaviour { fault: Some(Fault::Status(status)), retry_after, ..rotating() }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_calls_with_an_ended_token_cost_one_refresh() {
    let scene = OauthScene::connected(json!({})).await;
    scene.vendor.behave(rotating());
    for round in 1..=3 {
        scene.advance(4_000);
        for reply in join_all((0..200).map(|_| scene.call())).await {
            assert!(reply.expect(200).text().contains("contacts"));
        }
        assert_eq!(scene.vendor.token_requests().len(), 1 + round);
    }
    assert_eq!(scene.shown().await["state"], "connected");
    assert_eq!(scene.vendor.violations(), [""; 0]);
    scene.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_about_to_end_is_renewed_beside_the_call() {
    let scene = OauthScene::connected(json!({})).await;
    scene.vendor.behave(rotating());
    scene.vendor.hold(true);
    scene.advance(3_350);
    let first = scene.access();
    assert!(scene.answer().await.contains("contacts"), "it does not wait for the new token");
    scene.vendor.wait_for_requests(2).await;
    scene.vendor.hold(false);
    scene.vendor.wait_for_answers(2).await;
    scene.advance(300);
    assert!(!scene.vendor.accepts(&first));
    assert!(scene.answer().await.contains("contacts"));
    assert_eq!(scene.vendor.token_requests().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_takes_the_tokens_no_more_makes_one_event_and_a_person_puts_it_right() {
    let scene = OauthScene::connected(json!({})).await;
    scene.vendor.behave(rotating());
    scene.vendor.end_all_grants();
    scene.advance(4_000);
    for reply in join_all((0..40).map(|_| scene.call())).await {
        reply.expect_problem("reauthorization_needed");
        assert!(reply.text().contains("/oauth/connect/"), "{}", reply.text());
    }
    scene.call().await.expect_problem("reauthorization_needed");
    assert_eq!(scene.vendor.token_requests().len(), 2, "the vendor heard of it once");

    let shown = scene.shown().await;
    assert_eq!(shown["state"], "reauthorization_needed");
    assert!(shown["reason"].as_str().unwrap().contains("invalid_grant"), "{shown}");
    let events = scene.events().await;
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0]["type"], "connection.reauthorization_needed");
    assert_eq!(events[0]["data"]["plugin"], "echo");
    assert_eq!(events[0]["data"]["reconnect_url"], shown["reconnect_url"]);

    let _ = scene.consent().await.expect(200);
    assert_eq!(scene.shown().await["state"], "connected");
    assert!(scene.answer().await.contains("contacts"));
    scene.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_vendor_is_down_good_tokens_are_used_and_then_callers_learn_when_to_come_back() {
    let scene = OauthScene::connected(json!({})).await;
    scene.vendor.behave(failing(503, Some(30)));
    scene.advance(3_350);
    assert!(scene.answer().await.contains("contacts"), "the old token is good still");
    scene.vendor.wait_for_answers(2).await;
    scene.advance(300);
    let reply = scene.call().await;
    reply.expect_problem("upstream_unavailable");
    assert!(reply.header("retry-after").unwrap().parse::<u64>().unwrap() >= 30, "{:?}", reply.headers);
    assert_eq!(scene.shown().await["state"], "connected", "nobody has to do anything");

    scene.vendor.behave(rotating());
    scene.advance(600);
    assert!(scene.answer().await.contains("contacts"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_the_vendor_refuses_early_is_replaced_for_the_next_call() {
    let scene = OauthScene::connected(json!({})).await;
    scene.vendor.behave(rotating());
    let access = scene.access();
    let form = reqwest::Client::new().post(format!("{}/revoke", scene.vendor.url()));
    let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let form = form.basic_auth("operators", Some(encoded(SECRET))).header("accept", "application/json");
    let body = format!("token={}", encoded(&access));
    let form = form.header("content-type", "application/x-www-form-urlencoded").body(body);
    assert_eq!(form.send().await.unwrap().status().as_u16(), 200);

    assert!(!scene.answer().await.contains("contacts"));
    assert_eq!(scene.vendor.token_requests().len(), 1, "a brand-new token is not renewed for that");
    scene.advance(120);
    assert!(!scene.answer().await.contains("contacts"));
    scene.vendor.wait_for_answers(2).await;
    let fresh = || async { Some(scene.answer().await).filter(|answer| answer.contains("contacts")) };
    let _ = scene.org.wait_for(Duration::from_secs(30), fresh).await;
    assert_eq!(scene.vendor.token_requests().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_connection_is_given_back_to_the_vendor() {
    let scene = OauthScene::connected(json!({})).await;
    assert!(scene.vendor.accepts(&scene.access()));
    let _ = scene.org.call("DELETE", CONNECTION).send().await.expect(204);
    assert!(scene.vendor.secrets().iter().all(|secret| !scene.vendor.accepts(secret)));
    assert_eq!(scene.org.get(CONNECTION).await.status, 404);
    assert!(!scene.answer().await.contains("contacts"), "without a connection there is no token");
    assert_eq!(scene.vendor.violations(), [""; 0]);

    let _ = scene.consent().await.expect(200);
    assert!(scene.answer().await.contains("contacts"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_goes_nowhere_but_to_the_credentials_hosts_and_no_value_is_put_beside_it() {
    let scene = OauthScene::connected(json!({})).await;
    let reply = scene.org.connect("echo", "secret_key", "by hand").await;
    assert_eq!(reply.status, 422);
    assert_eq!(reply.json()["violations"][0]["pointer"], "/credentials/secret_key");
    let elsewhere = scene.org.act("echo", "fetch", &json!({"text": "https://vendor.test/echo"})).await;
    elsewhere.expect_problem("egress_denied");
    let endpoint = scene.org.act("echo", "fetch", &json!({"text": format!("https://{HOST}/userinfo")})).await;
    endpoint.expect_problem("egress_denied");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_orgs_have_neither_the_connection_nor_its_tokens() {
    let scene = OauthScene::connected(json!({})).await;
    let other = scene.hub.org("other").await;
    let _ = other.install("echo", json!({})).await.expect(200);
    assert_eq!(other.get(CONNECTION).await.status, 404);
    let reply = other.act("echo", "fetch", &json!({"text": format!("https://{HOST}/api/contacts")})).await;
    assert!(!reply.text().contains("contacts\""), "{}", reply.text());
}
