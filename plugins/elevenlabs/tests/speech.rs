//! Speech by the action and through the proxy: what ElevenLabs is asked, what it is not asked again, and what is
//! metered.
#![expect(clippy::panic, reason = "helpers of tests fail them")]

use patchbay_plugin_elevenlabs::ElevenLabs;
use patchbay_sdk::testing::{ActionCall, ActionOutput, Exchange, MockHost, ProxyCall, ProxyReply, Reply};
use patchbay_sdk::usage::Basis;
use patchbay_sdk::{Error, File, UpstreamFailure};
use serde_json::{Value, json};

const SPEECH: &str = "/v1/text-to-speech/voice1";

fn host() -> MockHost {
    let host = MockHost::with_manifest(include_str!("../plugin.toml"));
    host.set_secret("api_key", "sk_canary");
    host
}

fn vendor(path: &str) -> Exchange {
    Exchange::post(format!("https://api.elevenlabs.io{path}")).credential("api_key")
}

fn audio(bytes: &str) -> Reply {
    let reply = Reply::status(200).header("content-type", "audio/mpeg").header("character-cost", "3");
    let (first, second) = bytes.split_at(bytes.len() / 2);
    reply.header("request-id", "req1").header("set-cookie", "a=b").chunk(first).chunk(second)
}

fn act(host: &MockHost, input: Value) -> Result<File, Error> {
    match host.invoke_with::<ElevenLabs>(ActionCall::new("create-speech", input))? {
        ActionOutput::File(file) => Ok(file),
        ActionOutput::Json(json) => panic!("no file: {json}"),
    }
}

fn ask(host: &MockHost, path: &str, body: &Value) -> ProxyReply {
    host.proxy::<ElevenLabs>(ProxyCall::post(path).json(body))
}

fn bytes(file: File) -> Vec<u8> {
    match file {
        File::Bytes { bytes, .. } => bytes,
        File::Stored(blob) => panic!("it was stored: {blob:?}"),
    }
}

fn metered(host: &MockHost) -> (u64, u64) {
    let of = |meter| host.used(meter, Basis::Reported) + host.used(meter, Basis::Estimated);
    (of("characters"), of("cached_characters"))
}

#[test]
fn the_same_speech_is_asked_for_once_whichever_way_it_is_asked_for() {
    let host = host();
    let body = json!({"text": "Hello", "voice_settings": {"stability": 0.5, "speed": 1.0}});
    host.expect(vendor(SPEECH).json(body.clone()).without_header("cache-control"), audio("sound"));
    let first = ask(&host, SPEECH, &body);
    assert_eq!((first.status, first.body()), (Some(200), b"sound".to_vec()));
    assert_eq!(first.headers.get("cache-status"), Some("patchbay; fwd=uri-miss; stored"));
    assert_eq!((first.headers.get("character-cost"), first.headers.get("set-cookie")), (Some("3"), None));
    assert_eq!(metered(&host), (3, 0));

    host.set_now(host.now() + 7_000);
    // what is the default and what is null make no difference, nor does the order
    let spelled = json!({"model_id": "eleven_multilingual_v2", "seed": null, "voice_settings": {"speed": 1.0, "stability": 0.5}, "text": "Hello"});
    let again = ask(&host, &format!("{SPEECH}/stream?output_format=mp3_44100_128&enable_logging=true"), &spelled);
    assert_eq!((again.status, again.body()), (Some(200), b"sound".to_vec()));
    assert_eq!(again.headers.get("cache-status"), Some("patchbay; hit"));
    assert_eq!((again.headers.get("age"), again.headers.get("request-id")), (Some("7"), Some("req1")));
    assert_eq!(
        (again.headers.get("character-cost"), again.headers.get("content-type")),
        (Some("0"), Some("audio/mpeg"))
    );
    let input = json!({"voice_id": "voice1", "text": "Hello", "voice_settings": {"stability": 0.5, "speed": 1.0}});
    assert_eq!(bytes(act(&host, input).unwrap()), b"sound");
    assert_eq!(metered(&host), (3, 6));
}

#[test]
fn whatever_changes_the_sound_is_asked_for_anew() {
    let host = host();
    let plain = json!({"text": "Hello"});
    let voice2 = "/v1/text-to-speech/voice2";
    for (path, body) in [
        (SPEECH, plain.clone()),
        (voice2, plain.clone()),
        (SPEECH, json!({"text": "Hello!"})),
        (SPEECH, json!({"text": "Hello", "model_id": "eleven_v3"})),
        (SPEECH, json!({"text": "Hello", "voice_settings": {"stability": 0.1}})),
        (SPEECH, json!({"text": "Hello", "seed": 1})),
        (SPEECH, json!({"text": "Hello", "a_member_of_tomorrow": 1})),
        ("/v1/text-to-speech/voice1?output_format=ulaw_8000", plain.clone()),
        ("/v1/text-to-speech/voice1/with-timestamps", plain.clone()),
        ("/v1/text-to-speech/voice1/stream/with-timestamps", plain.clone()),
        // what says that nothing is to be kept, or may say anything, is not kept
        ("/v1/text-to-speech/voice1?enable_logging=false", plain.clone()),
        ("/v1/text-to-speech/voice1?enable_logging=false", plain.clone()),
        ("/v1/text-to-speech/voice1?a_parameter_of_tomorrow=1", plain.clone()),
        ("/v1/text-to-speech/voice1?a_parameter_of_tomorrow=1", plain.clone()),
    ] {
        host.expect(vendor(path), audio("sound"));
        assert_eq!(ask(&host, path, &body).status, Some(200), "{path} {body}");
    }
    host.expect(vendor(SPEECH), audio("anew"));
    let call = ProxyCall::post(SPEECH).json(&plain).header("cache-control", "max-age=0, No-Cache");
    assert_eq!(host.proxy::<ElevenLabs>(call).body(), b"anew");
    host.expect(vendor(SPEECH), audio("anew"));
    assert_eq!(bytes(act(&host, json!({"voice_id": "voice1", "text": "Hello", "fresh": true})).unwrap()), b"anew");
    assert_eq!(ask(&host, SPEECH, &plain).body(), b"sound", "it is still there");
    assert_eq!(metered(&host), (16 * 3, 3));
}

