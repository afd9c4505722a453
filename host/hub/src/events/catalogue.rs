//! Which events there are: the hub's own, what becomes of standard objects, and what plugins declare.

use patchbay_model::{
    Failure, Permission,
    object::{Happened, StandardObject},
};
use patchbay_package::manifest::{EventType, Manifest};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    envelope::{HUB, source_of},
    own::Own,
};
use crate::{
    auth::Caller,
    hub::{Hub, Inner},
    registry::view::inline,
};

/// A type of event.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EventTypeView {
    /// Its name; one that ends with `.*` stands for all types below it.
    pub kind: String,
    /// When it is published.
    pub description: String,
    /// Who publishes it, as in the envelope; none for what any plugin can cause.
    pub source: Option<String>,
    /// What its data looks like (JSON Schema 2020-12); none if its plugin does not say.
    pub schema: Option<Value>,
    /// Data as it could be.
    pub example: Option<Value>,
}

/// What the hub publishes of a standard object.
fn of_object(object: StandardObject, happened: Happened) -> EventTypeView {
    let description = match happened {
        Happened::Created => format!("A record of the object `{object}` was made."),
        Happened::Updated => format!("A record of the object `{object}` was changed; `changed` names its fields."),
        Happened::Deleted => format!("A record of the object `{object}` was deleted."),
    };
    let is_there = happened != Happened::Deleted;
    let (record, changed, example) = if is_there {
        (object_schema(object), json!({"type": "array", "items": {"type": "string"}}), object.example())
    } else {
        (json!({"type": "null"}), json!({"type": "array", "maxItems": 0}), Value::Null)
    };
    let fields: Vec<_> = example.as_object().into_iter().flat_map(|record| record.keys().cloned()).collect();
    let defs = object.schema().get("$defs").cloned().unwrap_or_else(|| json!({}));
    EventTypeView {
        kind: happened.event_type(object),
        description,
        source: None,
        schema: Some(json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "required": ["object", "id", "version", "changed", "record"],
            "additionalProperties": false,
            "properties": {
                "object": {"const": object},
                "id": {"type": "string"},
                "version": {"type": "integer", "minimum": 1},
                "changed": changed,
                "record": record,
            },
            "$defs": if is_there { defs } else { json!({}) },
        })),
        example: Some(json!({
            "object": object, "id": "telnyx:1", "version": 1, "changed": fields, "record": example,
        })),
    }
}

/// The object's schema as a part of another: its definitions are those of the whole.
fn object_schema(object: StandardObject) -> Value {
    let mut schema = object.schema().clone();
    if let Some(members) = schema.as_object_mut() {
        for whole in ["$schema", "$id", "$defs", "examples"] {
            members.remove(whole);
        }
    }
    schema
}

/// What the hub itself publishes, in order of type.
pub(crate) fn of_the_hub() -> Vec<EventTypeView> {
    let own = Own::ALL.iter().map(|own| EventTypeView {
        kind: own.as_str().to_owned(),
        description: own.description().to_owned(),
        source: Some(source_of(None)),
        schema: Some(own.schema()),
        example: Some(own.example()),
    });
    let objects =
        StandardObject::ALL.iter().flat_map(|object| Happened::ALL.map(|happened| of_object(*object, happened)));
    let mut types: Vec<_> = own.chain(objects).collect();
    types.sort_by(|one, other| one.kind.cmp(&other.kind));
    types
}

fn of_plugin(manifest: &Manifest) -> impl Iterator<Item = EventTypeView> {
    manifest.events.emits.iter().map(|emitted| {
        let EventType { kind, description, schema } = emitted;
        let schema = schema.as_ref().and_then(inline).cloned();
        EventTypeView {
            kind: kind.clone(),
            description: description.clone(),
            source: Some(source_of(Some(&manifest.id))),
            example: schema.as_ref().and_then(|schema| schema.pointer("/examples/0")).cloned(),
            schema,
        }
    })
}

impl Inner {
    /// Every type that events can have: the hub's, then those of the best version of each plugin.
    pub(crate) fn event_types(&self) -> Vec<EventTypeView> {
        let catalogue = self.registry.catalogue();
        let mut types = of_the_hub();
        let best = catalogue.plugins().filter_map(|plugin| catalogue.best(plugin));
        types.extend(best.flat_map(|plugin| of_plugin(plugin.manifest()).collect::<Vec<_>>()));
        types
    }
}

impl Hub {
    /// Every type that events can have, with those of plugins that are loaded. Needs the permission `read_settings`.
    pub fn event_types(&self, caller: &Caller) -> Result<Vec<EventTypeView>, Failure> {
        caller.require(Permission::ReadSettings)?;
        Ok(self.0.event_types())
    }

    /// What the hub is called where plugins have their ids.
    #[must_use]
    pub const fn event_source() -> &'static str {
        HUB
    }
}

#[cfg(test)]
mod tests {
    use patchbay_model::object::{ObjectRecord, Stamp, change_event};
    use patchbay_package::SchemaValidator;

    use super::*;

    #[test]
    fn every_type_of_the_hub_has_a_schema_that_takes_its_example() {
        let types = of_the_hub();
        assert_eq!(types.len(), Own::ALL.len() + 3 * StandardObject::ALL.len());
        for EventTypeView { kind, description, schema, example, .. } in types {
            let schema = SchemaValidator::compile(&schema.unwrap()).unwrap_or_else(|error| panic!("{kind}: {error}"));
            assert_eq!(schema.validate(&example.unwrap()), Ok(()), "{kind}");
            assert!(!description.is_empty(), "{kind}");
        }
    }

    #[test]
    fn what_is_told_of_a_record_is_as_the_catalogue_says() {
        let types = of_the_hub();
        let stamp = Stamp {
            plugin: "telnyx".parse().unwrap(),
            run: patchbay_model::RunId(uuid::Uuid::from_u128(1)),
            at: chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
        };
        for object in StandardObject::ALL {
            for happened in Happened::ALL {
                let data = (happened != Happened::Deleted).then(|| object.example());
                let record = ObjectRecord {
                    object: *object,
                    id: "telnyx:1".to_owned(),
                    version: 2,
                    data,
                    created: stamp.clone(),
                    updated: stamp.clone(),
                    sources: vec![],
                };
                let event = change_event(patchbay_model::OrgId(uuid::Uuid::from_u128(2)), happened, &record, &[]);
                let of = types.iter().find(|of| of.kind == event.kind).unwrap();
                let schema = SchemaValidator::compile(of.schema.as_ref().unwrap()).unwrap();
                assert_eq!(schema.validate(&event.data), Ok(()), "{}", event.kind);
            }
        }
    }
}
