//! The search, with all its limits.

use serde_json::{Value, json};

use super::portal::{Kind, Object, Portal, Properties};
use super::properties::refused;

/// Results of one search, whatever its pages.
const MOST: usize = 10_000;
/// Bytes of a body.
const BODY: usize = 3_000;

struct Row<'a> {
    id: u64,
    object: &'a Object,
    properties: &'a Properties,
    modified: u64,
}

pub(super) fn search(
    portal: &Portal,
    violations: &mut Vec<String>,
    now: u64,
    lag_ms: u64,
    kind: Kind,
    body: &Value,
    length: usize,
) -> (u16, Value) {
    let refuse = |message: &str| (400, refused("VALIDATION_ERROR", message));
    if let Some(wrong) = shape(body, length) {
        violations.push(format!("a search {wrong}"));
        return refuse(&wrong);
    }
    let limit = usize::try_from(body["limit"].as_u64().unwrap_or(10)).unwrap();
    let after: usize = body["after"].as_str().and_then(|text| text.parse().ok()).unwrap_or(0);
    if after > 0 && kind != Kind::Calls {
        violations.push("a search by the number of its page, which moves".to_owned());
    }
    let objects = portal.objects.get(&kind).into_iter().flatten();
    let mut rows: Vec<Row<'_>> = objects
        .filter(|(_, object)| object.archived.is_none())
        .filter_map(|(id, object)| {
            let (properties, modified) = object.indexed(now, lag_ms)?;
            Some(Row { id: *id, object, properties, modified })
        })
        .filter(|row| lets_through(row, kind, &body["filterGroups"]))
        .collect();
    let sort = body["sorts"][0]["propertyName"].as_str().unwrap_or("hs_object_id");
    if sort == kind.modified() {
        // within a millisecond there is no order to rely on
        rows.sort_by_key(|row| (row.modified, row.id.wrapping_mul(0x9E37_79B9_7F4A_7C15)));
    } else {
        rows.sort_by_key(|row| row.id);
    }
    if body["sorts"][0]["direction"] == "DESCENDING" {
        rows.reverse();
    }
    let total = rows.len();
    let wanted: Vec<String> =
        body["properties"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    let page: Vec<Value> = rows
        .iter()
        .skip(after)
        .take(limit)
        .map(|row| row.object.json_of(kind, row.id, &wanted, row.properties, row.modified))
        .collect();
    let end = after + page.len();
    let mut answer = json!({"total": total, "results": page});
    if end < total.min(MOST) {
        answer["paging"] = json!({"next": {"after": end.to_string()}});
    }
    (200, answer)
}

/// What is wrong with a body.
fn shape(body: &Value, length: usize) -> Option<String> {
    if length > BODY {
        return Some(format!("of {length} bytes"));
    }
    for name in ["filterGroups", "sorts", "properties", "limit", "after"] {
        if body[name].is_null() {
            return Some(format!("without {name}"));
        }
    }
    let groups = body["filterGroups"].as_array()?;
    let counts: Vec<usize> = groups.iter().map(|group| group["filters"].as_array().map_or(0, Vec::len)).collect();
    if groups.len() > 5 || counts.iter().any(|count| !(1..=6).contains(count)) || counts.iter().sum::<usize>() > 18 {
        return Some(format!("with groups of {counts:?} filters"));
    }
    if body["sorts"].as_array().is_none_or(|sorts| sorts.len() > 1) {
        return Some("with more than one order".to_owned());
    }
    let limit = body["limit"].as_u64().unwrap_or(0);
    let after: u64 = body["after"].as_str().and_then(|text| text.parse().ok()).unwrap_or(u64::MAX);
    if !(1..=200).contains(&limit) || after.saturating_add(limit) > 10_000 {
        return Some(format!("of {limit} rows behind {after}"));
    }
    None
}

fn lets_through(row: &Row<'_>, kind: Kind, groups: &Value) -> bool {
    let groups = groups.as_array().map(Vec::as_slice).unwrap_or_default();
    let all = |group: &Value| group["filters"].as_array().unwrap().iter().all(|filter| holds(row, kind, filter));
    groups.is_empty() || groups.iter().any(all)
}

fn holds(row: &Row<'_>, kind: Kind, filter: &Value) -> bool {
    let name = filter["propertyName"].as_str().unwrap_or_default();
    let own = match name {
        "hs_object_id" => Some(row.id.to_string()),
        _ if name == kind.modified() => Some(row.modified.to_string()),
        _ => row.properties.get(name).cloned(),
    };
    let several: Vec<String> =
        filter["values"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    let Some(own) = own else {
        return matches!(filter["operator"].as_str(), Some("NOT_HAS_PROPERTY" | "NOT_IN" | "NEQ"));
    };
    let value = filter["value"].as_str().unwrap_or_default();
    let order = match (own.parse::<u64>(), value.parse::<u64>()) {
        (Ok(own), Ok(value)) => own.cmp(&value),
        _ => own.to_lowercase().cmp(&value.to_lowercase()),
    };
    // of several values in one property each counts; what is asked for is compared as it is, with small letters
    let is_one_of = || own.split(';').any(|part| several.contains(&part.to_lowercase()));
    match filter["operator"].as_str() {
        Some("EQ") => order.is_eq(),
        Some("NEQ") => order.is_ne(),
        Some("LT") => order.is_lt(),
        Some("LTE") => order.is_le(),
        Some("GT") => order.is_gt(),
        Some("GTE") => order.is_ge(),
        Some("IN") => is_one_of(),
        Some("NOT_IN") => !is_one_of(),
        Some("HAS_PROPERTY") => true,
        _ => false,
    }
}
