//! The hub's schemas of standard objects.

use serde_json::Value;

/// Fails unless an object is valid by its schema, formats included.
pub fn assert_valid(name: &str, object: &Value) {
    let path = format!("{}/../../host/model/objects/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let schema = serde_json::from_slice::<Value>(&std::fs::read(path).unwrap()).unwrap();
    let compiled = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    let errors = compiled.iter_errors(object).map(|error| error.to_string()).collect::<Vec<_>>();
    assert!(errors.is_empty(), "{errors:?} in {object:#}");
}
