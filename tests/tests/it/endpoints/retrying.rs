//! What happens when an endpoint does not take a delivery.

use patchbay_tests::Answered;
use serde_json::json;

use super::scene::Scene;

pub async fn a_delivery_that_fails_comes_again_under_the_same_id_until_it_is_taken() {
    let scene = Scene::start().await;
    let (endpoint, secret) = scene.endpoint(json!({})).await;
    scene.receiver.answer_next([Answered::status(500).body("no luck"), Answered::status(302).header("location", "/x")]);
    scene.publish("hello").await;
    scene.settle().await;
    scene.later(6).await;
    scene.later(331).await;
    let received = scene.receiver.received();
    assert_eq!(received.len(), 3);
    assert!(received.iter().all(|one| one.id == received[0].id && one.body == received[0].body));
    assert!(received.iter().all(|one| one.is_signed_by(&secret)));
    assert!(received[0].timestamp < received[1].timestamp, "the time is that of the attempt");
    let told = scene.delivery(&endpoint).await;
    assert_eq!((&told["delivery"]["status"], &told["delivery"]["attempts"]), (&json!("succeeded"), &json!(3)));
    assert_eq!(told["delivery"]["id"], json!(received[0].id));
    let attempts = told["attempts"].as_array().unwrap();
    let errors: Vec<_> = attempts.iter().map(|attempt| (&attempt["status"], &attempt["error"])).collect();
    assert_eq!(errors, [(&json!(500), &json!("status")), (&json!(302), &json!("status")), (&json!(204), &json!(null))]);
    assert_eq!(attempts[0]["answer"], "no luck");
}

pub async fn a_delivery_is_given_up_after_ten_attempts_over_three_days_and_that_is_told() {
    let scene = Scene::with(|config| config.deliveries.disable_after_hours = 0).await;
    let (endpoint, _) = scene.endpoint(json!({"types": ["echo.*"]})).await;
    let teller = patchbay_tests::TestReceiver::start().await;
    let _ = super::scene::endpoint_at(&scene.org, &teller, json!({"types": ["delivery.*"]})).await;
    scene.receiver.answer(Answered::status(503));
    scene.publish("hello").await;
    scene.settle().await;
    for hours in [1, 1, 2, 3, 6, 11, 16, 22, 27] {
        scene.later(hours * 3_600).await;
    }
    assert_eq!(scene.receiver.received().len(), 10);
    let told = scene.delivery(&endpoint).await;
    assert_eq!((&told["delivery"]["status"], &told["delivery"]["attempts"]), (&json!("exhausted"), &json!(10)));
    let events = teller.received();
    assert_eq!((events.len(), events[0].kind().as_str()), (1, "delivery.exhausted"));
    assert_eq!(events[0].json()["data"]["delivery"], told["delivery"]["id"]);
    scene.later(100 * 3_600).await;
    assert_eq!(scene.receiver.received().len(), 10);
}

pub async fn an_endpoint_that_asks_for_a_pause_gets_it() {
    let scene = Scene::start().await;
    let _ = scene.endpoint(json!({})).await;
    scene.receiver.answer_next([Answered::status(429).header("retry-after", "120")]);
    scene.publish("one").await;
    scene.settle().await;
    scene.publish("two").await;
    scene.later(100).await;
    assert_eq!(scene.receiver.received().len(), 1, "nothing is sent to it meanwhile");
    scene.later(21).await;
    let mut texts = scene.texts();
    texts.sort_unstable();
    assert_eq!(texts, ["one", "one", "two"]);
}

pub async fn a_pause_can_be_a_date() {
    let scene = Scene::start().await;
    let _ = scene.endpoint(json!({})).await;
    let pause = Answered::status(503)
        .header("date", "Wed, 21 Oct 2026 07:28:00 GMT")
        .header("retry-after", "Wed, 21 Oct 2026 07:38:00 GMT");
    scene.receiver.answer_next([pause]);
    scene.publish("one").await;
    scene.settle().await;
    scene.later(590).await;
    assert_eq!(scene.receiver.received().len(), 1);
    scene.later(11).await;
    assert_eq!(scene.receiver.received().len(), 2);
}

pub async fn an_endpoint_that_is_too_slow_has_failed() {
    let scene = Scene::with(|config| config.deliveries.timeout_ms = 200).await;
    let (endpoint, _) = scene.endpoint(json!({})).await;
    scene.receiver.answer_next([Answered::status(200).after(std::time::Duration::from_secs(5))]);
    scene.publish("one").await;
    scene.settle().await;
    assert_eq!(scene.delivery(&endpoint).await["attempts"][0]["error"], "timeout");
}

pub async fn the_beginning_of_an_answer_is_kept_and_nothing_secret_of_it() {
    let scene = Scene::start().await;
    let (endpoint, _) = scene.endpoint(json!({"secret_headers": {"x-token": "canary-of-a-header"}})).await;
    let long = format!("canary-of-a-header {}", "y".repeat(5_000));
    scene.receiver.answer_next([Answered::status(500).body(long)]);
    scene.publish("one").await;
    scene.settle().await;
    assert_eq!(scene.receiver.received()[0].header("x-token"), Some("canary-of-a-header"));
    let told = scene.delivery(&endpoint).await;
    let answer = told["attempts"][0]["answer"].as_str().unwrap();
    assert!(answer.starts_with("****************** yyy") && answer.len() <= 1024, "{answer}");
    scene.receiver.answer_next([Answered::status(500).body(vec![0xff, 0xfe])]);
    scene.later(6).await;
    assert_eq!(scene.delivery(&endpoint).await["attempts"][1]["answer_base64"], "//4=");
}

pub async fn a_delivery_is_sent_once_more_when_somebody_asks_for_it() {
    let scene = Scene::start().await;
    let (endpoint, _) = scene.endpoint(json!({})).await;
    scene.publish("one").await;
    scene.settle().await;
    let id = scene.receiver.received()[0].id.clone();
    let retry = || scene.org.call("POST", &format!("/v1/deliveries/{id}/retry")).send();
    assert_eq!(retry().await.expect(202).json()["status"], "pending");
    scene.settle().await;
    let received = scene.receiver.received();
    assert_eq!((received.len(), &received[1].id), (2, &id));
    assert_eq!(scene.delivery(&endpoint).await["delivery"]["attempts"], 2);
    scene.receiver.answer_next([Answered::status(500)]);
    let _ = retry().await.expect(202);
    scene.settle().await;
    retry().await.expect_problem("conflict");
}