#[test]
fn it_is_kept_on_the_orgs_terms() {
    let host = host();
    let body = json!({"text": "Hello"});
    let ask_anew = |config: Value| {
        host.set_config(config);
        host.expect(vendor(SPEECH), audio("sound"));
        let _ = ask(&host, SPEECH, &body);
    };
    ask_anew(json!({"cache": false}));
    ask_anew(json!({"cache": false}));
    ask_anew(json!({"cache_max_age_hours": 1}));
    host.set_now(host.now() + 3_600_000);
    ask_anew(json!({"cache_max_age_hours": 1}));
    host.set_config(json!({"region": "eu"}));
    let in_the_eu = Exchange::post(format!("https://api.eu.residency.elevenlabs.io{SPEECH}")).credential("api_key");
    host.expect(in_the_eu, audio("sound"));
    let _ = ask(&host, SPEECH, &body);
    assert_eq!(metered(&host), (5 * 3, 0));
}

#[test]
fn what_is_not_whole_is_not_kept_and_is_paid_for() {
    let host = host();
    let body = json!({"text": "Hello"});
    host.expect(vendor(SPEECH), audio("so").breaks_off());
    let _ = ask(&host, SPEECH, &body);
    host.expect(vendor(SPEECH), Reply::fails(Error::Timeout));
    assert_eq!(ask(&host, SPEECH, &body).result, Err(Error::Timeout));
    host.expect(vendor(SPEECH), Reply::json(429, &json!({"detail": {"code": "rate_limit_exceeded"}})));
    assert_eq!(ask(&host, SPEECH, &body).status, Some(429));
    // what ElevenLabs does not say is the text
    host.expect(vendor(SPEECH), Reply::status(200).chunk("sound"));
    let _ = ask(&host, SPEECH, &body);
    assert_eq!((host.used("characters", Basis::Reported), host.used("characters", Basis::Estimated)), (3, 5 + 5));
    let _ = ask(&host, SPEECH, &body);
    assert_eq!(host.used("cached_characters", Basis::Estimated), 5);
}

#[test]
fn an_action_gives_the_audio_or_a_file() {
    let host = host();
    let sent = json!({"text": "Hello", "apply_text_normalization": "off"});
    host.expect(vendor("/v1/text-to-speech/voice1?output_format=opus_48000_32").json(sent), audio("sound"));
    let mut input = json!({
        "voice_id": "voice1", "text": "Hello", "output_format": "opus_48000_32", "apply_text_normalization": "off", "store": true,
        "seed": null,
    });
    let File::Stored(blob) = act(&host, input.clone()).unwrap() else { panic!("it is not stored") };
    assert_eq!(host.blob(&blob.id), Some(("audio/mpeg".to_owned(), b"sound".to_vec())));
    input["store"] = json!(false);
    let File::Bytes { content_type, bytes } = act(&host, input).unwrap() else { panic!("it is stored") };
    assert_eq!((content_type.as_str(), &bytes[..]), ("audio/mpeg", &b"sound"[..]));
}

#[test]
fn failures_of_elevenlabs_say_what_they_are() {
    let host = host();
    let input = || json!({"voice_id": "voice1", "text": "Hello"});
    let fails = |status: u16, body: Value| {
        host.expect(vendor(SPEECH), Reply::json(status, &body).header("retry-after", "2"));
        act(&host, input()).unwrap_err()
    };
    let refused = fails(
        401,
        json!({"detail": {"type": "authentication_error", "code": "invalid_api_key", "message": "Invalid API key"}}),
    );
    assert_eq!(refused, Error::Reauthorize("ElevenLabs refused the API key: invalid_api_key".to_owned()));
    let upstream = |error: Error| match error {
        Error::Upstream(failure) => failure,
        other => panic!("{other:?}"),
    };
    let quota = upstream(fails(401, json!({"detail": {"status": "quota_exceeded", "message": "no credits left"}})));
    assert_eq!((quota.code.as_deref(), quota.retry_after_ms), (Some("quota_exceeded"), None));
    let busy = upstream(fails(429, json!({"detail": {"code": "concurrent_limit_exceeded", "message": "too many"}})));
    let expected = UpstreamFailure {
        status: 429,
        code: Some("concurrent_limit_exceeded".to_owned()),
        message: "too many".to_owned(),
        retry_after_ms: Some(2_000),
    };
    assert_eq!(busy, expected);
    let invalid = upstream(fails(422, json!({"detail": [{"loc": ["body", "text"], "msg": "Field required"}]})));
    assert_eq!(invalid.message, "body.text: Field required");
    assert_eq!(metered(&host), (0, 0));
}
