//! Speech: bytes that say what was asked for and which time it is, at the price of the model.

use std::{io, sync::Arc};

use axum::{
    body::{Body, Bytes},
    extract::{Path, State as Extract},
    http::{HeaderMap, Uri},
    response::{IntoResponse, Response},
};
use base64::Engine as _;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::{Fault, Item, Shared, Stop, invalid, refuse};

/// Bytes of audio for a character.
const BYTES: usize = 64;
/// What is sent at a time.
const PIECE: usize = 16 << 10;
/// The longest text of any model.
const LONGEST: usize = 40_000;

/// What a text costs, in credits: faster models cost half.
#[must_use]
pub fn cost(model: &str, text: &str) -> u64 {
    let characters = text.chars().count() as u64;
    if model.contains("flash") || model.contains("turbo") { characters.div_ceil(2) } else { characters }
}

pub(super) async fn audio(
    shared: Extract<Arc<Shared>>,
    voice: Path<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    speak(shared, voice, uri, headers, body, false, |made, _| vec![made]).await
}

pub(super) async fn audio_stream(
    shared: Extract<Arc<Shared>>,
    voice: Path<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    speak(shared, voice, uri, headers, body, true, |made, _| vec![made]).await
}

pub(super) async fn timestamps(
    shared: Extract<Arc<Shared>>,
    voice: Path<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    speak(shared, voice, uri, headers, body, false, |made, text| vec![line(&made, text).to_string().into_bytes()]).await
}

pub(super) async fn timestamp_stream(
    shared: Extract<Arc<Shared>>,
    voice: Path<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let lines = |made: Vec<u8>, text: &str| {
        let half = text.len() / 2;
        let texts = if text.is_char_boundary(half) { vec![&text[..half], &text[half..]] } else { vec![text] };
        let parts = made.chunks(made.len().div_ceil(texts.len())).zip(texts);
        parts.map(|(part, text)| format!("{}\n", line(part, text)).into_bytes()).collect::<Vec<_>>()
    };
    speak(shared, voice, uri, headers, body, true, lines).await
}

fn line(audio: &[u8], text: &str) -> Value {
    let characters: Vec<_> = text.chars().map(String::from).collect();
    let starts: Vec<_> = (0..characters.len()).map(|index| index as f64 / 10.0).collect();
    let ends: Vec<_> = starts.iter().map(|start| start + 0.1).collect();
    let alignment =
        json!({"characters": characters, "character_start_times_seconds": starts, "character_end_times_seconds": ends});
    let audio = base64::engine::general_purpose::STANDARD.encode(audio);
    json!({"audio_base64": audio, "alignment": alignment, "normalized_alignment": null})
}

/// Counts as open for as long as the answer is held.
struct Open(Arc<Shared>);

impl Open {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.open.send_modify(|open| *open += 1);
        Self(Arc::clone(shared))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.send_modify(|open| *open -= 1);
    }
}

async fn speak(
    Extract(shared): Extract<Arc<Shared>>,
    Path(voice): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
    streamed: bool,
    form: impl FnOnce(Vec<u8>, &str) -> Vec<Vec<u8>>,
) -> Response {
    let open = Open::new(&shared);
    let media = headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let asked: Value = match serde_json::from_slice(&body) {
        Ok(asked) if media.starts_with("application/json") => asked,
        _ => return invalid(&["body"], "no JSON"),
    };
    let query: Vec<(String, String)> =
        form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    if let Some(contract) = &shared.contract {
        for wrong in contract.check(streamed, &query, &asked) {
            shared.violation(format!("{uri}: {wrong}"));
        }
    }
    let format = query.iter().find(|(name, _)| name == "output_format").map_or("mp3_44100_128", |(_, value)| value);
    if streamed && format.starts_with("wav") {
        return invalid(&["query", "output_format"], "not streamed");
    }
    let Some(text) = asked["text"].as_str().filter(|text| !text.is_empty()) else {
        return invalid(&["body", "text"], "Field required");
    };
    if text.chars().count() > LONGEST {
        return refuse(400, "max_character_limit_exceeded", "the text is too long");
    }
    let model = asked["model_id"].as_str().unwrap_or("eleven_multilingual_v2");
    let (number, fault) = {
        let mut state = shared.state.lock().unwrap();
        state.asked += 1;
        (state.asked, state.faults.pop_front())
    };
    shared.pass(Stop::BeforeTheAnswer).await;
    if let Some(Fault::Refuses(status, code)) = fault {
        return refuse(status, code, "as it was told");
    }
    let said = format!("{number}:{voice}:{model}:{format}:{text};");
    let audio: Vec<u8> = said.bytes().cycle().take((text.chars().count() * BYTES).max(said.len())).collect();
    let content_type = content_type(format);
    let (id, price) = (format!("item{number}"), cost(model, text));
    {
        let mut state = shared.state.lock().unwrap();
        state.billed += price;
        state.history.push(Item {
            id: id.clone(),
            voice,
            model: model.to_owned(),
            text: text.to_owned(),
            content_type: content_type.to_owned(),
            audio: audio.clone(),
        });
    }
    if matches!(fault, Some(Fault::NeverAnswers)) {
        // the head is not written before the body has something
        return Body::from_stream(futures::stream::iter([Err::<Bytes, _>(io::Error::other("as it was told"))]))
            .into_response();
    }
    let timed = uri.path().ends_with("with-timestamps");
    let pieces = form(audio, text);
    let breaks_off = matches!(fault, Some(Fault::BreaksOff));
    let mut response = flow(Arc::clone(&shared), open, pieces, breaks_off).into_response();
    let headers = response.headers_mut();
    let media = if timed { "application/json" } else { content_type };
    headers.insert("content-type", media.parse().unwrap());
    headers.insert("request-id", format!("request{number}").parse().unwrap());
    headers.insert("history-item-id", id.parse().unwrap());
    headers.insert("current-concurrent-requests", "1".parse().unwrap());
    headers.insert("maximum-concurrent-requests", "10".parse().unwrap());
    if !matches!(fault, Some(Fault::TellsNoCost)) {
        headers.insert("character-cost", price.to_string().parse().unwrap());
    }
    response
}

fn content_type(format: &str) -> &'static str {
    match format.split('_').next().unwrap_or_default() {
        "mp3" => "audio/mpeg",
        "opus" => "audio/ogg",
        "wav" => "audio/wav",
        "ulaw" | "alaw" => "audio/basic",
        _ => "audio/pcm",
    }
}

/// The first half of it, then, where it is told to stop no more, the rest.
fn flow(shared: Arc<Shared>, open: Open, pieces: Vec<Vec<u8>>, breaks_off: bool) -> Body {
    let pieces: Vec<Bytes> = pieces
        .iter()
        .flat_map(|piece| piece.chunks(PIECE.min(piece.len().div_ceil(2).max(1))))
        .map(Bytes::copy_from_slice)
        .collect();
    let half = pieces.len().div_ceil(2);
    Body::from_stream(async_stream::stream! {
        let _open = open;
        for (index, piece) in pieces.into_iter().enumerate() {
            if index == half {
                shared.pass(Stop::HalfWay).await;
                if breaks_off {
                    // what was written goes out first
                    tokio::task::yield_now().await;
                    yield Err(io::Error::other("as it was told"));
                    return;
                }
            }
            yield Ok(piece);
        }
    })
}
