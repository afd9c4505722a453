//! What an object's JSON Schema says of a place in its records.

use serde_json::Value;

use crate::sync::pointer;

/// What a place in a record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Text,
    Number,
    Truth,
    Day,
    Time,
    Money,
    List,
    /// Other members than money's.
    Object,
    /// The vendors' ids, which the hub writes.
    Kept,
    /// Whatever is put there.
    Any,
}

impl Shape {
    /// For people.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Number => "a number",
            Self::Truth => "true or false",
            Self::Day => "a day",
            Self::Time => "a time",
            Self::Money => "money",
            Self::List => "a list",
            Self::Object | Self::Kept => "an object",
            Self::Any => "anything",
        }
    }
}

/// A place in a record.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Place<'s> {
    pub(super) shape: Shape,
    /// The only values that it can have, if there are such.
    pub(super) words: Option<&'s [Value]>,
}

/// The place that a pointer leads to; `None` if records have none there.
pub(super) fn place<'s>(schema: &'s Value, hub: &str) -> Option<Place<'s>> {
    let tokens = pointer::tokens(hub)?;
    if tokens.first().is_some_and(|name| name == "external_ids") {
        return Some(Place { shape: Shape::Kept, words: None });
    }
    let mut node = resolved(schema, schema);
    for name in &tokens {
        let declared = node.get("properties").and_then(|properties| properties.get(name));
        node = match (declared, node.get("additionalProperties")) {
            (Some(declared), _) => resolved(schema, declared),
            (None, Some(Value::Bool(false))) => return None,
            (None, Some(any @ Value::Object(_))) => resolved(schema, any),
            _ if has_type(node, "object") => return Some(Place { shape: Shape::Any, words: None }),
            _ => return None,
        };
    }
    Some(Place { shape: shape(node), words: node.get("enum").and_then(Value::as_array).map(Vec::as_slice) })
}

/// The names of an object's fields, for people.
pub(super) fn names(schema: &Value) -> String {
    let properties = schema.get("properties").and_then(Value::as_object);
    let names = properties.into_iter().flat_map(|properties| properties.keys());
    names.filter(|name| *name != "external_ids").map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// What a reference refers to, within the same document.
fn resolved<'s>(schema: &'s Value, node: &'s Value) -> &'s Value {
    let target = node.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix('#'));
    target.and_then(|pointer| schema.pointer(pointer)).unwrap_or(node)
}

fn has_type(node: &Value, wanted: &str) -> bool {
    match node.get("type") {
        Some(Value::String(kind)) => kind == wanted,
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == wanted),
        _ => false,
    }
}

fn shape(node: &Value) -> Shape {
    let is_money = || ["amount", "currency"].iter().all(|name| node.pointer(&format!("/properties/{name}")).is_some());
    match node.get("format").and_then(Value::as_str) {
        Some("date") => Shape::Day,
        Some("date-time") => Shape::Time,
        _ if node.get("enum").is_some() || has_type(node, "string") => Shape::Text,
        _ if has_type(node, "integer") || has_type(node, "number") => Shape::Number,
        _ if has_type(node, "boolean") => Shape::Truth,
        _ if has_type(node, "array") => Shape::List,
        _ if has_type(node, "object") && is_money() => Shape::Money,
        _ if has_type(node, "object") => Shape::Object,
        _ => Shape::Any,
    }
}
