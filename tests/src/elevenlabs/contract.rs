//! ElevenLabs' published contract as a judge of requests: the paths of its OpenAPI document, and the query and body of
//! speech as its library of 2026 writes them.
//!
//! Neither is part of this repository. They are looked for under `PATCHBAY_VENDOR_SPECS`; where they are missing the
//! simulator says so and keeps to its hand-written checks.

use serde_json::Value;

use crate::vendor_specs;

/// What a request is judged by.
pub(crate) struct Contract {
    paths: Vec<(String, Vec<String>)>,
    speech: Value,
    body: jsonschema::Validator,
}

impl Contract {
    /// Both documents; none if they are not there.
    pub(crate) fn load() -> Option<Self> {
        let document = vendor_specs::document("elevenlabs/openapi-2025-08-24.json")?;
        let speech = vendor_specs::document("elevenlabs/tts-2.78.0.derived.schema.json")?;
        let methods = |item: &Value| -> Vec<String> {
            item.as_object().into_iter().flatten().map(|(name, _)| name.to_uppercase()).collect()
        };
        let paths = document["paths"].as_object().expect("paths").iter();
        let paths = paths.map(|(path, item)| (path.clone(), methods(item))).collect();
        let body = &speech["endpoints"]["POST /v1/text-to-speech/{voice_id}"]["body"];
        let body = jsonschema::draft202012::new(body).expect("the schema compiles");
        Some(Self { paths, speech, body })
    }

    /// True for a request that ElevenLabs has.
    pub(crate) fn has(&self, method: &str, path: &str) -> bool {
        let is_like = |pattern: &str| {
            let (mut ours, mut theirs) = (path.split('/'), pattern.split('/'));
            loop {
                match (ours.next(), theirs.next()) {
                    (None, None) => return true,
                    (Some(ours), Some(theirs)) if ours == theirs || theirs.starts_with('{') => {}
                    _ => return false,
                }
            }
        };
        self.paths.iter().any(|(pattern, methods)| is_like(pattern) && methods.iter().any(|known| known == method))
    }

    /// What is wrong with a request for speech.
    pub(crate) fn check(&self, streamed: bool, query: &[(String, String)], body: &Value) -> Vec<String> {
        let endpoint =
            if streamed { "POST /v1/text-to-speech/{voice_id}/stream" } else { "POST /v1/text-to-speech/{voice_id}" };
        let known = &self.speech["endpoints"][endpoint]["query"];
        let mut wrong: Vec<String> = self.body.iter_errors(body).map(|error| error.to_string()).collect();
        for (name, value) in query {
            match &known[name.as_str()] {
                Value::Null => wrong.push(format!("no parameter {name}")),
                Value::Array(values) if !values.iter().any(|known| known == value.as_str()) => {
                    wrong.push(format!("{name} is not {value}"));
                }
                _ => {}
            }
        }
        wrong
    }
}
