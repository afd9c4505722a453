//! JSON Schemas of plugins: compiled once, under limits, and never fetched from anywhere.
//!
//! A schema comes from a plugin's author and is applied to what API consumers send, so it is as
//! untrusted as the plugin. Hence: Draft 2020-12 only, references only within the schema, a cap on size
//! and depth, no reference that leads back to itself without descending into the input (it would never
//! end), and patterns on an engine whose time is linear. Formats are checked, although the draft makes
//! that optional: an author who writes `format: email` expects it.

mod check;
mod words;

use std::{fmt, sync::Arc};

use jsonschema::{Draft, PatternOptions, Validator};
use patchbay_model::Violation;
use serde_json::Value;

pub use check::SchemaError;

/// The largest schema, in bytes of JSON.
pub const MAX_BYTES: usize = 256 * 1_024;

/// How deeply a schema may nest.
pub const MAX_DEPTH: usize = 64;

/// More violations than this are not listed.
pub const MAX_VIOLATIONS: usize = 50;

/// The largest compiled pattern, in bytes.
const MAX_PATTERN_BYTES: usize = 1 << 20;

/// A compiled JSON Schema. Cheap to clone.
#[derive(Clone)]
pub struct SchemaValidator {
    compiled: Arc<Validator>,
}

impl SchemaValidator {
    /// Compiles a schema.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn compile(schema: &Value) -> Result<Self, SchemaError> {
        check::check(schema)?;
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
        Ok(Self { compiled: Arc::new(compiled) })
    }

    /// Checks a value.
    ///
    /// # Errors
    /// What is wrong, place by place; at most [`MAX_VIOLATIONS`]. The texts hold nothing of the value
    /// but names of its members, so that a secret in it does not reach a log.
    pub fn validate(&self, value: &Value) -> Result<(), Vec<Violation>> {
        if self.compiled.is_valid(value) {
            return Ok(());
        }
        let violations: Vec<_> =
            self.compiled.iter_errors(value).take(MAX_VIOLATIONS).map(|error| words::violation(&error)).collect();
        if violations.is_empty() { Ok(()) } else { Err(violations) }
    }
}

impl fmt::Debug for SchemaValidator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SchemaValidator").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
