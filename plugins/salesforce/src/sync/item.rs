//! Records as Salesforce gives them, made flat.

use patchbay_sdk::Error;
use patchbay_sdk::sync::Item;
use serde_json::{Map, Value};

use crate::api::Org;
use crate::{ids, soql, times};

/// Fields that one request may ask for.
const MOST: usize = 500;

/// What is found at the end of an empty reference.
static NOTHING: Value = Value::Null;

/// What is asked of each record, beside what is always asked.
#[derive(Debug, Clone)]
pub(crate) struct Fields(Vec<String>);

impl Fields {
    /// These.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what is no field, or for too many.
    pub(crate) fn new(asked: &[String]) -> Result<Self, Error> {
        if asked.len() > MOST {
            return Err(Error::invalid("/fields", format!("at most {MOST} fields")));
        }
        let mut fields = vec!["Id".to_owned(), "SystemModstamp".to_owned()];
        for (place, field) in asked.iter().enumerate() {
            if !soql::is_field(field) {
                return Err(Error::invalid(
                    format!("/fields/{place}"),
                    "a field of Salesforce, as in Email or Owner.Name",
                ));
            }
            if !fields.iter().any(|known| known.eq_ignore_ascii_case(field)) {
                fields.push(field.clone());
            }
        }
        Ok(Self(fields))
    }

    /// As a list in SOQL.
    pub(crate) fn list(&self) -> String {
        self.0.join(",")
    }

    pub(crate) fn all(&self) -> &[String] {
        &self.0
    }

    /// True if one is of something that the object refers to.
    pub(crate) fn cross_over(&self) -> bool {
        self.0.iter().any(|field| field.contains('.'))
    }

    /// A record as an item: what was asked for, by the very names.
    ///
    /// # Errors
    /// [`Error::Upstream`] if it has no id.
    pub(crate) fn item(&self, org: &Org, record: &Map<String, Value>) -> Result<Item, Error> {
        let id = record.get("Id").and_then(Value::as_str).and_then(ids::whole);
        let id = id.ok_or_else(|| Error::upstream(200, "Salesforce gave a record without an id"))?;
        let modified_at = stamp(record).and_then(times::parse);
        let mut fields = Map::new();
        for name in &self.0 {
            if let Some(value) = at(record, name) {
                fields.insert(name.clone(), flat(value));
            }
        }
        Ok(Item { url: Some(org.link(&id)), id, modified_at, fields })
    }
}

/// When the record was changed, as Salesforce writes it.
pub(crate) fn stamp(record: &Map<String, Value>) -> Option<&str> {
    record.get("SystemModstamp").and_then(Value::as_str)
}

/// The value of a field. Names are the same in whatever case, and what an empty reference leads to is null.
pub(super) fn at<'a>(record: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let (first, rest) = name.split_once('.').map_or((name, None), |(first, rest)| (first, Some(rest)));
    let found = record
        .get(first)
        .or_else(|| record.iter().find(|(own, _)| own.eq_ignore_ascii_case(first)).map(|(_, value)| value))?;
    match (rest, found) {
        (None, value) => Some(value),
        (Some(rest), Value::Object(nested)) => at(nested, rest),
        (Some(_), _) => Some(&NOTHING),
    }
}

/// Scalars, with times in RFC 3339. An address and the like is made of fields that have names of their own.
fn flat(value: &Value) -> Value {
    match value {
        Value::String(text) => times::to_rfc3339(text).map_or_else(|| value.clone(), Value::String),
        Value::Object(_) | Value::Array(_) => Value::Null,
        scalar => scalar.clone(),
    }
}
