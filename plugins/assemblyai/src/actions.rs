//! The typed operations.

use base64::engine::general_purpose::STANDARD;
use base64::{DecodeError, Engine as _};
use patchbay_sdk::usage::{self, Basis};
use patchbay_sdk::{Call, Error, Verbatim, blobs, http};
use serde_json::{Map, Value};

use crate::api::{self, KEY, call, verbatim};
use crate::config::Config;
use crate::types::{
    CreateStreamingToken, CreateTranscript, ListTranscripts, RedactedAudio, StreamingToken, Transcript, TranscriptId,
    TranscriptPage, Upload, Uploaded,
};
use crate::{created, failure, order, settle, watch};

pub(crate) fn upload(asked: Call<Upload>) -> Result<Verbatim<Uploaded>, Error> {
    let Call { input: Upload { blob, content }, attachment, .. } = asked;
    let body = match (blob, content, attachment) {
        (Some(id), None, None) => http::Body::Stream(blobs::open(&id)?.1),
        (None, Some(text), None) => {
            let wrong = |error: DecodeError| Error::invalid("/content", format!("base64 of the audio ({error})"));
            http::Body::Bytes(STANDARD.decode(text).map_err(wrong)?)
        }
        (None, None, Some(file)) => http::Body::Stream(file),
        _ => return Err(Error::invalid("", "exactly one of `blob`, `content` and a file beside the input")),
    };
    let request = http::Request::post(format!("{}/v2/upload", Config::load()?.region().api()));
    verbatim(call(request.header("content-type", "application/octet-stream").body(body))?)
}

pub(crate) fn create_transcript(asked: Call<Verbatim<CreateTranscript>>) -> Result<Verbatim<Transcript>, Error> {
    let config = Config::load()?;
    let region = config.region();
    let mut members: Map<String, Value> = asked.input.peek()?;
    order::name_models(&mut members, config.speech_models);
    let hooked = order::hook(&mut members);
    let request = http::Request::post(format!("{}/v2/transcript", region.api())).json(&members)?.credential(KEY);
    let response = created::ask(region, request, &members, hooked)?;
    if !response.is_success() {
        return Err(failure::of(&response));
    }
    created::follow(region, &response, hooked)?;
    verbatim(response)
}

pub(crate) fn get_transcript(asked: Call<TranscriptId>) -> Result<Verbatim<Transcript>, Error> {
    verbatim(call(http::Request::get(url_of(&asked.input, "")?))?)
}

pub(crate) fn list_transcripts(asked: Call<ListTranscripts>) -> Result<Verbatim<TranscriptPage>, Error> {
    let ListTranscripts { limit, status, created_on, before_id, after_id } = asked.input;
    let mut request = http::Request::get(format!("{}/v2/transcript", Config::load()?.region().api()));
    let limit = limit.map(|limit| limit.to_string());
    let status = status.map(|status| status.as_str().to_owned());
    for (name, value) in [
        ("limit", limit),
        ("status", status),
        ("created_on", created_on),
        ("before_id", before_id),
        ("after_id", after_id),
    ] {
        if let Some(value) = value {
            request = request.query(name, &value);
        }
    }
    verbatim(call(request)?)
}

pub(crate) fn delete_transcript(asked: Call<TranscriptId>) -> Result<Verbatim<Transcript>, Error> {
    let url = url_of(&asked.input, "")?;
    before_deletion(&asked.input.id)?;
    verbatim(call(http::Request::delete(url))?)
}

/// What was made here is metered while AssemblyAI still knows how long it is.
pub(crate) fn before_deletion(id: &str) -> Result<(), Error> {
    match watch::region_of(id)? {
        Some(region) => settle::look(region, id).map(drop),
        None => Ok(()),
    }
}

pub(crate) fn get_redacted_audio(asked: Call<TranscriptId>) -> Result<Verbatim<RedactedAudio>, Error> {
    verbatim(call(http::Request::get(url_of(&asked.input, "/redacted-audio")?))?)
}

pub(crate) fn create_streaming_token(asked: Call<CreateStreamingToken>) -> Result<Verbatim<StreamingToken>, Error> {
    let CreateStreamingToken { expires_in_seconds, max_session_duration_seconds } = asked.input;
    let mut request = http::Request::get(format!("{}/v3/token", Config::load()?.region().streaming()))
        .query("expires_in_seconds", &expires_in_seconds.to_string());
    if let Some(seconds) = max_session_duration_seconds {
        request = request.query("max_session_duration_seconds", &seconds.to_string());
    }
    // each one is a new token
    let response = call(request.repeatable(false))?;
    usage::add("streaming_tokens", 1, Basis::Reported, None)?;
    verbatim(response)
}

fn url_of(transcript: &TranscriptId, below: &str) -> Result<String, Error> {
    let TranscriptId { id } = transcript;
    if !api::is_id(id) {
        return Err(Error::invalid("/id", "an id that AssemblyAI gave"));
    }
    Ok(format!("{}/v2/transcript/{id}{below}", Config::load()?.region().api()))
}
