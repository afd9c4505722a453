//! The request that is sent is the request that was checked.

use patchbay_tests::Vendor;
use serde_json::json;

use crate::{
    scene::{VENDOR_KEY, ZooScene},
    zoo::patient,
};

async fn smuggle(trick: &str) -> (patchbay_tests::Reply, ZooScene) {
    let scene = ZooScene::start(&patient("smuggler")).await;
    let reply = scene.hostile.act("smuggler", "run", &json!({"text": trick})).await;
    (reply, scene)
}

fn headers(vendor: &Vendor, name: &str) -> Vec<String> {
    let requests = vendor.requests();
    assert_eq!(requests.len(), 1);
    requests[0].headers.iter().filter(|(have, _)| have == name).map(|(_, value)| value.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_url_that_means_two_things_is_refused() {
    for trick in ["user-info", "absolute-path", "backslash", "line-break", "plain-http", "other-port"] {
        let (reply, scene) = smuggle(trick).await;
        assert!(reply.status >= 400, "{trick}: {}", reply.text());
        assert!(scene.vendor.requests().is_empty(), "{trick} reached the vendor: {:?}", scene.vendor.requests());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dot_segments_are_resolved_before_the_check_and_not_after() {
    for trick in ["dot-segments", "encoded-dots"] {
        let (reply, scene) = smuggle(trick).await;
        let paths: Vec<String> = scene.vendor.requests().iter().map(|request| request.path.clone()).collect();
        assert!(reply.status >= 400 && paths.is_empty() || paths == ["/echo"], "{trick}: {paths:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_header_is_the_hosts_own() {
    let (reply, scene) = smuggle("forged-host").await;
    let _ = reply.expect(200);
    assert!(!headers(&scene.vendor, "host")[0].contains("elsewhere"));
}

#[tokio::test(flavor = "multi_thread")]
async fn framing_headers_of_the_guest_are_dropped() {
    let (reply, scene) = smuggle("framing").await;
    let _ = reply.expect(200);
    assert!(headers(&scene.vendor, "transfer-encoding").is_empty());
    let requests = scene.vendor.requests();
    assert!(!requests[0].header("connection").unwrap_or("").contains("x-secret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_break_in_a_header_is_refused() {
    let (reply, scene) = smuggle("header-break").await;
    assert!(reply.status >= 400, "{}", reply.text());
    assert!(scene.vendor.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guests_own_authorization_gives_way_to_the_credential() {
    let (reply, scene) = smuggle("own-authorization").await;
    let _ = reply.expect(200);
    assert_eq!(headers(&scene.vendor, "authorization"), [format!("Bearer {VENDOR_KEY}")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_goes_to_its_own_hosts_only() {
    let (reply, scene) = smuggle("credential-elsewhere").await;
    assert!(["plugin_denied", "egress_denied"].contains(&reply.code().as_str()), "{}", reply.text());
    assert!(scene.vendor.requests().is_empty());
}
