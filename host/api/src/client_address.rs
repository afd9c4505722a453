//! From where a request comes, for the limits on routes that need no key.
//!
//! A connection comes from its peer. Where that is one of the operator's own proxies, the proxy says in a header for
//! whom it speaks: read from the right, because each proxy adds at the end, and what stands further left anybody may
//! have written. The first address that is not the operator's is the client's.
//!
//! One header is read, the one that the operator names: a proxy that sets the one passes the other on as it came.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName, header::FORWARDED};
use ipnet::IpNet;

/// Who is at the other end of a request's connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// The header in which proxies say for whom they speak.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ForwardedBy {
    /// `X-Forwarded-For`, as most proxies write it.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The client's address.
pub(crate) fn client_address(
    Peer(peer): Peer,
    headers: &HeaderMap,
    trusted: &[IpNet],
    forwarded_by: ForwardedBy,
) -> IpAddr {
    let is_ours = |address: IpAddr| trusted.iter().any(|network| network.contains(&address));
    let mut client = peer.to_canonical();
    let mut said = match forwarded_by {
        ForwardedBy::XForwardedFor => listed(headers, &X_FORWARDED_FOR, |element| address(element.trim())),
        ForwardedBy::Forwarded => listed(headers, &FORWARDED, for_parameter),
    };
    while is_ours(client) {
        // what no address can be made of hides who was before it: the proxy that wrote it answers for it
        let Some(Some(before)) = said.pop() else { break };
        client = before.to_canonical();
    }
    client
}

fn listed(headers: &HeaderMap, name: &HeaderName, read: impl Fn(&str) -> Option<IpAddr>) -> Vec<Option<IpAddr>> {
    let values = headers.get_all(name).iter().map(|value| value.to_str().unwrap_or_default());
    values.flat_map(elements).map(read).collect()
}

/// Elements between commas that do not stand in quotes.
fn elements(value: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    value.split(move |character| {
        quoted ^= character == '"';
        character == ',' && !quoted
    })
}

/// `for=` of an element, as in `for="[2001:db8::1]:4711";proto=https`.
fn for_parameter(element: &str) -> Option<IpAddr> {
    let mut parameters = element.split(';').filter_map(|parameter| parameter.trim().split_once('='));
    let (_, node) = parameters.find(|(name, _)| name.eq_ignore_ascii_case("for"))?;
    address(node.trim_matches('"'))
}

/// An address with or without a port, an IPv6 address with or without brackets.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, header: (&HeaderName, &[&str]), by: ForwardedBy) -> String {
        let mut headers = HeaderMap::new();
        for value in header.1 {
            headers.append(header.0, value.parse().unwrap());
        }
        let trusted = ["10.0.0.0/8".parse().unwrap(), "2001:db8:a::/48".parse().unwrap()];
        client_address(Peer(peer.parse().unwrap()), &headers, &trusted, by).to_string()
    }

    fn by_x(peer: &str, values: &[&str]) -> String {
        client(peer, (&X_FORWARDED_FOR, values), ForwardedBy::XForwardedFor)
    }

    #[test]
    fn nobody_but_a_trusted_proxy_is_believed() {
        assert_eq!(by_x("203.0.113.7", &["1.2.3.4"]), "203.0.113.7");
        assert_eq!(by_x("10.0.0.1", &["1.2.3.4"]), "1.2.3.4");
        assert_eq!(by_x("::ffff:10.0.0.1", &["1.2.3.4"]), "1.2.3.4");
        assert_eq!(by_x("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn what_the_client_wrote_itself_stands_further_left() {
        assert_eq!(by_x("10.0.0.1", &["6.6.6.6, 1.2.3.4, 10.0.0.9"]), "1.2.3.4");
        assert_eq!(by_x("10.0.0.1", &["6.6.6.6", "1.2.3.4:5678", "[2001:db8:a::5]:80"]), "1.2.3.4");
        assert_eq!(by_x("10.0.0.1", &["10.0.0.3, 10.0.0.2"]), "10.0.0.3");
    }

    #[test]
    fn what_is_no_address_is_not_passed_over() {
        assert_eq!(by_x("10.0.0.1", &["1.2.3.4, unknown"]), "10.0.0.1");
        assert_eq!(by_x("10.0.0.1", &["1.2.3.4, unknown, 10.0.0.2"]), "10.0.0.2");
    }

    #[test]
    fn the_standard_header_is_read_where_it_is_the_one() {
        let by = |values: &[&str]| client("10.0.0.1", (&FORWARDED, values), ForwardedBy::Forwarded);
        assert_eq!(by(&["for=6.6.6.6, for=1.2.3.4;proto=https;by=10.0.0.1"]), "1.2.3.4");
        assert_eq!(by(&[r#"For="[2001:db8:cafe::17]:4711", for="10.0.0.2:80""#]), "2001:db8:cafe::17");
        assert_eq!(by(&["for=_hidden"]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", (&X_FORWARDED_FOR, &["1.2.3.4"]), ForwardedBy::Forwarded), "10.0.0.1");
    }
}
