//! The columns of CSV files. Which there are and in which order is a promise: new ones come at the end.

use patchbay_model::{export::Exported, object::StandardObject};
use serde_json::Value;

/// A column: its name, and where its cells are in a row's document (a JSON Pointer).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) pointer: String,
}

impl Column {
    fn at(name: &str, pointer: &str) -> Self {
        Self { name: name.to_owned(), pointer: pointer.to_owned() }
    }

    /// Of the member of the document that has its name.
    fn of(name: &str) -> Self {
        Self::at(name, &format!("/{name}"))
    }

    /// What a document has there.
    pub(super) fn cell<'d>(&self, document: &'d Value) -> Option<&'d Value> {
        document.pointer(&self.pointer).filter(|value| !value.is_null())
    }
}

const RUN: [&str; 12] = [
    "id",
    "plugin",
    "version",
    "digest",
    "kind",
    "operation",
    "parent_run",
    "status",
    "error_code",
    "error_detail",
    "upstream_status",
    "started_at",
];
const FIGURES: [&str; 6] = ["wall_us", "cpu_us", "peak_memory", "egress_sent", "egress_received", "host_calls"];
const EVENT: [&str; 8] = ["sequence", "id", "source", "type", "subject", "time", "runid", "data"];
const DELIVERY: [&str; 10] = [
    "id",
    "endpoint",
    "event",
    "sequence",
    "type",
    "status",
    "attempts",
    "next_attempt_at",
    "created_at",
    "finished_at",
];
const USAGE: [&str; 8] = ["id", "at", "plugin", "run", "meter", "quantity", "basis", "dedupe"];
const AUDIT: [&str; 9] = ["seq", "id", "at", "actor", "action", "resource", "detail", "request_id", "hash"];
const RECORD: [&str; 4] = ["id", "version", "updated_at", "data"];

/// Of rows of this; `object` is the standard object that they are of, if they are.
pub(super) fn of(what: Exported, object: Option<StandardObject>) -> Vec<Column> {
    let named = |names: &[&str]| names.iter().map(|name| Column::of(name)).collect::<Vec<_>>();
    match (what, object) {
        (Exported::Runs, _) => {
            let figures = FIGURES.iter().map(|name| Column::at(name, &format!("/figures/{name}")));
            named(&RUN).into_iter().chain([Column::of("finished_at")]).chain(figures).collect()
        }
        (Exported::Events, _) => named(&EVENT),
        (Exported::Deliveries, _) => named(&DELIVERY),
        (Exported::Usage, _) => named(&USAGE),
        (Exported::Audit, _) => named(&AUDIT),
        (Exported::Records, None) => named(&RECORD),
        (Exported::Records, Some(object)) => of_object(object),
    }
}

/// Its record's own facts, and a column for each field of its schema, which only ever gains fields.
fn of_object(object: StandardObject) -> Vec<Column> {
    let own = [
        Column::of("id"),
        Column::of("version"),
        Column::at("created_by", "/created/plugin"),
        Column::at("created_at", "/created/at"),
        Column::at("updated_by", "/updated/plugin"),
        Column::at("updated_at", "/updated/at"),
    ];
    let properties = object.schema().get("properties").and_then(Value::as_object);
    let fields = properties.into_iter().flat_map(|properties| properties.keys());
    let fields = fields.map(|field| {
        let escaped = field.replace('~', "~0").replace('/', "~1");
        Column::at(&format!("data.{field}"), &format!("/data/{escaped}"))
    });
    own.into_iter().chain(fields).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_columns_have_one_name() {
        let objects = StandardObject::ALL.iter().map(|object| of(Exported::Records, Some(*object)));
        for columns in Exported::ALL.iter().map(|what| of(*what, None)).chain(objects) {
            let names: BTreeSet<_> = columns.iter().map(|column| &column.name).collect();
            assert_eq!(names.len(), columns.len(), "{names:?}");
        }
    }

    #[test]
    fn an_objects_fields_are_columns() {
        for object in StandardObject::ALL {
            let columns = of(Exported::Records, Some(*object));
            let document = serde_json::json!({ "data": object.example() });
            let fields = object.example().as_object().unwrap().len();
            assert_eq!(columns.iter().filter(|column| column.cell(&document).is_some()).count(), fields, "{object}");
        }
    }
}
