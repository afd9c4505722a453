//! What a mapping would do to one record, before it does it to a hundred thousand: a dry run.

use std::sync::Arc;

use patchbay_model::{
    Code, Failure, Permission, PluginId, Timestamp,
    failure::at,
    object::{ObjectRecord, StandardObject, indexed_as},
    sync::{Mapping, Preview, Subject, SyncLink, SyncState, changed_at, join_in, preview, to_hub, validate},
};
use patchbay_package::{manifest::sync::SyncDecl, objects};
use patchbay_runtime::{SyncChange, SyncItem, SyncPull, SyncScope};

use super::{declared, place::instant, push::Known, settings::able};
use crate::{
    auth::Caller,
    call::CallFailure,
    hub::{Hub, Inner},
    queries::not_found,
    tenant::Serving,
};

/// The longest id of a vendor's or of ours, in bytes.
const MOST_ID: usize = 256;

/// Of what to show what a mapping would do.
#[derive(Debug, Clone, Default)]
pub struct PreviewSync {
    /// The record's id. Exactly one of both.
    pub record: Option<String>,
    /// The vendor's id of it.
    pub vendor_id: Option<String>,
    /// A mapping that is not put yet; none: as the sync is.
    pub mapping: Option<Mapping>,
}

/// What a mapping would do to one record.
#[derive(Debug, Clone, PartialEq)]
pub struct SyncPreviewView {
    /// The record's id; none if it would be made.
    pub record: Option<String>,
    /// The vendor's id; none if it would be made there.
    pub vendor_id: Option<String>,
    /// Before and after, on both sides.
    pub preview: Preview,
}

/// A pair, or half of one.
#[derive(Default)]
struct Found {
    record: Option<ObjectRecord>,
    link: Option<SyncLink>,
    item: Option<SyncItem>,
}

/// By what it is looked at.
struct Look<'a> {
    caller: &'a Caller,
    serving: &'a Arc<Serving>,
    decl: &'a SyncDecl,
    mapping: Mapping,
}

impl Hub {
    /// Shows what a sync's mapping would do to one record and its counterpart, and does nothing of it. Asks the plugin for the
    /// vendor's side of it. Needs the permissions `manage_installations` and `read_activity`. `not_found` if the plugin has no sync
    /// of the object, or there is no such record, here or there; `invalid_input` for a mapping that does not fit the object; and
    /// fails as a call of the plugin does.
    pub async fn sync_preview(
        &self,
        caller: &Caller,
        plugin: &PluginId,
        object: StandardObject,
        wanted: PreviewSync,
    ) -> Result<SyncPreviewView, CallFailure> {
        caller.require(Permission::ManageInstallations)?;
        let hub = &*self.0;
        let serving = hub.callable(caller.org, plugin).await?;
        let decl = declared(serving.plugin.manifest(), object).ok_or_else(|| not_found("sync"))?;
        caller.require(Permission::ReadActivity)?;
        let state = {
            let mut tx = hub.database.read().await.map_err(Failure::from)?;
            tx.org(caller.org).syncs().get(plugin, object).await.map_err(Failure::from)?
        };
        let mapping = mapping_to_show(decl, state.as_ref(), wanted.mapping)?;
        let look = Look { caller, serving: &serving, decl, mapping };
        let found = match (wanted.vendor_id, wanted.record) {
            (Some(id), None) if is_id(&id) => self.found_there(&look, id).await?,
            (None, Some(id)) if is_id(&id) => self.found_here(&look, &id).await?,
            _ => {
                let expected = format!("`vendor_id` or `record`, one of both, of 1 to {MOST_ID} bytes");
                return Err(Failure::violation("", expected).into());
            }
        };
        let schema = objects::validator(object).ok_or_else(|| Failure::internal(format!("no schema of {object}")))?;
        let settings = state.map(|state| state.settings).unwrap_or_default();
        let only = settings.only.clone().unwrap_or_default();
        let is_there = found.item.is_some();
        let known = hub.known_of(&look, &found).await?;
        let sources = found.record.as_ref().map(|record| record.sources.clone()).unwrap_or_default();
        let subject = Subject {
            record: found.record.as_ref().and_then(|record| record.data.as_ref()),
            changed_at: &|field| changed_at(&sources, field),
            item: found.item.as_ref().map(|item| &item.fields),
            item_at: found.item.as_ref().and_then(at_of),
            // what the vendor had of one that it has no more is nothing
            base: found.link.as_ref().filter(|_| is_there).map(|link| &link.base),
            violations: &|record| schema.validate(record).err().unwrap_or_default(),
            goes_out: &|record| (is_there || settings.create_there) && only.matches(record),
        };
        let preview = preview(&look.mapping, settings.wins, subject, &known);
        let (record, vendor_id) = (found.record.map(|record| record.id), found.item.map(|item| item.id));
        Ok(SyncPreviewView { record, vendor_id, preview })
    }

    /// By the vendor's id: its record if the two are linked, or would be joined.
    async fn found_there(&self, look: &Look<'_>, id: String) -> Result<Found, CallFailure> {
        let item = self.item_of(look, &id).await?.ok_or_else(|| not_found("record at the vendor"))?;
        Ok(self.0.counterpart_of(look, item).await?)
    }

