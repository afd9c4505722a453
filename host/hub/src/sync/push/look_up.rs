//! What the vendor has now of what is to be written: linked records as people may have changed them there, and records that
//! somebody may have made there already.
//!
//! Each question is a run of its own. One that finds nothing is committed at once, and the step goes on; one that finds
//! something ends the step, so that what it found is stored before anything is built on it. A step that ends so always
//! changes a link, and what it was about is not news the next time: it cannot go on for ever.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use patchbay_model::{
    Code, Failure,
    object::ObjectRecord,
    sync::{Base, OnDelete, SyncLink, join_out, to_hub},
};
use patchbay_runtime::{Finished, SyncChange, SyncItem, SyncPage, SyncPull, SyncScope};
use patchbay_storage::LinkChange;
use serde_json::Value;
use tracing::Instrument as _;

use super::{ASKED, Asked, Looked, Out, PlannedWrite, Stored, instant, stamp::stamped, take_over};
use crate::{
    call::Call,
    hub::Inner,
    sync::{
        apply, mapping_of,
        step::{Stepped, Then},
    },
};

/// Pages of one question.
const MOST_PAGES: usize = 20;

/// Records that are looked for by one field: by its values in small letters, those as they are, and the places of the writes.
pub(super) type Wanted = BTreeMap<String, (String, Vec<usize>)>;

/// A record and the vendor's item that is the same one.
pub(super) struct Pair<'a> {
    pub(super) record: &'a ObjectRecord,
    pub(super) item: SyncItem,
}

impl Inner {
    /// Asks for linked records as the vendor has them now, if values come from there at all. What has changed there is
    /// merged first.
    pub(super) async fn look_there(
        &self,
        out: &Out<'_>,
        call: Call,
        updates: &[PlannedWrite],
    ) -> Result<Looked, Failure> {
        let links: HashMap<&str, &PlannedWrite> =
            updates.iter().filter_map(|planned| Some((planned.link.as_ref()?.vendor_id.as_str(), planned))).collect();
        if links.is_empty() || !out.direction.is_inward() {
            return Ok(Looked::Same(Box::new(call), 0));
        }
        let ids = links.keys().map(|id| (*id).to_owned()).collect();
        let finished = self.ask_there(&call, question(out, SyncScope::Ids(ids), None)).await;
        let (page, finished) = taken(finished);
        let Some(SyncPage { changes, pause_ms, .. }) = page else {
            return Ok(Looked::News(failed(call, finished)));
        };
        let news: Vec<SyncChange> = changes.into_iter().filter(|change| is_news(change, &links)).collect();
        if news.is_empty() {
            let call = self.nothing_found(call, finished).await?;
            return Ok(Looked::Same(Box::new(call), 1));
        }
        let stepped = self.merge_news(out, &call, &links, news, pause_ms).await?;
        Ok(Looked::News(found(call, finished, stepped)))
    }

    async fn merge_news(
        &self,
        out: &Out<'_>,
        call: &Call,
        links: &HashMap<&str, &PlannedWrite>,
        news: Vec<SyncChange>,
        pause_ms: Option<u64>,
    ) -> Result<Stepped, Failure> {
        let mut stepped = Stepped::of(out.sync.commit(), Then::after(pause_ms, None));
        let by = apply::By {
            sync: out.sync,
            manifest: call.plugin().manifest(),
            mapping: mapping_of(&out.sync.state, out.decl),
            seen_in: None,
            goes_out: true,
        };
        // what is deleted there and stays linked is made anew by this very push
        let is_made_anew = out.sync.state.settings.deletes == OnDelete::Ignore;
        let is_to_apply = |change: &&SyncChange| !is_made_anew || !matches!(change, SyncChange::Deleted(_));
        let applied = self.apply_changes(&by, news.iter().filter(is_to_apply).cloned().collect()).await?;
        take_over(&mut stepped, applied);
        stepped.counts.calls += 1;
        for change in &news {
            settle_link(&mut stepped, links, change, is_made_anew);
        }
        Ok(stepped)
    }

