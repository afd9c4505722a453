//! What changed here is written at the vendor.
//!
//! A row of the outbox says that a record may differ from what the vendor has. What it has is known from the link's base, so the
//! fields that differ are written and no others; if none do, it was an echo, and nobody is asked.
//!
//! A record that is the same as another one here by what the mapping joins by first is not made there beside it (`twins.rs`).
//!
//! Before anything is written, the vendor is asked for what it has now, where that may be news: linked records that go both ways,
//! because people may have changed them there in the same moment, and then somebody's value has to give way by the rules
//! rather than by who writes last; and records that are to be made there, because somebody may have made them already
//! (`look_up.rs`). What such a question finds is committed and ends the step; the rows stay, and are planned anew from what is
//! known then. Rejected: to go on in the same step with what was merged (a conflict at the commit would throw away that
//! the vendor was written to), and to write without asking (the vendor's own later change would be overwritten unseen).
//!
//! A hub that ends between the vendor's answer and the commit has written what it does not know of. The next try writes it again:
//! a record that was made is found by the look-up, and a vendor that cannot be searched at once knows it by the write's key or
//! by the record's id, which are the same again ([`key_of`]).

mod known;
mod look_up;
mod missing;
mod settle;
mod stamp;
#[cfg(test)]
mod tests;
mod twins;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use patchbay_model::{
    Failure, OrgId, PluginId, Timestamp,
    filter::Filter,
    object::{ObjectRecord, StandardObject},
    sync::{Base, Direction, FieldProblem, Mapping, OnDelete, Problem, SyncFailure, SyncLink, to_push},
};
use patchbay_package::manifest::sync::SyncDecl;
use patchbay_runtime::{Finished, SyncWrite};
use patchbay_storage::LinkChange;
use serde_json::{Map, Value};

use super::{
    Sync,
    apply::Applied,
    direction_of, mapping_of,
    step::{Stepped, Then},
};
use crate::{call::Call, hub::Inner, idempotency::hash_of};

pub(crate) use known::Known;

/// Ids or values that a plugin is asked for at once.
const ASKED: usize = 100;

/// A field of a record was not written, because of its value.
const LEFT_OUT: &str = "field_left_out";
/// The vendor does not take a record.
const REFUSED: &str = "refused";
/// The vendor's counterpart is that of another record, or the vendor would take it for that.
const DUPLICATE: &str = "duplicate";

/// What is done next about rows of the outbox.
pub(crate) enum Push {
    /// The vendor has all of it: that is committed, and the plugin is not called.
    Quiet(Box<Stepped>),
    /// The plugin was asked what the vendor has, and there is something to be committed before anything is written, or it failed.
    Asked(Box<Asked>),
    /// The plugin is to write something.
    Write(Box<Writes>),
}

/// A question that ends a step.
pub(crate) struct Asked {
    /// As which it is committed.
    pub(crate) call: Call,
    /// How it ended, and what comes of it.
    pub(crate) finished: Finished<Stepped>,
}

/// What a plugin is to write.
pub(crate) struct Writes {
    /// As which call.
    pub(crate) call: Call,
    /// What, and what is known of it.
    pub(crate) planned: Planned,
}

impl Writes {
    /// What the plugin is given.
    pub(crate) fn asked(&self) -> Vec<SyncWrite> {
        self.planned.writes.iter().map(|planned| planned.write.clone()).collect()
    }
}

/// What is written in one step, and what the step comes to beside that.
#[derive(Debug)]
pub(crate) struct Planned {
    writes: Vec<PlannedWrite>,
    stepped: Stepped,
}

/// A write, with what is known once it is done.
#[derive(Debug)]
struct PlannedWrite {
    write: SyncWrite,
    /// The row of the outbox.
    row: (String, u64),
    /// The pair, if there is one.
    link: Option<SyncLink>,
    /// What the vendor has once it is done.
    base: Base,
}

/// How a sync goes out.
struct Out<'a> {
    sync: &'a Sync,
    decl: &'a SyncDecl,
    direction: Direction,
    /// Without what goes another way than the sync.
    mapping: Mapping,
    only: Filter,
}

/// What is stored about rows of the outbox.
#[derive(Default)]
struct Stored {
    records: HashMap<String, ObjectRecord>,
    /// By record; with those that are gone.
    links: HashMap<String, SyncLink>,
    known: Known,
}

/// What becomes of rows, before the vendor is asked for anything.
struct Sorted {
    /// Records with their counterparts, and what differs.
    updates: Vec<PlannedWrite>,
    /// Records without.
    creates: Vec<PlannedWrite>,
    deletes: Vec<PlannedWrite>,
    /// Records that these name and that have no counterpart.
    missing: BTreeSet<(StandardObject, String)>,
    stepped: Stepped,
}

impl<'a> Out<'a> {
    /// None of a sync that does not go out.
    fn of(sync: &'a Sync, decl: &'a SyncDecl) -> Option<Self> {
        let direction = direction_of(&sync.state, decl).filter(|direction| direction.is_outward())?;
        let mapping = mapping_of(&sync.state, decl).within(direction);
        let only = sync.state.settings.only.clone().unwrap_or_default();
        Some(Self { sync, decl, direction, mapping, only })
    }

