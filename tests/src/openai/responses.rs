//! `POST /v1/responses`, plain and as a stream of typed events.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{
    Break, count_tokens,
    server::{Asked, pace, stream_response},
};

const CREATED: u64 = 1_793_491_200;

pub(crate) fn answer(asked: &Asked) -> Response {
    let prompt = input_tokens(&asked.body);
    let words = asked.words(asked.body["max_output_tokens"].as_u64());
    let entry = asked.shared.ledger.open("/v1/responses", asked.model(), prompt);
    let shape = Shape {
        id: asked.shared.next_id("resp_"),
        item: asked.shared.next_id("msg_"),
        model: asked.model().to_owned(),
        request: asked.body.clone(),
        prompt,
    };
    if asked.body["stream"].as_bool() == Some(true) {
        return stream(asked, shape, words, entry);
    }
    asked.shared.ledger.serve(entry, words.len() as u64);
    asked.shared.ledger.close(entry);
    Json(shape.response("completed", Some((words.concat().trim_end(), words.len() as u64)))).into_response()
}

fn input_tokens(body: &Value) -> u64 {
    let instructions = body["instructions"].as_str().map_or(0, count_tokens);
    instructions + 3 + words_in(&body["input"])
}

fn words_in(value: &Value) -> u64 {
    match value {
        Value::String(text) => count_tokens(text),
        Value::Array(items) => items
            .iter()
            .map(|item| 3 + words_in(&item["content"]) + item["text"].as_str().map_or(0, count_tokens))
            .sum(),
        _ => 0,
    }
}

struct Shape {
    id: String,
    item: String,
    model: String,
    request: Value,
    prompt: u64,
}

impl Shape {
    fn response(&self, status: &str, text: Option<(&str, u64)>) -> Value {
        let given = |name: &str, default: Value| match &self.request[name] {
            Value::Null => default,
            value => value.clone(),
        };
        let mut response = json!({
            "id": self.id, "object": "response", "created_at": CREATED, "status": status, "error": null,
            "incomplete_details": null, "instructions": given("instructions", Value::Null),
            "max_output_tokens": given("max_output_tokens", Value::Null), "model": self.model,
            "output": text.map_or_else(|| json!([]), |(text, _)| json!([self.message("completed", Some(text))])),
            "parallel_tool_calls": true, "previous_response_id": null,
            "reasoning": {"effort": null, "summary": null}, "store": given("store", json!(true)),
            "temperature": given("temperature", json!(1.0)), "text": {"format": {"type": "text"}},
            "tool_choice": "auto", "tools": [], "top_p": given("top_p", json!(1.0)), "truncation": "disabled",
            "metadata": given("metadata", json!({})),
        });
        if let Some((_, tokens)) = text {
            response["usage"] = self.usage(tokens);
        }
        response
    }

    fn usage(&self, output: u64) -> Value {
        json!({
            "input_tokens": self.prompt, "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": output, "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": self.prompt + output,
        })
    }

    fn message(&self, status: &str, text: Option<&str>) -> Value {
        let content = text.map_or_else(|| json!([]), |text| json!([part(text)]));
        json!({"id": self.item, "type": "message", "status": status, "role": "assistant", "content": content})
    }
}

fn part(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
}

fn stream(asked: &Asked, shape: Shape, words: Vec<String>, entry: usize) -> Response {
    let behaviour = asked.behaviour.clone();
    let ledger = Arc::clone(&asked.shared.ledger);
    let frames = async_stream::stream! {
        let mut number = 0_u64;
        let mut event = |kind: &str, mut data: Value| {
            data["type"] = json!(kind);
            data["sequence_number"] = json!(number);
            number += 1;
            Bytes::from(format!("event: {kind}\ndata: {data}\n\n"))
        };
        let place = json!({"item_id": shape.item, "output_index": 0, "content_index": 0});
        let at = |name: &str, value: Value| {
            let mut data = place.clone();
            data[name] = value;
            data
        };
        yield Ok(event("response.created", json!({"response": shape.response("in_progress", None)})));
        yield Ok(event("response.in_progress", json!({"response": shape.response("in_progress", None)})));
        yield Ok(event("response.output_item.added", json!({"output_index": 0, "item": shape.message("in_progress", None)})));
        yield Ok(event("response.content_part.added", at("part", part(""))));
        let (mut sent, mut position, mut text) = (0_u64, 0_usize, String::new());
        while behaviour.endless || position < words.len() {
            if let Some((after, how)) = behaviour.broken && sent >= u64::from(after) {
                match how {
                    Break::Error => yield Ok(event("error", json!({"code": "server_error", "message": "The server had an error.", "param": null}))),
                    Break::Cut => {
                        yield Ok(Bytes::from_static(b"event: response.output_text.delta\ndata: {\"ty"));
                        yield Err(std::io::Error::other("cut on purpose"));
                    }
                }
                return;
            }
            pace(behaviour.pace).await;
            let word = &words[position % words.len()];
            text.push_str(word);
            ledger.serve(entry, 1);
            sent += 1;
            position += 1;
            let mut delta = at("delta", json!(word));
            delta["logprobs"] = json!([]);
            yield Ok(event("response.output_text.delta", delta));
        }
        let text = text.trim_end().to_owned();
        let mut done = at("text", json!(text));
        done["logprobs"] = json!([]);
        yield Ok(event("response.output_text.done", done));
        yield Ok(event("response.content_part.done", at("part", part(&text))));
        yield Ok(event("response.output_item.done", json!({"output_index": 0, "item": shape.message("completed", Some(&text))})));
        ledger.close(entry);
        yield Ok(event("response.completed", json!({"response": shape.response("completed", Some((&text, sent)))})));
    };
    stream_response(asked, frames)
}
