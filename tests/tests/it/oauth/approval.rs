//! Tokens and secrets go where an admin has approved, and to whom they were got from.

use serde_json::json;

use super::scene::{CONNECTION, HOST, OauthScene, plugin};

const INSTALLATION: &str = "/v1/installations/echo";

#[tokio::test(flavor = "multi_thread")]
async fn a_new_version_that_names_another_token_endpoint_waits_for_an_admin() {
    let scene = OauthScene::connected(json!({})).await;
    let elsewhere = plugin(&json!({"token-url": "https://auth.evil.example/token"})).version("1.1.0");
    let _ = scene.org.upload(elsewhere.pack()).await.expect(201);
    let held = scene.org.get(INSTALLATION).await.expect(200).json();
    assert_eq!(held["version"], "1.0.0");
    assert_eq!(held["held_back"]["code"], "approval_needed");
    let new = held["held_back"]["new_capabilities"].to_string();
    assert!(new.contains("tokens of auth.evil.example/token"), "{new}");
    scene.advance(4_000);
    assert!(scene.answer().await.contains("contacts"), "renewed where it was");

    // Approved by mistake or not: what the old endpoint gave goes to no other.
    let put = json!({"config": {}, "accept": held["held_back"]["digest"]});
    let now = scene.org.call("PUT", INSTALLATION).json(&put).send().await.expect(200).json();
    assert_eq!(now["version"], "1.1.0");
    assert_eq!(scene.shown().await["state"], "reauthorization_needed");
    assert_eq!(scene.shown().await["client"], json!(null));
    scene.advance(4_000);
    scene.call().await.expect_problem("reauthorization_needed");
    let _ = scene.org.call("DELETE", CONNECTION).send().await.expect(204);
    assert_eq!(scene.vendor.violations(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_lead_to_another_host_of_the_vendor_do_not_take_the_tokens_along() {
    let changes = json!({"token-url": "https://{region}.vendor.example/token"});
    let scene = OauthScene::with_settings(changes, json!({"region": "auth"})).await;
    let _ = scene.consent().await.expect(200);
    assert_eq!(scene.shown().await["state"], "connected");
    let _ = scene.org.install("echo", json!({"region": "other"})).await.expect(200);
    assert_eq!(scene.shown().await["state"], "reauthorization_needed");
    scene.advance(4_000);
    scene.call().await.expect_problem("reauthorization_needed");
    let _ = scene.org.install("echo", json!({"region": "auth"})).await.expect(200);
    assert!(scene.answer().await.contains("contacts"), "there it is good: {HOST}");
    assert_eq!(scene.vendor.token_requests().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_that_was_begun_with_another_endpoint_is_not_redeemed() {
    let changes = json!({"token-url": "https://{region}.vendor.example/token"});
    let scene = OauthScene::with_settings(changes, json!({"region": "auth"})).await;
    let (browser, back) = scene.browse().await;
    let _ = scene.org.install("echo", json!({"region": "other"})).await.expect(200);
    let page = browser.get(&back).await.expect(409);
    assert!(page.text().contains("was replaced since"), "{}", page.text());
    assert_eq!(scene.vendor.token_requests(), [""; 0]);
}
