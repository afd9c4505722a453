//! Records of the hub, written to Salesforce.
//!
//! What is new is upserted by an External Id field that holds the record's id, so that a repeat after a lost answer finds what it made.
//! What is linked is changed by its own id. Each kind is one request, however many there are.

use patchbay_sdk::sync::{Pushed, Write, Written};
use patchbay_sdk::{Error, UpstreamFailure, log};
use serde_json::{Map, Value, json};

use super::Resource;
use crate::api::Org;
use crate::collections::{self, Batch, Outcome};
use crate::failure::{self, Reason};
use crate::{calls, ids, pace};

/// What somebody is called of whom nothing else is known.
const NAMELESS: &str = "Unknown";

/// Writes, in order, with what became of each.
pub(crate) fn write(resource: &str, writes: &[Write]) -> Result<Pushed, Error> {
    let org = Org::load()?;
    let resource = Resource::named(resource)?;
    if writes.len() > collections::MOST {
        return Err(Error::invalid("/writes", format!("at most {} at once", collections::MOST)));
    }
    let mut ledger = Ledger { written: vec![None; writes.len()], pause_ms: None };
    delete(&org, writes, &mut ledger)?;
    if resource == Resource::Task {
        calls::push(&org, writes, &mut ledger)?;
    } else {
        update(&org, resource, writes, &mut ledger)?;
        create(&org, resource, writes, &mut ledger)?;
    }
    ledger.into_pushed()
}

/// What became of the writes so far.
pub(crate) struct Ledger {
    pub(crate) written: Vec<Option<Written>>,
    pause_ms: Option<u64>,
}

impl Ledger {
    /// Notes one.
    pub(crate) fn note(&mut self, place: usize, written: Written) {
        if let Some(slot) = self.written.get_mut(place) {
            *slot = Some(written);
        }
    }

    /// Notes how long to wait.
    pub(crate) fn pause(&mut self, pause_ms: Option<u64>) {
        self.pause_ms = pace::longer(self.pause_ms, pause_ms);
    }

    /// Notes what a request came to, for the writes at these places.
    ///
    /// # Errors
    /// [`Error::Upstream`] with 503 if a record stays locked: all of them can be written again.
    pub(crate) fn settle(
        &mut self,
        org: &Org,
        places: &[usize],
        ids: &[Option<&str>],
        batch: Batch,
    ) -> Result<(), Error> {
        self.pause(batch.pause_ms);
        for ((place, id), outcome) in places.iter().zip(ids).zip(batch.outcomes) {
            self.note(*place, written(org, *id, outcome)?);
        }
        Ok(())
    }

    fn into_pushed(self) -> Result<Pushed, Error> {
        let written: Option<Vec<Written>> = self.written.into_iter().collect();
        let written = written.ok_or_else(|| Error::Internal("a write was forgotten".to_owned()))?;
        Ok(Pushed { written, pause_ms: self.pause_ms })
    }
}

fn written(org: &Org, id: Option<&str>, outcome: Outcome) -> Result<Written, Error> {
    if outcome.success {
        // in 18 characters, as it is read: a link by another form of it would be another link
        let id = outcome.id.as_deref().or(id).and_then(ids::whole);
        let id = id.ok_or_else(|| Error::upstream(200, "Salesforce wrote a record and did not say which"))?;
        let created = outcome.created.unwrap_or(false);
        return Ok(Written::Done { url: Some(org.link(&id)), id, modified_at: None, created });
    }
    if outcome.is(failure::LOCKED) {
        return Err(Error::Upstream(UpstreamFailure {
            status: 503,
            code: Some(failure::LOCKED.to_owned()),
            message: "a record is locked at Salesforce".to_owned(),
            retry_after_ms: Some(5_000),
        }));
    }
    if id.is_some() && outcome.is_gone() {
        return Ok(Written::Gone);
    }
    let reason = outcome.errors.into_iter().next().unwrap_or_default();
    let message = reason.text();
    let message = if message.is_empty() { "Salesforce refused it and gave no reason".to_owned() } else { message };
    Ok(Written::Refused { message, field: reason.fields.into_iter().next() })
}

fn delete(org: &Org, writes: &[Write], ledger: &mut Ledger) -> Result<(), Error> {
    let mut places = Vec::new();
    let mut records = Vec::new();
    for (place, write) in writes.iter().enumerate().filter(|(_, write)| write.delete) {
        match &write.id {
            Some(id) => {
                places.push(place);
                records.push(id.clone());
            }
            // it was never there
            None => ledger.note(place, Written::Gone),
        }
    }
    if records.is_empty() {
        return Ok(());
    }
    let batch = collections::delete(org, &records)?;
    let ids: Vec<Option<&str>> = records.iter().map(|id| Some(id.as_str())).collect();
    ledger.settle(org, &places, &ids, batch)
}

