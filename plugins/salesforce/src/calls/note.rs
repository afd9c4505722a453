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
/// Of which so many are kept for what is asked of people.
const LONGEST_ASK: usize = 200;
/// The field that a task's comment is in.
pub(super) const COMMENT: &str = "Description";
/// The longest subject, and the longest outcome, in characters.
const LONGEST_SUBJECT: usize = 255;
/// The longest summary of a transcript that is written, in characters: the links find room beside it.
const LONGEST_SUMMARY: usize = 10_000;
/// Recordings, and transcripts, of one call that are looked at.
const MOST_OF_CALL: u32 = 10;

/// A call to be logged.
#[derive(Debug, Clone)]
pub(crate) struct Note {
    /// By what it is known: `CallObject`.
    pub(crate) key: String,
    /// The contact.
    pub(crate) who: Option<String>,
    /// Several contacts have the number, and nobody can say which it was.
    pub(crate) is_ambiguous: bool,
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
    status: String,
    blob_id: Option<String>,
    url: Option<String>,
    /// Nothing of an address that lasts.
    url_expires_at: Option<String>,
}

#[derive(Deserialize)]
struct Transcript {
    summary: Option<String>,
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
        let said = fields.get(COMMENT).and_then(Value::as_str).unwrap_or_default();
        let comment = comment(said, &additions(&write.record, &write.data)?);
        if !comment.is_empty() {
            fields.insert(COMMENT.to_owned(), Value::from(comment));
        }
        Ok(Plan::Log(Self {
            key: write.record.clone(),
            who: first(objects::CONTACT),
            is_ambiguous: false,
            what: first(objects::DEAL).or_else(|| first(objects::COMPANY)),
            number,
            name,
            fields,
        }))
    }

    /// The task's fields. One that waits for somebody to say who it was stays open.
    pub(crate) fn fields(&self, unknown: UnknownCaller) -> Map<String, Value> {
        let mut fields = self.fields.clone();
        let waits = self.who.is_none() && (self.is_ambiguous || unknown == UnknownCaller::Ask);
        default(&mut fields, "Status", || Value::from(if waits { "Not Started" } else { "Completed" }));
        if let Some(who) = &self.who {
            default(&mut fields, "WhoId", || Value::from(who.as_str()));
        }
        if let Some(what) = &self.what {
            default(&mut fields, "WhatId", || Value::from(what.as_str()));
        }
        if waits && let Some(number) = &self.number {
            let said = fields.get(COMMENT).and_then(Value::as_str).unwrap_or_default();
            let who = if self.is_ambiguous { "Several contacts have" } else { "Nobody has" };
            let asks = format!("{who} the number {number}: link this call to a contact.\n{said}");
            fields.insert(COMMENT.to_owned(), Value::from(cut(asks.trim_end(), LONGEST_COMMENT)));
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

/// What is known of a call beside its record, line by line: the summary of its transcript, if the record has none of its own, and
/// links to its recordings.
///
/// # Errors
/// As [`records::query`].
pub(super) fn additions(id: &str, call: &Value) -> Result<Vec<String>, Error> {
    let mut lines = Vec::new();
    if call.get("summary").and_then(Value::as_str).is_none_or(|own| own.trim().is_empty()) {
        lines.extend(transcribed(id)?);
    }
    lines.extend(recordings(id)?);
    Ok(lines)
}

/// The first summary of the call's transcripts.
fn transcribed(call: &str) -> Result<Option<String>, Error> {
    let page = records::query::<Transcript>(objects::TRANSCRIPT, &json!({"call_id": call}), MOST_OF_CALL, None)?;
    let mut summaries = page.documents.into_iter().filter_map(|found| found.data.summary);
    Ok(summaries.find(|summary| !summary.trim().is_empty()).map(|summary| cut(summary.trim(), LONGEST_SUMMARY)))
}

/// Links to the call's recordings: at the hub, where a key or a session opens them, else where they are, if they stay there.
fn recordings(call: &str) -> Result<Vec<String>, Error> {
    let page = records::query::<Recording>(objects::RECORDING, &json!({"call_id": call}), MOST_OF_CALL, None)?;
    let hook = installation::webhook_url();
    let origin = hook.split_once("/hooks/").map(|(origin, _)| origin);
    let available = page.documents.into_iter().map(|found| found.data).filter(|one| one.status == "available");
    let links = available.filter_map(|one| match (one.blob_id, origin, one.url_expires_at) {
        (Some(blob), Some(origin), _) => Some(format!("Recording: {origin}/v1/blobs/{blob}")),
        (_, _, None) => one.url.map(|url| format!("Recording: {url}")),
        _ => None,
    });
    Ok(links.collect())
}

/// A task's comment: what is said, cut so that all that is added finds room.
pub(super) fn comment(said: &str, added: &[String]) -> String {
    let taken: usize = added.iter().map(|line| line.chars().count() + 1).sum();
    let said = cut(said, LONGEST_COMMENT.saturating_sub(LONGEST_ASK).saturating_sub(taken));
    let lines = [said.trim_end()].into_iter().chain(added.iter().map(String::as_str)).filter(|line| !line.is_empty());
    cut(&lines.collect::<Vec<_>>().join("\n"), LONGEST_COMMENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_makes_room_for_what_is_added() {
        let link = "Recording: https://hub.example.com/v1/blobs/blob_1".to_owned();
        let long = "x".repeat(LONGEST_COMMENT);
        let whole = comment(&long, std::slice::from_ref(&link));
        assert!(whole.ends_with(&format!("x\n{link}")) && whole.chars().count() <= LONGEST_COMMENT - LONGEST_ASK);
        assert_eq!(comment("", std::slice::from_ref(&link)), link);
        assert_eq!(comment("Asked for a quote.", &[]), "Asked for a quote.");
        assert_eq!(comment("", &[]), "");
    }

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