    /// Asks whether the vendor has records that are to be made there. Those that it has are linked instead. Beside the call stands
    /// how many were made in this step before it.
    pub(super) async fn join_there(
        &self,
        out: &Out<'_>,
        (mut call, mut looks): (Call, u64),
        creates: &[PlannedWrite],
        stored: &Stored,
    ) -> Result<Looked, Failure> {
        for (field, wanted) in wanted(out, creates, stored) {
            let values: Vec<String> = wanted.values().take(ASKED).map(|(value, _)| value.clone()).collect();
            let (mut cursor, mut pages) = (None, 0);
            loop {
                let scope = SyncScope::Matching { field: field.clone(), values: values.clone() };
                let finished = self.ask_there(&call, question(out, scope, cursor)).await;
                let (page, finished) = taken(finished);
                let Some(SyncPage { changes, next, pause_ms, .. }) = page else {
                    return Ok(Looked::News(failed(call, finished)));
                };
                looks += 1;
                let items = self.without_counterpart(out, changes).await?;
                let pairs = pair(out, items, &field, &wanted, creates, stored);
                if !pairs.is_empty() {
                    let mut stepped = self.join_found(out, pairs, Then::after(pause_ms, None));
                    stepped.counts.calls = looks;
                    return Ok(Looked::News(found(call, finished, stepped)));
                }
                call = self.nothing_found(call, finished).await?;
                pages += 1;
                cursor = next;
                if cursor.is_none() {
                    break;
                }
                if pages >= MOST_PAGES {
                    let detail = format!("the plugin did not end the look-up of {} values", values.len());
                    return Err(Failure::new(Code::PluginOutputInvalid, detail));
                }
            }
        }
        Ok(Looked::Same(Box::new(call), looks))
    }

    /// The vendor's items of which no record here is the counterpart.
    async fn without_counterpart(&self, out: &Out<'_>, changes: Vec<SyncChange>) -> Result<Vec<SyncItem>, Failure> {
        let items: Vec<SyncItem> = changes
            .into_iter()
            .filter_map(|change| match change {
                SyncChange::Found(item) => Some(item),
                SyncChange::Deleted(_) | SyncChange::Merged { .. } => None,
            })
            .collect();
        if items.is_empty() {
            return Ok(items);
        }
        let ids: Vec<String> = items.iter().map(|item| item.id.clone()).collect();
        let mut tx = self.database.read().await?;
        let linked = tx.org(out.org()).syncs().links_by_vendor(out.plugin(), out.object(), &ids).await?;
        let linked: HashSet<String> = linked.into_iter().map(|link| link.vendor_id).collect();
        Ok(items.into_iter().filter(|item| !linked.contains(&item.id)).collect())
    }

    /// Links what was found to be the same. What the vendor has is not taken over here: nothing is known to be the same on both
    /// sides yet, so the next step merges the two, as whatever both have changed.
    fn join_found(&self, out: &Out<'_>, pairs: Vec<Pair<'_>>, then: Then) -> Stepped {
        let mut stepped = Stepped::of(out.sync.commit(), then);
        let now = self.clock.now();
        for Pair { record, item } in pairs {
            stepped.records.extend(stamped(record, out.sync.whose(), &item.id, item.url.as_deref()));
            let link = SyncLink {
                vendor_id: item.id,
                record_id: record.id.clone(),
                base: Base::default(),
                vendor_at: None,
                url: item.url,
                seen_in: None,
                version: 0,
                synced_at: now,
                gone_at: None,
            };
            stepped.commit.links.push(LinkChange::Put { link, expected: Some(0) });
        }
        stepped
    }

    async fn ask_there(&self, call: &Call, pull: SyncPull) -> Finished<SyncPage> {
        let calling = call.plugin().pull(call.invocation(None), pull);
        let mut finished = call.unless_broken_off(self, calling.instrument(call.span.clone())).await;
        // a question
        finished.effects.drop_writes();
        finished
    }

