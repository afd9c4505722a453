//! Documents of the plugin's own collections, and records of standard objects, which are reached in the same way (what is
//! special about those is in [`super::objects`]). Writes wait in an overlay until the run is committed, so
//! that a call's effects are one transaction; reads see the overlay first.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::Instant,
};

use patchbay_model::{
    Timestamp,
    object::{Access, NoObject, ObjectChange},
    record::{Record, RecordChange},
};
use patchbay_package::SchemaValidator;
use serde_json::Value;
use tokio::time::timeout;

use super::{HostError, effects, invalid, objects::as_record, undeclared};
use crate::{
    bindings::{
        records::{Change, Document, Host, Page},
        types::{Error, Violation},
    },
    call::CallState,
    kept::{PATIENCE, Remembered},
};

/// The most documents that one call may write.
const WRITE_CAP: usize = 10_000;
/// The most that one batch or page holds.
const PAGE_CAP: usize = 1_000;
/// The largest document, in bytes.
const DOCUMENT_CAP: usize = 1 << 20;
/// The most that documents have together which are given to a guest at once, in bytes.
const ANSWER_CAP: usize = 8 << 20;
/// Documents that are read at once. Between two such portions it is seen how much there is already.
const PORTION: usize = 32;

/// Writes of this call that are not committed yet.
#[derive(Debug, Default)]
pub(crate) struct Overlay(BTreeMap<(String, String), Pending>);

#[derive(Debug)]
struct Pending {
    /// What the document becomes; none if it is deleted.
    data: Option<Value>,
    /// Its version as the guest sees it.
    version: u64,
    /// The committed version that the guest relied on, if it did.
    expected: Option<u64>,
    at: Timestamp,
    /// What it takes of the budget of effects.
    bytes: u64,
}

impl Overlay {
    /// The writes, one per document or record, in order of collection and id.
    pub(crate) fn finish(self) -> (Vec<RecordChange>, Vec<ObjectChange>) {
        let (mut changes, mut objects) = (Vec::new(), Vec::new());
        for ((collection, id), Pending { data, expected, .. }) in self.0 {
            match collection.parse() {
                Ok(object) => objects.push(ObjectChange { object, id, data, expected }),
                Err(NoObject) => changes.push(RecordChange { collection, id, data, expected }),
            }
        }
        (changes, objects)
    }
}

pub(super) fn document(id: String, version: u64, data: &Value, updated_at: Timestamp) -> Document {
    let updated_at = u64::try_from(updated_at.timestamp_millis()).unwrap_or(0);
    Document { id, version, data: data.to_string(), updated_at }
}

/// Documents on their way to a guest. They are text there, so each is let go as a value before the next is read.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) documents: Vec<Document>,
    bytes: usize,
}

impl Gathered {
    /// Takes one more, if it still fits. The first one always does.
    pub(super) fn take(&mut self, document: Document) -> bool {
        self.bytes = self.bytes.saturating_add(document.id.len()).saturating_add(document.data.len());
        let fits = self.documents.is_empty() || self.bytes <= ANSWER_CAP;
        if fits {
            self.documents.push(document);
        }
        fits
    }
}

/// A document as the guest gave it.
struct Parsed {
    value: Value,
    /// What it will take of the budget of effects.
    bytes: u64,
}

fn check_id(id: &str) -> Result<(), HostError> {
    if id.is_empty() || id.len() > 256 || id.contains(char::is_control) {
        return Err(invalid("/id", "1 to 256 bytes without control characters"));
    }
    Ok(())
}

impl CallState {
    /// What a collection may hold, if the call may reach it like this.
    fn collection(&self, name: &str, access: Access) -> Result<&SchemaValidator, HostError> {
        if let Ok(object) = name.parse() {
            return self.object(object, access);
        }
        match self.grants.collections.get(name) {
            Some(collection) => Ok(&collection.schema),
            None => Err(undeclared("collections", name)),
        }
    }

    async fn committed(&mut self, collection: &str, id: &str) -> Result<Option<Record>, HostError> {
        let (_place, mut tx) = self.reading().await?;
        let mut ours = tx.org(self.tenant.org);
        Ok(match collection.parse() {
            Ok(object) => ours.objects().get(object, id).await?.and_then(as_record),
            Err(NoObject) => ours.records(&self.grants.plugin).get(collection, id).await?,
        })
    }

