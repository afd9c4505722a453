//! The typed operations: what AssemblyAI is asked, and what follows.

#[path = "support/fixtures.rs"]
mod fixtures;

use fixtures::{ALL, HOOK, ID, ONE, completed, hooked, host, queued};
use patchbay_plugin_assemblyai::AssemblyAi;
use patchbay_sdk::testing::{ActionCall, Exchange, MockHost, Reply};
use patchbay_sdk::usage::Basis;
use patchbay_sdk::{Error, UpstreamFailure, blobs};
use serde_json::json;

const UPLOAD: &str = "https://api.assemblyai.com/v2/upload";

#[test]
fn audio_flows_from_a_kept_file_from_the_input_or_from_beside_it() {
    let host = host();
    let uploaded = json!({"upload_url": "https://cdn.assemblyai.com/upload/1"});
    let exchange = |body: &[u8]| {
        let exchange = Exchange::post(UPLOAD).credential("api_key");
        exchange.header("content-type", "application/octet-stream").body(body)
    };
    let blob = blobs::put_bytes("audio/mpeg", b"kept").unwrap();
    host.expect(exchange(b"kept"), Reply::json(200, &uploaded));
    assert_eq!(host.invoke::<AssemblyAi>("upload", json!({"blob": blob.id})).unwrap(), uploaded);
    host.expect(exchange(b"small"), Reply::json(200, &uploaded));
    assert_eq!(host.invoke::<AssemblyAi>("upload", json!({"content": "c21hbGw="})).unwrap(), uploaded);
    host.expect(exchange(b"beside"), Reply::json(200, &uploaded));
    host.invoke_with::<AssemblyAi>(ActionCall::new("upload", json!({})).attachment("beside")).unwrap();
    for (input, place) in [
        (json!({}), ""),
        (json!({"blob": "blob_1", "content": "c21hbGw="}), ""),
        (json!({"content": "not base64!"}), "/content"),
    ] {
        let Err(Error::Invalid(violations)) = host.invoke::<AssemblyAi>("upload", input.clone()) else {
            unreachable!("{input} is refused")
        };
        assert_eq!(violations[0].pointer, place, "{input}");
    }
    assert!(matches!(host.invoke::<AssemblyAi>("upload", json!({"blob": "blob_9"})), Err(Error::NotFound(_))));
}

#[test]
fn with_a_secret_assemblyai_is_told_to_call_and_the_secret_is_left_to_the_hub() {
    let host = hooked();
    let expected = json!({
        "audio_url": "https://example.com/a.mp3", "sentiment_analysis": true, "custom": {"kept": 1},
        "speech_models": ["assemblyai-stt-3-7", "universal-2"], "webhook_url": HOOK,
        "webhook_auth_header_name": "x-patchbay-secret", "webhook_auth_header_value": "",
    });
    host.expect(Exchange::post(ALL).credential("api_key").json(expected), Reply::json(200, &queued()));
    let input = json!({"audio_url": "https://example.com/a.mp3", "sentiment_analysis": true, "custom": {"kept": 1}});
    assert_eq!(host.invoke::<AssemblyAi>("create-transcript", input).unwrap(), queued());
    let jobs = host.jobs();
    assert_eq!(jobs.len(), 1);
    assert_eq!(
        (jobs[0].kind.as_str(), jobs[0].key.as_deref(), jobs[0].delay_ms),
        ("watch-transcript", Some(ID), 60_000)
    );
}

#[test]
fn without_one_or_with_another_webhook_the_hub_asks_by_itself() {
    let (other, models) = ("https://other.example/hook", ["universal-2"]);
    let with_other = json!({"audio_url": "https://x/a", "speech_models": models, "webhook_url": other,
        "webhook_auth_header_name": "x-mine", "webhook_auth_header_value": "mine"});
    for (host, input) in [
        (host as fn() -> MockHost, json!({"audio_url": "https://x/a", "speech_models": models})),
        (hooked as fn() -> MockHost, with_other),
    ] {
        let host = host();
        host.expect(Exchange::post(ALL).credential("api_key").json(input.clone()), Reply::json(200, &queued()));
        host.invoke::<AssemblyAi>("create-transcript", input).unwrap();
        assert_eq!(host.jobs()[0].delay_ms, 5_000);
    }
}