    const fn org(&self) -> OrgId {
        self.sync.org
    }

    const fn plugin(&self) -> &PluginId {
        self.sync.plugin()
    }

    const fn object(&self) -> StandardObject {
        self.sync.object()
    }

    /// How many rows one step takes.
    fn most(&self) -> usize {
        let batch = usize::try_from(self.decl.batch).unwrap_or(ASKED);
        match self.direction.is_inward() || !self.mapping.join.is_empty() {
            true => batch.min(ASKED),
            false => batch,
        }
    }

    fn deletes_there(&self) -> bool {
        self.sync.state.settings.push_deletes && self.decl.deletes.contains(&Direction::Out)
    }
}

impl Inner {
    /// What is done about these rows of the outbox, of which it may take fewer. `call` is the first that is made, if one is.
    pub(crate) async fn plan_push(
        &self,
        call: Call,
        sync: &Sync,
        decl: &SyncDecl,
        mut rows: Vec<(String, u64)>,
    ) -> Result<Push, Failure> {
        let Some(out) = Out::of(sync, decl) else {
            let mut stepped = Stepped::of(sync.commit(), Then::Again(None));
            stepped.commit.outbox_done = rows;
            return Ok(Push::Quiet(Box::new(stepped)));
        };
        rows.truncate(out.most());
        let stored = self.load_rows(&out, &rows).await?;
        let Sorted { updates, creates, deletes, missing, mut stepped } = sort(&out, rows, &stored);
        let (call, looks) = match self.look_there(&out, call, &updates).await? {
            Looked::Same(call, looks) => (*call, looks),
            Looked::News(asked) => return Ok(Push::Asked(asked)),
        };
        let (call, looks) = match self.join_there(&out, (call, looks), &creates, &stored).await? {
            Looked::Same(call, looks) => (*call, looks),
            Looked::News(asked) => return Ok(Push::Asked(asked)),
        };
        let creates = self.without_twins(&out, creates, &mut stepped).await?;
        self.send_missing(&out, missing, call.hops).await?;
        let mut planned = Planned { writes: updates, stepped };
        planned.stepped.counts.calls += looks;
        planned.writes.extend(creates);
        planned.writes.extend(deletes);
        if planned.writes.is_empty() {
            return Ok(Push::Quiet(Box::new(planned.stepped)));
        }
        Ok(Push::Write(Box::new(Writes { call, planned })))
    }

    async fn load_rows(&self, out: &Out<'_>, rows: &[(String, u64)]) -> Result<Stored, Failure> {
        let ids: Vec<String> = rows.iter().map(|(id, _)| id.clone()).collect();
        let mut tx = self.database.read().await?;
        let mut ours = tx.org(out.org());
        let records = ours.objects().get_many(out.object(), &ids).await?;
        let mut links = ours.syncs().ever_linked(out.plugin(), out.object(), &ids).await?;
        // of several of a record one that is there counts: the last
        links.sort_by_key(|link| link.gone_at.is_none());
        let known = Known::load(&mut ours, out.plugin(), out.object(), &out.mapping, &records).await?;
        Ok(Stored {
            records: records.into_iter().map(|record| (record.id.clone(), record)).collect(),
            links: links.into_iter().map(|link| (link.record_id.clone(), link)).collect(),
            known,
        })
    }
}

/// Whether the vendor has something that is not known here.
enum Looked {
    /// It has not: with a call that has not been made, and how many were made to find that out.
    Same(Box<Call>, u64),
    News(Box<Asked>),
}

/// Finds out what is to become of each row.
fn sort(out: &Out<'_>, rows: Vec<(String, u64)>, stored: &Stored) -> Sorted {
    let mut sorted = Sorted {
        updates: Vec::new(),
        creates: Vec::new(),
        deletes: Vec::new(),
        missing: BTreeSet::new(),
        stepped: Stepped::of(out.sync.commit(), Then::Again(None)),
    };
    let settings = &out.sync.state.settings;
    for (id, seq) in rows {
        let (record, link) = (stored.records.get(&id), stored.links.get(&id));
        let (link, gone) = match link {
            Some(link) if link.gone_at.is_some() => (None, Some(link)),
            link => (link, None),
        };
        let counts = &mut sorted.stepped.counts;
        match (record, link) {
            (None, Some(link)) if out.deletes_there() => {
                sorted.deletes.push(delete(out, link, (id, seq)));
                continue;
            }
            (None, Some(link)) => {
                counts.skipped += 1;
                // by its link it is known when it is read again, and is not made here anew
                if !out.direction.is_inward() {
                    sorted.stepped.commit.links.push(end_of(link));
                }
            }
            (None, None) => sorted.stepped.commit.links.extend(gone.map(end_of)),
            (Some(record), _) if !out.only.matches(data_of(record)) => counts.skipped += 1,
            // deleted there on purpose, as far as anybody knows: an edit here does not bring it back
            (Some(_), None) if gone.is_some() && settings.deletes != OnDelete::Ignore => counts.skipped += 1,
            (Some(_), None) if !settings.create_there => counts.skipped += 1,
            (Some(record), link) => {
                let (planned, problems) = write(out, &stored.known, record, link, (id.clone(), seq));
                sorted.missing.extend(missing(&out.mapping, &planned.write.data, &problems));
                sorted.stepped.commit.failures.extend(left_out(&planned, &problems));
                match (planned.link.is_some(), planned.write.fields.is_empty()) {
                    (true, true) => counts.unchanged += 1,
                    // a record of which nothing goes there is not made there
                    (false, true) => counts.skipped += 1,
                    (true, false) => {
                        sorted.updates.push(planned);
                        continue;
                    }
                    (false, false) => {
                        sorted.stepped.commit.links.extend(gone.map(end_of));
                        sorted.creates.push(planned);
                        continue;
                    }
                }
            }
        }
        sorted.stepped.commit.outbox_done.push((id, seq));
    }
    sorted
}

