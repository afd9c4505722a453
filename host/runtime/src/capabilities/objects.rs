//! Standard objects, as guests reach them: by their names, through the interface of records.
//!
//! The contract needs no other interface: a record of an object is a document with an id, a version and data. What differs is
//! whose it is. All plugins of the org that were granted the object see it; so an id says who made the record, and nobody
//! makes one in another's name. Whoever may write may change every record: that is how a CRM's plugin adds its id to a
//! contact that a telephone call made.

use patchbay_model::{
    filter::Filter,
    object::{Access, ObjectRecord, StandardObject},
    record::Record,
};
use patchbay_package::SchemaValidator;
use serde_json::{Map, Value};

use super::{
    HostError, invalid,
    records::{Gathered, document},
};
use crate::{
    bindings::{records::Page, types::Error},
    call::CallState,
};

/// As documents are given to a guest; none if it was deleted.
pub(super) fn as_record(record: ObjectRecord) -> Option<Record> {
    let ObjectRecord { id, version, data, updated, .. } = record;
    data.map(|data| Record { id, version, data, updated_at: updated.at })
}

impl CallState {
    /// What the object may hold, if the manifest grants it like this.
    pub(super) fn object(&self, object: StandardObject, access: Access) -> Result<&SchemaValidator, HostError> {
        match self.grants.objects.get(&object) {
            Some(grant) if grant.access >= access => Ok(&grant.schema),
            _ => {
                let word = access.as_str();
                Err(HostError::Guest(Error::Denied(format!(
                    "the manifest does not ask to {word} the object {object}: add [objects] {object} = {word:?}"
                ))))
            }
        }
    }

    /// Nobody takes an id that another plugin would give.
    pub(super) fn check_new_id(&self, collection: &str, id: &str) -> Result<(), HostError> {
        let plugin = self.grants.plugin.as_str();
        let own = id.strip_prefix(plugin).and_then(|rest| rest.strip_prefix(':'));
        if collection.parse::<StandardObject>().is_ok() && own.is_none_or(str::is_empty) {
            let expected = format!("for a new record, `{plugin}:` and the vendor's id of it");
            return Err(invalid("/id", expected));
        }
        Ok(())
    }

    /// Committed records whose indexed fields equal the members of a filter.
    pub(super) async fn query_object(
        &mut self,
        object: StandardObject,
        filter: Map<String, Value>,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Page, HostError> {
        for (field, value) in &filter {
            if !object.is_indexed(field) {
                let known = object.indexes().join(", ");
                let expected = format!("an indexed field of {object}: {known}, or external_ids. and a source");
                return Err(invalid(format!("/filter/{field}"), expected));
            }
            if value.is_object() || value.is_array() {
                return Err(invalid(format!("/filter/{field}"), "a string, number, boolean or null"));
            }
        }
        let filter = Filter::parse_at("/filter", &Value::Object(filter)).map_err(|violations| {
            let first = violations.into_iter().next();
            first.map_or_else(|| invalid("/filter", "a filter"), |first| invalid(first.pointer, first.expected))
        })?;
        let (_place, mut tx) = self.reading().await?;
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let found = tx.org(self.tenant.org).objects().find(object, &filter, after, limit).await?;
        let mut page = Gathered::default();
        for record in found.records.into_iter().filter_map(as_record) {
            if !page.take(document(record.id, record.version, &record.data, record.updated_at)) {
                let next = page.documents.last().map(|document| document.id.clone());
                return Ok(Page { documents: page.documents, next });
            }
        }
        Ok(Page { documents: page.documents, next: found.next })
    }
}
