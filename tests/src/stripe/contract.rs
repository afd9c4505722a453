//! The vendor's published parameters as a judge of requests.
//!
//! The schemas are not part of this repository. They are looked for under `PATCHBAY_VENDOR_SPECS`; where they are missing the
//! simulator says so and keeps to its own checks. A form knows only text, so texts become what the schema wants there first.

use std::{collections::BTreeMap, sync::OnceLock};

use serde_json::{Value, json};

use crate::vendor_specs;

/// The schemas of the endpoints that the document has, by `POST /v1/customers/{customer}`.
pub(super) struct Contract {
    endpoints: BTreeMap<String, Endpoint>,
}

struct Endpoint {
    schema: Value,
    validator: jsonschema::Validator,
}

impl Contract {
    /// The document, read once per process; none if it is not there.
    pub(super) fn load() -> Option<&'static Self> {
        static LOADED: OnceLock<Option<Contract>> = OnceLock::new();
        LOADED.get_or_init(Self::read).as_ref()
    }

    fn read() -> Option<Self> {
        let document = vendor_specs::document("stripe/stripe-params-2026-10-28.endive.derived.schema.json")?;
        let endpoints = document["endpoints"].as_object().expect("endpoints").iter();
        let endpoints = endpoints.map(|(name, schema)| {
            let mut schema = schema.clone();
            schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
            let validator = jsonschema::draft202012::new(&schema).expect("the derived schemas compile");
            (name.clone(), Endpoint { schema, validator })
        });
        Some(Self { endpoints: endpoints.collect() })
    }

    /// What is wrong with these parameters of an endpoint; nothing for one that the document does not have.
    pub(super) fn check(&self, endpoint: &str, parameters: &Value) -> Vec<String> {
        let Some(Endpoint { schema, validator }) = self.endpoints.get(endpoint) else { return Vec::new() };
        let typed = typed(parameters, schema, schema);
        validator.iter_errors(&typed).take(8).map(|error| format!("{}: {error}", error.instance_path())).collect()
    }

    /// What is wrong with a JSON body, which has types of its own.
    pub(super) fn check_json(&self, endpoint: &str, body: &Value) -> Vec<String> {
        let Some(Endpoint { validator, .. }) = self.endpoints.get(endpoint) else { return Vec::new() };
        validator.iter_errors(body).take(8).map(|error| format!("{}: {error}", error.instance_path())).collect()
    }
}

/// The value with numbers and booleans where the schema wants them.
fn typed(value: &Value, schema: &Value, root: &Value) -> Value {
    let choices = choices(schema, root);
    let wants = |kind: &str| choices.iter().find(|choice| choice["type"] == kind);
    match value {
        Value::String(text) => {
            let integer = wants("integer").and_then(|_| text.parse::<i64>().ok()).map(Value::from);
            let number = || wants("number").and_then(|_| text.parse::<f64>().ok()).map(Value::from);
            let boolean = || wants("boolean").and_then(|_| text.parse::<bool>().ok()).map(Value::from);
            integer.or_else(number).or_else(boolean).unwrap_or_else(|| value.clone())
        }
        Value::Array(items) => {
            let Some(list) = wants("array") else { return value.clone() };
            Value::Array(items.iter().map(|item| typed(item, &list["items"], root)).collect())
        }
        Value::Object(members) => {
            let Some(object) = wants("object") else { return value.clone() };
            let member = |(name, member): (&String, &Value)| {
                let own = object["properties"].get(name).or_else(|| object.get("additionalProperties"));
                (name.clone(), own.map_or_else(|| member.clone(), |own| typed(member, own, root)))
            };
            Value::Object(members.iter().map(member).collect())
        }
        other => other.clone(),
    }
}

/// The schemas that a value may have, references followed.
fn choices<'a>(schema: &'a Value, root: &'a Value) -> Vec<&'a Value> {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = reference.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
        return target.map_or_else(Vec::new, |target| choices(target, root));
    }
    match schema["anyOf"].as_array() {
        Some(all) => all.iter().flat_map(|one| choices(one, root)).collect(),
        None => vec![schema],
    }
}
