//! What a request says: a form with brackets, read one parameter at a time. What is left when a handler has read all that
//! it knows is an unknown parameter, and nothing is done.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::refusal::Refusal;

const FORM: serde_qs::Config = serde_qs::Config::new()
    .max_depth(12)
    .use_form_encoding(true)
    .duplicate_key_behavior(serde_qs::DuplicateKeyBehavior::Error);

/// The parameters at one place of a request. Every value is text, an object or a list.
#[derive(Debug, Clone, Default)]
pub(super) struct Parameters {
    at: String,
    members: Map<String, Value>,
}

impl Parameters {
    /// Reads a form or a query.
    pub(super) fn form(text: &str) -> Result<Self, Refusal> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let value: Value = FORM
            .deserialize_str(text)
            .map_err(|error| Refusal::request(format!("Invalid request: the form cannot be read ({error})")))?;
        match value {
            Value::Object(members) => Ok(Self { at: String::new(), members }),
            _ => Err(Refusal::request("Invalid request: the form has no names")),
        }
    }

    /// What a test says: numbers and booleans become the text that a form would have.
    pub(super) fn of(value: &Value) -> Self {
        match as_form(value) {
            Some(Value::Object(members)) => Self { at: String::new(), members },
            _ => Self::default(),
        }
    }

    /// All of it, to compare and to check.
    pub(super) fn value(&self) -> Value {
        Value::Object(self.members.clone())
    }

    /// The whole name of one: `items[0][price]`.
    pub(super) fn name(&self, name: &str) -> String {
        if self.at.is_empty() { name.to_owned() } else { format!("{}[{name}]", self.at) }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, Refusal> {
        match self.members.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Refusal::invalid(&self.name(name), "Invalid string")),
        }
    }

    pub(super) fn required(&mut self, name: &str) -> Result<String, Refusal> {
        self.text(name)?.filter(|text| !text.is_empty()).ok_or_else(|| Refusal::missing(&self.name(name)))
    }

    /// One of these words.
    pub(super) fn choice(&mut self, name: &str, words: &[&'static str]) -> Result<Option<&'static str>, Refusal> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let found = words.iter().find(|word| **word == text);
        let wrong = || format!("Invalid {name}: must be one of {}", words.join(", "));
        found.copied().map(Some).ok_or_else(|| Refusal::invalid(&self.name(name), wrong()))
    }

    pub(super) fn integer(&mut self, name: &str) -> Result<Option<i64>, Refusal> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let number = text.parse().map_err(|_| {
            Refusal::invalid(&self.name(name), format!("Invalid integer: {text}")).code("parameter_invalid_integer")
        })?;
        Ok(Some(number))
    }

    /// An integer of at least 0.
    pub(super) fn amount(&mut self, name: &str) -> Result<Option<i64>, Refusal> {
        match self.integer(name)? {
            Some(number) if number < 0 => {
                Err(Refusal::invalid(&self.name(name), "Invalid non-negative integer")
                    .code("parameter_invalid_integer"))
            }
            other => Ok(other),
        }
    }

    pub(super) fn boolean(&mut self, name: &str) -> Result<Option<bool>, Refusal> {
        match self.text(name)?.as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(text) => Err(Refusal::invalid(&self.name(name), format!("Invalid boolean: {text}"))),
        }
    }

    pub(super) fn object(&mut self, name: &str) -> Result<Option<Self>, Refusal> {
        let at = self.name(name);
        match self.members.remove(name) {
            None => Ok(None),
            Some(Value::Object(members)) => Ok(Some(Self { at, members })),
            Some(_) => Err(Refusal::invalid(&at, "Invalid object")),
        }
    }

    /// A list of objects.
    pub(super) fn list(&mut self, name: &str) -> Result<Vec<Self>, Refusal> {
        let at = self.name(name);
        let items = match self.members.remove(name) {
            None => return Ok(Vec::new()),
            Some(Value::Array(items)) => items,
            Some(_) => return Err(Refusal::invalid(&at, "Invalid array")),
        };
        let of = |(index, item): (usize, Value)| match item {
            Value::Object(members) => Ok(Self { at: format!("{at}[{index}]"), members }),
            _ => Err(Refusal::invalid(&format!("{at}[{index}]"), "Invalid object")),
        };
        items.into_iter().enumerate().map(of).collect()
    }

    /// A list of texts.
    pub(super) fn texts(&mut self, name: &str) -> Result<Vec<String>, Refusal> {
        let at = self.name(name);
        let items = match self.members.remove(name) {
            None => return Ok(Vec::new()),
            Some(Value::Array(items)) => items,
            Some(_) => return Err(Refusal::invalid(&at, "Invalid array")),
        };
        let of = |item: Value| item.as_str().map(str::to_owned).ok_or_else(|| Refusal::invalid(&at, "Invalid string"));
        items.into_iter().map(of).collect()
    }

    /// `metadata`: its pairs, where an empty value takes one away; all are taken away by an empty text.
    pub(super) fn metadata(&mut self) -> Result<Option<Metadata>, Refusal> {
        let at = self.name("metadata");
        let members = match self.members.remove("metadata") {
            None => return Ok(None),
            Some(Value::String(text)) if text.is_empty() => return Ok(Some(Metadata::Cleared)),
            Some(Value::Object(members)) => members,
            Some(_) => return Err(Refusal::invalid(&at, "Invalid object")),
        };
        let mut pairs = BTreeMap::new();
        for (key, value) in members {
            let place = format!("{at}[{key}]");
            let Value::String(value) = value else {
                return Err(Refusal::invalid(&place, "Metadata values must be strings"));
            };
            if key.chars().count() > 40 || key.contains(['[', ']']) {
                return Err(Refusal::invalid(&place, "Metadata keys have at most 40 characters and no brackets"));
            }
            if value.chars().count() > 500 {
                return Err(Refusal::invalid(&place, "Metadata values have at most 500 characters"));
            }
            pairs.insert(key, value);
        }
        if pairs.len() > 50 {
            return Err(Refusal::invalid(&at, "Metadata has at most 50 keys"));
        }
        Ok(Some(Metadata::Given(pairs)))
    }

    /// Everything was read; else the first that nobody knows.
    pub(super) fn finish(self) -> Result<(), Refusal> {
        match self.members.keys().next() {
            None => Ok(()),
            Some(name) => Err(Refusal::unknown(&self.name(name))),
        }
    }
}

