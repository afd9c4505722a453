//! What a chat completion is made of: words, JSON that a schema asks for, or the call of a tool.

use serde_json::{Map, Value, json};

/// The form of an answer.
#[derive(Debug, Clone)]
pub(crate) enum Shape {
    Words,
    /// `response_format` asks for it.
    Json(String),
    /// `tools` and `tool_choice` ask for it: a function's name and its arguments.
    Call(String, String),
}

impl Shape {
    /// What a request asks for.
    pub(crate) fn of(body: &Value) -> Self {
        let tools = body["tools"].as_array().map_or(&[][..], Vec::as_slice);
        let wanted = match &body["tool_choice"] {
            Value::String(choice) if choice == "required" => tools.first(),
            Value::Object(_) => {
                tools.iter().find(|tool| tool["function"]["name"] == body["tool_choice"]["function"]["name"])
            }
            _ => None,
        };
        if let Some(tool) = wanted {
            let function = &tool["function"];
            let name = function["name"].as_str().unwrap_or_default().to_owned();
            return Self::Call(name, example(&function["parameters"]).to_string());
        }
        let format = &body["response_format"];
        match format["type"].as_str() {
            Some("json_schema") => Self::Json(example(&format["json_schema"]["schema"]).to_string()),
            Some("json_object") => Self::Json(json!({"answer": "word0"}).to_string()),
            _ => Self::Words,
        }
    }

    /// The pieces in which it is streamed: a token each.
    pub(crate) fn pieces(&self) -> Option<Vec<String>> {
        let text = match self {
            Self::Words => return None,
            Self::Json(text) | Self::Call(_, text) => text,
        };
        let characters: Vec<char> = text.chars().collect();
        Some(characters.chunks(5).map(|piece| piece.iter().collect()).collect())
    }

    /// The whole message.
    pub(crate) fn message(&self, text: &str) -> Value {
        let mut message = json!({"role": "assistant", "content": text.trim_end(), "refusal": null, "annotations": []});
        if let Self::Call(name, arguments) = self {
            message["content"] = Value::Null;
            message["tool_calls"] = json!([
                {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}}
            ]);
        }
        message
    }

    /// One piece of it.
    pub(crate) fn delta(&self, piece: &str, position: usize) -> Value {
        let Self::Call(name, _) = self else { return json!({ "content": piece }) };
        let mut call = json!({"index": 0, "function": {"arguments": piece}});
        if position == 0 {
            call["id"] = json!("call_1");
            call["type"] = json!("function");
            call["function"]["name"] = json!(name);
        }
        json!({ "tool_calls": [call] })
    }

    pub(crate) const fn finish_reason(&self) -> &'static str {
        match self {
            Self::Call(..) => "tool_calls",
            Self::Words | Self::Json(_) => "stop",
        }
    }
}

/// Something that a schema of the kind that models are given takes.
fn example(schema: &Value) -> Value {
    if let Some(allowed) = schema["enum"].as_array() {
        return allowed.first().cloned().unwrap_or_default();
    }
    match schema["type"].as_str() {
        Some("object") => {
            let members = schema["properties"].as_object().into_iter().flatten();
            Value::Object(members.map(|(name, own)| (name.clone(), example(own))).collect::<Map<_, _>>())
        }
        Some("array") => json!([example(&schema["items"])]),
        Some("integer" | "number") => json!(7),
        Some("boolean") => json!(true),
        _ => json!("word0"),
    }
}
