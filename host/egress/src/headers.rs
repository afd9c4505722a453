//! Headers over the border, both ways: what belongs to one connection stays there, and sizes are capped.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::{EgressConfig, EgressError, Redactor, decode::ACCEPTED};

/// Between names and values on the wire: `: ` and the line's end.
const LINE_OVERHEAD: usize = 4;

/// The guest's headers as they go out, and their size in bytes. `target` is the size of the URL.
///
/// What the body comes back in is for the hub to say, since it must look into it. Beside a credential no range
/// is asked for: half of an echoed secret in each of two answers would not be known again.
pub(crate) fn outgoing(
    headers: Vec<(String, String)>,
    target: usize,
    with_credential: bool,
    config: &EgressConfig,
) -> Result<(HeaderMap, usize), EgressError> {
    if headers.len() > config.max_headers {
        return Err(too_many("request", headers.len(), config.max_headers));
    }
    let size = headers.iter().map(|(name, value)| name.len() + value.len() + LINE_OVERHEAD).sum::<usize>() + target;
    if size > config.max_header_bytes {
        return Err(too_large("request", size, config.max_header_bytes));
    }
    let named = named_by_connection(headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
    // Room for what is added below and for the credential, so that the map is not rebuilt.
    let mut map = HeaderMap::with_capacity(headers.len() + 4);
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| EgressError::InvalidRequest(format!("not a header name: {:?}", cut(&name))))?;
        if is_connections_own(&name) || named.iter().any(|named| name.as_str() == named) {
            continue;
        }
        let is_range = name == header::RANGE || name == header::IF_RANGE;
        if name == header::ACCEPT_ENCODING || (with_credential && is_range) {
            continue;
        }
        let value = HeaderValue::from_maybe_shared(Bytes::from(value)).map_err(|_| {
            EgressError::InvalidRequest(format!("the header {name} has characters that no header may have"))
        })?;
        map.append(name, value);
    }
    // A part of an encoded body cannot be decoded, so a range is asked for as it is.
    let accepted = if map.contains_key(header::RANGE) { "identity" } else { ACCEPTED };
    map.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(accepted));
    if !map.contains_key(header::USER_AGENT) {
        map.insert(header::USER_AGENT, HeaderValue::from_static(concat!("patchbay/", env!("CARGO_PKG_VERSION"))));
    }
    Ok((map, size))
}

/// The vendor's headers for the guest, redacted; without content-encoding and, if the body is decoded, without
/// content-length. A header whose name holds a secret is left out: a name with a mark in it is none.
pub(crate) fn incoming(
    map: &HeaderMap,
    decoded: bool,
    redact: &Redactor,
    config: &EgressConfig,
) -> Result<Vec<(String, String)>, EgressError> {
    if map.len() > config.max_headers {
        return Err(too_many("response", map.len(), config.max_headers));
    }
    let size = map.iter().map(|(name, value)| name.as_str().len() + value.len() + LINE_OVERHEAD).sum::<usize>();
    if size > config.max_header_bytes {
        return Err(too_large("response", size, config.max_header_bytes));
    }
    let named =
        named_by_connection(map.get_all(header::CONNECTION).iter().map(|value| ("connection", value.as_bytes())));
    let mut headers = Vec::with_capacity(map.len());
    for (name, value) in map {
        let replaced = *name == header::CONTENT_ENCODING || (decoded && *name == header::CONTENT_LENGTH);
        let kept_back = is_hop_by_hop(name) || replaced || redact.is_in_name(name.as_str());
        if kept_back || named.iter().any(|named| name.as_str() == named) {
            continue;
        }
        let value = String::from_utf8_lossy(value.as_bytes());
        headers.push((name.as_str().to_owned(), redact.redact_str(&value).into_owned()));
    }
    Ok(headers)
}

/// Belongs to one connection (RFC 9110, 7.6.1) and never travels on.
fn is_hop_by_hop(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// Also what the HTTP client itself must set: another value would let a guest smuggle a second request.
fn is_connections_own(name: &HeaderName) -> bool {
    is_hop_by_hop(name) || matches!(name.as_str(), "host" | "content-length" | "expect" | "http2-settings")
}

/// Headers that a `connection` header declares to be of this connection only.
fn named_by_connection<'a>(headers: impl Iterator<Item = (&'a str, &'a [u8])>) -> Vec<String> {
    headers
        .filter(|(name, _)| name.eq_ignore_ascii_case("connection"))
        .flat_map(|(_, value)| value.split(|byte| *byte == b','))
        .map(|token| String::from_utf8_lossy(token).trim().to_ascii_lowercase())
        .filter(|token| !token.is_empty())
        .collect()
}

