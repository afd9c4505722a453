//! From an endpoint's making to its end, and across hubs.

use patchbay_tests::{TestHub, TestReceiver};
use serde_json::json;

use super::scene::{Scene, endpoint_at, on_this_machine, publish, publisher};

pub async fn a_plan_says_how_many_endpoints_there_may_be() {
    let scene = Scene::with(|config| {
        let plan = patchbay_hub::Billing { default_plan: "free".to_owned(), ..patchbay_hub::Billing::default() };
        config.plans =
            patchbay_hub::Plans::new(&plan, &std::collections::BTreeMap::new(), &std::collections::BTreeMap::new())
                .unwrap();
    })
    .await;
    let (first, _) = scene.endpoint(json!({})).await;
    let body = json!({"url": scene.receiver.url()});
    let second = || scene.org.call("POST", "/v1/endpoints").json(&body).send();
    second().await.expect_problem("plan_limit_reached");
    let _ = scene.org.call("DELETE", &format!("/v1/endpoints/{first}")).send().await.expect(204);
    let _ = second().await.expect(201);
}

pub async fn deliveries_are_listed_page_by_page_and_by_what_became_of_them() {
    let scene = Scene::start().await;
    let (endpoint, _) = scene.endpoint(json!({})).await;
    for number in 0..5 {
        scene.publish(&number.to_string()).await;
    }
    scene.settle().await;
    let path = format!("/v1/endpoints/{endpoint}/deliveries?limit=2");
    let (mut pages, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = scene.org.get(&format!("{path}{cursor}")).await.expect(200).json();
        pages.push(page["items"].as_array().unwrap().len());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&before={next}"),
            None => break,
        }
    }
    assert_eq!(pages, [2, 2, 1]);
    let of = |query: &'static str| {
        let path = format!("/v1/endpoints/{endpoint}/deliveries?{query}");
        let org = scene.org.clone();
        async move { org.get(&path).await.expect(200).json()["items"].as_array().unwrap().len() }
    };
    assert_eq!((of("status=succeeded").await, of("status=pending").await), (5, 0));
    assert_eq!((of("type=echo.echoed").await, of("type=other").await), (5, 0));
}

pub async fn what_was_not_sent_when_a_hub_ended_is_sent_by_the_next() {
    let scene = Scene::start().await;
    let _ = scene.endpoint(json!({})).await;
    scene.receiver.answer(patchbay_tests::Answered::status(500));
    for text in ["one", "two"] {
        scene.publish(text).await;
    }
    scene.settle().await;
    scene.receiver.answer(patchbay_tests::Answered::status(200));
    let Scene { hub, clock, receiver, .. } = scene;
    let hub = hub.restart().await;
    let before = receiver.received().len();
    clock.advance(chrono::TimeDelta::seconds(30));
    hub.hub.process_due_deliveries().await.unwrap();
    assert_eq!(receiver.received().len(), before + 2);
}

/// On PostgreSQL alone.
async fn each_hub_hands_on() {
    let receiver = TestReceiver::start().await;
    let first = TestHub::setup().edit(on_this_machine).start().await;
    let second = TestHub::setup().edit(on_this_machine).beside(&first).start().await;
    let org = publisher(&first, "acme").await;
    let there = org.at(&second);
    let ready = || async { (there.act("echo", "run", &json!({"text": "x"})).await.status == 200).then_some(()) };
    org.wait_for(std::time::Duration::from_secs(60), ready).await;
    let _ = endpoint_at(&org, &receiver, json!({"filter": {"text": {"not": {"in": ["x"]}}}})).await;
    let texts: Vec<String> = (0..40).map(|number| number.to_string()).collect();
    let publishing = texts.iter().enumerate().map(|(place, text)| {
        let org = if place % 2 == 0 { org.clone() } else { there.clone() };
        async move { publish(&org, text).await }
    });
    futures::future::join_all(publishing).await;
    let received = receiver.wait_for(40).await;
    let mut came: Vec<String> =
        received.iter().map(|one| one.json()["data"]["text"].as_str().unwrap().to_owned()).collect();
    came.sort_by_key(|text| text.parse::<u32>().unwrap());
    assert_eq!(came, texts, "each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_either_of_two_hubs_publishes_is_delivered_once() {
    patchbay_tests::hub::on_postgres(each_hub_hands_on()).await;
}
