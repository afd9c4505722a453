//! Objects, one by one and in lists.

use axum::http::Method;
use serde_json::{Value, json};

use super::portal::{Kind, Portal};
use super::properties::{checked, refused};

/// `/crm/objects/…/{kind}` and what is below it.
pub(super) fn call(
    portal: &mut Portal,
    now: u64,
    method: &Method,
    kind: Kind,
    rest: &[&str],
    body: &Value,
    query: &[(String, String)],
) -> (u16, Value) {
    let parameter = |name: &str| query.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
    let wanted = wanted(parameter("properties"));
    let missing = || (404, refused("OBJECT_NOT_FOUND", "Object not found"));
    let found = |portal: &Portal, id: &str| match parameter("idProperty") {
        Some(property) => {
            let value = percent_encoding_free(id);
            portal.by_unique(kind, property, &value)
        }
        None => id.parse().ok().map(|id| portal.survivor(kind, id)),
    };
    match (method.as_str(), rest) {
        ("GET", []) => list(
            portal,
            kind,
            &wanted,
            parameter("archived").is_some_and(|told| told.eq_ignore_ascii_case("true")),
            parameter("limit"),
            parameter("after"),
        ),
        ("POST", []) => match checked(portal, kind, None, &body["properties"]) {
            Ok(properties) => {
                let id = portal.insert(kind, properties, now);
                for association in body["associations"].as_array().into_iter().flatten() {
                    let Some(other) = association["to"]["id"].as_str().and_then(|id| id.parse().ok()) else { continue };
                    let type_id = association["types"][0]["associationTypeId"].as_u64().unwrap_or(0);
                    let to = if matches!(type_id, 206 | 4) { Kind::Deals } else { Kind::Contacts };
                    portal.associate((kind, id), (to, other), u32::try_from(type_id).unwrap());
                }
                (201, portal.objects[&kind][&id].json(kind, id, &[]))
            }
            Err(refusal) => refusal,
        },
        ("POST", ["merge"]) => {
            let id = |name: &str| body[name].as_str().and_then(|id| id.parse().ok()).unwrap_or(0);
            let (primary, other) = (id("primaryObjectId"), id("objectIdToMerge"));
            if portal.merge(kind, primary, other, now) {
                (200, portal.objects[&kind][&primary].json(kind, primary, &[]))
            } else {
                missing()
            }
        }
        ("GET", [id]) => {
            let all = portal.objects.get(&kind);
            let there = found(portal, id).and_then(|id| Some((id, all?.get(&id)?)));
            match there.filter(|(_, object)| object.archived.is_none()) {
                Some((id, object)) => (200, object.json(kind, id, &wanted)),
                None => missing(),
            }
        }
        ("PATCH", [id]) => {
            let Some(id) = found(portal, id).filter(|id| portal.get(kind, *id).is_some()) else { return missing() };
            match checked(portal, kind, Some(id), &body["properties"]) {
                Ok(properties) => {
                    portal.change(kind, id, &properties, now);
                    (200, portal.objects[&kind][&id].json(kind, id, &wanted))
                }
                Err(refusal) => refusal,
            }
        }
        ("DELETE", [id]) => {
            if let Ok(id) = id.parse() {
                portal.delete(kind, id, now);
            }
            (204, Value::Null)
        }
        _ => missing(),
    }
}

fn wanted(text: Option<&str>) -> Vec<String> {
    let usual = "email,firstname,lastname";
    text.filter(|text| !text.is_empty()).unwrap_or(usual).split(',').map(str::to_owned).collect()
}

/// A segment of a path as text.
fn percent_encoding_free(segment: &str) -> String {
    let pair = format!("x={}", segment.replace('+', "%2B"));
    url::form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

fn list(
    portal: &Portal,
    kind: Kind,
    wanted: &[String],
    archived: bool,
    limit: Option<&str>,
    after: Option<&str>,
) -> (u16, Value) {
    let limit: usize = limit.and_then(|text| text.parse().ok()).unwrap_or(10);
    if !(1..=100).contains(&limit) {
        return (400, refused("VALIDATION_ERROR", "limit must be between 1 and 100"));
    }
    let after: u64 = after.and_then(|text| text.parse().ok()).unwrap_or(0);
    let all = portal.objects.get(&kind).into_iter().flatten();
    let mut behind = all.filter(|(id, object)| **id > after && object.archived.is_some() == archived);
    let page: Vec<(&u64, _)> = behind.by_ref().take(limit).collect();
    let results: Vec<Value> = page.iter().map(|(id, object)| object.json(kind, **id, wanted)).collect();
    let mut answer = json!({"results": results});
    if let (Some((last, _)), true) = (page.last(), behind.next().is_some()) {
        answer["paging"] = json!({"next": {"after": last.to_string(), "link": "https://api.hubapi.com/next"}});
    }
    (200, answer)
}
