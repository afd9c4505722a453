//! The end of a verification: kept once and told once, whoever sees it first.
//!
//! The callback, the job, the clean-up and a look by hand all come here, perhaps at the same time. Each compares what it
//! writes with what it has read, and the events have ids made of Twilio's, so that whoever is second adds nothing. Only the
//! last call of a number ends its verification in vain; a success counts whichever call it was, and however late.

use patchbay_sdk::records::Document;
use patchbay_sdk::{Error, clock, events, log};
use patchbay_telephony::phone::Number;
use schemars::JsonSchema;
use serde::Serialize;

use super::attempts;
use super::record::{self, Reason, State, Stored};

/// When a number may be called from.
const VERIFIED: &str = "twilio.caller_id.verified";
/// When a call with a code was in vain.
const FAILED: &str = "twilio.caller_id.failed";
/// When nobody keyed in the code in time.
const EXPIRED: &str = "twilio.caller_id.expired";

/// The data of the event `twilio.caller_id.verified`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "TwilioCallerIdVerified")]
pub(crate) struct Verified<'a> {
    /// In E.164.
    phone_number: &'a str,
    /// Twilio's SID of it.
    caller_id_sid: &'a str,
    /// What people call it.
    friendly_name: Option<&'a str>,
}

/// The data of the event `twilio.caller_id.failed`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "TwilioCallerIdFailed")]
pub(crate) struct Failed<'a> {
    /// In E.164.
    phone_number: &'a str,
    /// Twilio's SID of the call.
    call_sid: &'a str,
    /// Why.
    reason: Reason,
}

/// The data of the event `twilio.caller_id.expired`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "TwilioCallerIdExpired")]
pub(crate) struct Expired<'a> {
    /// In E.164.
    phone_number: &'a str,
    /// Twilio's SID of the call.
    call_sid: &'a str,
}

/// Twilio has verified the number, as `sid`. Gives what is kept then.
pub(super) fn verified(
    number: &Number,
    found: Option<Document<Stored>>,
    sid: &str,
    friendly_name: Option<String>,
) -> Result<Stored, Error> {
    let (mut stored, version) =
        found.map_or_else(|| (Stored::new(State::Verified), 0), |found| (found.data, found.version));
    // beside a version there is a state of before
    if version > 0 && stored.state == State::Verified && stored.caller_id_sid.as_deref() == Some(sid) {
        return Ok(stored);
    }
    stored.state = State::Verified;
    stored.caller_id_sid = Some(sid.to_owned());
    stored.friendly_name = friendly_name.or(stored.friendly_name);
    stored.ended_at = Some(clock::now());
    stored.expires_at = None;
    stored.reason = None;
    record::put(number, &stored, version)?;
    attempts::forget(number)?;
    let data =
        Verified { phone_number: number.as_str(), caller_id_sid: sid, friendly_name: stored.friendly_name.as_deref() };
    events::publish(VERIFIED, number.as_str(), &data, Some(&format!("{sid}:verified")))?;
    log::info("a caller id is verified", &[("number", &number.masked())]);
    Ok(stored)
}

/// The call with the code was in vain.
pub(super) fn failed(number: &Number, found: Document<Stored>, reason: Reason) -> Result<Stored, Error> {
    let (call, stored) = end(number, found, State::Failed, Some(reason))?;
    let data = Failed { phone_number: number.as_str(), call_sid: &call, reason };
    events::publish(FAILED, number.as_str(), &data, Some(&format!("{call}:failed")))?;
    Ok(stored)
}

/// Nobody keyed in the code in time.
pub(super) fn expired(number: &Number, found: Document<Stored>) -> Result<Stored, Error> {
    let (call, stored) = end(number, found, State::Expired, None)?;
    let data = Expired { phone_number: number.as_str(), call_sid: &call };
    events::publish(EXPIRED, number.as_str(), &data, Some(&format!("{call}:expired")))?;
    Ok(stored)
}

fn end(
    number: &Number,
    found: Document<Stored>,
    state: State,
    reason: Option<Reason>,
) -> Result<(String, Stored), Error> {
    let Document { data: mut stored, version, .. } = found;
    stored.state = state;
    stored.reason = reason;
    stored.ended_at = Some(clock::now());
    stored.expires_at = None;
    record::put(number, &stored, version)?;
    Ok((stored.call_sid.clone().unwrap_or_default(), stored))
}
