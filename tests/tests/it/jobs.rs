//! Durable work in the background: a component's steps, actions that nobody waits for, events, schedules.

mod calls;
mod schedules;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use chrono::TimeDelta;
use patchbay_model::{Clock as _, EventId, ManualClock, OrgId, SystemClock, SystemRandom, event::Event};
use patchbay_tests::{
    Fixture, Org, TestHub, Vendor,
    hub::{HubProcess, Setup, on_postgres},
};
use serde_json::{Value, json};

pub use calls::*;
pub use schedules::*;

/// For what happens behind the scene to happen.
const SOON: Duration = Duration::from_secs(60);

async fn start(setup: Setup) -> (TestHub, Org) {
    let hub = setup.start().await;
    let org = ready(&hub, "acme").await;
    (hub, org)
}

/// An org that has the worker, whose schedule is left out: by the machine's clock its time may come in the middle of a test.
async fn ready(hub: &TestHub, name: &str) -> Org {
    ready_with(hub, name, Fixture::load("worker").edit(|manifest| manifest.schedules.clear())).await
}

/// An org that has this worker.
async fn ready_with(hub: &TestHub, name: &str, worker: Fixture) -> Org {
    let org = hub.org(name).await;
    let _ = org.upload(worker.pack()).await;
    let _ = org.install("worker", json!({})).await.expect(200);
    org
}

/// A clock that a test moves, at a moment when nothing is due.
fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new("2026-11-22T12:00:00Z".parse().unwrap()))
}

/// Has the worker plan something; gives the job's id.
async fn plan(org: &Org, text: &str) -> String {
    let reply = org.act("worker", "run", &json!({"text": text})).await.expect(200);
    reply.json()["output"]["result"].as_str().unwrap().to_owned()
}

async fn job(org: &Org, id: &str) -> Value {
    org.get(&format!("/v1/jobs/{id}")).await.expect(200).json()
}

/// The job, once it has come so far.
async fn once(org: &Org, id: &str, status: &str) -> Value {
    let look = || async {
        let job = job(org, id).await;
        (job["status"] == status).then_some(job)
    };
    org.wait_for(SOON, look).await
}

async fn events(org: &Org, kind: &str) -> Vec<Value> {
    let mut all = Vec::new();
    let mut after = "0".to_owned();
    loop {
        let page = org.get(&format!("/v1/events?after={after}&limit=200")).await.expect(200).json();
        let items = page["items"].as_array().unwrap().clone();
        let Some(last) = items.last() else { return all };
        after = last["sequence"].as_str().unwrap().to_owned();
        all.extend(items.into_iter().filter(|event| event["type"] == kind));
    }
}

async fn count(org: &Org, status: &str) -> usize {
    let page = org.get(&format!("/v1/jobs?status={status}&limit=200")).await.expect(200).json();
    page["items"].as_array().unwrap().len()
}

/// Each number was counted once: by its document, by the version of the one that all steps write, and by its event.
async fn counted_exactly(hub: &TestHub, org: &Org, job: &str, to: u64) {
    let database = hub.database().await;
    let mut tx = database.read().await.unwrap();
    let mut ours = tx.org(org.id);
    let worker = "worker".parse().unwrap();
    for number in 1..=to {
        let document = ours.records(&worker).get("numbers", &format!("{job}-{number}")).await.unwrap();
        assert_eq!(document.unwrap_or_else(|| panic!("{number} was not counted")).version, 1, "{number}");
    }
    let total = ours.records(&worker).get("totals", job).await.unwrap().unwrap();
    assert_eq!(total.version, to, "each step wrote once");
    drop(tx);
    database.close().await;
    let events = events(org, "worker.counted").await;
    let numbers: Vec<u64> = events.iter().map(|event| event["data"]["n"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=to).collect::<Vec<_>>(), "in order, and none twice");
}

pub async fn a_job_that_counts_survives_a_restart_and_each_number_is_counted_once() {
    let (hub, org) = start(TestHub::setup()).await;
    let id = plan(&org, "plan count 120").await;
    let underway = || async { job(&org, &id).await["progress"].as_u64().filter(|progress| *progress > 100) };
    org.wait_for(SOON, underway).await;
    let hub = hub.restart().await;
    let org = org.at(&hub);
    assert_eq!(once(&org, &id, "done").await["result"], 120);
    counted_exactly(&hub, &org, &id, 120).await;
}

