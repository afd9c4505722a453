//! URLs that orgs chose themselves: what is inside is not reached, whatever a name server says and when.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::HeaderMap;
use patchbay_egress::{Egress, EgressConfig, EgressError, EndpointRules, Lookup, Post};
use url::Url;

use crate::support::{Vendor, org};

/// A name that leads to the open Internet once, and inside from then on.
struct Rebinding {
    asked: AtomicUsize,
    inside: &'static str,
}

impl Lookup for Rebinding {
    fn lookup(&self, _host: &str) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> {
        let address = if self.asked.fetch_add(1, Ordering::SeqCst) == 0 { "93.184.215.14" } else { self.inside };
        Box::pin(async move { Ok(vec![address.parse().unwrap()]) })
    }
}

/// Names that always lead to these.
struct Fixed(&'static [&'static str]);

impl Lookup for Fixed {
    fn lookup(&self, _host: &str) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> {
        let addresses = self.0.iter().map(|address| address.parse().unwrap()).collect();
        Box::pin(async move { Ok(addresses) })
    }
}

fn rules(allow: &[&str]) -> EndpointRules {
    let allow_addresses = allow.iter().map(|net| net.parse().unwrap()).collect();
    EndpointRules { allow_http: true, allow_addresses, ports: Vec::new() }
}

fn egress(rules: EndpointRules, lookup: impl Lookup) -> Egress {
    Egress::new(EgressConfig { endpoints: rules, ..EgressConfig::default() }, Arc::new(lookup)).unwrap()
}

fn post(url: &str) -> Post {
    Post {
        org: org(1),
        url: Url::parse(url).unwrap(),
        headers: HeaderMap::new(),
        body: Bytes::from_static(b"{}"),
        timeout: Duration::from_secs(5),
        most_answer: 1024,
    }
}

#[tokio::test]
async fn a_name_that_leads_inside_by_the_time_of_the_request_is_not_followed_there() {
    let vendor = Vendor::saying("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    for (inside, why) in [
        ("127.0.0.1", "loopback"),
        ("10.0.0.1", "a private network"),
        ("169.254.169.254", "a cloud's metadata service"),
        ("::1", "loopback"),
        ("::ffff:127.0.0.1", "loopback"),
        ("::ffff:169.254.169.254", "a cloud's metadata service"),
        ("fd00:ec2::254", "a cloud's metadata service"),
    ] {
        let egress = egress(rules(&[]), Rebinding { asked: AtomicUsize::new(0), inside });
        let url = format!("http://rebinding.example:{}/", vendor.address.port());
        assert_eq!(egress.check_endpoint(&Url::parse(&url).unwrap()).await, Ok(()), "it leads outside when it is made");
        let refused = egress.post(post(&url)).await.unwrap_err();
        assert!(matches!(&refused, EgressError::AddressDenied(text) if text.contains(why)), "{inside}: {refused:?}");
    }
    assert_eq!(vendor.connections(), 0);
}

#[tokio::test]
async fn a_name_of_which_every_address_is_inside_is_refused_when_an_endpoint_is_made() {
    for inside in [&["127.0.0.1"][..], &["10.0.0.1", "::1"], &["::ffff:169.254.169.254"], &["fd00:ec2::254"]] {
        let egress = egress(rules(&[]), Fixed(Box::leak(Box::new(inside))));
        let refused = egress.check_endpoint(&Url::parse("https://example.com/").unwrap()).await;
        assert!(refused.is_err(), "{inside:?}");
    }
    let egress = egress(rules(&[]), Fixed(&["10.0.0.1", "1.1.1.1"]));
    assert_eq!(egress.check_endpoint(&Url::parse("https://example.com/").unwrap()).await, Ok(()), "one is outside");
}

#[tokio::test]
async fn a_literal_address_is_checked_at_each_request() {
    let vendor = Vendor::saying("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let egress = egress(rules(&[]), Fixed(&[]));
    let port = vendor.address.port();
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "[::ffff:127.0.0.1]",
        "localhost",
        "LOCALHOST.",
        "a.localhost",
    ] {
        let refused = egress.post(post(&format!("http://{host}:{port}/"))).await.unwrap_err();
        assert!(matches!(refused, EgressError::AddressDenied(_)), "{host}: {refused:?}");
    }
    assert_eq!(vendor.connections(), 0);
}

#[tokio::test]
async fn what_is_open_to_plugins_is_not_open_to_endpoints() {
    let config = EgressConfig { allow_addresses: vec!["127.0.0.0/8".parse().unwrap()], ..EgressConfig::default() };
    let egress =
        Egress::new(EgressConfig { endpoints: rules(&[]), ..config }, Arc::new(Fixed(&["127.0.0.1"]))).unwrap();
    assert!(egress.post(post("http://inside.example/")).await.is_err());
}

#[tokio::test]
async fn the_beginning_of_an_answer_is_read_and_no_more() {
    let body = "x".repeat(100_000);
    let vendor =
        Vendor::saying(format!("HTTP/1.1 500 Oh\r\nretry-after: 7\r\ncontent-length: {}\r\n\r\n{body}", body.len()))
            .await;
    let egress = egress(rules(&["127.0.0.0/8"]), Fixed(&["127.0.0.1"]));
    let posted = egress.post(post(&format!("http://{}/", vendor.address))).await.unwrap();
    assert_eq!((posted.status, posted.retry_after, posted.answer.len()), (500, Some(Duration::from_secs(7)), 1024));
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let vendor = Vendor::saying("HTTP/1.1 204 No Content\r\n\r\n").await;
    let egress = egress(rules(&["127.0.0.0/8"]), Fixed(&["127.0.0.1"]));
    for _ in 0..5 {
        let posted = egress.post(post(&format!("http://hooks.example:{}/", vendor.address.port()))).await.unwrap();
        assert_eq!(posted.status, 204);
    }
    assert_eq!((vendor.connections(), vendor.seen().len()), (1, 5));
}

#[tokio::test]
async fn a_redirect_is_an_answer() {
    let vendor = Vendor::saying("HTTP/1.1 307 Elsewhere\r\nlocation: /other\r\ncontent-length: 0\r\n\r\n").await;
    let egress = egress(rules(&["127.0.0.0/8"]), Fixed(&["127.0.0.1"]));
    let posted = egress.post(post(&format!("http://{}/", vendor.address))).await.unwrap();
    assert_eq!((posted.status, vendor.seen().len()), (307, 1));
}

#[tokio::test]
async fn without_leave_only_https_on_its_ports_is_taken() {
    let egress = egress(EndpointRules::default(), Fixed(&["1.1.1.1"]));
    for (url, fine) in [
        ("https://example.com/", true),
        ("https://example.com:8443/", true),
        ("https://example.com:22/", false),
        ("http://example.com/", false),
        ("https://user@example.com/", false),
        ("https://metadata.google.internal/", false),
    ] {
        assert_eq!(egress.check_endpoint(&Url::parse(url).unwrap()).await.is_ok(), fine, "{url}");
    }
}
