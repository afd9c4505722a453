//! Values as they are compared: what is empty is nothing, and a number is the same however it is written.

use serde_json::{Map, Number, Value};

/// The largest number that every reader of JSON holds exactly.
const EXACT: f64 = 9_007_199_254_740_991.0;

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
