//! Places in a record, by JSON Pointers (RFC 6901).
//!
//! A place is a member of an object. What is in a list has no place: lists are compared and replaced as a whole, because an
//! item that another side put in between would make every later one another item.

use serde_json::{Map, Value};

use super::values;

/// The names on the way, the first of them a record's field; `None` for what is no pointer to a member.
pub(super) fn tokens(pointer: &str) -> Option<Vec<String>> {
    let names = pointer.strip_prefix('/')?;
    let tokens: Vec<String> = names.split('/').map(|token| token.replace("~1", "/").replace("~0", "~")).collect();
    (!tokens.iter().any(String::is_empty)).then_some(tokens)
}

/// The name of the record's field that a pointer is in: `address` of `/address/city`.
pub(super) fn field(pointer: &str) -> String {
    tokens(pointer).and_then(|tokens| tokens.into_iter().next()).unwrap_or_default()
}

/// The value there; `None` for what is empty or missing.
pub(super) fn get<'r>(record: &'r Value, pointer: &str) -> Option<&'r Value> {
    let found = tokens(pointer)?.iter().try_fold(record, |value, token| value.as_object()?.get(token));
    values::found(found)
}

/// The value of what a template names: with dots between the names, or a pointer.
pub(super) fn named<'r>(record: &'r Value, name: &str) -> Option<&'r Value> {
    get(record, &of_name(name))
}

/// The pointer of what a template names.
pub(super) fn of_name(name: &str) -> String {
    if name.starts_with('/') { name.to_owned() } else { format!("/{}", name.replace('.', "/")) }
}

/// Puts a value there, with objects on the way where there are none. `None` takes it away, and with it objects that are
/// empty then.
pub(super) fn put(record: &mut Value, pointer: &str, value: Option<Value>) {
    if let Some(tokens) = tokens(pointer) {
        put_at(record, &tokens, value);
    }
}

fn put_at(place: &mut Value, tokens: &[String], value: Option<Value>) {
    let Some((name, rest)) = tokens.split_first() else { return };
    if !place.is_object() {
        *place = Value::Object(Map::new());
    }
    let Value::Object(members) = place else { return };
    match value {
        Some(value) if rest.is_empty() => {
            members.insert(name.clone(), value);
        }
        Some(value) => put_at(members.entry(name.clone()).or_insert(Value::Null), rest, Some(value)),
        None if rest.is_empty() => {
            members.shift_remove(name);
        }
        None => {
            if let Some(below) = members.get_mut(name).filter(|below| below.is_object()) {
                put_at(below, rest, None);
                if values::found(Some(&*below)).is_none() {
                    members.shift_remove(name);
                }
            }
        }
    }
}
