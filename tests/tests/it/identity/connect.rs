//! Connect sessions: an end user's browser connects one account, and can do nothing else.

use chrono::Duration;
use patchbay_hub::Caller;
use patchbay_model::{identity::Role, org::Scope};
use patchbay_tests::{Browser, Fixture, Org, TestHub};
use serde_json::{Value, json};

use super::scene::clock;
use crate::oauth::scene::OauthScene;

const SECRET: &str = "sk-end-user-canary";

/// A connect session for `echo`, and the org as its end user sees it.
async fn begin(org: &Org, plugins: &[&str]) -> (Value, Org) {
    let body = json!({"plugins": plugins, "end_user": "customer-1", "account": "Acme GmbH"});
    let begun = org.call("POST", "/v1/connect-sessions").json(&body).send().await.expect(201).json();
    let end_user = org.with_key(begun["token"].as_str().unwrap());
    (begun, end_user)
}

async fn with_echo() -> (TestHub, Org) {
    let hub = TestHub::setup().clock(clock()).start().await;
    let org = hub.org("Acme <&>").await;
    let _ = org.upload(Fixture::load("echo").pack()).await.expect(201);
    let _ = org.install("echo", json!({})).await.expect(200);
    (hub, org)
}

pub async fn an_end_user_connects_one_account_by_credentials() {
    let (hub, org) = with_echo().await;
    let key = org.new_key(&hub, &[Scope::Connect], None).await;
    let backend = org.with_key(&key);
    let (begun, end_user) = begin(&backend, &["echo"]).await;
    let shown = end_user.get("/v1/connect").await.expect(200).json();
    assert_eq!(shown["organization"], "Acme <&>");
    assert_eq!(shown["plugins"][0]["plugin"], "echo");
    assert_eq!((&shown["plugins"][0]["oauth"], &shown["connected_plugin"]), (&json!(false), &Value::Null));

    let put = |credentials| end_user.call("PUT", "/v1/connect/echo").json(&json!({"credentials": credentials})).send();
    put(json!({"nothing": SECRET})).await.expect_problem("invalid_input");
    let connected = put(json!({"secret_key": SECRET})).await.expect(200);
    assert_eq!(connected.json()["connected_plugin"], "echo");
    assert!(!connected.text().contains(SECRET));
    put(json!({"secret_key": "sk-another-one"})).await.expect_problem("conflict");

    let connection = org.get("/v1/connections/echo").await.expect(200).json();
    assert_eq!((&connection["account"], &connection["credentials"]), (&json!("Acme GmbH"), &json!(["secret_key"])));
    let id = begun["session"]["id"].as_str().unwrap();
    let seen = backend.get(&format!("/v1/connect-sessions/{id}")).await.expect(200);
    assert_eq!(seen.json()["connected_plugin"], "echo");
    assert!(!seen.text().contains("pbc_"));
}

pub async fn two_who_connect_at_once_connect_one_account() {
    let (_hub, org) = with_echo().await;
    let (_, end_user) = begin(&org, &["echo"]).await;
    let put = |secret: &str| {
        end_user.call("PUT", "/v1/connect/echo").json(&json!({"credentials": {"secret_key": secret}})).send()
    };
    let (one, other) = tokio::join!(put("sk-number-one"), put("sk-number-two"));
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
}