#[test]
fn settings_choose_region_and_models() {
    let host = host();
    host.set_config(json!({"region": "eu", "speech_models": ["universal-2"]}));
    let expected = json!({"audio_url": "https://x/a", "speech_models": ["universal-2"]});
    let eu = "https://api.eu.assemblyai.com/v2/transcript";
    host.expect(Exchange::post(eu).credential("api_key").json(expected), Reply::json(200, &queued()));
    host.invoke::<AssemblyAi>("create-transcript", json!({"audio_url": "https://x/a"})).unwrap();
    let token = "https://streaming.eu.assemblyai.com/v3/token?expires_in_seconds=60&max_session_duration_seconds=120";
    let answer = json!({"token": "t", "expires_in_seconds": 60});
    host.expect(Exchange::get(token).credential("api_key"), Reply::json(200, &answer));
    let input = json!({"expires_in_seconds": 60, "max_session_duration_seconds": 120});
    assert_eq!(host.invoke::<AssemblyAi>("create-streaming-token", input).unwrap(), answer);
    assert_eq!(host.used("streaming_tokens", Basis::Reported), 1);
    assert_eq!(host.sent()[1].repeatable, Some(false));
}

#[test]
fn lists_are_asked_for_page_by_page() {
    let host = host();
    let page = json!({"page_details": {"limit": 2, "result_count": 0, "current_url": "x", "prev_url": null, "next_url": null},
        "transcripts": []});
    let url = format!("{ALL}?limit=2&status=completed&created_on=2026-11-21&before_id=a-1");
    host.expect(Exchange::get(url).credential("api_key"), Reply::json(200, &page));
    let input = json!({"limit": 2, "status": "completed", "created_on": "2026-11-21", "before_id": "a-1"});
    assert_eq!(host.invoke::<AssemblyAi>("list-transcripts", input).unwrap(), page);
    host.expect(Exchange::get(ALL).credential("api_key"), Reply::json(200, &page));
    host.invoke::<AssemblyAi>("list-transcripts", json!({})).unwrap();
}

#[test]
fn what_was_made_here_is_metered_before_it_is_deleted() {
    let host = host();
    host.expect(Exchange::post(ALL).credential("api_key"), Reply::json(200, &queued()));
    host.invoke::<AssemblyAi>("create-transcript", json!({"audio_url": "https://x/a"})).unwrap();
    host.expect(Exchange::get(ONE).credential("api_key"), Reply::json(200, &completed()));
    host.expect(Exchange::new("DELETE", ONE).credential("api_key"), Reply::json(200, &completed()));
    host.invoke::<AssemblyAi>("delete-transcript", json!({"id": ID})).unwrap();
    assert_eq!((host.used("audio_seconds", Basis::Reported), host.events().len()), (91, 1));
}

#[test]
fn what_was_not_made_here_is_deleted_and_not_metered() {
    let host = host();
    host.expect(Exchange::new("DELETE", ONE).credential("api_key"), Reply::json(200, &completed()));
    host.invoke::<AssemblyAi>("delete-transcript", json!({"id": ID})).unwrap();
    assert!(host.usage().is_empty() && host.events().is_empty());
}

#[test]
fn redacted_audio_is_asked_for() {
    let host = host();
    let ready = json!({"status": "redacted_audio_ready", "redacted_audio_url": "https://cdn.example/r.mp3"});
    host.expect(Exchange::get(format!("{ONE}/redacted-audio")).credential("api_key"), Reply::json(200, &ready));
    assert_eq!(host.invoke::<AssemblyAi>("get-redacted-audio", json!({"id": ID})).unwrap(), ready);
}

#[test]
fn an_id_cannot_lead_elsewhere() {
    let host = host();
    for id in ["", "../upload", "a/b", "a?b", "a%2Fb", "é"] {
        let refused = host.invoke::<AssemblyAi>("get-transcript", json!({"id": id}));
        assert!(matches!(refused, Err(Error::Invalid(_))), "{id}");
    }
    assert!(host.sent().is_empty());
}

#[test]
fn failures_say_what_assemblyai_says() {
    let host = host();
    let get = || Exchange::get(ONE).credential("api_key");
    let wrong = json!({"error": "Authentication error, API token missing/invalid"});
    host.expect(get(), Reply::json(401, &wrong));
    let failed = host.invoke::<AssemblyAi>("get-transcript", json!({"id": ID}));
    assert!(matches!(failed, Err(Error::Reauthorize(_))), "{failed:?}");
    host.expect(get(), Reply::json(429, &json!({"error": "Too many requests"})).header("retry-after", "7"));
    let expected = UpstreamFailure {
        status: 429,
        code: None,
        message: "Too many requests".to_owned(),
        retry_after_ms: Some(7000),
    };
    let failed = host.invoke::<AssemblyAi>("get-transcript", json!({"id": ID}));
    assert_eq!(failed, Err(Error::Upstream(expected)));
    host.expect(get(), Reply::status(503));
    let failed = host.invoke::<AssemblyAi>("get-transcript", json!({"id": ID}));
    assert!(matches!(failed, Err(Error::Upstream(failure)) if failure.status == 503));
}
