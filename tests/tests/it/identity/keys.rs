//! API keys over the API.

use chrono::Duration;
use patchbay_model::identity::Role;
use patchbay_tests::TestHub;
use serde_json::{Value, json};

use super::scene::{clock, member};

pub async fn a_key_is_made_used_replaced_and_revoked() {
    let clock = clock();
    let hub = TestHub::setup().clock(clock.clone()).start().await;
    let org = hub.org("acme").await;
    let admin = member(&hub, &org, "admin@example.com", Role::Admin).await;
    let body = json!({"name": "ci", "scopes": ["read", "invoke", "read"]});
    let made = admin.call("POST", "/v1/api-keys").json(&body).send().await.expect(201).json();
    assert_eq!(made["key"]["scopes"], json!(["invoke", "read"]));
    assert_eq!(made["key"]["used_at"], Value::Null);
    let path = format!("/v1/api-keys/{}", made["key"]["id"].as_str().unwrap());
    let old = org.with_key(made["secret"].as_str().unwrap());
    let _ = old.get("/v1/runs").await.expect(200);
    old.get("/v1/api-keys").await.expect_problem("scope_missing");

    let rotate = |seconds: u64| json!({"overlap_seconds": seconds});
    let replace = format!("{path}/rotate");
    let refused = admin.call("POST", &replace).json(&rotate(604_801)).send().await;
    refused.expect_problem("invalid_input");
    let new = admin.call("POST", &replace).json(&rotate(60)).send().await.expect(201).json();
    assert_eq!(new["key"]["replaces"], made["key"]["id"]);
    let fresh = org.with_key(new["secret"].as_str().unwrap());
    for key in [&old, &fresh] {
        let _ = key.get("/v1/runs").await.expect(200);
    }
    clock.advance(Duration::seconds(60));
    old.get("/v1/runs").await.expect_problem("key_expired");
    let _ = fresh.get("/v1/runs").await.expect(200);

    let listed = admin.get("/v1/api-keys?limit=2").await.expect(200);
    assert!(!listed.text().contains("pb_"), "no key comes out again");
    assert!(listed.json()["next"].is_string());
    let fresh_path = format!("/v1/api-keys/{}", new["key"]["id"].as_str().unwrap());
    let _ = admin.call("DELETE", &fresh_path).send().await.expect(204);
    fresh.get("/v1/runs").await.expect_problem("unauthenticated");
    assert!(admin.get(&fresh_path).await.expect(200).json()["revoked_at"].is_string());
    admin.call("POST", &format!("{fresh_path}/rotate")).json(&json!({})).send().await.expect_problem("conflict");
}

pub async fn nobody_makes_a_key_that_may_do_more() {
    let hub = TestHub::start().await;
    let org = hub.org("acme").await;
    let admin = member(&hub, &org, "admin@example.com", Role::Admin).await;
    let make = |org: &patchbay_tests::Org, scope: &str| {
        org.call("POST", "/v1/api-keys").json(&json!({"name": "x", "scopes": [scope]})).send()
    };
    make(&admin, "operator").await.expect_problem("forbidden");
    let _ = make(&admin, "admin").await.expect(201);
    let keeper = org.with_key(&org.new_key(&hub, &[patchbay_model::org::Scope::Keys], None).await);
    make(&keeper, "read").await.expect_problem("forbidden");
    let _ = make(&keeper, "keys").await.expect(201);
}
