//! What a plugin may reach: host, method and path, from its manifest, parsed once. Nothing else is.
//!
//! Hosts are compared whole or, after `*.`, as a name below; a free pattern (`*foo.com`) was rejected,
//! since it also matches `evilfoo.com`. An address in the place of a host is never allowed, in whatever
//! notation: the URL parser has already turned `0x7f.1` and `2130706433` into one.

use http::{HeaderName, Method};
use patchbay_package::{
    manifest::{self, Manifest},
    pattern::{InvalidPattern, PathPattern},
};
use url::{Host, Url};

use crate::EgressError;

/// An entry of the manifest's egress list that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("egress entry {index} ({host:?}): {reason}")]
pub struct RulesError {
    /// Which entry, from 0.
    pub index: usize,
    /// Its host as written.
    pub host: String,
    /// Which rule it breaks.
    pub reason: String,
}

/// A plugin's allow-list.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    host: HostPattern,
    methods: Vec<Method>,
    paths: Vec<PathPattern>,
    idempotency_header: Option<HeaderName>,
    /// The vendor's pauses hold for the host.
    pauses: bool,
    /// It is an org's settings that name the host, and not the manifest.
    named: bool,
}

impl Entry {
    fn allows(&self, method: &str, host: &str, path: &str) -> bool {
        self.host.matches(host)
            && self.methods.iter().any(|allowed| allowed.as_str() == method)
            && self.paths.iter().any(|pattern| pattern.matches(path))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum HostPattern {
    Exactly(String),
    /// With its leading dot.
    Below(String),
}

impl HostPattern {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let (name, below) = match text.strip_prefix("*.") {
            Some(name) => (name, true),
            None => (text, false),
        };
        if name.contains('*') {
            return Err("a wildcard is `*.` before a host name, as in *.example.com");
        }
        if name.contains(['/', ':', '@', '?', '#', '%', '[']) || name.ends_with('.') {
            return Err("a host has no scheme, port, path, user or trailing dot");
        }
        match Host::parse(name) {
            Ok(Host::Domain(name)) if below && !name.contains('.') => {
                Err("a wildcard needs at least two labels after it")
            }
            Ok(Host::Domain(name)) if below => Ok(Self::Below(format!(".{name}"))),
            Ok(Host::Domain(name)) => Ok(Self::Exactly(name)),
            Ok(_) => Err("an IP address is never allowed: name the host"),
            Err(_) => Err("not a host name"),
        }
    }

    fn matches(&self, host: &str) -> bool {
        match self {
            Self::Exactly(name) => name == host,
            Self::Below(suffix) => host.len() > suffix.len() && host.ends_with(suffix.as_str()),
        }
    }
}

/// True if a host of a manifest's list (a name, or `*.` and a name) covers this one, which the URL parser
/// has put in lower case.
pub(crate) fn covers(listed: &str, host: &str) -> bool {
    HostPattern::parse(listed).is_ok_and(|pattern| pattern.matches(host))
}

impl Rules {
    /// Reads the egress list of a manifest. An empty list allows nothing.
    ///
    /// # Errors
    /// Names the first entry that is not a host name, has no method or path, or has a bad one.
    pub fn compile(manifest: &Manifest) -> Result<Self, RulesError> {
        Self::of(&manifest.egress)
    }

    /// Reads a list that is no plugin's: where the hub itself goes.
    ///
    /// # Errors
    /// As of [`Rules::compile`].
    pub fn of(list: &[manifest::Egress]) -> Result<Self, RulesError> {
        let mut entries = Vec::with_capacity(list.len());
        for (index, listed) in list.iter().enumerate() {
            let refuse = |reason: &str| RulesError { index, host: listed.host.clone(), reason: reason.to_owned() };
            let host = HostPattern::parse(&listed.host).map_err(refuse)?;
            let methods = listed
                .methods
                .iter()
                .map(|method| parse_method(method).map_err(refuse))
                .collect::<Result<Vec<_>, _>>()?;
            let paths = listed
                .paths
                .iter()
                .map(|path| PathPattern::parse(path))
                .collect::<Result<Vec<_>, InvalidPattern>>()
                .map_err(|error| refuse(&error.to_string()))?;
            if methods.is_empty() || paths.is_empty() {
                return Err(refuse("at least one method and one path are needed"));
            }
            let header = listed.idempotency_header.as_ref().map(|header| HeaderName::from_bytes(header.as_bytes()));
            let idempotency_header = header.transpose().map_err(|_| refuse("its header is not one"))?;
            let pauses = listed.pauses;
            entries.push(Entry { host, methods, paths, idempotency_header, pauses, named: false });
        }
        Ok(Self { entries })
    }

