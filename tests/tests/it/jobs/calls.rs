//! Calls of actions that nobody waits for.

use chrono::TimeDelta;
use patchbay_hub::NewApiKey;
use patchbay_model::org::Scope;
use patchbay_tests::TestHub;
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::{SOON, clock, events, job, once, plan, start};

pub async fn an_action_that_nobody_waits_for_is_a_job_with_its_result() {
    let (_hub, org) = start(TestHub::setup()).await;
    let call = org.call("POST", "/v1/actions/worker/run").header("prefer", "respond-async, wait=10");
    let reply = call.json(&json!({"text": "hello"})).send().await.expect(202);
    assert_eq!(reply.header("preference-applied"), Some("respond-async"));
    let location = reply.header("location").unwrap().to_owned();
    let id = reply.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(location, format!("/v1/jobs/{id}"));
    let job = once(&org, &id, "done").await;
    assert_eq!((&job["kind"], &job["name"]), (&json!("action"), &json!("run")));
    assert_eq!(job["payload"], json!({"text": "hello"}));
    assert_eq!(job["result"], json!({"run": job["run"], "output": {"result": "hello"}}));
    let run = org.get(&format!("/v1/runs/{}", job["run"].as_str().unwrap())).await.expect(200).json();
    assert_eq!((&run["kind"], &run["operation"]), (&json!("action"), &json!("run")));
    let completed = events(&org, "job.completed").await;
    assert_eq!(completed.len(), 1);
    assert_eq!((&completed[0]["subject"], &completed[0]["data"]["run"]), (&json!(id), &job["run"]));
    // what can be told at once is told at once
    let bad = org.call("POST", "/v1/actions/worker/run").header("prefer", "respond-async");
    bad.json(&json!({"text": 1})).send().await.expect_problem("invalid_input");
    let listed = org.get("/v1/jobs?kind=action").await.json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    assert!(listed["items"][0].get("result").is_none(), "a list leaves out what jobs carry");
}

pub async fn a_repeat_of_an_accepted_call_gets_the_same_job() {
    let (_hub, org) = start(TestHub::setup()).await;
    let ask = async |text: &str, prefer: &str| {
        let call = org.call("POST", "/v1/actions/worker/run").header("idempotency-key", "order-1");
        call.header("prefer", prefer).json(&json!({"text": text})).send().await
    };
    let first = ask("hello", "respond-async").await.expect(202).json();
    let _ = once(&org, first["id"].as_str().unwrap(), "done").await;
    let again = ask("hello", "respond-async").await.expect(202);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!((&again.json()["id"], &again.json()["status"]), (&first["id"], &json!("done")));
    ask("another", "respond-async").await.expect_problem("idempotency_key_reused");
    ask("hello", "return=minimal").await.expect_problem("idempotency_key_reused");
    assert_eq!(org.runs("worker").await.len(), 1);
}

pub async fn an_accepted_call_is_made_with_the_rights_of_when_it_was_accepted() {
    let clock = clock();
    let (hub, org) = start(TestHub::setup().clock(clock.clone())).await;
    let new = NewApiKey { name: "caller".to_owned(), scopes: vec![Scope::Invoke], ..NewApiKey::default() };
    let (key, secret) = hub.hub.create_api_key(org.id, new).await.unwrap();
    let caller = org.with_key(secret.expose_secret());
    let call = caller.call("POST", "/v1/actions/worker/run").header("prefer", "respond-async");
    let id = call.json(&json!({"text": "pause"})).send().await.expect(202).json()["id"].as_str().unwrap().to_owned();
    // who asked for it may follow it, and sees nobody else's
    let _ = caller.get(&format!("/v1/jobs/{id}")).await.expect(200);
    let other = plan(&org, "plan-later count 3600000").await;
    caller.get(&format!("/v1/jobs/{other}")).await.expect_problem("scope_missing");
    caller.call("POST", &format!("/v1/jobs/{other}/cancel")).send().await.expect_problem("scope_missing");
    let tried = || async { (job(&org, &id).await["error"]["code"] == "upstream_error").then_some(()) };
    org.wait_for(SOON, tried).await;
    let _ = org.call("DELETE", &format!("/v1/api-keys/{}", key.id)).send().await.expect(204);
    clock.advance(TimeDelta::seconds(130));
    hub.hub.work_due_jobs().await.unwrap();
    let again = job(&org, &id).await;
    assert_eq!(
        (&again["attempts"], &again["error"]["code"]),
        (&json!(2), &json!("upstream_error")),
        "it was made again"
    );
}
