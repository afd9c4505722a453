//! OpenAI's own API through the connector: what the vendor is sent, what the client gets, what is metered.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail them")]

use patchbay_plugin_openai::OpenAi;
use patchbay_sdk::Error;
use patchbay_sdk::testing::{Exchange, MockHost, ProxyCall, Reply};
use patchbay_sdk::usage::Basis;
use serde_json::{Value, json};

#[path = "support/fixtures.rs"]
mod fixtures;
use fixtures::{chat_completion, chat_stream, embeddings, host, response, response_stream};

const CHAT: &str = "/v1/chat/completions";

fn to(path: &str) -> Exchange {
    Exchange::post(format!("https://api.openai.com{path}")).credential("secret_key")
}

/// Eight characters to be read: two tokens by estimate.
fn streamed_chat() -> Value {
    json!({"model": "gpt-test", "messages": [{"role": "user", "content": "Hi there"}], "stream": true})
}

fn that_asks(mut body: Value) -> Value {
    body["stream_options"] = json!({"include_usage": true});
    body
}

fn used(host: &MockHost, basis: Basis) -> (u64, u64) {
    (host.used("input_tokens", basis), host.used("output_tokens", basis))
}

#[test]
fn a_client_that_did_not_ask_for_usage_does_not_see_it() {
    let host = host();
    host.expect(
        to(CHAT).json(that_asks(streamed_chat())),
        Reply::server_sent_events(chat_stream()).header("x-request-id", "req_1"),
    );
    let reply = host.proxy::<OpenAi>(ProxyCall::post(CHAT).json(&streamed_chat()));
    assert_eq!((reply.result.clone(), reply.status), (Ok(()), Some(200)));
    assert_eq!(reply.headers.get("x-request-id"), Some("req_1"));
    assert!(!reply.text().contains("usage"), "{}", reply.text());
    let events = reply.events();
    assert_eq!(events.len(), chat_stream().len() - 1, "all but the frame of the usage");
    assert_eq!(events.last().map(String::as_str), Some("[DONE]"));
    let second: Value = serde_json::from_str(&events[1]).unwrap();
    assert_eq!(second.pointer("/choices/0/delta/content"), Some(&json!("Hel")));
    assert_eq!(used(&host, Basis::Reported), (9, 2));
    assert_eq!(used(&host, Basis::Estimated), (0, 0));
}

#[test]
fn a_client_that_asked_for_usage_gets_the_bytes_untouched() {
    let host = host();
    let body = that_asks(streamed_chat()).to_string();
    let bytes = chat_stream().iter().map(|data| format!("data:{data}\r\n\r\n")).collect::<String>();
    let reply = bytes
        .as_bytes()
        .chunks(7)
        .fold(Reply::status(200).header("content-type", "text/event-stream; charset=utf-8"), |reply, chunk| {
            reply.chunk(chunk)
        });
    host.expect(to(CHAT).body(body.clone()), reply);
    let reply = host.proxy::<OpenAi>(ProxyCall::post(CHAT).body(body));
    assert_eq!(reply.text(), bytes);
    assert_eq!(used(&host, Basis::Reported), (9, 2));
}

#[test]
fn a_client_that_declined_usage_does_not_see_it() {
    let host = host();
    let mut body = streamed_chat();
    body["stream_options"] = json!({"include_usage": false, "include_obfuscation": false});
    let mut sent = body.clone();
    sent["stream_options"]["include_usage"] = json!(true);
    host.expect(to(CHAT).json(sent), Reply::server_sent_events(chat_stream()));
    let reply = host.proxy::<OpenAi>(ProxyCall::post(CHAT).json(&body));
    assert!(!reply.text().contains("usage"));
    assert_eq!(used(&host, Basis::Reported), (9, 2));
}

#[test]
fn a_stream_that_breaks_off_is_estimated() {
    let host = host();
    let frames = chat_stream();
    host.expect(to(CHAT), Reply::server_sent_events(&frames[..3]).breaks_off());
    let reply = host.proxy::<OpenAi>(ProxyCall::post(CHAT).json(&streamed_chat()));
    assert_eq!(reply.result, Ok(()));
    assert_eq!(reply.events().len(), 3);
    // Three frames with content, twelve characters.
    assert_eq!(used(&host, Basis::Estimated), (2, 3));
    assert_eq!(used(&host, Basis::Reported), (0, 0));
}

#[test]
fn a_client_that_leaves_is_metered_by_estimate() {
    let host = host();
    host.expect(to(CHAT), Reply::server_sent_events(chat_stream()));
    let reply = host.proxy::<OpenAi>(ProxyCall::post(CHAT).json(&streamed_chat()).leaves_after(2));
    assert_eq!(reply.result, Ok(()));
    assert_eq!(reply.events().len(), 2);
    assert_eq!(used(&host, Basis::Estimated), (2, 3));
}

#[test]
fn a_client_that_leaves_after_the_usage_is_metered_by_report() {
    let host = host();
    host.expect(to(CHAT), Reply::server_sent_events(chat_stream()));
    let _ = host.proxy::<OpenAi>(ProxyCall::post(CHAT).json(&streamed_chat()).leaves_after(4));
    assert_eq!(used(&host, Basis::Reported), (9, 2));
    assert_eq!(used(&host, Basis::Estimated), (0, 0));
}

