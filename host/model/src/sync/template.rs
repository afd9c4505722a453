//! Texts with values in them: `{first_name} {last_name}`.
//!
//! Only names between braces, so that a mapping costs what it is long and says what it reads. Rejected: the template
//! language that messages are written in, whose loops and filters need a bound on their work, and whose names are not known
//! before it runs.

use std::collections::BTreeSet;

use serde_json::Value;

use super::values;

/// The most places for values.
const MOST_PLACES: usize = 50;
/// The longest text that one becomes, in bytes: each of its places may have a long value.
const MOST_FILLED_BYTES: usize = 64 << 10;

#[derive(Debug, PartialEq)]
enum Piece<'t> {
    Text(&'t str),
    /// The name of a field; empty for the field's own value.
    Place(&'t str),
}

/// Why a text is no template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a text with at most {most} names between `{{` and `}}`; a brace itself is written twice", most = MOST_PLACES)]
pub(super) struct Invalid;

/// Why a template comes to no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfilled {
    #[error(transparent)]
    Invalid(#[from] Invalid),
    #[error("becomes a text of more than {most} bytes", most = MOST_FILLED_BYTES)]
    TooLong,
}

fn pieces(text: &str) -> Result<Vec<Piece<'_>>, Invalid> {
    let (mut pieces, mut rest, mut places) = (Vec::new(), text, 0);
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        pieces.push(Piece::Text(before));
        if let Some(after) = from.strip_prefix("{{") {
            pieces.push(Piece::Text("{"));
            rest = after;
        } else if let Some(after) = from.strip_prefix("}}") {
            pieces.push(Piece::Text("}"));
            rest = after;
        } else {
            let (name, after) = from.strip_prefix('{').and_then(|from| from.split_once('}')).ok_or(Invalid)?;
            let is_name = !name.contains('{') && name.trim() == name;
            places += 1;
            if !is_name || places > MOST_PLACES {
                return Err(Invalid);
            }
            pieces.push(Piece::Place(name));
            rest = after;
        }
    }
    pieces.push(Piece::Text(rest));
    Ok(pieces)
}

/// The fields that it names; an empty name is the field's own value.
pub(super) fn names(text: &str) -> Result<BTreeSet<&str>, Invalid> {
    let named = pieces(text)?.into_iter().filter_map(|piece| match piece {
        Piece::Place(name) => Some(name),
        Piece::Text(_) => None,
    });
    Ok(named.collect())
}

/// The text with its values, without white space around it; `None` if it has places and none of them has a value.
pub(super) fn filled<'v>(
    text: &str,
    own: Option<&'v Value>,
    value: impl Fn(&str) -> Option<&'v Value>,
) -> Result<Option<String>, Unfilled> {
    let (mut filled, mut places, mut values) = (String::new(), 0, 0);
    for piece in pieces(text)? {
        match piece {
            Piece::Text(text) => filled.push_str(text),
            Piece::Place(name) => {
                places += 1;
                let found = if name.is_empty() { own } else { value(name) };
                if let Some(written) = found.map(written).filter(|written| !written.is_empty()) {
                    values += 1;
                    filled.push_str(&written);
                }
            }
        }
        if filled.len() > MOST_FILLED_BYTES {
            return Err(Unfilled::TooLong);
        }
    }
    let filled = filled.trim();
    Ok((places == 0 || values > 0).then(|| filled.to_owned()).filter(|filled| !filled.is_empty()))
}

/// A value in a text: a list with commas, nothing of an object.
fn written(value: &Value) -> String {
    match value {
        Value::Array(items) => items.iter().filter_map(values::text).collect::<Vec<_>>().join(", "),
        value => values::text(value).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fill(text: &str, values: &Value) -> Option<String> {
        filled(text, values.get("own"), |name| values.get(name)).unwrap()
    }

    #[test]
    fn names_between_braces_become_their_values() {
        let values =
            json!({"own": 61, "first": "Ada", "last": "Lovelace", "tags": ["a", "b"], "none": null, "deep": {}});
        for (text, expected) in [
            ("{first} {last}", Some("Ada Lovelace")),
            ("{first} {none}", Some("Ada")),
            ("Call of {} s", Some("Call of 61 s")),
            ("{{{first}}}", Some("{Ada}")),
            ("{tags}", Some("a, b")),
            ("Call: {none}{deep}{missing}", None),
            ("always", Some("always")),
            ("", None),
        ] {
            assert_eq!(fill(text, &values).as_deref(), expected, "{text}");
        }
        assert_eq!(names("{} {a.b} {a.b} {{c}}"), Ok(BTreeSet::from(["", "a.b"])));
    }

    #[test]
    fn what_becomes_too_long_is_refused() {
        let long = json!({"a": "x".repeat(MOST_FILLED_BYTES / 4)});
        let filled = |text: &str| filled(text, None, |name| long.get(name));
        assert!(filled("{a}{a}{a}{a}").is_ok());
        assert_eq!(filled("{a}{a}{a}{a}."), Err(Unfilled::TooLong));
    }

    #[test]
    fn a_brace_alone_is_refused() {
        let many = "{a}".repeat(MOST_PLACES + 1);
        for text in ["{", "}", "{a", "a}", "{a{b}", "{ a}", "{a}}", many.as_str()] {
            assert_eq!(names(text), Err(Invalid), "{text}");
        }
    }
}
