//! What an organization's settings do: which models may be asked, which one stands in, what it costs, what is kept, and whom
//! to ask in place of OpenAI.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail them")]

use patchbay_plugin_openai::OpenAi;
use patchbay_sdk::Error;
use patchbay_sdk::testing::{Exchange, MockHost, ProxyCall, ProxyReply, Reply};
use patchbay_sdk::usage::Basis;
use serde_json::{Value, json};

#[path = "support/fixtures.rs"]
mod fixtures;
use fixtures::{chat_completion, chat_stream, embeddings, host, response};

const CHAT: &str = "/v1/chat/completions";

fn to(path: &str) -> Exchange {
    Exchange::post(format!("https://api.openai.com{path}")).credential("secret_key")
}

fn chat(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "Hi there"}]})
}

fn with(settings: Value) -> MockHost {
    let host = host();
    host.set_config(settings);
    host
}

fn error_of(reply: &ProxyReply) -> Value {
    serde_json::from_slice::<Value>(&reply.body()).unwrap()["error"].take()
}

fn prices(models: Value) -> Value {
    json!({"prices": {"currency": "USD", "source": "a test", "as_of": "2026-11-01", "batch_percent": 50, "models": models}})
}

#[test]
fn a_model_that_is_not_listed_never_leaves_and_is_named() {
    let host = with(json!({"models": ["gpt-4.1", "gpt-5*"]}));
    let reply = host.proxy::<OpenAi>(ProxyCall::post(CHAT).json(&chat("o3-pro")));
    let error = error_of(&reply);
    assert_eq!(
        (reply.status, &error["code"], &error["param"]),
        (Some(403), &json!("model_not_allowed"), &json!("model"))
    );
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("`o3-pro`") && message.contains("gpt-4.1, gpt-5*"), "{message}");
    let refused = host.invoke::<OpenAi>("create-chat-completion", chat("o3-pro"));
    let Err(Error::Invalid(violations)) = refused else { panic!("{refused:?}") };
    assert!(violations[0].pointer == "/model" && violations[0].expected.contains("o3-pro"), "{violations:?}");

    host.expect(to(CHAT), Reply::json(200, &chat_completion()));
    let reply = host.proxy::<OpenAi>(ProxyCall::post(CHAT).json(&chat("gpt-5-mini")));
    assert_eq!(reply.status, Some(200));
}

#[test]
fn a_list_of_models_holds_for_whatever_a_body_looks_like() {
    let host = with(json!({"models": ["gpt-4.1"]}));
    for body in [
        r#"{"model":"gpt-4.1","messages":[],"model":"o3"}"#,
        r#"{"m\u006fdel":"o3","messages":[]}"#,
        r#"{"messages":[]}"#,
        r#"{"model":null}"#,
        r#"{"model":["gpt-4.1"]}"#,
        r#"{"model":"gpt-4.1 "}"#,
        "not json",
    ] {
        let reply = host.proxy::<OpenAi>(ProxyCall::post(CHAT).body(body));
        assert!(matches!(reply.status, Some(400 | 403)), "{body}: {:?}", reply.status);
    }
    for path in ["/v1/responses", "/v1/embeddings", "/v1/audio/speech"] {
        let reply = host.proxy::<OpenAi>(ProxyCall::post(path).json(&json!({"model": "o3", "input": "x"})));
        assert_eq!(reply.status, Some(403), "{path}");
    }
    assert!(host.sent().is_empty());
}

#[test]
fn judging_a_text_needs_no_model_and_no_price() {
    let mut settings = prices(json!({"gpt-4.1": {"input": "2"}}));
    settings["models"] = json!(["gpt-4.1", "omni-*"]);
    let host = with(settings);
    let judged = json!({"id": "modr-1", "model": "omni-moderation-latest", "results": []});
    for body in [json!({"input": "x"}), json!({"input": "x", "model": "omni-moderation-latest"})] {
        host.expect(to("/v1/moderations").json(body.clone()), Reply::json(200, &judged));
        assert_eq!(host.proxy::<OpenAi>(ProxyCall::post("/v1/moderations").json(&body)).status, Some(200));
    }
    let other = json!({"input": "x", "model": "text-moderation-latest"});
    assert_eq!(host.proxy::<OpenAi>(ProxyCall::post("/v1/moderations").json(&other)).status, Some(403));
    assert_eq!(host.usage(), []);
}

