//! Calls in the activities: tasks of the subtype `Call`.
//!
//! A task keeps the id of the hub's call in `CallObject`, a field that every org has, so a repeat finds what it made. Custom fields of
//! activities cannot be external ids everywhere, so upserts were rejected for them.

pub(crate) mod late;
mod note;

use std::collections::BTreeMap;

use patchbay_sdk::Error;
use patchbay_sdk::sync::{Write, Written};
use serde_json::{Map, Value, json};

use crate::api::{Found, Org, Records};
use crate::collections::{self, Batch};
use crate::config::UnknownCaller;
use crate::failure;
use crate::ids;
use crate::soql;
use crate::sync::push::{self, Ledger, row};
use crate::sync::{Fields, Resource, matching};

pub(crate) use note::{Note, subject};

/// The longest text of `CallObject`, in characters.
const LONGEST_KEY: usize = 255;

/// Ids of calls that fit into the address of one query.
const MOST_ASKED: usize = 40;

/// Before the number, in the external id of a contact that was made for it.
const TEL: &str = "tel:";

/// Where a contact has numbers.
const NUMBERS: [&str; 2] = ["Phone", "MobilePhone"];

/// What becomes of a call.
pub(crate) enum Plan {
    /// It is logged.
    Log(Note),
    /// It is not, and why.
    Skip(String),
}

/// What was logged.
#[derive(Debug)]
pub(crate) struct Logged {
    pub(crate) task: Batch,
    /// Of each, whether there was a task already.
    pub(crate) known: Vec<bool>,
    pub(crate) contacts: Vec<Option<String>>,
}

/// Writes the calls that have ended.
pub(crate) fn push(org: &Org, writes: &[Write], ledger: &mut Ledger) -> Result<(), Error> {
    let linked = writes.iter().map(with_comment).collect::<Result<Vec<Write>, Error>>()?;
    push::update(org, Resource::Task, &linked, ledger)?;
    let mut places = Vec::new();
    let mut notes = Vec::new();
    for (place, write) in writes.iter().enumerate().filter(|(_, write)| write.id.is_none() && !write.delete) {
        match Note::of_call(write)? {
            Plan::Log(note) => {
                places.push(place);
                notes.push(note);
            }
            Plan::Skip(reason) => ledger.note(place, Written::Skipped { reason }),
        }
    }
    let mut kept = (Vec::new(), Vec::new());
    let pause_ms = find_contacts(org, &mut notes)?;
    ledger.pause(pause_ms);
    for (place, note) in places.into_iter().zip(notes) {
        if note.who.is_none() && org.config.unknown_caller == UnknownCaller::Ignore {
            let reason = "nobody knows who it was with, and the settings say that such calls are not logged".to_owned();
            ledger.note(place, Written::Skipped { reason });
        } else {
            kept.0.push(place);
            kept.1.push(note);
        }
    }
    let (places, notes) = kept;
    if notes.is_empty() {
        return Ok(());
    }
    let Logged { mut task, known, .. } = log(org, notes)?;
    for (outcome, known) in task.outcomes.iter_mut().zip(known) {
        outcome.created = Some(!known);
    }
    let ids = vec![None; places.len()];
    ledger.settle(org, &places, &ids, task)
}

/// The write, if it changes the comment of a task with all that belongs there: a new summary does not take the links away.
fn with_comment(write: &Write) -> Result<Write, Error> {
    let mut write = write.clone();
    if write.id.is_some()
        && !write.delete
        && let Some(comment) = write.fields.get_mut(note::COMMENT)
    {
        let whole = note::comment(comment.as_str().unwrap_or_default(), &note::additions(&write.record, &write.data)?);
        *comment = if whole.is_empty() { Value::Null } else { Value::from(whole) };
    }
    Ok(write)
}

