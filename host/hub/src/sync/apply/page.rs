//! A page that is being taken over: what becomes of each record and each link that it speaks of.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    slice,
};

use patchbay_model::{
    Code, SyncConflictId, Timestamp, Violation,
    object::{ObjectChange, Source},
    sync::{Mapped, Merged, OnDelete, SyncConflict, SyncFailure, SyncLink, changed_at, merge},
};
use patchbay_package::SchemaValidator;
use patchbay_runtime::SyncItem;
use patchbay_storage::LinkChange;
use serde_json::{Map, Value};

use super::{Applied, By, known::Known};
use crate::{
    hub::Inner,
    idempotency::node::new_uuid,
    sync::{
        counterpart::{self, has_others, made_id},
        place::instant,
    },
};

/// A page that is being taken over.
pub(super) struct Page<'a> {
    hub: &'a Inner,
    by: &'a By<'a>,
    plugin: &'a str,
    schema: &'a SchemaValidator,
    known: Known,
    now: Timestamp,
    /// What becomes of links, by the vendor's id; none: nothing is known of them any more.
    links: BTreeMap<String, Option<SyncLink>>,
    /// What becomes of records, by id; none: they are deleted.
    records: BTreeMap<String, Option<Value>>,
    /// Records that an item of this page was found to be the same as.
    claimed: HashSet<String>,
    /// Ids of records that others may refer to and that came to nothing.
    moved: BTreeSet<String>,
    out: Applied,
}

/// Why an item is not taken over.
struct Refused {
    code: Code,
    detail: String,
}

impl<'a> Page<'a> {
    pub(super) fn new(hub: &'a Inner, by: &'a By<'a>, schema: &'a SchemaValidator, known: Known) -> Self {
        Self {
            hub,
            by,
            plugin: by.sync.plugin().as_str(),
            schema,
            known,
            now: hub.clock.now(),
            links: BTreeMap::new(),
            records: BTreeMap::new(),
            claimed: HashSet::new(),
            moved: BTreeSet::new(),
            out: Applied::default(),
        }
    }

    /// One that is there.
    pub(super) fn found(&mut self, item: &SyncItem, mapped: Mapped) {
        let vendor_at = item.modified_at.and_then(instant);
        let taken = match self.link(&item.id).cloned() {
            Some(link) if vendor_at.is_some() && link.vendor_at > vendor_at => {
                // as it was before what is known: an index of the vendor's that lags behind
                self.out.counts.unchanged += 1;
                self.see(link);
                return;
            }
            Some(link) if self.data(&link.record_id).is_none() => {
                // deleted here, and not there: it is not made anew
                self.out.counts.skipped += 1;
                self.see(link);
                return;
            }
            Some(link) => {
                let record = link.record_id.clone();
                self.take(item, mapped, Some(link), record)
            }
            None => match self.same_as(&item.id) {
                Some(record) => {
                    self.claimed.insert(record.clone());
                    let made = made_id(self.plugin, &item.id);
                    self.moved.extend(made.filter(|made| *made != record));
                    self.take(item, mapped, None, record)
                }
                None => match self.new_id(&item.id) {
                    Ok(record) => self.take(item, mapped, None, record),
                    Err(refused) => Err(refused),
                },
            },
        };
        if let Err(Refused { code, detail }) = taken {
            self.out.counts.failed += 1;
            let vendor_id = Some(item.id.clone());
            let link = self.link(&item.id).cloned();
            let record_id = link.as_ref().map(|link| link.record_id.clone());
            self.out.failures.push(SyncFailure { vendor_id, record_id, code: code.as_str().to_owned(), detail });
            // it is there all the same
            if let Some(link) = link {
                self.see(link);
            }
        }
    }

    /// One that is not there any more.
    pub(super) fn deleted(&mut self, id: &str) {
        let Some(link) = self.linked(id).cloned() else {
            self.out.counts.unchanged += 1;
            return;
        };
        let on_delete = self.by.sync.state.settings.deletes;
        if on_delete == OnDelete::Ignore {
            self.out.counts.skipped += 1;
            return;
        }
        self.links.insert(id.to_owned(), None);
        self.part(&link, on_delete);
        self.out.counts.deleted += 1;
    }

