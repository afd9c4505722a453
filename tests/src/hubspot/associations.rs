//! What belongs to what.

use serde_json::{Value, json};

use super::portal::{Kind, Portal};
use super::properties::refused;

/// HubSpot's number of the usual way between two kinds.
const fn usual(from: Kind, to: Kind) -> u32 {
    match (from, to) {
        (Kind::Contacts, Kind::Companies) => 279,
        (Kind::Contacts, Kind::Deals) => 4,
        (Kind::Deals, Kind::Contacts) => 3,
        (Kind::Deals, Kind::Companies) => 341,
        (Kind::Calls, Kind::Contacts) => 194,
        (Kind::Calls, Kind::Deals) => 206,
        (Kind::Calls, Kind::Companies) => 182,
        _ => 1,
    }
}

/// `/crm/associations/…/{from}/{to}/batch/…`.
pub(super) fn call(portal: &mut Portal, from: Kind, to: Kind, rest: &[&str], body: &Value) -> (u16, Value) {
    let inputs = body["inputs"].as_array().cloned().unwrap_or_default();
    let id = |value: &Value| value["id"].as_str().and_then(|id| id.parse::<u64>().ok());
    match rest {
        ["read"] if !(1..=100).contains(&inputs.len()) => (400, refused("VALIDATION_ERROR", "1 to 100 inputs")),
        ["read"] => {
            let told = |id: u64| {
                let others = portal.associated(from, id, to).into_iter().map(|(other, type_id)| {
                    json!({"toObjectId": other.to_string(), "associationTypes": [{"category": "HUBSPOT_DEFINED", "typeId": type_id, "label": null}]})
                });
                let others: Vec<Value> = others.collect();
                (!others.is_empty()).then(|| json!({"from": {"id": id.to_string()}, "to": others}))
            };
            let results: Vec<Value> = inputs.iter().filter_map(id).filter_map(told).collect();
            (200, json!({"status": "COMPLETE", "results": results}))
        }
        ["create"] | ["associate", "default"] => {
            if !(1..=100).contains(&inputs.len()) {
                return (400, refused("VALIDATION_ERROR", "1 to 100 inputs"));
            }
            for input in &inputs {
                let (Some(one), Some(other)) = (id(&input["from"]), id(&input["to"])) else {
                    return (400, refused("VALIDATION_ERROR", "an input needs both sides"));
                };
                if portal.get(from, one).is_none() || portal.get(to, other).is_none() {
                    return (404, refused("OBJECT_NOT_FOUND", "one of the objects is not there"));
                }
                let named = input["types"][0]["associationTypeId"].as_u64().and_then(|id| u32::try_from(id).ok());
                if rest == ["create"] && named != Some(usual(from, to)) {
                    return (
                        400,
                        refused("VALIDATION_ERROR", "no such type of association from the one kind to the other"),
                    );
                }
                portal.associate((from, one), (to, other), named.unwrap_or_else(|| usual(from, to)));
            }
            (201, json!({"status": "COMPLETE", "results": []}))
        }
        _ => (404, refused("OBJECT_NOT_FOUND", "no such batch")),
    }
}
