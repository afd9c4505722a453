//! What one call, one plugin or one org may take of what all of them share.

use std::time::Duration;

use patchbay_tests::{Fixture, TestHub, Vendor};
use serde_json::json;

use crate::scene::{OpenAiScene, ZooScene};

#[tokio::test(flavor = "multi_thread")]
async fn a_document_written_again_and_again_takes_its_place_once() {
    let scene = ZooScene::start(&Fixture::load("storage-flood")).await;
    let _ = scene.hostile.act("storage-flood", "run", &json!({"text": "one-document"})).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_documents_than_an_answer_holds_come_in_pages() {
    let scene = ZooScene::start(&Fixture::load("storage-flood")).await;
    let act = async |text: &str| scene.hostile.act("storage-flood", "run", &json!({"text": text})).await;
    let _ = act("read-write").await.expect(200);
    assert_eq!(act("read-pages").await.expect(200).json()["output"]["result"], "12 in 2");
    act("read-many").await.expect_problem("plugin_budget_exhausted");
    assert_eq!(act("read-twice").await.expect(200).json()["output"]["result"], "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_org_that_waits_for_a_silent_vendor_leaves_room_for_others() {
    let vendor = Vendor::start().await;
    let setup = TestHub::setup().upstream("vendor.test", &vendor.url());
    let hub = setup.edit(|config| config.runtime.max_instances = 8).start().await;
    let (greedy, quiet) = (hub.org("greedy").await, hub.org("quiet").await);
    let sleeper = Fixture::load("sleeper");
    let names = ["sleeper-a", "sleeper-b"];
    for name in names {
        let _ = greedy.upload(sleeper.clone().id(name).pack()).await.expect(201);
        let _ = greedy.install(name, json!({})).await.expect(200);
    }
    let _ = quiet.upload(Fixture::load("echo").pack()).await.expect(201);
    let _ = quiet.install("echo", json!({})).await.expect(200);
    let input = json!({});
    let sleeping = futures::future::join_all((0..16).map(|number| greedy.act(names[number % 2], "run", &input)));
    let answered = async {
        for _ in 0..10 {
            let _ = quiet.act("echo", "run", &json!({"text": "here"})).await.expect(200);
        }
    };
    let (ends, ()) = tokio::time::timeout(Duration::from_secs(60), async { tokio::join!(sleeping, answered) })
        .await
        .expect("the sleepers are stopped");
    let refused = ends.iter().filter(|reply| reply.code() == "concurrency_limited").count();
    assert_eq!(refused, 12, "half of the places are one org's");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clients_body_that_is_too_large_for_the_plugin_is_the_clients() {
    let scene = OpenAiScene::start().await;
    let frugal = Fixture::plugin("openai").version("9.0.0").edit(|manifest| manifest.limits.body_kib = Some(1024));
    let _ = scene.org.upload(frugal.pack()).await.expect(201);
    let body = json!({"model": "gpt-4.1", "messages": [{"role": "user", "content": "x".repeat(2 << 20)}]});
    let reply = scene.proxied("/v1/chat/completions", &body).send().await;
    assert_eq!((reply.status, reply.code().as_str()), (413, "payload_too_large"), "{}", reply.text());
    assert!(scene.vendor.captured().is_empty());
}
