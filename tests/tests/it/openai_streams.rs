//! Streams through the proxy: nothing lost, nothing added, and a hang-up that reaches the vendor.

use std::time::Duration;

use futures::StreamExt as _;
use serde_json::{Value, json};

use crate::{openai::chat, scene::OpenAiScene};

/// Until when what follows from something has happened. It follows at once, but a machine that is busy otherwise takes
/// its time. Whatever is waited for here to end would go on for a minute at least.
const SOON: Duration = Duration::from_secs(30);

fn streamed(model: &str, include_usage: Option<bool>) -> Value {
    let mut body = chat(model);
    body["stream"] = json!(true);
    if let Some(include_usage) = include_usage {
        body["stream_options"] = json!({"include_usage": include_usage});
    }
    body
}

fn frames(text: &str) -> Vec<Value> {
    text.split("\n\n")
        .filter_map(|event| event.lines().find_map(|line| line.strip_prefix("data: ")))
        .filter(|data| *data != "[DONE]")
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

fn content(frames: &[Value]) -> String {
    frames.iter().filter_map(|frame| frame["choices"][0]["delta"]["content"].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_frame_arrives_once_and_in_order() {
    let scene = OpenAiScene::start().await;
    let reply = scene.proxied("/v1/chat/completions", &streamed("sim:tokens=300", Some(true))).send().await.expect(200);
    assert!(reply.header("content-type").unwrap().starts_with("text/event-stream"));
    let expected: String = (0..300).map(|index| format!("word{index} ")).collect();
    assert_eq!(content(&frames(&reply.text())), expected);
    assert!(reply.text().ends_with("data: [DONE]\n\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_asked_for_usage_gets_the_vendors_usage_frame() {
    let scene = OpenAiScene::start().await;
    let reply = scene.proxied("/v1/chat/completions", &streamed("sim:tokens=5", Some(true))).send().await.expect(200);
    let frames = frames(&reply.text());
    assert_eq!(frames.last().unwrap()["usage"]["completion_tokens"], 5);
    assert_eq!(frames[0].get("usage"), Some(&Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_did_not_ask_for_usage_sees_none_and_is_billed_all_the_same() {
    for asked in [None, Some(false)] {
        let scene = OpenAiScene::start().await;
        let reply = scene.proxied("/v1/chat/completions", &streamed("sim:tokens=5", asked)).send().await.expect(200);
        let frames = frames(&reply.text());
        assert!(frames.iter().all(|frame| frame.get("usage").is_none()), "{}", reply.text());
        assert!(frames.iter().all(|frame| frame["choices"].as_array().is_some_and(|choices| !choices.is_empty())));
        assert!(reply.text().ends_with("data: [DONE]\n\n"));
        assert_eq!(scene.vendor.captured()[0].json()["stream_options"]["include_usage"], true);
        assert_eq!(scene.org.usage("openai").await.iter().map(|(.., quantity)| quantity).sum::<u64>(), 9 + 5);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_frame_does_not_wait_for_the_last() {
    let scene = OpenAiScene::start().await;
    let response = scene.proxied("/v1/chat/completions", &streamed("sim:endless,pace=10", None)).open().await;
    let mut body = response.bytes_stream();
    let first = tokio::time::timeout(SOON, body.next()).await.expect("a frame while the stream goes on");
    assert!(first.unwrap().unwrap().starts_with(b"data: "));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_up_stops_the_vendor_within_a_second_and_pays_for_what_it_got() {
    for (path, body) in [
        ("/v1/chat/completions", streamed("sim:endless,pace=5", None)),
        ("/v1/responses", json!({"model": "sim:endless,pace=5", "input": "how are you", "stream": true})),
    ] {
        let scene = OpenAiScene::start().await;
        let response = scene.proxied(path, &body).open().await;
        let mut body = response.bytes_stream();
        let mut seen = String::new();
        while seen.matches("word").count() < 20 {
            seen.push_str(&String::from_utf8_lossy(&body.next().await.unwrap().unwrap()));
        }
        assert_eq!(scene.vendor.open_streams(), 1);
        drop(body);
        assert!(scene.vendor.wait_for_open_streams(0, SOON).await, "{path}: the vendor still streams");
        let org = scene.org.clone();
        let runs =
            scene.org.wait_for(SOON, || async { Some(org.runs("openai").await).filter(|runs| !runs.is_empty()) }).await;
        assert_eq!(runs.len(), 1);
        let usage = scene.org.usage("openai").await;
        let output = usage.iter().find(|(meter, ..)| meter == "output_tokens").expect("output is billed");
        assert_eq!(output.1, "estimated", "{path}");
        assert!(output.2 >= 20, "{path}: {usage:?}");
        assert!(
            usage
                .iter()
                .any(|(meter, basis, quantity)| meter == "input_tokens" && basis == "estimated" && *quantity > 0)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_up_before_the_answer_stops_the_vendor_and_pays_for_what_was_asked() {
    let scene = OpenAiScene::start().await;
    let call = scene.proxied("/v1/chat/completions", &chat("sim:delay=60000")).open();
    let client = tokio::spawn(call);
    assert!(scene.vendor.wait_for_open_streams(1, SOON).await, "the vendor was not asked");
    client.abort();
    assert!(scene.vendor.wait_for_open_streams(0, SOON).await, "the vendor still works");
    let org = scene.org.clone();
    let usage =
        scene.org.wait_for(SOON, || async { Some(org.usage("openai").await).filter(|usage| !usage.is_empty()) }).await;
    assert!(matches!(&*usage, [(meter, basis, 1..)] if meter == "input_tokens" && basis == "estimated"), "{usage:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_frame_reaches_the_client_as_the_vendor_sent_it() {
    let scene = OpenAiScene::start().await;
    let reply = scene.proxied("/v1/chat/completions", &streamed("sim:error-after=3", None)).send().await.expect(200);
    assert!(reply.text().contains(r#""type":"server_error""#), "{}", reply.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_the_vendor_cuts_is_cut_for_the_client_and_billed_by_estimate() {
    let scene = OpenAiScene::start().await;
    let response = scene.proxied("/v1/chat/completions", &streamed("sim:tokens=20,cut-after=12", None)).open().await;
    let chunks: Vec<_> = response.bytes_stream().collect().await;
    assert!(chunks.last().unwrap().is_err(), "a cut stream must not look complete");
    let org = scene.org.clone();
    let usage =
        scene.org.wait_for(SOON, || async { Some(org.usage("openai").await).filter(|usage| !usage.is_empty()) }).await;
    assert!(usage.iter().all(|(_, basis, _)| basis == "estimated"), "{usage:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_streams_at_once_lose_no_frame() {
    let scene = OpenAiScene::start().await;
    // one org may have 64 calls of a plugin at once by default, so the crowd is split in two orgs
    let other = scene.hub.org("second").await;
    let _ = other.install("openai", json!({})).await.expect(200);
    let _ = other.connect("openai", "secret_key", crate::scene::VENDOR_KEY).await.expect(200);
    let expected: String = (0..50).map(|index| format!("word{index} ")).collect();
    let calls = (0..100).map(|index| {
        let org = if index % 2 == 0 { &scene.org } else { &other };
        let call = org
            .call("POST", "/v1/proxy/openai/v1/chat/completions")
            .json(&streamed("sim:tokens=50,pace=5", Some(true)));
        async { content(&frames(&call.send().await.expect(200).text())) }
    });
    for text in futures::future::join_all(calls).await {
        assert_eq!(text, expected);
    }
    let billed = scene.org.metered("openai", "output_tokens").await + other.metered("openai", "output_tokens").await;
    assert_eq!(billed, scene.vendor.ledger().totals().1);
}
