//! Texts within the bounds of the standard objects.

use serde_json::{Value, json};

/// The id of a standard object: its maker and the vendor's id, at most 256 bytes.
pub(crate) fn object_id(source: &str, id: &str) -> String {
    let mut id = format!("{source}:{id}");
    clip(&mut id, 256);
    id
}

/// The member `external_ids`, the vendor's id cut off at 255 bytes; `None` without an id.
pub(crate) fn external_ids(source: &str, id: &str) -> Option<Value> {
    let mut id = id.to_owned();
    clip(&mut id, 255);
    (!id.is_empty()).then(|| json!({source: id}))
}

/// Cuts a text off at so many bytes, between characters.
pub(crate) fn clip(text: &mut String, most: usize) {
    text.truncate(text.floor_char_boundary(most));
}