    /// Commits a question whose answer changes nothing, and gives the next call.
    async fn nothing_found(&self, call: Call, finished: Finished<()>) -> Result<Call, Failure> {
        let mut next = Call::new(self, Arc::clone(&call.serving), call.kind, call.operation.clone());
        (next.hops, next.is_behind) = (call.hops, call.is_behind);
        call.commit(self, finished, None).await.result?;
        Ok(next)
    }
}

fn question(out: &Out<'_>, scope: SyncScope, cursor: Option<Value>) -> SyncPull {
    let mapping = mapping_of(&out.sync.state, out.decl);
    let mut fields: Vec<String> = mapping.vendor_fields().into_iter().map(str::to_owned).collect();
    if let SyncScope::Matching { field, .. } = &scope
        && !fields.contains(field)
    {
        fields.push(field.clone());
    }
    let limit = match &scope {
        SyncScope::Ids(ids) => u32::try_from(ids.len()).unwrap_or(out.decl.page),
        _ => out.decl.page,
    };
    SyncPull { resource: out.decl.resource.clone(), fields, scope, cursor, state: None, limit }
}

/// What a question gave, and the rest of its call.
fn taken(finished: Finished<SyncPage>) -> (Option<SyncPage>, Finished<()>) {
    let Finished { result, effects, figures, upstream_status, started_at, finished_at } = finished;
    let (page, result) = match result {
        Ok(page) => (Some(page), Ok(())),
        Err(failure) => (None, Err(failure)),
    };
    (page, Finished { result, effects, figures, upstream_status, started_at, finished_at })
}

fn found(call: Call, finished: Finished<()>, stepped: Stepped) -> Box<Asked> {
    Box::new(Asked { call, finished: finished.map(|()| stepped) })
}

/// A question that failed: nothing is stored but its run.
fn failed(call: Call, finished: Finished<()>) -> Box<Asked> {
    let Finished { result, effects, figures, upstream_status, started_at, finished_at } = finished;
    let unknown = || Failure::internal("a question failed without a reason");
    let result = Err(result.err().unwrap_or_else(unknown));
    Box::new(Asked { call, finished: Finished { result, effects, figures, upstream_status, started_at, finished_at } })
}

/// True if the vendor has changed what it was asked for since that was last read or written. Of a vendor that does not say
/// when something changed this is not known, and ours is written.
pub(super) fn is_news(change: &SyncChange, links: &HashMap<&str, &PlannedWrite>) -> bool {
    match change {
        SyncChange::Found(item) => links.get(item.id.as_str()).is_some_and(|planned| {
            let known = planned.link.as_ref().and_then(|link| link.vendor_at);
            // none is before any
            instant(item.modified_at) > known
        }),
        SyncChange::Deleted(id) => links.contains_key(id.as_str()),
        SyncChange::Merged { gone, .. } => gone.iter().any(|id| links.contains_key(id.as_str())),
    }
}

/// Sees to it that what was news is none the next time, whatever became of it.
pub(super) fn settle_link(
    stepped: &mut Stepped,
    links: &HashMap<&str, &PlannedWrite>,
    change: &SyncChange,
    is_made_anew: bool,
) {
    match change {
        SyncChange::Found(item) => {
            let Some(planned) = links.get(item.id.as_str()) else { return };
            let vendor_at = instant(item.modified_at);
            match stepped.commit.links.iter_mut().find(|known| vendor_id_of(known) == item.id) {
                Some(LinkChange::Put { link, .. }) => link.vendor_at = vendor_at,
                Some(LinkChange::Remove { .. }) => {}
                None => {
                    let Some(before) = &planned.link else { return };
                    let link = SyncLink { vendor_at, ..before.clone() };
                    stepped.commit.links.push(LinkChange::Put { link, expected: Some(before.version) });
                }
            }
        }
        SyncChange::Deleted(id) => {
            end_link(stepped, id);
            if let Some(planned) = links.get(id.as_str()).filter(|_| !is_made_anew) {
                // what the vendor deleted is not made there anew because it was changed here in the same moment
                stepped.commit.outbox_done.push(planned.row.clone());
            }
        }
        SyncChange::Merged { gone, .. } => {
            for id in gone.iter().filter(|id| links.contains_key(id.as_str())) {
                end_link(stepped, id);
            }
        }
    }
}

