//! How a vendor's failures reach the caller, by proxy in the vendor's shape and by action in ours.

use serde_json::json;

use crate::{
    openai::chat,
    scene::{OpenAiScene, VENDOR_KEY},
};

#[tokio::test(flavor = "multi_thread")]
async fn the_proxy_passes_a_failure_on_as_it_is() {
    let scene = OpenAiScene::start().await;
    for (model, status) in [("sim:status=401", 401), ("sim:status=429,retry-after=7", 429), ("sim:status=500", 500)] {
        let reply = scene.proxied("/v1/chat/completions", &chat(model)).send().await.expect(status);
        assert!(reply.json()["error"]["message"].is_string(), "{}", reply.text());
        assert_eq!(reply.header("retry-after"), (status == 429).then_some("7"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_turns_a_failure_into_a_problem() {
    let scene = OpenAiScene::start().await;
    for (model, code, upstream) in [
        ("sim:status=401", "reauthorization_needed", 401),
        ("sim:status=429,retry-after=7", "upstream_rate_limited", 429),
        ("sim:status=500", "upstream_error", 500),
    ] {
        let reply = scene.org.act("openai", "create-chat-completion", &chat(model)).await;
        reply.expect_problem(code);
        if upstream == 429 {
            assert_eq!(reply.header("retry-after"), Some("7"));
        }
        if code != "reauthorization_needed" {
            assert_eq!(reply.json()["upstream"]["status"], upstream);
        }
        let run = reply.json()["run"].as_str().expect("a failed call has a run").to_owned();
        let row = scene.org.get(&format!("/v1/runs/{run}")).await.expect(200).json();
        assert_eq!(row["error_code"], code);
        assert_eq!(row["upstream_status"], upstream);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_costs_money_is_sent_once() {
    let scene = OpenAiScene::start().await;
    let _ = scene.proxied("/v1/chat/completions", &chat("sim:status=500")).send().await.expect(500);
    scene.org.act("openai", "create-chat-completion", &chat("sim:status=500")).await.expect_problem("upstream_error");
    assert_eq!(scene.vendor.captured().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_is_not_there_is_unavailable() {
    let scene = OpenAiScene::start().await;
    let OpenAiScene { hub: _hub, org, vendor } = scene;
    drop(vendor);
    let reply = org.act("openai", "create-chat-completion", &chat("gpt-4.1")).await;
    reply.expect_problem("upstream_unavailable");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_connection_no_call_is_made() {
    let scene = OpenAiScene::start().await;
    let _ = scene.org.call("DELETE", "/v1/connections/openai").send().await.expect(204);
    scene.org.act("openai", "create-chat-completion", &chat("gpt-4.1")).await.expect_problem("connection_missing");
    scene.proxied("/v1/chat/completions", &chat("gpt-4.1")).send().await.expect_problem("connection_missing");
    assert!(scene.vendor.captured().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_works_from_the_next_call_on() {
    let scene = OpenAiScene::start().await;
    let _ = scene.org.connect("openai", "secret_key", "sk-wrong").await.expect(200);
    let _ = scene.proxied("/v1/chat/completions", &chat("gpt-4.1")).send().await.expect(401);
    let _ = scene.org.connect("openai", "secret_key", VENDOR_KEY).await.expect(200);
    let _ = scene.proxied("/v1/chat/completions", &chat("gpt-4.1")).send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_manifest_does_not_proxy_is_not_proxied() {
    let scene = OpenAiScene::start().await;
    for (method, path) in
        [("GET", "/v1/vector_stores"), ("POST", "/v1/fine_tuning/jobs"), ("GET", "/v1/models/../vector_stores")]
    {
        let reply = scene.org.call(method, &format!("/v1/proxy/openai{path}")).send().await;
        assert_eq!(reply.code(), "route_not_proxied", "{method} {path}: {}", reply.text());
    }
    let reply = scene.org.call("DELETE", "/v1/proxy/openai/v1/chat/completions").send().await;
    assert!(["method_not_allowed", "route_not_proxied"].contains(&reply.code().as_str()), "{}", reply.text());
    assert!(scene.vendor.captured().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decompression_bomb_does_not_reach_the_guest() {
    let scene = OpenAiScene::start().await;
    let reply = scene.org.act("openai", "create-chat-completion", &chat("sim:gzip-bomb=67108864")).await;
    reply.expect_problem("egress_body_too_large");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_orgs_do_not_share_keys_runs_or_usage() {
    let scene = OpenAiScene::start().await;
    let other = scene.hub.org("other").await;
    let reply = scene.proxied("/v1/chat/completions", &chat("gpt-4.1")).send().await.expect(200);
    let run = reply.header("patchbay-run").unwrap().to_owned();
    other.act("openai", "create-chat-completion", &chat("gpt-4.1")).await.expect_problem("not_installed");
    let _ = other.install("openai", json!({})).await.expect(200);
    other.act("openai", "create-chat-completion", &chat("gpt-4.1")).await.expect_problem("connection_missing");
    other.get(&format!("/v1/runs/{run}")).await.expect_problem("not_found");
    assert_eq!(other.metered("openai", "output_tokens").await, 0);
}
