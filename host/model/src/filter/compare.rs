//! How values compare: numbers by their size, times by when they are, text by its characters.
//!
//! A value of another kind than the constant is neither more nor less, and not equal: nothing is converted.

use std::cmp::Ordering;

use serde_json::{Number, Value};

use crate::Timestamp;

/// A constant that values are more or less than.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Bound {
    Number(Number),
    /// Of a text in RFC 3339: it is compared with times alone.
    Time(Timestamp),
    Text(String),
}

impl Bound {
    /// None for what has no order.
    pub(super) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) => Some(Self::Number(number.clone())),
            Value::String(text) => Some(time(text).map_or_else(|| Self::Text(text.clone()), Self::Time)),
            _ => None,
        }
    }

    /// True if both are of one kind, so that a value can be between them.
    pub(super) const fn is_like(&self, other: &Self) -> bool {
        matches!(
            (self, other),
            (Self::Number(_), Self::Number(_)) | (Self::Time(_), Self::Time(_)) | (Self::Text(_), Self::Text(_))
        )
    }

    /// The value's order to the bound; none if it is of another kind.
    pub(super) fn compare(&self, value: &Value) -> Option<Ordering> {
        match (self, value) {
            (Self::Number(bound), Value::Number(number)) => numbers(number, bound),
            (Self::Time(bound), Value::String(text)) => time(text).map(|time| time.cmp(bound)),
            (Self::Text(bound), Value::String(text)) => Some(text.as_str().cmp(bound)),
            _ => None,
        }
    }
}

/// Numbers by their size whatever their spelling, all else as it is.
pub(super) fn equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => numbers(one, other) == Some(Ordering::Equal),
        _ => one == other,
    }
}

/// Integers to the last digit; as soon as one has a fraction or an exponent, as far as 64 bits of binary fraction go.
fn numbers(one: &Number, other: &Number) -> Option<Ordering> {
    match (one.as_i128(), other.as_i128()) {
        (Some(one), Some(other)) => Some(one.cmp(&other)),
        _ => one.as_f64()?.partial_cmp(&other.as_f64()?),
    }
}

fn time(text: &str) -> Option<Timestamp> {
    // The shortest has 20 characters; so most texts are not even looked at.
    let may_be = text.len() >= 20 && text.as_bytes().first().is_some_and(u8::is_ascii_digit);
    may_be.then(|| chrono::DateTime::parse_from_rfc3339(text).ok()).flatten().map(|time| time.to_utc())
}
