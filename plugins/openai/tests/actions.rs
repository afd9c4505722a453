//! The typed actions against scripted answers of OpenAI.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail them")]

use patchbay_plugin_openai::OpenAi;
use patchbay_sdk::testing::{Exchange, MockHost, Reply};
use patchbay_sdk::usage::Basis;
use patchbay_sdk::{Error, UpstreamFailure, Violation};
use serde_json::{Value, json};

#[path = "support/fixtures.rs"]
mod fixtures;
use fixtures::{chat_completion, embeddings, host, response};

fn chat() -> Value {
    json!({"model": "gpt-test", "messages": [{"role": "user", "content": "Say hello."}], "verbosity": "low"})
}

fn to(path: &str) -> Exchange {
    Exchange::post(format!("https://api.openai.com{path}")).credential("secret_key")
}

fn failure_of(reply: Reply) -> Error {
    let host = host();
    host.expect(to("/v1/chat/completions"), reply);
    host.invoke::<OpenAi>("create-chat-completion", chat()).unwrap_err()
}

fn error(kind: &str, code: &str) -> Value {
    json!({"error": {"message": "what went wrong", "type": kind, "param": null, "code": code}})
}

#[test]
fn a_chat_completion_passes_through_and_is_metered() {
    let host = host();
    host.expect(
        to("/v1/chat/completions")
            .header("content-type", "application/json")
            .without_header("openai-organization")
            .json(chat()),
        Reply::json(200, &chat_completion()),
    );
    let output = host.invoke::<OpenAi>("create-chat-completion", chat()).unwrap();
    assert_eq!(output, chat_completion());
    assert_eq!(host.used("input_tokens", Basis::Reported), 19);
    assert_eq!(host.used("cached_input_tokens", Basis::Reported), 8);
    assert_eq!(host.used("output_tokens", Basis::Reported), 10);
}

#[test]
fn the_input_is_sent_byte_for_byte() {
    let host = host();
    host.expect(to("/v1/chat/completions").body(chat().to_string()), Reply::json(200, &chat_completion()));
    host.invoke::<OpenAi>("create-chat-completion", chat()).unwrap();
}

#[test]
fn a_response_passes_through_and_is_metered() {
    let host = host();
    let input = json!({"model": "gpt-test", "input": "Say hello.", "store": false});
    host.expect(to("/v1/responses").json(input.clone()), Reply::json(200, &response()));
    assert_eq!(host.invoke::<OpenAi>("create-response", input).unwrap(), response());
    assert_eq!(host.used("input_tokens", Basis::Reported), 11);
    assert_eq!(host.used("output_tokens", Basis::Reported), 7);
}

#[test]
fn embeddings_pass_through_and_are_metered() {
    let host = host();
    let input = json!({"model": "embed-test", "input": ["a", "b"]});
    host.expect(to("/v1/embeddings").json(input.clone()), Reply::json(200, &embeddings()));
    assert_eq!(host.invoke::<OpenAi>("create-embedding", input).unwrap(), embeddings());
    assert_eq!(host.used("input_tokens", Basis::Reported), 2);
    assert_eq!(host.used("output_tokens", Basis::Reported), 0);
}

#[test]
fn the_settings_name_organization_and_project() {
    let host = host();
    host.set_config(json!({"organization": "org-1", "project": "proj_1"}));
    host.expect(
        to("/v1/chat/completions").header("openai-organization", "org-1").header("openai-project", "proj_1"),
        Reply::json(200, &chat_completion()),
    );
    host.invoke::<OpenAi>("create-chat-completion", chat()).unwrap();
}

#[test]
fn settings_that_are_no_header_values_are_refused() {
    let host = host();
    assert_eq!(host.validate_config::<OpenAi>(&json!({})), Ok(()));
    assert_eq!(host.validate_config::<OpenAi>(&json!({"organization": "org-1"})), Ok(()));
    let violations = host.validate_config::<OpenAi>(&json!({"project": "a\r\nx: y"})).unwrap_err();
    assert_eq!(violations[0].pointer, "/project");
    assert!(host.validate_config::<OpenAi>(&json!({"organisation": "org-1"})).is_err());
}

