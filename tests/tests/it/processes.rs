//! Hubs in processes of their own, as an operator runs them, on one PostgreSQL: what is changed on one holds on the other
//! within a second, and what one that was killed had begun another one takes up.

use std::sync::Arc;

use patchbay_model::{Clock as _, ManualClock, SystemClock, identity::Role};
use patchbay_test_postgres::somebody_waits;
use patchbay_tests::{
    Fixture, StripeSender, TestHub,
    hub::{HubProcess, on_postgres},
    stripe::vector::SECRET,
};
use serde_json::{Value, json};
use sqlx::Connection as _;

use crate::{
    hubs::{COMPILED, SECOND, put, runs, version, within},
    identity::scene::{add, sign_in},
};

async fn limits_and_plans() {
    let hub = TestHub::start().await;
    let org = hub.org("acme").await;
    let _ = add(&hub, &org, "owner@example.com", Role::Owner).await;
    let billing = "[billing]\ndefault_plan = \"free\"\nowners_choose = true\n";
    let hubs = [HubProcess::configured(&hub, &[], billing).await, HubProcess::configured(&hub, &[], billing).await];
    let orgs = [hubs[0].see(&org), hubs[1].see(&org)];
    let owner = sign_in(&orgs[0], "owner@example.com").await;
    let owners = [hubs[0].see(&owner), hubs[1].see(&owner)];
    for round in 0..4 {
        let (by, seen_by) = (round % 2, (round + 1) % 2);
        let limit = 1_000 + round;
        let limits = json!({"endpoints": {"read": format!("{limit}/h")}});
        let _ = orgs[by].call("PUT", "/v1/rate-limits").json(&limits).send().await.expect(200);
        within(SECOND, &orgs[seen_by], async |org| {
            let policy = org.get("/v1/runs").await.header("ratelimit-policy").unwrap_or_default().to_owned();
            policy.contains(&format!("q={limit}"))
        })
        .await;
        let plan = ["starter", "pro", "business", "free"][round];
        let _ = owners[by].call("PUT", "/v1/plan").json(&json!({"plan": plan})).send().await.expect(200);
        within(SECOND, &orgs[seen_by], async |org| org.get("/v1/plan").await.json()["name"] == plan).await;
    }
}

async fn enabling_pinning_and_disabling() {
    // Makes the database and the org, and is asked for nothing else.
    let hub = TestHub::start().await;
    let org = hub.org("acme").await;
    let hubs = [HubProcess::beside(&hub, &[]).await, HubProcess::beside(&hub, &[]).await];
    let orgs = [hubs[0].see(&org), hubs[1].see(&org)];

    let _ = orgs[0].upload(Fixture::load("echo").pack()).await.expect(201);
    let _ = orgs[0].install("echo", json!({})).await.expect(200);
    within(COMPILED, &orgs[1], async |org| version(org, "echo").await == "1.0.0").await;
    let old = orgs[1].get("/v1/installations/echo").await.json()["digest"].clone();
    let _ = orgs[1].upload(Fixture::load("echo").version("2.0.0").pack()).await.expect(201);
    within(COMPILED, &orgs[0], async |org| version(org, "echo").await == "2.0.0").await;
    for round in 0..4 {
        let (by, seen_by) = (&orgs[round % 2], &orgs[(round + 1) % 2]);
        put(by, &json!({"config": {}, "policy": {"pin": old}})).await;
        within(SECOND, seen_by, async |org| version(org, "echo").await == "1.0.0").await;
        put(by, &json!({"config": {}, "policy": {"track": "*"}})).await;
        within(SECOND, seen_by, async |org| version(org, "echo").await == "2.0.0").await;
        put(by, &json!({"config": {}, "enabled": false})).await;
        within(SECOND, seen_by, async |org| !runs(org).await).await;
        seen_by.act("echo", "run", &json!({"text": "x"})).await.expect_problem("not_installed");
        put(by, &json!({"config": {}, "enabled": true})).await;
        within(SECOND, seen_by, async |org| runs(org).await).await;
    }
}

async fn a_webhook_of_a_hub_that_was_killed() {
    let clock = Arc::new(ManualClock::new(SystemClock.now()));
    let survivor = TestHub::setup().clock(clock.clone()).start().await;
    let org = survivor.org("acme").await;
    let mut doomed = HubProcess::beside(&survivor, &[]).await;
    let there = doomed.see(&org);
    let _ = there.upload(Fixture::plugin("stripe").pack()).await.expect(201);
    let _ = there.connect("stripe", "webhook_secret", SECRET).await.expect(200);
    let hook = there.install("stripe", json!({})).await.expect(200).json()["webhook_url"].as_str().unwrap().to_owned();
    within(COMPILED, &org, async |org| !version(org, "stripe").await.is_null()).await;

    // Its work waits at its last step, for what this transaction holds.
    let mut superuser = survivor.postgres().unwrap().connect("postgres").await;
    let mut holder = superuser.begin().await.unwrap();
    sqlx::query("INSERT INTO event_sequence (org_id, last) VALUES ($1, 0)")
        .bind(org.id.0)
        .execute(&mut *holder)
        .await
        .unwrap();
    let path = hook.split_once("/hooks/").map(|(_, token)| format!("/hooks/{token}")).unwrap();
    let _ = StripeSender::new(SECRET).send(&there, &path, "evt_1").await.expect(200);
    somebody_waits(&mut holder).await;
    doomed.kill().await;
    holder.rollback().await.unwrap();

    let webhook = async || -> Value { org.get("/v1/webhooks").await.expect(200).json()["items"][0].clone() };
    // The plugin's longest call, and most of the minute.
    clock.advance(chrono::Duration::seconds(10 + 50));
    survivor.hub.process_due_webhooks().await.unwrap();
    assert_eq!(webhook().await["status"], "pending", "whoever took it may still be at it");
    // from the present on, however long it took up to here: the lease is by the clock of the one that was killed
    clock.advance(SystemClock.now() - clock.now() + chrono::Duration::seconds(180));
    survivor.hub.process_due_webhooks().await.unwrap();
    let done = webhook().await;
    assert_eq!((&done["status"], &done["attempts"]), (&json!("processed"), &json!(1)), "{done}");
    let events = org.get("/v1/events").await.json()["items"].as_array().unwrap().len();
    let worked = org.runs("stripe").await.iter().filter(|run| run["operation"] != "verify").count();
    assert_eq!((events, worked), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_switched_on_pinned_or_off_in_one_process_is_so_in_the_other_within_a_second() {
    on_postgres(enabling_pinning_and_disabling()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_and_plans_of_one_process_hold_in_the_other_within_a_second() {
    on_postgres(limits_and_plans()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_hub_was_working_on_when_it_was_killed_is_taken_up_after_its_lease() {
    on_postgres(a_webhook_of_a_hub_that_was_killed()).await;
}
