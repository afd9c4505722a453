//! Block Kit as a JSON Schema, with Slack's limits.
//!
//! Written by hand and not derived: blocks are told apart by their `type`, and a block of a type that is not known here has
//! to pass. `oneOf` over types would refuse it, and would answer a long text in a header with "none of 14 alternatives".

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// One block of a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Block(pub Value);

/// A modal or a home tab.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct View(pub Value);

impl JsonSchema for Block {
    fn schema_name() -> Cow<'static, str> {
        "Block".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        Schema::try_from(block()).unwrap_or_default()
    }
}

impl JsonSchema for View {
    fn schema_name() -> Cow<'static, str> {
        "View".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let view = json!({
            "description": "A modal (or a home tab) with at most 100 blocks.",
            "type": "object",
            "required": ["type", "blocks"],
            "properties": {
                "type": {"enum": ["modal", "home"]},
                "title": plain(24),
                "submit": plain(24),
                "close": plain(24),
                "callback_id": string(255),
                "private_metadata": string(3000),
                "external_id": string(255),
                "blocks": {"type": "array", "maxItems": 100, "items": block()},
            },
            "if": {"properties": {"type": {"const": "modal"}}},
            "then": {"required": ["title"]},
        });
        Schema::try_from(view).unwrap_or_default()
    }
}

fn block() -> Value {
    json!({
        "description": "A block of Block Kit; types that are not listed pass as they are.",
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"type": "string"}, "block_id": string(255)},
        "allOf": [
            when("header", &["text"], json!({"text": plain(150)})),
            when("section", &[], json!({
                "text": text(3000),
                "fields": {"type": "array", "minItems": 1, "maxItems": 10, "items": text(2000)},
                "accessory": element(),
            })),
            when("context", &["elements"], json!({
                "elements": {"type": "array", "minItems": 1, "maxItems": 10, "items": {"type": "object", "required": ["type"]}},
            })),
            when("actions", &["elements"], json!({
                "elements": {"type": "array", "minItems": 1, "maxItems": 25, "items": element()},
            })),
            when("image", &["alt_text"], json!({
                "image_url": string(3000), "alt_text": string(2000), "title": plain(2000),
            })),
            when("input", &["label", "element"], json!({
                "label": plain(2000), "hint": plain(2000), "element": element(),
            })),
            when("markdown", &["text"], json!({"text": string(12_000)})),
            when("video", &["alt_text", "title", "thumbnail_url", "video_url"], json!({
                "alt_text": string(2000), "title": plain(200), "thumbnail_url": string(3000), "video_url": string(3000),
            })),
            when("rich_text", &["elements"], json!({"elements": {"type": "array"}})),
            when("file", &["external_id", "source"], json!({"external_id": string(255)})),
        ],
    })
}

/// Something to press or to fill in.
fn element() -> Value {
    let option = json!({
        "type": "object",
        "required": ["text"],
        "properties": {"text": text(75), "value": string(150), "description": text(75)},
    });
    json!({
        "type": "object",
        "required": ["type"],
        "properties": {
            "type": {"type": "string"},
            "action_id": string(255),
            "placeholder": plain(150),
            "options": {"type": "array", "minItems": 1, "maxItems": 100, "items": option},
            "option_groups": {"type": "array", "maxItems": 100},
        },
        "allOf": [
            when("button", &["text"], json!({
                "text": plain(75),
                "url": string(3000),
                "value": string(2000),
                "style": {"enum": ["primary", "danger"]},
                "accessibility_label": string(75),
            })),
            when("image", &["alt_text"], json!({"image_url": string(3000), "alt_text": string(2000)})),
        ],
    })
}

fn when(kind: &str, required: &[&str], properties: Value) -> Value {
    json!({
        "if": {"properties": {"type": {"const": kind}}},
        "then": {"required": required, "properties": properties},
    })
}

fn string(most: u32) -> Value {
    json!({"type": "string", "maxLength": most})
}

fn text(most: u32) -> Value {
    text_of(&json!({"enum": ["plain_text", "mrkdwn"]}), most)
}

fn plain(most: u32) -> Value {
    text_of(&json!({"const": "plain_text"}), most)
}

fn text_of(kind: &Value, most: u32) -> Value {
    json!({
        "type": "object",
        "required": ["type", "text"],
        "properties": {"type": kind, "text": {"type": "string", "minLength": 1, "maxLength": most}},
    })
}
