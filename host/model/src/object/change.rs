//! What is told when a record of a standard object was made, changed or deleted.

use serde_json::{Value, json};

use super::{ObjectRecord, Stamp, StandardObject};
use crate::{EventId, OrgId, event::Event};

/// What happened to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Happened {
    /// It was made.
    Created,
    /// It was changed.
    Updated,
    /// It was deleted.
    Deleted,
}

impl Happened {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Created, Self::Updated, Self::Deleted];

    /// What stands behind the dot of the event's type.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
        }
    }

    /// The event's type, as in `call.created`.
    #[must_use]
    pub fn event_type(self, object: StandardObject) -> String {
        format!("{object}.{}", self.as_str())
    }
}

/// The names of the fields that two states of a record differ in, in order; what is no record has no fields.
#[must_use]
pub fn changed_fields(before: Option<&Value>, after: Option<&Value>) -> Vec<String> {
    let members = |data: Option<&Value>| data.and_then(Value::as_object).cloned().unwrap_or_default();
    let (before, after) = (members(before), members(after));
    let mut changed: Vec<String> =
        after.iter().filter(|(name, value)| before.get(*name) != Some(value)).map(|(name, _)| name.clone()).collect();
    changed.extend(before.into_iter().map(|(name, _)| name).filter(|name| !after.contains_key(name)));
    changed.sort_unstable();
    changed
}

/// The event that tells of a change. It is the same for the same run, record and version, so that it is the same event
/// however often a transaction is begun anew.
#[must_use]
pub fn change_event(org: OrgId, happened: Happened, record: &ObjectRecord, changed: &[String]) -> Event {
    let ObjectRecord { object, id, version, data, updated: Stamp { plugin, run, at }, .. } = record;
    let kind = happened.event_type(*object);
    Event {
        id: EventId::of(*run, &kind, &format!("{version} {id}")),
        org,
        source: Some(plugin.clone()),
        kind,
        subject: id.clone(),
        data: json!({ "object": object, "id": id, "version": version, "changed": changed, "record": data }),
        dedupe: None,
        run: Some(*run),
        at: *at,
        // by whoever commits the run
        hops: 0,
    }
}
