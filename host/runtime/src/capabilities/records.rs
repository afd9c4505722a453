//! Documents of the plugin's own collections. Writes wait in an overlay until the run is committed, so
//! that a call's effects are one transaction; reads see the overlay first.

use std::collections::BTreeMap;

use patchbay_model::{
    Timestamp,
    record::{Record, RecordChange},
};
use patchbay_package::SchemaValidator;
use serde_json::Value;

use super::{HostError, invalid, undeclared};
use crate::{
    bindings::{
        records::{Change, Document, Host, Page},
        types::{Error, Violation},
    },
    call::CallState,
};

/// The most documents that one call may write.
const WRITE_CAP: usize = 10_000;
/// The most that one batch or page holds.
const PAGE_CAP: usize = 1_000;
/// The largest document, in bytes.
const DOCUMENT_CAP: usize = 1 << 20;

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
}

impl Overlay {
    /// The writes, one per document, in order of collection and id.
    pub(crate) fn finish(self) -> Vec<RecordChange> {
        self.0
            .into_iter()
            .map(|((collection, id), pending)| RecordChange {
                collection,
                id,
                data: pending.data,
                expected: pending.expected,
            })
            .collect()
    }
}

fn document(record: Record) -> Document {
    Document {
        id: record.id,
        version: record.version,
        data: record.data.to_string(),
        updated_at: u64::try_from(record.updated_at.timestamp_millis()).unwrap_or(0),
    }
}

fn check_id(id: &str) -> Result<(), HostError> {
    if id.is_empty() || id.len() > 256 || id.contains(char::is_control) {
        return Err(invalid("/id", "1 to 256 bytes without control characters"));
    }
    Ok(())
}

impl CallState {
    fn collection(&self, name: &str) -> Result<&SchemaValidator, HostError> {
        match self.grants.collections.get(name) {
            Some(collection) => Ok(&collection.schema),
            None => Err(undeclared("collections", name)),
        }
    }

    async fn committed(&mut self, collection: &str, id: &str) -> Result<Option<Record>, HostError> {
        let mut tx = self.services.database.read().await?;
        Ok(tx.org(self.tenant.org).records(&self.grants.plugin).get(collection, id).await?)
    }

    async fn seen(&mut self, collection: &str, id: &str) -> Result<Option<Record>, HostError> {
        let key = (collection.to_owned(), id.to_owned());
        match self.capabilities.records.0.get(&key) {
            Some(pending) => Ok(pending.data.clone().map(|data| Record {
                id: id.to_owned(),
                version: pending.version,
                data,
                updated_at: pending.at,
            })),
            None => self.committed(collection, id).await,
        }
    }

    async fn write(
        &mut self,
        collection: &str,
        id: &str,
        data: Option<Value>,
        expected: Option<u64>,
    ) -> Result<u64, HostError> {
        let seen = self.seen(collection, id).await?.map_or(0, |record| record.version);
        if expected.is_some_and(|expected| expected != seen) {
            return Err(HostError::Guest(Error::Conflict(format!("{collection}/{id} has version {seen}"))));
        }
        let version = if data.is_some() { seen + 1 } else { 0 };
        let at = self.services.clock.now();
        let overlay = &mut self.capabilities.records.0;
        if overlay.len() >= WRITE_CAP {
            return Err(HostError::Guest(Error::Exhausted(format!("{WRITE_CAP} written documents per call"))));
        }
        let key = (collection.to_owned(), id.to_owned());
        match overlay.get_mut(&key) {
            // what the guest relied on at first is what must hold when the run is committed
            Some(pending) => {
                pending.data = data;
                pending.version = version;
                pending.at = at;
            }
            None => {
                overlay.insert(key, Pending { data, version, expected, at });
            }
        }
        Ok(version)
    }

