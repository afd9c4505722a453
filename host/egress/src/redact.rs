//! Finds a connection's secrets in what comes back, and takes them out.

use std::{borrow::Cow, fmt, sync::Arc};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use memchr::memmem::Finder;

use crate::{
    filter::Filter,
    forms::{SHORTEST, forms},
};

/// What stands in a text where a secret stood.
const MARK: &str = "[redacted]";

/// Knows a connection's secrets in every form of [`crate::forms`]. Made once per connection, not per call.
///
/// Secrets shorter than 6 bytes are not looked for: they occur by chance in ordinary data.
#[derive(Default)]
pub struct Redactor {
    patterns: Vec<Finder<'static>>,
    /// Answers the common question, is there anything at all, for all patterns in one pass.
    detector: Option<AhoCorasick>,
    /// Bytes with which some pattern begins.
    starts: Option<Box<[bool; 256]>>,
    longest: usize,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({} patterns)", self.patterns.len())
    }
}

/// The shortest last segment of a secret URL's path that is looked for by itself, in bytes: shorter ones are words.
const SHORTEST_SEGMENT: usize = 16;

/// A secret, and if it is a URL its path and the last segment of that: vendors repeat either without the rest.
fn parts(secret: &str) -> impl Iterator<Item = &str> {
    let path = secret.strip_prefix("https://").and_then(|rest| rest.split_once('/')).map(|(_, path)| path);
    let path = path.map(|path| path.trim_matches('/'));
    let last = path.and_then(|path| path.rsplit('/').next()).filter(|last| last.len() >= SHORTEST_SEGMENT);
    [Some(secret), path.filter(|path| path.len() >= SHORTEST_SEGMENT), last].into_iter().flatten()
}

