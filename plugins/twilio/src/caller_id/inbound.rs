//! Twilio's callback after a call with a code: a form as of a call's status, with `VerificationStatus`.

use patchbay_sdk::{Error, log};
use patchbay_telephony::phone::Number;

use super::record::{self, Reason, State};
use super::{settle, vendor};
use crate::api::{self, Api};
use crate::config::Config;
use crate::form::field;

/// True for the form by which Twilio tells how a call with a code went.
pub(crate) fn is_verification(fields: &[(String, String)]) -> bool {
    field(fields, "VerificationStatus").is_some()
}

/// What a repeat of it has in common with it: the call and how it went.
pub(crate) fn receipt_id(fields: &[(String, String)]) -> Option<String> {
    let call = field(fields, "CallSid").filter(|call| api::is_sid(call, "CA"))?;
    Some(format!("{call}:verification:{}", field(fields, "VerificationStatus")?))
}

/// Ends the verification that the form is about.
///
/// # Errors
/// [`Error::Invalid`] for a form that names no number, [`Error::Unavailable`] if Twilio does not show yet what it tells.
pub(crate) fn process(fields: &[(String, String)]) -> Result<(), Error> {
    let number = field(fields, "To").and_then(|text| Number::parse(text, None).ok());
    let number = number.ok_or_else(|| Error::invalid("", "the number that was called, as To"))?;
    match field(fields, "VerificationStatus") {
        Some("success") => succeed(&number, fields),
        Some("failed") => fail(&number, fields),
        _ => Err(Error::invalid("", "a VerificationStatus of success or failed")),
    }
}

fn succeed(number: &Number, fields: &[(String, String)]) -> Result<(), Error> {
    let found = record::get(number)?;
    if let Some(sid) = field(fields, "OutgoingCallerIdSid").filter(|sid| api::is_sid(sid, "PN")) {
        return settle::verified(number, found, sid, None).map(drop);
    }
    match vendor::find(&Api::of(&Config::load()?), number)? {
        Some(known) => settle::verified(number, found, &known.sid, known.friendly_name).map(drop),
        None => Err(Error::Unavailable("Twilio does not show the caller id yet that it has verified".to_owned())),
    }
}

fn fail(number: &Number, fields: &[(String, String)]) -> Result<(), Error> {
    let call = field(fields, "CallSid");
    let found = record::get(number)?
        .filter(|found| found.data.state == State::Pending && call.is_some() && found.data.call_sid.as_deref() == call);
    let Some(found) = found else {
        log::info("a call with a code was in vain that nobody waits for any more", &[("number", &number.masked())]);
        return Ok(());
    };
    let reason = match field(fields, "CallStatus") {
        Some("busy") => Reason::Busy,
        Some("no-answer" | "canceled") => Reason::NoAnswer,
        Some("completed") => Reason::WrongCode,
        _ => Reason::CallFailed,
    };
    settle::failed(number, found, reason).map(drop)
}
