//! Jobs that a clock makes.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use patchbay_tests::{Fixture, TestHub, hub::on_postgres};
use serde_json::{Value, json};

use super::{SOON, clock, ready_with, start};

pub async fn a_schedule_makes_a_job_for_each_of_its_times() {
    let clock = clock();
    let (hub, org) = start(TestHub::setup().clock(clock.clone())).await;
    let hourly = json!({
        "action": "run", "payload": {"text": "on the hour"}, "cron": "0 * * * *", "jitter_s": 0, "missed": "all",
    });
    let path = "/v1/schedules/worker/hourly";
    let put = org.call("PUT", path).json(&hourly).send().await.expect(200).json();
    assert_eq!(put["next_at"], "2026-11-22T13:00:00Z");
    clock.advance(TimeDelta::minutes(150));
    hub.hub.run_due_schedules().await.unwrap();
    hub.hub.work_due_jobs().await.unwrap();
    let made = || async {
        let jobs = org.get("/v1/jobs?kind=action&status=done").await.json();
        let times: Vec<_> = jobs["items"].as_array().unwrap().iter().map(|job| job["scheduled_for"].clone()).collect();
        (times.len() == 2).then_some(times)
    };
    let times = org.wait_for(SOON, made).await;
    assert_eq!(times.iter().map(Value::to_string).collect::<BTreeSet<_>>().len(), 2);
    let now = org.get(path).await.expect(200).json();
    assert_eq!((&now["next_at"], &now["last_at"]), (&json!("2026-11-22T15:00:00Z"), &json!("2026-11-22T14:00:00Z")));
    assert_eq!(hub.hub.run_due_schedules().await.unwrap(), 0, "each time has its job");
    let bad = json!({"task": "count", "cron": "0 0 30 2 *"});
    org.call("PUT", path).json(&bad).send().await.expect_problem("invalid_input");
    let _ = org.call("DELETE", path).send().await.expect(204);
    org.get(path).await.expect_problem("not_found");
}

/// On PostgreSQL: two hubs look at one clock.
async fn two_hubs() {
    let clock = clock();
    let hub = TestHub::setup().clock(clock.clone()).start().await;
    let org = ready_with(&hub, "acme", Fixture::load("worker")).await;
    let other = TestHub::setup().clock(clock.clone()).beside(&hub).start().await;
    clock.advance(TimeDelta::hours(14));
    let (one, two) = tokio::join!(hub.hub.run_due_schedules(), other.hub.run_due_schedules());
    let _ = (one.unwrap(), two.unwrap());
    let jobs = org.get("/v1/jobs?kind=task").await.expect(200).json();
    assert_eq!(jobs["items"].as_array().unwrap().len(), 1, "{jobs}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_hubs_that_see_a_schedule_due_one_makes_the_job() {
    on_postgres(two_hubs()).await;
}

pub async fn an_org_puts_a_schedule_in_the_place_of_the_plugins() {
    let hub = TestHub::setup().clock(clock()).start().await;
    let org = ready_with(&hub, "acme", Fixture::load("worker")).await;
    let path = "/v1/schedules/worker/nightly";
    let brought = org.get(path).await.expect(200).json();
    assert_eq!((&brought["origin"], &brought["task"]), (&json!("plugin"), &json!("count")));
    assert_eq!(brought["next_at"], "2026-11-23T01:30:00Z", "half past two in Berlin");
    org.call("DELETE", path).send().await.expect_problem("conflict");
    let off = json!({"task": "count", "cron": "30 2 * * *", "enabled": false});
    let put = org.call("PUT", path).json(&off).send().await.expect(200).json();
    assert_eq!((&put["origin"], &put["next_at"], &put["id"]), (&json!("org"), &Value::Null, &brought["id"]));
    // a new version leaves alone what the org put, and takes away what it has no more
    let newer =
        Fixture::load("worker").version("1.1.0").edit(|manifest| manifest.schedules[0].cron = "0 5 * * *".into());
    let _ = org.upload(newer.pack()).await.expect(201);
    assert_eq!(org.get(path).await.expect(200).json()["cron"], "30 2 * * *");
    let _ = org.call("DELETE", path).send().await.expect(204);
    let brought = org.get(path).await.expect(200).json();
    assert_eq!((&brought["origin"], &brought["cron"]), (&json!("plugin"), &json!("0 5 * * *")));
    let _ = org.call("DELETE", "/v1/installations/worker").send().await.expect(204);
    assert_eq!(org.get("/v1/schedules").await.expect(200).json()["items"], json!([]));
}
