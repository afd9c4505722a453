//! What comes in by the default mappings has names that Salesforce has, and what the manifest offers is there.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail them")]

use std::path::Path;

use serde_json::Value;

fn read(path: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Properties of a standard object, by the first part of their pointers.
fn properties(object: &str) -> Vec<String> {
    let schema = read(&format!("../../host/model/objects/{object}.json"));
    schema.pointer("/properties").and_then(Value::as_object).unwrap().keys().cloned().collect()
}

#[test]
fn default_mappings_are_of_fields_that_both_sides_have() {
    for object in ["contact", "company", "deal", "call"] {
        let mapping = read(&format!("syncs/{object}.json"));
        let known = properties(object);
        let fields = mapping["fields"].as_array().unwrap();
        assert!(fields.len() >= 4, "{object}");
        for field in fields {
            let (hub, vendor) = (field["hub"].as_str().unwrap(), field["vendor"].as_str().unwrap());
            let first = hub.trim_start_matches('/').split('/').next().unwrap();
            assert!(known.iter().any(|name| name == first), "{object}: {hub}");
            let is_standard = vendor.starts_with(|first: char| first.is_ascii_uppercase()) && !vendor.ends_with("__c");
            assert!(is_standard, "{object}: {vendor} is not in every org");
        }
        for join in mapping["join"].as_array().into_iter().flatten() {
            assert!(fields.iter().any(|field| field["hub"] == *join), "{object}: {join} is no field");
        }
    }
}
