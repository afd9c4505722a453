//! What the hub says whatever is asked: methods that there are, requests by their own ids, and that it lives.

use patchbay_model::org::Scope;

use super::assert_problem;
use crate::support::{Face, request};

#[tokio::test]
async fn a_method_that_a_route_does_not_take_is_refused_with_those_that_it_takes() {
    let face = Face::new().await;
    let key = face.key(&Scope::ALL).await;
    for (method, path, allow) in [("POST", "/v1/runs", "GET,HEAD"), ("PATCH", "/v1/plugins", "GET,HEAD,POST")] {
        let reply = face.send(request(method, path, Some(&key), None, "")).await;
        assert_problem(&reply, 405, "method_not_allowed", path);
        assert_eq!(reply.header("allow"), allow);
    }
}

#[tokio::test]
async fn the_request_id_is_ours_and_never_the_clients() {
    let face = Face::new().await;
    let mut request = request("GET", "/healthz", None, None, "");
    request.headers_mut().insert("x-request-id", "mine".parse().unwrap());
    let reply = face.send(request).await;
    assert!(reply.header("x-request-id").starts_with("req_"));
}

#[tokio::test]
async fn the_hub_says_that_it_lives_and_when_it_stops_taking_calls() {
    let face = Face::new().await;
    assert_eq!(face.get("/healthz", None).await.text, r#"{"status":"ok"}"#);
    assert_eq!(face.get("/readyz", None).await.text, r#"{"status":"ready"}"#);
    face.hub.shutdown().await;
    assert_eq!(face.get("/healthz", None).await.status, 200);
    assert_problem(&face.get("/readyz", None).await, 503, "unavailable", "after the shutdown");
}
