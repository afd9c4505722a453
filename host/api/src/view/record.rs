//! Records of standard objects.

use std::collections::BTreeMap;

use patchbay_hub::ObjectView;
use patchbay_model::{
    PluginId, RunId, Timestamp,
    object::{ObjectRecord, Source, Stamp},
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A standard object.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Object {
    /// Its name.
    #[schema(example = "call")]
    object: &'static str,
    /// The version of its schema.
    version: u32,
    /// What it is.
    description: &'static str,
    /// Fields that a filter finds records by without reading others; `external_ids` are such as well.
    indexes: &'static [&'static str],
    /// What is valid (JSON Schema 2020-12).
    schema: Value,
}

impl From<ObjectView> for Object {
    fn from(view: ObjectView) -> Self {
        let ObjectView { object, version, description, indexes, schema } = view;
        Self { object: object.as_str(), version, description, indexes, schema: schema.clone() }
    }
}

/// Who wrote something, and when.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Provenance {
    /// Which plugin.
    #[schema(value_type = String, example = "telnyx")]
    plugin: PluginId,
    /// In which run.
    #[schema(value_type = String)]
    run: RunId,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

impl From<Stamp> for Provenance {
    fn from(stamp: Stamp) -> Self {
        let Stamp { plugin, run, at } = stamp;
        Self { plugin, run, at }
    }
}

/// A record of a standard object.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Record {
    /// The id of the plugin that made it, a colon, and the vendor's id.
    #[schema(example = "telnyx:v3:abc")]
    id: String,
    /// Of which object.
    #[schema(example = "call")]
    object: &'static str,
    /// One more with each write.
    version: u64,
    /// By the object's schema, or those fields of it that were asked for; null if the record was deleted.
    data: Option<Value>,
    /// Who made it.
    created: Provenance,
    /// Who wrote it last, or deleted it.
    updated: Provenance,
    /// Who changed each field last.
    fields: BTreeMap<String, Provenance>,
}

impl From<ObjectRecord> for Record {
    fn from(record: ObjectRecord) -> Self {
        let ObjectRecord { object, id, version, data, created, updated, sources } = record;
        let of = |Source { stamp, fields }: Source| {
            fields.into_iter().map(move |field| (field, Provenance::from(stamp.clone())))
        };
        let shown = |field: &String| data.as_ref().is_some_and(|data| data.get(field).is_some());
        let fields = sources.into_iter().flat_map(of).filter(|(field, _)| shown(field)).collect();
        Self { id, object: object.as_str(), version, data, created: created.into(), updated: updated.into(), fields }
    }
}