    /// These rules, and destinations that an org's settings name and that an admin of it approved.
    ///
    /// # Errors
    /// As of [`Rules::compile`].
    pub fn with_named(&self, list: &[manifest::Egress]) -> Result<Self, RulesError> {
        let named = Self::of(list)?.entries.into_iter().map(|entry| Entry { named: true, ..entry });
        Ok(Self { entries: self.entries.iter().cloned().chain(named).collect() })
    }

    /// Checks a request's logical URL.
    ///
    /// # Errors
    /// [`EgressError::Denied`], with the manifest's line that would allow it where one would.
    pub fn allows(&self, method: &str, url: &Url) -> Result<(), EgressError> {
        let deny = |text: String| Err(EgressError::Denied(text));
        if url.scheme() != "https" {
            return deny(format!("only https is allowed, not {}", url.scheme()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return deny("a URL with a user or a password is not allowed: name a credential".to_owned());
        }
        let host = match url.host() {
            Some(Host::Domain(host)) => host,
            Some(Host::Ipv4(address)) => return deny(format!("{address} is an address: only host names are allowed")),
            Some(Host::Ipv6(address)) => return deny(format!("{address} is an address: only host names are allowed")),
            None => return deny("the URL has no host".to_owned()),
        };
        let path = url.path();
        if self.entries.iter().any(|entry| entry.allows(method, host, path)) {
            return Ok(());
        }
        let path: String = path.chars().take(200).collect();
        deny(format!(
            "{method} {host}{path} is not in the plugin's egress list: \
             add [[egress]] host = {host:?} methods = [{method:?}] paths = [{path:?}]"
        ))
    }
}

impl Rules {
    /// Entries that allow this request.
    fn allowing<'a>(&'a self, method: &'a str, url: &'a Url) -> impl Iterator<Item = &'a Entry> {
        let host = url.host_str().unwrap_or_default();
        self.entries.iter().filter(move |entry| entry.allows(method, host, url.path()))
    }

    /// True if nothing but an org's settings allows this request: what the operator opened for the hub's own vendors is
    /// then not meant.
    pub(crate) fn is_named_alone(&self, method: &str, url: &Url) -> bool {
        self.allowing(method, url).all(|entry| entry.named)
    }

    /// True if a pause that the vendor asks for holds for this request.
    pub(crate) fn keeps_pauses(&self, method: &str, url: &Url) -> bool {
        self.allowing(method, url).any(|entry| entry.pauses)
    }

    /// The header by which the vendor knows a repeat of this request, if there is one: of the first entry that allows
    /// it and has one.
    #[must_use]
    pub fn idempotency_header(&self, method: &str, url: &Url) -> Option<&HeaderName> {
        self.entries
            .iter()
            .filter(|entry| entry.allows(method, url.host_str().unwrap_or_default(), url.path()))
            .find_map(|entry| entry.idempotency_header.as_ref())
    }
}

fn parse_method(text: &str) -> Result<Method, &'static str> {
    let method = Method::from_bytes(text.as_bytes()).map_err(|_| "not an HTTP method")?;
    if text.bytes().any(|byte| byte.is_ascii_lowercase()) {
        return Err("methods are upper-case");
    }
    // CONNECT would make the vendor a tunnel, TRACE makes it say the credential aloud.
    if method == Method::CONNECT || method == Method::TRACE {
        return Err("CONNECT and TRACE are never allowed");
    }
    Ok(method)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(entries: &str) -> Result<Rules, RulesError> {
        let manifest = format!("id = \"t\"\nname = \"T\"\nversion = \"1.0.0\"\napi = \"1.0.0\"\n{entries}");
        Rules::compile(&toml::from_str(&manifest).unwrap())
    }

    fn check(rules: &Rules, method: &str, url: &str) -> Result<(), EgressError> {
        rules.allows(method, &Url::parse(url).unwrap())
    }

    const LIST: &str = r#"
        [[egress]]
        host = "api.example.com"
        methods = ["GET", "POST"]
        paths = ["/v1/models", "/v1/files/*"]
        [[egress]]
        host = "*.files.example.com"
        methods = ["GET"]
        paths = ["/**"]
    "#;

