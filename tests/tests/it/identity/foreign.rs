//! What one org has, another org's people and keys do not find, whatever right they have at home.

use patchbay_model::identity::Role;
use patchbay_tests::{Fixture, TestHub};
use serde_json::{Value, json};

use super::scene::{add, member};

pub async fn another_orgs_people_keys_and_sessions_are_not_found() {
    let hub = TestHub::start().await;
    let (ours, theirs) = (hub.org("ours").await, hub.org("theirs").await);
    let _ = ours.upload(Fixture::load("echo").pack()).await.expect(201);
    let user = add(&hub, &theirs, "grace@example.com", Role::Viewer).await;
    let owner = member(&hub, &theirs, "owner@example.com", Role::Owner).await;
    let id = |reply: Value, pointer: &str| reply.pointer(pointer).unwrap().as_str().unwrap().to_owned();
    let post = async |path: &str, body: Value| theirs.call("POST", path).json(&body).send().await.expect(201).json();
    let key = id(post("/v1/api-keys", json!({"name": "x", "scopes": ["read"]})).await, "/key/id");
    let invitation = post("/v1/invitations", json!({"email": "x@example.com", "role": "viewer"})).await;
    let invitation = id(invitation, "/invitation/id");
    let connect = post("/v1/connect-sessions", json!({"plugins": ["echo"], "end_user": "x"})).await;
    let connect = id(connect, "/session/id");
    let session = id(owner.get("/v1/sessions").await.expect(200).json(), "/items/0/id");

    let thief = member(&hub, &ours, "thief@example.com", Role::Owner).await;
    for caller in [&ours, &thief] {
        for (method, path, body) in [
            ("GET", format!("/v1/members/{user}"), None),
            ("PUT", format!("/v1/members/{user}"), Some(json!({"role": "viewer"}))),
            ("DELETE", format!("/v1/members/{user}"), None),
            ("DELETE", format!("/v1/invitations/{invitation}"), None),
            ("GET", format!("/v1/api-keys/{key}"), None),
            ("DELETE", format!("/v1/api-keys/{key}"), None),
            ("POST", format!("/v1/api-keys/{key}/rotate"), Some(json!({}))),
            ("GET", format!("/v1/connect-sessions/{connect}"), None),
            ("DELETE", format!("/v1/connect-sessions/{connect}"), None),
        ] {
            let mut call = caller.call(method, &path);
            if let Some(body) = &body {
                call = call.json(body);
            }
            let reply = call.send().await;
            assert_eq!(reply.code(), "not_found", "{method} {path}: {}", reply.text());
        }
        for list in ["/v1/members", "/v1/invitations"] {
            assert!(!caller.get(list).await.expect(200).text().contains("grace@"), "{list}");
        }
    }
    thief.call("DELETE", &format!("/v1/sessions/{session}")).send().await.expect_problem("not_found");
    let switch = thief.call("POST", "/v1/session/switch").json(&json!({"org": theirs.id})).send().await;
    switch.expect_problem("not_found");

    let _ = owner.get(&format!("/v1/members/{user}")).await.expect(200);
    assert!(theirs.get(&format!("/v1/api-keys/{key}")).await.expect(200).json()["revoked_at"].is_null());
    let _ = theirs.get(&format!("/v1/connect-sessions/{connect}")).await.expect(200);
}
