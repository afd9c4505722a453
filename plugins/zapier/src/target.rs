//! Where hooks lead: Zapier's own addresses and no others, so that a subscription cannot send an organization's events, or
//! the hub itself, anywhere else.

/// The host of all of them.
const PREFIX: &str = "https://hooks.zapier.com/hooks/";

/// What a target is, for messages.
pub(crate) const EXPECTED: &str =
    "a URL of Zapier, as in https://hooks.zapier.com/hooks/standard/… or https://hooks.zapier.com/hooks/catch/…";

/// The account in a URL of Zapier's; none if it is no such URL.
pub(crate) fn account(url: &str) -> Option<&str> {
    let rest = url.strip_prefix(PREFIX).filter(|_| url.len() <= 500)?;
    let mut segments = rest.strip_suffix('/').unwrap_or(rest).split('/');
    if !matches!(segments.next(), Some("standard" | "catch")) {
        return None;
    }
    let named = |segment: &str| {
        !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
    };
    let account = segments.next().filter(|account| named(account))?;
    // the hook, and for some a word that says how to answer
    let mut tokens = 0;
    for segment in segments {
        if !named(segment) {
            return None;
        }
        tokens += 1;
    }
    (1..=3).contains(&tokens).then_some(account)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_zapiers_hooks_are_targets() {
        for (url, expected) in [
            ("https://hooks.zapier.com/hooks/standard/123456/abcdef/", Some("123456")),
            ("https://hooks.zapier.com/hooks/catch/123456/o1b2c3", Some("123456")),
            ("https://hooks.zapier.com/hooks/catch/123456/o1b2c3/silent/", Some("123456")),
            ("http://hooks.zapier.com/hooks/standard/1/a/", None),
            ("https://hooks.zapier.com.evil.example/hooks/standard/1/a/", None),
            ("https://hooks.zapier.com@evil.example/hooks/standard/1/a/", None),
            ("https://hooks.zapier.com:8443/hooks/standard/1/a/", None),
            ("https://hooks.zapier.com/hooks/standard/1/", None),
            ("https://hooks.zapier.com/hooks/standard/../../admin/", None),
            ("https://hooks.zapier.com/hooks/standard/1/a%2f..%2fb/", None),
            ("https://hooks.zapier.com/hooks/standard/1/a/?x=1", None),
            ("https://hooks.zapier.com/hooks/standard/1/a//", None),
            ("https://example.com/hooks/standard/1/a/", None),
            ("", None),
        ] {
            assert_eq!(account(url), expected, "{url}");
        }
    }
}
