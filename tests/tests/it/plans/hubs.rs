//! PostgreSQL alone: several hubs, and a counter store that cannot be read.

use patchbay_tests::TestHub;
use serde_json::json;
use sqlx::{AssertSqlSafe, raw_sql};

use crate::{
    hubs::{COMPILED, SECOND, within},
    nodes::on_one_database,
};

use super::scene::{Scene, act, put_budget};

async fn as_superuser(hub: &TestHub, sql: &str) {
    let mut superuser = hub.postgres().unwrap().connect("postgres").await;
    raw_sql(AssertSqlSafe(sql)).execute(&mut superuser).await.unwrap();
}

async fn plan_changes() {
    let sections = json!({"features": {"proxy": "pro", "plugin:openai": "starter"}, "plans": {"starter": {"limits": {"calls": 0}}}});
    let scene = Scene::start(sections).await;
    let second = scene.second().await.unwrap();
    let seen_by = scene.org.at(&second);
    within(COMPILED, &seen_by, async |org| act(org, "gpt-4.1").await.status == 200).await;
    for (plan, code) in [("free", "plan_required"), ("pro", ""), ("starter", "plan_limit_reached"), ("enterprise", "")]
    {
        scene.hub.hub.set_plan(scene.org.id, plan, None).await.unwrap();
        within(SECOND, &seen_by, async |org| act(org, "gpt-4.1").await.code() == code).await;
        assert_eq!(seen_by.get("/v1/plan").await.expect(200).json()["name"], plan);
    }
    // and back: what the second hub gives, the first one heeds
    second.hub.set_plan(scene.org.id, "free", None).await.unwrap();
    within(SECOND, &scene.org, async |org| act(org, "gpt-4.1").await.code() == "plan_required").await;
}

async fn budget_changes() {
    let scene = Scene::start(json!({})).await;
    let second = scene.second().await.unwrap();
    let seen_by = scene.org.at(&second);
    within(COMPILED, &seen_by, async |org| act(org, "gpt-4.1").await.status == 200).await;
    let _ = put_budget(&scene.org, "org", "calls", 0).await.expect(200);
    within(SECOND, &seen_by, async |org| act(org, "gpt-4.1").await.code() == "budget_exhausted").await;
    let _ = scene.org.call("DELETE", "/v1/budgets/org/calls").send().await.expect(204);
    within(SECOND, &seen_by, async |org| act(org, "gpt-4.1").await.code().is_empty()).await;
}

async fn usage_of_the_other_hub() {
    let sections = json!({"billing": {"default_plan": "free"}, "plans": {"free": {"limits": {"calls": 10}}}});
    let scene = Scene::start(sections).await;
    let second = scene.second().await.unwrap();
    let seen_by = scene.org.at(&second);
    within(COMPILED, &seen_by, async |org| act(org, "gpt-4.1").await.status == 200).await;
    while act(&scene.org, "gpt-4.1").await.status == 200 {}
    // the second hub counted one call when it looked; it knows of the others when it looks again
    let refused = || async { (act(&seen_by, "gpt-4.1").await.code() == "plan_limit_reached").then_some(()) };
    seen_by.wait_for(70 * SECOND, refused).await;
}

async fn counters_that_cannot_be_read() {
    let sections = json!({"billing": {"default_plan": "free"}, "plans": {"free": {"limits": {"calls": 3}}}});
    let scene = Scene::start(sections).await;
    as_superuser(&scene.hub, "REVOKE SELECT ON usage_counter FROM patchbay_app").await;
    for _ in 0..5 {
        let _ = act(&scene.org, "gpt-4.1").await.expect(200);
    }
    let metrics = scene.hub.get("/metrics").await.text();
    assert!(metrics.contains("patchbay_limit_checks_skipped_total"), "{metrics}");
    as_superuser(&scene.hub, "GRANT SELECT ON usage_counter TO patchbay_app").await;
    act(&scene.org, "gpt-4.1").await.expect_problem("plan_limit_reached");
    let events = scene.org.get("/v1/events").await.expect(200).json();
    let told: Vec<_> =
        events["items"].as_array().unwrap().iter().filter(|event| event["type"] == "plan.limits_unchecked").collect();
    assert_eq!(told.len(), 1, "{events}");
    assert_eq!(told[0]["data"]["calls"], 5);
}

async fn budgets_that_cannot_be_read() {
    let scene = Scene::start(json!({})).await;
    let _ = put_budget(&scene.org, "org", "calls", 100).await.expect(200);
    let _ = act(&scene.org, "gpt-4.1").await.expect(200);
    as_superuser(&scene.hub, "REVOKE INSERT ON budget_reservation FROM patchbay_app").await;
    let asked = scene.asked();
    act(&scene.org, "gpt-4.1").await.expect_problem("unavailable");
    assert_eq!(scene.asked(), asked, "a budget that cannot be looked at is not passed");
    as_superuser(&scene.hub, "GRANT INSERT ON budget_reservation TO patchbay_app").await;
    let _ = act(&scene.org, "gpt-4.1").await.expect(200);
}

on_one_database! {
    a_plan_that_is_given_on_one_hub_holds_on_the_other_within_a_second: plan_changes
    a_budget_that_is_set_on_one_hub_holds_on_the_other_within_a_second: budget_changes
    what_one_hub_used_counts_on_the_other: usage_of_the_other_hub
    calls_go_on_while_limits_cannot_be_looked_at_and_it_is_told: counters_that_cannot_be_read
    calls_stop_while_budgets_cannot_be_looked_at: budgets_that_cannot_be_read
}
