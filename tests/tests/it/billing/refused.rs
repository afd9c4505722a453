//! Usage that Stripe takes and refuses afterwards, in its own time.

use std::sync::Arc;

use chrono::Duration;
use patchbay_model::{ManualClock, Timestamp};
use patchbay_tests::stripe::VISA;
use serde_json::{Value, json};

use super::scene::{SOON, Scene, plan};

pub async fn what_stripe_refuses_after_it_took_it_is_told_once_more_at_night() {
    let begun: Timestamp = "2027-01-04T09:17:00Z".parse().unwrap();
    let clock = Arc::new(ManualClock::new(begun));
    let scene = Scene::start(clock.clone(), 300, None).await;
    let wait = async |time: Duration| {
        clock.advance(time);
        scene.stripe.catch_up();
        scene.deliver().await;
    };
    let owner = scene.owner().await;
    let pro = json!({"plan": "pro"});
    let checkout = owner.call("POST", "/v1/billing/checkout").json(&pro).send().await.expect(200).json();
    let session = checkout["url"].as_str().unwrap().rsplit('/').next().unwrap();
    scene.stripe.complete_checkout(session, VISA).unwrap();
    scene.deliver().await;
    assert_eq!(plan(&scene.buyer).await, "pro");

    // five calls, of which three are included
    for _ in 0..5 {
        let _ = scene.buyer.act("echo", "run", &json!({"text": "hi"})).await.expect(200);
    }
    wait(Duration::minutes(10)).await;
    let are_told = || async {
        scene.work().await;
        let told = scene.stripe.meter_events();
        (told.iter().map(|event| event.value).sum::<i64>() == 2).then_some(told)
    };
    let told = scene.operator.wait_for(SOON, are_told).await;
    for event in &told {
        assert!(scene.stripe.refuse_meter_event(&event.identifier, "meter_event_customer_not_found"));
    }
    wait(Duration::minutes(10)).await;
    assert!(scene.stripe.meter_events().is_empty(), "nothing is told anew before somebody could mend what is wrong");

    // at three in the night the day is compared, and what is missing is told
    wait(Duration::hours(18)).await;
    wait(Duration::minutes(10)).await;
    let _ = scene.operator.wait_for(SOON, are_told).await;
    let gaps = scene.operator.get("/v1/events?type=billing.usage_gap").await.expect(200).json();
    let gaps: Vec<_> = gaps["items"].as_array().unwrap().iter().map(|event| event["data"].clone()).collect();
    let gap = json!({
        "org": scene.buyer.id, "metric": "calls", "day": "2027-01-04", "ours": 2, "theirs": 0, "refused": 2,
    });
    assert_eq!(gaps, [gap], "the operator is told, once");
    let reports = "/v1/events?type=stripe.v1.billing.meter.error_report_triggered";
    let reports = scene.operator.get(reports).await.expect(200).json();
    assert_eq!(reports["items"].as_array().unwrap().len(), told.len());

    // the night after it is whole
    wait(Duration::days(1)).await;
    let owner = scene.owner().await;
    let day = |check: &&Value| check["day"].as_str().is_some_and(|day| day.starts_with("2027-01-04"));
    let is_whole = || async {
        scene.work().await;
        let report = owner.get("/v1/billing/reconciliation").await.expect(200).json();
        let check = report["items"].as_array().unwrap().iter().find(day).unwrap().clone();
        (check["theirs"] == 2).then_some(check)
    };
    let check = scene.operator.wait_for(SOON, is_whole).await;
    assert_eq!((&check["ours"], &check["refused"]), (&json!(2), &json!(2)));
    assert_eq!(scene.stripe.violations(), [] as [String; 0]);
}
