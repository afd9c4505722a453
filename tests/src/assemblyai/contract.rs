//! AssemblyAI's published OpenAPI document as a judge of requests and answers.
//!
//! The document is not part of this repository. It is looked for under `PATCHBAY_VENDOR_SPECS`; where it is missing the
//! simulator says so and keeps to its hand-written checks. It is of March 2026: `speech_models` has become optional since,
//! and there are more models.

use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value, json};

use crate::vendor_specs;

/// The parts that are used, compiled.
#[derive(Clone)]
pub(super) struct Contract(Arc<Parts>);

struct Parts {
    order: jsonschema::Validator,
    transcript: jsonschema::Validator,
    list: jsonschema::Validator,
}

impl Contract {
    /// The document, read once per process; none if it is not there.
    pub(super) fn load() -> Option<Self> {
        static LOADED: OnceLock<Option<Contract>> = OnceLock::new();
        LOADED.get_or_init(Self::read).clone()
    }

    fn read() -> Option<Self> {
        let mut document = vendor_specs::document("assemblyai/openapi.json")?;
        let mut components = document["components"].take();
        components["schemas"]["TranscriptOptionalParams"]["required"] = json!([]);
        components["schemas"]["SpeechModel"] = json!({"type": "string"});
        let validator = |component: &str| {
            let schema = json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "$ref": format!("#/components/schemas/{component}"),
                "components": components,
            });
            jsonschema::draft202012::new(&schema).expect("the vendor's schemas compile")
        };
        Some(Self(Arc::new(Parts {
            order: validator("TranscriptOptionalParams"),
            transcript: validator("Transcript"),
            list: validator("TranscriptList"),
        })))
    }

    /// What is wrong with a request for a transcript. The document joins `audio_url` to the other members in a way that no
    /// request can satisfy, so that one member is the caller's to check.
    pub(super) fn order(&self, order: &Map<String, Value>) -> Vec<String> {
        let mut others = order.clone();
        others.remove("audio_url");
        wrong(&self.0.order, &Value::Object(others))
    }

    /// What is wrong with a transcript.
    pub(super) fn transcript(&self, transcript: &Value) -> Vec<String> {
        wrong(&self.0.transcript, transcript)
    }

    /// What is wrong with a list.
    pub(super) fn list(&self, list: &Value) -> Vec<String> {
        wrong(&self.0.list, list)
    }
}

fn wrong(validator: &jsonschema::Validator, value: &Value) -> Vec<String> {
    validator.iter_errors(value).take(8).map(|error| format!("{}: {error}", error.instance_path())).collect()
}
