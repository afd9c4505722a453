//! The typed operations.

use patchbay_sdk::{Call, Error, File, Verbatim, blobs, http};
use serde_json::{Map, Value};

use crate::api::{self, KEY};
use crate::config::Config;
use crate::speech::{self, Asked, Form, Spoken};
use crate::types::{
    CreateSpeech, Deleted, GetHistoryAudio, History, HistoryItemId, ListHistory, ListVoices, Models, Nothing,
    Subscription, Translation, Voice, VoiceId, Voices,
};

/// What audio is called whose type ElevenLabs does not say.
const UNKNOWN: &str = "application/octet-stream";

pub(crate) fn create_speech(call: Call<Verbatim<CreateSpeech>>) -> Result<File, Error> {
    let config = Config::load()?;
    // What is no member of ElevenLabs' body; all else goes on as it was given.
    let mut members: Map<String, Value> = call.input.peek()?;
    let text = |value: Option<Value>| value.as_ref().and_then(Value::as_str).map(str::to_owned);
    let is_true = |value: Option<Value>| value == Some(Value::Bool(true));
    let voice = text(members.remove("voice_id")).unwrap_or_default();
    let format = text(members.remove("output_format"));
    let keeps_no_log = members.remove("enable_logging") == Some(Value::Bool(false));
    let (fresh, store) = (is_true(members.remove("fresh")), is_true(members.remove("store")));
    // what is null is left out, and some members of ElevenLabs' may not be null
    members.retain(|_, value| !value.is_null());
    let mut query = Vec::new();
    query.extend(format.map(|format| format!("output_format={format}")));
    query.extend(keeps_no_log.then(|| "enable_logging=false".to_owned()));
    let query = query.join("&");

    let body = speech::body(members);
    let asked = Asked::of(Form::Audio, config.origin(), &voice, &query, &body);
    let asked = if fresh { asked.afresh() } else { asked };
    let mut url = format!("{}/v1/text-to-speech/{voice}", config.origin());
    if !query.is_empty() {
        url.push('?');
        url.push_str(&query);
    }
    let request = http::Request::post(url).bytes("application/json", body).credential(KEY);
    file(speech::speak(&asked, config.terms(), request)?, store)
}

/// What flows is stored, or read.
fn file(spoken: Spoken, store: bool) -> Result<File, Error> {
    let Spoken { status, headers, body } = spoken;
    if !(200..300).contains(&status) {
        return Err(api::failed(status, &headers, &body));
    }
    let content_type = headers.get("content-type").unwrap_or(UNKNOWN).to_owned();
    if store {
        return Ok(File::Stored(blobs::put(&content_type, body)?));
    }
    Ok(File::Bytes { content_type, bytes: body.read_to_end(u32::MAX)? })
}

pub(crate) fn list_voices(call: Call<ListVoices>) -> Result<Verbatim<Voices>, Error> {
    let ListVoices { page_size, next_page_token, search, voice_type, category, sort, sort_direction } = call.input;
    let url = format!("{}/v2/voices", Config::load()?.origin());
    // the count is costly, says ElevenLabs, and nobody needs it to page
    let mut request = http::Request::get(url).query("include_total_count", "false");
    for (name, value) in [
        ("page_size", page_size.map(|size| size.to_string())),
        ("next_page_token", next_page_token),
        ("search", search),
        ("voice_type", voice_type),
        ("category", category),
        ("sort", sort),
        ("sort_direction", sort_direction),
    ] {
        if let Some(value) = value {
            request = request.query(name, &value);
        }
    }
    api::json(request)
}

pub(crate) fn get_voice(call: Call<VoiceId>) -> Result<Verbatim<Voice>, Error> {
    let url = format!("{}/v1/voices/{}", Config::load()?.origin(), call.input.voice_id);
    api::json(http::Request::get(url).query("with_settings", "true"))
}

pub(crate) fn list_models(_: Call<Nothing>) -> Result<Verbatim<Models>, Error> {
    let models = api::text(http::Request::get(format!("{}/v1/models", Config::load()?.origin())))?;
    // ElevenLabs gives the bare list, and an output is an object
    api::verbatim(format!(r#"{{"models":{models}}}"#))
}

pub(crate) fn list_history(call: Call<ListHistory>) -> Result<Verbatim<History>, Error> {
    let ListHistory { page_size, start_after_history_item_id, voice_id, search } = call.input;
    let mut request = http::Request::get(format!("{}/v1/history", Config::load()?.origin()));
    for (name, value) in [
        ("page_size", page_size.map(|size| size.to_string())),
        ("start_after_history_item_id", start_after_history_item_id),
        ("voice_id", voice_id),
        ("search", search),
    ] {
        if let Some(value) = value {
            request = request.query(name, &value);
        }
    }
    api::json(request)
}

pub(crate) fn get_history_audio(call: Call<GetHistoryAudio>) -> Result<File, Error> {
    let GetHistoryAudio { history_item_id, store } = call.input;
    let url = format!("{}/v1/history/{history_item_id}/audio", Config::load()?.origin());
    let response = http::Request::get(url).credential(KEY).send()?;
    let spoken = Spoken { status: response.status, headers: response.headers, body: response.body };
    file(spoken, store == Some(true))
}

pub(crate) fn delete_history_item(call: Call<HistoryItemId>) -> Result<Deleted, Error> {
    let HistoryItemId { history_item_id } = call.input;
    api::text(http::Request::delete(format!("{}/v1/history/{history_item_id}", Config::load()?.origin())))?;
    Ok(Deleted { history_item_id })
}

/// For whoever puts calls through: the settings as the organization's plan allows them now.
pub(crate) fn get_live_translation(_: Call<Nothing>) -> Result<Translation, Error> {
    Ok(Translation { live_translation: Config::load()?.live_translation })
}

pub(crate) fn get_subscription(_: Call<Nothing>) -> Result<Verbatim<Subscription>, Error> {
    api::json(http::Request::get(format!("{}/v1/user/subscription", Config::load()?.origin())))
}