    /// Several that became one. `is_to_ask`: the page does not say how that one is.
    pub(super) fn merged(&mut self, into: &str, gone: &[String], is_to_ask: bool) {
        let mut any = false;
        for id in gone {
            let Some(link) = self.linked(id).cloned() else { continue };
            any = true;
            self.out.counts.merged += 1;
            self.links.insert(id.clone(), None);
            let survivor = self.link(into).cloned();
            let data = self.data(&link.record_id).cloned();
            match (survivor, data) {
                (None, Some(mut data)) if made_id(self.plugin, into).is_some() => {
                    // its record goes on as that of the one that is left
                    counterpart::write(&mut data, self.by.sync.whose(), into, None);
                    self.records.insert(link.record_id.clone(), Some(data));
                    self.claimed.insert(link.record_id.clone());
                    let seen_in = self.by.seen_in;
                    let (vendor_id, vendor_at, url) = (into.to_owned(), None, None);
                    let link = SyncLink { vendor_id, vendor_at, url, seen_in, version: 0, synced_at: self.now, ..link };
                    self.moved.extend(made_id(self.plugin, into).filter(|made| *made != link.record_id));
                    self.links.insert(into.to_owned(), Some(link));
                }
                (Some(survivor), Some(_)) if survivor.record_id == link.record_id => {}
                (_, Some(_)) => {
                    self.part(&link, self.by.sync.state.settings.deletes);
                    self.moved.insert(link.record_id);
                }
                (_, None) => {}
            }
        }
        if any && is_to_ask {
            self.out.hints.push((self.by.sync.object(), into.to_owned()));
        }
    }

    /// What is to be written, and ids of records that others may refer to and that came to nothing.
    pub(super) fn finish(self) -> (Applied, BTreeSet<String>) {
        let Self { by, known, links, records, moved, mut out, .. } = self;
        let mut puts = Vec::new();
        for (vendor_id, after) in links {
            let before = known.links.get(&vendor_id);
            match after {
                // as it was
                Some(link) if before == Some(&link) => {}
                Some(link) => {
                    let expected = Some(before.map_or(0, |before| before.version));
                    puts.push(LinkChange::Put { link, expected });
                }
                None if before.is_some() => out.links.push(LinkChange::Remove { vendor_id }),
                None => {}
            }
        }
        // those that end first: a record may go from one to another
        out.links.extend(puts);
        for (id, data) in records {
            let before = known.records.get(&id);
            let expected = Some(before.map_or(0, |record| record.version));
            if before.and_then(|record| record.data.as_ref()) != data.as_ref() {
                out.records.push(ObjectChange { object: by.sync.object(), id, data, expected });
            }
        }
        out.outbox.sort_unstable();
        out.outbox.dedup();
        (out, moved)
    }

    fn link(&self, vendor_id: &str) -> Option<&SyncLink> {
        match self.links.get(vendor_id) {
            Some(link) => link.as_ref(),
            None => self.known.links.get(vendor_id),
        }
    }

    /// The same, unless it is gone.
    fn linked(&self, vendor_id: &str) -> Option<&SyncLink> {
        self.link(vendor_id).filter(|link| link.gone_at.is_none())
    }

    /// True if this page has ended a link.
    fn has_ended(&self, vendor_id: &str) -> bool {
        let after = self.links.get(vendor_id);
        after.is_some_and(|link| link.as_ref().is_none_or(|link| link.gone_at.is_some()))
    }

    /// A record as it is by now; none if it is not there.
    fn data(&self, record: &str) -> Option<&Value> {
        match self.records.get(record) {
            Some(data) => data.as_ref(),
            None => self.known.records.get(record)?.data.as_ref(),
        }
    }

    /// Notes that the run through all has seen one of the vendor's.
    fn see(&mut self, link: SyncLink) {
        if self.by.seen_in.is_some() && link.seen_in != self.by.seen_in {
            self.links.insert(link.vendor_id.clone(), Some(SyncLink { seen_in: self.by.seen_in, ..link }));
        }
    }