pub async fn a_connect_session_is_for_its_plugins_its_hour_and_nothing_else() {
    let clock = clock();
    let hub = TestHub::setup().clock(clock.clone()).start().await;
    let org = hub.org("acme").await;
    let _ = org.upload(Fixture::load("echo").pack()).await.expect(201);
    let _ = org.upload(Fixture::load("fetcher").pack()).await.expect(201);
    let (begun, end_user) = begin(&org, &["echo"]).await;
    for path in ["/v1/runs", "/v1/connections/echo", "/v1/members", "/v1/api-keys", "/v1/connect-sessions/x"] {
        let reply = end_user.get(path).await;
        assert!(reply.status == 403 || reply.status == 405, "{path}: {}", reply.text());
    }
    let body = json!({"credentials": {"secret_key": SECRET}});
    end_user.call("PUT", "/v1/connect/fetcher").json(&body).send().await.expect_problem("not_found");
    end_user.call("PUT", "/v1/connections/echo").json(&body).send().await.expect_problem("forbidden");
    end_user.call("POST", "/v1/connect/echo/authorize").json(&json!({})).send().await.expect_problem("conflict");
    org.get("/v1/connect").await.expect_problem("forbidden");

    let id = begun["session"]["id"].as_str().unwrap();
    let _ = org.call("DELETE", &format!("/v1/connect-sessions/{id}")).send().await.expect(204);
    end_user.get("/v1/connect").await.expect_problem("unauthenticated");
    let too_long = json!({"plugins": ["echo"], "end_user": "x", "expires_in_seconds": 3601});
    org.call("POST", "/v1/connect-sessions").json(&too_long).send().await.expect_problem("invalid_input");
    let (_, late) = begin(&org, &["echo"]).await;
    clock.advance(Duration::minutes(15));
    late.call("PUT", "/v1/connect/echo").json(&body).send().await.expect_problem("unauthenticated");
    assert_eq!(org.get("/v1/connections/echo").await.status, 404);
}

pub async fn the_page_connects_without_a_console() {
    let (hub, org) = with_echo().await;
    let (begun, _) = begin(&org, &["echo"]).await;
    let path = begun["url"].as_str().unwrap().strip_prefix(&hub.url).unwrap().to_owned();
    let browser = Browser::new(&hub);
    let page = browser.get(&path).await.expect(200);
    assert!(
        page.text().contains("Acme &lt;&amp;&gt;") && page.text().contains("name=\"secret_key\""),
        "{}",
        page.text()
    );
    let (form, fields) = (format!("{path}/echo"), [("secret_key", SECRET)]);
    let _ = browser.submit(&form, &fields, "cross-site").await.expect(403);
    let done = browser.submit(&form, &fields, "same-origin").await.expect(200);
    assert!(done.text().contains("is connected to the organization Acme"), "{}", done.text());
    let _ = browser.submit(&form, &fields, "same-origin").await.expect(409);
    assert!(browser.get(&path).await.expect(200).text().contains("is connected"));
    let _ = browser.get("/connect/pbc_nonsense").await.expect(401);
}

pub async fn an_end_user_connects_at_the_vendor_in_the_browser_that_began() {
    let scene = OauthScene::start().await;
    let (begun, end_user) = begin(&scene.org, &["echo"]).await;
    let path = begun["url"].as_str().unwrap().strip_prefix(&scene.hub.url).unwrap();
    let (browser, other) = (Browser::new(&scene.hub), Browser::new(&scene.hub));
    let go = async |browser: &Browser| {
        let sent = browser.submit(&format!("{path}/echo/authorize"), &[], "same-origin").await.expect(303);
        sent.header("location").unwrap().to_owned()
    };
    assert!(browser.get(path).await.expect(200).text().contains("Go to "));
    let url = go(&browser).await;
    let back = scene.visit(&other, &url).await;
    let refused = other.get(&back).await.expect(409);
    assert!(refused.text().contains("begun in another browser"), "{}", refused.text());
    assert_eq!(scene.org.get("/v1/connections/echo").await.status, 404);

    let url = go(&browser).await;
    let back = scene.visit(&browser, &url).await;
    let page = browser.get(&back).await.expect(200);
    assert!(page.text().contains("is now connected to the organization"), "{}", page.text());
    assert!(browser.cookie("__Host-patchbay_consent").is_some(), "it may have other consents open");
    assert!(scene.answer().await.contains("contacts"));
    assert_eq!(end_user.get("/v1/connect").await.expect(200).json()["connected_plugin"], "echo");
    let _ = browser.submit(&format!("{path}/echo/authorize"), &[], "same-origin").await.expect(409);
    assert_eq!(scene.vendor.violations(), [""; 0]);
    scene.assert_clean().await;
}

