//! What becomes of the records of standard objects that a batch touches: the same for either database.
//!
//! As with documents, it is decided in memory from what the transaction sees, one run after the other. More is known here
//! of a record than its version: what it was is compared with what it becomes, so that its event says what changed,
//! its provenance says who changed it, and only those rows of the index are written that differ.

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap},
};

use patchbay_model::{
    OrgId, RunId,
    event::Event,
    object::{
        Happened, ObjectChange, ObjectRecord, Source, Stamp, StandardObject, change_event, changed_fields,
        index_entries,
    },
};
use serde_json::Value;

use super::{Committed, RunCommit};

/// Where a record is. Its order is the one in which all hubs take records, and PostgreSQL sorts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key<'a> {
    pub(super) org: OrgId,
    pub(super) object: StandardObject,
    pub(super) id: &'a str,
}

impl<'a> Key<'a> {
    fn order(&self) -> (OrgId, &'static str, &'a str) {
        (self.org, self.object.as_str(), self.id)
    }
}

/// A record as it is before the batch or after some of its runs. One that was deleted says who deleted it.
#[derive(Debug, Clone)]
pub(crate) struct State<'a> {
    pub(crate) version: u64,
    pub(crate) data: Option<Cow<'a, Value>>,
    pub(crate) created: Stamp,
    pub(crate) updated: Stamp,
    pub(crate) sources: Vec<Source>,
}

/// A record that a batch touches.
#[derive(Debug)]
pub(super) struct Shared<'a> {
    pub(super) key: Key<'a>,
    /// What the transaction has found; none if there is no row.
    pub(super) before: Option<State<'a>>,
    /// What it becomes; none if no run wrote it.
    pub(super) after: Option<State<'a>>,
}

/// A row of the index.
pub(super) type Entry<'s> = (Key<'s>, String, String);

/// The records of a batch, each once, in the order in which they are taken.
#[derive(Debug, Default)]
pub(super) struct Objects<'a> {
    all: Vec<Shared<'a>>,
    places: HashMap<Key<'a>, usize>,
    events: HashMap<RunId, Vec<Event>>,
}

