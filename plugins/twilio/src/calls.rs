//! Calls: what Twilio tells of them, folded into one record and the standard objects `call` and `recording`.
//!
//! Twilio has no id for all legs together: the call that a leg was dialled by (`ParentCallSid`) stands for that. What waits for
//! an answer is not folded in its own run but by a job, because two runs that write one call at the same time would take the
//! caller's answer from one of them.

use std::collections::BTreeSet;

use patchbay_sdk::task::{Next, Step};
use patchbay_sdk::usage::{self, Basis};
use patchbay_sdk::{Error, log, objects, records};
use patchbay_telephony::fold::{
    About, AnsweredBy, CallState, Cause, Direction, Fact, Recording, RecordingStatus, What,
};
use patchbay_telephony::phone::Party;
use patchbay_telephony::time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::inbound::Told;
use crate::{settled, voice};

/// The collection in the manifest.
pub(crate) const CALLS: &str = "calls";

/// The kind of job in the manifest.
pub(crate) const JOB: &str = "fold-call";

/// Facts of one call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Facts {
    /// The SID that stands for all legs.
    pub(crate) call: String,
    pub(crate) facts: Vec<Fact>,
}

/// A call as it is stored.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Folded {
    /// All that is known of it.
    #[schemars(with = "Map<String, Value>")]
    state: CallState,
}

/// Which call a request is about, and which of its legs.
pub(crate) fn ids(told: &Told) -> (String, String) {
    let leg = told.get("CallSid").unwrap_or_default();
    (told.get("ParentCallSid").unwrap_or(leg).to_owned(), leg.to_owned())
}

/// Who a leg is between.
pub(crate) fn parties(told: &Told) -> About {
    let direction = told.get("Direction").map(|direction| match direction {
        "inbound" => Direction::Inbound,
        // outbound-api and outbound-dial
        _ => Direction::Outbound,
    });
    About {
        direction,
        from: told.get("From").map(Party::read),
        to: told.get("To").map(Party::read),
        from_name: told.get("CallerName").map(str::to_owned),
        parent: told.get("ParentCallSid").map(str::to_owned),
    }
}

/// A fact of a leg, named by what it says.
pub(crate) fn fact(told: &Told, leg: &str, name: &str, what: What) -> Fact {
    Fact {
        id: format!("{leg}/{name}"),
        leg: leg.to_owned(),
        session: None,
        at: told.at(),
        sequence: told.get("SequenceNumber").and_then(|number| number.parse().ok()),
        about: Some(parties(told)),
        what,
    }
}

/// What a status callback tells.
pub(crate) fn status(told: &Told) -> Facts {
    let (call, leg) = ids(told);
    let seconds = told.get("CallDuration").and_then(|seconds| seconds.parse::<u64>().ok());
    let one = |name: &str, what: What| fact(told, &leg, name, what);
    let mut facts = match told.get("CallStatus").unwrap_or_default() {
        "ringing" => vec![one("ringing", What::Ringing)],
        "in-progress" => vec![one("answered", What::Answered)],
        word => match cause(word) {
            Some(cause) => {
                let answered = matches!(cause, Cause::Completed);
                let reason = told.get("SipResponseCode").map(|code| format!("SIP {code}"));
                let duration_s = seconds.filter(|_| answered);
                let mut facts = vec![one("ended", What::Ended { cause, reason, duration_s })];
                // of an inbound call nothing but its end is told with a time
                if let (Some(seconds), Some(end)) = (duration_s, told.at()) {
                    let at = Some(end.saturating_sub(seconds.saturating_mul(1000)));
                    facts.push(Fact { at, sequence: None, ..one("answered-by-end", What::Answered) });
                }
                facts
            }
            None => vec![one("initiated", What::Initiated)],
        },
    };
    let by = told.get("AnsweredBy").map(|by| match by {
        "human" => AnsweredBy::Human,
        "fax" => AnsweredBy::Fax,
        by if by.starts_with("machine") => AnsweredBy::Machine,
        _ => AnsweredBy::Unknown,
    });
    facts.extend(by.map(|by| one("detected", What::Detected { by })));
    Facts { call, facts }
}

/// Twilio's words for an end.
pub(crate) fn cause(word: &str) -> Option<Cause> {
    Some(match word {
        "completed" | "answered" => Cause::Completed,
        "busy" => Cause::Busy,
        "no-answer" => Cause::NoAnswer,
        "canceled" => Cause::Canceled,
        "failed" => Cause::Failed,
        _ => return None,
    })
}

