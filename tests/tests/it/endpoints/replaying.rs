//! Sending once more.

use chrono::{SecondsFormat, TimeDelta};
use patchbay_model::Timestamp;
use patchbay_tests::Answered;
use serde_json::{Value, json};

use super::scene::Scene;

fn time(at: Timestamp) -> Value {
    json!(at.to_rfc3339_opts(SecondsFormat::Micros, true))
}

pub async fn a_replay_since_a_time_sends_what_was_published_from_then_on() {
    let scene = Scene::start().await;
    let (endpoint, _) = scene.endpoint(json!({})).await;
    scene.publish("old").await;
    scene.settle().await;
    scene.clock.advance(TimeDelta::seconds(60));
    let since = scene.now();
    for text in ["one", "two"] {
        scene.publish(text).await;
    }
    scene.settle().await;
    let first = scene.receiver.received();
    assert_eq!(scene.replay(&endpoint, json!({"since": time(since)})).await, 2);
    scene.settle().await;
    let all = scene.receiver.received();
    let ids = |some: &[patchbay_tests::Received]| {
        let mut ids: Vec<String> = some.iter().map(|one| one.id.clone()).collect();
        ids.sort();
        ids
    };
    assert_eq!(ids(&all[3..]), ids(&first[1..]), "under the same ids");
    let until = json!({"since": time(since), "until": time(since)});
    assert_eq!(scene.replay(&endpoint, until).await, 1);
    assert_eq!(scene.replay(&endpoint, json!({"since": time(since), "types": ["call.*"]})).await, 0);
    assert_eq!(scene.replay(&endpoint, json!({"since": time(since), "after": i64::MAX})).await, 0);
}

pub async fn a_replay_of_what_is_missing_sends_what_never_arrived() {
    let scene = Scene::start().await;
    let (endpoint, _) = scene.endpoint(json!({})).await;
    let since = scene.now();
    scene.publish("arrived").await;
    scene.settle().await;
    let _ = scene.patch(&endpoint, json!({"enabled": false})).await.expect(200);
    scene.publish("while it was off").await;
    scene.settle().await;
    let _ = scene.patch(&endpoint, json!({"enabled": true})).await.expect(200);
    assert_eq!(scene.replay(&endpoint, json!({"since": time(since), "only": "missing"})).await, 1);
    scene.settle().await;
    assert_eq!(scene.texts(), ["arrived", "while it was off"]);
    assert_eq!(scene.replay(&endpoint, json!({"since": time(since), "only": "missing"})).await, 0);
}

pub async fn a_replay_of_what_failed_sends_what_was_given_up() {
    let scene = Scene::with(|config| config.deliveries.disable_after_hours = 0).await;
    let (endpoint, _) = scene.endpoint(json!({"filter": {"text": {"not": {"in": ["other"]}}}})).await;
    let since = scene.now();
    scene.publish("fine").await;
    scene.settle().await;
    scene.receiver.answer(Answered::status(500));
    scene.publish("given up").await;
    scene.settle().await;
    for _ in 0..9 {
        scene.later(28 * 3_600).await;
    }
    scene.receiver.answer(Answered::status(200));
    assert_eq!(scene.deliveries(&endpoint).await[0]["status"], "exhausted");
    let before = scene.receiver.received().len();
    assert_eq!(scene.replay(&endpoint, json!({"since": time(since), "only": "failed"})).await, 1);
    // its circuit is open: it is tried when the pause is over, which is ten minutes and a tenth at most
    scene.later(11 * 60).await;
    assert_eq!(scene.texts()[before..], ["given up"]);
    assert_eq!(scene.deliveries(&endpoint).await[0]["status"], "succeeded");
}
