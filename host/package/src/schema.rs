//! JSON Schemas of plugins: compiled once, under limits, and never fetched from anywhere.
//!
//! A schema comes from a plugin's author and is applied to what API consumers send, so it is as
//! untrusted as the plugin. Hence: Draft 2020-12 only, references only within the schema, a cap on size
//! and depth, no reference that leads back to itself without descending into the input (it would never
//! end), and patterns on an engine whose time is linear. Formats are checked, although the draft makes
//! that optional: an author who writes `format: email` expects it.

mod check;
mod graph;
mod steps;
mod words;

use std::{fmt, sync::Arc};

use jsonschema::{Draft, PatternOptions, Validator};
use patchbay_model::Violation;
use serde_json::Value;

pub use check::SchemaError;
use graph::Graph;
use steps::{Allowance, TooMuch};

/// The largest schema, in bytes of JSON.
pub const MAX_BYTES: usize = 256 * 1_024;

/// How deeply a schema may nest.
pub const MAX_DEPTH: usize = 64;

/// More violations than this are not listed.
pub const MAX_VIOLATIONS: usize = 50;

/// A value that takes more steps to check is refused; a million numbers take a few million.
pub const MAX_STEPS: u64 = 20_000_000;

/// The violations of a value that takes more steps are not listed: each may be one.
const MAX_LISTED_STEPS: u64 = 100_000;

/// Nor of a value of which more bytes would be copied to tell of them.
const MAX_LISTED_BYTES: u64 = 64 << 20;

/// The largest compiled pattern, in bytes.
const MAX_PATTERN_BYTES: usize = 1 << 20;

/// A compiled JSON Schema. Cheap to clone.
#[derive(Clone)]
pub struct SchemaValidator {
    compiled: Arc<Validator>,
    graph: Arc<Graph>,
}

impl SchemaValidator {
    /// Compiles a schema.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn compile(schema: &Value) -> Result<Self, SchemaError> {
        let graph = check::check(schema)?;
        let compiled = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .offline()
            .should_validate_formats(true)
            .with_pattern_options(
                PatternOptions::regex().size_limit(MAX_PATTERN_BYTES).dfa_size_limit(MAX_PATTERN_BYTES),
            )
            .build(schema)
            .map_err(|error| {
                let violation = words::violation(&error);
                SchemaError::Invalid { pointer: violation.pointer, expected: violation.expected }
            })?;
        Ok(Self { compiled: Arc::new(compiled), graph: Arc::new(graph) })
    }

    /// Checks a value.
    ///
    /// # Errors
    /// What is wrong, place by place; at most [`MAX_VIOLATIONS`]. The texts hold nothing of the value
    /// but names of its members, so that a secret in it does not reach a log. One violation of the whole
    /// for a value that takes more than [`MAX_STEPS`] to check, or that is large and wrong.
    pub fn validate(&self, value: &Value) -> Result<(), Vec<Violation>> {
        let whole = |expected: &str| Err(vec![Violation { pointer: String::new(), expected: expected.to_owned() }]);
        let at_most = self.graph.steps_per_place.saturating_mul(steps::size(value));
        if at_most > MAX_STEPS && self.takes_more_than(value, MAX_STEPS, None) {
            return whole("less, or less deeply nested: it takes too many steps to check this by the schema");
        }
        if self.compiled.is_valid(value) {
            return Ok(());
        }
        if self.takes_more_than(value, MAX_LISTED_STEPS, Some(MAX_LISTED_BYTES)) {
            return whole("what the schema describes; there is too much here to list what is wrong: check it in parts");
        }
        let violations: Vec<_> =
            self.compiled.iter_errors(value).take(MAX_VIOLATIONS).map(|error| words::violation(&error)).collect();
        if violations.is_empty() { Ok(()) } else { Err(violations) }
    }

    fn takes_more_than(&self, value: &Value, steps: u64, copied_bytes: Option<u64>) -> bool {
        self.graph.count(value, &mut Allowance { steps, copied_bytes }) == Err(TooMuch)
    }
}

impl fmt::Debug for SchemaValidator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SchemaValidator").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
