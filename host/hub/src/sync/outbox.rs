//! Records that changed here and wait to be written at a vendor: taken from the org's events, into the outbox of each sync that
//! goes out.
//!
//! A row of the outbox is a record's id and nothing of what changed: what is written is decided from the record as it is when its
//! turn comes, by comparing it with what the vendor is known to have. So a record that changes ten times in a minute is written
//! once, and an event that is handed on twice writes nothing twice.
//!
//! What the sync's own plugin wrote, it has from the vendor: its events are left alone, but for one thing. When a record gets
//! its counterpart at the vendor, those that refer to it (the deals of a contact) can be told of it there, so they are looked
//! at once more.
//!
//! Which of an org's syncs go out is kept under the version of who is concerned by its events, as for plugins that take in
//! events (`relay/plugins.rs`): whoever switches a sync or its plugin on or off, or turns it round, changes that version in that
//! transaction. What was here before that is found by the next run through all (`here.rs`).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Weak},
};

use futures::future::BoxFuture;
use patchbay_model::{
    Failure, JobId, OrgId, PluginId,
    event::MOST_HOPS,
    filter::Filter,
    installation::Installation,
    job::NewJob,
    object::{Happened, StandardObject, indexed_as},
    sync::{Mapping, SyncState, Transform},
};
use patchbay_storage::{OrgTx, RawEvent, Tx};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    hub::{Hub, Inner},
    relay::EventConsumer,
};

/// Records with one value that are found at the first look: there may be more of it.
const FEW: usize = 16;
/// Records that are read at once of a value that many have.
const PAGE: u32 = 200;
/// The most records that are looked at once more because of those that one hand-on, or one page, tells of.
const MOST_REFERRING: usize = 5_000;
/// The field of a record in which the engine writes its counterpart's id.
const EXTERNAL_IDS: &str = "external_ids";

/// Which of an org's syncs go out.
#[derive(Debug)]
pub(crate) struct Outward {
    /// Under which version of who is concerned by the org's events; 0: by nobody.
    version: u64,
    syncs: Vec<OutwardSync>,
}

#[derive(Debug)]
struct OutwardSync {
    plugin: PluginId,
    object: StandardObject,
    /// Fields of its records that name records of other objects, and of which. Only those that records are found by.
    references: Vec<(String, StandardObject)>,
}

/// What waits to be written: records, with the most events that led to one of them. In the order in which everybody takes syncs:
/// by plugin, and by the object's name.
type Waiting = BTreeMap<(PluginId, &'static str), (StandardObject, BTreeSet<String>, u32)>;

/// Records that are to be looked for: by sync, and by the field that has one of these.
type Referring = BTreeMap<(PluginId, StandardObject, String), (BTreeSet<String>, u32)>;

/// What is read of a change's facts.
#[derive(Deserialize)]
struct Changed {
    #[serde(default)]
    changed: Vec<String>,
}

/// The syncs of all orgs, as one consumer.
struct Outbox(Weak<Inner>);

/// From now on what changes here is written at vendors.
pub(crate) fn start(hub: &Hub) {
    hub.consume_events(Arc::new(Outbox(hub.downgrade())));
}

impl Outbox {
    async fn outward(&self, org: OrgId, version: u64) -> Option<(Arc<Inner>, Arc<Outward>)> {
        let hub = self.0.upgrade()?;
        let outward = hub.outward.cached(&org).await.filter(|outward| outward.version == version)?;
        Some((hub, outward))
    }
}

impl EventConsumer for Outbox {
    fn prepare(&self, org: OrgId) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async move {
            let Some(hub) = self.0.upgrade() else { return Ok(()) };
            // what is here is of another version, or not here
            hub.outward.invalidate(&org).await;
            let load = || async { hub.load_outward(org).await.map(Some) };
            hub.outward.get(&org, load).await?;
            Ok(())
        })
    }

    fn concerns(&self, org: OrgId, version: u64) -> BoxFuture<'_, Option<bool>> {
        Box::pin(async move {
            let (_, outward) = self.outward(org, version).await?;
            Some(!outward.syncs.is_empty())
        })
    }

    fn take<'a>(
        &'a self,
        tx: &'a mut Tx,
        org: OrgId,
        version: u64,
        events: &'a [RawEvent],
    ) -> BoxFuture<'a, Result<Option<bool>, Failure>> {
        Box::pin(async move {
            let Some((hub, outward)) = self.outward(org, version).await else { return Ok(None) };
            let (mut waiting, mut referring) = (Waiting::new(), Referring::new());
            for event in events {
                outward.sort(event, &mut waiting, &mut referring);
            }
            for ((plugin, object, field), (ids, hops)) in referring {
                for id in referring_to(&mut tx.org(org), object, &field, ids).await? {
                    note(&mut waiting, &plugin, object, id, hops);
                }
            }
            let now = hub.clock.now();
            let mut jobs = Vec::with_capacity(waiting.len());
            for ((plugin, _), (object, records, hops)) in waiting {
                let records: Vec<String> = records.into_iter().collect();
                if !tx.org(org).syncs().add_outbox(&plugin, object, &records).await? {
                    continue;
                }
                let id = JobId::new(&*hub.clock, &*hub.random);
                jobs.push(NewJob::sync(id, plugin, object, hops.saturating_add(1), now));
            }
            if !jobs.is_empty() {
                tx.org(org).jobs().enqueue(&jobs).await?;
            }
            Ok(Some(!jobs.is_empty()))
        })
    }

    fn committed(&self) {
        if let Some(hub) = self.0.upgrade() {
            hub.jobs.due_at(hub.clock.now());
        }
    }
}

