//! Patterns of URL paths, shared by what a plugin may reach and what it proxies, so that both read one
//! grammar: `/v1/models`, `*` for one segment, `**` at the end for any rest.
//!
//! A path that two programs may read differently matches nothing: empty and dot segments, encoded
//! slashes, backslashes and control characters, plain or percent-encoded, once or twice. So `/v1/**`
//! never lets `/v1/%2e%2e/admin` through, whatever the server behind it makes of that. Regular
//! expressions were rejected: one unescaped dot or missing anchor and the list allows more than it shows.

use std::{borrow::Cow, fmt, str::FromStr};

/// The longest pattern, in bytes.
const MAX_PATTERN: usize = 1024;

/// A text that is not a path pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {pattern:?}")]
pub struct InvalidPattern {
    /// What was given.
    pub pattern: String,
    /// Which rule it breaks.
    pub reason: &'static str,
}

/// A parsed pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern {
    text: String,
    segments: Vec<Segment>,
    any_rest: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    /// These bytes, compared after percent-decoding.
    Literal(Vec<u8>),
    /// One segment that is not empty.
    Any,
}

impl PathPattern {
    /// Parses a pattern.
    ///
    /// # Errors
    /// If it does not start with `/`, has an empty, dot or undecodable segment, a `*` inside a segment,
    /// a `**` before the end, a query or a fragment, or more than 1,024 bytes.
    pub fn parse(text: &str) -> Result<Self, InvalidPattern> {
        let refuse = |reason| InvalidPattern { pattern: text.chars().take(200).collect(), reason };
        if text.len() > MAX_PATTERN {
            return Err(refuse("a path pattern has at most 1024 bytes"));
        }
        let rest = text.strip_prefix('/').ok_or_else(|| refuse("a path pattern starts with /"))?;
        let mut segments = Vec::new();
        let mut any_rest = false;
        let mut parts = rest.split('/').peekable();
        while let Some(part) = parts.next() {
            let last = parts.peek().is_none();
            match part {
                "**" if last => any_rest = true,
                "**" => return Err(refuse("** stands only at the end of a path pattern")),
                "*" => segments.push(Segment::Any),
                _ if part.contains('*') => return Err(refuse("* stands for a whole segment of a path pattern")),
                _ => {
                    let bytes = clean(part, last).ok_or_else(|| {
                        refuse("a path pattern has no empty or dot segments, encoded slashes, backslashes, queries or control characters")
                    })?;
                    segments.push(Segment::Literal(bytes.into_owned()));
                }
            }
        }
        Ok(Self { text: text.to_owned(), segments, any_rest })
    }

    /// True if the path (without query) is one that every server reads alike and that fits the pattern.
    /// `**` also stands for nothing: `/v1/**` matches `/v1`.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let Some(rest) = path.strip_prefix('/') else { return false };
        let mut wanted = self.segments.iter();
        let mut parts = rest.split('/').peekable();
        while let Some(part) = parts.next() {
            let Some(bytes) = clean(part, parts.peek().is_none()) else { return false };
            match wanted.next() {
                Some(Segment::Literal(literal)) if *literal == *bytes => {}
                Some(Segment::Any) if !bytes.is_empty() => {}
                None if self.any_rest => {}
                _ => return false,
            }
        }
        wanted.next().is_none()
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for PathPattern {
    type Err = InvalidPattern;
    fn from_str(text: &str) -> Result<Self, InvalidPattern> {
        Self::parse(text)
    }
}

/// The segment percent-decoded, if all servers read it alike. Only the last one may be empty.
fn clean(segment: &str, last: bool) -> Option<Cow<'_, [u8]>> {
    if segment.is_empty() {
        return last.then_some(Cow::Borrowed(&[]));
    }
    if segment.contains(['?', '#']) {
        return None;
    }
    let once = decode(segment.as_bytes(), Malformed::Refused)?;
    // Servers behind a proxy of their own decode twice, so what a second pass would make counts as well.
    let twice = if once.contains(&b'%') { decode(&once, Malformed::Kept) } else { None };
    let readable = |bytes: &[u8]| {
        let stem = bytes.split(|byte| *byte == b';').next().unwrap_or_default();
        stem != b"." && stem != b".." && !bytes.iter().any(|byte| matches!(byte, b'/' | b'\\' | 0..0x20 | 0x7f))
    };
    (readable(&once) && twice.as_deref().is_none_or(readable)).then_some(once)
}

/// What becomes of a `%` that is not followed by two hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Malformed {
    Refused,
    Kept,
}

