//! `/v1/batches`: one that is looked at twice has ended.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{Shared, auth, count_tokens, server::Asked};

/// Batches by id, and how often each was looked at.
#[derive(Debug, Default)]
pub(crate) struct Batches(BTreeMap<String, (Value, u32)>);

/// Tokens of an answer in a batch.
const WRITTEN: u64 = 6;

pub(crate) fn create(asked: &Asked) -> Response {
    let file = asked.body["input_file_id"].as_str().unwrap_or_default();
    if asked.shared.files.lock().unwrap().content(file).is_none() {
        return auth::error(404, "invalid_request_error", None, &format!("No such File object: {file}"));
    }
    let id = asked.shared.next_id("batch_");
    let batch = json!({
        "id": id, "object": "batch", "endpoint": asked.body["endpoint"], "input_file_id": file,
        "completion_window": asked.body["completion_window"], "status": "validating", "created_at": 1_793_491_200,
        "metadata": asked.body["metadata"],
    });
    asked.shared.batches.lock().unwrap().0.insert(id, (batch.clone(), 0));
    Json(batch).into_response()
}

fn missing(id: &str) -> Response {
    auth::error(404, "invalid_request_error", None, &format!("No batch found with id '{id}'."))
}

pub(crate) async fn get(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    let mut batches = shared.batches.lock().unwrap();
    let Some((batch, looks)) = batches.0.get_mut(&id) else { return missing(&id) };
    *looks += 1;
    let status = batch["status"].as_str().unwrap_or_default().to_owned();
    match (status.as_str(), *looks) {
        ("validating", 1) => batch["status"] = json!("in_progress"),
        ("in_progress", _) => complete(&shared, batch),
        _ => {}
    }
    Json(batch.clone()).into_response()
}

pub(crate) async fn list(State(shared): State<Arc<Shared>>) -> Response {
    let batches = shared.batches.lock().unwrap();
    let data: Vec<_> = batches.0.values().map(|(batch, _)| batch.clone()).collect();
    let (first, last) = (batches.0.keys().next(), batches.0.keys().next_back());
    Json(json!({"object": "list", "data": data, "first_id": first, "last_id": last, "has_more": false})).into_response()
}

pub(crate) async fn cancel(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    let mut batches = shared.batches.lock().unwrap();
    let Some((batch, _)) = batches.0.get_mut(&id) else { return missing(&id) };
    batch["status"] = json!("cancelling");
    Json(batch.clone()).into_response()
}

/// Answers every line, and says what that used.
fn complete(shared: &Shared, batch: &mut Value) {
    let mut files = shared.files.lock().unwrap();
    let input = files.content(batch["input_file_id"].as_str().unwrap_or_default()).unwrap_or_default();
    let lines: Vec<Value> =
        String::from_utf8_lossy(&input).lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let read = |line: &Value| {
        let messages = line["body"]["messages"].as_array().cloned().unwrap_or_default();
        messages.iter().filter_map(|message| message["content"].as_str()).map(count_tokens).sum::<u64>()
    };
    let (input_tokens, output_tokens) = (lines.iter().map(read).sum::<u64>(), WRITTEN * lines.len() as u64);
    let model = lines.first().and_then(|line| line["body"]["model"].as_str()).unwrap_or_default().to_owned();
    let entry = shared.ledger.open("/v1/batches", &model, input_tokens);
    shared.ledger.serve(entry, output_tokens);
    shared.ledger.close(entry);
    let answers: String = lines
        .iter()
        .map(|line| {
            format!("{}\n", json!({"custom_id": line["custom_id"], "response": {"status_code": 200}, "error": null}))
        })
        .collect();
    let output = shared.next_id("file-");
    files.put(&output, "batch_output.jsonl", "batch_output", answers.into_bytes());
    batch["status"] = json!("completed");
    batch["model"] = json!(model);
    batch["output_file_id"] = json!(output);
    batch["usage"] = json!({
        "input_tokens": input_tokens, "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": output_tokens, "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": input_tokens + output_tokens,
    });
}
