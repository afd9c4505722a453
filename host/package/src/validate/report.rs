//! Collects violations.

use std::collections::BTreeSet;

use patchbay_model::Violation;

use super::text;
use crate::{SchemaValidator, manifest::Schema, pattern::PathPattern};

/// What was found so far.
#[derive(Default)]
pub(super) struct Report {
    violations: Vec<Violation>,
}

impl Report {
    pub(super) fn add(&mut self, pointer: impl Into<String>, expected: impl Into<String>) {
        self.violations.push(Violation { pointer: pointer.into(), expected: expected.into() });
    }

    /// Adds a violation unless the rule holds.
    pub(super) fn demand(&mut self, holds: bool, pointer: impl Into<String>, expected: impl Into<String>) {
        if !holds {
            self.add(pointer, expected);
        }
    }

    /// Every key but the first of its kind is a violation.
    pub(super) fn unique<K: Ord>(&mut self, keys: impl Iterator<Item = (String, K)>, what: &str) {
        let mut seen = BTreeSet::new();
        for (pointer, key) in keys {
            self.demand(seen.insert(key), pointer, format!("{what} that is not there twice"));
        }
    }

    pub(super) fn schema(&mut self, pointer: String, schema: &Schema) {
        match schema {
            Schema::File(_) => self.add(pointer, "the schema itself: a package holds no paths"),
            Schema::Inline(schema) => {
                if let Err(error) = SchemaValidator::compile(schema) {
                    self.add(pointer, error.to_string());
                }
            }
        }
    }

    pub(super) fn path(&mut self, pointer: String, pattern: &str) {
        if let Err(error) = PathPattern::parse(pattern) {
            self.add(pointer, format!("a path pattern: {error}"));
        }
    }

    /// Demands a JSON Pointer that does not stand for the whole.
    pub(super) fn member(&mut self, at: impl Into<String>, pointer: &str) {
        self.demand(
            !pointer.is_empty() && text::is_pointer(pointer),
            at,
            "a JSON Pointer to a member, as in `/customer/id`",
        );
    }

    pub(super) fn positive(&mut self, pointer: String, number: Option<u32>) {
        self.demand(number != Some(0), pointer, "a number above 0");
    }

    pub(super) fn finish(self) -> Result<(), Vec<Violation>> {
        if self.violations.is_empty() { Ok(()) } else { Err(self.violations) }
    }
}
