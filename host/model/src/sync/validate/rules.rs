//! What holds for each transform by itself.

use patchbay_telephony::phone::{self, Invalid};
use serde_json::Value;

use crate::{
    Violation,
    sync::{
        Direction, FieldMap, MOST_LOOKUP_ENTRIES, MOST_NAME_BYTES, MOST_TEXT_BYTES, MOST_TRANSFORMS, Transform,
        template, values,
    },
};

/// The longest text between the items of a list, in bytes.
const MOST_SEPARATOR_BYTES: usize = 10;

/// What is wrong with the transforms of a field.
pub(super) fn transforms(at: &str, map: &FieldMap) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut refuse = |pointer: String, expected: String| violations.push(Violation { pointer, expected });
    if map.transforms.len() > MOST_TRANSFORMS {
        refuse(format!("{at}/transforms"), format!("at most {MOST_TRANSFORMS} transforms"));
    }
    let mut templates = 0;
    for (index, transform) in map.transforms.iter().enumerate().take(MOST_TRANSFORMS) {
        let at = format!("{at}/transforms/{index}");
        if let Some((within, expected)) = wrong(transform) {
            refuse(format!("{at}{within}"), expected);
        }
        if !transform.is_two_way() {
            templates += 1;
            if map.direction == Direction::Both {
                let kind = transform.as_str();
                refuse(
                    at.clone(),
                    format!("what can be undone, or the direction `in` or `out`: `{kind}` goes one way"),
                );
            }
            if templates > 1 {
                refuse(at, "one template at most".to_owned());
            }
        }
    }
    violations
}

/// The place within a transform, and what would be right there.
fn wrong(transform: &Transform) -> Option<(&'static str, String)> {
    match transform {
        Transform::E164 { region: Some(region) } if !is_region(region) => {
            Some(("/region", "two capitals of ISO 3166-1, as US".to_owned()))
        }
        Transform::Money { currency } if !is_currency(currency) => {
            Some(("/currency", "three capitals of ISO 4217, as USD".to_owned()))
        }
        Transform::Lookup { table, .. } if !(1..=MOST_LOOKUP_ENTRIES).contains(&table.len()) => {
            Some(("/table", format!("1 to {MOST_LOOKUP_ENTRIES} entries")))
        }
        Transform::Lookup { table, .. } if table.iter().any(|(word, value)| is_too_long(word) || !is_word(value)) => {
            Some((
                "/table",
                format!("words of at most {MOST_NAME_BYTES} bytes, and texts, numbers, true, false or null"),
            ))
        }
        Transform::Lookup { otherwise: Some(value), .. } if !is_word(value) => {
            Some(("/otherwise", "a text, a number, true, false or null".to_owned()))
        }
        Transform::Default { value } if values::found(Some(value)).is_none() || !is_short(value) => {
            Some(("/value", format!("a value that is not empty, of at most {MOST_TEXT_BYTES} bytes")))
        }
        Transform::Template { text } if text.len() > MOST_TEXT_BYTES => {
            Some(("/text", format!("at most {MOST_TEXT_BYTES} bytes")))
        }
        Transform::Template { text } => template::names(text).err().map(|error| ("/text", error.to_string())),
        Transform::Split { separator } | Transform::Join { separator }
            if !(1..=MOST_SEPARATOR_BYTES).contains(&separator.len()) =>
        {
            Some(("/separator", format!("a text of 1 to {MOST_SEPARATOR_BYTES} bytes, as ;")))
        }
        _ => None,
    }
}

fn is_region(region: &str) -> bool {
    let two = region.len() == 2 && region.bytes().all(|byte| byte.is_ascii_uppercase());
    two && phone::Number::parse("1", Some(region)) != Err(Invalid::UnknownRegion)
}

fn is_currency(currency: &str) -> bool {
    currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_uppercase())
}

fn is_too_long(word: &str) -> bool {
    word.len() > MOST_NAME_BYTES
}

fn is_word(value: &Value) -> bool {
    !matches!(value, Value::Array(_) | Value::Object(_)) && is_short(value)
}

fn is_short(value: &Value) -> bool {
    value.to_string().len() <= MOST_TEXT_BYTES
}
