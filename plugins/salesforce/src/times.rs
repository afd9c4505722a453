//! Times as Salesforce writes them: `2026-11-01T00:00:00.000+0000`, an offset without its colon.

use patchbay_sdk::clock::{self, Timestamp};

/// The length of `2026-11-01T00:00:00`, in bytes.
const TO_SECOND: usize = 19;

/// Reads a time of Salesforce, and one with a colon in its offset; nothing for what is neither.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    clock::parse_rfc3339(&with_colon(text)?)
}

/// The same instant in RFC 3339, UTC; nothing for what is no time.
pub(crate) fn to_rfc3339(text: &str) -> Option<String> {
    // days and words are looked at too, and are not to be taken for times
    if text.len() <= TO_SECOND || text.as_bytes().get(10) != Some(&b'T') {
        return None;
    }
    parse(text).map(clock::rfc3339)
}

fn with_colon(text: &str) -> Option<String> {
    let sign = text.len().checked_sub(5)?;
    let (time, offset) = text.split_at_checked(sign)?;
    let is_bare = offset.starts_with(['+', '-']) && offset.bytes().skip(1).all(|byte| byte.is_ascii_digit());
    let (hours, minutes) = offset.split_at_checked(3)?;
    Some(if is_bare && time.contains('T') { format!("{time}{hours}:{minutes}") } else { text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_needs_no_colon() {
        let expected = clock::parse_rfc3339("2026-11-01T00:00:00.5Z");
        for text in ["2026-11-01T00:00:00.500+0000", "2026-11-01T01:00:00.500+0100", "2026-11-01T00:00:00.500Z"] {
            assert_eq!(parse(text), expected, "{text}");
        }
        assert_eq!(to_rfc3339("2026-11-01T00:00:00.000+0000").as_deref(), Some("2026-11-01T00:00:00Z"));
        for text in ["2026-11-01", "hello", "2026-11-01T00:00:00", "+0000", ""] {
            assert_eq!(to_rfc3339(text), None, "{text}");
        }
    }
}