/// On PostgreSQL: two hubs, of which the one that works is killed.
async fn killed_in_the_middle() {
    let hub = TestHub::setup().edit(|config| config.job_concurrency = 1).start().await;
    let org = ready(&hub, "acme").await;
    let mut victim = HubProcess::beside(&hub, &[]).await;
    let mut jobs = Vec::new();
    for _ in 0..12 {
        jobs.push(plan(&victim.see(&org), "plan count 40").await);
    }
    let underway = || async {
        let page = org.get("/v1/jobs?limit=200").await.json();
        let some = page["items"].as_array().unwrap().iter().any(|job| job["progress"].as_u64() > Some(200));
        some.then_some(())
    };
    org.wait_for(SOON, underway).await;
    victim.kill().await;
    let ended = || async {
        let mut done = 0;
        for id in &jobs {
            done += usize::from(job(&org, id).await["status"] == "done");
        }
        (done == jobs.len()).then_some(())
    };
    // what it held is held until its leases have ended
    org.wait_for(Duration::from_secs(240), ended).await;
    let database = hub.database().await;
    let mut tx = database.read().await.unwrap();
    let worker = "worker".parse().unwrap();
    for id in &jobs {
        let total = tx.org(org.id).records(&worker).get("totals", id).await.unwrap().unwrap();
        assert_eq!(total.version, 40, "{id}");
    }
    let events = events(&org, "worker.counted").await;
    assert_eq!(events.len(), jobs.len() * 40);
    let distinct: BTreeSet<_> =
        events.iter().map(|event| (event["subject"].to_string(), event["data"]["n"].to_string())).collect();
    assert_eq!(distinct.len(), events.len(), "no step had its effects twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_is_killed_leaves_its_jobs_to_another_one_and_no_effect_twice() {
    on_postgres(killed_in_the_middle()).await;
}

pub async fn one_orgs_backlog_does_not_hold_up_another_ones() {
    let hub = TestHub::setup().edit(|config| config.job_concurrency = 1).start().await;
    let (busy, quiet) = (ready(&hub, "busy").await, ready(&hub, "quiet").await);
    for _ in 0..10 {
        let _ = plan(&busy, "plan-many count 100").await;
    }
    let id = plan(&quiet, "plan count 1").await;
    let _ = once(&quiet, &id, "done").await;
    assert_eq!(count(&busy, "queued").await, 200, "a page full of the other's waits still");
}

pub async fn a_step_that_fails_is_tried_again_until_its_tries_are_used_up() {
    let clock = clock();
    let (hub, org) = start(TestHub::setup().clock(clock.clone())).await;
    let id = plan(&org, "plan fail 1").await;
    let tried = || async {
        let job = job(&org, &id).await;
        (job["status"] == "queued" && job["attempts"] == 1).then_some(job)
    };
    let job = org.wait_for(SOON, tried).await;
    assert_eq!(job["error"]["code"], "upstream_unavailable");
    assert_eq!(job["error"]["detail"], "it never works");
    let due: chrono::DateTime<chrono::Utc> = job["due_at"].as_str().unwrap().parse().unwrap();
    let wait = due - clock.now();
    assert!((TimeDelta::seconds(4)..=TimeDelta::seconds(6)).contains(&wait), "{wait}");
    clock.advance(TimeDelta::seconds(7));
    hub.hub.work_due_jobs().await.unwrap();
    let job = once(&org, &id, "failed").await;
    assert_eq!((&job["attempts"], &job["most_attempts"]), (&json!(2), &json!(2)));
    let failed = events(&org, "job.failed").await;
    assert_eq!(failed.len(), 1);
    assert_eq!((&failed[0]["subject"], &failed[0]["data"]["name"]), (&json!(id), &json!("fail")));
    assert_eq!(failed[0]["data"]["error"]["code"], "upstream_unavailable");
}

pub async fn a_vendor_that_asks_for_a_pause_is_given_it() {
    let clock = clock();
    let (_hub, org) = start(TestHub::setup().clock(clock.clone())).await;
    let call = org.call("POST", "/v1/actions/worker/run").header("prefer", "respond-async");
    let id = call.json(&json!({"text": "pause"})).send().await.expect(202).json()["id"].as_str().unwrap().to_owned();
    let tried = || async {
        let job = job(&org, &id).await;
        (job["status"] == "queued" && job["attempts"] == 1).then_some(job)
    };
    let job = org.wait_for(SOON, tried).await;
    let due: chrono::DateTime<chrono::Utc> = job["due_at"].as_str().unwrap().parse().unwrap();
    let wait = due - clock.now();
    assert!((TimeDelta::seconds(120)..=TimeDelta::seconds(122)).contains(&wait), "{wait}");
}

pub async fn what_would_fail_again_is_not_tried_again() {
    let (_hub, org) = start(TestHub::setup()).await;
    let id = plan(&org, "plan refuse 1").await;
    let job = once(&org, &id, "failed").await;
    assert_eq!((&job["attempts"], &job["error"]["code"]), (&json!(1), &json!("invalid_input")));
    let call = org.call("POST", "/v1/actions/worker/run").header("prefer", "respond-async");
    let accepted = call.json(&json!({"text": "refuse"})).send().await.expect(202).json();
    let job = once(&org, accepted["id"].as_str().unwrap(), "failed").await;
    assert_eq!((&job["attempts"], &job["error"]["code"]), (&json!(1), &json!("upstream_error")));
}

pub async fn a_failed_job_is_done_once_more_alone_or_with_all_of_its_kind() {
    let (_hub, org) = start(TestHub::setup()).await;
    let (first, second) = (plan(&org, "plan refuse 1").await, plan(&org, "plan refuse 1").await);
    for id in [&first, &second] {
        let _ = once(&org, id, "failed").await;
    }
    let redrive = |path: String| org.call("POST", &path).json(&json!({})).send();
    let again = redrive(format!("/v1/jobs/{first}/redrive")).await.expect(202).json();
    assert_eq!((&again["status"], &again["redriven"]), (&json!("queued"), &json!(1)));
    let _ = once(&org, &first, "failed").await;
    let all = json!({"plugin": "worker", "name": "refuse"});
    let all = org.call("POST", "/v1/jobs/redrive").json(&all).send().await.expect(202).json();
    let all = once(&org, all["id"].as_str().unwrap(), "done").await;
    assert_eq!(all["result"], json!({"redriven": 2}));
    let ended = || async {
        let (one, other) = (job(&org, &first).await, job(&org, &second).await);
        let both = one["redriven"] == 2 && other["redriven"] == 1;
        (both && one["status"] == "failed" && other["status"] == "failed").then_some(())
    };
    org.wait_for(SOON, ended).await;
    let done = plan(&org, "plan count 1").await;
    let _ = once(&org, &done, "done").await;
    redrive(format!("/v1/jobs/{done}/redrive")).await.expect_problem("conflict");
}

pub async fn a_job_that_waits_is_cancelled_at_once_and_one_that_runs_is_broken_off() {
    let vendor = Vendor::start().await;
    let (_hub, org) = start(TestHub::setup().upstream("vendor.test", &vendor.url())).await;
    let cancel = |id: &str| org.call("POST", &format!("/v1/jobs/{id}/cancel")).send();
    let waits = plan(&org, "plan-later count 3600000").await;
    assert_eq!(cancel(&waits).await.expect(202).json()["status"], "cancelled");
    cancel(&waits).await.expect_problem("conflict");
    let runs = plan(&org, "plan slow 1").await;
    let _ = once(&org, &runs, "running").await;
    let _ = cancel(&runs).await.expect(202);
    let job = once(&org, &runs, "cancelled").await;
    let run = org.get(&format!("/v1/runs/{}", job["run"].as_str().unwrap())).await.expect(200).json();
    assert_eq!(run["error_code"], "conflict");
}

pub async fn jobs_are_made_with_their_run_or_not_at_all() {
    let (_hub, org) = start(TestHub::setup()).await;
    org.act("worker", "run", &json!({"text": "plan-and-fail count"})).await.expect_problem("upstream_unavailable");
    let all = org.get("/v1/jobs").await.expect(200).json();
    assert_eq!(all["items"], json!([]), "of a call that failed there is none");
    let denied = org.act("worker", "run", &json!({"text": "plan missing 1"})).await;
    denied.expect_problem("plugin_denied");
    assert!(denied.text().contains("add [[jobs]] kind = \\\"missing\\\""), "{}", denied.text());
    org.act("worker", "run", &json!({"text": "plan-many count 101"})).await.expect_problem("plugin_budget_exhausted");
    org.act("worker", "run", &json!({"text": "large count"})).await.expect_problem("plugin_error");
    assert_eq!(org.get("/v1/jobs").await.json()["items"], json!([]));
    let _ = plan(&org, "plan-many count 100").await;
    assert_eq!(org.get("/v1/jobs?limit=200").await.json()["items"].as_array().unwrap().len(), 100);
}

pub async fn a_key_makes_one_job_while_it_waits() {
    let clock = clock();
    let vendor = Vendor::start().await;
    let setup = TestHub::setup().clock(clock.clone()).upstream("vendor.test", &vendor.url());
    let (_hub, org) = start(setup).await;
    let first = plan(&org, "plan slow 1 nightly").await;
    assert_eq!(plan(&org, "plan slow 1 nightly").await, first, "while it waits or runs");
    assert_ne!(plan(&org, "plan slow 1 daily").await, first);
    let _ = org.call("POST", &format!("/v1/jobs/{first}/cancel")).send().await.expect(202);
    let _ = once(&org, &first, "cancelled").await;
    assert_ne!(plan(&org, "plan slow 1 nightly").await, first, "afterwards it is another one");
}

pub async fn work_that_must_not_overlap_does_not() {
    let (_hub, org) = start(TestHub::setup()).await;
    let mut jobs = Vec::new();
    for _ in 0..4 {
        jobs.push(plan(&org, "plan alone 5").await);
    }
    for id in &jobs {
        let _ = once(&org, id, "done").await;
    }
    let mut times = Vec::new();
    for run in org.runs("worker").await.iter().filter(|run| run["kind"] == "job") {
        let time = |name: &str| run[name].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap();
        times.push((time("started_at"), time("finished_at")));
    }
    times.sort_unstable();
    assert_eq!(times.len(), 20);
    assert!(times.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{times:?}");
}

pub async fn a_step_that_is_put_off_is_done_when_its_time_has_come() {
    let clock = clock();
    let (hub, org) = start(TestHub::setup().clock(clock.clone())).await;
    let id = plan(&org, "plan later 1").await;
    let put_off = || async {
        let job = job(&org, &id).await;
        (job["status"] == "queued" && !job["started_at"].is_null()).then_some(job)
    };
    let job = org.wait_for(SOON, put_off).await;
    assert_eq!((&job["attempts"], &job["error"]), (&json!(0), &Value::Null), "nothing went wrong");
    clock.advance(TimeDelta::seconds(59));
    assert_eq!(hub.hub.work_due_jobs().await.unwrap(), 0);
    clock.advance(TimeDelta::seconds(1));
    hub.hub.work_due_jobs().await.unwrap();
    assert_eq!(once(&org, &id, "done").await["result"], "attempt 1");
}

pub async fn an_event_is_taken_in_by_a_job() {
    let (hub, org) = start(TestHub::setup()).await;
    let database = hub.database().await;
    let event = event(org.id);
    let mut tx = database.begin().await.unwrap();
    tx.org(org.id).events().append(&event).await.unwrap();
    tx.commit().await.unwrap();
    database.close().await;
    hub.settled(&org).await;
    let jobs = org.get("/v1/jobs?kind=event").await.expect(200).json()["items"].clone();
    assert_eq!(jobs.as_array().unwrap().len(), 1, "{jobs}");
    assert_eq!((&jobs[0]["status"], &jobs[0]["name"]), (&json!("done"), &json!("demo.happened")));
    let heard = events(&org, "worker.heard").await;
    assert_eq!(heard.len(), 1);
    assert_eq!((&heard[0]["subject"], &heard[0]["data"]), (&json!(event.id), &json!({"a": 1})));
}

fn event(org: OrgId) -> Event {
    Event {
        id: EventId::new(&SystemClock, &SystemRandom),
        org,
        source: None,
        kind: "demo.happened".to_owned(),
        subject: "thing".to_owned(),
        data: json!({"a": 1}),
        dedupe: None,
        run: None,
        at: SystemClock.now(),
        hops: 0,
    }
}