    /// The record that is the same as one of the vendor's that has no link: none that has another link, or that another one of
    /// this page is.
    fn same_as(&self, vendor_id: &str) -> Option<String> {
        let candidates = self.known.candidates.get(vendor_id)?;
        let is_free = |record: &str| {
            let ids = self.known.linked.get(record).map_or(&[][..], Vec::as_slice);
            !self.claimed.contains(record) && ids.iter().all(|id| self.has_ended(id))
        };
        let same = candidates.iter().find(|candidate| {
            let data = self.data(&candidate.record);
            data.is_some_and(|data| candidate.is_same(data, self.by.sync.whose(), vendor_id))
                && is_free(&candidate.record)
        });
        same.map(|candidate| candidate.record.clone())
    }

    /// The id of a record that is made.
    fn new_id(&mut self, vendor_id: &str) -> Result<String, Refused> {
        let Some(made) = made_id(self.plugin, vendor_id) else {
            let detail = "the vendor's id is longer than the id of a record may be".to_owned();
            return Err(Refused { code: Code::InvalidInput, detail });
        };
        if self.data(&made).is_none() && !self.records.contains_key(&made) {
            return Ok(made);
        }
        // it is the record of another one by now, with which this one was once the same
        let other = format!("{}:{}", self.plugin, new_uuid(&*self.hub.clock, &*self.hub.random));
        self.moved.insert(made);
        Ok(other)
    }

    /// Brings an item and its record together.
    fn take(
        &mut self,
        item: &SyncItem,
        mut mapped: Mapped,
        link: Option<SyncLink>,
        record: String,
    ) -> Result<(), Refused> {
        let before = self.data(&record).cloned();
        let (merged, after) = self.valid(item, &mut mapped, link.as_ref(), &record, before.as_ref())?;
        let is_same = before.as_ref() == Some(&after);
        let counts = &mut self.out.counts;
        match (is_same, &before) {
            (true, _) => counts.unchanged += 1,
            (false, Some(_)) => counts.updated += 1,
            (false, None) => counts.created += 1,
        }
        self.note_conflicts(item, &record, &merged);
        if merged.push && self.by.goes_out {
            self.out.outbox.push(record.clone());
        }
        let is_news = self.relink(item, link, &record, merged) || !is_same;
        if is_news {
            // of what is read again and again it was told before
            self.note_problems(item, &record, &mapped);
        }
        if !is_same {
            self.records.insert(record, Some(after));
        }
        Ok(())
    }

    /// What becomes of a record, valid by its schema: fields that are not are left out.
    fn valid(
        &self,
        item: &SyncItem,
        mapped: &mut Mapped,
        link: Option<&SyncLink>,
        record: &str,
        before: Option<&Value>,
    ) -> Result<(Merged, Value), Refused> {
        let (mapping, wins) = (self.by.mapping, self.by.sync.state.settings.wins);
        let sources: &[Source] = self.known.records.get(record).map_or(&[][..], |record| record.sources.as_slice());
        let at = |field: &str| changed_at(sources, field);
        let (base, vendor_at) = (link.map(|link| &link.base), item.modified_at.and_then(instant));
        loop {
            let merged = merge(mapping, wins, base, before, at, &*mapped, vendor_at);
            let same = || before.cloned().unwrap_or_else(|| Value::Object(Map::new()));
            let mut after = merged.record.clone().unwrap_or_else(same);
            counterpart::write(&mut after, self.by.sync.whose(), &item.id, item.url.as_deref());
            if before == Some(&after) {
                return Ok((merged, after));
            }
            let Err(violations) = self.schema.validate(&after) else { return Ok((merged, after)) };
            let mut any_is_left_out = false;
            for Violation { pointer, expected } in &violations {
                any_is_left_out |= mapped.refuse(mapping, pointer, expected);
            }
            if !any_is_left_out {
                return Err(refused(&violations));
            }
        }
    }

    fn note_conflicts(&mut self, item: &SyncItem, record: &str, merged: &Merged) {
        for conflict in &merged.conflicts {
            self.out.counts.conflicts += 1;
            self.out.conflicts.push(SyncConflict {
                id: SyncConflictId::new(&*self.hub.clock, &*self.hub.random),
                record_id: record.to_owned(),
                vendor_id: item.id.clone(),
                field: conflict.field.clone(),
                hub: conflict.hub.clone(),
                vendor: conflict.vendor.clone(),
                winner: conflict.winner,
                at: self.now,
            });
        }
    }

