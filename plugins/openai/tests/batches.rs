//! Files and batches: what passes, what is read before, and what is metered when a batch has ended.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail them")]

use patchbay_plugin_openai::OpenAi;
use patchbay_sdk::testing::{Exchange, MockHost, ProxyCall, Reply};
use patchbay_sdk::usage::Basis;
use serde_json::{Value, json};

#[path = "support/fixtures.rs"]
mod fixtures;
use fixtures::host;

fn ask(method: &str, path: &str) -> Exchange {
    Exchange::new(method, format!("https://api.openai.com{path}")).credential("secret_key")
}

fn wanted() -> Value {
    json!({"input_file_id": "file-1", "endpoint": "/v1/chat/completions", "completion_window": "24h"})
}

fn batch(status: &str) -> Value {
    json!({
        "id": "batch_1", "object": "batch", "endpoint": "/v1/chat/completions", "model": "gpt-5-2025-08-07",
        "input_file_id": "file-1", "completion_window": "24h", "status": status, "created_at": 1793491200,
        "usage": {
            "input_tokens": 1000, "input_tokens_details": {"cached_tokens": 200},
            "output_tokens": 50, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 1050,
        },
    })
}

fn make(host: &MockHost) -> Option<u16> {
    host.proxy::<OpenAi>(ProxyCall::post("/v1/batches").json(&wanted())).status
}

fn lines(models: &[&str]) -> String {
    let line = |model: &&str| json!({"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": {"model": model}});
    models.iter().map(|model| format!("{}\n", line(model))).collect()
}

#[test]
fn files_pass_in_both_directions_and_cost_nothing() {
    let host = host();
    host.expect(
        ask("POST", "/v1/files").header("content-type", "multipart/form-data; boundary=x").body("--x--"),
        Reply::json(200, &json!({"id": "file-1"})),
    );
    host.expect(ask("GET", "/v1/files/file-1/content").body(""), Reply::status(200).chunk("line\n"));
    host.expect(ask("DELETE", "/v1/files/file-1").body(""), Reply::json(200, &json!({"deleted": true})));
    let upload = ProxyCall::post("/v1/files").header("content-type", "multipart/form-data; boundary=x").body("--x--");
    assert_eq!(host.proxy::<OpenAi>(upload).status, Some(200));
    assert_eq!(host.proxy::<OpenAi>(ProxyCall::get("/v1/files/file-1/content")).text(), "line\n");
    assert_eq!(host.proxy::<OpenAi>(ProxyCall::new("DELETE", "/v1/files/file-1")).status, Some(200));
    assert_eq!(host.usage(), []);
}

#[test]
fn a_batch_is_looked_after_until_it_has_ended_and_then_metered_once() {
    let host = host();
    host.set_config(json!({"prices": {
        "currency": "USD", "source": "a test", "as_of": "2026-11-01", "batch_percent": 50,
        "models": {"gpt-5": {"input": "1.25", "cached_input": "0.125", "output": "10"}},
    }}));
    host.expect(ask("GET", "/v1/files/file-1/content"), Reply::status(200).chunk(lines(&["gpt-5"])));
    host.expect(ask("POST", "/v1/batches").json(wanted()), Reply::json(200, &batch("validating")));
    assert_eq!(make(&host), Some(200));
    assert_eq!(host.usage(), []);
    let jobs = host.jobs();
    assert_eq!((jobs.len(), jobs[0].kind.as_str(), &jobs[0].payload), (1, "meter-batch", &json!({"batch": "batch_1"})));

    for status in ["in_progress", "finalizing", "completed"] {
        host.expect(ask("GET", "/v1/batches/batch_1"), Reply::json(200, &batch(status)));
    }
    let ended = host.work_off::<OpenAi>().unwrap();
    assert_eq!(ended, [Some(json!({"batch": "batch_1", "status": "completed"}))]);
    let used = |meter: &str| host.used(meter, Basis::Reported);
    assert_eq!((used("input_tokens"), used("cached_input_tokens"), used("output_tokens")), (1000, 200, 50));
    // half of 800 * 1.25 + 200 * 0.125 + 50 * 10, per million
    assert_eq!(used("cost"), (1_000_000 + 25_000 + 500_000) / 2);
    assert!(host.usage().iter().all(|used| used.id.as_deref().is_some_and(|id| id.starts_with("batch:batch_1:"))));
}

#[test]
fn a_client_that_leaves_does_not_lose_its_batch() {
    let host = host();
    host.expect(ask("POST", "/v1/batches"), Reply::json(200, &batch("validating")));
    let call = ProxyCall::post("/v1/batches").json(&wanted()).leaves_before_the_answer();
    assert_eq!(host.proxy::<OpenAi>(call).result, Ok(()));
    assert_eq!(host.jobs().len(), 1, "it costs, whether anybody heard of it or not");
}

#[test]
fn a_batch_is_no_way_around_the_list_of_models() {
    let content = || ask("GET", "/v1/files/file-1/content");
    for (reply, status) in [
        (Reply::status(200).chunk(lines(&["gpt-5", "o3"])), 403),
        (Reply::status(200).chunk("not json\n"), 400),
        (Reply::status(200).chunk(r#"{"body": {}}"#), 400),
        (Reply::status(404), 400),
    ] {
        let host = host();
        host.set_config(json!({"models": ["gpt-5"]}));
        host.expect(content(), reply);
        assert_eq!(make(&host), Some(status));
        assert!(host.jobs().is_empty());
    }
    let host = host();
    host.set_config(json!({"models": ["gpt-5"]}));
    for body in [json!({}), json!({"input_file_id": "../models"}), json!({"input_file_id": 5})] {
        assert_eq!(host.proxy::<OpenAi>(ProxyCall::post("/v1/batches").json(&body)).status, Some(400));
    }
    assert!(host.sent().is_empty());
}

#[test]
fn a_batch_that_the_vendor_refuses_or_forgets_is_nobodys_job() {
    let host = host();
    host.expect(ask("POST", "/v1/batches"), Reply::json(400, &json!({"error": {"message": "no"}})));
    assert_eq!(make(&host), Some(400));
    assert!(host.jobs().is_empty());
    host.expect(ask("POST", "/v1/batches"), Reply::json(200, &batch("validating")));
    host.expect(ask("GET", "/v1/batches/batch_1"), Reply::status(503));
    host.expect(ask("GET", "/v1/batches/batch_1"), Reply::status(404));
    assert_eq!(make(&host), Some(200));
    assert_eq!(host.work_off::<OpenAi>().unwrap(), [Some(json!({"batch": "batch_1", "status": "gone"}))]);
    assert_eq!(host.usage(), []);
}
