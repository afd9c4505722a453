//! `POST /v1/embeddings`, as numbers and as base64 of little-endian 32-bit floats.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use base64::Engine as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{auth, count_tokens, server::Asked};

const DIMENSIONS: u64 = 1536;

pub(crate) fn answer(asked: &Asked) -> Response {
    let inputs = inputs(&asked.body["input"]);
    if inputs.is_empty() || inputs.iter().any(|(text, _)| text.is_empty()) {
        return auth::invalid("input must hold at least one text, and no empty one");
    }
    let dimensions = usize::try_from(asked.body["dimensions"].as_u64().unwrap_or(DIMENSIONS)).unwrap_or(1);
    let base64 = asked.body["encoding_format"] == "base64";
    let prompt: u64 = inputs.iter().map(|(_, tokens)| tokens).sum();
    let data: Vec<Value> = inputs
        .iter()
        .enumerate()
        .map(|(index, (text, _))| {
            let vector = vector(text, dimensions);
            let embedding = if base64 { json!(encode(&vector)) } else { json!(vector) };
            json!({"object": "embedding", "index": index, "embedding": embedding})
        })
        .collect();
    let entry = asked.shared.ledger.open("/v1/embeddings", asked.model(), prompt);
    asked.shared.ledger.close(entry);
    let usage = json!({"prompt_tokens": prompt, "total_tokens": prompt});
    Json(json!({"object": "list", "data": data, "model": asked.model(), "usage": usage})).into_response()
}

/// Texts or token lists, one or many; with their counts of tokens.
fn inputs(input: &Value) -> Vec<(String, u64)> {
    match input {
        Value::String(text) => vec![(text.clone(), count_tokens(text))],
        Value::Array(items) if items.iter().all(Value::is_number) => vec![(input.to_string(), items.len() as u64)],
        Value::Array(items) => items.iter().flat_map(inputs).collect(),
        _ => Vec::new(),
    }
}

/// Numbers between -1 and 1 that depend on the text alone.
fn vector(text: &str, dimensions: usize) -> Vec<f32> {
    let mut numbers = Vec::with_capacity(dimensions);
    let mut block = Sha256::digest(text);
    while numbers.len() < dimensions {
        for byte in &block {
            numbers.push((f32::from(*byte) - 128.0) / 128.0);
        }
        block = Sha256::digest(block);
    }
    numbers.truncate(dimensions);
    numbers
}

fn encode(vector: &[f32]) -> String {
    let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
