//! How much of a transaction an entry takes.
//!
//! The rows of a statement travel as one JSON parameter, and SQLite refuses one of more than a thousand million
//! bytes; long before that, a batch of large documents would hold up everybody else's. So a batch has a bound of bytes
//! beside its number of entries.

use patchbay_model::webhook::Webhook;
use serde_json::Value;

use super::RunCommit;
use crate::{JobEnd, LinkChange, SyncCommit};

/// An entry without its texts, generously.
const ENTRY: usize = 512;

/// About as many bytes as a run's rows have as JSON.
pub(super) fn of_run(commit: &RunCommit) -> usize {
    let changes = commit.plugin_changes.iter().map(|change| change.data.as_ref().map_or(0, value) + change.id.len());
    // each is written to its row and to an event
    let records = commit.object_changes.iter();
    let records = records.map(|change| 2 * (change.data.as_ref().map_or(0, value) + change.id.len() + ENTRY));
    let events = commit.events.iter().map(|event| value(&event.data) + event.subject.len() + event.kind.len());
    let log = commit.run.log.iter().map(|line| {
        line.message.len() + line.fields.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>()
    });
    let parts = changes.chain(records).chain(events).chain(log).map(|bytes| bytes + ENTRY);
    let answer = commit.idempotency.as_ref().and_then(|done| done.answer.as_ref()).map_or(0, Vec::len);
    let jobs = commit.jobs.iter().map(|job| job.payload.len() + ENTRY);
    let outcome = commit.job.as_ref().map_or(0, |outcome| match &outcome.end {
        JobEnd::Done(result) => result.as_ref().map_or(0, String::len),
        JobEnd::Again { cursor, .. } => cursor.len(),
        JobEnd::Later { .. } | JobEnd::Failed(..) | JobEnd::Cancelled => 0,
    });
    let sync = commit.sync.as_ref().map_or(0, of_sync);
    let hints: usize = commit.sync_hints.iter().map(|(_, id)| id.len() + ENTRY / 4).sum();
    let parts = parts.chain(jobs).chain([outcome, sync, hints]);
    parts.sum::<usize>() + (commit.usage.len() + commit.spent.len() + 1) * ENTRY + answer
}

/// About as many bytes as what is changed of a sync has as JSON.
fn of_sync(sync: &SyncCommit) -> usize {
    let links = sync.links.iter().map(|change| match change {
        // what cannot be written as JSON is refused later on
        LinkChange::Put { link, .. } => {
            let base = serde_json::to_vec(&link.base).map_or(0, |text| text.len());
            base + link.vendor_id.len() + link.record_id.len() + link.url.as_ref().map_or(0, String::len) + ENTRY
        }
        LinkChange::Remove { vendor_id } => vendor_id.len() + ENTRY,
    });
    let done = sync.hints_done.iter().chain(&sync.outbox_done).map(|(id, _)| id.len() + ENTRY / 4);
    let add = sync.outbox_add.iter().map(|id| id.len() + ENTRY / 4);
    let conflicts = sync.conflicts.iter();
    let conflicts = conflicts.map(|conflict| value(&conflict.hub) + value(&conflict.vendor) + ENTRY);
    let failures = sync.failures.iter().map(|failure| failure.detail.len() + ENTRY);
    let place = sync.place.iter().flat_map(|place| place.cursor.iter().chain(&place.state)).map(value);
    links.chain(done).chain(add).chain(conflicts).chain(failures).chain(place).sum::<usize>() + ENTRY
}

/// About as many bytes as a webhook has.
pub(super) fn of_webhook(webhook: &Webhook) -> usize {
    let headers: usize = webhook.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    webhook.body.len() + webhook.url.len() + headers + ENTRY
}

/// About as many bytes as a value has as JSON text. Its depth is bounded by the parser that made it.
pub(crate) fn value(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 5,
        Value::Number(_) => 20,
        Value::String(text) => text.len() + 3,
        Value::Array(items) => items.iter().map(self::value).sum::<usize>() + 2,
        Value::Object(members) => {
            members.iter().map(|(name, value)| name.len() + 4 + self::value(value)).sum::<usize>() + 2
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_weighs_at_least_what_its_text_does() {
        for sample in [json!(null), json!([1, true, "text", -1.5]), json!({"a": {"b": ["c", "d"]}}), json!({})] {
            assert!(value(&sample) >= sample.to_string().len(), "{sample}");
        }
    }
}
