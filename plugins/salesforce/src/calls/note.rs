//! What a task says of a call.

use patchbay_sdk::sync::Write;
use patchbay_sdk::{Error, installation, objects, records};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{LONGEST_KEY, Plan};
use crate::config::UnknownCaller;

/// States of a call that has ended.
const ENDED: [&str; 5] = ["completed", "busy", "no-answer", "canceled", "failed"];
/// The longest comment of a task, in characters.
const LONGEST_COMMENT: usize = 32_000;
/// The longest subject, and the longest outcome, in characters.
const LONGEST_SUBJECT: usize = 255;
/// Recordings of one call whose links are written.
const MOST_RECORDINGS: u32 = 10;

/// A call to be logged.
#[derive(Debug, Clone)]
pub(crate) struct Note {
    /// By what it is known: `CallObject`.
    pub(crate) key: String,
    /// The contact.
    pub(crate) who: Option<String>,
    /// The opportunity or account.
    pub(crate) what: Option<String>,
    /// The other side's number, in E.164.
    pub(crate) number: Option<String>,
    /// The other side's name, as the call has it.
    pub(crate) name: Option<String>,
    /// What is written beside.
    pub(crate) fields: Map<String, Value>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Call {
    direction: String,
    status: String,
    from: Option<String>,
    to: Option<String>,
    from_name: Option<String>,
    to_name: Option<String>,
}

#[derive(Deserialize)]
struct Recording {
    blob_id: Option<String>,
    url: Option<String>,
}

impl Note {
    /// The note of a call record.
    ///
    /// # Errors
    /// As [`records::query`].
    pub(crate) fn of_call(write: &Write) -> Result<Plan, Error> {
        let call: Call = serde_json::from_value(write.data.clone()).unwrap_or_default();
        if !ENDED.contains(&call.status.as_str()) {
            return Ok(Plan::Skip("the call has not ended".to_owned()));
        }
        if write.record.chars().count() > LONGEST_KEY {
            return Ok(Plan::Skip(format!("the call's id has more than {LONGEST_KEY} characters")));
        }
        let is_inbound = call.direction == "inbound";
        let (number, name) = if is_inbound { (call.from, call.from_name) } else { (call.to, call.to_name) };
        let first = |object: &str| write.references.get(object).and_then(|ids| ids.first()).cloned();
        let mut fields = write.fields.clone();
        let subject = subject(&call.direction, &call.status, name.as_deref().or(number.as_deref()));
        default(&mut fields, "Subject", || Value::from(subject));
        default(&mut fields, "CallDisposition", || Value::from(call.status.clone()));
        let links = recordings(&write.record)?;
        if !links.is_empty() {
            let said = fields.get("Description").and_then(Value::as_str).unwrap_or_default();
            let comment = [said].into_iter().chain(links.iter().map(String::as_str)).filter(|line| !line.is_empty());
            let comment = comment.collect::<Vec<_>>().join("\n");
            fields.insert("Description".to_owned(), Value::from(cut(&comment, LONGEST_COMMENT)));
        }
        Ok(Plan::Log(Self {
            key: write.record.clone(),
            who: first(objects::CONTACT),
            what: first(objects::DEAL).or_else(|| first(objects::COMPANY)),
            number,
            name,
            fields,
        }))
    }

    /// The task's fields. One that waits for somebody to say who it was stays open.
    pub(crate) fn fields(&self, unknown: UnknownCaller) -> Map<String, Value> {
        let mut fields = self.fields.clone();
        let waits = self.who.is_none() && unknown == UnknownCaller::Ask;
        default(&mut fields, "Status", || Value::from(if waits { "Not Started" } else { "Completed" }));
        if let Some(who) = &self.who {
            default(&mut fields, "WhoId", || Value::from(who.as_str()));
        }
        if let Some(what) = &self.what {
            default(&mut fields, "WhatId", || Value::from(what.as_str()));
        }
        if waits && let Some(number) = &self.number {
            let said = fields.get("Description").and_then(Value::as_str).unwrap_or_default();
            let asks = format!("Nobody has the number {number}: link this call to a contact.\n{said}");
            fields.insert("Description".to_owned(), Value::from(cut(asks.trim_end(), LONGEST_COMMENT)));
        }
        fields
    }
}

/// Sets a field that says nothing yet.
fn default(fields: &mut Map<String, Value>, name: &str, value: impl FnOnce() -> Value) {
    if fields.get(name).is_none_or(Value::is_null) {
        fields.insert(name.to_owned(), value());
    }
}

/// What a task of a call is called.
pub(crate) fn subject(direction: &str, status: &str, party: Option<&str>) -> String {
    let way = match (direction, party) {
        ("inbound", Some(party)) => format!("Call from {party}"),
        ("outbound", Some(party)) => format!("Call to {party}"),
        (_, Some(party)) => format!("Call with {party}"),
        (_, None) => "Call".to_owned(),
    };
    let subject = if status == "completed" { way } else { format!("{way} ({status})") };
    cut(&subject, LONGEST_SUBJECT)
}

fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

/// Links to the call's recordings: at the hub, where a key or a session opens them, else where they are.
fn recordings(call: &str) -> Result<Vec<String>, Error> {
    let page = records::query::<Recording>(objects::RECORDING, &json!({"call_id": call}), MOST_RECORDINGS, None)?;
    let hook = installation::webhook_url();
    let origin = hook.split_once("/hooks/").map(|(origin, _)| origin);
    let links = page.documents.into_iter().filter_map(|found| match (found.data.blob_id, origin) {
        (Some(blob), Some(origin)) => Some(format!("Recording: {origin}/v1/blobs/{blob}")),
        _ => found.data.url.map(|url| format!("Recording: {url}")),
    });
    Ok(links.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_says_who_and_what_came_of_it() {
        for (direction, status, party, expected) in [
            ("inbound", "completed", Some("+14155550100"), "Call from +14155550100"),
            ("outbound", "no-answer", Some("Ada"), "Call to Ada (no-answer)"),
            ("internal", "completed", Some("Bob"), "Call with Bob"),
            ("inbound", "busy", None, "Call (busy)"),
        ] {
            assert_eq!(subject(direction, status, party), expected);
        }
    }
}