    #[test]
    fn what_is_listed_is_allowed() {
        let rules = rules(LIST).unwrap();
        for (method, url) in [
            ("GET", "https://api.example.com/v1/models"),
            ("POST", "https://API.example.com/v1/files/a?x=1"),
            ("GET", "https://eu.files.example.com/any/thing"),
            ("GET", "https://a.b.files.example.com/"),
        ] {
            assert_eq!(check(&rules, method, url), Ok(()), "{method} {url}");
        }
    }

    #[test]
    fn anything_else_is_denied() {
        let rules = rules(LIST).unwrap();
        for (method, url) in [
            ("DELETE", "https://api.example.com/v1/models"),
            ("get", "https://api.example.com/v1/models"),
            ("GET", "http://api.example.com/v1/models"),
            ("GET", "ftp://api.example.com/v1/models"),
            ("GET", "https://api.example.com/v1/model"),
            ("GET", "https://api.example.com/v1/files/a/b"),
            ("GET", "https://api.example.com/v1/files/../admin"),
            ("GET", "https://api.example.com/v1/files/%2e%2e%2fadmin"),
            ("GET", "https://api.example.com.evil.net/v1/models"),
            ("GET", "https://evilapi.example.com/v1/models"),
            ("GET", "https://api.example.com./v1/models"),
            ("GET", "https://api.example.com@evil.net/v1/models"),
            ("GET", "https://user:key@api.example.com/v1/models"),
            ("GET", "https://files.example.com/"),
            ("GET", "https://evilfiles.example.com/"),
            ("GET", "https://10.0.0.1/v1/models"),
            ("GET", "https://[::1]/v1/models"),
        ] {
            assert!(matches!(check(&rules, method, url), Err(EgressError::Denied(_))), "{method} {url}");
        }
        assert!(check(&Rules::default(), "GET", "https://api.example.com/").is_err());
    }

    #[test]
    fn a_denial_names_the_line_that_would_allow_it_but_no_query() {
        let denied = check(&rules(LIST).unwrap(), "GET", "https://x.example.org/y?key=k").unwrap_err();
        assert_eq!(
            denied.to_string(),
            "GET x.example.org/y is not in the plugin's egress list: \
             add [[egress]] host = \"x.example.org\" methods = [\"GET\"] paths = [\"/y\"]"
        );
    }

    #[test]
    fn what_settings_name_is_allowed_beside_the_manifests_list_and_told_from_it() {
        let named = manifest::Egress {
            host: "models.example.org".to_owned(),
            methods: vec!["POST".to_owned()],
            paths: vec!["/v1/**".to_owned()],
            idempotency_header: None,
            pauses: false,
        };
        let both = rules(LIST).unwrap().with_named(&[named]).unwrap();
        let url = |text: &str| Url::parse(text).unwrap();
        let (own, listed) = (url("https://models.example.org/v1/chat"), url("https://api.example.com/v1/models"));
        assert_eq!(both.allows("POST", &own), Ok(()));
        assert_eq!(both.allows("POST", &listed), Ok(()));
        assert!(both.allows("GET", &own).is_err());
        assert!(both.allows("POST", &url("https://models.example.org/v2/chat")).is_err());
        assert!(both.allows("POST", &url("http://models.example.org/v1/chat")).is_err());
        assert!(both.is_named_alone("POST", &own) && !both.is_named_alone("POST", &listed));
        assert!(!both.keeps_pauses("POST", &own) && both.keeps_pauses("POST", &listed));
    }

    #[test]
    fn a_list_that_is_too_wide_or_unclear_does_not_compile() {
        for host in [
            "*",
            "*.",
            "*.com",
            "*example.com",
            "api.*.com",
            "127.0.0.1",
            "2130706433",
            "0x7f.1",
            "[::1]",
            "::1",
            "https://x.com",
            "x.com:443",
            "x.com/",
            "user@x.com",
            "x.com.",
            "",
            "*.10.0.0.1",
            "x com",
        ] {
            let entry = format!("[[egress]]\nhost = {host:?}\nmethods = [\"GET\"]\npaths = [\"/\"]");
            assert!(rules(&entry).is_err(), "{host}");
        }
        for (methods, paths) in [
            ("", "\"/\""),
            ("\"GET\"", ""),
            ("\"get\"", "\"/\""),
            ("\"CONNECT\"", "\"/\""),
            ("\"TRACE\"", "\"/\""),
            ("\"G T\"", "\"/\""),
            ("\"GET\"", "\"v1\""),
        ] {
            let entry = format!("[[egress]]\nhost = \"x.com\"\nmethods = [{methods}]\npaths = [{paths}]");
            assert!(rules(&entry).is_err(), "{methods} {paths}");
        }
    }
}