impl Outward {
    /// Notes whom an event concerns, if it tells of a record.
    fn sort(&self, event: &RawEvent, waiting: &mut Waiting, referring: &mut Referring) {
        let Some((object, happened)) = record_of(&event.kind) else { return };
        if event.hops >= MOST_HOPS {
            return;
        }
        let mut is_new_there: Option<bool> = None;
        for sync in &self.syncs {
            if event.source.as_ref() != Some(&sync.plugin) {
                if sync.object == object {
                    note(waiting, &sync.plugin, object, event.subject.clone(), event.hops);
                }
                continue;
            }
            if happened == Happened::Deleted {
                continue;
            }
            for (field, _) in sync.references.iter().filter(|(_, to)| *to == object) {
                if *is_new_there.get_or_insert_with(|| has_new_counterpart(event)) {
                    let key = (sync.plugin.clone(), sync.object, field.clone());
                    let (ids, hops) = referring.entry(key).or_default();
                    ids.insert(event.subject.clone());
                    *hops = event.hops.max(*hops);
                }
            }
        }
    }
}

fn note(waiting: &mut Waiting, plugin: &PluginId, object: StandardObject, id: String, hops: u32) {
    let key = (plugin.clone(), object.as_str());
    let (_, ids, most) = waiting.entry(key).or_insert_with(|| (object, BTreeSet::new(), 0));
    ids.insert(id);
    *most = hops.max(*most);
}

/// Of which object's record a type of events tells, and what.
fn record_of(kind: &str) -> Option<(StandardObject, Happened)> {
    let (object, happened) = kind.rsplit_once('.')?;
    let happened = Happened::ALL.into_iter().find(|known| known.as_str() == happened)?;
    Some((object.parse().ok()?, happened))
}

/// True if a change wrote down which of the vendor's a record is.
fn has_new_counterpart(event: &RawEvent) -> bool {
    // a plugin may publish what it likes under such a type: what is no change of a record is none
    serde_json::from_str::<Changed>(&event.data)
        .is_ok_and(|facts| facts.changed.iter().any(|field| field == EXTERNAL_IDS))
}

/// Records of an object that have one of these ids in an indexed field. Most are had by few: only of those that the first look
/// does not find all of, all are read.
pub(super) async fn referring_to(
    ours: &mut OrgTx<'_>,
    object: StandardObject,
    field: &str,
    ids: BTreeSet<String>,
) -> Result<BTreeSet<String>, Failure> {
    let named = ids.into_iter().map(Value::String);
    let values: BTreeMap<String, Value> = named.filter_map(|id| Some((indexed_as(&id)?, id))).collect();
    let asked: Vec<String> = values.keys().cloned().collect();
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (value, id) in ours.objects().ids_having(object, field, &asked).await? {
        found.entry(value).or_default().push(id);
    }
    let many: Vec<&Value> =
        found.iter().filter(|(_, ids)| ids.len() >= FEW).filter_map(|(v, _)| values.get(v)).collect();
    let mut all: BTreeSet<String> = BTreeSet::new();
    for id in many {
        if all.len() >= MOST_REFERRING {
            break;
        }
        let mut members = Map::new();
        members.insert(field.to_owned(), id.clone());
        let filter = Filter::parse(&Value::Object(members)).map_err(Failure::invalid)?;
        let mut after: Option<String> = None;
        loop {
            let page = ours.objects().find(object, &filter, after.as_deref(), PAGE).await?;
            all.extend(page.records.into_iter().map(|record| record.id));
            after = page.next;
            if after.is_none() || all.len() >= MOST_REFERRING {
                break;
            }
        }
    }
    all.extend(found.into_values().flatten());
    Ok(all)
}

/// Fields at a record's top that name records of other objects, as far as records are found by them.
fn references(object: StandardObject, mapping: &Mapping) -> Vec<(String, StandardObject)> {
    let outward = mapping.fields.iter().filter(|field| field.direction.is_outward());
    let found = outward.filter_map(|field| {
        let name = field.hub.strip_prefix('/').filter(|name| object.is_indexed(name))?;
        field.transforms.iter().find_map(|transform| match transform {
            Transform::Reference { object } => Some((name.to_owned(), *object)),
            _ => None,
        })
    });
    found.collect()
}

impl Inner {
    async fn load_outward(&self, org: OrgId) -> Result<Outward, Failure> {
        let mut tx = self.database.read().await?;
        let mut ours = tx.org(org);
        // first, so that what is read after it is no older
        let version = ours.relay().version().await?.unwrap_or_default();
        let states = ours.syncs().list(None).await?;
        let installations = match states.is_empty() {
            true => Vec::new(),
            false => ours.installations().list().await?,
        };
        drop(tx);
        let outward = |state: SyncState| {
            let installation = installations.iter().find(|one| one.plugin == state.plugin && one.enabled)?;
            let goes_out = state.settings.enabled && state.settings.direction.is_outward();
            goes_out.then(|| self.outward_sync(installation, state))
        };
        Ok(Outward { version, syncs: states.into_iter().filter_map(outward).collect() })
    }

    /// By the mapping of the version that would serve. Where none is known here, its records are not looked at once more when
    /// others get counterparts: that is known again within the minute that this is kept.
    fn outward_sync(&self, installation: &Installation, state: SyncState) -> OutwardSync {
        let SyncState { plugin, object, settings, .. } = state;
        let own = settings.mapping.as_ref().map(|mapping| references(object, mapping));
        let of_manifest = || {
            let catalogue = self.registry.catalogue();
            let version = catalogue.choice_within(installation)?;
            let declared = version.manifest().syncs.iter().find(|sync| sync.object == object)?;
            Some(references(object, &declared.mapping))
        };
        OutwardSync { plugin, object, references: own.or_else(of_manifest).unwrap_or_default() }
    }
}

#[cfg(test)]
mod tests;
