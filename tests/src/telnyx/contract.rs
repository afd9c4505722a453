//! Telnyx' published OpenAPI document as a judge of requests: paths, methods, queries and bodies.
//!
//! The document is not part of this repository. It is looked for under `PATCHBAY_VENDOR_SPECS`; where it is missing the
//! simulator says so and keeps to its hand-written checks.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, OnceLock},
};

use serde_json::{Value, json};

use crate::vendor_specs;

/// The document.
#[derive(Clone)]
pub(super) struct Contract(Arc<Document>);

struct Document {
    whole: Value,
    /// Bodies' schemas by method and path, compiled when they are first needed.
    bodies: Mutex<HashMap<String, Arc<jsonschema::Validator>>>,
}

impl Contract {
    /// The document, read once per process; none if it is not there.
    pub(super) fn load() -> Option<Self> {
        static LOADED: OnceLock<Option<Contract>> = OnceLock::new();
        LOADED.get_or_init(Self::read).clone()
    }

    fn read() -> Option<Self> {
        let whole = vendor_specs::document("telnyx/telnyx-subset.json")?;
        Some(Self(Arc::new(Document { whole, bodies: Mutex::default() })))
    }

    /// What is wrong with a request below `/v2`.
    pub(super) fn check(
        &self,
        method: &str,
        path: &str,
        query: &[(String, String)],
        body: Option<&Value>,
    ) -> Vec<String> {
        let paths = self.0.whole["paths"].as_object().expect("paths");
        let fits = |pattern: &&String| {
            let (ours, theirs): (Vec<_>, Vec<_>) = (path.split('/').collect(), pattern.split('/').collect());
            ours.len() == theirs.len()
                && ours.iter().zip(theirs).all(|(own, their)| *own == their || their.starts_with('{'))
        };
        let Some(pattern) = paths.keys().find(fits) else { return vec![format!("no path {path}")] };
        let operation = &paths[pattern][method.to_lowercase()];
        if operation.is_null() {
            return vec![format!("no {method} {pattern}")];
        }
        let mut wrong = self.query(operation, query);
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        match (schema.is_null(), body) {
            (true, Some(_)) => wrong.push(format!("{method} {pattern} takes no JSON")),
            (false, Some(body)) => {
                wrong.extend(self.unknown(schema, body));
                let validator = self.validator(&format!("{method} {pattern}"), schema);
                wrong.extend(
                    validator.iter_errors(body).take(8).map(|error| format!("{}: {error}", error.instance_path())),
                );
            }
            (_, None) => {}
        }
        wrong
    }

    /// Parameters that the operation does not have: `filter[a]` is the member `a` of the parameter `filter`.
    fn query(&self, operation: &Value, query: &[(String, String)]) -> Vec<String> {
        let parameters: Vec<&Value> =
            operation["parameters"].as_array().into_iter().flatten().map(|one| self.resolved(one)).collect();
        let knows = |name: &str| {
            let (outer, inner) = name.split_once('[').unwrap_or((name, ""));
            let inner = inner.split(']').next().unwrap_or_default();
            parameters.iter().any(|parameter| {
                let members = &self.resolved(&parameter["schema"])["properties"];
                parameter["in"] == "query"
                    && parameter["name"] == outer
                    && (inner.is_empty() || members.get(inner).is_some())
            })
        };
        query.iter().filter(|(name, _)| !knows(name)).map(|(name, _)| format!("no parameter {name}")).collect()
    }

    /// Members that the schema does not have; the document itself lets any pass.
    fn unknown(&self, schema: &Value, body: &Value) -> Vec<String> {
        let mut known = BTreeSet::new();
        self.members(schema, &mut known);
        let members = body.as_object().into_iter().flatten().map(|(name, _)| name);
        members.filter(|name| !known.contains(name.as_str())).map(|name| format!("no member {name}")).collect()
    }

    fn members<'a>(&'a self, schema: &'a Value, known: &mut BTreeSet<&'a str>) {
        let schema = self.resolved(schema);
        known.extend(schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.as_str()));
        for several in ["allOf", "oneOf", "anyOf"] {
            schema[several].as_array().into_iter().flatten().for_each(|one| self.members(one, known));
        }
    }

    fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(target) => self.0.whole.pointer(target.trim_start_matches('#')).expect("what the document refers to"),
            None => value,
        }
    }

    fn validator(&self, operation: &str, schema: &Value) -> Arc<jsonschema::Validator> {
        let mut bodies = self.0.bodies.lock().unwrap();
        if let Some(known) = bodies.get(operation) {
            return Arc::clone(known);
        }
        let whole = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "allOf": [schema],
            "components": self.0.whole["components"],
        });
        let made = Arc::new(jsonschema::draft202012::new(&whole).expect("the vendor's schemas compile"));
        bodies.insert(operation.to_owned(), Arc::clone(&made));
        made
    }
}
