//! Endpoints that get events in their order.

use patchbay_tests::Answered;
use serde_json::json;

use super::scene::Scene;

pub async fn an_endpoint_of_order_gets_events_one_after_the_other() {
    let scene = Scene::start().await;
    let _ = scene.endpoint(json!({"fifo": true})).await;
    let texts: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    for text in &texts {
        scene.publish(text).await;
    }
    scene.settle().await;
    assert_eq!(scene.texts(), texts);
}

pub async fn the_first_that_fails_holds_up_those_after_it_and_no_other_endpoint() {
    let scene = Scene::start().await;
    let other = patchbay_tests::TestReceiver::start().await;
    let _ = scene.endpoint(json!({"fifo": true})).await;
    let _ = super::scene::endpoint_at(&scene.org, &other, json!({})).await;
    scene.receiver.answer_next([Answered::status(500), Answered::status(500)]);
    for text in ["one", "two", "three"] {
        scene.publish(text).await;
    }
    scene.settle().await;
    assert_eq!(scene.texts(), ["one"]);
    assert_eq!(other.received().len(), 3, "another endpoint has them all");
    scene.later(6).await;
    assert_eq!(scene.texts(), ["one", "one"]);
    scene.later(60).await;
    assert_eq!(scene.texts(), ["one", "one"], "the second wait is five minutes");
    scene.later(300).await;
    assert_eq!(scene.texts(), ["one", "one", "one", "two", "three"]);
}

pub async fn a_rate_holds_an_endpoint_to_its_number() {
    let scene = Scene::start().await;
    let _ = scene.endpoint(json!({"rate": "2/10s"})).await;
    for text in ["one", "two", "three", "four"] {
        scene.publish(text).await;
    }
    scene.settle().await;
    assert_eq!(scene.receiver.received().len(), 2);
    scene.later(5).await;
    assert_eq!(scene.receiver.received().len(), 3);
    scene.later(5).await;
    assert_eq!(scene.receiver.received().len(), 4);
}
