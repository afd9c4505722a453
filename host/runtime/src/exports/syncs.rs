//! Calls into a plugin's syncs. What comes out is untrusted: it is checked before anybody believes it, and a plugin that gives what it
//! may not has failed.

use std::{collections::HashSet, sync::Arc};

use patchbay_egress::Redactor;
use patchbay_model::{Code, Failure, run::RunKind};
use serde_json::Value;

use super::{
    Invocation, SyncChange, SyncField, SyncFieldKind, SyncItem, SyncPage, SyncPull, SyncPushed, SyncScope, SyncWrite,
    SyncWritten, contract::syncs as contract,
};
use crate::{bindings::types, outcome::Finished, plugin::Plugin};

/// The most changes of a page; each id that was merged into another counts.
const CHANGES: usize = 2_000;
/// The largest cursor and the largest state, in bytes of JSON.
const KEPT: usize = 64 << 10;
/// The longest id or name of a field, in bytes.
const ID: usize = 256;
/// The longest title or choice, in bytes.
const TITLE: usize = 1_024;
/// The longest link, in bytes.
const URL: usize = 2_048;
/// The most fields of a resource, and the most choices of a field.
const FIELDS: usize = 5_000;
/// The longest pause, in milliseconds.
const PAUSE_MS: u64 = 24 * 3_600_000;
/// The year 10000, in milliseconds since the epoch: no time of a vendor's, and more than dates can be.
const LATEST_MS: u64 = 253_402_300_800_000;
/// The most that is kept of a reason, in characters.
const REASON: usize = 1_000;

impl Plugin {
    /// Asks which fields a vendor's resource has in the connected account. [`Code::PluginError`] for an answer out of bounds.
    pub async fn describe(&self, call: Invocation, resource: &str) -> Finished<Vec<SyncField>> {
        let described = self.run(RunKind::Action, call, async |instance, store| match &instance.syncs {
            Some(syncs) => syncs.call_describe(store, resource).await,
            None => Ok(Err(not_offered())),
        });
        described.await.checked(fields)
    }

    /// Asks for a page of what the vendor has. [`Code::PluginError`] for one out of bounds.
    pub async fn pull(&self, call: Invocation, pull: SyncPull) -> Finished<SyncPage> {
        let limit = pull.limit;
        let pulled = self.run(RunKind::Job, call, async |instance, store| match &instance.syncs {
            Some(syncs) => syncs.call_pull(store, &request(pull)).await,
            None => Ok(Err(not_offered())),
        });
        pulled.await.checked(|given| page(given, limit))
    }

    /// Has records written at the vendor. [`Code::PluginError`] if not each of the writes is answered, and for answers out of bounds.
    pub async fn push(&self, call: Invocation, resource: &str, writes: Vec<SyncWrite>) -> Finished<SyncPushed> {
        let redact = Arc::clone(&call.tenant.redact);
        let asked = writes.len();
        let pushed = self.run(RunKind::Job, call, async |instance, store| match &instance.syncs {
            Some(syncs) => {
                let writes: Vec<_> = writes.into_iter().map(write).collect();
                syncs.call_push(store, resource, &writes).await
            }
            None => Ok(Err(not_offered())),
        });
        pushed.await.checked(|given| answers(given, asked, &redact))
    }
}

fn not_offered() -> types::Error {
    types::Error::NotFound("this plugin does not offer syncs".to_owned())
}

fn request(pull: SyncPull) -> contract::Request {
    let SyncPull { resource, fields, scope, cursor, state, limit } = pull;
    contract::Request {
        resource,
        fields,
        scope: match scope {
            SyncScope::All => contract::Scope::All,
            SyncScope::Since(time) => contract::Scope::Since(time),
            SyncScope::Ids(ids) => contract::Scope::Ids(ids),
            SyncScope::Matching { field, values } => contract::Scope::Matching(contract::Matching { field, values }),
        },
        cursor: cursor.map(|cursor| cursor.to_string()),
        state: state.map(|state| state.to_string()),
        limit,
    }
}

fn write(write: SyncWrite) -> contract::Write {
    let SyncWrite { key, record, id, fields, delete, data, references } = write;
    let (fields, data) = (Value::Object(fields).to_string(), data.to_string());
    contract::Write { key, record, id, fields, delete, data, references: references.into_iter().collect() }
}

