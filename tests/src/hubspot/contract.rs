//! The shapes of HubSpot's own library as a judge of requests, and of what the simulator answers.
//!
//! They are not part of this repository. They are looked for under `PATCHBAY_VENDOR_SPECS`; where they are missing the simulator
//! says so and keeps to its own checks.

use std::{collections::BTreeMap, sync::OnceLock};

use axum::http::Method;
use jsonschema::Validator;
use serde_json::{Value, json};

use crate::vendor_specs;

/// The endpoints that the document has, by `POST /objects/{type}/search`.
pub(super) struct Contract(BTreeMap<String, Endpoint>);

struct Endpoint {
    request: Option<Validator>,
    answer: Validator,
}

impl Contract {
    /// The document, read once per process; none if it is not there.
    pub(super) fn load() -> Option<&'static Self> {
        static LOADED: OnceLock<Option<Contract>> = OnceLock::new();
        LOADED.get_or_init(Self::read).as_ref()
    }

    fn read() -> Option<Self> {
        let document = vendor_specs::document("hubspot/hubspot-crm-objects.derived.schema.json")?;
        let endpoints = document["endpoints"].as_object().expect("endpoints").iter();
        let endpoints = endpoints.map(|(name, own)| {
            // failures have members that the library does not look at
            let is_closed = !matches!(name.as_str(), FAILURE | PARTLY);
            let answer = validator(own, "response", is_closed).expect("every endpoint answers something");
            (name.clone(), Endpoint { request: validator(own, "request", true), answer })
        });
        Some(Self(endpoints.collect()))
    }

    /// What is wrong with a request and with its answer; nothing of an endpoint that the document does not have.
    pub(super) fn judge(
        &self,
        (method, segments): (&Method, &[&str]),
        request: &Value,
        (status, answer): (u16, &Value),
    ) -> Vec<String> {
        let Some((name, endpoint)) = named(method, segments).and_then(|name| self.0.get_key_value(&name)) else {
            return Vec::new();
        };
        let asked = endpoint.request.as_ref().filter(|_| !request.is_null());
        let mut wrong: Vec<String> =
            asked.into_iter().flat_map(|shape| errors(&format!("asked {name}"), shape, &as_typed(request))).collect();
        let answered = match status {
            204 => None,
            207 => self.0.get(PARTLY),
            400.. => self.0.get(FAILURE),
            _ => Some(endpoint),
        };
        let answered = answered.into_iter();
        wrong.extend(answered.flat_map(|shape| errors(&format!("answered {name}"), &shape.answer, &told(answer))));
        wrong
    }
}

const FAILURE: &str = "ERROR";
const PARTLY: &str = "207 multi-status";

fn named(method: &Method, segments: &[&str]) -> Option<String> {
    match segments {
        ["objects", _] => Some(format!("{method} /objects/{{type}}")),
        ["objects", _, "search"] => Some(format!("{method} /objects/{{type}}/search")),
        ["objects", _, "batch", verb] => Some(format!("{method} /objects/{{type}}/batch/{verb}")),
        ["objects", _, id] if *id != "merge" => Some(format!("{method} /objects/{{type}}/{{id}}")),
        _ => None,
    }
}

fn validator(own: &Value, part: &str, is_closed: bool) -> Option<Validator> {
    let mut schema = own.get(part)?.clone();
    schema["$defs"] = own["$defs"].clone();
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    if is_closed {
        close(&mut schema);
    }
    Some(jsonschema::draft202012::new(&schema).expect("the derived schemas compile"))
}

/// Objects have the members that are named and no others, so that one that is misspelt is found.
fn close(schema: &mut Value) {
    if schema["type"] == "object" && schema["properties"].is_object() && schema["additionalProperties"].is_null() {
        schema["additionalProperties"] = json!(false);
    }
    if let Some(members) = schema.as_object_mut() {
        members.values_mut().filter(|member| member.is_object()).for_each(close);
    }
}

fn errors(what: &str, shape: &Validator, body: &Value) -> Vec<String> {
    shape.iter_errors(body).take(4).map(|error| format!("{what}: {}: {error}", error.instance_path())).collect()
}

/// The library has texts for the orders of a search, the service and its documentation objects.
fn as_typed(request: &Value) -> Value {
    let mut request = request.clone();
    for sort in request.get_mut("sorts").and_then(Value::as_array_mut).into_iter().flatten() {
        if sort["propertyName"].is_string() {
            *sort = sort["propertyName"].take();
        }
    }
    request
}

/// Without what says nothing: the library takes it for absent.
fn told(answer: &Value) -> Value {
    match answer {
        Value::Object(members) => {
            let members = members.iter().filter(|(_, member)| !member.is_null());
            members.map(|(name, member)| (name.clone(), told(member))).collect()
        }
        Value::Array(items) => items.iter().map(told).collect(),
        other => other.clone(),
    }
}
