//! Signatures, and secrets that are replaced.

use chrono::TimeDelta;
use serde_json::json;

use super::scene::Scene;

async fn rotate(scene: &Scene, endpoint: &str, body: serde_json::Value) -> serde_json::Value {
    let call = scene.org.call("POST", &format!("/v1/endpoints/{endpoint}/secret/rotate")).json(&body);
    call.send().await.expect(200).json()
}

pub async fn during_a_rotation_both_secrets_verify_and_afterwards_the_new_one_alone() {
    let scene = Scene::start().await;
    let (endpoint, old) = scene.endpoint(json!({})).await;
    let rotated = rotate(&scene, &endpoint, json!({"overlap_seconds": 3600})).await;
    let new = rotated["secret"].as_str().unwrap();
    assert!(new.starts_with("whsec_") && new != old);
    scene.publish("one").await;
    scene.settle().await;
    scene.clock.advance(TimeDelta::seconds(3_601));
    scene.publish("two").await;
    scene.settle().await;
    let received = scene.receiver.received();
    assert!(received[0].is_signed_by(&old) && received[0].is_signed_by(new));
    assert_eq!(received[0].signature.split(' ').count(), 2);
    assert!(!received[1].is_signed_by(&old) && received[1].is_signed_by(new));
    let shown = scene.org.get(&format!("/v1/endpoints/{endpoint}")).await.expect(200);
    assert!(!shown.text().contains("whsec_"), "a secret is shown once");
}

pub async fn an_ed25519_endpoint_is_verified_by_its_public_key() {
    let scene = Scene::start().await;
    let (endpoint, secret) = scene.endpoint(json!({"signing": "ed25519"})).await;
    assert_eq!(secret, "", "nobody but the hub needs it");
    let shown = scene.org.get(&format!("/v1/endpoints/{endpoint}")).await.expect(200).json();
    let old = shown["public_key"].as_str().unwrap().to_owned();
    let rotated = rotate(&scene, &endpoint, json!({})).await;
    let new = rotated["endpoint"]["public_key"].as_str().unwrap();
    scene.publish("one").await;
    scene.settle().await;
    let received = scene.receiver.received();
    assert!(received[0].is_signed_for(&old) && received[0].is_signed_for(new) && old != new);
    assert!(!received[0].signature.contains("v1,"));
}

pub async fn headers_of_the_org_are_sent_along_and_secret_ones_never_shown() {
    let scene = Scene::start().await;
    let settings = json!({"headers": {"X-Env": "test"}, "secret_headers": {"authorization": "Bearer canary-value"}});
    let (endpoint, _) = scene.endpoint(settings).await;
    scene.publish("one").await;
    scene.settle().await;
    let received = scene.receiver.received();
    assert_eq!(received[0].header("x-env"), Some("test"));
    assert_eq!(received[0].header("authorization"), Some("Bearer canary-value"));
    let shown = scene.org.get(&format!("/v1/endpoints/{endpoint}")).await.expect(200);
    assert_eq!(shown.json()["secret_headers"], json!(["authorization"]));
    for (path, bytes) in scene.hub.kept().await {
        assert!(memchr::memmem::find(&bytes, b"canary-value").is_none(), "{}", path.display());
    }
    let changed = scene.patch(&endpoint, json!({"secret_headers": {"authorization": null}, "headers": {}})).await;
    assert_eq!(changed.expect(200).json()["secret_headers"], json!([]));
    scene.publish("two").await;
    scene.settle().await;
    let received = scene.receiver.received();
    assert_eq!((received[1].header("authorization"), received[1].header("x-env")), (None, None));
}