    /// By the record's id: with its counterpart, if it has one that is still there.
    async fn found_here(&self, look: &Look<'_>, id: &str) -> Result<Found, CallFailure> {
        let (org, plugin) = (look.caller.org, &look.serving.plugin.manifest().id);
        let (record, link) = {
            let mut tx = self.0.database.read().await.map_err(Failure::from)?;
            let mut ours = tx.org(org);
            let record = ours.objects().get(look.decl.object, id).await.map_err(Failure::from)?;
            let ids = [id.to_owned()];
            let links = ours.syncs().links_by_record(plugin, look.decl.object, &ids).await.map_err(Failure::from)?;
            (record.filter(|record| record.data.is_some()), links.into_iter().next())
        };
        let record = Some(record.ok_or_else(|| not_found("record"))?);
        let item = match &link {
            Some(link) => self.item_of(look, &link.vendor_id).await?,
            None => None,
        };
        Ok(Found { record, link, item })
    }

    /// What the vendor has under an id.
    async fn item_of(&self, look: &Look<'_>, id: &str) -> Result<Option<SyncItem>, CallFailure> {
        let pull = SyncPull {
            resource: look.decl.resource.clone(),
            fields: look.mapping.vendor_fields().into_iter().map(str::to_owned).collect(),
            scope: SyncScope::Ids(vec![id.to_owned()]),
            cursor: None,
            state: None,
            limit: 1,
        };
        let operation = format!("{}.preview", look.decl.resource);
        let page = self
            .ask_version(look.caller, look.serving, operation, move |version, call| async move {
                version.pull(call, pull).await
            })
            .await?;
        let found = page.changes.into_iter().find_map(|change| match change {
            SyncChange::Found(item) if item.id == id => Some(item),
            _ => None,
        });
        Ok(found)
    }
}

impl Inner {
    /// The vendor's item with the record that it is linked to, or else with the one that it would be.
    async fn counterpart_of(&self, look: &Look<'_>, item: SyncItem) -> Result<Found, Failure> {
        let (object, plugin) = (look.decl.object, &look.serving.plugin.manifest().id);
        let mut tx = self.database.read().await?;
        let mut ours = tx.org(look.caller.org);
        let links = ours.syncs().links_by_vendor(plugin, object, std::slice::from_ref(&item.id)).await?;
        if let Some(link) = links.into_iter().next() {
            let record = ours.objects().get(object, &link.record_id).await?.filter(|record| record.data.is_some());
            return Ok(Found { record, link: Some(link), item: Some(item) });
        }
        let mapped = to_hub(&look.mapping, &item.fields, &Known::default());
        for (field, value) in join_in(&look.mapping, &mapped) {
            let Some(text) = indexed_as(&value).filter(|_| object.is_indexed(&field)) else { continue };
            let ids = ours.objects().ids_having(object, &field, &[text]).await?;
            let ids: Vec<String> = ids.into_iter().map(|(_, id)| id).collect();
            let linked = ours.syncs().links_by_record(plugin, object, &ids).await?;
            let records = ours.objects().get_many(object, &ids).await?;
            let is_free = |record: &ObjectRecord| !linked.iter().any(|link| link.record_id == record.id);
            let is_same =
                |record: &ObjectRecord| record.data.as_ref().and_then(|data| data.get(&field)) == Some(&value);
            if let Some(record) = records.into_iter().find(|record| is_free(record) && is_same(record)) {
                return Ok(Found { record: Some(record), link: None, item: Some(item) });
            }
        }
        Ok(Found { item: Some(item), ..Found::default() })
    }

    /// Whose counterpart is whose, as far as the pair names others.
    async fn known_of(&self, look: &Look<'_>, found: &Found) -> Result<Known, Failure> {
        let (object, plugin) = (look.decl.object, &look.serving.plugin.manifest().id);
        let mut tx = self.database.read().await?;
        let mut ours = tx.org(look.caller.org);
        let records: Vec<ObjectRecord> = found.record.iter().cloned().collect();
        let mut known = Known::load(&mut ours, plugin, object, &look.mapping, &records).await?;
        if let Some(item) = &found.item {
            known.learn(&mut ours, plugin, &look.mapping, &item.fields).await?;
        }
        Ok(known)
    }
}

/// The mapping that is shown, without what goes another way than the sync: one that is asked for, if it fits the object.
fn mapping_to_show(decl: &SyncDecl, state: Option<&SyncState>, asked: Option<Mapping>) -> Result<Mapping, Failure> {
    if let Some(mapping) = &asked {
        let violations = validate(mapping, decl.object.schema(), None, &decl.directions);
        if !violations.is_empty() {
            return Err(Failure::invalid(at("/mapping", violations)));
        }
    }
    let mapping = asked.or_else(|| state.and_then(|state| state.settings.mapping.clone()));
    let mapping = mapping.unwrap_or_else(|| decl.mapping.clone());
    let able = able(decl).ok_or_else(|| Failure::new(Code::Conflict, "the sync goes no way"))?;
    let direction = state.map_or(able, |state| state.settings.direction);
    Ok(mapping.within(direction.within(able).unwrap_or(able)))
}

fn is_id(id: &str) -> bool {
    (1..=MOST_ID).contains(&id.len())
}

fn at_of(item: &SyncItem) -> Option<Timestamp> {
    item.modified_at.and_then(instant)
}
