//! Records: made, changed, deleted, merged, by whoever does it.

use chrono::Timelike as _;
use serde_json::{Map, Value, json};

use super::{
    EXTERNAL,
    fields::{self, OBJECTS},
    store::{Refusal, Row, State, whole},
    written,
};

/// Stamps are in whole seconds.
fn stamp(state: &State) -> patchbay_model::Timestamp {
    state.now.with_nanosecond(0).unwrap_or(state.now)
}

pub(super) fn no_such(id: &str) -> Refusal {
    Refusal::new(404, "NOT_FOUND", format!("Provided external ID field does not exist or is not accessible: {id}"))
}

/// Checks fields that are set, and gives them under the names that they have here.
fn checked(state: &State, object: &str, given: Map<String, Value>) -> Result<Map<String, Value>, Refusal> {
    let mut known = Map::new();
    for (name, value) in given {
        if name == "attributes" {
            continue;
        }
        let Some(field) = fields::find(state, object, &name) else {
            let text = format!("No such column '{name}' on sobject of type {object}");
            return Err(Refusal::new(400, "INVALID_FIELD", text));
        };
        if !field.writable {
            let text = format!("Unable to create/update fields: {name}");
            return Err(Refusal::of_field("INVALID_FIELD_FOR_INSERT_UPDATE", field.name, &text));
        }
        if !fields::fits(field, &value) {
            if field.required {
                let text = format!("Required fields are missing: [{}]", field.name);
                return Err(Refusal::of_field("REQUIRED_FIELD_MISSING", field.name, &text));
            }
            let text = format!("{}: invalid value of type {}", field.name, field.kind);
            return Err(Refusal::of_field("JSON_PARSER_ERROR", field.name, &text));
        }
        if field.kind == "reference"
            && let Some(id) = value.as_str()
            && state.live(id).is_none()
        {
            return Err(Refusal::of_field("INVALID_CROSS_REFERENCE_KEY", field.name, "invalid cross reference id"));
        }
        known.insert(field.name.to_owned(), value);
    }
    if let Some(value) = known.get(EXTERNAL).and_then(Value::as_str)
        && state.rows.values().any(|row| {
            row.object == object
                && row.deleted_at.is_none()
                && row.fields.get(EXTERNAL).and_then(Value::as_str) == Some(value)
        })
    {
        let text = format!("duplicate value found: {EXTERNAL} duplicates value on another record");
        return Err(Refusal::of_field("DUPLICATE_VALUE", EXTERNAL, &text));
    }
    Ok(known)
}

fn name(fields: &mut Map<String, Value>, object: &str) {
    if object == "Contact" {
        let part = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let whole = format!("{} {}", part("FirstName"), part("LastName"));
        fields.insert("Name".to_owned(), json!(whole.trim()));
    }
    if object == "Opportunity" {
        let won = fields.get("StageName").and_then(Value::as_str) == Some("Closed Won");
        fields.insert("IsWon".to_owned(), json!(won));
    }
}

pub(super) fn insert(state: &mut State, object: &str, given: Map<String, Value>) -> Result<String, Refusal> {
    let Some((_, prefix)) = OBJECTS.iter().find(|(name, _)| *name == object) else {
        return Err(Refusal::new(404, "NOT_FOUND", "The requested resource does not exist"));
    };
    let mut set = checked(state, object, given)?;
    let required = fields::of(state, object).unwrap_or_default().into_iter().filter(|field| field.required);
    let missing: Vec<String> =
        required.filter(|field| set.get(field.name).is_none()).map(|field| field.name.to_owned()).collect();
    if !missing.is_empty() {
        let text = format!("Required fields are missing: [{}]", missing.join(", "));
        return Err(Refusal { fields: missing, ..Refusal::new(400, "REQUIRED_FIELD_MISSING", text) });
    }
    name(&mut set, object);
    let id = state.new_id(prefix);
    let at = stamp(state);
    let row = Row {
        object: object.to_owned(),
        id: id.clone(),
        fields: set,
        created_at: at,
        stamp: at,
        deleted_at: None,
        master: None,
    };
    state.rows.insert(id.clone(), row);
    Ok(id)
}

