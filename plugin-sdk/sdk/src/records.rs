//! Documents in the plugin's own collections, per org.
//!
//! Writes are seen at once by [`get`] in the same call and are committed with the run: all of them if the
//! call succeeds, none if it fails.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::clock::Timestamp;
use crate::{Error, host};

/// One stored document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document<T> {
    /// Chosen by the plugin; at most 256 bytes.
    pub id: String,
    /// 1 when made, one more with each write.
    pub version: u64,
    /// Its content.
    pub data: T,
    /// When it was last written.
    pub updated_at: Timestamp,
}

/// A part of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// In order of id.
    pub documents: Vec<Document<T>>,
    /// Give it as `after` for the next page; `None` on the last.
    pub next: Option<String>,
}

/// One write of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change<T> {
    /// The document's id.
    pub id: String,
    /// What it becomes.
    pub data: T,
    /// As in [`put`].
    pub expected: Option<u64>,
}

/// The document, with this call's own writes applied.
///
/// # Errors
/// [`Error::Denied`] for a collection that the manifest does not name; [`Error::Internal`] if the document
/// is not a `T`.
pub fn get<T: DeserializeOwned>(collection: &str, id: &str) -> Result<Option<Document<T>>, Error> {
    host::record_get(collection, id)?.map(decode).transpose()
}

/// Several at once, in the order asked for; missing ones are left out. At most 1,000.
///
/// # Errors
/// As [`get`].
pub fn get_many<T: DeserializeOwned>(collection: &str, ids: &[&str]) -> Result<Vec<Document<T>>, Error> {
    host::record_get_many(collection, ids)?.into_iter().map(decode).collect()
}

/// Writes and gives the new version. With `expected` only if that is the version that [`get`] shows (0:
/// must not exist).
///
/// # Errors
/// [`Error::Conflict`] if the version is another, [`Error::Invalid`] if the collection's schema does not
/// allow the data, [`Error::Denied`] as for [`get`].
pub fn put<T: Serialize + ?Sized>(collection: &str, id: &str, data: &T, expected: Option<u64>) -> Result<u64, Error> {
    host::record_put(collection, id, &encode(data)?, expected)
}

/// Several writes at once; all or none. At most 1,000.
///
/// # Errors
/// As [`put`].
pub fn put_many<T: Serialize>(collection: &str, changes: &[Change<T>]) -> Result<Vec<u64>, Error> {
    let changes = changes
        .iter()
        .map(|change| Ok(Change { id: change.id.clone(), data: encode(&change.data)?, expected: change.expected }))
        .collect::<Result<Vec<_>, Error>>()?;
    host::record_put_many(collection, changes)
}

/// True if it was there.
///
/// # Errors
/// As [`get`].
pub fn delete(collection: &str, id: &str) -> Result<bool, Error> {
    host::record_delete(collection, id)
}

/// Committed documents (without this call's own writes) whose declared index fields equal the members of
/// `filter`, a flat object of field name to scalar; `json!({})` for all. `limit` is at most 1,000. A contact has each of its
/// `phones` as its `phone`, and each of its `emails` as its `email`.
///
/// # Errors
/// [`Error::Invalid`] for a field that is no declared index, else as [`get`].
pub fn query<T: DeserializeOwned>(
    collection: &str,
    filter: &serde_json::Value,
    limit: u32,
    after: Option<&str>,
) -> Result<Page<T>, Error> {
    let page = host::record_query(collection, &filter.to_string(), limit, after)?;
    let documents = page.documents.into_iter().map(decode).collect::<Result<_, _>>()?;
    Ok(Page { documents, next: page.next })
}

fn encode<T: Serialize + ?Sized>(data: &T) -> Result<String, Error> {
    serde_json::to_string(data).map_err(|error| Error::Internal(error.to_string()))
}

fn decode<T: DeserializeOwned>(document: Document<String>) -> Result<Document<T>, Error> {
    let data = serde_json::from_str(&document.data)
        .map_err(|error| Error::Internal(format!("document {}: {error}", document.id)))?;
    Ok(Document { id: document.id, version: document.version, data, updated_at: document.updated_at })
}
