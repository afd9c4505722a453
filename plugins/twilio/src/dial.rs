//! Calls that the organization makes, changes and ends.

use patchbay_sdk::usage::{self, Basis};
use patchbay_sdk::{Call, Error, Verbatim, http, installation};
use patchbay_telephony::fold::{About, Direction, Fact, What};
use patchbay_telephony::phone::{Number, Party};

use crate::api::{self, Api};
use crate::caller_id;
use crate::calls::{self, Facts};
use crate::form::Parameters;
use crate::incoming;
use crate::outward;
use crate::types::calls::{Call as Described, CallSid, PlaceCall, UpdateCall};

/// How long a call may last if nobody says, in seconds.
const TIME_LIMIT_S: u32 = 3_600;

pub(crate) fn place(call: Call<PlaceCall>) -> Result<Verbatim<Described>, Error> {
    let (config, api) = incoming::account()?;
    let asked = call.input;
    let to = outward::destination(&config, &asked.to, "/to")?;
    let from = outward::number(&config, &asked.from, "/from")?;
    asked.twiml.as_deref().map_or(Ok(()), |twiml| outward::document(&config, twiml))?;
    check_caller(&api, &from)?;
    outward::count_call(&config, &to)?;
    let hub = installation::webhook_url();
    let parameters = Parameters::new().set("To", to.as_str()).set("From", from.as_str());
    let parameters = match asked.twiml {
        Some(twiml) => parameters.set("Twiml", twiml),
        None => parameters.set("Url", hub.as_str()).set("Method", "POST"),
    };
    let told = ["initiated", "ringing", "answered", "completed"].map(str::to_owned);
    let parameters = parameters
        .set("StatusCallback", hub.as_str())
        .set("StatusCallbackMethod", "POST")
        .each("StatusCallbackEvent", &told)
        .shown("Timeout", asked.timeout)
        .set("TimeLimit", asked.time_limit.unwrap_or(TIME_LIMIT_S).to_string())
        .maybe("SendDigits", asked.send_digits)
        .maybe("MachineDetection", asked.detect_machines.then_some("Enable"))
        .shown("Record", asked.record.then_some(true));
    let parameters = if asked.record {
        parameters.set("RecordingStatusCallback", hub.as_str()).set("RecordingStatusCallbackMethod", "POST")
    } else {
        parameters
    };
    let response = api.post("/Calls", &parameters)?;
    began(&response, to.as_str(), from.as_str())?;
    api::verbatim(response)
}

/// Refuses a caller that is neither a number of the account nor a verified caller id.
fn check_caller(api: &Api, from: &Number) -> Result<(), Error> {
    if incoming::is_known(from.as_str())? {
        return Ok(());
    }
    let Err(refusal) = caller_id::may_call_from(from) else { return Ok(()) };
    // one that was bought elsewhere has no record before the next comparison
    match incoming::find(api, from.as_str())? {
        Some(_) => Ok(()),
        None => Err(refusal),
    }
}

/// What is known of a call as soon as Twilio has it, and that it counts.
fn began(response: &http::WholeResponse, to: &str, from: &str) -> Result<(), Error> {
    let made: Described = response.json()?;
    usage::add("call", 1, Basis::Reported, Some(&made.sid))?;
    let about = About {
        direction: Some(Direction::Outbound),
        from: Some(Party::read(from)),
        to: Some(Party::read(to)),
        ..About::default()
    };
    let fact = Fact {
        id: format!("{}/placed", made.sid),
        leg: made.sid.clone(),
        session: None,
        at: None,
        sequence: None,
        about: Some(about),
        what: What::Initiated,
    };
    calls::fold_later(&Facts { call: made.sid, facts: vec![fact] });
    Ok(())
}

pub(crate) fn update(call: Call<UpdateCall>) -> Result<Verbatim<Described>, Error> {
    let (config, api) = incoming::account()?;
    let UpdateCall { sid, twiml } = call.input;
    twiml.as_deref().map_or(Ok(()), |twiml| outward::document(&config, twiml))?;
    let below = format!("/Calls/{}", api::sid(&sid, &["CA"], "/sid")?);
    let parameters = match twiml {
        Some(twiml) => Parameters::new().set("Twiml", twiml),
        None => Parameters::new().set("Url", installation::webhook_url()).set("Method", "POST"),
    };
    api::verbatim(api.post(&below, &parameters)?)
}

pub(crate) fn hang_up(call: Call<CallSid>) -> Result<Verbatim<Described>, Error> {
    let (_, api) = incoming::account()?;
    let below = format!("/Calls/{}", api::sid(&call.input.sid, &["CA"], "/sid")?);
    // one that nobody has taken yet is ended by the same word
    api::verbatim(api.post(&below, &Parameters::new().set("Status", "completed"))?)
}
