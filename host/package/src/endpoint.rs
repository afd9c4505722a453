//! URLs of endpoints that the host itself calls, shared by the check of a manifest and by what calls them.
//!
//! They are held to what an egress rule can name, because that is what lets them through: https, a full host name, no
//! port, and a path that every server reads alike. One setting of the org may stand at the beginning of the host, for
//! vendors that give each customer a host of its own; the rest of the host is fixed, so that the setting can choose
//! among the vendor's hosts and no others. A setting anywhere else, or in place of a whole host, was rejected.

use serde_json::Value;
use url::Url;

use crate::{pattern::PathPattern, validate::text};

/// The longest URL, in bytes.
const MAX_URL: usize = 2_000;
/// The longest value of a setting in a host, in bytes.
const MAX_SETTING: usize = 200;
const SCHEME: &str = "https://";

/// A text that is not such a URL, or a setting that does not make one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidEndpoint(String);

/// The URL of an endpoint, perhaps with a setting to be filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint(Form);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    Whole(Url),
    /// The setting's name, and what follows it from the dot on.
    Begins(String, String),
}

impl Endpoint {
    /// Reads a URL of a manifest.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, InvalidEndpoint> {
        let refuse = |reason: &str| InvalidEndpoint(reason.to_owned());
        let rest = text.strip_prefix(SCHEME).ok_or_else(|| refuse("a URL that starts with https://"))?;
        let Some(rest) = rest.strip_prefix('{') else { return check(text).map(Form::Whole).map(Self) };
        let (name, rest) = rest
            .split_once('}')
            .filter(|(name, rest)| text::is_name(name, b"_-") && rest.starts_with('.'))
            .ok_or_else(|| {
                refuse("a setting's name in braces, then a dot, as in https://{domain}.example.com/token")
            })?;
        let fixed = check(&format!("{SCHEME}{}", rest.strip_prefix('.').unwrap_or(rest)));
        fixed.map_err(|InvalidEndpoint(reason)| InvalidEndpoint(format!("after the setting {reason}")))?;
        Ok(Self(Form::Begins(name.to_owned(), rest.to_owned())))
    }

    /// The setting that the host begins with, if any.
    #[must_use]
    pub fn setting(&self) -> Option<&str> {
        match &self.0 {
            Form::Whole(_) => None,
            Form::Begins(name, _) => Some(name),
        }
    }

    /// The host, with `*` in the place of a setting, as an egress list would name it.
    #[must_use]
    pub fn host(&self) -> String {
        match &self.0 {
            Form::Whole(url) => url.host_str().unwrap_or_default().to_owned(),
            Form::Begins(_, rest) => format!("*{}", rest.split(['/', '?']).next().unwrap_or_default()),
        }
    }

    /// The URL for an org with these settings.
    ///
    /// # Errors
    /// If its setting is missing or is not a name of lower-case labels.
    pub fn resolve(&self, settings: &Value) -> Result<Url, InvalidEndpoint> {
        let (name, rest) = match &self.0 {
            Form::Whole(url) => return Ok(url.clone()),
            Form::Begins(name, rest) => (name, rest),
        };
        let value = settings.get(name).and_then(Value::as_str).unwrap_or_default();
        let labels = value.len() <= MAX_SETTING && value.split('.').all(text::is_label);
        if !labels {
            return Err(InvalidEndpoint(format!(
                "the setting `{name}` must be what stands before `{}` in the vendor's URL: a-z, 0-9, - and dots",
                rest.split(['/', '?']).next().unwrap_or_default(),
            )));
        }
        check(&format!("{SCHEME}{value}{rest}"))
    }
}