/// Changes what is linked.
pub(crate) fn update(org: &Org, resource: Resource, writes: &[Write], ledger: &mut Ledger) -> Result<(), Error> {
    let mut places = Vec::new();
    let mut ids = Vec::new();
    let mut rows = Vec::new();
    for (place, write) in writes.iter().enumerate() {
        let Some(id) = write.id.as_deref().filter(|_| !write.delete) else { continue };
        places.push(place);
        ids.push(Some(id));
        rows.push(row(resource, &write.fields, [("id", id)]));
    }
    if rows.is_empty() {
        return Ok(());
    }
    let batch = collections::update(org, &rows)?;
    ledger.settle(org, &places, &ids, batch)
}

/// Makes what is new.
fn create(org: &Org, resource: Resource, writes: &[Write], ledger: &mut Ledger) -> Result<(), Error> {
    let new: Vec<(usize, &Write)> =
        writes.iter().enumerate().filter(|(_, write)| write.id.is_none() && !write.delete).collect();
    if new.is_empty() {
        return Ok(());
    }
    let places: Vec<usize> = new.iter().map(|(place, _)| *place).collect();
    let ids = vec![None; places.len()];
    let fields: Vec<(&str, Map<String, Value>)> =
        new.iter().map(|(_, write)| (write.record.as_str(), completed(resource, write))).collect();
    let batch = make(org, resource, &fields)?;
    ledger.settle(org, &places, &ids, batch)
}

/// Makes records, each known by a text of the hub's: by upsert, or where the object lacks the field for that, by plain creation.
///
/// # Errors
/// As [`collections::upsert`].
pub(crate) fn make(org: &Org, resource: Resource, new: &[(&str, Map<String, Value>)]) -> Result<Batch, Error> {
    let external = org.config.external_id();
    let rows: Vec<Value> = new.iter().map(|(key, fields)| row(resource, fields, [(external, *key)])).collect();
    match collections::upsert(org, resource.name(), external, &rows) {
        Err(Error::Upstream(failure)) if lacks(&failure, external) => {
            let object = resource.name();
            let how = format!(
                "{object} has no unique External Id field {external}. In Salesforce under Setup, Object Manager, {object}, Fields & \
                 Relationships, New: Text, length 255, field name {}, tick Unique (case sensitive) and External ID, and let the user \
                 who connected see and edit it. Until then records are made without it, and one may come twice if Salesforce's answer \
                 is lost",
                external.trim_end_matches("__c")
            );
            log::warn(&how, &[("object", object), ("field", external)]);
            let rows: Vec<Value> = new.iter().map(|(_, fields)| row(resource, fields, [])).collect();
            let mut batch = collections::create(org, &rows)?;
            settle_made(&mut batch);
            Ok(batch)
        }
        other => other,
    }
}

/// Nobody could tell a second time that these were made, so none of them is to be sent again because another one is locked.
fn settle_made(batch: &mut Batch) {
    let is_any_made = batch.outcomes.iter().any(|outcome| outcome.success);
    for outcome in &mut batch.outcomes {
        if outcome.success {
            outcome.created = Some(true);
        } else if is_any_made && outcome.is(failure::LOCKED) {
            let message = "what it belongs to is locked at Salesforce: it is written when it changes the next time";
            outcome.errors = vec![Reason { message: message.to_owned(), ..Reason::default() }];
        }
    }
}

/// True if it is the field that upserts go by which is not there.
fn lacks(failure: &UpstreamFailure, field: &str) -> bool {
    let is_so = matches!(
        (failure.status, failure.code.as_deref()),
        (404, _) | (400, Some("INVALID_FIELD" | "NOT_FOUND" | "INVALID_FIELD_FOR_INSERT_UPDATE"))
    );
    is_so && failure.message.contains(field)
}

/// A record of a collection.
pub(crate) fn row<const N: usize>(resource: Resource, fields: &Map<String, Value>, more: [(&str, &str); N]) -> Value {
    let mut members = fields.clone();
    members.insert("attributes".to_owned(), json!({"type": resource.name()}));
    for (name, value) in more {
        members.insert(name.to_owned(), Value::from(value));
    }
    Value::Object(members)
}

/// The fields with what Salesforce makes no such record without, as far as the hub's record says it.
fn completed(resource: Resource, write: &Write) -> Map<String, Value> {
    let mut fields = write.fields.clone();
    let said = |pointer: &str| {
        write.data.pointer(pointer).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
    };
    let is_empty = |fields: &Map<String, Value>, name: &str| {
        fields.get(name).and_then(Value::as_str).is_none_or(|text| text.trim().is_empty())
    };
    match resource {
        Resource::Contact if is_empty(&fields, "LastName") => {
            let (first, last) = match said("/name") {
                Some(name) => {
                    name.rsplit_once(char::is_whitespace).map_or((None, name), |(first, last)| (Some(first), last))
                }
                None => (None, said("/email").or_else(|| said("/phone")).unwrap_or(NAMELESS)),
            };
            fields.insert("LastName".to_owned(), Value::from(last));
            if let Some(first) = first.filter(|_| is_empty(&fields, "FirstName")) {
                fields.insert("FirstName".to_owned(), Value::from(first.trim()));
            }
        }
        Resource::Account if is_empty(&fields, "Name") => {
            let name = said("/name").or_else(|| said("/domain")).unwrap_or(NAMELESS);
            fields.insert("Name".to_owned(), Value::from(name));
        }
        _ => {}
    }
    fields
}
