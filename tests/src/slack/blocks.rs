//! Block Kit's limits, as Slack enforces them.

use serde_json::Value;

/// What is wrong with a message's blocks, in Slack's manner.
pub(super) fn wrong(blocks: &Value, most: usize) -> Option<String> {
    let Some(blocks) = blocks.as_array() else { return Some("[ERROR] must be an array".to_owned()) };
    if blocks.len() > most {
        return Some(format!("[ERROR] no more than {most} items allowed [json-pointer:/blocks]"));
    }
    blocks.iter().enumerate().find_map(|(index, block)| {
        block_is_wrong(block).map(|(place, rule)| format!("[ERROR] {rule} [json-pointer:/blocks/{index}{place}]"))
    })
}

fn block_is_wrong(block: &Value) -> Option<(&'static str, String)> {
    let too_long = |pointer: &'static str, most: usize| {
        let length = block.pointer(pointer)?.as_str()?.chars().count();
        (length > most).then(|| (pointer, format!("must be less than {} characters", most + 1)))
    };
    let too_many = |pointer: &'static str, most: usize| {
        let length = block.pointer(pointer)?.as_array()?.len();
        (length > most).then(|| (pointer, format!("no more than {most} items allowed")))
    };
    let missing =
        |pointer: &'static str| block.pointer(pointer).is_none().then(|| (pointer, "missing field".to_owned()));
    let is = |pointer: &'static str, wanted: &str| {
        (block.pointer(pointer)?.as_str()? != wanted).then(|| (pointer, format!("must be {wanted}")))
    };
    too_long("/block_id", 255).or_else(|| match block["type"].as_str() {
        Some("header") => {
            missing("/text/text").or_else(|| is("/text/type", "plain_text")).or_else(|| too_long("/text/text", 150))
        }
        Some("section") => too_long("/text/text", 3_000).or_else(|| too_many("/fields", 10)),
        Some("context") => missing("/elements").or_else(|| too_many("/elements", 10)),
        Some("actions") => missing("/elements").or_else(|| too_many("/elements", 25)),
        Some("image") => missing("/alt_text").or_else(|| too_long("/image_url", 3_000)),
        Some("markdown") => missing("/text").or_else(|| too_long("/text", 12_000)),
        Some("divider" | "input" | "rich_text" | "video" | "file") => None,
        Some(other) => Some(("/type", format!("unsupported type: {other}"))),
        None => Some(("/type", "missing field: type".to_owned())),
    })
}
