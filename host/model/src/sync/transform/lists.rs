//! Lists and texts that hold them.

use serde_json::Value;

use super::{Changed, invalid};
use crate::sync::values::{self, some};

/// The items of a text, without white space around them; a list stays one.
pub(super) fn split(value: Value, separator: &str) -> Changed {
    let text = match value {
        Value::Array(items) => return Ok(some(Value::Array(items))),
        value => values::text(&value).ok_or_else(|| invalid("is no text that could be split"))?,
    };
    let items = text.split(separator).map(str::trim).filter(|item| !item.is_empty());
    Ok(some(items.map(Value::from).collect()))
}

/// The text of a list; a text stays one.
pub(super) fn joined(value: Value, separator: &str) -> Changed {
    let items = match value {
        Value::Array(items) => items,
        value => return Ok(some(value)),
    };
    let mut texts = Vec::with_capacity(items.len());
    for item in &items {
        let text = values::text(item).ok_or_else(|| invalid("has an item that is no text"))?;
        if text.contains(separator) {
            return Err(invalid("has an item with the separator in it, which would become two"));
        }
        texts.push(text);
    }
    Ok(some(Value::String(texts.join(separator))))
}

/// A list in the one order in which it is compared, each item once.
pub(super) fn sorted(value: Value) -> Value {
    match value {
        Value::Array(mut items) => {
            items.sort_by_cached_key(Value::to_string);
            items.dedup();
            Value::Array(items)
        }
        value => value,
    }
}
