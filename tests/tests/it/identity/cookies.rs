//! Sessions in a browser: cookies, other sites' pages, and what vendors get to see of them.

use patchbay_model::identity::Role;
use patchbay_tests::{Browser, Fixture, TestHub, Vendor};
use reqwest::Method;
use serde_json::json;

use super::scene::{PASSWORD, add, member};

const SESSION: &str = "__Host-patchbay_session";

async fn signed_in(hub: &TestHub, email: &str) -> Browser {
    let browser = Browser::new(hub);
    let body = json!({"email": email, "password": PASSWORD});
    let reply = browser.post("/v1/session", &body).await.expect(200);
    assert_eq!(reply.json()["token"], json!(null), "no script gets the token");
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    browser
}

pub async fn a_browser_signs_in_acts_and_signs_out() {
    let hub = TestHub::start().await;
    let org = hub.org("acme").await;
    add(&hub, &org, "ada@example.com", Role::Owner).await;
    let browser = signed_in(&hub, "ada@example.com").await;
    let kept = browser.cookie(SESSION).unwrap();
    let _ = browser.get("/v1/members").await.expect(200);
    let made = browser.post("/v1/api-keys", &json!({"name": "ci", "scopes": ["read"]})).await.expect(201);
    assert_eq!(made.json()["key"]["made_by"], browser.get("/v1/session").await.json()["actor"]);
    assert_eq!(browser.get("/v1/sessions").await.expect(200).json()["items"].as_array().unwrap().len(), 1);
    let _ = browser.send_json("DELETE", "/v1/session", &json!({}), "same-origin").await.expect(204);
    assert_eq!(browser.cookie(SESSION), None);
    browser.set_cookie(SESSION, &kept);
    browser.get("/v1/members").await.expect_problem("unauthenticated");
}

pub async fn a_browser_whose_session_has_ended_is_nobody_and_gets_rid_of_its_cookie() {
    let hub = TestHub::start().await;
    let org = hub.org("acme").await;
    let owner = member(&hub, &org, "ada@example.com", Role::Owner).await;
    let browser = signed_in(&hub, "ada@example.com").await;
    let kept = browser.cookie(SESSION).unwrap();
    let _ = browser.send_json("DELETE", "/v1/session", &json!({}), "same-origin").await.expect(204);
    browser.set_cookie(SESSION, &kept);
    let _ = browser.get("/openapi.json").await.expect(200);
    let invitation = json!({"email": "bob@example.com", "role": "viewer"});
    let invited = owner.call("POST", "/v1/invitations").json(&invitation).send().await.expect(201).json();
    let acceptance = json!({"token": invited["token"], "password": PASSWORD, "name": "Bob"});
    let _ = browser.post("/v1/invitations/accept", &acceptance).await.expect(200);
    let _ = browser.get("/v1/members").await.expect(200);
    browser.set_cookie(SESSION, &kept);
    browser.send_json("DELETE", "/v1/session", &json!({}), "same-origin").await.expect_problem("unauthenticated");
    assert_eq!(browser.cookie(SESSION), None);
}

pub async fn another_sites_page_changes_nothing_and_signs_nobody_in() {
    let hub = TestHub::start().await;
    let org = hub.org("acme").await;
    add(&hub, &org, "ada@example.com", Role::Owner).await;
    let browser = signed_in(&hub, "ada@example.com").await;
    let key = json!({"name": "ci", "scopes": ["read"]});
    for site in ["cross-site", "same-site"] {
        let reply = browser.send_json("POST", "/v1/api-keys", &key, site).await;
        reply.expect_problem("cross_origin");
        let sign_in = json!({"email": "ada@example.com", "password": PASSWORD});
        let reply = browser.send_json("POST", "/v1/session", &sign_in, site).await;
        reply.expect_problem("cross_origin");
        let reply = browser.send_json("POST", "/v1/oidc/authorize", &json!({}), site).await;
        reply.expect_problem("cross_origin");
    }
    let with = async |headers: &[(&str, &str)]| {
        let all: Vec<_> = headers.iter().copied().chain([("content-type", "application/json")]).collect();
        browser.send(Method::POST, "/v1/api-keys", &all, Some(key.to_string())).await
    };
    with(&[]).await.expect_problem("cross_origin");
    with(&[("origin", "https://evil.example")]).await.expect_problem("cross_origin");
    with(&[("origin", "null")]).await.expect_problem("cross_origin");
    let _ = with(&[("origin", &hub.url)]).await.expect(201);
    // reading is not changing, and a program is no browser
    let _ = browser.send(Method::GET, "/v1/api-keys", &[("sec-fetch-site", "cross-site")], None).await.expect(200);
    let token = browser.cookie(SESSION).unwrap();
    let _ = org.with_key(&token).call("POST", "/v1/api-keys").json(&key).send().await.expect(201);
}

pub async fn a_cookie_holds_a_session_and_nothing_else() {
    let hub = TestHub::start().await;
    let org = hub.org("acme").await;
    let browser = Browser::new(&hub);
    for wrong in [org.key.as_str(), "pbs_x", ""] {
        browser.set_cookie(SESSION, wrong);
        browser.get("/v1/runs").await.expect_problem("unauthenticated");
    }
}

pub async fn a_new_password_takes_the_place_of_the_cookie() {
    let hub = TestHub::start().await;
    let org = hub.org("acme").await;
    let program = member(&hub, &org, "ada@example.com", Role::Owner).await;
    let browser = signed_in(&hub, "ada@example.com").await;
    let before = browser.cookie(SESSION);
    let body = json!({"current": PASSWORD, "new": "a new and better one"});
    let _ = browser.send_json("PUT", "/v1/session/password", &body, "same-origin").await.expect(200);
    assert_ne!(browser.cookie(SESSION), before);
    let _ = browser.get("/v1/runs").await.expect(200);
    program.get("/v1/runs").await.expect_problem("unauthenticated");
}

pub async fn a_vendor_neither_sees_nor_sets_the_hubs_cookies() {
    let vendor = Vendor::start().await;
    let hub = TestHub::setup().upstream("vendor.test", &vendor.url()).start().await;
    let org = hub.org("acme").await;
    let _ = org.upload(Fixture::load("echo").pack()).await.expect(201);
    let _ = org.install("echo", json!({})).await.expect(200);
    let _ = org.connect("echo", "secret_key", "sk-long-enough").await.expect(200);
    let cookies = "a=1; __Host-patchbay_session=pbs_canary; b=2";
    let call = org.call("POST", "/v1/proxy/echo/echo").header("cookie", cookies).json(&json!({}));
    let _ = call.send().await;
    for request in vendor.requests() {
        let seen = format!("{request:?}");
        assert!(!seen.contains("pbs_canary"), "{seen}");
    }
}
