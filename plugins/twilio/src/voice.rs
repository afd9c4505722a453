//! A call that waits for what to do: the menu of the plugin `ivr` says, or the settings where there is none.
//!
//! Where the caller is in the menu stands in the address that Twilio calls next (the parameter `ivr`), so the answer depends on
//! nothing that was stored before. What cannot be stored now is stored by a job or not at all; the caller hears an answer.

use patchbay_sdk::clock::{self, Timestamp};
use patchbay_sdk::{Error, installation, log, peers};
use patchbay_telephony::fold::{About, Fact, What};
use serde_json::{Value, json};

use crate::calls::{self, Facts};
use crate::config::Config;
use crate::form::field;
use crate::forwarding;
use crate::inbound::Told;

/// The parameter of the URL that says where in the menu the caller is.
pub(crate) const POSITION: &str = "ivr";

/// The TwiML for a call.
///
/// # Errors
/// [`Error::Internal`] for settings that are none.
pub(crate) fn answer(told: &Told, now: Timestamp) -> Result<String, Error> {
    let config = Config::load()?;
    let (call, leg) = calls::ids(told);
    let mut facts = Facts { call, facts: arrived(told, &leg) };
    let menu = menu(told, now);
    facts.facts.extend(Fact::of_answer(&leg, &menu));
    calls::fold_later(&facts);
    if told.get("Direction") == Some("inbound") && field(&told.query, POSITION).is_none() {
        forwarding::observe(&told.fields, now);
    }
    let document = menu.get("document").and_then(Value::as_str);
    Ok(document.map_or_else(|| unanswered(&config, told), str::to_owned))
}

/// What the request itself tells of the call.
fn arrived(told: &Told, leg: &str) -> Vec<Fact> {
    let one = |name: &str, what: What| calls::fact(told, leg, name, what);
    let mut facts = vec![one("initiated", What::Initiated)];
    match told.get("CallStatus") {
        Some("ringing") => facts.push(one("ringing", What::Ringing)),
        Some("in-progress") => facts.push(one("in-progress", What::Answered)),
        _ => {}
    }
    if let Some(dialled) = told.get("DialCallSid") {
        facts.push(one(&format!("bridged/{dialled}"), What::Bridged { with: Some(dialled.to_owned()) }));
        if let Some(cause) = told.get("DialCallStatus").and_then(calls::cause) {
            let duration_s = told.get("DialCallDuration").and_then(|seconds| seconds.parse().ok());
            let what = What::Ended { cause, reason: None, duration_s };
            let mut ended = calls::fact(told, dialled, "dial-ended", what);
            // whom it went to, the child's own callbacks tell
            ended.about = Some(About { parent: Some(leg.to_owned()), ..About::default() });
            facts.push(ended);
        }
    }
    if told.get("RecordingSid").is_some() {
        facts.extend(calls::recording(told).facts);
    }
    facts
}

/// Asks the menu; one that is not there, or fails, answers nothing.
fn menu(told: &Told, now: Timestamp) -> Value {
    match peers::call("ivr", "answer", &question(told, now)) {
        Ok(answer) => answer,
        Err(Error::Denied(text)) => {
            log::debug("there is no menu", &[("reason", &text)]);
            Value::Null
        }
        Err(error) => {
            log::error("the menu did not answer", &[("error", &error.to_string())]);
            Value::Null
        }
    }
}

/// Tells the menu that a call is over, which no request of the call does. Without it the menu finds out after hours.
pub(crate) fn hung_up(call: &str) {
    if let Err(error) = peers::call("ivr", "hung-up", &json!({"call": call})) {
        log::debug("the menu is not told that a call is over", &[("error", &error.to_string())]);
    }
}

fn question(told: &Told, now: Timestamp) -> Value {
    let direction = if told.get("Direction") == Some("inbound") { "inbound" } else { "outbound" };
    json!({
        "dialect": "twiml",
        "call": {
            "id": told.get("CallSid").unwrap_or_default(), "from": told.get("From").unwrap_or_default(),
            "to": told.get("To").unwrap_or_default(), "direction": direction,
        },
        "callback_url": installation::webhook_url(),
        "request": request(told),
        "position": field(&told.query, POSITION),
        "at": clock::rfc3339(now),
    })
}

/// What the caller did. A recording's answer has the key that ended it as `Digits`, and that of a dialled call may have a
/// recording, so the order of the questions matters.
fn request(told: &Told) -> Value {
    if field(&told.query, POSITION).is_none() {
        return json!({"kind": "start"});
    }
    if let Some(status) = told.get("DialCallStatus") {
        return json!({"kind": "dial-ended", "dial_status": status});
    }
    if let Some(url) = told.get("RecordingUrl") {
        let seconds: Option<u64> = told.get("RecordingDuration").and_then(|seconds| seconds.parse().ok());
        let mut recording = json!({"url": url});
        if let (Some(members), Some(seconds)) = (recording.as_object_mut(), seconds) {
            members.insert("duration_s".to_owned(), json!(seconds));
        }
        if let (Some(members), Some(id)) = (recording.as_object_mut(), told.get("RecordingSid")) {
            members.insert("id".to_owned(), json!(id));
        }
        return json!({"kind": "recording", "recording": recording});
    }
    // Twilio sends an empty text where no key was pressed in time
    if let Some((_, digits)) = told.fields.iter().find(|(name, _)| name == "Digits") {
        return json!({"kind": "digits", "digits": digits});
    }
    match told.get("SpeechResult") {
        Some(speech) => json!({"kind": "speech", "speech": speech}),
        None => json!({"kind": "redirect"}),
    }
}

/// The settings' answer to a call that no menu answers.
fn unanswered(config: &Config, told: &Told) -> String {
    let forward = config.unanswered.as_ref().and_then(|unanswered| unanswered.forward_to.as_ref());
    // a number that is forwarded to itself would ring for ever, and one that calls from there is busy
    let is = |name: &str, number: &str| told.get(name) == Some(number);
    let forward = forward.filter(|number| !is("To", number.as_str()) && !is("From", number.as_str()));
    let inbound = told.get("Direction") == Some("inbound");
    let verb = match forward {
        Some(number) if inbound => format!("<Dial><Number>{}</Number></Dial>", number.as_str()),
        None if inbound && told.get("CallStatus") == Some("ringing") => r#"<Reject reason="busy"/>"#.to_owned(),
        _ => "<Hangup/>".to_owned(),
    };
    format!(r#"<?xml version="1.0" encoding="UTF-8"?><Response>{verb}</Response>"#)
}