/// What is wrong, and where; nothing of the value, which may hold anything.
fn broken(pointer: &str, expected: impl std::fmt::Display) -> Failure {
    let detail = format!("the plugin gave a sync what the hub does not take: {pointer:?}: expected {expected}");
    Failure::new(Code::PluginError, detail)
}

fn demand(holds: bool, pointer: &str, expected: impl std::fmt::Display) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(broken(pointer, expected)) }
}

fn fields(given: Vec<contract::Field>) -> Result<Vec<SyncField>, Failure> {
    check_fields(&given)?;
    Ok(given.into_iter().map(field).collect())
}

fn check_fields(given: &[contract::Field]) -> Result<(), Failure> {
    demand(given.len() <= FIELDS, "", format_args!("at most {FIELDS} fields"))?;
    let mut names = HashSet::new();
    for (index, field) in given.iter().enumerate() {
        check_id(&field.name, &format!("/{index}/name"))?;
        demand(names.insert(field.name.as_str()), &format!("/{index}/name"), "a name that is not there twice")?;
        demand(field.title.len() <= TITLE, &format!("/{index}/title"), format_args!("at most {TITLE} bytes"))?;
        let fit = field.choices.len() <= FIELDS && field.choices.iter().all(|choice| choice.len() <= TITLE);
        demand(fit, &format!("/{index}/choices"), format_args!("at most {FIELDS} of at most {TITLE} bytes"))?;
    }
    Ok(())
}

fn field(given: contract::Field) -> SyncField {
    let contract::Field { name, title, kind, required, readable, writable, unique, custom, choices } = given;
    let kind = match kind {
        contract::FieldKind::Text => SyncFieldKind::Text,
        contract::FieldKind::Number => SyncFieldKind::Number,
        contract::FieldKind::Boolean => SyncFieldKind::Boolean,
        contract::FieldKind::Date => SyncFieldKind::Date,
        contract::FieldKind::Time => SyncFieldKind::Time,
        contract::FieldKind::Choice => SyncFieldKind::Choice,
        contract::FieldKind::Reference => SyncFieldKind::Reference,
    };
    SyncField { name, title, kind, required, readable, writable, unique, custom, choices }
}

fn page(given: contract::Page, limit: u32) -> Result<SyncPage, Failure> {
    let contract::Page { changes, next, mark, state, total, pause_ms } = given;
    let items = changes.iter().filter(|change| matches!(change, contract::Change::Found(_))).count();
    let within = u32::try_from(items).is_ok_and(|items| items <= limit);
    demand(within, "/changes", format_args!("at most {limit} items"))?;
    let counted = changes.iter().map(|change| match change {
        contract::Change::Merged(merger) => merger.gone.len(),
        contract::Change::Found(_) | contract::Change::Deleted(_) => 1,
    });
    let all = counted.fold(0_usize, usize::saturating_add);
    demand(all <= CHANGES, "/changes", format_args!("at most {CHANGES} changes"))?;
    check_time(mark, "/mark")?;
    check_pause(pause_ms)?;
    let read = |(index, change): (usize, contract::Change)| read_change(change, &format!("/changes/{index}"));
    Ok(SyncPage {
        changes: changes.into_iter().enumerate().map(read).collect::<Result<_, _>>()?,
        next: kept(next.as_deref(), "/next")?,
        mark,
        state: kept(state.as_deref(), "/state")?,
        total,
        pause_ms,
    })
}

fn read_change(given: contract::Change, at: &str) -> Result<SyncChange, Failure> {
    match given {
        contract::Change::Found(item) => read_item(item, at).map(SyncChange::Found),
        contract::Change::Deleted(id) => {
            check_id(&id, at)?;
            Ok(SyncChange::Deleted(id))
        }
        contract::Change::Merged(contract::Merger { into, gone }) => {
            check_id(&into, &format!("{at}/into"))?;
            for (index, id) in gone.iter().enumerate() {
                check_id(id, &format!("{at}/gone/{index}"))?;
            }
            let fit = !gone.is_empty() && !gone.contains(&into);
            demand(fit, &format!("{at}/gone"), "at least one id, and not the one that is left")?;
            Ok(SyncChange::Merged { into, gone })
        }
    }
}

