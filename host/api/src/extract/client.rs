//! From where a request comes.

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
};

use axum::extract::{ConnectInfo, FromRequestParts};
use http::{HeaderMap, HeaderName, header, request::Parts};
use ipnet::IpNet;

use crate::state::ApiState;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The program at the other end.
pub(crate) struct Client(pub(crate) patchbay_hub::Client);

impl FromRequestParts<ApiState> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
        let trusted = &state.shared.config.trusted_proxies;
        let address = peer.map(|peer| address(peer, &parts.headers, trusted));
        let user_agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        Ok(Self(patchbay_hub::Client { address, user_agent: user_agent.map(str::to_owned) }))
    }
}

/// Goes back along the proxies that the operator trusts, to the first address that one of them saw and that is none of them.
/// What stands before that the client may have written itself.
fn address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(&address.to_canonical()));
    let mut seen = peer;
    let values = headers.get_all(FORWARDED_FOR).iter().rev().filter_map(|value| value.to_str().ok());
    for text in values.flat_map(|value| value.rsplit(',')) {
        if !is_trusted(&seen) {
            break;
        }
        let Some(before) = parse(text.trim()) else { break };
        seen = before;
    }
    seen
}

/// An address, with a port or without.
fn parse(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(peer: &str, forwarded: &[&'static str]) -> String {
        let headers = forwarded.iter().map(|value| (FORWARDED_FOR, value.parse().unwrap())).collect();
        let trusted = ["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        address(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn a_proxy_that_is_trusted_is_believed_and_nobody_else() {
        assert_eq!(seen("192.0.2.1", &["198.51.100.7"]), "192.0.2.1", "no proxy of ours");
        assert_eq!(seen("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(seen("10.0.0.1", &["203.0.113.9, 198.51.100.7, 10.0.0.2"]), "198.51.100.7");
        assert_eq!(
            seen("10.0.0.1", &["203.0.113.9", "198.51.100.7"]),
            "198.51.100.7",
            "the last header is the nearest"
        );
        assert_eq!(seen("::1", &["[2001:db8::1]:4711"]), "2001:db8::1");
        assert_eq!(seen("10.0.0.1", &["unknown"]), "10.0.0.1");
    }
}
