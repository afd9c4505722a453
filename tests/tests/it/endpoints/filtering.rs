//! What an endpoint subscribes to.

use patchbay_tests::TestReceiver;
use serde_json::json;

use super::scene::{Scene, endpoint_at};

pub async fn an_endpoint_gets_the_types_that_it_names_and_no_others() {
    let scene = Scene::start().await;
    let (exact, _) = scene.endpoint(json!({"types": ["echo.echoed"]})).await;
    let (family, _) = scene.endpoint(json!({"types": ["echo.*"]})).await;
    let (all, _) = scene.endpoint(json!({})).await;
    let (other, _) = scene.endpoint(json!({"types": ["call.*", "echo"]})).await;
    scene.publish("hello").await;
    scene.settle().await;
    for (endpoint, count) in [(exact, 1), (family, 1), (all, 1), (other, 0)] {
        assert_eq!(scene.deliveries(&endpoint).await.len(), count);
    }
    let received = scene.receiver.received();
    assert_eq!(received.len(), 3);
    let payload = received[0].json();
    assert_eq!((&payload["type"], &payload["data"]["text"]), (&json!("echo.echoed"), &json!("hello")));
    assert!(payload["timestamp"].as_str().unwrap().starts_with("2026-11-"));
}

pub async fn an_endpoint_gets_what_its_filter_lets_through() {
    let scene = Scene::start().await;
    let _ = scene.endpoint(json!({"filter": {"text": {"in": ["yes", "maybe"]}}})).await;
    for text in ["no", "yes", "never", "maybe"] {
        scene.publish(text).await;
    }
    scene.settle().await;
    let mut texts = scene.texts();
    texts.sort_unstable();
    assert_eq!(texts, ["maybe", "yes"]);
}

pub async fn each_kind_of_condition_lets_through_what_it_should() {
    let scene = Scene::start().await;
    let mut expected = Vec::new();
    for (filter, texts) in [
        (json!({"text": "m"}), vec!["m"]),
        (json!({"text": {"in": ["a", "z"]}}), vec!["a", "z"]),
        (json!({"text": {"gt": "a", "lte": "m"}}), vec!["m"]),
        (json!({"text": {"exists": true}}), vec!["a", "m", "z"]),
        (json!({"missing": {"exists": true}}), vec![]),
        (json!({"any": [{"text": "a"}, {"text": {"gt": "m"}}]}), vec!["a", "z"]),
        (json!({"not": {"text": "a"}}), vec!["m", "z"]),
    ] {
        let receiver = TestReceiver::start().await;
        let _ = endpoint_at(&scene.org, &receiver, json!({"filter": filter})).await;
        expected.push((receiver, filter, texts));
    }
    for text in ["a", "m", "z"] {
        scene.publish(text).await;
    }
    scene.settle().await;
    for (receiver, filter, texts) in expected {
        let mut came: Vec<String> =
            receiver.received().iter().map(|one| one.json()["data"]["text"].as_str().unwrap().to_owned()).collect();
        came.sort_unstable();
        assert_eq!(came, texts, "{filter}");
    }
}

pub async fn what_was_published_before_an_endpoint_is_not_for_it() {
    let scene = Scene::start().await;
    let (first, _) = scene.endpoint(json!({})).await;
    scene.publish("before").await;
    let (second, _) = scene.endpoint(json!({})).await;
    scene.publish("after").await;
    scene.settle().await;
    assert_eq!((scene.deliveries(&first).await.len(), scene.deliveries(&second).await.len()), (2, 1));
}

pub async fn a_changed_subscription_holds_for_what_is_published_from_then_on() {
    let scene = Scene::start().await;
    let (endpoint, _) = scene.endpoint(json!({"types": ["call.*"]})).await;
    scene.publish("before").await;
    scene.settle().await;
    let _ = scene.patch(&endpoint, json!({"types": ["echo.*"]})).await.expect(200);
    scene.publish("after").await;
    scene.settle().await;
    assert_eq!(scene.texts(), ["after"]);
}

pub async fn a_test_reaches_the_endpoint_that_it_is_for_whatever_that_subscribes_to() {
    let scene = Scene::start().await;
    let (tried, _) = scene.endpoint(json!({"types": ["call.*"]})).await;
    let (other, _) = scene.endpoint(json!({"types": ["*", "endpoint.*"]})).await;
    let sent = scene.org.call("POST", &format!("/v1/endpoints/{tried}/test")).send().await.expect(202).json();
    scene.settle().await;
    let received = scene.receiver.received();
    assert_eq!((received.len(), received[0].kind().as_str()), (1, "endpoint.test"));
    assert_eq!(sent["delivery"], json!(received[0].id));
    let delivery = scene.delivery(&tried).await;
    assert_eq!(
        (&delivery["delivery"]["status"], &delivery["attempts"][0]["status"]),
        (&json!("succeeded"), &json!(204))
    );
    assert_eq!(scene.deliveries(&other).await.len(), 0);
}