fn end_of(link: &SyncLink) -> LinkChange {
    LinkChange::Remove { vendor_id: link.vendor_id.clone() }
}

/// What is written of a record: of a linked one what differs from what the vendor has, which may be nothing. And which fields
/// are left out.
fn write(
    out: &Out<'_>,
    known: &Known,
    record: &ObjectRecord,
    link: Option<&SyncLink>,
    row: (String, u64),
) -> (PlannedWrite, Vec<FieldProblem>) {
    let data = data_of(record);
    let outgoing = to_push(&out.mapping, link.map(|link| &link.base), data, known);
    let write = SyncWrite {
        key: key_of(out, &record.id, link.map(|_| record.version)),
        record: record.id.clone(),
        id: link.map(|link| link.vendor_id.clone()),
        fields: outgoing.fields,
        delete: false,
        data: data.clone(),
        references: known.references_of(&record.id),
    };
    (PlannedWrite { write, row, link: link.cloned(), base: outgoing.base }, outgoing.problems)
}

fn delete(out: &Out<'_>, link: &SyncLink, row: (String, u64)) -> PlannedWrite {
    let write = SyncWrite {
        key: key_of(out, &link.record_id, Some(link.version)),
        record: link.record_id.clone(),
        id: Some(link.vendor_id.clone()),
        fields: Map::new(),
        delete: true,
        data: Value::Null,
        references: BTreeMap::new(),
    };
    PlannedWrite { write, row, link: Some(link.clone()), base: Base::default() }
}

/// Records without a counterpart that a record names in fields which were left out for that.
fn missing(mapping: &Mapping, data: &Value, problems: &[FieldProblem]) -> Vec<(StandardObject, String)> {
    let unlinked = problems.iter().filter(|problem| problem.problem == Problem::Unlinked);
    let named = unlinked.filter_map(|problem| {
        let map = mapping.fields.iter().find(|map| map.hub == problem.hub && map.vendor == problem.vendor)?;
        Some((known::refers_to(map)?, known::texts(data.pointer(&map.hub))))
    });
    named.flat_map(|(object, ids)| ids.into_iter().map(move |id| (object, id))).collect()
}

/// What is told of fields that are left out because of what their value is.
fn left_out<'a>(planned: &'a PlannedWrite, problems: &'a [FieldProblem]) -> impl Iterator<Item = SyncFailure> + 'a {
    let invalid = problems.iter().filter(|problem| problem.problem == Problem::Invalid);
    invalid.map(|problem| SyncFailure {
        vendor_id: planned.write.id.clone(),
        record_id: Some(planned.write.record.clone()),
        code: LEFT_OUT.to_owned(),
        detail: format!("`{}` was not written to `{}`: {}", problem.hub, problem.vendor, problem.detail),
    })
}

/// Adds what becomes of what the vendor said.
fn take_over(stepped: &mut Stepped, applied: Applied) {
    stepped.counts = stepped.counts.plus(applied.counts);
    stepped.records.extend(applied.records);
    stepped.hints.extend(applied.hints);
    stepped.commit.links.extend(applied.links);
    stepped.commit.outbox_add.extend(applied.outbox);
    stepped.commit.conflicts.extend(applied.conflicts);
    stepped.commit.failures.extend(applied.failures);
}

/// A record's data. Those that are here have some.
fn data_of(record: &ObjectRecord) -> &Value {
    static NOTHING: Value = Value::Null;
    record.data.as_ref().unwrap_or(&NOTHING)
}

/// By what a vendor may know a write that comes again. Of a record that is made there it does not depend on what the record is:
/// one that changed since the try of which nothing is known is to be made once all the same.
fn key_of(out: &Out<'_>, record: &str, version: Option<u64>) -> String {
    let org = out.org().to_string();
    let version = version.map_or_else(|| "new".to_owned(), |version| version.to_string());
    let parts = [org.as_str(), out.plugin().as_str(), out.object().as_str(), record, version.as_str()];
    let parts = parts.map(str::as_bytes);
    hex::encode(hash_of(&parts))
}

/// A time that a plugin gave, in milliseconds since the epoch; none for what is no time.
fn instant(millis: Option<u64>) -> Option<Timestamp> {
    millis.and_then(super::place::instant)
}
