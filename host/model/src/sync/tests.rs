mod guide;
mod merging;
mod properties;
mod transforms;
mod validating;

use serde_json::{Map, Value, json};

use super::*;
use crate::object::StandardObject;

/// The links of a vendor whose ids are ours with a word before them.
struct Linked;

impl References for Linked {
    fn record_of(&self, object: StandardObject, vendor_id: &str) -> Option<String> {
        vendor_id.strip_prefix("theirs-").map(|id| format!("{object}:{id}"))
    }

    fn vendor_of(&self, object: StandardObject, record_id: &str) -> Option<String> {
        record_id.strip_prefix(&format!("{object}:")).map(|id| format!("theirs-{id}"))
    }
}

fn mapping(value: Value) -> Mapping {
    serde_json::from_value(value).unwrap()
}

fn members(value: Value) -> Map<String, Value> {
    let Value::Object(members) = value else { panic!("{value} is no object") };
    members
}

/// A field of the record by the pointer `/f`, and of the vendor by the name `v`.
fn through(transforms: Value) -> Mapping {
    mapping(json!({"fields": [{"hub": "/f", "vendor": "v", "transforms": transforms}]}))
}