#[test]
fn the_default_model_stands_where_none_is_named() {
    let host = with(json!({"default_model": "gpt-4.1"}));
    let named = json!({"model": "gpt-4.1", "input": "Hi"});
    host.expect(to("/v1/responses").json(named.clone()), Reply::json(200, &response()));
    host.expect(to("/v1/responses").json(named), Reply::json(200, &response()));
    host.expect(to("/v1/embeddings").json(json!({"input": "Hi"})), Reply::json(200, &embeddings()));
    let _ = host.proxy::<OpenAi>(ProxyCall::post("/v1/responses").json(&json!({"input": "Hi"})));
    host.invoke::<OpenAi>("create-response", json!({"input": "Hi"})).unwrap();
    // a model that writes makes no vectors
    let _ = host.proxy::<OpenAi>(ProxyCall::post("/v1/embeddings").json(&json!({"input": "Hi"})));
}

#[test]
fn another_model_answers_where_the_first_one_cannot_and_is_what_is_billed() {
    let models = json!({"big": {"input": "100", "output": "100"}, "small": {"input": "1", "output": "2"}});
    let mut settings = prices(models);
    settings["fallbacks"] = json!({"big": ["small"]});
    for first in [Reply::json(429, &json!({"error": {}})), Reply::status(503), Reply::fails(Error::RateLimited(9_000))]
    {
        let host = with(settings.clone());
        host.expect(to(CHAT).json(chat("big")), first);
        host.expect(to(CHAT).json(chat("small")), Reply::json(200, &chat_completion()));
        let reply = host.proxy::<OpenAi>(ProxyCall::post(CHAT).json(&chat("big")));
        assert_eq!(reply.status, Some(200));
        assert_eq!(reply.headers.get("patchbay-model"), Some("small"));
        assert_eq!(reply.headers.get("patchbay-fallback-from"), Some("big"));
        // 19 tokens read for 1, 10 written for 2, per million
        assert_eq!(host.used("cost", Basis::Reported), 19_000 + 20_000);
        assert_eq!(host.used("input_tokens", Basis::Reported), 19);
    }
}

#[test]
fn an_action_says_for_which_model_another_answered() {
    let host = with(json!({"fallbacks": {"big": ["small"]}}));
    host.expect(to(CHAT), Reply::status(500));
    host.expect(to(CHAT), Reply::json(200, &chat_completion()));
    let output = host.invoke::<OpenAi>("create-chat-completion", chat("big")).unwrap();
    assert_eq!((&output["fallback_from"], &output["model"]), (&json!("big"), &json!("gpt-test")));
}

#[test]
fn a_stream_falls_back_before_its_first_byte_and_not_after() {
    let host = with(json!({"fallbacks": {"big": ["small"]}}));
    let mut body = chat("big");
    body["stream"] = json!(true);
    host.expect(to(CHAT), Reply::status(500));
    host.expect(to(CHAT), Reply::server_sent_events(chat_stream()));
    let reply = host.proxy::<OpenAi>(ProxyCall::post(CHAT).json(&body));
    assert_eq!((reply.headers.get("patchbay-model"), reply.events().len()), (Some("small"), chat_stream().len() - 1));
    host.expect(to(CHAT), Reply::server_sent_events(&chat_stream()[..2]).breaks_off());
    let reply = host.proxy::<OpenAi>(ProxyCall::post(CHAT).json(&body));
    assert_eq!((reply.headers.get("patchbay-model"), reply.events().len()), (None, 2));
}

#[test]
fn what_no_other_model_can_mend_or_may_have_happened_is_not_asked_again() {
    for first in [Reply::json(400, &json!({"error": {}})), Reply::status(401), Reply::fails(Error::Timeout)] {
        let host = with(json!({"fallbacks": {"big": ["small"]}}));
        host.expect(to(CHAT), first);
        let reply = host.proxy::<OpenAi>(ProxyCall::post(CHAT).json(&chat("big")));
        assert_eq!(reply.headers.get("patchbay-model"), None);
    }
    // the last one's failure is what the client is told
    let host = with(json!({"fallbacks": {"big": ["small", "tiny"]}}));
    for status in [500, 429, 503] {
        host.expect(to(CHAT), Reply::json(status, &json!({"error": {"code": status}})));
    }
    let reply = host.proxy::<OpenAi>(ProxyCall::post(CHAT).json(&chat("big")));
    assert_eq!((reply.status, error_of(&reply)["code"].clone()), (Some(503), json!(503)));
    assert_eq!(reply.headers.get("patchbay-model"), Some("tiny"));
    assert_eq!(host.usage(), []);
}

