//! What an organization's settings do with OpenAI: which models, which instead, what is kept, and where to.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use patchbay_model::ManualClock;
use patchbay_tests::{Fixture, OpenAi, Org, TestHub, hub::Reply};
use serde_json::{Value, json};

use crate::{
    openai::chat,
    scene::{OpenAiScene, VENDOR_KEY},
};

const CHAT: &str = "/v1/chat/completions";

async fn scene(settings: Value) -> OpenAiScene {
    let scene = OpenAiScene::start().await;
    let _ = scene.org.install("openai", settings).await.expect(200);
    scene
}

async fn put(org: &Org, body: Value) -> Reply {
    org.call("PUT", "/v1/installations/openai").json(&body).send().await
}

fn violations(reply: &Reply) -> Vec<String> {
    let listed = reply.json()["violations"].as_array().cloned().unwrap_or_default();
    listed.iter().filter_map(|one| one["pointer"].as_str().map(str::to_owned)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_is_not_allowed_is_named_and_nobody_is_asked() {
    let scene = scene(json!({"models": ["gpt-4.1", "text-*"]})).await;
    let refused = scene.proxied(CHAT, &chat("gpt-5.4")).send().await.expect(403).json();
    assert_eq!((&refused["error"]["code"], &refused["error"]["param"]), (&json!("model_not_allowed"), &json!("model")));
    assert!(refused["error"]["message"].as_str().unwrap().contains("`gpt-5.4`"), "{refused}");
    let refused = scene.org.act("openai", "create-chat-completion", &chat("gpt-5.4")).await;
    refused.expect_problem("invalid_input");
    assert!(refused.text().contains("gpt-5.4"), "{}", refused.text());
    assert!(scene.vendor.captured().is_empty());
    let _ = scene.proxied(CHAT, &chat("gpt-4.1")).send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_model_stands_in_at_once_although_the_vendor_asked_for_a_pause() {
    let limited = "sim:status=429,retry-after=60";
    let scene =
        scene(json!({"fallbacks": {limited: ["sim:tokens=5"], "sim:status=500": [limited, "sim:tokens=5"]}})).await;
    for (model, stream, asked) in [(limited, false, 2), (limited, true, 2), ("sim:status=500", false, 3)] {
        let before = scene.vendor.captured().len();
        let mut body = chat(model);
        body["stream"] = json!(stream);
        let reply = scene.proxied(CHAT, &body).send().await.expect(200);
        assert_eq!(reply.header("patchbay-model"), Some("sim:tokens=5"));
        assert_eq!(reply.header("patchbay-fallback-from"), Some(model));
        assert_eq!(scene.vendor.captured().len() - before, asked, "{model}");
    }
    let output = scene.org.act("openai", "create-chat-completion", &chat(limited)).await.expect(200).json();
    assert_eq!(
        (&output["output"]["fallback_from"], &output["output"]["model"]),
        (&json!(limited), &json!("sim:tokens=5"))
    );
    let (prompt, completion) = scene.vendor.ledger().totals();
    assert_eq!(scene.org.metered("openai", "input_tokens").await, prompt);
    assert_eq!((scene.org.metered("openai", "output_tokens").await, completion), (20, 20));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_answer_asks_nobody_and_is_metered_apart() {
    let scene = scene(json!({"cache": {"ttl_s": 600}})).await;
    let ask = || scene.proxied(CHAT, &chat("gpt-4.1")).send();
    let (first, second) = (ask().await.expect(200), ask().await.expect(200));
    assert_eq!((first.header("patchbay-cache"), second.header("patchbay-cache")), (Some("miss"), Some("hit")));
    assert_eq!(first.json(), second.json());
    assert_eq!(scene.vendor.captured().len(), 1);
    assert_eq!(scene.org.metered("openai", "cache_hits").await, 1);
    assert_eq!(scene.org.metered("openai", "output_tokens").await, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_call_costs_is_metered_and_held_within_a_budget() {
    let prices = json!({"currency": "USD", "source": "a test", "as_of": "2026-11-22", "models": {
        "gpt-4.1": {"input": "2", "output": "8"}, "dear": {"output": "40000"},
    }});
    let scene = scene(json!({ "prices": prices })).await;
    let _ = scene.proxied(CHAT, &chat("gpt-4.1")).send().await.expect(200);
    // 9 tokens read and 6 written
    assert_eq!(scene.org.metered("openai", "cost").await, 9 * 2_000 + 6 * 8_000);
    scene.org.act("openai", "create-chat-completion", &chat("gpt-5.4")).await.expect_problem("invalid_input");

    // in hundredths of a dollar; a call reserves five, and each of these costs 24
    let _ = scene.org.call("PUT", "/v1/budgets/org/ai_cost").json(&json!({"cap": 30})).send().await.expect(200);
    let _ = scene.proxied(CHAT, &chat("dear")).send().await.expect(200);
    let _ = scene.proxied(CHAT, &chat("dear")).send().await.expect(200);
    scene.proxied(CHAT, &chat("dear")).send().await.expect_problem("budget_exhausted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_cut_where_a_budget_in_money_ends() {
    // a token is a tenth of a hundredth
    let prices =
        json!({"currency": "USD", "source": "a test", "as_of": "2026-11-22", "models": {"sim:*": {"output": "1000"}}});
    let scene = scene(json!({ "prices": prices })).await;
    let capped = scene.org.call("PUT", "/v1/budgets/org/ai_cost").json(&json!({"cap": 200}));
    let budget = capped.send().await.expect(200).json();
    let mut endless = chat("sim:endless");
    endless["stream"] = json!(true);
    let text = scene.proxied(CHAT, &endless).send().await.expect(200).text();
    let last = text.trim_end().rsplit("\n\n").next().unwrap();
    let said = last.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    let said: Value = serde_json::from_str(said).unwrap();
    assert_eq!((&said["error"]["code"], &said["entitlement"]["budget"]), (&json!("budget_exhausted"), &budget["id"]));
    let hundredth = 10_000_000;
    let metered = || async {
        let cost = scene.org.metered("openai", "cost").await;
        (cost > 0).then_some(cost)
    };
    let cost = scene.org.wait_for(Duration::from_secs(30), metered).await;
    assert!(cost <= 200 * hundredth && cost + 30 * hundredth > 200 * hundredth, "{cost}");
    assert_eq!(cost, scene.org.metered("openai", "output_tokens").await * hundredth / 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_of_the_organizations_own_is_asked_once_it_is_approved() {
    let (vendor, other) = (OpenAi::start(VENDOR_KEY).await, OpenAi::start(VENDOR_KEY).await);
    let setup =
        TestHub::setup().upstream("models.example.test", &vendor.url()).upstream("api.openai.com", &other.url());
    let hub = setup
        .upstream("inside.example.test", &other.url())
        .edit(|config| config.egress.open_upstreams = ["models.example.test".to_owned()].into())
        .start()
        .await;
    let org = hub.org("acme").await;
    let _ = org.upload(Fixture::plugin("openai").pack()).await.expect(201);
    let settings = |host: &str| json!({"base_url": format!("https://{host}/v1")});

    let refused = put(&org, json!({"config": settings("models.example.test")})).await;
    refused.expect_problem("invalid_input");
    assert_eq!(violations(&refused), ["/hosts"]);
    let elsewhere = json!({"config": settings("models.example.test"), "hosts": ["other.example.test"]});
    assert_eq!(violations(&put(&org, elsewhere).await), ["/hosts/0"]);
    for host in ["10.0.0.1", "[::1]", "localhost", "models.example.test:8443", "user@models.example.test"] {
        let refused = put(&org, json!({"config": settings(host), "hosts": [host]})).await;
        assert_eq!(violations(&refused), ["/config/base_url"], "{host}: {}", refused.text());
    }

    let approved = json!({"config": settings("models.example.test"), "hosts": ["models.example.test"]});
    assert_eq!(put(&org, approved).await.expect(200).json()["hosts"], json!(["models.example.test"]));
    let _ = org.connect("openai", "secret_key", VENDOR_KEY).await.expect(200);
    let asked = json!({"model": "gpt-4.1", "messages": chat("")["messages"]});
    let ask = || org.act("openai", "create-chat-completion", &asked);
    let _ = ask().await.expect(200);
    assert_eq!(vendor.captured()[0].header("authorization"), Some(format!("Bearer {VENDOR_KEY}").as_str()));
    assert_eq!((vendor.captured().len(), other.captured().len()), (1, 0));

    // an approval is of one host: another one has to be approved, and what the operator did not open stays shut
    assert_eq!(violations(&put(&org, json!({"config": settings("inside.example.test")})).await), ["/hosts"]);
    let _ = put(&org, json!({"config": settings("inside.example.test"), "hosts": ["inside.example.test"]}))
        .await
        .expect(200);
    ask().await.expect_problem("egress_denied");
    assert_eq!(violations(&put(&org, json!({"config": settings("models.example.test")})).await), ["/hosts"]);
    let view = put(&org, json!({"config": {}})).await.expect(200).json();
    assert_eq!(view["hosts"], json!([]));
    let _ = ask().await.expect(200);
    assert_eq!((vendor.captured().len(), other.captured().len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_metered_once_it_has_ended() {
    let clock = Arc::new(ManualClock::new("2026-11-22T12:00:00Z".parse().unwrap()));
    let vendor = OpenAi::start(VENDOR_KEY).await;
    let hub = TestHub::setup().upstream("api.openai.com", &vendor.url()).clock(clock.clone()).start().await;
    let org = hub.org("acme").await;
    let _ = org.upload(Fixture::plugin("openai").pack()).await.expect(201);
    let _ = org.install("openai", json!({"models": ["gpt-4.1"]})).await.expect(200);
    let _ = org.connect("openai", "secret_key", VENDOR_KEY).await.expect(200);

    let upload = async |model: &str| {
        let line = json!({"custom_id": "1", "method": "POST", "url": CHAT, "body": chat(model)});
        let form = format!(
            "--b\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n\
             --b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"b.jsonl\"\r\n\r\n{line}\n{line}\n\r\n--b--\r\n"
        );
        let call = org.call("POST", "/v1/proxy/openai/v1/files").body("multipart/form-data; boundary=b", form);
        call.send().await.expect(200).json()["id"].as_str().unwrap().to_owned()
    };
    let make = async |file: String| {
        let batch = json!({"input_file_id": file, "endpoint": CHAT, "completion_window": "24h"});
        org.call("POST", "/v1/proxy/openai/v1/batches").json(&batch).send().await
    };
    let refused = make(upload("gpt-5.4").await).await.expect(403).json();
    assert!(refused["error"]["message"].as_str().unwrap().contains("`gpt-5.4`"), "{refused}");
    let _ = make(upload("gpt-4.1").await).await.expect(200);

    for looks in 1..=2 {
        clock.advance(TimeDelta::seconds(121));
        hub.hub.work_due_jobs().await.unwrap();
        let looked = || async {
            let captured = vendor.captured();
            let gets = captured.iter().filter(|one| one.method == "GET" && one.path.starts_with("/v1/batches/"));
            let jobs = org.get("/v1/jobs").await.expect(200).json()["items"].take();
            let job = jobs.as_array()?.iter().find(|job| job["name"] == "meter-batch")?.clone();
            (gets.count() == looks && job["status"] != "running").then_some(job)
        };
        let job = org.wait_for(Duration::from_secs(30), looked).await;
        assert_eq!(job["status"], if looks == 1 { "queued" } else { "done" }, "{job}");
    }
    assert_eq!(org.metered("openai", "input_tokens").await, 6);
    assert_eq!(org.metered("openai", "output_tokens").await, 12);
    assert_eq!(vendor.violations(), Vec::<String>::new());
}