fn too_many(which: &str, count: usize, most: usize) -> EgressError {
    EgressError::HeadersTooLarge(format!("the {which} has {count} headers, {most} are allowed"))
}

fn too_large(which: &str, size: usize, most: usize) -> EgressError {
    EgressError::HeadersTooLarge(format!("the {which}'s headers have {size} bytes, {most} are allowed"))
}

fn cut(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(headers: &[(&str, &str)]) -> Vec<(String, String)> {
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn sent(headers: &[(&str, &str)]) -> Result<HeaderMap, EgressError> {
        outgoing(pairs(headers), 10, false, &EgressConfig::default()).map(|(map, _)| map)
    }

    #[test]
    fn what_belongs_to_the_connection_is_dropped() {
        let map = sent(&[
            ("Host", "evil"),
            ("Content-Length", "5"),
            ("Transfer-Encoding", "chunked"),
            ("Connection", "close, X-Mine"),
            ("X-Mine", "1"),
            ("Upgrade", "h2c"),
            ("TE", "trailers"),
            ("Keep-Alive", "1"),
            ("Expect", "100-continue"),
            ("Proxy-Authorization", "x"),
            ("Accept", "a/b"),
        ])
        .unwrap();
        let mut names: Vec<_> = map.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["accept", "accept-encoding", "user-agent"]);
    }

    #[test]
    fn repeated_headers_stay_and_the_guests_own_choice_wins() {
        let map = sent(&[("x-a", "1"), ("X-A", "2"), ("user-agent", "me")]).unwrap();
        assert_eq!(map.get_all("x-a").iter().count(), 2);
        assert_eq!(map["user-agent"], "me");
    }

    #[test]
    fn the_hub_says_what_it_decodes_whatever_the_guest_says() {
        for own in ["compress", "gzip;q=0, own", ""] {
            assert_eq!(sent(&[("accept-encoding", own)]).unwrap()["accept-encoding"], ACCEPTED);
        }
        assert_eq!(sent(&[("range", "bytes=0-9")]).unwrap()["accept-encoding"], "identity");
    }

    #[test]
    fn no_range_is_asked_for_with_a_credential() {
        let given = pairs(&[("range", "bytes=0-9"), ("if-range", "\"etag\""), ("x-a", "1")]);
        let (map, _) = outgoing(given, 10, true, &EgressConfig::default()).unwrap();
        assert!(!map.contains_key("range") && !map.contains_key("if-range") && map.contains_key("x-a"));
        assert_eq!(map["accept-encoding"], ACCEPTED);
    }

    #[test]
    fn no_header_can_carry_a_second_one() {
        for (name, value) in
            [("x-a\r\nx-b", "1"), ("x-a", "1\r\nx-b: 2"), (":authority", "x"), ("", "x"), ("x a", "1"), ("x-a", "\0")]
        {
            assert!(matches!(sent(&[(name, value)]), Err(EgressError::InvalidRequest(_))), "{name:?} {value:?}");
        }
    }

    #[test]
    fn too_many_or_too_large_headers_do_not_go_out() {
        let many: Vec<_> = (0..101).map(|index| (format!("x-{index}"), String::new())).collect();
        assert!(matches!(outgoing(many, 0, false, &EgressConfig::default()), Err(EgressError::HeadersTooLarge(_))));
        let large = "a".repeat(64 << 10);
        assert!(matches!(sent(&[("x-a", &large)]), Err(EgressError::HeadersTooLarge(_))));
    }

    #[test]
    fn the_guest_sees_no_header_of_the_connection_and_no_secret() {
        let mut map = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, x-hop"),
            ("x-hop", "1"),
            ("transfer-encoding", "chunked"),
            ("content-encoding", "gzip"),
            ("content-length", "9"),
            ("x-echo", "Bearer sk-secret-1234"),
            ("x-sk-secret-1234", "1"),
        ] {
            map.append(name, HeaderValue::from_static(value));
        }
        // names come in lower case
        let redact = Redactor::new(["SK-secret-1234", "sk-secret-1234"]);
        let headers = incoming(&map, true, &redact, &EgressConfig::default()).unwrap();
        assert_eq!(headers, pairs(&[("x-echo", "Bearer [redacted]")]));
        let headers = incoming(&map, false, &redact, &EgressConfig::default()).unwrap();
        assert_eq!(headers, pairs(&[("content-length", "9"), ("x-echo", "Bearer [redacted]")]));
    }
}
