//! The simulator is held to the vendor's published contract too: a test that passes against a wrong
//! vendor proves nothing.

use patchbay_tests::{OpenAi, openai::Contract};
use serde_json::{Value, json};

async fn post(vendor: &OpenAi, path: &str, body: &Value) -> (u16, String) {
    let request = reqwest::Client::new().post(format!("{}{path}", vendor.url())).bearer_auth("sk-test").json(body);
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

fn check(component: &str, value: &Value) {
    if let Some(contract) = Contract::load() {
        contract.check(component, value).unwrap_or_else(|wrong| panic!("{component}: {wrong:#?}\n{value:#}"));
    }
}

fn events(text: &str) -> Vec<Value> {
    text.lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .filter_map(|data| serde_json::from_str(data).ok())
        .collect()
}

fn chat(more: &Value) -> Value {
    let mut body = json!({"model": "gpt-4.1", "messages": [{"role": "user", "content": "two words"}]});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

#[tokio::test]
async fn its_answers_match_the_published_contract() {
    let vendor = OpenAi::start("sk-test").await;
    let (_, text) = post(&vendor, "/v1/chat/completions", &chat(&json!({}))).await;
    check("CreateChatCompletionResponse", &serde_json::from_str(&text).unwrap());
    let (_, text) = post(&vendor, "/v1/responses", &json!({"model": "gpt-4.1", "input": "hello"})).await;
    check("Response", &serde_json::from_str(&text).unwrap());
    let embed = json!({"model": "text-embedding-3-small", "input": ["a", "b"], "dimensions": 4});
    let (_, text) = post(&vendor, "/v1/embeddings", &embed).await;
    check("CreateEmbeddingResponse", &serde_json::from_str(&text).unwrap());
}

#[tokio::test]
async fn its_stream_frames_match_the_published_contract() {
    let vendor = OpenAi::start("sk-test").await;
    let asked = chat(&json!({"stream": true, "stream_options": {"include_usage": true}}));
    let (_, text) = post(&vendor, "/v1/chat/completions", &asked).await;
    let frames = events(&text);
    frames.iter().for_each(|frame| check("CreateChatCompletionStreamResponse", frame));
    assert!(text.ends_with("data: [DONE]\n\n"));
    assert_eq!(frames.last().unwrap()["choices"], json!([]));
    assert_eq!(frames[0]["usage"], Value::Null);
    let (_, text) =
        post(&vendor, "/v1/responses", &json!({"model": "gpt-4.1", "input": "hello", "stream": true})).await;
    events(&text).iter().for_each(|event| check("ResponseStreamEvent", event));
}

#[tokio::test]
async fn a_body_that_breaks_the_contract_is_refused() {
    let vendor = OpenAi::start("sk-test").await;
    if vendor.checks_contract() {
        let (status, text) =
            post(&vendor, "/v1/chat/completions", &json!({"model": "gpt-4.1", "messages": "hello"})).await;
        assert_eq!(status, 400, "{text}");
    }
}

#[tokio::test]
async fn the_ledger_counts_what_was_served() {
    let vendor = OpenAi::start("sk-test").await;
    post(&vendor, "/v1/chat/completions", &chat(&json!({"max_completion_tokens": 4, "stream": true}))).await;
    assert_eq!(vendor.ledger().totals(), (8, 4));
    assert!(vendor.ledger().entries()[0].complete);
}

#[tokio::test]
async fn a_hub_key_is_a_recorded_violation() {
    let vendor = OpenAi::start("sk-test").await;
    let client = reqwest::Client::new();
    let _ = client.get(format!("{}/v1/models", vendor.url())).bearer_auth("pb_leaked").send().await.unwrap();
    assert_eq!(vendor.violations(), ["a hub key in the header authorization"]);
}

#[tokio::test]
async fn a_cut_stream_is_cut() {
    let vendor = OpenAi::start("sk-test").await;
    let asked = json!({"model": "sim:cut-after=2", "stream": true, "messages": [{"role": "user", "content": "x"}]});
    let url = format!("{}/v1/chat/completions", vendor.url());
    let response = reqwest::Client::new().post(url).bearer_auth("sk-test").json(&asked).send().await.unwrap();
    assert!(response.text().await.is_err());
}