impl<'a> Objects<'a> {
    /// All that the runs want to write.
    pub(super) fn of(runs: &'a [Box<RunCommit>]) -> Self {
        let mut keys: Vec<Key<'a>> = runs.iter().flat_map(|commit| keys(commit).map(|(key, _)| key)).collect();
        keys.sort_unstable_by_key(Key::order);
        keys.dedup();
        let places = keys.iter().enumerate().map(|(place, key)| (*key, place)).collect();
        let all = keys.into_iter().map(|key| Shared { key, before: None, after: None }).collect();
        Self { all, places, events: HashMap::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn keys(&self) -> Vec<Key<'a>> {
        self.all.iter().map(|shared| shared.key).collect()
    }

    /// Takes in the record at this place of [`Objects::keys`].
    pub(super) fn found(&mut self, place: usize, state: State<'a>) {
        if let Some(shared) = self.all.get_mut(place) {
            shared.before = Some(state);
        }
    }

    /// How a run loses that relies on another version of a record than there is.
    pub(super) fn conflict(&self, commit: &RunCommit) -> Option<Committed> {
        let lost = |(key, change): (Key<'_>, &ObjectChange)| {
            let present = self.present(&key).filter(|state| state.data.is_some()).map_or(0, |state| state.version);
            (change.expected? != present)
                .then(|| Committed::Conflict { collection: key.object.as_str().to_owned(), id: change.id.clone() })
        };
        keys(commit).find_map(lost)
    }

    fn present(&self, key: &Key<'_>) -> Option<&State<'a>> {
        let shared = self.places.get(key).and_then(|place| self.all.get(*place))?;
        shared.after.as_ref().or(shared.before.as_ref())
    }

    /// Lets one run write.
    pub(super) fn apply(&mut self, commit: &'a RunCommit) {
        let run = &commit.run;
        let stamp = Stamp { plugin: run.plugin.clone(), run: run.id, at: run.finished_at };
        for (key, change) in keys(commit) {
            let (data, present) = (change.data.as_ref(), self.present(&key));
            let Some((happened, state, changed)) = become_of(present, data, &stamp) else { continue };
            // a write that changes nothing is no news
            if !changed.is_empty() || happened != Happened::Updated {
                let mut event = change_event(run.org, happened, &record(&key, &state), &changed);
                event.hops = commit.hops;
                self.events.entry(run.id).or_default().push(event);
            }
            if let Some(shared) = self.places.get(&key).and_then(|place| self.all.get_mut(*place)) {
                shared.after = Some(state);
            }
        }
    }

    /// What is told of a run's writes, in their order.
    pub(super) fn events_of(&self, run: RunId) -> &[Event] {
        self.events.get(&run).map_or(&[], Vec::as_slice)
    }

    /// Records to be made: there is no row of them.
    pub(super) fn made(&self) -> Vec<(Key<'_>, &State<'a>)> {
        self.written().filter(|(_, before, _)| before.is_none()).map(|(key, _, after)| (key, after)).collect()
    }

    /// Records whose rows are to be written over.
    pub(super) fn changed(&self) -> Vec<(Key<'_>, &State<'a>)> {
        self.written().filter(|(_, before, _)| before.is_some()).map(|(key, _, after)| (key, after)).collect()
    }

    fn written(&self) -> impl Iterator<Item = (Key<'_>, Option<&State<'a>>, &State<'a>)> {
        self.all.iter().filter_map(|shared| Some((shared.key, shared.before.as_ref(), shared.after.as_ref()?)))
    }

    /// The rows of the index that go, and those that come, each in order.
    pub(super) fn index(&self) -> (Vec<Entry<'_>>, Vec<Entry<'_>>) {
        let (mut gone, mut new) = (Vec::new(), Vec::new());
        for (key, before, after) in self.written() {
            let (before, after) = (entries(&key, before), entries(&key, Some(after)));
            let row = |(field, value): &(String, String)| (key, field.clone(), value.clone());
            gone.extend(before.difference(&after).map(row));
            new.extend(after.difference(&before).map(row));
        }
        (gone, new)
    }
}

fn entries(key: &Key<'_>, state: Option<&State<'_>>) -> BTreeSet<(String, String)> {
    let data = state.and_then(|state| state.data.as_deref());
    data.map(|data| index_entries(key.object, data)).unwrap_or_default()
}

fn keys(commit: &RunCommit) -> impl Iterator<Item = (Key<'_>, &ObjectChange)> {
    let org = commit.run.org;
    commit.object_changes.iter().map(move |change| (Key { org, object: change.object, id: &change.id }, change))
}

/// What a write makes of a record, and which of its fields it changes; nothing if it deletes what is not there.
fn become_of<'a>(
    present: Option<&State<'a>>,
    data: Option<&'a Value>,
    stamp: &Stamp,
) -> Option<(Happened, State<'a>, Vec<String>)> {
    let there = present.filter(|state| state.data.is_some());
    let (happened, version, created) = match (there, data) {
        (None, None) => return None,
        (None, Some(_)) => (Happened::Created, 1, stamp),
        (Some(state), Some(_)) => (Happened::Updated, state.version.saturating_add(1), &state.created),
        (Some(state), None) => (Happened::Deleted, state.version, &state.created),
    };
    let changed = match data {
        Some(_) => changed_fields(there.and_then(|state| state.data.as_deref()), data),
        None => Vec::new(),
    };
    let mut sources = there.map(|state| state.sources.clone()).unwrap_or_default();
    for source in &mut sources {
        source.fields.retain(|field| data.is_some_and(|data| data.get(field).is_some()) && !changed.contains(field));
    }
    sources.retain(|source| !source.fields.is_empty());
    let fields: Vec<_> =
        changed.iter().filter(|field| data.is_some_and(|data| data.get(field).is_some())).cloned().collect();
    if !fields.is_empty() {
        sources.push(Source { stamp: stamp.clone(), fields });
    }
    let state =
        State { version, data: data.map(Cow::Borrowed), created: created.clone(), updated: stamp.clone(), sources };
    Some((happened, state, changed))
}

fn record(key: &Key<'_>, state: &State<'_>) -> ObjectRecord {
    ObjectRecord {
        object: key.object,
        id: key.id.to_owned(),
        version: state.version,
        data: state.data.as_deref().cloned(),
        created: state.created.clone(),
        updated: state.updated.clone(),
        sources: state.sources.clone(),
    }
}
