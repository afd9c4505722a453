//! Days and times, in the ways in which vendors write them.

use chrono::{DateTime, Datelike as _, NaiveDate, NaiveTime, SecondsFormat, Utc};
use serde_json::Value;

use super::{Trouble, invalid};
use crate::sync::WrittenTime;

/// A number with fewer digits is no time in milliseconds that anybody means: it would be of January 1970.
const FEWEST_DIGITS: usize = 10;

/// The day of a day or a time, `2026-11-01`.
pub(super) fn day(value: &Value) -> Result<Value, Trouble> {
    let day = value.as_str().and_then(day_of).or_else(|| at(value).map(|at| at.date_naive()));
    day.filter(|day| is_written_with_four_digits(day.year()))
        .map(|day| Value::String(day.format("%Y-%m-%d").to_string()))
        .ok_or_else(|| invalid("is no day: expected 2026-11-01, or a time"))
}

/// As records hold it, `2026-11-01T00:00:00Z`.
pub(super) fn rfc3339(value: &Value) -> Result<Value, Trouble> {
    Ok(Value::String(read(value)?.to_rfc3339_opts(SecondsFormat::AutoSi, true)))
}

/// As a vendor is told it.
pub(super) fn written(value: &Value, written: WrittenTime) -> Result<Value, Trouble> {
    let at = read(value)?;
    Ok(match written {
        WrittenTime::Iso => Value::String(at.to_rfc3339_opts(SecondsFormat::Millis, true)),
        WrittenTime::Ms => Value::from(at.timestamp_millis()),
    })
}

fn read(value: &Value) -> Result<DateTime<Utc>, Trouble> {
    let at = at(value).filter(|at| is_written_with_four_digits(at.year()));
    at.ok_or_else(|| invalid("is no time: expected 2026-11-01T00:00:00Z, or milliseconds since 1970"))
}

fn at(value: &Value) -> Option<DateTime<Utc>> {
    let text = match value {
        Value::Number(number) => return DateTime::from_timestamp_millis(number.as_i64()?),
        Value::String(text) => text.trim(),
        _ => return None,
    };
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.len() >= FEWEST_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return DateTime::from_timestamp_millis(text.parse().ok()?);
    }
    let with_offset = DateTime::parse_from_rfc3339(text)
        // Salesforce writes offsets without a colon
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"));
    with_offset.map(|at| at.to_utc()).ok().or_else(|| Some(day_of(text)?.and_time(NaiveTime::MIN).and_utc()))
}

fn day_of(text: &str) -> Option<NaiveDate> {
    let text = text.trim();
    // chrono takes 2026-1-1 as well, and would give it back in another way
    (text.len() == "2026-11-01".len()).then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()).flatten()
}

/// RFC 3339 has no other years.
fn is_written_with_four_digits(year: i32) -> bool {
    (0..=9999).contains(&year)
}
