//! A credential goes where the manifest says and nowhere else.

use std::sync::Arc;

use bytes::Bytes;
use patchbay_egress::{Body, BodySecret, EgressError};
use patchbay_package::manifest::Inject;

use crate::support::{HOST, SECRET, Vendor, bearer, get, headers, ok, request, rules, rules_for};

#[tokio::test]
async fn it_takes_the_place_of_the_guests_own_header() {
    let vendor = Vendor::saying(ok("")).await;
    let mut request = get("/");
    request.headers = headers(&[("Authorization", "Bearer guess"), ("AUTHORIZATION", "Basic guess"), ("x-other", "1")]);
    request.credential = Some(bearer());
    vendor.egress().send(&rules(), request).await.unwrap();
    let seen = &vendor.seen()[0];
    assert_eq!(seen.header("authorization"), [format!("Bearer {SECRET}")]);
    assert_eq!(seen.header("x-other"), ["1"]);
}

#[tokio::test]
async fn it_takes_the_place_of_the_guests_own_parameter() {
    let vendor = Vendor::saying(ok("")).await;
    let mut request = get("/v1?key=guess&a=1&%6Bey=guess");
    let place = Inject { query: Some("key".to_owned()), ..Inject::default() };
    request.credential = Some(patchbay_egress::Injection { place, ..bearer() });
    vendor.egress().send(&rules(), request).await.unwrap();
    assert_eq!(vendor.seen()[0].target(), format!("/v1?a=1&key={SECRET}"));
}

#[tokio::test]
async fn it_goes_only_to_its_own_hosts() {
    let vendor = Vendor::saying(ok("")).await;
    let mut config = vendor.config();
    let base = config.upstreams[HOST].clone();
    config.upstreams.insert("other.example.com".to_owned(), base);
    let both = rules_for(
        "[[egress]]\nhost = \"api.example.com\"\nmethods = [\"GET\"]\npaths = [\"/**\"]\n\
         [[egress]]\nhost = \"other.example.com\"\nmethods = [\"GET\"]\npaths = [\"/**\"]",
    );
    let mut request = get("/");
    request.url.set_host(Some("other.example.com")).unwrap();
    request.credential = Some(bearer());
    let error = crate::support::egress(config).send(&both, request).await.unwrap_err();
    assert!(matches!(&error, EgressError::Denied(text) if text.contains("other.example.com")), "{error}");
    assert_eq!(vendor.connections(), 0);
}

#[tokio::test]
async fn a_denied_request_and_a_failed_one_say_nothing_of_it() {
    let mut config = Vendor::saying(ok("")).await.config();
    // A port that nothing listens on.
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    config.upstreams.insert(HOST.to_owned(), format!("http://{free}").parse().unwrap());
    config.max_retries = 0;
    let place = Inject { query: Some("key".to_owned()), ..Inject::default() };
    let mut request = get("/v1");
    request.credential = Some(patchbay_egress::Injection { place, ..bearer() });
    assert!(!format!("{request:?}").contains(SECRET));
    let error = crate::support::egress(config).send(&rules(), request).await.unwrap_err();
    assert!(matches!(error, EgressError::Unreachable(_)), "{error}");
    assert!(!format!("{error} {error:?}").contains(SECRET), "{error:?}");
}

/// A credential that is the path of a URL.
fn secret_path(secret: &str) -> patchbay_egress::Injection {
    let place = Inject { path: Some("/services/*/*".to_owned()), ..Inject::default() };
    patchbay_egress::Injection { place, hosts: vec![HOST.to_owned()], secret: Arc::new(secret.into()), user: None }
}

#[tokio::test]
async fn a_secret_path_is_asked_for_in_the_place_of_the_guests() {
    let vendor = Vendor::saying(ok("")).await;
    let mut request = get("/services/some/thing?x=1");
    request.credential = Some(secret_path(&format!("https://{HOST}/services/T0/canary-of-the-path")));
    vendor.egress().send(&rules(), request).await.unwrap();
    let seen = &vendor.seen()[0];
    assert_eq!(seen.target(), "/services/T0/canary-of-the-path");
    assert!(seen.header("authorization").is_empty());
}

#[tokio::test]
async fn a_secret_path_leads_only_where_the_plugin_may_go_and_is_not_said() {
    let vendor = Vendor::saying(ok("")).await;
    let narrow =
        rules_for(&format!("[[egress]]\nhost = \"{HOST}\"\nmethods = [\"GET\"]\npaths = [\"/services/T0/*\"]"));
    for secret in [
        "/services/T1/canary-of-the-path".to_owned(),
        "https://other.example.com/services/T0/canary-of-the-path".to_owned(),
        format!("https://{HOST}/admin/canary-of-the-path"),
        format!("https://{HOST}/services/../canary-of-the-path"),
    ] {
        let mut request = get("/services/T0/x");
        request.credential = Some(secret_path(&secret));
        let error = vendor.egress().send(&narrow, request).await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
    }
    assert_eq!(vendor.connections(), 0);
}

/// A request whose body has a place for the secret of webhooks that go there.
fn told_of_a_webhook(webhook_url: &str) -> patchbay_egress::Request {
    let place = Inject {
        json: Some("/webhook_auth_header_value".to_owned()),
        webhook_url: Some("/webhook_url".to_owned()),
        ..Inject::default()
    };
    let secret = Arc::new("canary-of-the-body".into());
    let credential = patchbay_egress::Injection { place, hosts: vec![HOST.to_owned()], secret, user: None };
    let mut post = request("POST", "/v2/transcript");
    let body = format!(r#"{{"webhook_url":"{webhook_url}","webhook_auth_header_value":""}}"#);
    post.body = Body::Bytes(Bytes::from(body));
    post.credential = Some(bearer());
    post.body_secrets = vec![BodySecret { credential, webhook_url: "https://hub.example.com/hooks/abc".to_owned() }];
    post
}

#[tokio::test]
async fn a_secret_for_webhooks_goes_into_the_body_beside_the_credential_and_beside_our_address_only() {
    let vendor = Vendor::saying(ok("")).await;
    let ours = told_of_a_webhook("https://hub.example.com/hooks/abc");
    assert!(!format!("{ours:?}").contains("canary"));
    vendor.egress().send(&rules(), ours).await.unwrap();
    vendor.egress().send(&rules(), told_of_a_webhook("https://evil.example.com/hooks/abc")).await.unwrap();
    let seen = vendor.seen();
    let bodies: Vec<_> = seen.iter().map(|seen| String::from_utf8_lossy(&seen.body)).collect();
    assert!(bodies[0].contains(r#""webhook_auth_header_value":"canary-of-the-body""#), "{}", bodies[0]);
    assert!(!bodies[1].contains("canary"), "{}", bodies[1]);
    assert_eq!(seen[0].header("content-length"), [seen[0].body.len().to_string()]);
    assert_eq!(seen[0].header("authorization"), [format!("Bearer {SECRET}")]);
}
