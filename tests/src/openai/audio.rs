//! `POST /v1/audio/transcriptions`, `/v1/audio/translations` and `/v1/audio/speech`.

use std::sync::Arc;

use axum::{
    Json,
    body::{Body, Bytes},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{
    Shared, auth,
    form::Form,
    server::{Asked, stream_response},
};

/// What the contract lets a transcription say.
const FIELDS: [&str; 14] = [
    "file",
    "model",
    "language",
    "languages",
    "keywords",
    "prompt",
    "response_format",
    "temperature",
    "include",
    "timestamp_granularities",
    "stream",
    "chunking_strategy",
    "known_speaker_names",
    "known_speaker_references",
];

const TEXT: &str = "word0 word1 word2";

/// The simulator's recordings have a thousand bytes a second.
fn seconds(file: &[u8]) -> u64 {
    (file.len() as u64).div_ceil(1_000)
}

pub(crate) fn transcribe(shared: &Arc<Shared>, path: &str, headers: &HeaderMap, bytes: &Bytes) -> Response {
    let form = match Form::read(headers, bytes, &FIELDS) {
        Ok(form) => form,
        Err(refusal) => return *refusal,
    };
    let Some(model) = form.field("model") else { return auth::invalid("you must provide a model parameter") };
    if form.file.is_empty() || !form.file_name.contains('.') {
        return auth::invalid("the file is empty, or its name has no extension");
    }
    let by_time = model == "whisper-1";
    let seconds = seconds(&form.file);
    let usage = if by_time {
        json!({"type": "duration", "seconds": seconds})
    } else {
        json!({
            "type": "tokens", "input_tokens": 10 * seconds,
            "input_token_details": {"text_tokens": 0, "audio_tokens": 10 * seconds},
            "output_tokens": 3, "total_tokens": 10 * seconds + 3,
        })
    };
    let entry = shared.ledger.open(path, model, if by_time { 0 } else { 10 * seconds });
    shared.ledger.serve(entry, if by_time { 0 } else { 3 });
    shared.ledger.close(entry);
    if form.field("stream") == Some("true") {
        if by_time {
            return auth::invalid("whisper-1 does not stream");
        }
        return events(&[
            json!({"type": "transcript.text.delta", "delta": TEXT}),
            json!({"type": "transcript.text.done", "text": TEXT, "usage": usage}),
        ]);
    }
    let plain = |text: String| ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response();
    let (minutes, rest) = (seconds / 60, seconds % 60);
    match (form.field("response_format").unwrap_or("json"), by_time) {
        ("json", _) => Json(json!({"text": TEXT, "usage": usage})).into_response(),
        ("text", true) => plain(format!("{TEXT}\n")),
        ("srt", true) => plain(format!("1\n00:00:00,000 --> 00:{minutes:02}:{rest:02},000\n{TEXT}\n\n")),
        ("vtt", true) => plain(format!("WEBVTT\n\n00:00.000 --> {minutes:02}:{rest:02}.000\n{TEXT}\n\n")),
        ("verbose_json", true) => Json(json!({
            "task": "transcribe", "language": "english", "duration": seconds, "text": TEXT, "segments": [], "usage": usage,
        }))
        .into_response(),
        (format, _) => auth::invalid(&format!("response_format '{format}' is not compatible with model '{model}'")),
    }
}

/// Ten bytes of audio for each character.
pub(crate) fn speak(asked: &Asked) -> Response {
    let input = asked.body["input"].as_str().unwrap_or_default();
    let characters = input.chars().count();
    let entry = asked.shared.ledger.open("/v1/audio/speech", asked.model(), 0);
    asked.shared.ledger.close(entry);
    let audio: Vec<u8> = (0..characters * 10).map(|index| u8::try_from(index % 251).unwrap_or(0)).collect();
    if asked.body["stream_format"] == "sse" {
        use base64::Engine as _;
        let audio = base64::engine::general_purpose::STANDARD.encode(audio);
        let tokens = json!({"input_tokens": 0, "output_tokens": 0, "total_tokens": 0});
        return events(&[
            json!({"type": "speech.audio.delta", "audio": audio}),
            json!({"type": "speech.audio.done", "usage": tokens}),
        ]);
    }
    let chunks: Vec<Bytes> = audio.chunks(64).map(Bytes::copy_from_slice).collect();
    let frames = futures::stream::iter(chunks.into_iter().map(Ok));
    let mut response = stream_response(asked, frames);
    let media = match asked.body["response_format"].as_str() {
        Some("wav") => "audio/wav",
        Some("opus") => "audio/opus",
        _ => "audio/mpeg",
    };
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(media));
    response
}

fn events(events: &[Value]) -> Response {
    let text: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    ([(header::CONTENT_TYPE, "text/event-stream; charset=utf-8")], Body::from(text)).into_response()
}
