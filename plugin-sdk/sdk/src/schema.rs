//! JSON Schemas from types. Derived natively only, by the test that [`crate::export_connector!`] adds: in a
//! component nothing refers to them, so none of it is linked.

use schemars::JsonSchema;

#[cfg(not(target_arch = "wasm32"))]
type Derive = fn() -> serde_json::Value;

/// Further types whose schemas belong to the package, beside those of the settings and the actions.
#[derive(Debug, Default)]
pub struct Schemas {
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) entries: Vec<(&'static str, Derive)>,
}

impl Schemas {
    /// None yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            #[cfg(not(target_arch = "wasm32"))]
            entries: Vec::new(),
        }
    }

    /// Adds the schema of `T` as the connector writes it, in the file `schemas/<name>.json`.
    #[must_use]
    #[cfg_attr(target_arch = "wasm32", expect(unused_mut, unused_variables, reason = "schemas are derived natively"))]
    pub fn with<T: JsonSchema>(mut self, name: &'static str) -> Self {
        #[cfg(not(target_arch = "wasm32"))]
        self.entries.push((name, of_output::<T>));
        self
    }
}

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use native::{of_file, of_input, of_output};

#[cfg(not(target_arch = "wasm32"))]
mod native {
    use schemars::JsonSchema;
    use schemars::generate::SchemaSettings;
    use serde_json::{Value, json};

    pub(crate) fn of_input<T: JsonSchema>() -> Value {
        settings().for_deserialize().into_generator().into_root_schema_for::<T>().to_value()
    }

    pub(crate) fn of_output<T: JsonSchema>() -> Value {
        settings().for_serialize().into_generator().into_root_schema_for::<T>().to_value()
    }

    pub(crate) fn of_file() -> Value {
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "File",
            "description": "A file, as the body of the answer.",
            "type": "string",
            "contentMediaType": "application/octet-stream",
        })
    }

    /// Inlined, because the hub puts the schemas into its OpenAPI document, where `#/$defs` is another place.
    fn settings() -> SchemaSettings {
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true)
    }
}