#[test]
fn a_client_that_leaves_before_the_vendor_answers_pays_for_what_was_asked() {
    let host = host();
    // what the host says when it took the request back
    host.expect(to(CHAT), Reply::fails(Error::Timeout));
    let reply = host.proxy::<OpenAi>(ProxyCall::post(CHAT).json(&streamed_chat()));
    assert_eq!(reply.result, Err(Error::Timeout));
    assert_eq!(used(&host, Basis::Estimated), (2, 0));
}

#[test]
fn a_whole_answer_that_nobody_gets_is_metered_by_report() {
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "Hi there"}]});
    let call = || ProxyCall::post(CHAT).json(&body);
    for call in [call().leaves_before_the_answer(), call().leaves_after(0)] {
        let host = host();
        host.expect(to(CHAT), Reply::json(200, &chat_completion()));
        let _ = host.proxy::<OpenAi>(call);
        assert_eq!(used(&host, Basis::Reported), (19, 10));
        assert_eq!(used(&host, Basis::Estimated), (0, 0));
    }
}

#[test]
fn a_stream_that_nobody_gets_is_estimated() {
    let host = host();
    host.expect(to(CHAT), Reply::server_sent_events(chat_stream()));
    let _ = host.proxy::<OpenAi>(ProxyCall::post(CHAT).json(&streamed_chat()).leaves_before_the_answer());
    assert_eq!(used(&host, Basis::Estimated), (2, 0));
}

#[test]
fn a_failure_within_a_stream_passes_and_what_came_before_is_estimated() {
    let host = host();
    let failure = json!({"error": {"message": "overloaded", "type": "server_error", "param": null, "code": null}});
    let frames = [chat_stream()[1].clone(), failure.to_string()];
    host.expect(to(CHAT), Reply::server_sent_events(&frames));
    let reply = host.proxy::<OpenAi>(ProxyCall::post(CHAT).json(&streamed_chat()));
    assert_eq!(reply.events()[1], failure.to_string());
    assert_eq!(used(&host, Basis::Estimated), (2, 1));
}

#[test]
fn tool_calls_count_as_output_where_usage_never_came() {
    let host = host();
    let call = |arguments: &str| {
        fixtures::chat_chunk(&json!({"tool_calls": [{"index": 0, "function": {"arguments": arguments}}]}), None)
            .to_string()
    };
    host.expect(to(CHAT), Reply::server_sent_events([call("{\"city\":"), call("\"Bern\"}")]).breaks_off());
    let _ = host.proxy::<OpenAi>(ProxyCall::post(CHAT).json(&streamed_chat()));
    assert_eq!(used(&host, Basis::Estimated), (2, 4));
}

#[test]
fn a_whole_chat_completion_passes_byte_for_byte() {
    let host = host();
    let body = r#"{ "model":"gpt-test","messages":[{"role":"user","content":"Hi"}], "temperature":0.10 }"#;
    let answer = serde_json::to_string_pretty(&chat_completion()).unwrap();
    let reply = Reply::status(200).header("content-type", "application/json").chunk(answer.as_bytes());
    host.expect(to(CHAT).body(body).header("content-type", "application/json"), reply);
    let reply = host.proxy::<OpenAi>(ProxyCall::post(CHAT).header("content-type", "application/json").body(body));
    assert_eq!(reply.text(), answer);
    assert_eq!(used(&host, Basis::Reported), (19, 10));
    assert_eq!(host.used("cached_input_tokens", Basis::Reported), 8);
}

#[test]
fn a_streamed_response_passes_byte_for_byte_and_is_metered() {
    let host = host();
    let bytes: String = response_stream()
        .iter()
        .map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap()))
        .collect();
    let body = json!({"model": "gpt-test", "input": "Hi", "stream": true}).to_string();
    let reply = Reply::status(200).header("content-type", "text/event-stream").chunk(bytes.as_bytes());
    host.expect(to("/v1/responses").body(body.clone()), reply);
    let reply = host.proxy::<OpenAi>(ProxyCall::post("/v1/responses").body(body));
    assert_eq!(reply.text(), bytes);
    assert_eq!(used(&host, Basis::Reported), (11, 7));
}

#[test]
fn a_streamed_response_that_breaks_off_is_estimated() {
    let host = host();
    let events: Vec<_> = response_stream()[..3].iter().map(Value::to_string).collect();
    host.expect(to("/v1/responses"), Reply::server_sent_events(events).breaks_off());
    let body = json!({"model": "gpt-test", "input": "Hi there", "stream": true});
    let _ = host.proxy::<OpenAi>(ProxyCall::post("/v1/responses").json(&body));
    assert_eq!(used(&host, Basis::Estimated), (2, 2));
}