/// What a recording's status callback tells.
pub(crate) fn recording(told: &Told) -> Facts {
    let (call, leg) = ids(told);
    let id = told.get("RecordingSid").unwrap_or_default();
    let status = match told.get("RecordingStatus") {
        Some("in-progress") => RecordingStatus::Recording,
        Some("absent" | "failed") => RecordingStatus::Failed,
        Some("completed") | None => RecordingStatus::Available,
        Some(_) => RecordingStatus::Processing,
    };
    let recording = Recording {
        id: id.to_owned(),
        status,
        started_at: told.get("RecordingStartTime").and_then(time::parse),
        ended_at: None,
        duration_s: told.get("RecordingDuration").and_then(|seconds| seconds.parse().ok()),
        channels: told.get("RecordingChannels").and_then(|channels| channels.parse().ok()),
        content_type: None,
        url: told.get("RecordingUrl").map(str::to_owned),
        url_expires_at: None,
    };
    let name = format!("recording/{id}/{}", told.get("RecordingStatus").unwrap_or("completed"));
    Facts { call, facts: vec![fact(told, &leg, &name, What::Recorded(recording))] }
}

/// Adds what Twilio has told to a call. One that has ended by it is looked at later, when Twilio knows what it cost.
///
/// # Errors
/// As [`add`].
pub(crate) fn fold(told: Facts) -> Result<(), Error> {
    let ends = |fact: &Fact| fact.leg == told.call && matches!(fact.what, What::Ended { .. });
    let ended = told.facts.iter().any(ends);
    let call = told.call.clone();
    let changed = add(told)?;
    if ended && changed { settled::plan(&call) } else { Ok(()) }
}

/// Adds facts to a call, writes what it has become, and meters it: a call once, and each leg once that has ended. The menu that it
/// has left by them is told. True if the call is another than before.
///
/// # Errors
/// What kept it from being written; [`Error::Conflict`] if another run writes the same call.
pub(crate) fn add(told: Facts) -> Result<bool, Error> {
    let Facts { call, facts } = told;
    if call.is_empty() {
        return Ok(false);
    }
    let found = records::get::<Folded>(CALLS, &call)?;
    let (mut state, version) = match found {
        Some(found) => (found.data.state, found.version),
        None => (CallState::new("twilio", &call), 0),
    };
    let was_left = state.has_left_menu();
    let changed = facts.into_iter().fold(false, |changed, fact| state.add(fact) | changed);
    if !changed && version > 0 {
        return Ok(false);
    }
    let left_menu = !was_left && state.has_left_menu();
    merge(objects::CALL, &state.object_id(), &state.to_object())?;
    for (id, recording) in state.recordings() {
        merge(objects::RECORDING, &id, &recording)?;
    }
    usage::add("call", 1, Basis::Reported, Some(&call))?;
    for leg in state.billing() {
        usage::add("minute", leg.minutes, Basis::Reported, Some(&leg.leg))?;
    }
    records::put(CALLS, &call, &Folded { state }, Some(version))?;
    if left_menu {
        voice::hung_up(&call);
    }
    Ok(true)
}

/// Legs of a call of whose end is known.
///
/// # Errors
/// As [`records::get`].
pub(crate) fn ended_legs(call: &str) -> Result<BTreeSet<String>, Error> {
    let found = records::get::<Folded>(CALLS, call)?;
    let legs = found.map(|found| found.data.state.legs()).unwrap_or_default();
    Ok(legs.into_iter().filter(|leg| leg.ended).map(|leg| leg.id).collect())
}

/// Puts the members of an object into the record, and leaves those that others wrote.
pub(crate) fn merge(object: &str, id: &str, value: &Value) -> Result<(), Error> {
    let members = value.as_object().cloned().unwrap_or_default();
    objects::change(object, id, |fields| {
        for (name, value) in members {
            // below `extra` and the ids each source has its own member
            let shared = matches!(name.as_str(), "extra" | "external_ids");
            if shared && let (Some(Value::Object(there)), Value::Object(own)) = (fields.get_mut(&name), &value) {
                there.extend(own.clone());
                continue;
            }
            fields.insert(name, value);
        }
    })
    .map(drop)
}

/// Has a job add facts, and lets nothing that fails there keep the caller's answer back.
pub(crate) fn fold_later(facts: &Facts) {
    if facts.facts.is_empty() {
        return;
    }
    if let Err(error) = patchbay_sdk::jobs::enqueue(JOB, facts) {
        log::warn("what is known of the call is not kept", &[("error", &error.to_string())]);
    }
}

/// Does such a job.
pub(crate) fn step(step: Step<Facts, ()>) -> Result<Next<(), ()>, Error> {
    fold(step.payload)?;
    Ok(Next::Done(()))
}
