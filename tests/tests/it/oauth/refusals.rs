//! What the hub makes of a vendor whose API refuses a token.

use std::time::Duration;

use patchbay_tests::{Fixture, oauth::Behaviour};
use serde_json::json;

use super::scene::{OauthScene, plugin};

const SOON: Duration = Duration::from_secs(30);

/// A vendor that gives nothing to renew a token with.
fn without_refresh() -> Behaviour {
    Behaviour { refresh_tokens: false, ..Behaviour::default() }
}

async fn connected(behaviour: &Behaviour, changes: serde_json::Value) -> OauthScene {
    let scene = OauthScene::with(changes).await;
    scene.vendor.behave(behaviour.clone());
    let _ = scene.consent().await.expect(200);
    assert!(scene.answer().await.contains("contacts"));
    scene
}

async fn needs_a_person(scene: &OauthScene) {
    let refused = || async { (scene.call().await.code() == "reauthorization_needed").then_some(()) };
    scene.org.wait_for(SOON, refused).await;
    assert_eq!(scene.shown().await["state"], "reauthorization_needed");
    assert_eq!(scene.events().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_unknown_end_is_not_handed_out_for_ever_once_the_vendor_has_ended_it() {
    let behaviour = Behaviour { lifetime: None, rotate: true, ..Behaviour::default() };
    let scene = connected(&behaviour, json!({})).await;
    assert_eq!(scene.shown().await["expires_at"], json!(null));
    scene.vendor.end_all_grants();
    scene.advance(120);
    assert!(!scene.answer().await.contains("contacts"), "who calls first hears it from the vendor");
    scene.vendor.wait_for_answers(2).await;
    needs_a_person(&scene).await;
    for _ in 0..3 {
        scene.call().await.expect_problem("reauthorization_needed");
    }
    assert_eq!(scene.vendor.token_requests().len(), 2);
    let _ = scene.consent().await.expect(200);
    assert!(scene.answer().await.contains("contacts"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stray_refusal_ends_no_connection_that_the_vendor_vouches_for() {
    let scene = connected(&without_refresh(), json!({})).await;
    scene.vendor.behave(Behaviour { api_refuses: true, ..without_refresh() });
    scene.advance(120);
    assert!(!scene.answer().await.contains("contacts"));
    scene.vendor.wait_for_profiles(2).await;
    scene.vendor.behave(without_refresh());
    assert!(scene.answer().await.contains("contacts"));
    let OauthScene { hub, org, vendor, .. } = scene;
    assert_eq!(org.get("/v1/connections/echo").await.expect(200).json()["oauth"]["state"], "connected");
    assert_eq!(org.get("/v1/events").await.expect(200).json()["items"], json!([]));
    hub.stop().await;
    assert_eq!(vendor.token_requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_the_vendor_confirms_asks_for_a_person() {
    let scene = connected(&without_refresh(), json!({})).await;
    scene.vendor.end_all_grants();
    scene.advance(120);
    assert!(!scene.answer().await.contains("contacts"));
    needs_a_person_by_time(&scene).await;
    assert_eq!(scene.vendor.token_requests().len(), 1);
}

/// As [`needs_a_person`], for a token whose end is known: it is handed out until then.
async fn needs_a_person_by_time(scene: &OauthScene) {
    let told = || async { (scene.events().await.len() == 1).then_some(()) };
    scene.org.wait_for(SOON, told).await;
    let shown = scene.shown().await;
    assert_eq!(shown["state"], "reauthorization_needed");
    assert!(shown["reason"].as_str().unwrap().contains("no longer takes the access token"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_can_vouch_refusals_count_when_they_go_on() {
    let scene = connected(&without_refresh(), json!({"account": null})).await;
    let refusing = Behaviour { api_refuses: true, ..without_refresh() };
    for _ in 0..2 {
        scene.vendor.behave(refusing.clone());
        scene.advance(61);
        for _ in 0..5 {
            assert!(!scene.answer().await.contains("contacts"));
        }
        scene.vendor.behave(without_refresh());
        assert!(scene.answer().await.contains("contacts"), "five at once are one accident");
    }
    scene.vendor.behave(refusing);
    assert!(!scene.answer().await.contains("contacts"));
    scene.advance(30);
    assert!(!scene.answer().await.contains("contacts"));
    assert_eq!(scene.shown().await["state"], "connected");
    scene.advance(30);
    let told = || async {
        let _ = scene.call().await;
        (scene.events().await.len() == 1).then_some(())
    };
    scene.org.wait_for(SOON, told).await;
    assert_eq!(scene.shown().await["state"], "reauthorization_needed");
}

/// The same plugin with code that sends its requests without the credential.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_a_request_that_did_not_carry_the_token_says_nothing_of_it() {
    let scene = OauthScene::connected(json!({})).await;
    let careless = Fixture { component: Fixture::load("fetcher").component, ..plugin(&json!({})) };
    let _ = scene.org.upload(careless.version("1.1.0").pack()).await.expect(201);
    scene.advance(120);
    assert!(scene.answer().await.contains("invalid_token"), "the vendor answers 401");
    let OauthScene { hub, vendor, .. } = scene;
    // Whatever that set off ends before the hub does.
    hub.stop().await;
    assert_eq!(vendor.token_requests(), ["authorization_code"]);
}
