//! Nothing internal is reached, whatever a URL or a name server says. A listener on this machine that sees
//! no connection is the proof.

use std::sync::{Arc, atomic::Ordering};

use patchbay_egress::{Egress, EgressConfig, EgressError, Rules};
use url::Url;

use crate::support::{HOST, Names, Vendor, egress, get, ok, org, rules, rules_for};

/// URLs by which people try to reach what is inside.
const HOSTILE_URLS: &[&str] = &[
    "https://127.0.0.1/",
    "https://127.1/",
    "https://127.0.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.1/",
    "https://017700000001/",
    "https://0177.0.0.1/",
    "https://0177.1/",
    "https://0/",
    "https://0.0.0.0/",
    "https://127.127.127.127/",
    "https://[::1]/",
    "https://[::]/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[::127.0.0.1]/",
    "https://[64:ff9b::127.0.0.1]/",
    "https://[2002:7f00:1::]/",
    "https://[fe80::1]/",
    "https://[fd00:ec2::254]/",
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://192.168.1.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://2852039166/latest/meta-data/",
    "https://0xa9fea9fe/",
    "https://0251.0376.0251.0376/",
    "https://[::ffff:169.254.169.254]/",
    "https://100.100.100.200/",
    "https://168.63.129.16/",
    "https://192.0.0.192/",
    "https://224.0.0.1/",
    "https://255.255.255.255/",
    "https://localhost/",
    "https://LOCALHOST/",
    "https://localhost./",
    "https://localhost.localdomain/",
    "https://ip6-localhost/",
    "https://metadata.google.internal/",
    "https://metadata/",
    "https://api.example.com.127.0.0.1.nip.io/",
    "https://api.example.com@127.0.0.1/",
    "https://api.example.com:x@127.0.0.1/",
    "https://127.0.0.1#@api.example.com/",
    "https://127.0.0.1?@api.example.com/",
    "https://127.0.0.1\\@api.example.com/",
    "https://api.example.com%2e127.0.0.1/",
    "https://api.example.com./",
    "https://xapi.example.com/",
    "https://api.example.com.evil.net/",
    "https://\u{2460}\u{2461}\u{2466}.0.0.1/",
    "https://127\u{3002}0\u{3002}0\u{3002}1/",
    "https://\u{ff11}27.0.0.1/",
    "https://evil\u{3002}net/",
    "http://api.example.com/",
    "ftp://api.example.com/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_INFO",
    "data:text/plain,x",
    "https://user@api.example.com/",
    "https://api.example.com:22/",
    "https://api.example.com:5432/",
    "https://api.example.com:6379/",
    "https://api.example.com:8080/",
    "https://api.example.com:80/",
    "https://api.example.com:9200/",
    "https://api.example.com:0/",
];

