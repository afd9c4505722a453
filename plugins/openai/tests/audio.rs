//! Speech and transcriptions: what the vendor is sent, what the client gets, and what is metered.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail them")]

use patchbay_plugin_openai::OpenAi;
use patchbay_sdk::testing::{ActionCall, ActionOutput, Exchange, MockHost, ProxyCall, Reply};
use patchbay_sdk::usage::Basis;
use patchbay_sdk::{Error, File};
use serde_json::{Value, json};

#[path = "support/fixtures.rs"]
mod fixtures;
use fixtures::host;

const TRANSCRIBE: &str = "/v1/audio/transcriptions";
const KIND: &str = "multipart/form-data; boundary=x1";

fn to(path: &str) -> Exchange {
    Exchange::post(format!("https://api.openai.com{path}")).credential("secret_key")
}

/// The file comes first, as some SDKs send it.
fn form(fields: &[(&str, &str)]) -> Vec<u8> {
    let file =
        "--x1\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\nContent-Type: audio/wav\r\n\r\n";
    let fields: String = fields
        .iter()
        .map(|(name, value)| format!("--x1\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"))
        .collect();
    [file.as_bytes(), &[7; 40_000], b"\r\n", fields.as_bytes(), b"--x1--\r\n"].concat()
}

fn transcribe(fields: &[(&str, &str)]) -> ProxyCall {
    ProxyCall::post(TRANSCRIBE).header("content-type", KIND).body(form(fields))
}

fn by_tokens() -> Value {
    json!({"text": "Hello.", "usage": {
        "type": "tokens", "input_tokens": 14, "input_token_details": {"text_tokens": 10, "audio_tokens": 4},
        "output_tokens": 3, "total_tokens": 17,
    }})
}

fn priced(host: &MockHost) {
    host.set_config(json!({"prices": {"currency": "USD", "source": "a test", "as_of": "2026-11-01", "models": {
        "whisper-1": {"audio_minute": "0.006"}, "tts-1": {"characters": "15"},
    }}}));
}

#[test]
fn a_form_goes_on_byte_for_byte_and_is_metered_by_tokens_or_by_time() {
    let host = host();
    let fields = [("model", "gpt-4o-transcribe")];
    host.expect(to(TRANSCRIBE).header("content-type", KIND).body(form(&fields)), Reply::json(200, &by_tokens()));
    let reply = host.proxy::<OpenAi>(transcribe(&fields));
    assert_eq!(serde_json::from_slice::<Value>(&reply.body()).unwrap(), by_tokens());
    let used = |meter: &str| host.used(meter, Basis::Reported);
    assert_eq!((used("input_tokens"), used("audio_input_tokens"), used("output_tokens")), (14, 4, 3));
    let verbose =
        json!({"language": "english", "duration": 8.47, "text": "Hello.", "usage": {"type": "duration", "seconds": 9}});
    host.expect(to(TRANSCRIBE), Reply::json(200, &verbose));
    let _ = host.proxy::<OpenAi>(transcribe(&[("model", "whisper-1"), ("response_format", "verbose_json")]));
    assert_eq!(used("audio_seconds"), 9);
}

#[test]
fn plain_text_is_asked_for_as_json_so_that_its_figures_come_along() {
    let host = host();
    priced(&host);
    let sent = form(&[("response_format", "json"), ("model", "whisper-1")]);
    let answer = json!({"text": "Hello.", "usage": {"type": "duration", "seconds": 90}});
    host.expect(to(TRANSCRIBE).body(sent), Reply::json(200, &answer));
    let reply = host.proxy::<OpenAi>(transcribe(&[("response_format", "text"), ("model", "whisper-1")]));
    assert_eq!(
        (reply.text().as_str(), reply.headers.get("content-type")),
        ("Hello.\n", Some("text/plain; charset=utf-8"))
    );
    assert_eq!(host.used("audio_seconds", Basis::Reported), 90);
    assert_eq!(host.used("cost", Basis::Reported), 9_000_000);
}

