//! Headers across the hub: what concerns one connection only stays on that connection.

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{
        CONNECTION, CONTENT_LENGTH, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING,
        UPGRADE,
    },
};

/// Headers of one connection (RFC 9110, section 7.6.1), and those that say who is asked.
const HOP_BY_HOP: [HeaderName; 7] =
    [CONNECTION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];
const KEEP_ALIVE: [&str; 2] = ["keep-alive", "proxy-connection"];

/// The client's headers as the guest sees them.
pub(super) fn for_guest(headers: &HeaderMap) -> Vec<(String, String)> {
    let named = named_by_connection(headers);
    let kept =
        headers.iter().filter(|(name, _)| !is_hop_by_hop(name, &named) && *name != HOST && *name != CONTENT_LENGTH);
    kept.filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))).collect()
}

/// The guest's headers as the client sees them. Those that HTTP does not allow are left out.
pub(super) fn for_client(headers: Vec<(String, String)>) -> HeaderMap {
    let mut map = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            map.append(name, value);
        }
    }
    let named = named_by_connection(&map);
    let dropped: Vec<_> = map.keys().filter(|name| is_hop_by_hop(name, &named)).cloned().collect();
    for name in dropped {
        map.remove(name);
    }
    map
}

/// True for an answer that ends with its head, whatever the guest sends after it.
pub(super) fn has_no_body(method: &Method, status: StatusCode) -> bool {
    *method == Method::HEAD || status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED
}

fn named_by_connection(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(|name| name.trim().to_ascii_lowercase()).collect()
}

fn is_hop_by_hop(name: &HeaderName, named: &[String]) -> bool {
    HOP_BY_HOP.contains(name) || KEEP_ALIVE.contains(&name.as_str()) || named.iter().any(|other| other == name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_concerns_one_connection_stays_on_it() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-Hop"),
            ("x-hop", "1"),
            ("host", "hub"),
            ("content-length", "3"),
            ("accept", "*/*"),
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        assert_eq!(for_guest(&headers), [("accept".to_owned(), "*/*".to_owned())]);
    }

    #[test]
    fn an_answer_loses_what_http_does_not_allow() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let given = vec![
            pair("x-vendor", "12"),
            pair("transfer-encoding", "chunked"),
            pair("bad name", "x"),
            pair("x-ok", "y\nz"),
        ];
        assert_eq!(for_client(given).keys().collect::<Vec<_>>(), ["x-vendor"]);
    }
}
