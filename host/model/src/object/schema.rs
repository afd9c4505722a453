//! The schemas, which are files of this crate.

use std::{collections::HashMap, sync::LazyLock};

use serde_json::Value;

use super::StandardObject;

static SCHEMAS: LazyLock<HashMap<StandardObject, Value>> = LazyLock::new(|| {
    // a file that is no JSON fails the test below, and is never shipped
    let parsed = |object: StandardObject| serde_json::from_str(object.schema_text()).unwrap_or_default();
    StandardObject::ALL.iter().map(|object| (*object, parsed(*object))).collect()
});

impl StandardObject {
    /// Its JSON Schema (2020-12).
    #[must_use]
    pub fn schema(self) -> &'static Value {
        static NOTHING: Value = Value::Bool(false);
        SCHEMAS.get(&self).unwrap_or(&NOTHING)
    }

    /// What it is, in a sentence.
    #[must_use]
    pub fn description(self) -> &'static str {
        self.schema().get("description").and_then(Value::as_str).unwrap_or_default()
    }

    /// True if its schema has such a field.
    #[must_use]
    pub fn has_field(self, name: &str) -> bool {
        self.schema().get("properties").is_some_and(|properties| properties.get(name).is_some())
    }

    /// A record as a vendor could have it.
    #[must_use]
    pub fn example(self) -> Value {
        self.schema().pointer("/examples/0").cloned().unwrap_or_default()
    }
}
