//! What an endpoint may be.

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue};
use patchbay_model::{Failure, Violation, endpoint::EndpointSettings, filter::Filter};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::{auth::Caller, hub::Hub};

const MOST_URL: usize = 2_048;
const MOST_DESCRIPTION: usize = 500;
const MOST_TYPES: usize = 100;
const MOST_TYPE: usize = 200;
const MOST_HEADERS: usize = 20;
const MOST_VALUE: usize = 4_096;

/// Headers that belong to one connection, or are the hub's to set.
const RESERVED: [&str; 15] = [
    "accept-encoding",
    "connection",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "date",
    "via",
];
/// Headers that the payload and its signature have.
const RESERVED_PREFIXES: [&str; 3] = ["content-", "webhook-", "svix-"];

/// Headers by their names as they are compared.
pub(super) fn lower_case<V>(headers: BTreeMap<String, V>) -> BTreeMap<String, V> {
    headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect()
}

impl Hub {
    /// Fails with `invalid_input` and all that is wrong. `secret_headers` are those whose values are new.
    pub(super) async fn check_endpoint(
        &self,
        caller: &Caller,
        settings: &EndpointSettings,
        secret_headers: &BTreeMap<String, SecretString>,
    ) -> Result<(), Failure> {
        let mut violations = check(settings, secret_headers);
        let at = |pointer: &str, expected: String| Violation { pointer: pointer.to_owned(), expected };
        match Url::parse(&settings.url) {
            Ok(url) if settings.url.len() <= MOST_URL => {
                if let Err(expected) = self.0.egress.check_endpoint(&url).await {
                    violations.push(at("/url", expected));
                }
            }
            _ => violations.push(at("/url", format!("an https URL of at most {MOST_URL} characters"))),
        }
        if let Some(transform) = &settings.transform {
            let installed = self.0.installed(caller.org, &transform.plugin).await?;
            let serving = installed.filter(|one| one.settings.installation.enabled).and_then(|one| one.serving());
            match serving {
                None => violations.push(at("/transform/plugin", "a plugin that is switched on".to_owned())),
                Some(serving) if serving.plugin.action(&transform.action).is_none() => {
                    let expected = format!("an action of `{}`", transform.plugin);
                    violations.push(at("/transform/action", expected));
                }
                Some(_) => {}
            }
        }
        if violations.is_empty() { Ok(()) } else { Err(Failure::invalid(violations)) }
    }
}

/// All that can be told by looking.
fn check(settings: &EndpointSettings, secret_headers: &BTreeMap<String, SecretString>) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut refuse = |pointer: String, expected: &str| {
        violations.push(Violation { pointer, expected: expected.to_owned() });
    };
    if settings.description.chars().count() > MOST_DESCRIPTION {
        refuse("/description".to_owned(), "at most 500 characters");
    }
    if settings.types.0.len() > MOST_TYPES {
        refuse("/types".to_owned(), "at most 100 types");
    }
    for (place, kind) in settings.types.0.iter().enumerate() {
        if !is_type(kind) {
            let expected = "a type as in `call.created`, all below one as in `call.*`, or `*`";
            refuse(format!("/types/{place}"), expected);
        }
    }
    if settings.headers.len() + settings.secret_headers.len() > MOST_HEADERS {
        refuse("/headers".to_owned(), "at most 20 headers, secret ones included");
    }
    for (name, value) in &settings.headers {
        if let Some(expected) = wrong_header(name, Some(value)) {
            refuse(format!("/headers/{name}"), expected);
        }
        if settings.secret_headers.contains(name) {
            refuse(format!("/headers/{name}"), "a header that is not among `secret_headers`");
        }
    }
    for name in &settings.secret_headers {
        let value = secret_headers.get(name).map(SecretString::expose_secret);
        if let Some(expected) = wrong_header(name, value) {
            refuse(format!("/secret_headers/{name}"), expected);
        }
    }
    if let Some(filter) = &settings.filter
        && let Err(wrong) = Filter::parse_at("/filter", filter)
    {
        violations.extend(wrong);
    }
    violations
}

fn is_type(kind: &str) -> bool {
    let name = kind.strip_suffix(".*").unwrap_or(kind);
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    kind == "*" || (!name.is_empty() && kind.len() <= MOST_TYPE && name.bytes().all(is_word))
}

fn wrong_header(name: &str, value: Option<&str>) -> Option<&'static str> {
    let reserved = RESERVED.contains(&name) || RESERVED_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    if HeaderName::from_bytes(name.as_bytes()).is_err() {
        return Some("a header's name");
    }
    if reserved {
        return Some("a header that is not the connection's, the payload's or the signature's");
    }
    let fits = |value: &str| value.len() <= MOST_VALUE && HeaderValue::from_str(value).is_ok();
    value.is_some_and(|value| !fits(value)).then_some("a header's value: at most 4096 visible ASCII characters")
}

#[cfg(test)]
mod tests {
    use patchbay_model::endpoint::{EventTypes, Signing};
    use serde_json::json;

    use super::*;

    fn settings() -> EndpointSettings {
        EndpointSettings {
            url: "https://example.com".to_owned(),
            description: String::new(),
            types: EventTypes::default(),
            filter: None,
            transform: None,
            headers: BTreeMap::new(),
            secret_headers: std::collections::BTreeSet::new(),
            rate: None,
            fifo: false,
            signing: Signing::Hmac,
            public_key: None,
            former_until: None,
        }
    }

    fn wrong(settings: &EndpointSettings) -> Vec<String> {
        check(settings, &BTreeMap::new()).into_iter().map(|violation| violation.pointer).collect()
    }

    #[test]
    fn headers_of_the_connection_the_payload_and_the_signature_are_the_hubs() {
        for name in ["host", "connection", "te", "content-type", "content-length", "webhook-id", "bad name", ""] {
            let headers = lower_case(BTreeMap::from([(name.to_uppercase(), "x".to_owned())]));
            assert_eq!(wrong(&EndpointSettings { headers, ..settings() }), [format!("/headers/{name}")], "{name}");
        }
        let headers = BTreeMap::from([("x-env".to_owned(), "a\nb".to_owned())]);
        assert_eq!(wrong(&EndpointSettings { headers, ..settings() }), ["/headers/x-env"]);
        let headers = BTreeMap::from([("authorization".to_owned(), "Bearer x".to_owned())]);
        assert_eq!(wrong(&EndpointSettings { headers, ..settings() }), [] as [String; 0]);
    }

    #[test]
    fn types_and_filters_are_checked_where_they_are_wrong() {
        let types = ["call.*", "*", "a.b_c", "*.b", "", "a b"].map(str::to_owned);
        let settings = EndpointSettings {
            types: EventTypes(types.into()),
            filter: Some(json!({"amount": {"ge": 1}})),
            ..settings()
        };
        assert_eq!(wrong(&settings), ["/types/3", "/types/4", "/types/5", "/filter/amount/ge"]);
    }
}
