//! Answers of OpenAI, as its contract describes them; `contract.rs` checks that they are.
#![allow(dead_code, reason = "each test binary uses its own part")]

use patchbay_sdk::testing::MockHost;
use serde_json::{Value, json};

/// A hub that grants what the manifest asks for.
pub fn host() -> MockHost {
    let host = MockHost::with_manifest(include_str!("../../plugin.toml"));
    host.set_secret("secret_key", "sk-test");
    host
}

/// A whole chat completion.
pub fn chat_completion() -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1793491200, "model": "gpt-test",
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": "Hello!", "refusal": null, "annotations": []},
            "logprobs": null, "finish_reason": "stop",
        }],
        "usage": {
            "prompt_tokens": 19, "completion_tokens": 10, "total_tokens": 29,
            "prompt_tokens_details": {"cached_tokens": 8, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": 0, "audio_tokens": 0, "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
            },
        },
        "service_tier": "default",
    })
}

/// One frame of a streamed chat completion, as OpenAI sends it to a client that asked for the usage.
pub fn chat_chunk(delta: &Value, finish_reason: Option<&str>) -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1793491200, "model": "gpt-test",
        "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason}],
        "usage": null,
    })
}

/// The frame that brings the usage.
pub fn chat_usage_chunk() -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1793491200, "model": "gpt-test",
        "choices": [],
        "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11},
    })
}

/// The frames of a streamed chat completion with its usage, up to `[DONE]`.
pub fn chat_stream() -> Vec<String> {
    vec![
        chat_chunk(&json!({"role": "assistant", "content": "", "refusal": null}), None).to_string(),
        chat_chunk(&json!({"content": "Hel"}), None).to_string(),
        chat_chunk(&json!({"content": "lo, wörld"}), None).to_string(),
        chat_chunk(&json!({}), Some("stop")).to_string(),
        chat_usage_chunk().to_string(),
        "[DONE]".to_owned(),
    ]
}

/// A whole response.
pub fn response() -> Value {
    json!({
        "id": "resp_1", "object": "response", "created_at": 1793491200, "status": "completed",
        "error": null, "incomplete_details": null, "instructions": null, "max_output_tokens": null,
        "model": "gpt-test",
        "output": [{
            "type": "message", "id": "msg_1", "status": "completed", "role": "assistant",
            "content": [{"type": "output_text", "text": "Hello!", "annotations": [], "logprobs": []}],
        }],
        "parallel_tool_calls": true, "previous_response_id": null,
        "reasoning": {"effort": null, "summary": null}, "store": false, "temperature": 1.0,
        "text": {"format": {"type": "text"}}, "tool_choice": "auto", "tools": [], "top_p": 1.0,
        "truncation": "disabled", "metadata": {},
        "usage": {
            "input_tokens": 11, "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": 7, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 18,
        },
    })
}

/// The events of a streamed response.
pub fn response_stream() -> Vec<Value> {
    let text = |delta: &str, number: u32| {
        json!({
            "type": "response.output_text.delta", "sequence_number": number, "item_id": "msg_1", "output_index": 0,
            "content_index": 0, "delta": delta, "logprobs": [],
        })
    };
    let mut begun = response();
    begun["status"] = json!("in_progress");
    begun.as_object_mut().unwrap().remove("usage");
    begun["output"] = json!([]);
    vec![
        json!({"type": "response.created", "sequence_number": 0, "response": begun}),
        text("Hel", 1),
        text("lo!", 2),
        json!({"type": "response.completed", "sequence_number": 3, "response": response()}),
    ]
}

/// Two vectors.
pub fn embeddings() -> Value {
    json!({
        "object": "list", "model": "embed-test",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [0.1, -0.2]},
            {"object": "embedding", "index": 1, "embedding": [0.3, 0.4]},
        ],
        "usage": {"prompt_tokens": 2, "total_tokens": 2},
    })
}
