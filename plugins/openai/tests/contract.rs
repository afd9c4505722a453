//! What the connector's types and fixtures claim, against OpenAI's published contract.
//!
//! The contract is not part of the repository; where it is not found the tests say so and pass. Its place is
//! `PATCHBAY_VENDOR_SPECS`, by default the folder `shared/vendor-specs` beside the repository.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "helpers of tests fail them")]

use std::io::Read as _;
use std::path::PathBuf;

use patchbay_plugin_openai::types;
use serde_json::{Value, json};

#[path = "support/fixtures.rs"]
mod fixtures;

fn contract() -> Option<Value> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/vendor-specs");
    let folder = std::env::var_os("PATCHBAY_VENDOR_SPECS").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let path = folder.join("openai/openapi.json.gz");
    let Ok(packed) = std::fs::read(&path) else {
        eprintln!("skipped: OpenAI's contract is not at {}; set PATCHBAY_VENDOR_SPECS", path.display());
        return None;
    };
    let mut text = String::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut text).unwrap();
    let mut contract = serde_json::from_str(&text).unwrap();
    allow_null(&mut contract);
    Some(contract)
}

/// Some of its schemas still say `nullable`, which JSON Schema does not know.
fn allow_null(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(allow_null),
        Value::Object(members) => {
            members.values_mut().for_each(allow_null);
            if members.remove("nullable") == Some(json!(true)) {
                *schema = json!({"anyOf": [schema.take(), {"type": "null"}]});
            }
        }
        _ => {}
    }
}

fn violations(contract: &Value, schema: &str, value: &Value) -> Vec<String> {
    let root = json!({"$ref": format!("#/components/schemas/{schema}"), "components": contract["components"]});
    let validator = jsonschema::draft202012::new(&root).unwrap_or_else(|error| panic!("{schema}: {error}"));
    validator.iter_errors(value).map(|error| format!("{schema} at {}: {error}", error.instance_path())).collect()
}

#[test]
fn fixtures_are_what_openai_would_answer() {
    let Some(contract) = contract() else { return };
    let mut wrong = Vec::new();
    let mut check = |schema: &str, value: &Value| wrong.extend(violations(&contract, schema, value));
    check("CreateChatCompletionResponse", &fixtures::chat_completion());
    for frame in fixtures::chat_stream() {
        if frame != "[DONE]" {
            check("CreateChatCompletionStreamResponse", &serde_json::from_str(&frame).unwrap());
        }
    }
    check("Response", &fixtures::response());
    check("CreateEmbeddingResponse", &fixtures::embeddings());
    for event in fixtures::response_stream() {
        check("ResponseStreamEvent", &event);
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn fixtures_are_read_by_the_types() {
    serde_json::from_value::<types::ChatCompletion>(fixtures::chat_completion()).unwrap();
    serde_json::from_value::<types::Response>(fixtures::response()).unwrap();
    serde_json::from_value::<types::Embeddings>(fixtures::embeddings()).unwrap();
}

#[test]
fn every_member_that_an_input_names_is_one_of_openais() {
    let Some(contract) = contract() else { return };
    let pairs = [
        ("create-chat-completion", "CreateChatCompletionRequest"),
        ("create-response", "CreateResponse"),
        ("create-embedding", "CreateEmbeddingRequest"),
        ("create-moderation", "CreateModerationRequest"),
        ("create-speech", "CreateSpeechRequest"),
    ];
    for (action, schema) in pairs {
        let path = format!("{}/schemas/{action}.input.json", env!("CARGO_MANIFEST_DIR"));
        let ours: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let mut theirs = Vec::new();
        members(&contract, &contract["components"]["schemas"][schema], &mut theirs);
        let unknown: Vec<_> =
            ours["properties"].as_object().unwrap().keys().filter(|name| !theirs.contains(name)).collect();
        assert!(unknown.is_empty(), "{schema} has no {unknown:?}");
    }
}

fn members(contract: &Value, schema: &Value, found: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        members(contract, contract.pointer(reference.trim_start_matches('#')).unwrap(), found);
    }
    found.extend(schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone()));
    for part in schema["allOf"].as_array().into_iter().flatten() {
        members(contract, part, found);
    }
}

#[test]
fn every_proxied_route_is_one_of_openais() {
    let Some(contract) = contract() else { return };
    for (method, path) in [
        ("post", "/chat/completions"),
        ("post", "/responses"),
        ("post", "/embeddings"),
        ("post", "/moderations"),
        ("post", "/audio/speech"),
        ("post", "/audio/transcriptions"),
        ("post", "/audio/translations"),
        ("post", "/files"),
        ("post", "/batches"),
        ("post", "/batches/{batch_id}/cancel"),
        ("post", "/responses/input_tokens"),
        ("post", "/responses/{response_id}/cancel"),
        ("get", "/models"),
        ("get", "/models/{model}"),
        ("get", "/responses/{response_id}"),
        ("get", "/responses/{response_id}/input_items"),
        ("get", "/files"),
        ("get", "/files/{file_id}"),
        ("get", "/files/{file_id}/content"),
        ("get", "/batches"),
        ("get", "/batches/{batch_id}"),
        ("delete", "/responses/{response_id}"),
        ("delete", "/files/{file_id}"),
    ] {
        assert!(contract["paths"][path][method].is_object(), "{method} {path}");
    }
}