fn end_link(stepped: &mut Stepped, id: &str) {
    if !stepped.commit.links.iter().any(|known| vendor_id_of(known) == id) {
        stepped.commit.links.push(LinkChange::Remove { vendor_id: id.to_owned() });
    }
}

fn vendor_id_of(change: &LinkChange) -> &str {
    match change {
        LinkChange::Put { link, .. } => &link.vendor_id,
        LinkChange::Remove { vendor_id } => vendor_id,
    }
}

/// By what the vendor is to be looked through, the best first.
pub(super) fn wanted(out: &Out<'_>, creates: &[PlannedWrite], stored: &Stored) -> Vec<(String, Wanted)> {
    let mut all: Vec<(String, Wanted)> = Vec::new();
    for (place, planned) in creates.iter().enumerate() {
        for (field, value) in join_out(&out.mapping, &planned.write.data, &stored.known) {
            let known = all.iter().position(|(name, _)| *name == field);
            let known = known.unwrap_or_else(|| {
                all.push((field, Wanted::new()));
                all.len() - 1
            });
            if let Some((_, wanted)) = all.get_mut(known) {
                wanted.entry(value.to_lowercase()).or_insert_with(|| (value, Vec::new())).1.push(place);
            }
        }
    }
    let place_of = |field: &str| {
        let map = out.mapping.fields.iter().find(|map| map.vendor == field);
        map.and_then(|map| out.mapping.join.iter().position(|hub| *hub == map.hub))
    };
    all.sort_by_key(|(field, _)| place_of(field).unwrap_or(usize::MAX));
    all
}

/// Which of the vendor's items is which record: each once, those that were changed last first.
pub(super) fn pair<'a>(
    out: &Out<'_>,
    mut items: Vec<SyncItem>,
    field: &str,
    wanted: &Wanted,
    creates: &'a [PlannedWrite],
    stored: &'a Stored,
) -> Vec<Pair<'a>> {
    items.sort_by(|one, other| other.modified_at.cmp(&one.modified_at).then_with(|| one.id.cmp(&other.id)));
    let (mut pairs, mut taken, mut used) = (Vec::new(), HashSet::new(), HashSet::new());
    for item in items {
        let by_value = item.fields.get(field).and_then(text).and_then(|value| wanted.get(&value.to_lowercase()));
        let places: Vec<usize> = match by_value {
            Some((_, places)) => places.clone(),
            // the vendor compares in its own way: as we read it, it may be the same all the same
            None => places_by_hub(out, &item, field, wanted, creates, stored),
        };
        let free = places.into_iter().find(|place| !taken.contains(place));
        let planned = free.and_then(|place| Some((place, creates.get(place)?)));
        let Some((place, planned)) = planned else { continue };
        let Some(record) = stored.records.get(&planned.write.record) else { continue };
        if used.insert(item.id.clone()) {
            taken.insert(place);
            pairs.push(Pair { record, item });
        }
    }
    pairs
}

/// Records whose own value is what the vendor's means.
fn places_by_hub(
    out: &Out<'_>,
    item: &SyncItem,
    field: &str,
    wanted: &Wanted,
    creates: &[PlannedWrite],
    stored: &Stored,
) -> Vec<usize> {
    let mapping = mapping_of(&out.sync.state, out.decl);
    let mapped = to_hub(mapping, &item.fields, &stored.known);
    let hubs = mapping.fields.iter().filter(|map| map.vendor == field && mapping.join.contains(&map.hub));
    let theirs: Vec<(&str, &Value)> =
        hubs.filter_map(|map| Some((map.hub.as_str(), mapped.values.get(&map.hub)?.as_ref()?))).collect();
    let is_same = |place: &usize| {
        let data = creates.get(*place).map(|planned| &planned.write.data);
        data.is_some_and(|data| theirs.iter().any(|(hub, value)| data.pointer(hub) == Some(*value)))
    };
    wanted.values().flat_map(|(_, places)| places.iter().copied()).filter(is_same).collect()
}

/// A scalar as text.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