#[test]
fn a_model_without_a_price_is_refused_and_one_with_a_price_is_billed_exactly() {
    let host = with(prices(json!({"gpt-*": {"input": "1.25", "cached_input": "0.125", "output": "10"}})));
    let reply = host.proxy::<OpenAi>(ProxyCall::post(CHAT).json(&chat("o3")));
    assert_eq!((reply.status, error_of(&reply)["code"].clone()), (Some(403), json!("model_without_price")));
    host.expect(to(CHAT), Reply::json(200, &chat_completion()));
    let _ = host.proxy::<OpenAi>(ProxyCall::post(CHAT).json(&chat("gpt-test")));
    // 11 tokens read, 8 from the cache, 10 written: in billionths
    assert_eq!(host.used("cost", Basis::Reported), 13_750 + 1_000 + 100_000);
    host.expect(to(CHAT), Reply::fails(Error::Timeout));
    let _ = host.proxy::<OpenAi>(ProxyCall::post(CHAT).json(&chat("gpt-test")));
    assert_eq!(host.used("cost", Basis::Estimated), 2 * 1_250);
}

#[test]
fn images_that_a_model_is_shown_are_counted() {
    let host = host();
    let parts = json!([
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}},
    ]);
    host.expect(to(CHAT), Reply::json(200, &chat_completion()));
    let body = json!({"model": "m", "messages": [{"role": "user", "content": parts}]});
    let _ = host.proxy::<OpenAi>(ProxyCall::post(CHAT).json(&body));
    assert_eq!((host.used("images", Basis::Reported), host.used("input_tokens", Basis::Reported)), (2, 19));
}

#[test]
fn what_a_stream_costs_is_said_before_it_flows() {
    let host = with(prices(json!({"gpt-*": {"input": "1.25", "output": "10"}})));
    let mut streamed = chat("gpt-test");
    streamed["stream"] = json!(true);
    let frame = json!({"choices": [{"index": 0, "delta": {"content": "hi"}}], "usage": null}).to_string();
    host.expect(to(CHAT), Reply::server_sent_events([frame.as_str(), "[DONE]"]));
    let _ = host.proxy::<OpenAi>(ProxyCall::post(CHAT).json(&streamed));
    let grows = host.grows();
    assert_eq!(grows.len(), 1);
    assert_eq!((grows[0].meter.as_str(), grows[0].by.as_str(), grows[0].each), ("cost", "output_tokens", 10_000));
    let read = host.used("input_tokens", Basis::Estimated);
    assert_eq!(grows[0].begun, read * 1_250);
    // of an answer that comes whole nothing is known before
    host.expect(to(CHAT), Reply::json(200, &chat_completion()));
    let _ = host.proxy::<OpenAi>(ProxyCall::post(CHAT).json(&chat("gpt-test")));
    assert_eq!(host.grows().len(), 1);
}