pub(super) fn change(state: &mut State, id: &str, given: Map<String, Value>) -> Result<(), Refusal> {
    let object = match state.rows.get(&whole(id)) {
        None => return Err(Refusal::new(400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")),
        Some(row) if row.deleted_at.is_some() => {
            return Err(Refusal::new(404, "ENTITY_IS_DELETED", "entity is deleted"));
        }
        Some(row) => row.object.clone(),
    };
    let mut given = given;
    // the same value once more is no duplicate of itself
    let same = state.live(id).and_then(|row| row.fields.get(EXTERNAL).cloned());
    if given.get(EXTERNAL).is_some_and(|value| Some(value) == same.as_ref()) {
        given.remove(EXTERNAL);
    }
    let set = checked(state, &object, given)?;
    let at = stamp(state);
    if let Some(row) = state.live_mut(id) {
        row.fields.extend(set);
        name(&mut row.fields, &object);
        row.stamp = at;
    }
    Ok(())
}

pub(super) fn delete(state: &mut State, id: &str) -> Result<(), Refusal> {
    let at = stamp(state);
    match state.rows.get_mut(&whole(id)) {
        None => Err(Refusal::new(404, "NOT_FOUND", "The requested resource does not exist")),
        Some(row) if row.deleted_at.is_some() => Err(Refusal::new(404, "ENTITY_IS_DELETED", "entity is deleted")),
        Some(row) => {
            row.deleted_at = Some(at);
            row.stamp = at;
            Ok(())
        }
    }
}

/// What hangs on the one that goes hangs on the other then, which has changed by it.
pub(super) fn merge(state: &mut State, into: &str, gone: &str) -> Result<(), Refusal> {
    let (into, gone) = (whole(into), whole(gone));
    if state.live(&into).is_none() || into == gone {
        return Err(Refusal::new(400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"));
    }
    delete(state, &gone)?;
    let at = stamp(state);
    for row in state.rows.values_mut() {
        for value in row.fields.values_mut() {
            if value.as_str() == Some(&gone) {
                *value = json!(into);
                row.stamp = at;
            }
        }
        if row.id == gone {
            row.master = Some(into.clone());
        }
        if row.id == into {
            row.stamp = at;
        }
    }
    Ok(())
}

/// A field's value as it is read; of what a reference leads to after a dot.
pub(super) fn value(state: &State, row: &Row, name: &str) -> Result<Value, Refusal> {
    let no_column = || {
        let text = format!("No such column '{name}' on entity '{}'", row.object);
        Refusal::new(400, "INVALID_FIELD", text)
    };
    if let Some((first, rest)) = name.split_once('.') {
        let reference = fields::find(state, &row.object, &format!("{first}Id")).ok_or_else(no_column)?;
        return match row.fields.get(reference.name).and_then(Value::as_str).and_then(|id| state.live(id)) {
            Some(other) => value(state, other, rest),
            None => Ok(Value::Null),
        };
    }
    let field = fields::find(state, &row.object, name).ok_or_else(no_column)?;
    Ok(match field.name {
        "Id" => json!(row.id),
        "SystemModstamp" | "LastModifiedDate" => json!(written(row.stamp)),
        "CreatedDate" => json!(written(row.created_at)),
        "IsDeleted" => json!(row.deleted_at.is_some()),
        "MasterRecordId" => json!(row.master),
        other => row.fields.get(other).cloned().unwrap_or_default(),
    })
}

/// A record as answers have it.
pub(super) fn shown(state: &State, row: &Row, names: &[String]) -> Result<Value, Refusal> {
    let attributes = |row: &Row| json!({"type": row.object, "url": format!("/services/data/v68.0/sobjects/{}/{}", row.object, row.id)});
    let mut shown = json!({"attributes": attributes(row)});
    for name in names {
        let own = value(state, row, name)?;
        match name.split_once('.') {
            None => {
                let known = fields::find(state, &row.object, name).map_or(name.as_str(), |field| field.name);
                shown[known] = own;
            }
            Some((first, rest)) => {
                if shown.get(first).is_none_or(Value::is_null) {
                    shown[first] = json!({"attributes": {"type": first}});
                }
                shown[first][rest] = own;
            }
        }
    }
    Ok(shown)
}

/// The one record with a value of the external id field.
pub(super) fn by_external<'a>(state: &'a State, object: &str, value: &str) -> Option<&'a Row> {
    state.rows.values().find(|row| {
        row.object == object
            && row.deleted_at.is_none()
            && row.fields.get(EXTERNAL).and_then(Value::as_str) == Some(value)
    })
}
