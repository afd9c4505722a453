//! The end of a transcript: metered once and told once, whoever sees it first.
//!
//! The webhook, the job and a deletion all come here, perhaps at the same time and on different hubs. What they add has ids
//! made of the transcript's, and the hub keeps the first of each.

use patchbay_sdk::usage::{self, Basis};
use patchbay_sdk::{Error, events, http, log};

use crate::answer::Transcript;
use crate::api::KEY;
use crate::config::{Config, Region};
use crate::failure;
use crate::published::{COMPLETED, Completed, FAILED, Failed};

/// The most text of an event, in bytes: an event has a mebibyte, and JSON may escape some of it.
const MOST_TEXT: usize = 700 << 10;

/// The most of AssemblyAI's words for a failure, in characters.
const MOST_WORDS: usize = 1000;

/// What AssemblyAI knows of a transcript.
#[derive(Debug, PartialEq)]
pub(crate) enum Seen {
    /// It is worked on.
    Underway,
    /// It was settled, with this status.
    Ended(String),
    /// There is none of this id, or none any more.
    Gone,
}

/// Looks at a transcript, and meters and tells of it if it has ended.
pub(crate) fn look(region: Region, id: &str) -> Result<Seen, Error> {
    let Some(transcript) = read(region, id)? else { return Ok(Seen::Gone) };
    match transcript.status.as_str() {
        "completed" => complete(&transcript)?,
        "error" => fail(&transcript)?,
        _ => return Ok(Seen::Underway),
    }
    Ok(Seen::Ended(transcript.status))
}

/// Where AssemblyAI tells that a transcript has ended; none if nowhere, or if there is none of this id.
pub(crate) fn webhook_of(region: Region, id: &str) -> Result<Option<String>, Error> {
    Ok(read(region, id)?.and_then(|transcript| transcript.webhook_url))
}

/// A transcript as AssemblyAI has it now; none if there is none of this id.
fn read(region: Region, id: &str) -> Result<Option<Transcript>, Error> {
    let url = format!("{}/v2/transcript/{id}", region.api());
    let response = http::Request::get(url).credential(KEY).send()?;
    if !response.is_success() {
        let response = response.whole(64 << 10)?;
        return if failure::is_missing(&response) { Ok(None) } else { Err(failure::of(&response)) };
    }
    let transcript = Transcript::read(&response.body)?;
    // ids of what is metered are made of it
    if transcript.id != id {
        return Err(Error::upstream(200, "AssemblyAI answered with another transcript"));
    }
    Ok(Some(transcript))
}

fn complete(transcript: &Transcript) -> Result<(), Error> {
    let id = transcript.id.as_str();
    let seconds = transcript.seconds();
    match seconds {
        Some(0) => {}
        Some(seconds) => usage::add("audio_seconds", seconds, Basis::Reported, Some(id))?,
        None => log::warn("AssemblyAI does not say how long the audio is", &[("transcript", id)]),
    }
    usage::add("transcripts", 1, Basis::Reported, Some(id))?;
    let text = transcript.text.as_deref().filter(|text| !text.is_empty());
    let text = if Config::load()?.text_in_events { text } else { None };
    let short = text.and_then(|text| text.get(..text.floor_char_boundary(MOST_TEXT)));
    let data = Completed {
        transcript_id: id,
        audio_seconds: seconds,
        language_code: transcript.language_code.as_deref(),
        confidence: transcript.confidence,
        speech_model: transcript.speech_model_used.as_deref(),
        sentiment: transcript.sentiment.as_ref(),
        text: short,
        text_is_cut: short.map(str::len) < text.map(str::len),
    };
    events::publish(COMPLETED, id, &data, Some(&format!("{id}:completed"))).map(drop)
}

fn fail(transcript: &Transcript) -> Result<(), Error> {
    let id = transcript.id.as_str();
    let words = transcript.error.as_deref().unwrap_or("AssemblyAI does not say why");
    let error: String = words.chars().take(MOST_WORDS).collect();
    let data = Failed { transcript_id: id, error: &error };
    events::publish(FAILED, id, &data, Some(&format!("{id}:error"))).map(drop)
}
