//! Documents, small values and files of a mock host, by the rules of the hub.

use std::collections::BTreeSet;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::manifest::ManifestFacts;
use super::state::{self, KvEntry, State};
use crate::blobs::Blob;
use crate::records::{Change, Document, Page};
use crate::{Error, Source, objects};

const BATCH: usize = 1000;
/// The largest document, in bytes.
const DOCUMENT: usize = 1 << 20;
/// What is given to a connector at once, in bytes of documents.
const ANSWER: usize = 8 << 20;

fn collection_declared(state: &State, collection: &str, write: bool) -> Result<(), Error> {
    match &state.manifest {
        Some(manifest) if objects::ALL.contains(&collection) => {
            manifest.object_denial(collection, write).map_or(Ok(()), |denial| Err(Error::Denied(denial)))
        }
        Some(manifest) if !manifest.collections.iter().any(|own| own.name == collection) => {
            Err(Error::Denied(format!("[[collections]] in plugin.toml needs name = \"{collection}\"")))
        }
        _ => Ok(()),
    }
}

/// Nobody makes a record of a standard object in another plugin's name.
fn new_id_is_own(state: &State, collection: &str, id: &str) -> Result<(), Error> {
    let prefix =
        state.manifest.as_ref().filter(|_| objects::ALL.contains(&collection)).and_then(ManifestFacts::id_prefix);
    match prefix {
        Some(prefix) if id.strip_prefix(&prefix).is_none_or(str::is_empty) => {
            Err(Error::invalid("/id", format!("for a new record, `{prefix}` and the vendor's id of it")))
        }
        _ => Ok(()),
    }
}

fn name_of_at_most_256_bytes(pointer: &str, name: &str) -> Result<(), Error> {
    if name.is_empty() || name.len() > 256 || name.contains(char::is_control) {
        return Err(Error::invalid(pointer, "1 to 256 bytes without control characters"));
    }
    Ok(())
}

/// As in the hub: the place is that of the argument.
pub(crate) fn at_most(pointer: &str, length: usize, limit: usize, unit: &str) -> Result<(), Error> {
    if length > limit {
        return Err(Error::invalid(pointer, format!("at most {limit}{unit}")));
    }
    Ok(())
}

/// JSON that is small enough.
fn document_fits(pointer: &str, data: &str) -> Result<(), Error> {
    at_most(pointer, data.len(), DOCUMENT, " bytes")?;
    serde_json::from_str::<Value>(data).map(drop).map_err(|error| Error::invalid(pointer, format!("JSON ({error})")))
}

fn versioned(found: Option<u64>, expected: Option<u64>, id: &str) -> Result<u64, Error> {
    let found = found.unwrap_or_default();
    match expected {
        Some(expected) if expected != found => {
            Err(Error::Conflict(format!("{id} has version {found}, expected {expected}")))
        }
        _ => Ok(found + 1),
    }
}

/// All of it is away, or none.
fn reachable(state: &State) -> Result<(), Error> {
    if state.away { Err(Error::Unavailable("the hub's storage".to_owned())) } else { Ok(()) }
}

pub(crate) fn record_get(collection: &str, id: &str) -> Result<Option<Document<String>>, Error> {
    state::with(|state| {
        collection_declared(state, collection, false)?;
        name_of_at_most_256_bytes("/id", id)?;
        if !state.manifest.as_ref().is_some_and(|manifest| manifest.keeps_in_memory(collection)) {
            reachable(state)?;
        }
        Ok(state.records.get(&(collection.to_owned(), id.to_owned())).cloned())
    })
}

fn size_of_document(document: &Document<String>) -> usize {
    document.id.len() + document.data.len()
}

pub(crate) fn record_get_many(collection: &str, ids: &[&str]) -> Result<Vec<Document<String>>, Error> {
    at_most("/ids", ids.len(), BATCH, "")?;
    state::with(|state| {
        collection_declared(state, collection, false)?;
        reachable(state)?;
        let mut asked = BTreeSet::new();
        let ids = ids.iter().filter(|id| asked.insert(**id));
        let found = ids.filter_map(|id| state.records.get(&(collection.to_owned(), (*id).to_owned())));
        let documents: Vec<_> = found.cloned().collect();
        if documents.iter().map(size_of_document).sum::<usize>() > ANSWER && documents.len() > 1 {
            return Err(Error::Exhausted(format!("{ANSWER} bytes of documents at once: ask for fewer")));
        }
        Ok(documents)
    })
}

