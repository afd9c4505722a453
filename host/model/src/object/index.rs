//! What a query can look for: a field's value as a short text, the same for all values that equal it.
//!
//! Two values may have one text (of long ones only the beginning is kept), so whoever finds a record by it looks at the
//! record itself once more.

use std::collections::BTreeSet;

use serde_json::Value;

use super::StandardObject;

/// As many characters of a text are looked for.
const CHARACTERS: usize = 128;
/// The field of whose members each is indexed.
const EXTERNAL_IDS: &str = "external_ids";

/// All that a record is found by: fields, as a filter names them, and what they are indexed as.
#[must_use]
pub fn index_entries(object: StandardObject, data: &Value) -> BTreeSet<(String, String)> {
    let mut entries = BTreeSet::new();
    for field in object.indexes() {
        if let Some(text) = data.get(field).and_then(indexed_as) {
            entries.insert(((*field).to_owned(), text));
        }
    }
    if let Some(Value::Object(ids)) = data.get(EXTERNAL_IDS) {
        for (source, id) in ids {
            if let Some(text) = indexed_as(id) {
                entries.insert((format!("{EXTERNAL_IDS}.{source}"), text));
            }
        }
    }
    entries
}

/// What a value is indexed as; none for what is not.
#[must_use]
pub fn indexed_as(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => {
            // SQLite's JSON ends a text at a U+0000
            let characters = text.chars().filter(|character| *character != '\0').take(CHARACTERS);
            Some(std::iter::once('s').chain(characters).collect())
        }
        // as one kind of number, and without the sign of a zero
        Value::Number(number) => number.as_f64().map(|number| format!("n{}", number + 0.0)),
        Value::Bool(flag) => Some(format!("b{flag}")),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

impl StandardObject {
    /// True if a filter's field is one that records are found by.
    #[must_use]
    pub fn is_indexed(self, field: &str) -> bool {
        let external = field.strip_prefix(EXTERNAL_IDS).and_then(|rest| rest.strip_prefix('.'));
        self.indexes().contains(&field) || external.is_some_and(|source| !source.is_empty() && !source.contains('.'))
    }

    /// The place of an indexed field among those of its object: the lower, the better it tells records apart.
    #[must_use]
    pub fn selectivity(self, field: &str) -> usize {
        // an id of a vendor is one record's
        self.indexes().iter().position(|index| *index == field).map_or(0, |place| place + 1)
    }
}
