//! `POST /v1/moderations`: whatever has the word `harm` in it is flagged.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use super::server::Asked;

const CATEGORIES: [&str; 13] = [
    "hate",
    "hate/threatening",
    "harassment",
    "harassment/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/intent",
    "self-harm/instructions",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
];

pub(crate) fn answer(asked: &Asked) -> Response {
    let inputs: Vec<&Value> = match &asked.body["input"] {
        Value::Array(texts) if texts.iter().all(Value::is_string) => texts.iter().collect(),
        whole => vec![whole],
    };
    let results: Vec<Value> = inputs.into_iter().map(|input| result(input.to_string().contains("harm"))).collect();
    let model = asked.body["model"].as_str().unwrap_or("omni-moderation-latest");
    Json(json!({"id": asked.shared.next_id("modr-"), "model": model, "results": results})).into_response()
}

fn result(flagged: bool) -> Value {
    let each = |value: fn(bool) -> Value| {
        CATEGORIES
            .iter()
            .map(|category| ((*category).to_owned(), value(flagged && *category == "violence")))
            .collect::<Map<_, _>>()
    };
    json!({
        "flagged": flagged,
        "categories": each(|applies| json!(applies)),
        "category_scores": each(|applies| json!(if applies { 0.9 } else { 0.01 })),
        "category_applied_input_types": each(|_| json!(["text"])),
    })
}
