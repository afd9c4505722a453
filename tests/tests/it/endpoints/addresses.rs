//! Addresses that no endpoint may have: refused when one is made, and again when it is connected to.

use patchbay_tests::{Answered, TestHub, TestReceiver, Trap};
use serde_json::json;

use super::scene::{Scene, publisher};

const REFUSED: &[&str] = &[
    "http://example.com/",
    "ftp://example.com/",
    "https://user@example.com/",
    "https://user:password@example.com/",
    "https://example.com:22/",
    "https://127.0.0.1/",
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0177.0.0.1/",
    "https://0.0.0.0/",
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://192.168.1.1/",
    "https://100.64.0.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://metadata.google.internal/",
    "https://localhost/",
    "https://LOCALHOST./",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:a9fe:a9fe]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[2002:7f00:1::]/",
    "https://[fe80::1]/",
    "https://[fd00:ec2::254]/",
    "https://\u{2460}\u{2461}\u{2466}.0.0.1/",
    "nonsense",
];

pub async fn an_endpoint_at_an_address_of_the_inside_is_not_made() {
    let hub = TestHub::start().await;
    let org = hub.org("acme").await;
    for url in REFUSED {
        let reply = org.call("POST", "/v1/endpoints").json(&json!({"url": url})).send().await;
        reply.expect_problem("invalid_input");
        assert_eq!(reply.json()["violations"][0]["pointer"], "/url", "{url}");
    }
    let made = org.call("POST", "/v1/endpoints").json(&json!({"url": "https://1.1.1.1/"})).send().await.expect(201);
    let endpoint = format!("/v1/endpoints/{}", made.json()["endpoint"]["id"].as_str().unwrap());
    let moved = org.call("PATCH", &endpoint).json(&json!({"url": "https://10.0.0.1/"})).send().await;
    moved.expect_problem("invalid_input");
}

/// The operator allowed it when it was made, and does not any more; a name that leads elsewhere since is refused in the
/// same place.
pub async fn an_address_is_checked_again_when_it_is_connected_to() {
    let scene = Scene::start().await;
    let trap = Trap::start().await;
    let url = format!("http://localhost:{}/", trap.address().port());
    let at = |url: String| json!({"url": url});
    let _ = scene.org.call("POST", "/v1/endpoints").json(&at(url)).send().await.expect(201);
    let literal = format!("http://127.0.0.1:{}/", trap.address().port());
    let _ = scene.org.call("POST", "/v1/endpoints").json(&at(literal)).send().await.expect(201);
    let Scene { hub, org, .. } = scene;
    let hub = hub.restart_with(|config| config.egress.endpoints.allow_addresses = Vec::new()).await;
    let org = org.at(&hub);
    super::scene::publish(&org, "one").await;
    hub.hub.process_due_deliveries().await.unwrap();
    let deliveries = org.get("/v1/deliveries").await.expect(200).json();
    assert_eq!(deliveries["items"].as_array().unwrap().len(), 2);
    for delivery in deliveries["items"].as_array().unwrap() {
        let told = org.get(&format!("/v1/deliveries/{}", delivery["id"].as_str().unwrap())).await.expect(200).json();
        assert_eq!(told["attempts"][0]["error"], "address_refused", "{told}");
    }
    assert_eq!(trap.connections(), 0);
}

pub async fn a_redirect_is_not_followed() {
    let scene = Scene::start().await;
    let trap = Trap::start().await;
    let (endpoint, _) = scene.endpoint(json!({})).await;
    let inside = format!("http://{}/", trap.address());
    scene.receiver.answer(Answered::status(307).header("location", &inside));
    scene.publish("one").await;
    scene.settle().await;
    assert_eq!(scene.delivery(&endpoint).await["attempts"][0]["status"], 307);
    assert_eq!(trap.connections(), 0);
}

pub async fn connections_of_one_org_are_not_anothers() {
    let scene = Scene::start().await;
    let other = publisher(&scene.hub, "other").await;
    let receiver = TestReceiver::start().await;
    let _ = super::scene::endpoint_at(&scene.org, &receiver, json!({})).await;
    let _ = super::scene::endpoint_at(&other, &receiver, json!({})).await;
    scene.publish("ours").await;
    super::scene::publish(&other, "theirs").await;
    scene.settle().await;
    let texts: Vec<_> = receiver.received().iter().map(|one| one.json()["data"]["text"].clone()).collect();
    assert_eq!(texts.len(), 2);
    assert_eq!(other.get("/v1/deliveries").await.expect(200).json()["items"].as_array().unwrap().len(), 1);
}