pub async fn of_two_consents_in_one_connect_session_one_counts() {
    let scene = OauthScene::start().await;
    let (_, end_user) = begin(&scene.org, &["echo"]).await;
    let browser = Browser::new(&scene.hub);
    let ask = async || {
        let body = json!({"bound": false});
        let begun = end_user.call("POST", "/v1/connect/echo/authorize").json(&body).send().await.expect(200);
        assert!(begun.header("set-cookie").is_none(), "asked not to bind");
        let link = scene.path(begun.json()["url"].as_str().unwrap());
        scene.consent_by(&browser, &link).await
    };
    let (first, second) = (ask().await, ask().await);
    let _ = browser.get(&first).await.expect(200);
    let refused = browser.get(&second).await.expect(409);
    assert!(refused.text().contains("has connected an account already"), "{}", refused.text());
    assert!(scene.answer().await.contains("contacts"));
}

pub async fn a_members_browser_is_bound_to_what_it_begins() {
    let scene = OauthScene::start().await;
    super::scene::add(&scene.hub, &scene.org, "ada@example.com", Role::Admin).await;
    let (browser, other) = (Browser::new(&scene.hub), Browser::new(&scene.hub));
    let sign_in = json!({"email": "ada@example.com", "password": super::scene::PASSWORD});
    let _ = browser.post("/v1/session", &sign_in).await.expect(200);
    let begun = browser.post("/v1/connections/echo/authorize", &json!({})).await.expect(200).json();
    let back = scene.visit(&other, begun["url"].as_str().unwrap()).await;
    let _ = other.get(&back).await.expect(409);
    let begun = browser.post("/v1/connections/echo/authorize", &json!({})).await.expect(200).json();
    let back = scene.visit(&browser, begun["url"].as_str().unwrap()).await;
    let _ = browser.get(&back).await.expect(200);
}

/// Minutes pass between the wish and the vendor's answer: who may not any more gets nothing.
pub async fn who_left_or_was_stopped_meanwhile_connects_nothing() {
    let scene = OauthScene::start().await;
    let operator = Caller::operator(scene.org.id);
    let ada = super::scene::add(&scene.hub, &scene.org, "ada@example.com", Role::Admin).await;
    let browser = Browser::new(&scene.hub);
    let sign_in = json!({"email": "ada@example.com", "password": super::scene::PASSWORD});
    let _ = browser.post("/v1/session", &sign_in).await.expect(200);
    let begun = browser.post("/v1/connections/echo/authorize", &json!({})).await.expect(200).json();
    let back = scene.visit(&browser, begun["url"].as_str().unwrap()).await;
    scene.hub.hub.remove_member(&operator, ada).await.unwrap();
    let page = browser.get(&back).await.expect(409);
    assert!(page.text().contains("no member of the organization"), "{}", page.text());

    let (begun, end_user) = begin(&scene.org, &["echo"]).await;
    let ask = async || {
        let body = json!({"bound": false});
        let asked = end_user.call("POST", "/v1/connect/echo/authorize").json(&body).send().await.expect(200);
        scene.path(asked.json()["url"].as_str().unwrap())
    };
    let (link, followed) = (ask().await, ask().await);
    let back = scene.consent_by(&browser, &followed).await;
    let id = begun["session"]["id"].as_str().unwrap();
    let _ = scene.org.call("DELETE", &format!("/v1/connect-sessions/{id}")).send().await.expect(204);
    for path in [link, back] {
        let page = browser.get(&path).await.expect(409);
        assert!(page.text().contains("connect session that this was begun in has ended"), "{}", page.text());
    }
    assert_eq!(scene.vendor.token_requests(), [""; 0]);
    assert_eq!(scene.org.get("/v1/connections/echo").await.status, 404);
}