/// What a request says of an object's metadata.
#[derive(Debug, Clone)]
pub(super) enum Metadata {
    Cleared,
    Given(BTreeMap<String, String>),
}

impl Metadata {
    /// The metadata after it.
    pub(super) fn applied(self, before: &Value) -> Value {
        let mut members = before.as_object().cloned().unwrap_or_default();
        match self {
            Self::Cleared => members.clear(),
            Self::Given(pairs) => {
                for (key, value) in pairs {
                    if value.is_empty() {
                        members.remove(&key);
                    } else {
                        members.insert(key, Value::String(value));
                    }
                }
            }
        }
        Value::Object(members)
    }
}

/// The metadata of something new.
pub(super) fn new_metadata(given: Option<Metadata>) -> Value {
    let empty = Value::Object(Map::new());
    given.map_or(empty.clone(), |given| given.applied(&empty))
}

/// An empty text unsets.
pub(super) fn nullable(text: String) -> Value {
    if text.is_empty() { Value::Null } else { Value::String(text) }
}

fn as_form(value: &Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(Value::String(text.clone())),
        Value::Bool(_) | Value::Number(_) => Some(Value::String(value.to_string())),
        Value::Array(items) => Some(Value::Array(items.iter().filter_map(as_form).collect())),
        Value::Object(members) => Some(Value::Object(
            members.iter().filter_map(|(name, member)| Some((name.clone(), as_form(member)?))).collect(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_write_brackets_are_read() {
        for form in ["items[0][price]=p&metadata[a%20b]=1%262", "items%5B0%5D%5Bprice%5D=p&metadata%5Ba+b%5D=1%262"] {
            let mut all = Parameters::form(form).unwrap();
            let mut items = all.list("items").unwrap();
            assert_eq!(items[0].text("price").unwrap().as_deref(), Some("p"));
            assert_eq!(items[0].name("x"), "items[0][x]");
            assert_eq!(new_metadata(all.metadata().unwrap()), serde_json::json!({"a b": "1&2"}));
            all.finish().unwrap();
        }
    }

    #[test]
    fn what_nobody_reads_is_unknown_and_an_empty_text_is_said() {
        let mut all = Parameters::form("name=&prize=1").unwrap();
        assert_eq!(all.text("name").unwrap().as_deref(), Some(""));
        assert_eq!(all.finish().unwrap_err(), Refusal::unknown("prize"));
    }
}