    /// A document as it is committed, or as it was a moment ago if its collection is kept in memory. What is written is compared
    /// with what the database says ([`Self::committed`]).
    async fn found(&mut self, collection: &str, id: &str) -> Result<Option<Record>, HostError> {
        if !self.grants.collections.get(collection).is_some_and(|grant| grant.keep_in_memory) {
            return self.committed(collection, id).await;
        }
        let (services, whose) = (Arc::clone(&self.services), (self.tenant.org, self.grants.plugin.clone()));
        let kept = &services.kept;
        if let Some(record) = kept.fresh(&whose, collection, id, Instant::now()) {
            return Ok(Some(Record::clone(&record)));
        }
        let before = kept.changes(&whose);
        let remembered = match kept.remembered(&whose, collection, id) {
            Remembered::Document(record) => Some(Record::clone(&record)),
            Remembered::Nothing => None,
            Remembered::Unknown => {
                let found = self.committed(collection, id).await?;
                kept.note(&whose, before, collection, id, found.as_ref());
                return Ok(found);
            }
        };
        if self.way.is_closed() {
            return Ok(remembered);
        }
        let asked = timeout(PATIENCE, self.committed(collection, id)).await;
        match asked {
            Ok(Ok(found)) => {
                kept.note(&whose, before, collection, id, found.as_ref());
                Ok(found)
            }
            Ok(Err(HostError::Guest(Error::Unavailable(_)))) | Err(_) => {
                self.way.cut();
                Ok(remembered)
            }
            Ok(Err(error)) => Err(error),
        }
    }

    fn pending(&self, collection: &str, id: &str) -> Option<&Pending> {
        self.capabilities.records.0.get(&(collection.to_owned(), id.to_owned()))
    }

    /// The version that the guest sees; 0 if there is no such document for it.
    async fn version(&mut self, collection: &str, id: &str) -> Result<u64, HostError> {
        match self.pending(collection, id) {
            Some(pending) => Ok(if pending.data.is_some() { pending.version } else { 0 }),
            None => Ok(self.committed(collection, id).await?.map_or(0, |record| record.version)),
        }
    }

    async fn check_version(&mut self, collection: &str, id: &str, expected: Option<u64>) -> Result<u64, HostError> {
        let seen = self.version(collection, id).await?;
        if expected.is_some_and(|expected| expected != seen) {
            return Err(HostError::Guest(Error::Conflict(format!("{collection}/{id} has version {seen}"))));
        }
        Ok(seen)
    }

    async fn write(
        &mut self,
        collection: &str,
        id: &str,
        parsed: Option<Parsed>,
        expected: Option<u64>,
    ) -> Result<u64, HostError> {
        let seen = self.check_version(collection, id, expected).await?;
        if seen == 0 && parsed.is_some() {
            self.check_new_id(collection, id)?;
        }
        let version = if parsed.is_some() { seen + 1 } else { 0 };
        let at = self.services.clock.now();
        if self.capabilities.records.0.len() >= WRITE_CAP {
            return Err(HostError::Guest(Error::Exhausted(format!("{WRITE_CAP} written documents per call"))));
        }
        let bytes = parsed.as_ref().map_or_else(|| effects::size(None, 0, &[collection, id]), |parsed| parsed.bytes);
        let before = self.pending(collection, id).map_or(0, |pending| pending.bytes);
        self.hold_effect(bytes, before)?;
        let data = parsed.map(|parsed| parsed.value);
        let overlay = &mut self.capabilities.records.0;
        let key = (collection.to_owned(), id.to_owned());
        match overlay.get_mut(&key) {
            // what the guest relied on at first is what must hold when the run is committed
            Some(pending) => {
                pending.data = data;
                pending.version = version;
                pending.at = at;
                pending.bytes = bytes;
            }
            None => {
                overlay.insert(key, Pending { data, version, expected, at, bytes });
            }
        }
        Ok(version)
    }

    fn parse(&self, collection: &str, id: &str, pointer: &str, data: &str) -> Result<Parsed, HostError> {
        if data.len() > DOCUMENT_CAP {
            return Err(invalid(pointer, format!("at most {DOCUMENT_CAP} bytes")));
        }
        let value = serde_json::from_str(data).map_err(|error| invalid(pointer, format!("JSON ({error})")))?;
        self.collection(collection, Access::Write)?.validate(&value).map_err(|violations| {
            let located = violations.into_iter().map(|violation| Violation {
                pointer: format!("{pointer}{}", violation.pointer),
                expected: violation.expected,
            });
            HostError::Guest(Error::Invalid(located.collect()))
        })?;
        let bytes = effects::size(Some(&value), data.len(), &[collection, id]);
        Ok(Parsed { value, bytes })
    }
}

impl Host for CallState {
    async fn get(&mut self, collection: String, id: String) -> Result<Option<Document>, HostError> {
        self.enter()?;
        self.collection(&collection, Access::Read)?;
        check_id(&id)?;
        if let Some(pending) = self.pending(&collection, &id) {
            let data = pending.data.as_ref();
            return Ok(data.map(|data| document(id.clone(), pending.version, data, pending.at)));
        }
        let found = self.found(&collection, &id).await?;
        Ok(found.map(|record| document(record.id, record.version, &record.data, record.updated_at)))
    }

