//! Speech: what it depends on, what it costs, and whether ElevenLabs has to be asked.
//!
//! The key holds all that changes the sound. What a member is when it is left out is filled in, and `null` counts as
//! left out, so that two ways of asking for the same are the same. A parameter that this connector does not know may
//! mean anything: then nothing is kept.

use patchbay_sdk::cache::{self, Answer, Found, Key, Terms};
use patchbay_sdk::{Error, Headers, Source, http, usage};
use serde_json::{Map, Value};

/// Billed by ElevenLabs.
const CHARACTERS: &str = "characters";
/// Not billed, because it was kept.
const CACHED: &str = "cached_characters";
/// What a call cost, in credits.
const COST: &str = "character-cost";

/// What ElevenLabs takes where nothing is said.
const MODEL: &str = "eleven_multilingual_v2";
const FORMAT: &str = "output_format=mp3_44100_128";

/// Headers of an answer that hold for it whenever it is given.
const KEPT: [&str; 4] = ["content-type", COST, "request-id", "history-item-id"];

/// What is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Audio, whole or streamed: the bytes are the same.
    Audio,
    /// JSON with audio in base64 and when each character is said.
    Timestamps,
    /// The same in pieces, a line each.
    TimestampStream,
}

impl Form {
    /// Begins the key. Another number: what older versions kept is not given any more.
    const fn kind(self) -> &'static str {
        match self {
            Self::Audio => "audio 1",
            Self::Timestamps => "timestamps 1",
            Self::TimestampStream => "timestamp stream 1",
        }
    }
}

/// Speech that is asked for.
#[derive(Debug)]
pub(crate) struct Asked {
    /// What it depends on; none if it is not to be kept.
    key: Option<Key>,
    /// In the text, which is what it costs if ElevenLabs does not say.
    characters: u64,
}

impl Asked {
    /// Of a voice, by a query and a body in ElevenLabs' shape.
    pub(crate) fn of(form: Form, origin: &str, voice: &str, query: &str, body: &[u8]) -> Self {
        let Ok(Value::Object(mut members)) = serde_json::from_slice(body) else {
            return Self { key: None, characters: 0 };
        };
        let Some(text) = members.get("text").and_then(Value::as_str) else {
            return Self { key: None, characters: 0 };
        };
        let characters = u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
        members.retain(|_, value| !value.is_null());
        members.entry("model_id").or_insert_with(|| Value::from(MODEL));
        let key = parameters(query)
            .map(|parameters| Key::new(form.kind()).text(origin).text(voice).text(&parameters).json(&members.into()));
        Self { key, characters }
    }

    /// The same, which is neither looked for nor kept.
    pub(crate) fn afresh(self) -> Self {
        Self { key: None, ..self }
    }
}

/// The parameters that change the sound, in order; none if they are not all known, or if ElevenLabs is told to keep
/// nothing, which holds for the hub as well.
fn parameters(query: &str) -> Option<String> {
    let mut wanted = Vec::new();
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=')?;
        match (name, value) {
            ("output_format" | "optimize_streaming_latency", _) => wanted.push(parameter),
            ("enable_logging", "true" | "True" | "1") => {}
            _ => return None,
        }
    }
    if !wanted.iter().any(|parameter| parameter.starts_with("output_format=")) {
        wanted.push(FORMAT);
    }
    wanted.sort_unstable();
    Some(wanted.join("&"))
}

/// An answer of ElevenLabs, of now or of before.
#[derive(Debug)]
pub(crate) struct Spoken {
    pub(crate) status: u16,
    pub(crate) headers: Headers,
    pub(crate) body: Source,
}

/// Gives what was kept, or asks ElevenLabs and keeps what it says.
pub(crate) fn speak(asked: &Asked, terms: Option<Terms>, request: http::Request) -> Result<Spoken, Error> {
    let mut vacancy = None;
    if let (Some(key), Some(terms)) = (&asked.key, terms) {
        match cache::find(key, terms)? {
            Found::Kept(answer) => return again(asked, answer),
            Found::Missing(place) => vacancy = Some(place),
        }
    }
    let mut response = match request.send() {
        // No answer in time, or none before the connection broke off: ElevenLabs has read it and may have spoken, which
        // is paid for.
        Err(Error::Timeout) => {
            usage::estimated(CHARACTERS, asked.characters)?;
            return Err(Error::Timeout);
        }
        sent => sent?,
    };
    if !response.is_success() {
        // A failure costs nothing, and whoever waits for the same asks for himself.
        return Ok(Spoken { status: response.status, headers: response.headers, body: response.body });
    }
    meter(CHARACTERS, &response.headers, asked.characters)?;
    let (body, said) = match vacancy {
        Some(vacancy) => {
            let kept = KEPT.iter().filter_map(|name| Some((*name, response.headers.get(name)?))).collect();
            (vacancy.keep(kept, response.body)?, "patchbay; fwd=uri-miss; stored")
        }
        None => (response.body, "patchbay; fwd=bypass"),
    };
    response.headers.set("cache-status", said);
    Ok(Spoken { status: response.status, headers: response.headers, body })
}

fn again(asked: &Asked, answer: Answer) -> Result<Spoken, Error> {
    let Answer { mut headers, body, age } = answer;
    meter(CACHED, &headers, asked.characters)?;
    headers.set(COST, "0");
    headers.set("age", age.as_secs().to_string());
    headers.set("cache-status", "patchbay; hit");
    Ok(Spoken { status: 200, headers, body })
}

/// Meters what an answer cost by ElevenLabs' own figure, or by the text.
fn meter(meter: &str, headers: &Headers, characters: u64) -> Result<(), Error> {
    match cost(headers) {
        Some(cost) => usage::reported(meter, cost),
        None => usage::estimated(meter, characters),
    }
}

fn cost(headers: &Headers) -> Option<u64> {
    headers.get(COST)?.trim().parse().ok()
}

/// Meters what any other answer cost, if ElevenLabs says so.
pub(crate) fn meter_reported(headers: &Headers) -> Result<(), Error> {
    match cost(headers) {
        None | Some(0) => Ok(()),
        Some(cost) => usage::reported(CHARACTERS, cost),
    }
}

/// A body of these members.
pub(crate) fn body(members: Map<String, Value>) -> Vec<u8> {
    Value::Object(members).to_string().into_bytes()
}
