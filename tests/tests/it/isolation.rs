//! What one org, or one call, leaves behind for the next: nothing.

use serde_json::json;

use crate::{scene::ZooScene, zoo::patient};

pub async fn records_values_and_files_of_another_org_are_not_found() {
    let scene = ZooScene::start(&patient("foreign-reader")).await;
    let _ = scene.neighbour.install("foreign-reader", json!({})).await.expect(200);
    let secret = "neighbours-secret-71c4";
    let written =
        scene.neighbour.act("foreign-reader", "run", &json!({"text": format!("write {secret}")})).await.expect(200);
    let blob = written.json()["output"]["result"].as_str().unwrap().to_owned();
    let reply = scene.hostile.act("foreign-reader", "run", &json!({"text": format!("read {blob}")})).await;
    assert!(!reply.text().contains(secret), "{}", reply.text());
    reply.expect_problem("not_found");
    let own = scene.neighbour.act("foreign-reader", "run", &json!({"text": format!("read {blob}")})).await;
    assert!(own.text().contains(secret), "the owner reads it: {}", own.text());
}

pub async fn nothing_stays_in_globals_or_memory_from_one_call_to_the_next() {
    let scene = ZooScene::start(&patient("state-smuggler")).await;
    let _ = scene.neighbour.install("state-smuggler", json!({})).await.expect(200);
    for round in 0..20 {
        for org in [&scene.hostile, &scene.neighbour] {
            let reply = org.act("state-smuggler", "run", &json!({"text": format!("mark-{round}")})).await.expect(200);
            assert_eq!(reply.json()["output"]["result"], "before=;dirty=0", "round {round}");
        }
    }
}

pub async fn the_same_guest_of_another_org_has_no_installation() {
    let scene = ZooScene::start(&patient("fetcher")).await;
    scene
        .neighbour
        .act("fetcher", "run", &json!({"text": "https://vendor.test/ok"}))
        .await
        .expect_problem("not_installed");
}
