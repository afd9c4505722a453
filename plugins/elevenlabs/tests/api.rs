//! The other actions, and ElevenLabs' own API through the connector.
#![expect(clippy::panic, reason = "helpers of tests fail them")]

use patchbay_plugin_elevenlabs::ElevenLabs;
use patchbay_sdk::File;
use patchbay_sdk::testing::{ActionCall, ActionOutput, Exchange, MockHost, ProxyCall, Reply};
use patchbay_sdk::usage::Basis;
use serde_json::{Value, json};

fn host() -> MockHost {
    let host = MockHost::with_manifest(include_str!("../plugin.toml"));
    host.set_secret("api_key", "sk_canary");
    host
}

fn get(path: &str) -> Exchange {
    Exchange::get(format!("https://api.elevenlabs.io{path}")).credential("api_key")
}

fn output(host: &MockHost, action: &str, input: Value) -> Value {
    host.invoke::<ElevenLabs>(action, input).unwrap_or_else(|error| panic!("{action}: {error}"))
}

#[test]
fn voices_models_history_and_the_subscription_come_as_elevenlabs_says_them() {
    let host = host();
    let voices = json!({"voices": [{"voice_id": "v1", "name": "Rachel", "of_tomorrow": 1}], "has_more": true, "next_page_token": "t", "total_count": 0});
    host.expect(
        get("/v2/voices?include_total_count=false&page_size=1&search=warm%20voice&sort=name"),
        Reply::json(200, &voices),
    );
    let input = json!({"page_size": 1, "search": "warm voice", "sort": "name"});
    assert_eq!(output(&host, "list-voices", input), voices);

    let voice = json!({"voice_id": "v1", "settings": {"stability": 0.5}});
    host.expect(get("/v1/voices/v1?with_settings=true"), Reply::json(200, &voice));
    assert_eq!(output(&host, "get-voice", json!({"voice_id": "v1"})), voice);

    let models = json!([{"model_id": "eleven_v3", "languages": []}]);
    host.expect(get("/v1/models"), Reply::json(200, &models));
    assert_eq!(output(&host, "list-models", json!({})), json!({"models": models}));

    let history = json!({"history": [{"history_item_id": "h1", "date_unix": 1}], "has_more": false, "last_history_item_id": "h1"});
    host.expect(get("/v1/history?page_size=2&start_after_history_item_id=h0"), Reply::json(200, &history));
    let input = json!({"page_size": 2, "start_after_history_item_id": "h0"});
    assert_eq!(output(&host, "list-history", input), history);

    host.expect(get("/v1/history/h1/audio"), Reply::status(200).header("content-type", "audio/mpeg").chunk("old"));
    let audio = host.invoke_with::<ElevenLabs>(ActionCall::new("get-history-audio", json!({"history_item_id": "h1"})));
    let expected = File::Bytes { content_type: "audio/mpeg".to_owned(), bytes: b"old".to_vec() };
    assert_eq!(audio.unwrap(), ActionOutput::File(expected));

    let deleted = Exchange::new("DELETE", "https://api.elevenlabs.io/v1/history/h1").credential("api_key");
    host.expect(deleted, Reply::json(200, &json!({"status": "ok"})));
    assert_eq!(
        output(&host, "delete-history-item", json!({"history_item_id": "h1"})),
        json!({"history_item_id": "h1"})
    );

    let plan = json!({"tier": "creator", "character_count": 1, "character_limit": 100_000});
    host.expect(get("/v1/user/subscription"), Reply::json(200, &plan));
    assert_eq!(output(&host, "get-subscription", json!({})), plan);
}

#[test]
fn every_other_request_passes_as_it_is_and_costs_what_elevenlabs_says() {
    let host = host();
    host.expect(
        Exchange::post("https://api.elevenlabs.io/v1/sound-generation?output_format=mp3_44100_128")
            .credential("api_key")
            .without_header("cookie")
            .body(r#"{"text":  "rain"}"#),
        Reply::status(200).header("content-type", "audio/mpeg").header("character-cost", "40").chunk("rain"),
    );
    let call = ProxyCall::post("/v1/sound-generation?output_format=mp3_44100_128");
    let reply = host.proxy::<ElevenLabs>(call.header("cookie", "a=b").body(r#"{"text":  "rain"}"#));
    assert_eq!((reply.status, reply.text().as_str()), (Some(200), "rain"));
    assert_eq!(host.used("characters", Basis::Reported), 40);

    host.expect(get("/v2/voices?page_size=1"), Reply::json(200, &json!({"voices": []})));
    assert_eq!(host.proxy::<ElevenLabs>(ProxyCall::get("/v2/voices?page_size=1")).status, Some(200));
    host.expect(get("/v1/voices/v9"), Reply::json(404, &json!({"detail": {"code": "voice_not_found"}})));
    let reply = host.proxy::<ElevenLabs>(ProxyCall::get("/v1/voices/v9"));
    assert_eq!((reply.status, reply.text().contains("voice_not_found")), (Some(404), true));
    assert_eq!(host.used("characters", Basis::Reported), 40);
}

#[test]
fn keys_secrets_and_tokens_of_the_account_are_not_given_out() {
    let host = host();
    for (method, path) in [
        ("POST", "/v1/workspace/webhooks"),
        ("GET", "/v1/workspace"),
        ("POST", "/v1/service-accounts/s1/api-keys"),
        ("POST", "/v1/single-use-token/realtime_scribe"),
        ("POST", "/v1/%77orkspace/webhooks"),
    ] {
        let reply = host.proxy::<ElevenLabs>(ProxyCall::new(method, path));
        assert_eq!(reply.status, Some(403), "{path}");
        assert!(reply.text().contains("missing_permissions"));
    }
    assert!(host.sent().is_empty());
}

#[test]
fn the_live_translation_is_what_the_settings_say() {
    let host = host();
    assert_eq!(output(&host, "get-live-translation", json!({})), json!({"live_translation": null}));
    let asked = json!({"source_language": "en", "target_language": "pt-BR", "voice": "v1", "agent_id": "agent_1"});
    host.set_config(json!({"live_translation": asked}));
    assert_eq!(output(&host, "get-live-translation", json!({})), json!({"live_translation": asked}));
    assert!(host.sent().is_empty());
}