#[test]
fn subtitles_are_metered_by_the_end_of_the_last_one() {
    let host = host();
    let srt = "1\n00:00:00,000 --> 00:01:02,500\nhello\n";
    host.expect(to(TRANSCRIBE), Reply::status(200).header("content-type", "text/plain").chunk(srt));
    let reply = host.proxy::<OpenAi>(transcribe(&[("model", "whisper-1"), ("response_format", "srt")]));
    assert_eq!(reply.text(), srt);
    assert_eq!(host.used("audio_seconds", Basis::Estimated), 63);
}

#[test]
fn a_streamed_transcription_passes_event_by_event() {
    let host = host();
    let done = json!({"type": "transcript.text.done", "text": "Hello.", "usage": by_tokens()["usage"]});
    let delta = json!({"type": "transcript.text.delta", "delta": "Hello."});
    host.expect(to(TRANSCRIBE), Reply::server_sent_events([delta.to_string(), done.to_string()]));
    let reply = host.proxy::<OpenAi>(transcribe(&[("stream", "true"), ("model", "gpt-4o-transcribe")]));
    assert_eq!(reply.events().len(), 2);
    assert_eq!(host.used("output_tokens", Basis::Reported), 3);
}

#[test]
fn a_recording_whose_length_nobody_tells_is_estimated() {
    for reply in [Reply::json(200, &json!({"text": "Hello."})), Reply::fails(Error::Timeout)] {
        let host = host();
        host.expect(to(TRANSCRIBE), reply);
        let _ = host.proxy::<OpenAi>(transcribe(&[("model", "whisper-1")]));
        // 40,000 bytes at 16,000 a second
        assert_eq!(host.used("audio_seconds", Basis::Estimated), 3);
    }
}

#[test]
fn a_form_that_cannot_be_read_or_asks_for_another_model_never_leaves() {
    let host = host();
    host.set_config(json!({"models": ["whisper-1"]}));
    let status = |call: ProxyCall| host.proxy::<OpenAi>(call).status;
    assert_eq!(status(transcribe(&[("model", "gpt-4o-transcribe")])), Some(403));
    assert_eq!(status(transcribe(&[])), Some(400));
    assert_eq!(status(transcribe(&[("model", "gpt-4o-transcribe"), ("model", "whisper-1")])), Some(400));
    assert_eq!(status(ProxyCall::post(TRANSCRIBE).json(&json!({"model": "whisper-1"}))), Some(400));
    assert!(host.sent().is_empty());
}

#[test]
fn speech_passes_as_it_is_and_is_metered_by_its_characters() {
    let host = host();
    priced(&host);
    let input = json!({"model": "tts-1", "input": "Hëllo, world", "voice": "alloy"});
    let audio = || Reply::status(200).header("content-type", "audio/mpeg").chunk([255_u8, 243, 0]).chunk([1_u8, 2]);
    host.expect(to("/v1/audio/speech").json(input.clone()), audio());
    let reply = host.proxy::<OpenAi>(ProxyCall::post("/v1/audio/speech").json(&input));
    assert_eq!((reply.body(), reply.headers.get("content-type")), (vec![255, 243, 0, 1, 2], Some("audio/mpeg")));
    assert_eq!(host.used("characters", Basis::Reported), 12);
    assert_eq!(host.used("cost", Basis::Reported), 180_000);
    host.expect(to("/v1/audio/speech").json(input.clone()), audio());
    let output = host.invoke_with::<OpenAi>(ActionCall::new("create-speech", input)).unwrap();
    let file = File::Bytes { content_type: "audio/mpeg".to_owned(), bytes: vec![255, 243, 0, 1, 2] };
    assert_eq!(output, ActionOutput::File(file));
    assert_eq!(host.used("characters", Basis::Reported), 24);
}

#[test]
fn speech_as_events_brings_its_tokens() {
    let host = host();
    let done =
        json!({"type": "speech.audio.done", "usage": {"input_tokens": 5, "output_tokens": 40, "total_tokens": 45}});
    host.expect(to("/v1/audio/speech"), Reply::server_sent_events([done.to_string()]));
    let input = json!({"model": "gpt-4o-mini-tts", "input": "Hello", "voice": "alloy", "stream_format": "sse"});
    let _ = host.proxy::<OpenAi>(ProxyCall::post("/v1/audio/speech").json(&input));
    let used = |meter: &str| host.used(meter, Basis::Reported);
    assert_eq!((used("characters"), used("input_tokens"), used("output_tokens")), (5, 5, 40));
}
