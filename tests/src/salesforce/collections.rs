//! Up to 200 records in one request, each with a result of its own.

use serde_json::{Map, Value, json};

use super::{
    EXTERNAL, fields, records,
    store::{Answer, Fault, Refusal, State},
};

const MOST: usize = 200;
const MOST_READ: usize = 2_000;

fn error(refusal: &Refusal) -> Value {
    json!({
        "success": false,
        "errors": [{"statusCode": refusal.code, "message": refusal.message, "fields": refusal.fields}],
    })
}

fn done(id: &str) -> Value {
    json!({"id": id, "success": true, "errors": []})
}

fn rows(state: &mut State, body: &Value) -> Result<Vec<Map<String, Value>>, Refusal> {
    let malformed = |text: &str| Refusal::new(400, "JSON_PARSER_ERROR", text);
    let rows = body["records"].as_array().ok_or_else(|| malformed("no records"))?;
    if rows.len() > MOST {
        return Err(Refusal::new(400, "LIMIT_EXCEEDED", format!("record limit reached: {MOST}")));
    }
    if rows.is_empty() {
        state.violation("a collection of nothing");
    }
    if body["allOrNone"] != json!(false) {
        state.violation("a collection that does not say that each record is for itself");
    }
    rows.iter().map(|row| row.as_object().cloned().ok_or_else(|| malformed("a record is no object"))).collect()
}

fn kind(row: &Map<String, Value>) -> Result<String, Refusal> {
    let kind = row.get("attributes").and_then(|attributes| attributes["type"].as_str());
    kind.map(str::to_owned).ok_or_else(|| Refusal::new(400, "INVALID_TYPE", "a record without attributes.type"))
}

/// Applies each by itself. The first is locked if the test wants it.
fn each<T>(state: &mut State, rows: Vec<T>, mut apply: impl FnMut(&mut State, T) -> Result<Value, Refusal>) -> Answer {
    let mut locked = state.takes(Fault::Locked);
    let mut results = Vec::new();
    for row in rows {
        let result = if std::mem::take(&mut locked) {
            Err(Refusal::new(400, "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record"))
        } else {
            apply(state, row)
        };
        results.push(result.unwrap_or_else(|refusal| error(&refusal)));
    }
    Ok((200, Value::Array(results)))
}

pub(super) fn create(state: &mut State, body: &Value) -> Answer {
    let rows = rows(state, body)?;
    each(state, rows, |state, row| {
        let kind = kind(&row)?;
        records::insert(state, &kind, row).map(|id| done(&id))
    })
}

pub(super) fn update(state: &mut State, body: &Value) -> Answer {
    let rows = rows(state, body)?;
    each(state, rows, |state, mut row| {
        let kind = kind(&row)?;
        let id = row.remove("id").or_else(|| row.remove("Id"));
        let id = id.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
        if state.live(&id).is_some_and(|there| there.object != kind) {
            return Err(Refusal::new(400, "INVALID_TYPE", "the id is of another object"));
        }
        records::change(state, &id, row)?;
        Ok(done(&id))
    })
}

pub(super) fn upsert(state: &mut State, object: &str, field: &str, body: &Value) -> Answer {
    if field != EXTERNAL || fields::find(state, object, field).is_none() {
        return Err(records::no_such(field));
    }
    let rows = rows(state, body)?;
    let mut seen: Vec<String> = Vec::new();
    each(state, rows, |state, row| {
        if kind(&row)? != object {
            return Err(Refusal::new(400, "INVALID_TYPE", "a record of another object"));
        }
        let key = row.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        if key.is_empty() {
            return Err(Refusal::of_field("MISSING_ARGUMENT", field, "the external id is missing"));
        }
        if seen.contains(&key) {
            state.violation(format!("the external id {key} twice in one collection"));
            return Err(Refusal::of_field("DUPLICATE_VALUE", field, "duplicate external id in the request"));
        }
        seen.push(key.clone());
        let there = records::by_external(state, object, &key).map(|row| row.id.clone());
        let created = there.is_none();
        let id = match there {
            Some(id) => records::change(state, &id, row).map(|()| id)?,
            None => records::insert(state, object, row)?,
        };
        let mut result = done(&id);
        result["created"] = json!(created);
        Ok(result)
    })
}

pub(super) fn delete(state: &mut State, ids: &str) -> Answer {
    let ids: Vec<String> = ids.split(',').map(str::to_owned).collect();
    if ids.len() > MOST {
        return Err(Refusal::new(400, "LIMIT_EXCEEDED", format!("record limit reached: {MOST}")));
    }
    each(state, ids, |state, id| records::delete(state, &id).map(|()| done(&id)))
}

pub(super) fn read(state: &State, object: &str, body: &Value) -> Answer {
    let texts = |name: &str| -> Option<Vec<String>> {
        body[name].as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect()
    };
    let (Some(ids), Some(names)) = (texts("ids"), texts("fields")) else {
        return Err(Refusal::new(400, "JSON_PARSER_ERROR", "no ids or no fields"));
    };
    if ids.len() > MOST_READ {
        return Err(Refusal::new(400, "LIMIT_EXCEEDED", "too many ids"));
    }
    if names.iter().any(|name| name.contains('.')) {
        return Err(Refusal::new(400, "INVALID_FIELD", "fields of other objects are not read here"));
    }
    let mut shown = Vec::new();
    for id in ids {
        shown.push(match state.live(&id).filter(|row| row.object == object) {
            Some(row) => records::shown(state, row, &names)?,
            None => Value::Null,
        });
    }
    Ok((200, Value::Array(shown)))
}
