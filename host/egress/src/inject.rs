//! A credential on its way into a request.
//!
//! It goes in after the allow-list check and takes the place of whatever the guest wrote there, so a guest
//! can neither read it nor send it anywhere else, nor send another key in its name.

use std::{fmt, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue};
use patchbay_package::{manifest::Inject, secret_path::secret_path};
use secrecy::{ExposeSecret, SecretString};
use url::{Url, form_urlencoded};
use zeroize::Zeroizing;

use crate::{EgressError, rules::covers};

/// A credential and where it goes.
#[derive(Clone)]
pub struct Injection {
    /// The header or parameter, and the format.
    pub place: Inject,
    /// Hosts that may get it, as in the manifest. Empty: every host of the egress list.
    pub hosts: Vec<String>,
    /// The secret.
    pub secret: Arc<SecretString>,
    /// The user of HTTP Basic, where the secret is the password.
    pub user: Option<String>,
}

impl fmt::Debug for Injection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Injection").field("place", &self.place).field("hosts", &self.hosts).finish_non_exhaustive()
    }
}

impl Injection {
    /// Checks that the logical host may get the credential.
    pub(crate) fn check_host(&self, host: &str) -> Result<(), EgressError> {
        if self.hosts.is_empty() || self.hosts.iter().any(|listed| listed == host || covers(listed, host)) {
            return Ok(());
        }
        Err(EgressError::Denied(format!("the credential may not go to {host}: add {host:?} to its hosts")))
    }

    /// Puts a credential that is a path in the place of the guest's, if it is one: before the request is mapped to where it
    /// really goes. Texts never show the path.
    pub(crate) fn apply_path(&self, url: &mut Url) -> Result<(), EgressError> {
        let Some(pattern) = &self.place.path else { return Ok(()) };
        let Some(secret) = secret_path(pattern, self.secret.expose_secret()) else {
            let text = format!("the credential is no path or URL that {pattern} matches: set it anew");
            return Err(EgressError::InvalidRequest(text));
        };
        let host = url.host_str().unwrap_or_default();
        if secret.host.is_some_and(|own| own != host) {
            return Err(EgressError::Denied(format!("the credential is a URL of another host than {host}")));
        }
        url.set_query(None);
        url.set_path(secret.path);
        // what the parser has rewritten is not what the vendor gave
        if url.path() == secret.path {
            Ok(())
        } else {
            Err(EgressError::InvalidRequest(
                "the credential's path is not one that a URL can carry as it is".to_owned(),
            ))
        }
    }

    /// Puts the credential in, in the place of anything that the guest put there.
    pub(crate) fn apply(&self, url: &mut Url, headers: &mut HeaderMap) -> Result<(), EgressError> {
        let invalid = |text: &str| EgressError::InvalidRequest(text.to_owned());
        if self.place.path.is_some() {
            return Ok(());
        }
        let value = self.value().ok_or_else(|| invalid("the credential's format has no {} or {basic}"))?;
        match (&self.place.header, &self.place.query) {
            (Some(header), None) => {
                let name = HeaderName::from_bytes(header.as_bytes())
                    .map_err(|_| invalid("the credential's header is not a header name"))?;
                let mut value = HeaderValue::from_str(&value)
                    .map_err(|_| invalid("the credential has characters that a header cannot carry"))?;
                value.set_sensitive(true);
                headers.insert(name, value);
                Ok(())
            }
            (None, Some(parameter)) => {
                set_parameter(url, parameter, &value);
                Ok(())
            }
            _ => Err(invalid("the credential goes to exactly one of header and query: one for bodies is not named")),
        }
    }

    /// What is sent, in memory that is wiped; the request's own copies are the HTTP library's.
    pub(crate) fn value(&self) -> Option<Zeroizing<String>> {
        let secret = self.secret.expose_secret();
        // Split, not replaced: a secret may itself hold braces.
        if let Some((before, after)) = self.place.format.split_once("{basic}") {
            let pair = match &self.user {
                Some(user) => joined(&[user, ":", secret]),
                None => joined(&[secret, ":"]),
            };
            let basic = Zeroizing::new(STANDARD.encode(pair.as_bytes()));
            return Some(joined(&[before, &basic, after]));
        }
        let (before, after) = self.place.format.split_once("{}")?;
        Some(joined(&[before, secret, after]))
    }
}

/// The parts as one text that did not grow: growing leaves copies behind.
fn joined(parts: &[&str]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(parts.iter().map(|part| part.len()).sum()));
    parts.iter().for_each(|part| text.push_str(part));
    text
}