pub(crate) fn record_put(collection: &str, id: &str, data: &str, expected: Option<u64>) -> Result<u64, Error> {
    document_fits("/data", data)?;
    let changes = vec![Change { id: id.to_owned(), data: data.to_owned(), expected }];
    let versions = record_put_many(collection, changes)?;
    Ok(versions.into_iter().next().unwrap_or_default())
}

pub(crate) fn record_put_many(collection: &str, changes: Vec<Change<String>>) -> Result<Vec<u64>, Error> {
    at_most("/changes", changes.len(), BATCH, "")?;
    state::with(|state| {
        collection_declared(state, collection, true)?;
        reachable(state)?;
        let mut records = state.records.clone();
        let mut versions = Vec::with_capacity(changes.len());
        for (index, change) in changes.into_iter().enumerate() {
            name_of_at_most_256_bytes("/id", &change.id)?;
            document_fits(&format!("/changes/{index}/data"), &change.data)?;
            let key = (collection.to_owned(), change.id.clone());
            if !records.contains_key(&key) {
                new_id_is_own(state, collection, &change.id)?;
            }
            let version = versioned(records.get(&key).map(|found| found.version), change.expected, &change.id)?;
            records.insert(key, Document { id: change.id, version, data: change.data, updated_at: state.now });
            versions.push(version);
        }
        state.records = records;
        Ok(versions)
    })
}

pub(crate) fn record_delete(collection: &str, id: &str) -> Result<bool, Error> {
    state::with(|state| {
        collection_declared(state, collection, true)?;
        name_of_at_most_256_bytes("/id", id)?;
        reachable(state)?;
        Ok(state.records.remove(&(collection.to_owned(), id.to_owned())).is_some())
    })
}

pub(crate) fn record_query(
    collection: &str,
    filter: &str,
    limit: u32,
    after: Option<&str>,
) -> Result<Page<String>, Error> {
    let filter: serde_json::Map<String, Value> = serde_json::from_str(filter)
        .map_err(|error| Error::invalid("/filter", format!("a flat JSON object ({error})")))?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX).clamp(1, BATCH);
    state::with(|state| {
        collection_declared(state, collection, false)?;
        reachable(state)?;
        let mut wanted = Vec::new();
        for (field, value) in &filter {
            wanted.push((index_pointer(state, collection, field)?, list_of(collection, field), value));
            if value.is_object() || value.is_array() {
                return Err(Error::invalid(format!("/filter/{field}"), "a string, number, boolean or null"));
            }
        }
        let records = state.committed.as_ref().unwrap_or(&state.records);
        let mut found = records
            .iter()
            .filter(|((own, id), _)| own == collection && after.is_none_or(|after| id.as_str() > after))
            .map(|(_, document)| document)
            .filter(|document| {
                let data: Value = serde_json::from_str(&document.data).unwrap_or_default();
                wanted.iter().all(|(pointer, list, value)| {
                    let listed = list.and_then(|list| data.get(list)).and_then(Value::as_array);
                    data.pointer(pointer) == Some(value) || listed.is_some_and(|listed| listed.contains(value))
                })
            });
        let mut documents: Vec<Document<String>> = Vec::new();
        let mut bytes = 0;
        let mut is_more = false;
        for document in &mut found {
            bytes += size_of_document(document);
            is_more = documents.len() == limit || (bytes > ANSWER && !documents.is_empty());
            if is_more {
                break;
            }
            documents.push(document.clone());
        }
        let next = documents.last().filter(|_| is_more).map(|document| document.id.clone());
        Ok(Page { documents, next })
    })
}

fn index_pointer(state: &State, collection: &str, field: &str) -> Result<String, Error> {
    if objects::ALL.contains(&collection) {
        // which fields are indexed is the hub's to say
        return Ok(format!("/{}", field.replace('.', "/")));
    }
    let Some(manifest) = &state.manifest else { return Ok(format!("/{field}")) };
    let found = manifest.collections.iter().find(|own| own.name == collection);
    let pointer = found.and_then(|collection| collection.indexes.get(field)).cloned();
    pointer.ok_or_else(|| Error::invalid(format!("/filter/{field}"), format!("a declared index of {collection}")))
}

