//! URLs that are secrets themselves, as vendors give them out for incoming webhooks.
//!
//! Who has the URL has all that there is, so no plugin may see it: it is a credential, and what the host puts into a
//! request is its path. People paste the whole URL; the host in it has to be the one that the request goes to anyway.

use crate::pattern::PathPattern;

/// The longest path, in bytes.
const MOST_BYTES: usize = 2_000;

/// A path that is a secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SecretPath<'a> {
    /// The host of the URL that it was in, if it was in one.
    pub host: Option<&'a str>,
    /// With its leading slash.
    pub path: &'a str,
}

/// Finds the path in a secret: the secret is a path, or an https URL without user, port, query and fragment. None if it is
/// neither, or if the pattern (as in [`crate::manifest::Egress::paths`]) does not match.
#[must_use]
pub fn secret_path<'a>(pattern: &str, secret: &'a str) -> Option<SecretPath<'a>> {
    let (host, path) = match secret.strip_prefix("https://") {
        Some(rest) => {
            let (host, path) = rest.split_at_checked(rest.find('/')?)?;
            let named = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'.' || byte == b'-';
            if host.is_empty() || !host.bytes().all(named) {
                return None;
            }
            (Some(host), path)
        }
        None => (None, secret),
    };
    // Plain characters only: what a URL parser would rewrite would not be the vendor's any more.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~:@!$&'()*+,;=".contains(&byte);
    let fits = path.len() <= MOST_BYTES && path.bytes().all(plain) && PathPattern::parse(pattern).ok()?.matches(path);
    fits.then_some(SecretPath { host, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_or_the_url_that_has_it() {
        let found = |secret| secret_path("/services/*/*/*", secret).map(|found| (found.host, found.path));
        let path = "/services/T0/B0/XyZ";
        assert_eq!(found(path), Some((None, path)));
        assert_eq!(found("https://hooks.example.com/services/T0/B0/XyZ"), Some((Some("hooks.example.com"), path)));
        for secret in [
            "services/T0/B0/XyZ",
            "http://hooks.example.com/services/T0/B0/XyZ",
            "https:///services/T0/B0/XyZ",
            "https://user@hooks.example.com/services/T0/B0/XyZ",
            "https://hooks.example.com:8443/services/T0/B0/XyZ",
            "https://hooks.example.com/services/T0/B0/XyZ?a=b",
            "https://hooks.example.com/services/T0/B0/XyZ#a",
            "https://hooks.example.com/services/T0/B0",
            "https://hooks.example.com/services/T0/../XyZ",
            "https://hooks.example.com/services/T0/%2e%2e/XyZ",
            "https://hooks.example.com",
            "",
        ] {
            assert_eq!(found(secret), None, "{secret}");
        }
    }
}