#[tokio::test]
async fn no_hostile_url_leads_anywhere() {
    // Whatever gets as far as a lookup would be told of this machine.
    let names = Names::new(&[&["127.0.0.1"]]);
    let egress = Egress::new(EgressConfig::default(), names.clone()).unwrap();
    for text in HOSTILE_URLS {
        // What the parser refuses, the runtime cannot even ask for.
        let Ok(url) = Url::parse(text) else { continue };
        let mut request = get("/");
        request.url = url;
        let error = egress.send(&rules(), request).await.unwrap_err();
        assert!(matches!(error, EgressError::Denied(_)), "{text}: {error}");
    }
    assert_eq!(names.asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn no_name_leads_inside() {
    let inside = Vendor::saying(ok("stolen")).await;
    for address in [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.5.5",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "100.100.100.200",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.251",
        "240.0.0.1",
        "255.255.255.255",
        "168.63.129.16",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::7f00:1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "5f00::1",
    ] {
        let config = EgressConfig { ports: vec![443, inside.address.port()], ..EgressConfig::default() };
        let egress = Egress::new(config, Names::new(&[&[address]])).unwrap();
        let mut request = get("/");
        request.url.set_port(Some(inside.address.port())).unwrap();
        let error = egress.send(&rules(), request).await.unwrap_err();
        assert!(matches!(&error, EgressError::AddressDenied(text) if text.contains(HOST)), "{address}: {error}");
    }
    assert_eq!(inside.connections(), 0);
}

/// A way out that may use the vendor's port, with these exceptions and names.
fn to_port(vendor: &Vendor, allow: &[&str], names: Arc<Names>) -> Egress {
    let config = EgressConfig {
        ports: vec![vendor.address.port()],
        allow_addresses: allow.iter().map(|net| net.parse().unwrap()).collect(),
        max_retries: 0,
        ..EgressConfig::default()
    };
    Egress::new(config, names).unwrap()
}

#[tokio::test]
async fn a_name_that_is_public_first_and_private_later_is_checked_each_time() {
    let inside = Vendor::saying(ok("stolen")).await;
    // The first answer is the operator's exception and stands for a public address.
    let names = Names::new(&[&["127.0.0.1"], &["10.0.0.1"]]);
    let egress = to_port(&inside, &["127.0.0.1/32"], names.clone());
    // It speaks no TLS, so it goes no further than the connection.
    let rules = rules();
    let send = || {
        let mut request = get("/");
        request.url.set_port(Some(inside.address.port())).unwrap();
        egress.send(&rules, request)
    };
    assert!(matches!(send().await, Err(EgressError::Unreachable(_))));
    assert_eq!(inside.connections(), 1);
    assert!(matches!(send().await, Err(EgressError::AddressDenied(_))));
    assert_eq!(names.asked.load(Ordering::SeqCst), 2);
    assert_eq!(inside.connections(), 1);
}

#[tokio::test]
async fn of_a_mixed_answer_only_the_open_addresses_are_tried() {
    // The blocked one has a listener on the same port; the open one leads nowhere.
    let inside = Vendor::saying(ok("stolen")).await;
    let egress = to_port(&inside, &["127.0.0.2/32"], Names::new(&[&["127.0.0.1", "127.0.0.2", "::1"]]));
    let mut request = get("/");
    request.url.set_port(Some(inside.address.port())).unwrap();
    assert!(matches!(egress.send(&rules(), request).await, Err(EgressError::Unreachable(_))));
    assert_eq!(inside.connections(), 0);
}

#[tokio::test]
async fn a_metadata_name_is_refused_before_it_is_looked_up() {
    let names = Names::new(&[&["1.1.1.1"]]);
    let egress = Egress::new(EgressConfig::default(), names.clone()).unwrap();
    let list = rules_for("[[egress]]\nhost = \"metadata.google.internal\"\nmethods = [\"GET\"]\npaths = [\"/**\"]");
    let mut request = get("/computeMetadata/v1/");
    request.url.set_host(Some("metadata.google.internal")).unwrap();
    assert!(matches!(egress.send(&list, request).await, Err(EgressError::AddressDenied(_))));
    assert_eq!(names.asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_operators_upstream_may_be_inside_but_opens_nothing_else() {
    let inside = Vendor::saying(ok("fine")).await;
    // The operator maps one vendor to a name inside; another plugin lists that very name as its own host.
    let base = Url::parse(&format!("http://sim.internal.example:{}", inside.address.port())).unwrap();
    let config = EgressConfig {
        upstreams: [(HOST.to_owned(), base)].into(),
        ports: vec![inside.address.port()],
        ..EgressConfig::default()
    };
    let egress = Egress::new(config, Names::new(&[&["127.0.0.1"]])).unwrap();
    assert_eq!(egress.send(&rules(), get("/")).await.unwrap().status, 200);

    let list = rules_for("[[egress]]\nhost = \"sim.internal.example\"\nmethods = [\"GET\"]\npaths = [\"/**\"]");
    let mut request = get("/");
    request.org = org(1);
    request.url = Url::parse(&format!("https://sim.internal.example:{}/", inside.address.port())).unwrap();
    assert!(matches!(egress.send(&list, request).await, Err(EgressError::AddressDenied(_))));
    assert_eq!(inside.connections(), 1);
}

#[tokio::test]
async fn a_host_that_settings_name_is_checked_like_any_other_and_finds_no_upstream_that_is_not_open() {
    let inside = Vendor::saying(ok("fine")).await;
    let base = Url::parse(&format!("http://{}", inside.address)).unwrap();
    let named = |host: &str| {
        let entry = format!("[[egress]]\nhost = {host:?}\nmethods = [\"GET\"]\npaths = [\"/**\"]");
        let manifest = format!("id = \"t\"\nname = \"T\"\nversion = \"1.0.0\"\napi = \"1.0.0\"\n{entry}");
        let manifest: patchbay_package::Manifest = toml::from_str(&manifest).unwrap();
        Rules::default().with_named(&manifest.egress).unwrap()
    };
    let to = |host: &str, port: u16| {
        let mut request = get("/");
        request.url = Url::parse(&format!("https://{host}:{port}/")).unwrap();
        request
    };
    let config = EgressConfig {
        upstreams: [("mapped.example.com".to_owned(), base.clone()), ("open.example.com".to_owned(), base)].into(),
        open_upstreams: ["open.example.com".to_owned()].into(),
        ports: vec![443, inside.address.port()],
        ..EgressConfig::default()
    };
    let egress = Egress::new(config, Names::new(&[&["127.0.0.1"]])).unwrap();
    let rules = named("inside.example.com");
    let error = egress.send(&rules, to("inside.example.com", inside.address.port())).await.unwrap_err();
    assert!(matches!(error, EgressError::AddressDenied(_)), "{error}");
    let error = egress.send(&named("mapped.example.com"), to("mapped.example.com", 443)).await.unwrap_err();
    assert!(matches!(&error, EgressError::Denied(text) if text.contains("open_upstreams")), "{error}");
    assert_eq!(inside.connections(), 0);
    // who maps the host for a plugin that lists it opens it for that one
    let listed = rules_for("[[egress]]\nhost = \"mapped.example.com\"\nmethods = [\"GET\"]\npaths = [\"/**\"]");
    assert_eq!(egress.send(&listed, to("mapped.example.com", 443)).await.unwrap().status, 200);
    assert_eq!(egress.send(&named("open.example.com"), to("open.example.com", 443)).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_unreachable() {
    let error =
        egress(EgressConfig { max_retries: 0, ..EgressConfig::default() }).send(&rules(), get("/")).await.unwrap_err();
    assert!(matches!(&error, EgressError::Unreachable(text) if text.contains("does not resolve")), "{error}");
}
