//! Payloads that a plugin makes.

use patchbay_tests::Fixture;
use serde_json::json;

use super::scene::Scene;

pub async fn a_transformation_makes_the_payload_drops_it_or_fails_the_attempt() {
    let scene = Scene::start().await;
    let _ = scene.org.upload(Fixture::load("reshape").pack()).await.expect(201);
    let _ = scene.org.install("reshape", json!({})).await.expect(200);
    let transform = json!({"transform": {"plugin": "reshape", "action": "run"}});
    let (endpoint, secret) = scene.endpoint(transform).await;
    for text in ["hello", "drop", "fail"] {
        scene.publish(text).await;
    }
    scene.settle().await;
    let received = scene.receiver.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].json(), json!({"shaped": "hello"}));
    assert!(received[0].is_signed_by(&secret), "what is sent is what is signed");
    let statuses: Vec<_> = scene.deliveries(&endpoint).await.iter().map(|one| one["status"].clone()).collect();
    assert_eq!(statuses, ["pending", "skipped", "succeeded"]);
    let failed = scene.deliveries(&endpoint).await[0]["id"].as_str().unwrap().to_owned();
    let told = scene.org.get(&format!("/v1/deliveries/{failed}")).await.expect(200).json();
    assert_eq!(told["attempts"][0]["error"], "transform_failed");
    assert!(told["attempts"][0]["detail"].as_str().unwrap().contains("no other shape"), "{told}");
    assert_eq!(scene.org.runs("reshape").await.len(), 3, "each is a run");
    let published = scene.org.get("/v1/events?type=reshape.made").await.expect(200).json();
    assert_eq!(published["items"], json!([]), "it would be reshaped in turn, without end");
}

pub async fn a_transformation_is_an_action_of_a_plugin_that_is_switched_on() {
    let scene = Scene::start().await;
    for (plugin, action, at) in [("reshape", "run", "/transform/plugin"), ("echo", "none", "/transform/action")] {
        let body = json!({"url": scene.receiver.url(), "transform": {"plugin": plugin, "action": action}});
        let refused = scene.org.call("POST", "/v1/endpoints").json(&body).send().await;
        refused.expect_problem("invalid_input");
        assert_eq!(refused.json()["violations"][0]["pointer"], at);
    }
}