#[test]
fn a_stream_is_pointed_to_the_proxy() {
    let mut input = chat();
    input["stream"] = json!(true);
    let result = host().invoke::<OpenAi>("create-chat-completion", input);
    let Err(Error::Invalid(violations)) = result else { panic!("{result:?}") };
    assert_eq!(violations[0].pointer, "/stream");
    assert!(violations[0].expected.contains("/v1/proxy/openai/v1/chat/completions"));
}

#[test]
fn a_response_in_the_background_is_refused() {
    let result = host().invoke::<OpenAi>("create-response", json!({"model": "m", "input": "x", "background": true}));
    let Err(Error::Invalid(violations)) = result else { panic!("{result:?}") };
    assert!(matches!(&*violations, [Violation { pointer, .. }] if pointer == "/background"));
}

#[test]
fn a_refused_key_asks_for_another_and_repeats_nothing_of_it() {
    let body = json!({"error": {"message": "Incorrect API key provided: sk-ab***yz", "type": "invalid_request_error", "param": null, "code": "invalid_api_key"}});
    assert_eq!(
        failure_of(Reply::json(401, &body)),
        Error::Reauthorize("OpenAI refused the secret key: invalid_api_key".into())
    );
}

#[test]
fn a_rate_limit_says_how_long_to_wait() {
    let reply = Reply::json(429, &error("requests", "rate_limit_exceeded")).header("retry-after", "2");
    assert_eq!(
        failure_of(reply),
        Error::Upstream(UpstreamFailure {
            status: 429,
            code: Some("rate_limit_exceeded".into()),
            message: "what went wrong".into(),
            retry_after_ms: Some(2000),
        })
    );
}

#[test]
fn an_empty_account_is_not_to_be_tried_again() {
    for body in
        [error("insufficient_quota", "insufficient_quota"), error("insufficient_quota", "credit_balance_exhausted")]
    {
        let failure = failure_of(Reply::json(429, &body).header("retry-after", "2"));
        assert!(
            matches!(failure, Error::Upstream(UpstreamFailure { status: 429, retry_after_ms: None, .. })),
            "{failure:?}"
        );
    }
}

#[test]
fn a_failure_without_a_reason_still_has_its_status() {
    let reply = Reply::status(502).header("content-type", "text/html").chunk("<html>");
    assert_eq!(
        failure_of(reply),
        Error::Upstream(UpstreamFailure {
            status: 502,
            code: None,
            message: "OpenAI answered with the status 502".into(),
            retry_after_ms: None,
        })
    );
}

#[test]
fn what_the_host_says_is_passed_on() {
    assert_eq!(failure_of(Reply::fails(Error::Timeout)), Error::Timeout);
}

#[test]
fn what_openai_read_is_paid_for_although_the_answer_did_not_arrive() {
    let broken = || Reply::status(200).header("content-type", "application/json").chunk("{\"usage\":").breaks_off();
    for (reply, estimated) in [
        (Reply::fails(Error::Timeout), true),
        (broken(), true),
        (Reply::fails(Error::Unavailable("refused".into())), false),
        (Reply::json(500, &error("server_error", "server_error")), false),
    ] {
        let host = host();
        host.expect(to("/v1/chat/completions"), reply);
        host.invoke::<OpenAi>("create-chat-completion", chat()).unwrap_err();
        assert_eq!(host.used("input_tokens", Basis::Estimated) > 0, estimated);
        assert_eq!(host.used("output_tokens", Basis::Estimated), 0);
    }
}

#[test]
fn an_answer_that_is_not_json_is_openais_failure() {
    let failure = failure_of(Reply::status(200).chunk("{\"usage\":"));
    assert!(matches!(failure, Error::Upstream(UpstreamFailure { status: 200, .. })), "{failure:?}");
}

#[test]
fn an_input_of_the_wrong_shape_never_leaves() {
    let host: MockHost = host();
    for (action, input) in [
        ("create-chat-completion", json!({"model": "m"})),
        ("create-embedding", json!({"model": "m", "input": 5})),
        ("create-response", json!({"input": 5})),
    ] {
        assert!(matches!(host.invoke::<OpenAi>(action, input), Err(Error::Invalid(_))), "{action}");
    }
}
