//! The actions on caller ids.

use patchbay_sdk::clock::{self, Timestamp};
use patchbay_sdk::records::{self, Document};
use patchbay_sdk::{Call, Error};
use patchbay_telephony::phone::Number;

use super::attempts::{self, Standing};
use super::record::{self, COLLECTION, State, Stored};
use super::types::{
    CallerId, CallerIdStatus, CallerIds, DeletedCallerId, ListCallerIds, OneNumber, StartCallerId, StartedCallerId,
};
use super::vendor::{self, ALREADY_VERIFIED};
use super::{settle, watch};
use crate::api::Api;
use crate::config::Config;
use crate::{failure, outward};

/// Caller ids of a list, if nobody says how many.
const LISTED: u32 = 100;

pub(super) fn start(call: Call<StartCallerId>) -> Result<StartedCallerId, Error> {
    let StartCallerId { phone_number, friendly_name, call_delay, extension } = call.input;
    let config = Config::load()?;
    // it is rung, so it is a destination like any other
    let number = outward::destination(&config, &phone_number, "/phone_number")?;
    let (api, now) = (Api::of(&config), clock::now());
    let found = record::get(&number)?;
    if let Some(found) = &found {
        if found.data.is_underway(now) {
            let until = found.data.expires_at.map(clock::rfc3339).unwrap_or_default();
            return Err(Error::Conflict(format!(
                "{} waits for its code until {until}: resend-caller-id has Twilio call again with a new one",
                number.masked()
            )));
        }
        if found.data.state == State::Verified
            && let Some(known) = vendor::find(&api, &number)?
        {
            let standing = attempts::standing(&number, now)?;
            let stored = settle::verified(&number, Some(found.clone()), &known.sid, known.friendly_name)?;
            return Ok(started(number, stored, None, standing));
        }
    }
    let order = Stored { friendly_name, call_delay, extension, ..Stored::new(State::Pending) };
    ring(&config, &api, number, order, found, now)
}

pub(super) fn resend(call: Call<OneNumber>) -> Result<StartedCallerId, Error> {
    let config = Config::load()?;
    // it is rung once more, by the settings of now
    let number = outward::destination(&config, &call.input.phone_number, "/phone_number")?;
    let found = record::get(&number)?.ok_or_else(|| unknown(&number))?;
    if found.data.state == State::Verified {
        return Err(Error::Conflict(format!("{} is verified: there is nothing to send", number.masked())));
    }
    let Stored { friendly_name, call_delay, extension, .. } = found.data.clone();
    let order = Stored { friendly_name, call_delay, extension, ..Stored::new(State::Pending) };
    ring(&config, &Api::of(&config), number, order, Some(found), clock::now())
}

/// Has Twilio call, and keeps that it does.
fn ring(
    config: &Config,
    api: &Api,
    number: Number,
    order: Stored,
    found: Option<Document<Stored>>,
    now: Timestamp,
) -> Result<StartedCallerId, Error> {
    let settings = &config.caller_ids;
    let standing = attempts::begin(&number, settings, now)?;
    let answer = match vendor::start(api, &number, &order) {
        Ok(answer) => answer,
        Err(error) => {
            if rang_nobody(&error) {
                let standing = attempts::take_back(&number, settings, now)?;
                if failure::is(&error, ALREADY_VERIFIED)
                    && let Some(known) = vendor::find(api, &number)?
                {
                    let stored = settle::verified(&number, found, &known.sid, known.friendly_name)?;
                    return Ok(started(number, stored, None, standing));
                }
            }
            return Err(error);
        }
    };
    let stored = Stored {
        call_sid: Some(answer.call_sid.clone()),
        started_at: Some(now),
        expires_at: Some(now + settings.pending_ms()),
        ..order
    };
    record::put(&number, &stored, found.map_or(0, |found| found.version))?;
    watch::begin(&number, &answer.call_sid, stored.call_delay.unwrap_or_default())?;
    Ok(started(number, stored, Some(answer.validation_code), standing))
}

/// True for a failure after which it is sure that no telephone rang.
fn rang_nobody(error: &Error) -> bool {
    match error {
        Error::Upstream(failure) => (400..500).contains(&failure.status),
        Error::Invalid(_) | Error::Denied(_) | Error::Reauthorize(_) | Error::RateLimited(_) | Error::NotFound(_) => {
            true
        }
        _ => false,
    }
}

fn started(number: Number, stored: Stored, code: Option<String>, standing: Standing) -> StartedCallerId {
    StartedCallerId {
        phone_number: number,
        state: stored.state,
        validation_code: code,
        call_sid: stored.call_sid.filter(|_| stored.state == State::Pending),
        caller_id_sid: stored.caller_id_sid,
        expires_at: stored.expires_at.map(clock::rfc3339),
        starts_left: standing.left,
        locked_until: standing.locked_until.map(clock::rfc3339),
    }
}

pub(super) fn status(call: Call<OneNumber>) -> Result<CallerIdStatus, Error> {
    let config = Config::load()?;
    let number = outward::number(&config, &call.input.phone_number, "/phone_number")?;
    let now = clock::now();
    let found = record::get(&number)?;
    let stored = match found {
        Some(found) if found.data.state == State::Verified => found.data,
        found => match (vendor::find(&Api::of(&config), &number)?, found) {
            (Some(known), found) => settle::verified(&number, found, &known.sid, known.friendly_name)?,
            (None, None) => return Err(unknown(&number)),
            (None, Some(found)) if found.data.state == State::Pending && !found.data.is_underway(now) => {
                settle::expired(&number, found)?
            }
            (None, Some(found)) => found.data,
        },
    };
    let Standing { left, locked_until } = attempts::standing(&number, now)?;
    Ok(CallerIdStatus {
        caller_id: view(number.as_str().to_owned(), stored),
        starts_left: left,
        locked_until: locked_until.map(clock::rfc3339),
    })
}

pub(super) fn list(call: Call<ListCallerIds>) -> Result<CallerIds, Error> {
    let ListCallerIds { state, limit, after } = call.input;
    let page = record::page(state, limit.unwrap_or(LISTED), after.as_deref())?;
    let caller_ids = page.documents.into_iter().map(|found| view(found.id, found.data)).collect();
    Ok(CallerIds { caller_ids, next: page.next })
}

pub(super) fn delete(call: Call<OneNumber>) -> Result<DeletedCallerId, Error> {
    let config = Config::load()?;
    let number = outward::number(&config, &call.input.phone_number, "/phone_number")?;
    let api = Api::of(&config);
    // by its number: what is kept here may be older than what Twilio has
    let known = vendor::find(&api, &number)?;
    if let Some(known) = &known {
        vendor::delete(&api, &known.sid)?;
    }
    let kept = records::delete(COLLECTION, number.as_str())?;
    Ok(DeletedCallerId { phone_number: number, existed: known.is_some() || kept })
}

fn view(phone_number: String, stored: Stored) -> CallerId {
    CallerId {
        phone_number,
        state: stored.state,
        friendly_name: stored.friendly_name,
        caller_id_sid: stored.caller_id_sid,
        started_at: stored.started_at.map(clock::rfc3339),
        expires_at: stored.expires_at.map(clock::rfc3339),
        ended_at: stored.ended_at.map(clock::rfc3339),
        reason: stored.reason,
    }
}

fn unknown(number: &Number) -> Error {
    Error::NotFound(format!("no caller id {}: start-caller-id begins its verification", number.masked()))
}