fn read_item(given: contract::Item, at: &str) -> Result<SyncItem, Failure> {
    let contract::Item { id, modified_at, url, fields } = given;
    check_id(&id, &format!("{at}/id"))?;
    check_time(modified_at, &format!("{at}/modified-at"))?;
    check_url(url.as_deref(), &format!("{at}/url"))?;
    let Ok(Value::Object(fields)) = serde_json::from_str(&fields) else {
        return Err(broken(&format!("{at}/fields"), "a JSON object"));
    };
    let scalar = |value: &Value| !value.is_object() && !value.is_array();
    let flat = |value: &Value| value.as_array().map_or_else(|| scalar(value), |values| values.iter().all(scalar));
    demand(fields.values().all(flat), &format!("{at}/fields"), "scalars and lists of scalars")?;
    Ok(SyncItem { id, modified_at, url, fields })
}

fn answers(given: contract::Pushed, asked: usize, redact: &Redactor) -> Result<SyncPushed, Failure> {
    let contract::Pushed { written, pause_ms } = given;
    demand(written.len() == asked, "/written", format_args!("{asked}, one for each of the writes"))?;
    check_pause(pause_ms)?;
    let read = |(index, one): (usize, contract::Written)| read_written(one, &format!("/written/{index}"), redact);
    Ok(SyncPushed { written: written.into_iter().enumerate().map(read).collect::<Result<_, _>>()?, pause_ms })
}

fn read_written(given: contract::Written, at: &str, redact: &Redactor) -> Result<SyncWritten, Failure> {
    Ok(match given {
        contract::Written::Done(contract::Done { id, modified_at, created, url }) => {
            check_id(&id, &format!("{at}/id"))?;
            check_time(modified_at, &format!("{at}/modified-at"))?;
            check_url(url.as_deref(), &format!("{at}/url"))?;
            SyncWritten::Done { id, modified_at, created, url }
        }
        contract::Written::Gone => SyncWritten::Gone,
        contract::Written::Skipped(reason) => SyncWritten::Skipped { reason: told(&reason, redact) },
        contract::Written::Refused(contract::Refusal { message, field }) => {
            SyncWritten::Refused { message: told(&message, redact), field: field.map(|field| told(&field, redact)) }
        }
    })
}

/// Words that people of the org will read: without secrets, on one line, and not without end.
fn told(text: &str, redact: &Redactor) -> String {
    let clean = redact.redact_str(text);
    clean.chars().map(|c| if c.is_control() { ' ' } else { c }).take(REASON).collect()
}

fn kept(text: Option<&str>, at: &str) -> Result<Option<Value>, Failure> {
    let Some(text) = text else { return Ok(None) };
    demand(text.len() <= KEPT, at, format_args!("at most {KEPT} bytes"))?;
    serde_json::from_str(text).map(Some).map_err(|_| broken(at, "JSON"))
}

fn check_id(id: &str, at: &str) -> Result<(), Failure> {
    let fits = !id.is_empty() && id.len() <= ID && !id.contains(char::is_control);
    demand(fits, at, format_args!("1 to {ID} bytes without control characters"))
}

fn check_time(time: Option<u64>, at: &str) -> Result<(), Failure> {
    demand(time.is_none_or(|time| time < LATEST_MS), at, "milliseconds since the epoch, before the year 10000")
}

fn check_pause(pause_ms: Option<u64>) -> Result<(), Failure> {
    let fits = pause_ms.is_none_or(|pause| pause <= PAUSE_MS);
    demand(fits, "/pause-ms", format_args!("at most {PAUSE_MS}"))
}

/// People follow it, so it leads nowhere but to a site.
fn check_url(url: Option<&str>, at: &str) -> Result<(), Failure> {
    let Some(url) = url else { return Ok(()) };
    let plain = !url.contains(|c: char| c.is_control() || c.is_whitespace());
    let fits = url.len() <= URL && url.starts_with("https://") && plain;
    demand(fits, at, format_args!("a URL that begins with https:// and has at most {URL} bytes"))
}

#[cfg(test)]
mod tests;