/// Says of notes without a contact who it was, where exactly one contact has the number.
///
/// # Errors
/// As [`crate::api::send`].
pub(crate) fn find_contacts(org: &Org, notes: &mut [Note]) -> Result<Option<u64>, Error> {
    let mut numbers: Vec<String> =
        notes.iter().filter(|note| note.who.is_none()).filter_map(|note| note.number.clone()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    if numbers.is_empty() {
        return Ok(None);
    }
    let (found, pause_ms) = contacts_with(org, &numbers)?;
    for note in notes.iter_mut().filter(|note| note.who.is_none()) {
        let Some(number) = &note.number else { continue };
        let mut having = found.iter().filter(|contact| has_number(contact, number));
        match (having.next(), having.next()) {
            (Some(only), None) => note.who = only.get("Id").and_then(Value::as_str).and_then(ids::whole),
            // of several, nobody can say which
            (Some(_), Some(_)) => note.is_ambiguous = true,
            _ => {}
        }
    }
    Ok(pause_ms)
}

/// Contacts that have one of the numbers, as a telephone or a mobile one.
///
/// # Errors
/// As [`crate::api::send`].
pub(crate) fn contacts_with(org: &Org, numbers: &[String]) -> Result<Found, Error> {
    matching::find(org, Resource::Contact, &Fields::new(&asked())?, &NUMBERS, numbers)
}

/// What is read of a contact.
pub(crate) fn asked() -> Vec<String> {
    ["Name", "Email", "Phone", "MobilePhone", "AccountId"].into_iter().map(str::to_owned).collect()
}

fn has_number(contact: &Map<String, Value>, number: &str) -> bool {
    let own = |field: &str| contact.get(field).and_then(Value::as_str).unwrap_or_default();
    NUMBERS.into_iter().any(|field| matching::has(own(field), number))
}

/// Logs calls, after the contacts were made that the settings want.
///
/// # Errors
/// As [`collections::create`].
pub(crate) fn log(org: &Org, mut notes: Vec<Note>) -> Result<Logged, Error> {
    if org.config.unknown_caller == UnknownCaller::Create {
        make_contacts(org, &mut notes)?;
    }
    let there = logged_before(org, &notes)?;
    let known: Vec<bool> = notes.iter().map(|note| there.contains_key(&note.key)).collect();
    let mut batch = Batch { outcomes: vec![collections::Outcome::default(); notes.len()], pause_ms: None };
    let (old, new): (Vec<usize>, Vec<usize>) =
        (0..notes.len()).partition(|place| known.get(*place).copied().unwrap_or_default());
    let rows = |places: &[usize]| -> Vec<Value> {
        places
            .iter()
            .filter_map(|place| {
                let note = notes.get(*place)?;
                let fields = note.fields(org.config.unknown_caller);
                Some(match there.get(&note.key) {
                    Some(id) => row(Resource::Task, &fields, [("id", id.as_str())]),
                    None => row(Resource::Task, &fields, [("CallObject", note.key.as_str()), ("TaskSubtype", "Call")]),
                })
            })
            .collect()
    };
    for (places, is_new) in [(old, false), (new, true)] {
        if places.is_empty() {
            continue;
        }
        let rows = rows(&places);
        let part = if is_new { collections::create(org, &rows)? } else { collections::update(org, &rows)? };
        batch.pause_ms = crate::pace::longer(batch.pause_ms, part.pause_ms);
        for (place, outcome) in places.into_iter().zip(part.outcomes) {
            if let Some(slot) = batch.outcomes.get_mut(place) {
                *slot = outcome;
            }
        }
    }
    let contacts = notes.into_iter().map(|note| note.who).collect();
    Ok(Logged { task: batch, known, contacts })
}

/// A contact for each number that nobody has, once however often it called.
fn make_contacts(org: &Org, notes: &mut [Note]) -> Result<(), Error> {
    let mut unknown: BTreeMap<String, Option<String>> = BTreeMap::new();
    // one more of a number that several have would make it worse
    for note in notes.iter().filter(|note| note.who.is_none() && !note.is_ambiguous) {
        if let Some(number) = &note.number {
            let name = unknown.entry(number.clone()).or_default();
            *name = name.take().or_else(|| note.name.clone());
        }
    }
    let before = made_before(org, unknown.keys())?;
    for note in notes.iter_mut().filter(|note| note.who.is_none()) {
        note.who = note.number.as_ref().and_then(|number| before.get(number)).cloned();
    }
    unknown.retain(|number, _| !before.contains_key(number));
    if unknown.is_empty() {
        return Ok(());
    }
    let keys: Vec<String> = unknown.keys().map(|number| format!("{TEL}{number}")).collect();
    let new: Vec<(&str, Map<String, Value>)> = keys
        .iter()
        .zip(&unknown)
        .map(|(key, (number, name))| {
            let fields = json!({"LastName": name.as_deref().unwrap_or(number), "Phone": number});
            let fields = if let Value::Object(fields) = fields { fields } else { Map::new() };
            (key.as_str(), fields)
        })
        .collect();
    let batch = push::make(org, Resource::Contact, &new)?;
    for (number, outcome) in unknown.keys().zip(batch.outcomes) {
        // a contact that the org's rules do not allow leaves the call without one
        let id = outcome.id.filter(|_| outcome.success);
        for note in notes.iter_mut().filter(|note| note.who.is_none() && note.number.as_ref() == Some(number)) {
            note.who.clone_from(&id);
        }
    }
    Ok(())
}

/// Contacts that were made for a number before, and have another one by now: what people made of them is not written over.
fn made_before<'a>(org: &Org, numbers: impl Iterator<Item = &'a String>) -> Result<BTreeMap<String, String>, Error> {
    let keys: Vec<String> = numbers.map(|number| format!("{TEL}{number}")).collect();
    if keys.is_empty() {
        return Ok(BTreeMap::new());
    }
    let external = org.config.external_id();
    let fields = Fields::new(&[external.to_owned()])?;
    let found = match matching::find(org, Resource::Contact, &fields, &[external], &keys) {
        Ok((found, _)) => found,
        // the object lacks the field
        Err(error) if failure::is(&error, "INVALID_FIELD") => Vec::new(),
        Err(error) => return Err(error),
    };
    let pair = |record: &Map<String, Value>| {
        let number = record.get(external)?.as_str()?.strip_prefix(TEL)?.to_owned();
        Some((number, ids::whole(record.get("Id")?.as_str()?)?))
    };
    Ok(found.iter().filter_map(pair).collect())
}

/// Calls that have a task, with its id.
fn logged_before(org: &Org, notes: &[Note]) -> Result<BTreeMap<String, String>, Error> {
    let mut there = BTreeMap::new();
    for some in notes.chunks(MOST_ASKED) {
        let keys = soql::list(some.iter().map(|note| note.key.as_str()));
        let statement =
            format!("SELECT Id,CallObject FROM Task WHERE CallObject IN {keys} ORDER BY SystemModstamp, Id");
        let read: Records = org.query(&statement, false, 2000)?.read()?;
        for record in read.records {
            let text = |name: &str| record.get(name).and_then(Value::as_str);
            if let (Some(key), Some(id)) = (text("CallObject"), text("Id")) {
                there.entry(key.to_owned()).or_insert_with(|| id.to_owned());
            }
        }
    }
    Ok(there)
}
