//! Batches: without a trace id one input that is wrong fails all, with one it fails alone.

use serde_json::{Value, json};

use super::portal::{Kind, Portal, Refusal};
use super::properties::{checked, refused};

/// The most inputs.
const MOST: usize = 100;

pub(super) fn call(
    portal: &mut Portal,
    now: u64,
    kind: Kind,
    verb: &str,
    body: &Value,
    query: &[(String, String)],
) -> (u16, Value) {
    let inputs = body["inputs"].as_array().cloned().unwrap_or_default();
    if !(1..=MOST).contains(&inputs.len()) {
        return (400, refused("VALIDATION_ERROR", &format!("{} inputs, where 1 to {MOST} are allowed", inputs.len())));
    }
    match verb {
        "read" => {
            let archived = query.iter().any(|(name, value)| name == "archived" && value == "true");
            let (status, mut told) = read(portal, kind, &inputs, body, archived);
            told["startedAt"] = json!(super::portal::iso(now));
            told["completedAt"] = json!(super::portal::iso(now));
            (status, told)
        }
        "archive" => {
            for id in inputs.iter().filter_map(id) {
                portal.delete(kind, id, now);
            }
            (204, Value::Null)
        }
        "create" | "update" | "upsert" => write(portal, now, kind, verb, &inputs),
        _ => (404, refused("OBJECT_NOT_FOUND", "no such batch")),
    }
}

fn id(input: &Value) -> Option<u64> {
    input["id"].as_str()?.parse().ok()
}

fn read(portal: &mut Portal, kind: Kind, inputs: &[Value], body: &Value, archived: bool) -> (u16, Value) {
    let wanted: Vec<String> =
        body["properties"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    let mut found = std::collections::BTreeSet::new();
    let mut missing = Vec::new();
    for input in inputs {
        let own = match body["idProperty"].as_str() {
            Some(property) => portal.by_unique(kind, property, input["id"].as_str().unwrap_or_default()),
            None => id(input).map(|id| portal.survivor(kind, id)),
        };
        let there = |id: &u64| {
            portal.objects.get(&kind).and_then(|all| all.get(id)).is_some_and(|one| one.archived.is_some() == archived)
        };
        match own.filter(there) {
            Some(id) => {
                found.insert(id);
            }
            None => missing.push(input["id"].clone()),
        }
    }
    let results: Vec<Value> = found.iter().map(|id| portal.objects[&kind][id].json(kind, *id, &wanted)).collect();
    let mut answer = json!({"status": "COMPLETE", "results": results});
    if missing.is_empty() {
        return (200, answer);
    }
    answer["numErrors"] = json!(1);
    answer["errors"] = json!([{
        "status": "error", "category": "OBJECT_NOT_FOUND", "message": "Could not get some objects, they may be deleted or not exist.",
        "context": {"ids": missing}, "links": {}, "errors": [],
    }]);
    (207, answer)
}

fn write(portal: &mut Portal, now: u64, kind: Kind, verb: &str, inputs: &[Value]) -> (u16, Value) {
    let traced = inputs.iter().all(|input| input["objectWriteTraceId"].is_string());
    // all or none: looked at before anything is done
    if !traced {
        for input in inputs {
            if let Err(refusal) = target(portal, kind, verb, input) {
                return refusal;
            }
        }
    }
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for input in inputs {
        match one(portal, now, kind, verb, input) {
            Ok(done) => results.push(done),
            Err((_, mut refusal)) => {
                let mut context = refusal["errors"][0]["context"].clone();
                if !context.is_object() {
                    context = json!({});
                }
                context["objectWriteTraceId"] = json!([input["objectWriteTraceId"]]);
                refusal["context"] = context;
                refusal["links"] = json!({});
                if refusal["errors"].is_null() {
                    refusal["errors"] = json!([]);
                }
                errors.push(refusal);
            }
        }
    }
    let mut answer = json!({"status": "COMPLETE", "startedAt": super::portal::iso(now), "completedAt": super::portal::iso(now), "results": results});
    if errors.is_empty() {
        return (if verb == "create" { 201 } else { 200 }, answer);
    }
    answer["numErrors"] = json!(errors.len());
    answer["errors"] = json!(errors);
    (207, answer)
}

/// What an input is about, with its properties; nothing for a new one.
fn target(
    portal: &Portal,
    kind: Kind,
    verb: &str,
    input: &Value,
) -> Result<(Option<u64>, super::portal::Properties), Refusal> {
    let property = input["idProperty"].as_str();
    let value = input["id"].as_str().unwrap_or_default();
    let own = match (verb, property) {
        ("create", _) => None,
        ("upsert", None) => return Err((400, refused("VALIDATION_ERROR", "an upsert needs an idProperty"))),
        ("upsert", Some(property)) => {
            let unique = |one: &Value| one["name"] == property && one["hasUniqueValue"] == true;
            if !(portal.properties[&kind].iter().any(unique) || kind == Kind::Contacts && property == "email") {
                return Err((
                    400,
                    refused("VALIDATION_ERROR", &format!("Property \"{property}\" does not exist or is not unique")),
                ));
            }
            portal.by_unique(kind, property, value)
        }
        _ => {
            let own = id(input).map(|id| portal.survivor(kind, id)).filter(|id| portal.get(kind, *id).is_some());
            Some(own.ok_or_else(|| (404, refused("OBJECT_NOT_FOUND", &format!("No object with the id {value}"))))?)
        }
    };
    let properties = checked(portal, kind, own, &input["properties"])?;
    if verb == "update" && properties.is_empty() {
        let message = "No properties found to update, please provide at least one.";
        return Err((400, refused("VALIDATION_ERROR", message)));
    }
    if kind == Kind::Calls && own.is_none() && !properties.contains_key("hs_timestamp") {
        return Err((400, refused("VALIDATION_ERROR", "Required properties for CALL were not set: hs_timestamp")));
    }
    Ok((own, properties))
}

fn one(portal: &mut Portal, now: u64, kind: Kind, verb: &str, input: &Value) -> Result<Value, Refusal> {
    let (own, mut properties) = target(portal, kind, verb, input)?;
    let is_new = own.is_none();
    let id = match own {
        Some(id) => {
            portal.change(kind, id, &properties, now);
            id
        }
        None => {
            if let (Some(property), Some(value)) = (input["idProperty"].as_str(), input["id"].as_str()) {
                properties.insert(property.to_owned(), value.to_owned());
            }
            portal.insert(kind, properties.clone(), now)
        }
    };
    let names: Vec<String> = properties.into_keys().collect();
    let mut told = portal.objects[&kind][&id].json(kind, id, &names);
    if verb == "upsert" {
        told["new"] = json!(is_new);
    }
    if !input["objectWriteTraceId"].is_null() {
        told["objectWriteTraceId"] = input["objectWriteTraceId"].clone();
    }
    Ok(told)
}
