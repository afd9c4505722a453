//! The operations on calls.

use patchbay_sdk::{Call, Error, clock, http};
use patchbay_telephony::fold::{About, Direction, Fact, What};
use patchbay_telephony::phone::{Number, Party};

use crate::config::Config;
use crate::types::calls::{
    Answer, Bridge, CallStatus, Dial, Dialled, Done, GetCall, Hangup, Reject, SendDtmf, To, Transfer,
};
use crate::types::media::{Gather, Speak, StartPlayback, StartRecording, StopPlayback, StopRecording};
use crate::{api, calls, command, destinations};

/// Numbers that one call may ring at once.
pub(crate) const MOST_AT_ONCE: usize = 10;

pub(crate) fn dial(mut asked: Call<Dial>) -> Result<Dialled, Error> {
    let config = Config::load()?;
    let connection = config.connection(asked.input.connection_id.take())?;
    let from = asked.input.from.take().or_else(|| config.from.clone());
    let from = from.ok_or_else(|| Error::invalid("/from", "a number of the account, here or in the setting from"))?;
    let from = config.number("/from", &from)?;
    let first = admit_all(&config, &mut asked.input.to)?;
    let command_id = command::id(&asked, "");
    let mut members = command::body(&asked.input, &command_id)?;
    members.insert("from".to_owned(), from.as_str().into());
    members.insert("connection_id".to_owned(), connection.into());
    // Telnyx drops a repeat of the command
    let request = http::Request::post(api::url("/calls")).json(&members)?.repeatable(true);
    let dialled = Dialled { command_id, ..api::data(request)? };
    if let (Some(leg), Some(session)) = (&dialled.call_leg_id, &dialled.call_session_id) {
        let about = About {
            direction: Some(Direction::Outbound),
            from: Some(Party::Number(from)),
            to: Some(Party::Number(first)),
            ..About::default()
        };
        let begun = Fact {
            id: format!("{leg}/initiated"),
            leg: leg.clone(),
            session: Some(session.clone()),
            at: Some(clock::now()),
            sequence: None,
            about: Some(about),
            what: What::Initiated,
        };
        // by a job: the call's first events may be worked on at this very moment, and one of the two would be refused
        calls::Work { call: session.clone(), facts: vec![begun] }.plan()?;
    }
    Ok(dialled)
}

/// Puts numbers in the place of what people write, and gives the first.
fn admit_all(config: &Config, to: &mut To) -> Result<Number, Error> {
    match to {
        To::One(text) => {
            let number = destinations::admit(config, "/to", text)?;
            number.as_str().clone_into(text);
            Ok(number)
        }
        To::Several(texts) => {
            if !(1..=MOST_AT_ONCE).contains(&texts.len()) {
                return Err(Error::invalid("/to", format!("1 to {MOST_AT_ONCE} numbers")));
            }
            let mut first = None;
            for (index, text) in texts.iter_mut().enumerate() {
                let number = destinations::admit(config, &format!("/to/{index}"), text)?;
                number.as_str().clone_into(text);
                first = first.or(Some(number));
            }
            first.ok_or_else(|| Error::invalid("/to", "at least one number"))
        }
    }
}

pub(crate) fn answer(asked: Call<Answer>) -> Result<Done, Error> {
    command::send(&asked, &asked.input.call_control_id, "answer")
}

pub(crate) fn reject(asked: Call<Reject>) -> Result<Done, Error> {
    command::send(&asked, &asked.input.call_control_id, "reject")
}

pub(crate) fn hangup(asked: Call<Hangup>) -> Result<Done, Error> {
    command::send(&asked, &asked.input.call_control_id, "hangup")
}

pub(crate) fn transfer(mut asked: Call<Transfer>) -> Result<Done, Error> {
    let config = Config::load()?;
    let to = destinations::admit(&config, "/to", &asked.input.to)?;
    to.as_str().clone_into(&mut asked.input.to);
    if let Some(from) = &mut asked.input.from {
        let number = config.number("/from", from)?;
        number.as_str().clone_into(from);
    }
    command::send(&asked, &asked.input.call_control_id, "transfer")
}

pub(crate) fn bridge(asked: Call<Bridge>) -> Result<Done, Error> {
    command::send(&asked, &asked.input.call_control_id, "bridge")
}

pub(crate) fn speak(asked: Call<Speak>) -> Result<Done, Error> {
    command::send(&asked, &asked.input.call_control_id, "speak")
}

pub(crate) fn gather(asked: Call<Gather>) -> Result<Done, Error> {
    let Gather { payload, voice, payload_type, language, invalid_payload, audio_url, invalid_audio_url, .. } =
        &asked.input;
    let speaks = payload.is_some();
    let plays = audio_url.is_some();
    if speaks && plays {
        return Err(Error::invalid("/audio_url", "nothing beside `payload`: one of the two"));
    }
    if speaks && voice.is_none() {
        return Err(Error::invalid("/voice", "a voice for `payload`, as in Telnyx.KokoroTTS.af"));
    }
    let of_speech = [
        ("/voice", voice.is_some()),
        ("/payload_type", payload_type.is_some()),
        ("/language", language.is_some()),
        ("/invalid_payload", invalid_payload.is_some()),
    ];
    if let Some((pointer, _)) = of_speech.into_iter().find(|(_, given)| *given && !speaks) {
        return Err(Error::invalid(pointer, "nothing without `payload`"));
    }
    if invalid_audio_url.is_some() && !plays {
        return Err(Error::invalid("/invalid_audio_url", "nothing without `audio_url`"));
    }
    if asked.input.maximum_tries.is_some() && !speaks && !plays {
        return Err(Error::invalid("/maximum_tries", "nothing without `payload` or `audio_url`"));
    }
    let name = match (speaks, plays) {
        (true, _) => "gather_using_speak",
        (_, true) => "gather_using_audio",
        _ => "gather",
    };
    command::send(&asked, &asked.input.call_control_id, name)
}

pub(crate) fn start_playback(asked: Call<StartPlayback>) -> Result<Done, Error> {
    if asked.input.audio_url.is_some() == asked.input.media_name.is_some() {
        return Err(Error::invalid("/audio_url", "exactly one of `audio_url` and `media_name`"));
    }
    command::send(&asked, &asked.input.call_control_id, "playback_start")
}

pub(crate) fn stop_playback(asked: Call<StopPlayback>) -> Result<Done, Error> {
    command::send(&asked, &asked.input.call_control_id, "playback_stop")
}

pub(crate) fn start_recording(asked: Call<StartRecording>) -> Result<Done, Error> {
    command::send(&asked, &asked.input.call_control_id, "record_start")
}

pub(crate) fn stop_recording(asked: Call<StopRecording>) -> Result<Done, Error> {
    command::send(&asked, &asked.input.call_control_id, "record_stop")
}

pub(crate) fn send_dtmf(asked: Call<SendDtmf>) -> Result<Done, Error> {
    command::send(&asked, &asked.input.call_control_id, "send_dtmf")
}

pub(crate) fn get_call(asked: Call<GetCall>) -> Result<CallStatus, Error> {
    let id = api::segment("/call_control_id", &asked.input.call_control_id)?;
    api::data(http::Request::get(api::url(&format!("/calls/{id}"))))
}