    fn parse(&self, collection: &str, pointer: &str, data: &str) -> Result<Value, HostError> {
        if data.len() > DOCUMENT_CAP {
            return Err(invalid(pointer, format!("at most {DOCUMENT_CAP} bytes")));
        }
        let value = serde_json::from_str(data).map_err(|error| invalid(pointer, format!("JSON ({error})")))?;
        self.collection(collection)?.validate(&value).map_err(|violations| {
            let located = violations.into_iter().map(|violation| Violation {
                pointer: format!("{pointer}{}", violation.pointer),
                expected: violation.expected,
            });
            HostError::Guest(Error::Invalid(located.collect()))
        })?;
        Ok(value)
    }
}

impl Host for CallState {
    async fn get(&mut self, collection: String, id: String) -> Result<Option<Document>, HostError> {
        self.enter()?;
        self.collection(&collection)?;
        check_id(&id)?;
        Ok(self.seen(&collection, &id).await?.map(document))
    }

    async fn get_many(&mut self, collection: String, ids: Vec<String>) -> Result<Vec<Document>, HostError> {
        self.enter()?;
        self.collection(&collection)?;
        if ids.len() > PAGE_CAP {
            return Err(invalid("/ids", format!("at most {PAGE_CAP}")));
        }
        let mut tx = self.services.database.read().await?;
        let committed = tx.org(self.tenant.org).records(&self.grants.plugin).get_many(&collection, &ids).await?;
        let mut committed: BTreeMap<_, _> = committed.into_iter().map(|record| (record.id.clone(), record)).collect();
        let overlay = &self.capabilities.records.0;
        let found = ids.into_iter().filter_map(|id| match overlay.get(&(collection.clone(), id.clone())) {
            Some(pending) => {
                let data = pending.data.clone()?;
                Some(document(Record { id, version: pending.version, data, updated_at: pending.at }))
            }
            None => committed.remove(&id).map(document),
        });
        Ok(found.collect())
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
        let value = self.parse(&collection, "/data", &data)?;
        self.write(&collection, &id, Some(value), expected).await
    }

    async fn put_many(&mut self, collection: String, changes: Vec<Change>) -> Result<Vec<u64>, HostError> {
        self.enter()?;
        if changes.len() > PAGE_CAP {
            return Err(invalid("/changes", format!("at most {PAGE_CAP}")));
        }
        let mut parsed = Vec::with_capacity(changes.len());
        for (index, change) in changes.into_iter().enumerate() {
            check_id(&change.id)?;
            let value = self.parse(&collection, &format!("/changes/{index}/data"), &change.data)?;
            let seen = self.seen(&collection, &change.id).await?.map_or(0, |record| record.version);
            if change.expected.is_some_and(|expected| expected != seen) {
                return Err(HostError::Guest(Error::Conflict(format!(
                    "{collection}/{} has version {seen}",
                    change.id
                ))));
            }
            parsed.push((change.id, value, change.expected));
        }
        let mut versions = Vec::with_capacity(parsed.len());
        for (id, value, expected) in parsed {
            versions.push(self.write(&collection, &id, Some(value), expected).await?);
        }
        Ok(versions)
    }

    async fn delete(&mut self, collection: String, id: String) -> Result<bool, HostError> {
        self.enter()?;
        self.collection(&collection)?;
        check_id(&id)?;
        if self.seen(&collection, &id).await?.is_none() {
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
        self.collection(&collection)?;
        let filter: serde_json::Map<String, Value> = serde_json::from_str(&filter)
            .map_err(|error| invalid("/filter", format!("a flat JSON object ({error})")))?;
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
        let limit = limit.clamp(1, u32::try_from(PAGE_CAP).unwrap_or(u32::MAX));
        let mut tx = self.services.database.read().await?;
        let records = tx
            .org(self.tenant.org)
            .records(&self.grants.plugin)
            .query(&collection, &conditions, after.as_deref(), limit)
            .await?;
        let next = if records.len() == limit as usize { records.last().map(|record| record.id.clone()) } else { None };
        Ok(Page { documents: records.into_iter().map(document).collect(), next })
    }
}