    fn note_problems(&mut self, item: &SyncItem, record: &str, mapped: &Mapped) {
        let told = mapped.problems.iter().map(|problem| SyncFailure {
            vendor_id: Some(item.id.clone()),
            record_id: Some(record.to_owned()),
            code: format!("field_{}", problem.problem),
            detail: format!("{} ({}): {}", problem.hub, problem.vendor, problem.detail),
        });
        self.out.failures.extend(told);
    }

    /// Brings an item's link up to date. True if that says something new of the two.
    fn relink(&mut self, item: &SyncItem, link: Option<SyncLink>, record: &str, merged: Merged) -> bool {
        let base = merged.base;
        let vendor_at = item.modified_at.and_then(instant);
        let Some(before) = link else {
            let link = SyncLink {
                vendor_id: item.id.clone(),
                record_id: record.to_owned(),
                base,
                vendor_at,
                url: item.url.clone(),
                seen_in: self.by.seen_in,
                version: 0,
                synced_at: self.now,
                gone_at: None,
            };
            self.links.insert(item.id.clone(), Some(link));
            self.forget_gone(record);
            return true;
        };
        let url = item.url.clone().or_else(|| before.url.clone());
        if base == before.base && url == before.url && before.gone_at.is_none() {
            self.see(before);
            return false;
        }
        let vendor_at = vendor_at.or(before.vendor_at);
        let seen_in = self.by.seen_in.or(before.seen_in);
        let link = SyncLink { base, vendor_at, url, seen_in, synced_at: self.now, gone_at: None, ..before };
        self.links.insert(item.id.clone(), Some(link));
        true
    }

    /// A record that has a counterpart again has none that is gone.
    fn forget_gone(&mut self, record: &str) {
        let known = self.known.gone.get(record).into_iter().chain(self.known.linked.get(record)).flatten();
        let is_gone = |id: &&String| self.link(id).is_some_and(|link| link.gone_at.is_some());
        let gone: Vec<String> = known.filter(is_gone).cloned().collect();
        self.links.extend(gone.into_iter().map(|id| (id, None)));
    }

    /// What becomes of a record whose counterpart is gone; its link has ended already. If it stays without one, that is
    /// remembered: what was deleted there on purpose is not made there anew because somebody edits it here.
    fn part(&mut self, link: &SyncLink, on_delete: OnDelete) {
        let Some(mut data) = self.data(&link.record_id).cloned() else { return };
        let others = self.known.linked.get(&link.record_id).map_or(&[][..], Vec::as_slice);
        let other = others.iter().find(|id| **id != link.vendor_id && !self.has_ended(id));
        if let Some(other) = other {
            // another one of the vendor's is the same record, too
            counterpart::write(&mut data, self.by.sync.whose(), other, None);
            self.records.insert(link.record_id.clone(), Some(data));
            return;
        }
        let made_here = self
            .known
            .records
            .get(&link.record_id)
            .is_some_and(|record| record.created.plugin == *self.by.sync.plugin());
        let after = match on_delete {
            OnDelete::Delete if made_here && !has_others(&data, self.plugin) => None,
            OnDelete::Delete | OnDelete::Unlink | OnDelete::Ignore => {
                counterpart::erase(&mut data, self.plugin);
                Some(data)
            }
        };
        if after.is_some() {
            let gone = SyncLink { url: None, gone_at: Some(self.now), ..link.clone() };
            self.links.insert(link.vendor_id.clone(), Some(gone));
        }
        self.records.insert(link.record_id.clone(), after);
    }
}

/// Why a record is not taken over: the first of what is wrong with it.
fn refused(violations: &[Violation]) -> Refused {
    let first = violations.first().map(slice::from_ref).unwrap_or_default();
    let detail = match first {
        [Violation { pointer, expected }] if pointer.is_empty() => format!("the record: expected {expected}"),
        [Violation { pointer, expected }] => format!("{pointer}: expected {expected}"),
        _ => "the record does not fit its schema".to_owned(),
    };
    Refused { code: Code::InvalidInput, detail }
}
