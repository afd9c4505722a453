//! A receiver that is down is nobody's trouble but its own.

use std::time::{Duration, Instant};

use patchbay_tests::{Answered, TestHub, TestReceiver};
use serde_json::json;

use super::scene::{endpoint_at, on_this_machine, publish, publisher};

/// By the machine's own clock.
pub async fn a_dead_receiver_with_a_full_queue_does_not_hold_up_another_org() {
    let (dead, alive) = (TestReceiver::start().await, TestReceiver::start().await);
    let hub = TestHub::setup().edit(on_this_machine).start().await;
    let (ours, theirs) = (publisher(&hub, "dead").await, publisher(&hub, "alive").await);
    let (endpoint, _) = endpoint_at(&ours, &dead, json!({})).await;
    let _ = endpoint_at(&theirs, &alive, json!({})).await;
    dead.answer(Answered::status(500).after(Duration::from_millis(100)));
    futures::future::join_all((0..300).map(|_| publish(&ours, "lost"))).await;
    let _ = dead.wait_for(5).await;
    let mut slowest = Duration::ZERO;
    for count in 1..=20 {
        let began = Instant::now();
        publish(&theirs, "hello").await;
        let _ = alive.wait_for(count).await;
        slowest = slowest.max(began.elapsed());
    }
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
    let queued = ours.get(&format!("/v1/endpoints/{endpoint}/stats")).await.expect(200).json();
    assert!(queued["queued"].as_u64().unwrap() > 200, "{queued}");
    assert!(dead.received().len() < 100, "it is left alone: {}", dead.received().len());
}

pub async fn an_endpoint_that_works_again_gets_all_that_waited_for_it() {
    let scene = super::scene::Scene::start().await;
    let (endpoint, _) = scene.endpoint(json!({})).await;
    scene.receiver.answer(Answered::status(503));
    for number in 0..40 {
        scene.publish(&number.to_string()).await;
    }
    scene.settle().await;
    let tried = scene.receiver.received().len();
    assert!(tried < 20, "the circuit opened: {tried}");
    scene.receiver.answer(Answered::status(200));
    for _ in 0..6 {
        scene.later(3_600).await;
    }
    let deliveries = scene.deliveries(&endpoint).await;
    assert!(deliveries.iter().all(|one| one["status"] == "succeeded"), "{deliveries:?}");
    assert_eq!(deliveries.len(), 40);
    let stats = scene.org.get(&format!("/v1/endpoints/{endpoint}/stats")).await.expect(200).json();
    assert_eq!((&stats["circuit"], &stats["queued"], &stats["failures"]), (&json!("closed"), &json!(0), &json!(0)));
}
