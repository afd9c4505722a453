//! What the vendor is known to have.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What the vendor is known to have of a record, as both sides had it last: by the hub's pointer in the hub's terms, and for
/// fields that only go out by the vendor's name (which begins with no slash) as it was written there. What is not in it the
/// vendor does not have.
///
/// Whoever compares a record with it learns what changed here, whoever compares the vendor's values learns what changed
/// there; so neither what was just written nor what was just read looks like a change.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Base(BTreeMap<String, Value>);

impl Base {
    /// What it knows.
    #[must_use]
    pub const fn values(&self) -> &BTreeMap<String, Value> {
        &self.0
    }

    /// True if the vendor is not known to have anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    pub(super) fn set(&mut self, name: &str, value: Option<Value>) {
        match value {
            Some(value) => self.0.insert(name.to_owned(), value),
            None => self.0.remove(name),
        };
    }
}

impl FromIterator<(String, Value)> for Base {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}