    async fn get_many(&mut self, collection: String, mut ids: Vec<String>) -> Result<Vec<Document>, HostError> {
        self.enter()?;
        self.collection(&collection, Access::Read)?;
        if ids.len() > PAGE_CAP {
            return Err(invalid("/ids", format!("at most {PAGE_CAP}")));
        }
        let mut asked = HashSet::new();
        ids.retain(|id| asked.insert(id.clone()));
        let mut gathered = Gathered::default();
        let (_place, mut tx) = self.reading().await?;
        for ids in ids.chunks(PORTION) {
            let unwritten: Vec<String> =
                ids.iter().filter(|id| self.pending(&collection, id).is_none()).cloned().collect();
            let mut ours = tx.org(self.tenant.org);
            let committed = match collection.parse() {
                Ok(object) => {
                    let records = ours.objects().get_many(object, &unwritten).await?;
                    records.into_iter().filter_map(as_record).collect()
                }
                Err(NoObject) => ours.records(&self.grants.plugin).get_many(&collection, &unwritten).await?,
            };
            let mut committed: BTreeMap<_, _> =
                committed.into_iter().map(|record| (record.id.clone(), record)).collect();
            for id in ids {
                let found = match self.pending(&collection, id) {
                    Some(pending) => {
                        pending.data.as_ref().map(|data| document(id.clone(), pending.version, data, pending.at))
                    }
                    None => committed
                        .remove(id)
                        .map(|record| document(record.id, record.version, &record.data, record.updated_at)),
                };
                if found.is_some_and(|document| !gathered.take(document)) {
                    return Err(HostError::Guest(Error::Exhausted(format!(
                        "{ANSWER_CAP} bytes of documents at once: ask for fewer"
                    ))));
                }
            }
        }
        Ok(gathered.documents)
    }

    async fn put(
        &mut self,
        collection: String,
        id: String,
        data: String,
        expected: Option<u64>,
    ) -> Result<u64, HostError> {
        self.enter()?;
        check_id(&id)?;
        let parsed = self.parse(&collection, &id, "/data", &data)?;
        self.write(&collection, &id, Some(parsed), expected).await
    }

    async fn put_many(&mut self, collection: String, changes: Vec<Change>) -> Result<Vec<u64>, HostError> {
        self.enter()?;
        if changes.len() > PAGE_CAP {
            return Err(invalid("/changes", format!("at most {PAGE_CAP}")));
        }
        let mut all = Vec::with_capacity(changes.len());
        let mut bytes = 0_u64;
        for (index, change) in changes.into_iter().enumerate() {
            check_id(&change.id)?;
            let parsed = self.parse(&collection, &change.id, &format!("/changes/{index}/data"), &change.data)?;
            bytes = bytes.saturating_add(parsed.bytes);
            self.check_effects(bytes)?;
            self.check_version(&collection, &change.id, change.expected).await?;
            all.push((change.id, parsed, change.expected));
        }
        let mut versions = Vec::with_capacity(all.len());
        for (id, parsed, expected) in all {
            versions.push(self.write(&collection, &id, Some(parsed), expected).await?);
        }
        Ok(versions)
    }

    async fn delete(&mut self, collection: String, id: String) -> Result<bool, HostError> {
        self.enter()?;
        self.collection(&collection, Access::Write)?;
        check_id(&id)?;
        if self.version(&collection, &id).await? == 0 {
            return Ok(false);
        }
        self.write(&collection, &id, None, None).await?;
        Ok(true)
    }

    async fn query(
        &mut self,
        collection: String,
        filter: String,
        limit: u32,
        after: Option<String>,
    ) -> Result<Page, HostError> {
        self.enter()?;
        self.collection(&collection, Access::Read)?;
        let filter: serde_json::Map<String, Value> = serde_json::from_str(&filter)
            .map_err(|error| invalid("/filter", format!("a flat JSON object ({error})")))?;
        let limit = (limit as usize).clamp(1, PAGE_CAP);
        if let Ok(object) = collection.parse() {
            return self.query_object(object, filter, limit, after.as_deref()).await;
        }
        let mut conditions = Vec::with_capacity(filter.len());
        for (field, value) in filter {
            let indexes = self.grants.collections.get(&collection).map(|collection| &collection.indexes);
            let Some(pointer) = indexes.and_then(|indexes| indexes.get(&field)) else {
                return Err(invalid(format!("/filter/{field}"), format!("a declared index of {collection:?}")));
            };
            if value.is_object() || value.is_array() {
                return Err(invalid(format!("/filter/{field}"), "a string, number, boolean or null"));
            }
            conditions.push((pointer.clone(), value));
        }
        let mut page = Gathered::default();
        let (_place, mut tx) = self.reading().await?;
        'page: while page.documents.len() < limit {
            let wanted = PORTION.min(limit - page.documents.len());
            let after = page.documents.last().map(|document| document.id.as_str()).or(after.as_deref());
            let records = tx
                .org(self.tenant.org)
                .records(&self.grants.plugin)
                .query(&collection, &conditions, after, u32::try_from(wanted).unwrap_or(u32::MAX))
                .await?;
            let is_last = records.len() < wanted;
            for record in records {
                if !page.take(document(record.id, record.version, &record.data, record.updated_at)) {
                    break 'page;
                }
            }
            if is_last {
                return Ok(Page { documents: page.documents, next: None });
            }
        }
        let next = page.documents.last().map(|document| document.id.clone());
        Ok(Page { documents: page.documents, next })
    }
}
