//! The operator's map from a vendor's host to another base URL.

use std::collections::{BTreeSet, HashMap};

use url::{Host, Url};

use crate::{ConfigError, EgressConfig};

/// The parsed map.
#[derive(Debug)]
pub(crate) struct Upstreams {
    map: HashMap<String, Url>,
    open: BTreeSet<String>,
}

impl Upstreams {
    pub(crate) fn new(config: &EgressConfig) -> Result<Self, ConfigError> {
        let mut map = HashMap::new();
        for (host, base) in &config.upstreams {
            let refuse = |reason: &str| ConfigError::Upstream { host: host.clone(), reason: reason.to_owned() };
            let Ok(Host::Domain(name)) = Host::parse(host) else {
                return Err(refuse("the key is a vendor's host name, without scheme, port or path"));
            };
            if !matches!(base.scheme(), "http" | "https") || base.host().is_none() {
                return Err(refuse("the base URL is http or https"));
            }
            if base.query().is_some()
                || base.fragment().is_some()
                || !base.username().is_empty()
                || base.password().is_some()
            {
                return Err(refuse("the base URL has no query, fragment, user or password"));
            }
            map.insert(name, base.clone());
        }
        for host in &config.open_upstreams {
            if !map.contains_key(host) {
                let reason = "egress.open_upstreams names a host that is not among the upstreams".to_owned();
                return Err(ConfigError::Upstream { host: host.clone(), reason });
            }
        }
        Ok(Self { map, open: config.open_upstreams.clone() })
    }

    /// True if an org's settings may name this host, although it is mapped.
    pub(crate) fn is_open(&self, host: &str) -> bool {
        self.open.contains(host)
    }

    /// The URL to call for a logical one; none if its host is not mapped, or if it names a port other than
    /// https's own: that is another service, which nobody mapped.
    pub(crate) fn map(&self, logical: &Url) -> Option<Url> {
        if logical.port().is_some() {
            return None;
        }
        let base = self.map.get(logical.host_str()?)?;
        let mut target = base.clone();
        match base.path().trim_end_matches('/') {
            "" => target.set_path(logical.path()),
            prefix => target.set_path(&format!("{prefix}{}", logical.path())),
        }
        target.set_query(logical.query());
        Some(target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(host: &str, base: &str) -> Result<Upstreams, ConfigError> {
        let upstreams = [(host.to_owned(), Url::parse(base).unwrap())].into();
        Upstreams::new(&EgressConfig { upstreams, ..EgressConfig::default() })
    }

    #[test]
    fn a_mapped_host_keeps_path_and_query() {
        let url = Url::parse("https://api.openai.com/v1/a%20b?x=%2F&y").unwrap();
        let plain = map("api.openai.com", "http://127.0.0.1:9100").unwrap();
        assert_eq!(plain.map(&url).unwrap().as_str(), "http://127.0.0.1:9100/v1/a%20b?x=%2F&y");
        let below = map("API.openai.com", "http://gateway.local/openai/").unwrap();
        assert_eq!(below.map(&url).unwrap().as_str(), "http://gateway.local/openai/v1/a%20b?x=%2F&y");
        assert!(plain.map(&Url::parse("https://api.openai.com.evil.net/v1").unwrap()).is_none());
        assert!(plain.map(&Url::parse("https://api.openai.com:8443/v1").unwrap()).is_none());
    }

    #[test]
    fn what_is_open_has_to_be_mapped() {
        let open_upstreams = ["models.internal.test".to_owned()].into();
        let config = EgressConfig { open_upstreams, ..EgressConfig::default() };
        assert!(Upstreams::new(&config).is_err());
        let upstreams = [("models.internal.test".to_owned(), Url::parse("http://10.0.0.5/").unwrap())].into();
        let upstreams = Upstreams::new(&EgressConfig { upstreams, ..config }).unwrap();
        assert!(upstreams.is_open("models.internal.test") && !upstreams.is_open("api.openai.com"));
    }

    #[test]
    fn a_map_that_cannot_work_is_refused() {
        for (host, base) in [
            ("https://api.openai.com", "http://x"),
            ("10.0.0.1", "http://x"),
            ("api.openai.com", "ftp://x"),
            ("api.openai.com", "http://x/?a=b"),
            ("api.openai.com", "http://user:secret@x/"),
        ] {
            assert!(map(host, base).is_err(), "{host} {base}");
        }
    }
}
