//! The OpenAI plugin's plain answers: actions and proxy, and what they are billed for.

use patchbay_tests::openai::count_tokens;
use serde_json::{Value, json};

use crate::scene::{OpenAiScene, VENDOR_KEY};

pub fn chat(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "how are you"}]})
}

pub async fn a_chat_completion_by_action_answers_and_is_billed() {
    let scene = OpenAiScene::start().await;
    let reply = scene.org.act("openai", "create-chat-completion", &chat("gpt-4.1")).await.expect(200);
    let output = &reply.json()["output"];
    assert_eq!(output["choices"][0]["message"]["content"], "word0 word1 word2 word3 word4 word5");
    assert!(reply.json()["run"].as_str().unwrap().starts_with("run_"));
    let prompt = count_tokens("how are you") + 6;
    assert_eq!(scene.org.metered("openai", "input_tokens").await, prompt);
    assert_eq!(scene.org.metered("openai", "output_tokens").await, 6);
}

pub async fn a_response_by_action_answers() {
    let scene = OpenAiScene::start().await;
    let input = json!({"model": "gpt-4.1", "input": "how are you"});
    let reply = scene.org.act("openai", "create-response", &input).await.expect(200).json();
    assert_eq!(reply["output"]["output"][0]["content"][0]["text"], "word0 word1 word2 word3 word4 word5");
}

pub async fn an_embedding_by_action_answers() {
    let scene = OpenAiScene::start().await;
    let input = json!({"model": "text-embedding-3-small", "input": "how are you", "dimensions": 4});
    let reply = scene.org.act("openai", "create-embedding", &input).await.expect(200).json();
    assert_eq!(reply["output"]["data"][0]["embedding"].as_array().unwrap().len(), 4);
    assert_eq!(scene.org.metered("openai", "input_tokens").await, 3);
}

pub async fn the_proxy_gives_the_vendors_own_answers() {
    let scene = OpenAiScene::start().await;
    let reply = scene.proxied("/v1/chat/completions", &chat("gpt-4.1")).send().await.expect(200);
    assert_eq!(reply.json()["object"], "chat.completion");
    assert!(reply.header("x-request-id").unwrap().starts_with("req_"));
    let reply = scene.proxied("/v1/responses", &json!({"model": "gpt-4.1", "input": "hi"})).send().await.expect(200);
    assert_eq!(reply.json()["status"], "completed");
    let embed = json!({"model": "text-embedding-3-small", "input": "hi"});
    let reply = scene.proxied("/v1/embeddings", &embed).send().await.expect(200);
    assert_eq!(reply.json()["data"][0]["embedding"].as_array().unwrap().len(), 1536);
    let reply = scene.org.get("/v1/proxy/openai/v1/models").await.expect(200);
    assert_eq!(reply.json()["data"][0]["id"], "gpt-4.1");
}

pub async fn the_hub_key_stays_here_and_the_vendor_key_stays_there() {
    let scene = OpenAiScene::start().await;
    let _ = scene.proxied("/v1/chat/completions", &chat("gpt-4.1")).send().await.expect(200);
    let _ = scene.org.act("openai", "create-chat-completion", &chat("gpt-4.1")).await.expect(200);
    assert_eq!(scene.vendor.violations(), Vec::<String>::new());
    for request in scene.vendor.captured() {
        assert_eq!(request.header("authorization"), Some(format!("Bearer {VENDOR_KEY}").as_str()));
    }
}

pub async fn usage_equals_the_vendors_ledger_over_a_mix_of_calls() {
    let scene = OpenAiScene::start().await;
    for tokens in [1, 7, 40] {
        let model = format!("sim:tokens={tokens}");
        let _ = scene.org.act("openai", "create-chat-completion", &chat(&model)).await.expect(200);
        for more in
            [json!({}), json!({"stream": true}), json!({"stream": true, "stream_options": {"include_usage": true}})]
        {
            let mut body = chat(&model);
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let _ = scene.proxied("/v1/chat/completions", &body).send().await.expect(200);
        }
        for stream in [false, true] {
            let body = json!({"model": model, "input": "how are you", "stream": stream});
            let _ = scene.proxied("/v1/responses", &body).send().await.expect(200);
        }
    }
    let embed = json!({"model": "text-embedding-3-small", "input": ["one two", "three"]});
    let _ = scene.proxied("/v1/embeddings", &embed).send().await.expect(200);
    let (prompt, completion) = scene.vendor.ledger().totals();
    assert_eq!(scene.org.metered("openai", "input_tokens").await, prompt);
    assert_eq!(scene.org.metered("openai", "output_tokens").await, completion);
    assert!(scene.org.usage("openai").await.iter().all(|(_, basis, _)| basis == "reported"));
}

pub async fn every_call_leaves_a_run_with_its_figures() {
    let scene = OpenAiScene::start().await;
    let reply = scene.proxied("/v1/chat/completions", &chat("gpt-4.1")).send().await.expect(200);
    let run = reply.header("patchbay-run").unwrap().to_owned();
    let row = scene.org.get(&format!("/v1/runs/{run}")).await.expect(200).json();
    assert_eq!(row["kind"], "proxy");
    assert_eq!(row["upstream_status"], 200);
    assert_eq!(row["error_code"], Value::Null);
    for figure in ["wall_us", "peak_memory", "egress_sent", "egress_received", "host_calls"] {
        assert!(row["figures"][figure].as_u64().unwrap() > 0, "{figure}: {row}");
    }
}
