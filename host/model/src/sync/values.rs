//! Values as they are compared: what is empty is nothing, and a number is the same however it is written.

use serde_json::{Map, Number, Value};

/// The largest number that every reader of JSON holds exactly.
const EXACT: f64 = 9_007_199_254_740_991.0;

/// The most that the values of a record may be together, in bytes: a mapping may name a long one hundreds of times, and a page
/// has thousands of records.
const MOST_BYTES: usize = 256 << 10;
/// What a value takes beside its text.
const EACH: usize = 32;

/// How much more the values of a record may be.
pub(super) struct Room(usize);

impl Room {
    pub(super) const fn new() -> Self {
        Self(MOST_BYTES)
    }

    /// True if a value fits; it is counted then.
    pub(super) fn takes(&mut self, value: Option<&Value>) -> bool {
        let left = self.0.checked_sub(value.map_or(0, size));
        self.0 = left.unwrap_or(self.0);
        left.is_some()
    }
}

fn size(value: &Value) -> usize {
    let within: usize = match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(members) => members.iter().map(|(name, value)| name.len() + size(value)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    };
    within + EACH
}

/// The value; `None` for what is empty: null, a text of white space or none, an empty list or object.
pub(super) fn some(value: Value) -> Option<Value> {
    if is_empty(&value) { None } else { Some(value) }
}

/// As [`some`], of what may not be there at all.
pub(super) fn found(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| !is_empty(value))
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The same value in the one way in which it is compared; `None` for what is empty.
pub(super) fn normal(value: &Value) -> Option<Value> {
    match value {
        Value::Number(number) => Some(Value::Number(whole(number))),
        Value::Array(items) => some(Value::Array(items.iter().filter_map(normal).collect())),
        Value::Object(members) => {
            let members = members.iter().filter_map(|(name, value)| Some((name.clone(), normal(value)?)));
            some(Value::Object(members.collect::<Map<_, _>>()))
        }
        value => some(value.clone()),
    }
}

/// 1.0 as 1, if it is exact.
fn whole(number: &Number) -> Number {
    let float = number.as_f64().filter(|float| number.is_f64() && float.fract() == 0.0 && float.abs() <= EXACT);
    // by way of text, because a cast would hide what does not fit
    let written = float.and_then(|float| format!("{:.0}", float + 0.0).parse::<i64>().ok());
    written.map_or_else(|| number.clone(), Number::from)
}

/// A text, a number or a truth value as text; `None` for the rest.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(whole(number).to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
