//! What a query can look for: a field's value as a short text, the same for all values that equal it.
//!
//! Two values may have one text (of long ones only the beginning is kept), so whoever finds a record by it looks at the
//! record itself once more.
//!
//! Of some fields a record has several values: a person has a telephone number, and a list of all of them. Who looks for one of
//! these finds the person ([`is_wanted`]), and both are indexed, each under its own name: what has to be the very field, as when
//! two records are taken for one, is not found by the list.

use std::collections::BTreeSet;

use serde_json::Value;

use super::StandardObject;
use crate::filter::Filter;

/// As many characters of a text are looked for.
const CHARACTERS: usize = 128;
/// The field of whose members each is indexed.
const EXTERNAL_IDS: &str = "external_ids";

/// All that a record is found by: fields, as a filter names them, and what they are indexed as.
#[must_use]
pub fn index_entries(object: StandardObject, data: &Value) -> BTreeSet<(String, String)> {
    let mut entries = BTreeSet::new();
    for field in object.indexes() {
        let one = data.get(field);
        if let Some(text) = one.and_then(indexed_as) {
            entries.insert(((*field).to_owned(), text));
        }
        let Some(list) = object.list_of(field) else { continue };
        for another in listed(data, list).filter(|another| Some(*another) != one) {
            if let Some(text) = indexed_as(another) {
                entries.insert((list.to_owned(), text));
            }
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

/// True if a record is one of those that a filter wants. Where a field must have some value of which the record has a list
/// ([`StandardObject::list_of`]), each of the list is as good as the one in the field.
#[must_use]
pub fn is_wanted(object: StandardObject, filter: &Filter, data: &Value) -> bool {
    if filter.matches(data) {
        return true;
    }
    let mut with_others: Option<Value> = None;
    for (field, values) in filter.required() {
        let field = field.dotted();
        let Some(list) = object.list_of(&field) else { continue };
        if data.get(&field).is_some_and(|one| values.contains(one)) {
            continue;
        }
        let Some(another) = listed(data, list).find(|another| values.contains(another)) else { return false };
        if let Value::Object(members) = with_others.get_or_insert_with(|| data.clone()) {
            members.insert(field, another.clone());
        }
    }
    with_others.is_some_and(|data| filter.matches(&data))
}

/// The items of a list of a record.
fn listed<'a>(data: &'a Value, list: &str) -> impl Iterator<Item = &'a Value> {
    data.get(list).and_then(Value::as_array).into_iter().flatten()
}

impl StandardObject {
    /// The field that lists all of which an indexed field has one, if there is such a list.
    #[must_use]
    pub fn list_of(self, field: &str) -> Option<&'static str> {
        match (self, field) {
            (Self::Contact, "email") => Some("emails"),
            (Self::Contact, "phone") => Some("phones"),
            _ => None,
        }
    }

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
