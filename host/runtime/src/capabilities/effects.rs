//! What a call leaves to be committed lies in the hub's memory until the call ends and its batch is written. The
//! number of documents, events and jobs alone does not bound that, so all of them together have a budget of bytes.
//!
//! Counted is what the hub holds and not how long the texts are: a list of small numbers takes a multiple of its
//! text once it is parsed.

use serde_json::Value;

use super::HostError;
use crate::{bindings::types::Error, call::CallState};

/// What is held of a document, an event or a job beside its texts and values, in bytes; generous.
const ENTRY: u64 = 256;

/// Bytes that wait for the end of the call.
#[derive(Debug, Default)]
pub(crate) struct Held(u64);

/// What an effect takes: its value if it has one, parsed from `text` bytes, and its names.
pub(crate) fn size(value: Option<&Value>, text: usize, names: &[&str]) -> u64 {
    let values = value.map_or(0, nodes).saturating_mul(size_of::<Value>() as u64);
    let texts = names.iter().map(|name| name.len() as u64).sum::<u64>().saturating_add(text as u64);
    values.saturating_add(texts).saturating_add(ENTRY)
}

/// Values in a value; a member's name takes about as much as one more. Parsing has bounded the depth.
fn nodes(value: &Value) -> u64 {
    match value {
        Value::Array(items) => items.iter().map(nodes).sum::<u64>().saturating_add(1),
        Value::Object(members) => members.values().map(|value| nodes(value) + 1).sum::<u64>().saturating_add(1),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 1,
    }
}

impl CallState {
    /// Fails if so many bytes more are too many; takes none.
    pub(crate) fn check_effects(&self, bytes: u64) -> Result<(), HostError> {
        let limit = self.limits.effect_bytes;
        if self.capabilities.held.0.saturating_add(bytes) > limit {
            return Err(HostError::Guest(Error::Exhausted(format!(
                "{limit} bytes of documents, events and jobs that wait for the end of the call"
            ))));
        }
        Ok(())
    }

    /// Takes so many bytes in place of those that the effect took before, 0 for a new one.
    pub(crate) fn hold_effect(&mut self, bytes: u64, before: u64) -> Result<(), HostError> {
        let held = &mut self.capabilities.held;
        held.0 = held.0.saturating_sub(before);
        if let Err(error) = self.check_effects(bytes) {
            let held = &mut self.capabilities.held;
            held.0 = held.0.saturating_add(before);
            return Err(error);
        }
        let held = &mut self.capabilities.held;
        held.0 = held.0.saturating_add(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn small_values_count_for_what_they_take_once_they_are_parsed() {
        let (numbers, text) = (json!([1, 1, 1, 1]), json!("1,1,1,1,"));
        let of = |value: &Value| size(Some(value), value.to_string().len(), &["notes", "a"]);
        assert!(of(&numbers) > of(&text) + 3 * size_of::<Value>() as u64);
        assert!(of(&json!({"a": {"b": 1}})) > of(&json!([[1]])));
    }

    #[test]
    fn a_deletion_counts_too() {
        assert!(size(None, 0, &["notes", "an-id"]) > ENTRY);
    }
}
