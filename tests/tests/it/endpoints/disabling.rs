//! Endpoints that are switched off.

use patchbay_tests::{Answered, TestReceiver};
use serde_json::json;

use super::scene::{Scene, endpoint_at};

pub async fn an_endpoint_that_is_gone_is_switched_off_at_once_and_that_is_told() {
    let scene = Scene::start().await;
    let teller = TestReceiver::start().await;
    let _ = endpoint_at(&scene.org, &teller, json!({"types": ["endpoint.disabled"]})).await;
    let (endpoint, _) = scene.endpoint(json!({"types": ["echo.*"]})).await;
    scene.receiver.answer(Answered::status(410));
    scene.publish("one").await;
    scene.settle().await;
    scene.publish("two").await;
    scene.later(10 * 86_400).await;
    assert_eq!(scene.receiver.received().len(), 1);
    let now = scene.org.get(&format!("/v1/endpoints/{endpoint}")).await.expect(200).json();
    assert_eq!((&now["enabled"], &now["disabled_reason"]), (&json!(false), &json!("gone")));
    assert_eq!(scene.delivery(&endpoint).await["delivery"]["status"], "exhausted");
    let told = teller.received();
    assert_eq!((told.len(), &told[0].json()["data"]["reason"]), (1, &json!("gone")));
    let audit = scene.org.get("/v1/audit?action=endpoint.disable").await;
    let audit = if audit.status == 200 { audit } else { scene.org.get("/v1/audit").await.expect(200) };
    assert!(audit.text().contains("endpoint.disable"), "{}", audit.text());
}

pub async fn an_endpoint_that_only_fails_for_five_days_is_switched_off_and_that_is_told() {
    let scene = Scene::start().await;
    let teller = TestReceiver::start().await;
    let _ = endpoint_at(&scene.org, &teller, json!({"types": ["endpoint.disabled"]})).await;
    let (endpoint, _) = scene.endpoint(json!({})).await;
    scene.receiver.answer(Answered::status(500));
    scene.publish("first").await;
    scene.settle().await;
    for _ in 0..9 {
        scene.publish("again").await;
        scene.later(12 * 3_600).await;
    }
    let state = || async { scene.org.get(&format!("/v1/endpoints/{endpoint}")).await.expect(200).json() };
    assert_eq!(state().await["enabled"], true, "four and a half days");
    let failing = scene.org.get(&format!("/v1/endpoints/{endpoint}/stats")).await.expect(200).json();
    assert!(failing["failures"].as_u64().unwrap() >= 5, "{failing}");
    assert!(failing["failing_since"].is_string(), "{failing}");
    scene.publish("again").await;
    scene.later(13 * 3_600).await;
    let now = state().await;
    assert_eq!((&now["enabled"], &now["disabled_reason"]), (&json!(false), &json!("failing")));
    scene.settle().await;
    let told = teller.received();
    assert_eq!((told.len(), &told[0].json()["data"]["reason"]), (1, &json!("failing")));
    assert_eq!(told[0].json()["data"]["endpoint"], json!(endpoint));
}

pub async fn one_success_in_five_days_keeps_an_endpoint() {
    let scene = Scene::start().await;
    let (endpoint, _) = scene.endpoint(json!({})).await;
    scene.receiver.answer(Answered::status(500));
    scene.publish("one").await;
    scene.later(4 * 86_400).await;
    scene.receiver.answer(Answered::status(200));
    scene.publish("two").await;
    scene.later(86_400).await;
    scene.receiver.answer(Answered::status(500));
    scene.publish("three").await;
    scene.later(4 * 86_400).await;
    assert_eq!(scene.org.get(&format!("/v1/endpoints/{endpoint}")).await.expect(200).json()["enabled"], true);
}

pub async fn what_waits_for_an_endpoint_that_is_switched_off_is_sent_when_it_is_switched_on() {
    let scene = Scene::start().await;
    let (endpoint, _) = scene.endpoint(json!({})).await;
    scene.receiver.answer_next([Answered::status(500)]);
    scene.publish("waits").await;
    scene.settle().await;
    let _ = scene.patch(&endpoint, json!({"enabled": false})).await.expect(200);
    scene.publish("missed").await;
    scene.later(3_600).await;
    assert_eq!(scene.receiver.received().len(), 1);
    scene.org.call("POST", &format!("/v1/endpoints/{endpoint}/test")).send().await.expect_problem("conflict");
    let on = scene.patch(&endpoint, json!({"enabled": true})).await.expect(200).json();
    assert_eq!((&on["enabled"], &on["disabled_reason"]), (&json!(true), &json!(null)));
    scene.publish("new").await;
    scene.settle().await;
    let mut texts = scene.texts();
    texts.sort_unstable();
    assert_eq!(texts, ["new", "waits", "waits"]);
}

pub async fn an_endpoint_that_is_switched_on_again_begins_anew_in_the_middle_of_a_pause() {
    let scene = Scene::start().await;
    let (endpoint, _) = scene.endpoint(json!({})).await;
    scene.receiver.answer_next([Answered::status(429).header("retry-after", "86400")]);
    scene.publish("too much").await;
    scene.settle().await;
    for enabled in [false, true] {
        let _ = scene.patch(&endpoint, json!({"enabled": enabled})).await.expect(200);
    }
    scene.publish("new").await;
    scene.settle().await;
    assert_eq!(scene.texts(), ["too much", "new"]);
    let stats = scene.org.get(&format!("/v1/endpoints/{endpoint}/stats")).await.expect(200).json();
    assert_eq!((&stats["failures"], &stats["failing_since"]), (&json!(0), &json!(null)), "{stats}");
}

pub async fn a_deleted_endpoint_gets_nothing_more_and_what_it_got_stays_readable() {
    let scene = Scene::start().await;
    let (endpoint, _) = scene.endpoint(json!({})).await;
    scene.publish("got").await;
    scene.settle().await;
    scene.receiver.answer(Answered::status(500));
    scene.publish("queued").await;
    scene.settle().await;
    let _ = scene.org.call("DELETE", &format!("/v1/endpoints/{endpoint}")).send().await.expect(204);
    scene.org.get(&format!("/v1/endpoints/{endpoint}")).await.expect_problem("not_found");
    let before = scene.receiver.received().len();
    scene.publish("after").await;
    scene.later(86_400).await;
    assert_eq!(scene.receiver.received().len(), before);
    let kept = scene.org.get("/v1/deliveries").await.expect(200).json();
    assert_eq!(kept["items"].as_array().unwrap().len(), 2);
}