#[test]
fn a_kept_answer_is_given_again_and_metered_apart() {
    let host = with(json!({"cache": {"ttl_s": 60}}));
    host.expect(to(CHAT), Reply::json(200, &chat_completion()));
    let call = || ProxyCall::post(CHAT).json(&chat("gpt-test"));
    let first = host.proxy::<OpenAi>(call());
    let second = host.proxy::<OpenAi>(call());
    assert_eq!(
        (first.headers.get("patchbay-cache"), second.headers.get("patchbay-cache")),
        (Some("miss"), Some("hit"))
    );
    assert_eq!((first.text(), second.status), (second.text(), Some(200)));
    assert_eq!((host.used("input_tokens", Basis::Reported), host.used("cache_hits", Basis::Reported)), (19, 1));
    // of an action, too: the question is the same
    let output = host.invoke::<OpenAi>("create-chat-completion", chat("gpt-test")).unwrap();
    assert_eq!((output, host.used("cache_hits", Basis::Reported)), (chat_completion(), 2));

    // another question, a client that wants none, a failure, and the end of its time
    host.expect(to(CHAT), Reply::json(200, &chat_completion()));
    let _ = host.proxy::<OpenAi>(ProxyCall::post(CHAT).json(&chat("gpt-other")));
    host.expect(to(CHAT), Reply::json(200, &chat_completion()));
    let _ = host.proxy::<OpenAi>(call().header("cache-control", "max-age=0, no-cache"));
    host.set_now(host.now() + 61_000);
    host.expect(to(CHAT), Reply::status(500));
    host.expect(to(CHAT), Reply::json(200, &chat_completion()));
    assert_eq!(host.proxy::<OpenAi>(call()).status, Some(500));
    assert_eq!(host.proxy::<OpenAi>(call()).headers.get("patchbay-cache"), Some("miss"));
    assert_eq!(host.used("cache_hits", Basis::Reported), 2);
}

#[test]
fn a_service_of_the_organizations_own_is_asked_in_place_of_openai() {
    let host = with(json!({"base_url": "https://acme.openai.azure.com/openai/v1/", "api_version": "preview"}));
    let there = |method: &str, rest: &str| {
        Exchange::new(method, format!("https://acme.openai.azure.com/openai/v1{rest}")).credential("secret_key")
    };
    host.expect(there("POST", "/chat/completions?api-version=preview"), Reply::json(200, &chat_completion()));
    let _ = host.proxy::<OpenAi>(ProxyCall::post(CHAT).json(&chat("m")));
    host.expect(there("GET", "/files?limit=2&api-version=preview"), Reply::json(200, &json!({"data": []})));
    let _ = host.proxy::<OpenAi>(ProxyCall::get("/v1/files?limit=2"));
    host.expect(there("GET", "/models?api-version=2026-01-01"), Reply::json(200, &json!({"data": []})));
    let _ = host.proxy::<OpenAi>(ProxyCall::get("/v1/models?api-version=2026-01-01"));
    host.expect(there("POST", "/embeddings?api-version=preview"), Reply::json(200, &embeddings()));
    host.invoke::<OpenAi>("create-embedding", json!({"model": "m", "input": ["a", "b"]})).unwrap();
}

#[test]
fn settings_that_contradict_themselves_are_refused_with_the_place() {
    let host = host();
    let mut priced = prices(json!({"gpt-5": {"input": "1.25"}}));
    priced["fallbacks"] = json!({"gpt-5": ["gpt-4.1"]});
    for (settings, pointer) in [
        (json!({"models": ["*-mini"]}), "/models/0"),
        (json!({"models": ["gpt-5*"], "default_model": "o3"}), "/default_model"),
        (json!({"models": ["gpt-5*"], "fallbacks": {"gpt-5": ["o3"]}}), "/fallbacks/gpt-5/0"),
        (json!({"fallbacks": {"a/b": ["a/b"]}}), "/fallbacks/a~1b"),
        (json!({"fallbacks": {"gpt-5": []}}), "/fallbacks/gpt-5"),
        (priced, "/fallbacks/gpt-5/0"),
        (prices(json!({"gpt-5": {"output": "1.23456789"}})), "/prices/models/gpt-5/output"),
        (json!({"base_url": "https://models.example.com/v1?key=x"}), "/base_url"),
        (json!({"base_url": "http://models.example.com"}), "/base_url"),
        (json!({"api_version": "preview"}), "/api_version"),
    ] {
        let violations = host.validate_config::<OpenAi>(&settings).unwrap_err();
        assert_eq!(violations[0].pointer, pointer, "{settings}");
    }
    let good = json!({
        "models": ["gpt-5*"], "default_model": "gpt-5", "fallbacks": {"gpt-5": ["gpt-5-mini"]},
        "base_url": "https://models.example.com/v1", "cache": {"ttl_s": 60},
        "prices": prices(json!({"gpt-5*": {"input": "1.25", "output": "10"}}))["prices"],
    });
    assert_eq!(host.validate_config::<OpenAi>(&good), Ok(()));
}