/// Sets one parameter and leaves the spelling of all others alone: a vendor may have them signed.
fn set_parameter(url: &mut Url, name: &str, value: &str) {
    let mut query = String::new();
    for pair in url.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        if form_urlencoded::parse(pair.as_bytes()).next().is_some_and(|(key, _)| key == name) {
            continue;
        }
        query.push_str(pair);
        query.push('&');
    }
    query.extend(form_urlencoded::byte_serialize(name.as_bytes()));
    query.push('=');
    query.extend(form_urlencoded::byte_serialize(value.as_bytes()));
    url.set_query(Some(&query));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn injection(header: Option<&str>, query: Option<&str>, format: &str, secret: &str) -> Injection {
        Injection {
            place: Inject {
                header: header.map(str::to_owned),
                query: query.map(str::to_owned),
                format: format.to_owned(),
                ..Inject::default()
            },
            hosts: vec!["api.example.com".to_owned(), "*.eu.example.com".to_owned()],
            secret: Arc::new(SecretString::from(secret)),
            user: None,
        }
    }

    fn applied(injection: &Injection, url: &str, headers: &[(&'static str, &'static str)]) -> (String, HeaderMap) {
        let mut url = Url::parse(url).unwrap();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        injection.apply(&mut url, &mut map).unwrap();
        (url.to_string(), map)
    }

    #[test]
    fn a_header_replaces_every_copy_of_the_guest() {
        let bearer = injection(Some("Authorization"), None, "Bearer {}", "sk-{}-1");
        let (_, headers) = applied(&bearer, "https://x/", &[("authorization", "mine"), ("authorization", "too")]);
        let values: Vec<_> = headers.get_all("authorization").iter().collect();
        assert_eq!(values, ["Bearer sk-{}-1"]);
        assert!(values[0].is_sensitive());
    }

    #[test]
    fn basic_takes_the_secret_as_the_user() {
        let basic = injection(Some("authorization"), None, "Basic {basic}", "sk_test");
        assert_eq!(applied(&basic, "https://x/", &[]).1["authorization"], "Basic c2tfdGVzdDo=");
    }

    #[test]
    fn basic_takes_the_secret_as_the_password_of_a_user_that_is_known() {
        let mut basic = injection(Some("authorization"), None, "Basic {basic}", "s3cr:et");
        basic.user = Some("AC01".to_owned());
        assert_eq!(applied(&basic, "https://x/", &[]).1["authorization"], "Basic QUMwMTpzM2NyOmV0");
    }

    #[test]
    fn a_parameter_replaces_the_guests_however_it_is_spelled() {
        let key = injection(None, Some("api_key"), "{}", "a b&c");
        let (url, _) = applied(&key, "https://x/p?api_key=mine&a=%20&api%5Fkey=mine&b+c=d&api_key", &[]);
        assert_eq!(url, "https://x/p?a=%20&b+c=d&api_key=a+b%26c");
        assert_eq!(applied(&key, "https://x/p", &[]).0, "https://x/p?api_key=a+b%26c");
    }

    #[test]
    fn only_its_hosts_get_it() {
        let key = injection(Some("x-key"), None, "{}", "s");
        assert!(key.check_host("api.example.com").is_ok());
        assert!(key.check_host("a.eu.example.com").is_ok());
        assert!(matches!(key.check_host("www.example.com"), Err(EgressError::Denied(_))));
        assert!(Injection { hosts: Vec::new(), ..key }.check_host("www.example.com").is_ok());
    }

    #[test]
    fn a_secret_path_takes_the_place_of_the_guests_and_is_shown_to_nobody() {
        let mut hook = injection(None, None, "{}", "https://hooks.example.com/services/T0/B0/s3cret");
        hook.place.path = Some("/services/*/*/*".to_owned());
        let sent = |hook: &Injection, url: &str| {
            let mut url = Url::parse(url).unwrap();
            hook.apply_path(&mut url).map(|()| url.to_string())
        };
        assert_eq!(
            sent(&hook, "https://hooks.example.com/services/a/b/c?x=1").unwrap(),
            "https://hooks.example.com/services/T0/B0/s3cret"
        );
        let elsewhere = sent(&hook, "https://other.example.com/services/a/b/c").unwrap_err();
        hook.secret = Arc::new(SecretString::from("https://hooks.example.com/admin/s3cret"));
        let misfit = sent(&hook, "https://hooks.example.com/services/a/b/c").unwrap_err();
        for error in [elsewhere, misfit] {
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn a_secret_that_does_not_fit_is_refused_without_being_shown() {
        let error = injection(Some("x-key"), None, "{}", "two\r\nlines")
            .apply(&mut Url::parse("https://x").unwrap(), &mut HeaderMap::new());
        assert!(!error.unwrap_err().to_string().contains("lines"));
        for (header, query, format) in [(None, None, "{}"), (Some("a"), Some("b"), "{}"), (Some("a"), None, "none")] {
            let broken = injection(header, query, format, "s");
            assert!(broken.apply(&mut Url::parse("https://x").unwrap(), &mut HeaderMap::new()).is_err());
        }
        assert!(!format!("{:?}", injection(Some("a"), None, "{}", "secret-1")).contains("secret-1"));
    }
}