/// Percent-decodes; none if malformed and that is refused.
fn decode(bytes: &[u8], malformed: Malformed) -> Option<Cow<'_, [u8]>> {
    if !bytes.contains(&b'%') {
        return Some(Cow::Borrowed(bytes));
    }
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        match (first, hexadecimal_pair(after)) {
            (b'%', Some((byte, beyond))) => {
                decoded.push(byte);
                rest = beyond;
            }
            (b'%', None) if malformed == Malformed::Refused => return None,
            _ => {
                decoded.push(*first);
                rest = after;
            }
        }
    }
    Some(Cow::Owned(decoded))
}

/// The byte that the first two characters spell, and what follows them.
fn hexadecimal_pair(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let (pair, rest) = bytes.split_at_checked(2)?;
    let digit = |index: usize| pair.get(index).and_then(|byte| char::from(*byte).to_digit(16));
    Some((u8::try_from(digit(0)? * 16 + digit(1)?).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> PathPattern {
        PathPattern::parse(text).unwrap()
    }

    #[test]
    fn a_literal_matches_itself_alone() {
        let models = pattern("/v1/models");
        assert!(models.matches("/v1/models"));
        for other in ["/v1/models/", "/v1", "/v1/models/x", "/V1/models", "v1/models", "/v1/models?x", "", "/"] {
            assert!(!models.matches(other), "{other}");
        }
        assert!(pattern("/").matches("/"));
        assert!(pattern("/v1/").matches("/v1/"));
        assert!(!pattern("/v1/").matches("/v1"));
    }

    #[test]
    fn one_star_stands_for_one_segment() {
        let model = pattern("/v1/models/*/files");
        assert!(model.matches("/v1/models/gpt-5/files"));
        assert!(model.matches("/v1/models/a%20b/files"));
        assert!(!model.matches("/v1/models/files"));
        assert!(!model.matches("/v1/models/a/b/files"));
        assert!(!pattern("/v1/*").matches("/v1/"));
    }

    #[test]
    fn two_stars_stand_for_any_rest() {
        let all = pattern("/v1/**");
        for path in ["/v1", "/v1/", "/v1/a", "/v1/a/b/c", "/v1/a/"] {
            assert!(all.matches(path), "{path}");
        }
        assert!(!all.matches("/v2/a"));
        assert!(pattern("/**").matches("/anything/at/all"));
    }

    #[test]
    fn both_sides_are_compared_decoded() {
        assert!(pattern("/v1/caf\u{e9}").matches("/v1/caf%C3%A9"));
        assert!(pattern("/v1/a%20b").matches("/v1/a%20b"));
        assert!(pattern("/v1/models").matches("/v1/%6dodels"));
    }

    #[test]
    fn a_path_that_can_be_read_in_two_ways_matches_nothing() {
        for path in [
            "//v1/a",
            "/v1//a",
            "/v1/../a",
            "/v1/./a",
            "/v1/..",
            "/v1/.",
            "/v1/%2e%2e/a",
            "/v1/%2E%2e/a",
            "/v1/.%2e/a",
            "/v1/%2e/a",
            "/v1/a%2fb",
            "/v1/a%2Fb",
            "/v1/a%5cb",
            "/v1/a\\b",
            "/v1/..\\a",
            "/v1/a%00",
            "/v1/a\0",
            "/v1/a%0d%0aX",
            "/v1/a\nb",
            "/v1/%7f",
            "/v1/%",
            "/v1/%2",
            "/v1/%zz",
            "/v1/%252e%252e/a",
            "/v1/%252fa",
            "/v1/a%255cb",
            "/v1/%2500",
            "/v1/a%252f%25",
            "/v1/..;/a",
            "/v1/..;x=1/a",
            "/v1/%2e%2e;/a",
            "/v1/a#b",
            "/v1/a?b",
        ] {
            assert!(!pattern("/**").matches(path), "{path}");
        }
    }

    #[test]
    fn ordinary_odd_characters_are_fine() {
        for path in ["/v1/a.b", "/v1/...", "/v1/.well-known", "/v1/a;v=2", "/v1/100%25", "/v1/a:b@c", "/v1/a%3Fb"] {
            assert!(pattern("/v1/**").matches(path), "{path}");
        }
    }

    #[test]
    fn a_bad_pattern_is_refused_with_its_reason() {
        for text in [
            "",
            "v1",
            "/v1/**/x",
            "/v1/gpt-*",
            "/v1/***",
            "/v1//x",
            "/v1/../x",
            "/v1/%2e%2e",
            "/v1/a%2fb",
            "/v1?x=1",
            "/v1#x",
            "/v1\\x",
            "/v1/%zz",
        ] {
            assert!(PathPattern::parse(text).is_err(), "{text}");
        }
        assert!(PathPattern::parse(&format!("/{}", "a".repeat(1024))).is_err());
        let text = PathPattern::parse("/v1/**/x").unwrap_err().to_string();
        assert_eq!(text, "** stands only at the end of a path pattern: \"/v1/**/x\"");
    }
}
