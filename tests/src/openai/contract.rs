//! The vendor's published OpenAPI document as a judge of requests and answers.
//!
//! The document is not part of this repository. It is looked for under `PATCHBAY_VENDOR_SPECS`; where
//! it is missing the simulator says so and keeps to its hand-written checks.

use std::{
    collections::HashMap,
    io::Read,
    sync::{Arc, Mutex, OnceLock},
};

use serde_json::{Value, json};

use crate::vendor_specs;

/// Compiled schemas of the document's components.
#[derive(Clone)]
pub struct Contract(Arc<Inner>);

struct Inner {
    components: Value,
    compiled: Mutex<HashMap<String, Arc<jsonschema::Validator>>>,
}

impl Contract {
    /// The document, read once per process; none if it is not there.
    #[must_use]
    pub fn load() -> Option<Self> {
        static LOADED: OnceLock<Option<Contract>> = OnceLock::new();
        LOADED.get_or_init(Self::read).clone()
    }

    fn read() -> Option<Self> {
        let packed = vendor_specs::read("openai/openapi.json.gz")?;
        let mut text = String::new();
        flate2::read::GzDecoder::new(packed.as_slice()).read_to_string(&mut text).expect("a gzip file");
        let mut document: Value = serde_json::from_str(&text).expect("an OpenAPI document");
        let mut components = document["components"].take();
        allow_null(&mut components);
        Some(Self(Arc::new(Inner { components, compiled: Mutex::default() })))
    }

    /// Checks `value` against the component of this name; the texts name place and rule.
    ///
    /// # Errors
    /// Everything that is wrong with it, at most eight.
    pub fn check(&self, component: &str, value: &Value) -> Result<(), Vec<String>> {
        let validator = self.validator(component);
        let wrong: Vec<String> =
            validator.iter_errors(value).take(8).map(|error| format!("{}: {error}", error.instance_path())).collect();
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    fn validator(&self, component: &str) -> Arc<jsonschema::Validator> {
        let mut compiled = self.0.compiled.lock().unwrap();
        Arc::clone(compiled.entry(component.to_owned()).or_insert_with(|| {
            let schema = json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "$ref": format!("#/components/schemas/{component}"),
                "components": self.0.components,
            });
            Arc::new(jsonschema::draft202012::new(&schema).expect("the vendor's schemas compile"))
        }))
    }
}

/// OpenAPI 3.1 has no `nullable`, yet the document still uses it: turn it into the type that it means.
fn allow_null(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if object.get("nullable") == Some(&Value::Bool(true)) {
                object.remove("nullable");
                if let Some(kind @ Value::String(_)) = object.get_mut("type") {
                    *kind = json!([kind.take(), "null"]);
                }
                if let Some(Value::Array(allowed)) = object.get_mut("enum") {
                    allowed.push(Value::Null);
                }
                if !object.contains_key("type") {
                    let plain = Value::Object(std::mem::take(object));
                    object.insert("anyOf".to_owned(), json!([plain, {"type": "null"}]));
                }
            }
            object.values_mut().for_each(allow_null);
        }
        Value::Array(items) => items.iter_mut().for_each(allow_null),
        _ => {}
    }
}
