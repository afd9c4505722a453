//! Which IP addresses no plugin may reach, whatever name led to them.
//!
//! For IPv6 the list is the other way round: only global unicast (2000::/3) is reachable, less the parts
//! of it that carry an IPv4 address or lead nowhere, so a range that IANA assigns tomorrow is closed. The
//! standard library's `is_global` was rejected: it is unstable and knows neither NAT64 nor metadata.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// The check, with the operator's exceptions.
#[derive(Debug, Clone, Default)]
pub struct AddressPolicy {
    exceptions: Vec<IpNet>,
}

impl AddressPolicy {
    /// A check that lets these networks through.
    #[must_use]
    pub fn new(exceptions: Vec<IpNet>) -> Self {
        Self { exceptions }
    }

    /// Why the address may not be reached; none if it may.
    #[must_use]
    pub fn refusal(&self, address: IpAddr) -> Option<&'static str> {
        let address = address.to_canonical();
        if is_metadata(address) {
            // Only an entry for this very address: who opens 169.254.0.0/16 rarely means the cloud's keys.
            let named =
                self.exceptions.iter().any(|net| net.addr() == address && net.prefix_len() == net.max_prefix_len());
            return (!named).then_some("a cloud's metadata service");
        }
        if self.exceptions.iter().any(|net| net.contains(&address)) {
            // NAT64 opens a door to every IPv4 address, so the one behind it is checked as well.
            return match address {
                IpAddr::V6(v6) => translated(v6).and_then(|v4| self.refusal(IpAddr::V4(v4))),
                IpAddr::V4(_) => None,
            };
        }
        match address {
            IpAddr::V4(v4) => refused_v4(v4),
            IpAddr::V6(v6) => refused_v6(v6),
        }
    }
}

/// Addresses at which clouds hand out credentials, some of them in otherwise public ranges.
fn is_metadata(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => matches!(
            v4.octets(),
            [169, 254, 169, 254 | 253 | 123]
                | [169, 254, 170, 2 | 23]
                | [168, 63, 129, 16]
                | [100, 100, 100, 200]
                | [192, 0, 0, 192]
        ),
        IpAddr::V6(v6) => matches!(
            v6.segments(),
            [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254 | 0x253 | 0x23] | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254]
        ),
    }
}

/// Names under which clouds serve their metadata; refused before they are looked up.
#[must_use]
pub fn is_metadata_name(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    [
        "metadata",
        "metadata.google.internal",
        "metadata.goog",
        "metadata.azure.internal",
        "instance-data",
        "instance-data.ec2.internal",
    ]
    .iter()
    .any(|name| host.eq_ignore_ascii_case(name))
}

fn refused_v4(address: Ipv4Addr) -> Option<&'static str> {
    let reason = match address.octets() {
        [0, ..] => "this network (0.0.0.0/8)",
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => "a private network",
        [100, 64..=127, ..] => "shared by carriers (100.64.0.0/10)",
        [127, ..] => "loopback",
        [169, 254, ..] => "link-local",
        [192, 0, 0, _] => "protocol assignments (192.0.0.0/24)",
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => "documentation",
        [192, 88, 99, _] => "6to4 relays (192.88.99.0/24)",
        [198, 18 | 19, ..] => "benchmarking (198.18.0.0/15)",
        [224..=239, ..] => "multicast",
        [240..=255, ..] => "reserved or broadcast",
        _ => return None,
    };
    Some(reason)
}

fn refused_v6(address: Ipv6Addr) -> Option<&'static str> {
    let reason = match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => "unspecified",
        [0, 0, 0, 0, 0, 0, 0, 1] => "loopback",
        [0, 0, 0, 0, 0, 0, ..] => "IPv4-compatible",
        [0, 0, 0, 0, 0xffff, 0, ..] => "IPv4-translated",
        [0x64, 0xff9b, 0, 0, 0, 0, ..] | [0x64, 0xff9b, 1, ..] => "NAT64",
        [0x100, ..] => "discard-only",
        [0x2001, 0x0000..=0x01ff, ..] => "protocol assignments (2001::/23, Teredo among them)",
        [0x2001, 0xdb8, ..] | [0x3fff, 0x0000..=0x0fff, ..] => "documentation",
        [0x2002, ..] => "6to4",
        [0x5f00, ..] => "segment routing (5f00::/16)",
        [0xfc00..=0xfdff, ..] => "a private network",
        [0xfe80..=0xfebf, ..] => "link-local",
        [0xfec0..=0xfeff, ..] => "site-local",
        [0xff00..=0xffff, ..] => "multicast",
        [0x2000..=0x3fff, ..] => return None,
        _ => "not global unicast",
    };
    Some(reason)
}

/// The IPv4 address inside a NAT64 (RFC 6052 /96) or 6to4 one.
fn translated(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let v4 = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x64, 0xff9b, 1, _, _, _, high, low] | [0x2002, high, low, ..] => {
            Some(v4(high, low))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(address: &str) -> Option<&'static str> {
        AddressPolicy::default().refusal(address.parse().unwrap())
    }

    #[test]
    fn nothing_internal_is_reachable() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.1",
            "100.127.255.254",
            "127.0.0.1",
            "127.255.0.1",
            "169.254.0.1",
            "169.254.169.254",
            "169.254.170.2",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "168.63.129.16",
            "100.100.100.200",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:0:127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::808:808",
            "64:ff9b:1::1",
            "100::1",
            "100:0:0:1::1",
            "2001::1",
            "2001:0:4136:e378::1",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "3fff::1",
            "2002:7f00:1::",
            "2002:808:808::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fd12:3456::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "4000::1",
            "e000::1",
        ] {
            assert!(refusal(address).is_some(), "{address}");
        }
    }

    #[test]
    fn the_open_internet_is_reachable() {
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "128.0.0.1",
            "169.253.0.1",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.1",
            "192.167.0.1",
            "198.17.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450::1",
            "2400:cb00::1",
            "2001:4860:4860::8888",
            "::ffff:8.8.8.8",
        ] {
            assert_eq!(refusal(address), None, "{address}");
        }
    }

    #[test]
    fn an_exception_opens_its_network_but_no_metadata() {
        let policy = AddressPolicy::new(vec!["169.254.0.0/16".parse().unwrap(), "10.1.0.0/16".parse().unwrap()]);
        let refusal = |address: &str| policy.refusal(address.parse().unwrap());
        assert_eq!(refusal("10.1.2.3"), None);
        assert_eq!(refusal("::ffff:10.1.2.3"), None);
        assert!(refusal("10.2.0.1").is_some());
        assert_eq!(refusal("169.254.1.1"), None);
        assert_eq!(refusal("169.254.169.254"), Some("a cloud's metadata service"));
        let named = AddressPolicy::new(vec!["169.254.169.254/32".parse().unwrap()]);
        assert_eq!(named.refusal("169.254.169.254".parse().unwrap()), None);
    }

    #[test]
    fn an_exception_for_nat64_still_checks_the_address_behind_it() {
        let policy = AddressPolicy::new(vec!["64:ff9b::/96".parse().unwrap()]);
        assert_eq!(policy.refusal("64:ff9b::808:808".parse().unwrap()), None);
        assert_eq!(policy.refusal("64:ff9b::7f00:1".parse().unwrap()), Some("loopback"));
        assert!(policy.refusal("64:ff9b::a9fe:a9fe".parse().unwrap()).is_some());
    }
}
