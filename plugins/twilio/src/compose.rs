//! Messages and files out of what the hub knows: after a call, before an appointment, a transcript as a file.

use std::time::Duration;

use patchbay_sdk::task::{Next, Step};
use patchbay_sdk::{Call, Error, File, clock, jobs, kv, objects, records};
use patchbay_telephony::message::{follow_up as composed, transcript};
use patchbay_telephony::phone::Number;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::incoming;
use crate::outward;
use crate::sms;
use crate::types::messages::{Composed, ExportTranscript, FollowUp, Format, Remind};

/// The kind of job in the manifest.
pub(crate) const JOB: &str = "reminder";

/// For how long it is known what was sent: longer than any job is tried.
const REMEMBERED: Duration = Duration::from_secs(7 * 86_400);

/// A reminder that is to be sent.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Planned {
    appointment: String,
    /// What the appointment began with when the reminder was planned: another time has another reminder.
    begins: Option<Value>,
    from: String,
    to: String,
    text: String,
}

pub(crate) fn follow_up(call: Call<FollowUp>) -> Result<Composed, Error> {
    let FollowUp { call: id, from, template } = call.input;
    let (config, api) = incoming::account()?;
    let record = record(objects::CALL, &id, "/call")?;
    let inbound = record.get("direction").and_then(Value::as_str) == Some("inbound");
    let (them, us) = if inbound { ("from", "to") } else { ("to", "from") };
    let member = |name: &str| record.get(name).and_then(Value::as_str).map(str::to_owned);
    let to = member(them).ok_or_else(|| Error::invalid("/call", "a call whose other end has a number"))?;
    let from = from.or_else(|| member(us)).ok_or_else(|| Error::invalid("/from", "one of your numbers"))?;
    let template = template.as_deref().or(config.follow_up.as_deref());
    let text = composed(template, &record).map_err(|bad| Error::invalid("/template", format!("a template ({bad})")))?;
    let Some(text) = text else {
        return Ok(Composed { status: "nothing".to_owned(), send_at: None, sid: None });
    };
    let to = outward::number(&config, &to, "/call")?;
    let sent = sms::text(&config, &api, &to, &from, &text)?;
    Ok(Composed { status: "sent".to_owned(), send_at: None, sid: Some(sent.sid) })
}

pub(crate) fn remind(call: Call<Remind>) -> Result<Composed, Error> {
    let Remind { appointment: id, from, to } = call.input;
    let (config, _) = incoming::account()?;
    let Some(reminder) = &config.reminder else {
        return Err(Error::invalid("", "settings that say it: set `reminder`"));
    };
    let record = record(objects::APPOINTMENT, &id, "/appointment")?;
    let now = clock::now();
    let planned =
        reminder.plan(&record, now).map_err(|none| Error::invalid("/appointment", format!("another one: {none}")))?;
    let to = match to {
        Some(to) => outward::destination(&config, &to, "/to")?,
        None => planned.to.ok_or_else(|| Error::invalid("/to", "a number: no attendee has one"))?,
    };
    let begins = begins(&record);
    let key: String = format!("{id}:{}", begins.as_ref().map(Value::to_string).unwrap_or_default());
    let order = Planned { appointment: id, begins, from, to: to.as_str().to_owned(), text: planned.text };
    let wait = planned.send_at.saturating_sub(now);
    let key: String = key.chars().take(200).collect();
    jobs::Plan::new().after_ms(wait).key(&key).enqueue(JOB, &order)?;
    Ok(Composed { status: "planned".to_owned(), send_at: Some(clock::rfc3339(planned.send_at)), sid: None })
}

/// Sends a reminder, unless the appointment is off, has begun, or is at another time by now. Twilio has no idempotency keys, so
/// what was sent is noted at once; only one of which nobody knows whether Twilio took it can come twice.
pub(crate) fn step(step: Step<Planned, ()>) -> Result<Next<(), Composed>, Error> {
    let Planned { appointment, begins: planned, from, to, text } = step.payload;
    let none = || Composed { status: "nothing".to_owned(), send_at: None, sid: None };
    let Some(found) = records::get::<Value>(objects::APPOINTMENT, &appointment)? else { return Ok(Next::Done(none())) };
    let off = matches!(found.data.get("status").and_then(Value::as_str), Some("canceled" | "completed" | "no-show"));
    // it may have waited for a contact's limit, or for a hub that was down
    let begun = found.data.get("starts_at").and_then(Value::as_str).and_then(clock::parse_rfc3339);
    let has_begun = begun.is_some_and(|begun| begun <= clock::now());
    if off || has_begun || begins(&found.data) != planned {
        return Ok(Next::Done(none()));
    }
    let note = format!("reminded/{}", step.job);
    if kv::get(&note)?.is_some() {
        return Ok(Next::Done(none()));
    }
    let (config, api) = incoming::account()?;
    let to = Number::parse(&to, None).map_err(|invalid| Error::invalid("/to", invalid.to_string()))?;
    match sms::text(&config, &api, &to, &from, &text) {
        Ok(sent) => {
            kv::set(&note, b"1", Some(REMEMBERED), None)?;
            Ok(Next::Done(Composed { status: "sent".to_owned(), send_at: None, sid: Some(sent.sid) }))
        }
        Err(Error::RateLimited(wait)) => Ok(Next::LaterMs(wait)),
        Err(error) => Err(error),
    }
}

/// When an appointment begins, however it says it.
fn begins(appointment: &Value) -> Option<Value> {
    appointment.get("starts_at").or_else(|| appointment.get("starts_on")).cloned()
}

pub(crate) fn transcript_export(call: Call<ExportTranscript>) -> Result<File, Error> {
    let ExportTranscript { transcript: id, format } = call.input;
    let found = record(objects::TRANSCRIPT, &id, "/transcript")?;
    let of = found.get("call_id").and_then(Value::as_str);
    let call = of.map(|call| records::get::<Value>(objects::CALL, call)).transpose()?.flatten();
    let call = call.as_ref().map(|found| &found.data);
    let (content_type, text) = match format {
        Format::Text => ("text/plain; charset=utf-8", transcript::text(&found, call)),
        Format::Jsonl => ("application/jsonl", transcript::json_lines(&found, call)),
    };
    Ok(File::Bytes { content_type: content_type.to_owned(), bytes: text.into_bytes() })
}

fn record(object: &str, id: &str, pointer: &str) -> Result<Value, Error> {
    let found = records::get::<Value>(object, id)?;
    found
        .map(|found| found.data)
        .ok_or_else(|| Error::invalid(pointer, format!("the id of a record of the object {object}")))
}
