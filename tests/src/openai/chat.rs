//! `POST /v1/chat/completions`, plain and streamed.

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
    shape::Shape,
};

const CREATED: u64 = 1_793_491_200;

pub(crate) fn answer(asked: &Asked) -> Response {
    let prompt = prompt_tokens(&asked.body["messages"]);
    let cap = asked.body["max_completion_tokens"].as_u64().or_else(|| asked.body["max_tokens"].as_u64());
    let shape = Shape::of(&asked.body);
    let words = shape.pieces().unwrap_or_else(|| asked.words(cap));
    let choices = asked.body["n"].as_u64().unwrap_or(1);
    let entry = asked.shared.ledger.open("/v1/chat/completions", asked.model(), prompt);
    if asked.body["stream"].as_bool() == Some(true) {
        return stream(asked, &shape, words, choices, prompt, entry);
    }
    let completion = words.len() as u64 * choices;
    asked.shared.ledger.serve(entry, completion);
    asked.shared.ledger.close(entry);
    let text = words.concat();
    let choices: Vec<Value> = (0..choices)
        .map(|index| {
            json!({
                "index": index,
                "message": shape.message(&text),
                "logprobs": null,
                "finish_reason": shape.finish_reason(),
            })
        })
        .collect();
    Json(json!({
        "id": asked.shared.next_id("chatcmpl-"),
        "object": "chat.completion",
        "created": CREATED,
        "model": asked.model(),
        "choices": choices,
        "usage": usage(prompt, completion),
        "service_tier": "default",
    }))
    .into_response()
}

fn prompt_tokens(messages: &Value) -> u64 {
    let messages = messages.as_array().map_or(&[][..], Vec::as_slice);
    let text: u64 = messages.iter().map(|message| content_tokens(&message["content"])).sum();
    text + 3 * messages.len() as u64 + 3
}

fn content_tokens(content: &Value) -> u64 {
    match content {
        Value::String(text) => count_tokens(text),
        Value::Array(parts) => parts.iter().map(part_tokens).sum(),
        _ => 0,
    }
}

/// An image is as much as 85 words.
fn part_tokens(part: &Value) -> u64 {
    part["text"].as_str().map_or(0, count_tokens) + if part["image_url"].is_object() { 85 } else { 0 }
}

fn usage(prompt: u64, completion: u64) -> Value {
    json!({
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0, "audio_tokens": 0,
            "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
        },
    })
}

fn stream(asked: &Asked, shape: &Shape, words: Vec<String>, choices: u64, prompt: u64, entry: usize) -> Response {
    let options = &asked.body["stream_options"];
    let include_usage = options["include_usage"].as_bool() == Some(true);
    let obfuscate = options["include_obfuscation"].as_bool() != Some(false);
    let (id, model) = (asked.shared.next_id("chatcmpl-"), asked.model().to_owned());
    let (behaviour, shape) = (asked.behaviour.clone(), shape.clone());
    let ledger = Arc::clone(&asked.shared.ledger);
    let chunk = move |choices: Value, usage: Option<Value>| {
        let mut chunk = json!({
            "id": id, "object": "chat.completion.chunk", "created": CREATED, "model": model,
            "choices": choices, "service_tier": "default",
        });
        if include_usage {
            chunk["usage"] = usage.unwrap_or(Value::Null);
        }
        if obfuscate && chunk["choices"][0].is_object() {
            chunk["obfuscation"] = json!("aB3dE5");
        }
        frame(&chunk)
    };
    let frames = async_stream::stream! {
        for index in 0..choices {
            pace(behaviour.pace).await;
            let delta = json!({"role": "assistant", "content": "", "refusal": null});
            yield Ok(chunk(json!([{"index": index, "delta": delta, "finish_reason": null}]), None));
        }
        let mut sent = 0;
        let mut position = 0;
        while behaviour.endless || position < words.len() {
            if let Some((after, how)) = behaviour.broken && sent >= u64::from(after) {
                match how {
                    Break::Error => {
                        let error = json!({"message": "The server had an error.", "type": "server_error", "param": null, "code": null});
                        yield Ok(frame(&json!({"error": error})));
                    }
                    Break::Cut => {
                        yield Ok(Bytes::from_static(b"data: {\"id\":\"chatcmpl-"));
                        // what was given so far leaves before the connection breaks
                        tokio::task::yield_now().await;
                        yield Err(std::io::Error::other("cut on purpose"));
                    }
                }
                return;
            }
            pace(behaviour.pace).await;
            let word = &words[position % words.len()];
            for index in 0..choices {
                ledger.serve(entry, 1);
                sent += 1;
                let delta = shape.delta(word, position);
                let bytes = chunk(json!([{"index": index, "delta": delta, "finish_reason": null}]), None);
                for half in halves(bytes, behaviour.echo_credential) {
                    yield Ok(half);
                }
            }
            position += 1;
        }
        for index in 0..choices {
            let reason = shape.finish_reason();
            yield Ok(chunk(json!([{"index": index, "delta": {}, "finish_reason": reason}]), None));
        }
        ledger.close(entry);
        if include_usage {
            yield Ok(chunk(json!([]), Some(usage(prompt, sent))));
        }
        yield Ok(Bytes::from_static(b"data: [DONE]\n\n"));
    };
    stream_response(asked, frames)
}

/// An echoed credential is cut in two, so that whoever redacts by chunk misses it.
fn halves(mut bytes: Bytes, cut: bool) -> Vec<Bytes> {
    let place = memchr_text(&bytes, b"you sent ").map(|at| at + 14);
    match place {
        Some(at) if cut && at < bytes.len() => {
            let tail = bytes.split_off(at);
            vec![bytes, tail]
        }
        _ => vec![bytes],
    }
}

fn memchr_text(bytes: &[u8], text: &[u8]) -> Option<usize> {
    bytes.windows(text.len()).position(|window| window == text)
}

fn frame(value: &Value) -> Bytes {
    Bytes::from(format!("data: {value}\n\n"))
}