/// The list of all of which a field has one: whoever looks for one of these finds the record, as with the hub.
fn list_of(collection: &str, field: &str) -> Option<&'static str> {
    match (collection, field) {
        (objects::CONTACT, "email") => Some("emails"),
        (objects::CONTACT, "phone") => Some("phones"),
        _ => None,
    }
}

fn kv_live<'a>(state: &'a mut State, key: &str) -> Option<&'a mut KvEntry> {
    let now = state.now;
    if state.kv.get(key).is_some_and(|entry| entry.expires_at.is_some_and(|at| at <= now)) {
        state.kv.remove(key);
    }
    state.kv.get_mut(key)
}

pub(crate) fn kv_get(key: &str) -> Result<Option<crate::kv::Entry>, Error> {
    name_of_at_most_256_bytes("/key", key)?;
    state::with(|state| {
        reachable(state)?;
        let found = kv_live(state, key);
        Ok(found.map(|entry| crate::kv::Entry { value: entry.value.clone(), version: entry.version }))
    })
}

pub(crate) fn kv_set(key: &str, value: &[u8], ttl_ms: Option<u64>, expected: Option<u64>) -> Result<u64, Error> {
    name_of_at_most_256_bytes("/key", key)?;
    at_most("/value", value.len(), 64 << 10, " bytes")?;
    state::with(|state| {
        reachable(state)?;
        let version = versioned(kv_live(state, key).map(|entry| entry.version), expected, key)?;
        let expires_at = ttl_ms.map(|ttl| state.now.saturating_add(ttl));
        state.kv.insert(key.to_owned(), KvEntry { value: value.to_vec(), version, expires_at });
        Ok(version)
    })
}

pub(crate) fn kv_delete(key: &str) -> Result<bool, Error> {
    name_of_at_most_256_bytes("/key", key)?;
    state::with(|state| {
        reachable(state)?;
        Ok(kv_live(state, key).is_some() && state.kv.remove(key).is_some())
    })
}

pub(crate) fn kv_add(key: &str, delta: i64, ttl_ms: Option<u64>) -> Result<i64, Error> {
    name_of_at_most_256_bytes("/key", key)?;
    state::with(|state| {
        reachable(state)?;
        let expires_at = ttl_ms.map(|ttl| state.now.saturating_add(ttl));
        let start = KvEntry { value: b"0".to_vec(), version: 0, expires_at };
        if kv_live(state, key).is_none() {
            state.kv.insert(key.to_owned(), start);
        }
        let counter = kv_live(state, key).and_then(|entry| {
            let before: i64 = std::str::from_utf8(&entry.value).ok()?.parse().ok()?;
            Some((before.checked_add(delta)?, entry))
        });
        let (sum, entry) = counter.ok_or_else(|| Error::invalid("/key", "the key of a counter within 64 bits"))?;
        entry.value = sum.to_string().into_bytes();
        entry.version += 1;
        Ok(sum)
    })
}

pub(crate) fn blob_put(content_type: &str, body: Source) -> Result<Blob, Error> {
    blob_put_bytes(content_type, &body.0.all(u32::MAX)?)
}

pub(crate) fn blob_put_bytes(content_type: &str, bytes: &[u8]) -> Result<Blob, Error> {
    if content_type.len() > 256 || !content_type.contains('/') || content_type.contains(char::is_control) {
        return Err(Error::invalid("/content-type", "a media type, as in audio/mpeg"));
    }
    state::with(|state| {
        reachable(state)?;
        let blob = Blob {
            id: format!("blob_{}", state.blobs.len() + 1),
            size: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            content_type: content_type.to_owned(),
            sha256: hex::encode(Sha256::digest(bytes)),
        };
        state.blobs.insert(blob.id.clone(), (blob.clone(), bytes.to_vec()));
        Ok(blob)
    })
}

pub(crate) fn blob_open(id: &str) -> Result<(Blob, Source), Error> {
    let found = state::with(|state| reachable(state).map(|()| state.blobs.get(id).cloned()))?;
    let (blob, bytes) = found.ok_or_else(|| Error::NotFound(format!("no blob {id}")))?;
    Ok((blob, super::source(bytes)))
}

pub(crate) fn blob_delete(id: &str) -> Result<bool, Error> {
    state::with(|state| reachable(state).map(|()| state.blobs.remove(id).is_some()))
}