impl Redactor {
    /// A redactor for these secrets.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut all: Vec<Vec<u8>> =
            secrets.into_iter().flat_map(parts).filter(|secret| secret.len() >= SHORTEST).flat_map(forms).collect();
        all.sort_unstable();
        all.dedup();
        if all.is_empty() {
            return Self::default();
        }
        let mut starts = Box::new([false; 256]);
        for first in all.iter().filter_map(|pattern| pattern.first()) {
            if let Some(start) = starts.get_mut(usize::from(*first)) {
                *start = true;
            }
        }
        Self {
            longest: all.iter().map(Vec::len).max().unwrap_or(0),
            // The default kind, a full DFA, takes megabytes for a private key. Should the automaton ever
            // not build, `matches` falls back to the finders.
            detector: AhoCorasick::builder()
                .kind(Some(AhoCorasickKind::ContiguousNFA))
                .match_kind(MatchKind::LeftmostFirst)
                .build(&all)
                .ok(),
            starts: Some(starts),
            patterns: all.iter().map(|pattern| Finder::new(pattern).into_owned()).collect(),
        }
    }

    /// True if there is nothing to look for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// The text with each secret replaced by `[redacted]`; borrowed if there is none.
    #[must_use]
    pub fn redact_str<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if !self.matches(text.as_bytes()) {
            return Cow::Borrowed(text);
        }
        let mut clean = Vec::with_capacity(text.len());
        let mut done = 0;
        for (start, end) in self.ranges(text.as_bytes()) {
            clean.extend_from_slice(text.as_bytes().get(done..start).unwrap_or_default());
            clean.extend_from_slice(MARK.as_bytes());
            done = end;
        }
        clean.extend_from_slice(text.as_bytes().get(done..).unwrap_or_default());
        Cow::Owned(
            String::from_utf8(clean).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
        )
    }

    /// A filter for one stream of bytes.
    #[must_use]
    pub fn filter(self: &Arc<Self>) -> Filter {
        Filter::new(self.clone())
    }

    /// True if some secret is in these bytes.
    pub(crate) fn matches(&self, bytes: &[u8]) -> bool {
        match &self.detector {
            Some(detector) => detector.is_match(bytes),
            None => self.patterns.iter().any(|pattern| pattern.find(bytes).is_some()),
        }
    }

    /// True if some secret is in this name of a header, where letters lose their case on the way.
    pub(crate) fn is_in_name(&self, name: &str) -> bool {
        self.patterns.iter().map(Finder::needle).any(|secret| {
            name.len() >= secret.len()
                && name.as_bytes().windows(secret.len()).any(|part| part.eq_ignore_ascii_case(secret))
        })
    }

    /// Where the secrets are: in order, joined where they touch or overlap, so that of two interleaved
    /// secrets no rest is left.
    pub(crate) fn ranges(&self, bytes: &[u8]) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        for pattern in &self.patterns {
            let mut from = 0;
            while let Some(at) = bytes.get(from..).and_then(|rest| pattern.find(rest)) {
                found.push((from + at, from + at + pattern.needle().len()));
                from += at + 1;
            }
        }
        found.sort_unstable();
        let mut joined: Vec<(usize, usize)> = Vec::new();
        for (start, end) in found {
            match joined.last_mut() {
                Some(last) if start <= last.1 => last.1 = last.1.max(end),
                _ => joined.push((start, end)),
            }
        }
        joined
    }

    /// Where the longest end of `bytes` starts that a secret may begin with; their length if there is none.
    pub(crate) fn open_end(&self, bytes: &[u8]) -> usize {
        let Some(starts) = &self.starts else { return bytes.len() };
        let window = bytes.len().saturating_sub(self.longest.saturating_sub(1));
        for (offset, byte) in bytes.iter().enumerate().skip(window) {
            if !starts.get(usize::from(*byte)).copied().unwrap_or(false) {
                continue;
            }
            let tail = bytes.get(offset..).unwrap_or_default();
            let begins =
                |pattern: &Finder<'_>| pattern.needle().len() > tail.len() && pattern.needle().starts_with(tail);
            if self.patterns.iter().any(begins) {
                return offset;
            }
        }
        bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_without_a_secret_is_not_copied() {
        let redact = Redactor::new(["sk-secret-1234"]);
        assert!(matches!(redact.redact_str("nothing here, sk-secret-123"), Cow::Borrowed(_)));
        assert!(matches!(Redactor::default().redact_str("anything"), Cow::Borrowed(_)));
        assert!(Redactor::new(["", "abc"]).is_empty());
    }

    #[test]
    fn every_copy_in_a_text_goes() {
        let redact = Redactor::new(["sk-secret-1234", "other-key"]);
        assert_eq!(
            redact.redact_str("a sk-secret-1234, b other-key; c sk-secret-1234"),
            "a [redacted], b [redacted]; c [redacted]"
        );
    }

    #[test]
    fn a_secret_url_goes_also_where_only_its_path_is_repeated() {
        let redact = Redactor::new(["https://hooks.example.com/services/T0TEST/XyZ0123456789abcdef"]);
        for text in [
            "https://hooks.example.com/services/T0TEST/XyZ0123456789abcdef",
            "no /services/T0TEST/XyZ0123456789abcdef here",
            "unknown hook XyZ0123456789abcdef",
        ] {
            let clean = redact.redact_str(text);
            assert!(clean.contains("[redacted]") && !clean.contains("XyZ0123456789abcdef"), "{clean}");
        }
        assert_eq!(redact.redact_str("hooks.example.com"), "hooks.example.com");
    }

    #[test]
    fn interleaved_secrets_leave_no_rest() {
        let redact = Redactor::new(["abcdefgh", "efghijkl"]);
        assert_eq!(redact.redact_str("<abcdefghijkl>"), "<[redacted]>");
        let redact = Redactor::new(["abcdef", "abcdefgh"]);
        assert_eq!(redact.redact_str("<abcdefgh>"), "<[redacted]>");
    }

    #[test]
    fn debug_output_shows_no_secret() {
        assert!(!format!("{:?}", Redactor::new(["sk-secret-1234"])).contains("sk-secret"));
    }
}