/// A URL that an egress rule can name: https, a full host name, a plain path.
pub(crate) fn check(text: &str) -> Result<Url, InvalidEndpoint> {
    let refuse = |reason: &str| Err(InvalidEndpoint(reason.to_owned()));
    if text.len() > MAX_URL {
        return refuse("a URL of at most 2000 bytes");
    }
    let Ok(url) = Url::parse(text) else { return refuse("a URL") };
    let authority = text.strip_prefix(SCHEME).and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
    if !text::is_host(authority) || authority.starts_with('*') || url.host_str() != Some(authority) {
        return refuse("a full host name in lower case, as in auth.example.com; no address, port, user or wildcard");
    }
    let path = url.path();
    // What the parser had to put right, another program may read otherwise.
    let plain = url.as_str().strip_prefix(text).is_some_and(|rest| matches!(rest, "" | "/"));
    if text.contains(['{', '}']) {
        return refuse("a setting in braces only at the beginning of the host");
    }
    if !plain || path.contains('*') || !PathPattern::parse(path).is_ok_and(|pattern| pattern.matches(path)) {
        return refuse("a path without `*`, empty and dot segments, encoded slashes and backslashes");
    }
    if url.fragment().is_some() {
        return refuse("a URL without a fragment");
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_whole_url_is_itself() {
        let endpoint = Endpoint::parse("https://auth.example.com/oauth/token?v=2").unwrap();
        assert_eq!(endpoint.setting(), None);
        assert_eq!(endpoint.host(), "auth.example.com");
        assert_eq!(endpoint.resolve(&json!({})).unwrap().as_str(), "https://auth.example.com/oauth/token?v=2");
    }

    #[test]
    fn a_setting_chooses_among_the_vendors_hosts() {
        let endpoint = Endpoint::parse("https://{domain}.my.salesforce.com/services/oauth2/token").unwrap();
        assert_eq!(endpoint.setting(), Some("domain"));
        assert_eq!(endpoint.host(), "*.my.salesforce.com");
        let resolved = |value: Value| endpoint.resolve(&json!({"domain": value})).map(|url| url.to_string());
        assert_eq!(resolved(json!("acme")).unwrap(), "https://acme.my.salesforce.com/services/oauth2/token");
        assert_eq!(
            resolved(json!("acme--dev.sandbox")).unwrap(),
            "https://acme--dev.sandbox.my.salesforce.com/services/oauth2/token"
        );
        let long = "a".repeat(64);
        for bad in ["", ".", "a.", "evil.com/", "evil.com#", "a@b", "a:1", "A", "a b", "a%2f", "{x}", "..", &long] {
            let error = resolved(json!(bad)).unwrap_err().to_string();
            assert!(error.starts_with("the setting `domain` must be what stands before `.my.salesforce.com`"), "{bad}");
        }
        assert!(resolved(json!(7)).is_err());
        assert!(endpoint.resolve(&json!(null)).is_err());
    }

    #[test]
    fn what_no_egress_rule_could_name_is_refused() {
        for text in [
            "",
            "auth.example.com/token",
            "http://auth.example.com/token",
            "https://",
            "https://localhost/token",
            "https://10.0.0.1/token",
            "https://2130706433/token",
            "https://0x7f.1/token",
            "https://[::1]/token",
            "https://auth.example.com:8443/token",
            "https://auth.example.com:443/token",
            "https://user:pass@auth.example.com/token",
            "https://*.example.com/token",
            "https://AUTH.example.com/token",
            "https://auth.example.com./token",
            "https://auth.example.com/a/../token",
            "https://auth.example.com/a//token",
            "https://auth.example.com/a%2ftoken",
            "https://auth.example.com/*",
            "https://auth.example.com\\evil.com/token",
            "https://auth.example.com/token#x",
            "https://{domain}/token",
            "https://{domain}.com/token",
            "https://{domain}example.com/token",
            "https://{domain}..example.com/token",
            "https://{do main}.example.com/token",
            "https://{}.example.com/token",
            "https://a.{domain}.example.com/token",
            "https://auth.example.com/{domain}",
        ] {
            assert!(Endpoint::parse(text).is_err(), "{text}");
        }
        assert!(Endpoint::parse(&format!("https://a.example.com/{}", "a".repeat(2_000))).is_err());
    }
}