#[test]
fn whole_responses_and_embeddings_are_metered() {
    let host = host();
    host.expect(to("/v1/responses"), Reply::json(200, &response()));
    host.expect(to("/v1/embeddings"), Reply::json(200, &embeddings()));
    let _ = host.proxy::<OpenAi>(ProxyCall::post("/v1/responses").json(&json!({"model": "m", "input": "x"})));
    assert_eq!(used(&host, Basis::Reported), (11, 7));
    let _ = host.proxy::<OpenAi>(ProxyCall::post("/v1/embeddings").json(&json!({"model": "m", "input": ["a", "b"]})));
    assert_eq!(used(&host, Basis::Reported), (13, 7));
}

#[test]
fn models_are_listed_and_cost_nothing() {
    let host = host();
    let models =
        json!({"object": "list", "data": [{"id": "gpt-test", "object": "model", "created": 1, "owned_by": "openai"}]});
    host.expect(
        Exchange::get("https://api.openai.com/v1/models?limit=2").credential("secret_key").body(""),
        Reply::json(200, &models),
    );
    host.expect(
        Exchange::get("https://api.openai.com/v1/models/ft%3Agpt").credential("secret_key"),
        Reply::json(200, &models["data"][0]),
    );
    let reply = host.proxy::<OpenAi>(ProxyCall::get("/v1/models?limit=2"));
    assert_eq!(serde_json::from_slice::<Value>(&reply.body()).unwrap(), models);
    let _ = host.proxy::<OpenAi>(ProxyCall::get("/v1/models/ft%3Agpt"));
    assert_eq!(host.usage(), []);
}

#[test]
fn failures_pass_with_status_headers_and_body_and_cost_nothing() {
    for (status, code, retry_after) in
        [(401, "invalid_api_key", None), (429, "rate_limit_exceeded", Some("20")), (500, "server_error", None)]
    {
        let host = host();
        let body = json!({"error": {"message": "m", "type": "t", "param": null, "code": code}});
        let mut reply =
            Reply::json(status, &body).header("x-request-id", "req_9").header("x-ratelimit-remaining-requests", "0");
        if let Some(wait) = retry_after {
            reply = reply.header("retry-after", wait);
        }
        host.expect(to(CHAT), reply);
        let reply = host.proxy::<OpenAi>(ProxyCall::post(CHAT).json(&streamed_chat()));
        assert_eq!((reply.result.clone(), reply.status), (Ok(()), Some(status)));
        assert_eq!(reply.text(), body.to_string());
        assert_eq!(reply.headers.get("x-request-id"), Some("req_9"));
        assert_eq!(reply.headers.get("x-ratelimit-remaining-requests"), Some("0"));
        assert_eq!(reply.headers.get("retry-after"), retry_after);
        assert_eq!(host.usage(), []);
    }
}

#[test]
fn what_is_said_between_client_and_hub_stays_there() {
    let host = host();
    host.set_config(json!({"project": "proj_1"}));
    host.expect(
        to(CHAT)
            .without_header("cookie")
            .without_header("x-forwarded-for")
            .without_header("accept-encoding")
            .header("x-stainless-lang", "python")
            .header("openai-organization", "org-of-the-client")
            .header("openai-project", "proj_1"),
        Reply::json(200, &chat_completion()).header("set-cookie", "__cf_bm=x").header("alt-svc", "h3=\":443\""),
    );
    let reply = host.proxy::<OpenAi>(
        ProxyCall::post(CHAT)
            .header("cookie", "session=1")
            .header("x-forwarded-for", "10.0.0.1")
            .header("accept-encoding", "gzip")
            .header("x-stainless-lang", "python")
            .header("openai-organization", "org-of-the-client")
            .header("openai-project", "proj_of_the_client")
            .json(&json!({"model": "m", "messages": [{"role": "user", "content": "x"}]})),
    );
    assert_eq!(reply.headers.get("set-cookie"), None);
    assert_eq!(reply.headers.get("alt-svc"), None);
}

#[test]
fn a_body_that_is_not_json_is_for_openai_to_refuse() {
    let host = host();
    host.expect(to(CHAT).body("{\"stream\":true"), Reply::json(400, &json!({"error": {"message": "bad JSON"}})));
    let reply = host.proxy::<OpenAi>(ProxyCall::post(CHAT).body("{\"stream\":true"));
    assert_eq!(reply.status, Some(400));
}

#[test]
fn a_response_in_the_background_is_refused_in_openais_shape() {
    let host = host();
    let body = json!({"model": "m", "input": "x", "background": true});
    let reply = host.proxy::<OpenAi>(ProxyCall::post("/v1/responses").json(&body));
    assert_eq!(reply.status, Some(400));
    let error: Value = serde_json::from_slice(&reply.body()).unwrap();
    assert_eq!(error.pointer("/error/param"), Some(&json!("background")));
}

#[test]
fn an_answer_that_never_comes_is_the_hubs_to_tell() {
    let host = host();
    host.expect(to(CHAT), Reply::fails(Error::Unavailable("refused".into())));
    let reply = host.proxy::<OpenAi>(ProxyCall::post(CHAT).json(&streamed_chat()));
    assert_eq!((reply.result, reply.status), (Err(Error::Unavailable("refused".into())), None));
    assert_eq!(host.usage(), []);
}
