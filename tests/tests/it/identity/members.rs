//! Members and invitations over the API, and the page behind an invitation's link.

use patchbay_model::identity::Role;
use patchbay_tests::{Browser, TestHub, assert_clean};
use serde_json::json;

use super::scene::{PASSWORD, add, member, sign_in};

pub async fn an_admin_invites_and_the_link_makes_a_member_in_a_browser() {
    let hub = TestHub::start().await;
    let org = hub.org("Acme <&> Sons").await;
    let admin = member(&hub, &org, "admin@example.com", Role::Admin).await;
    let invite = |role: &str| json!({"email": "Grace@example.com", "role": role});
    admin.call("POST", "/v1/invitations").json(&invite("owner")).send().await.expect_problem("forbidden");
    let made = admin.call("POST", "/v1/invitations").json(&invite("member")).send().await.expect(201).json();
    assert_eq!(made["invitation"]["email"], "grace@example.com");
    let listed = admin.get("/v1/invitations").await.expect(200);
    assert_eq!(listed.json()["items"][0]["id"], made["invitation"]["id"]);
    assert!(!listed.text().contains("pbi_"), "the token is shown once");

    let path = made["url"].as_str().unwrap().strip_prefix(&hub.url).unwrap().to_owned();
    let browser = Browser::new(&hub);
    let page = browser.get(&path).await.expect(200);
    assert!(
        page.text().contains("Acme &lt;&amp;&gt; Sons") && page.text().contains("grace@example.com"),
        "{}",
        page.text()
    );
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let fields = [("name", "Grace Hopper"), ("password", PASSWORD)];
    let foreign = browser.submit(&path, &fields, "cross-site").await.expect(403);
    assert_eq!(foreign.code(), "cross_origin");
    let weak = browser.submit(&path, &[("password", "short")], "same-origin").await.expect(422);
    assert!(weak.text().contains("12 to 256 characters"), "{}", weak.text());
    let _ = browser.submit(&path, &fields, "same-origin").await.expect(200);
    assert!(browser.cookie("__Host-patchbay_session").unwrap().starts_with("pbs_"));
    let who = browser.get("/v1/session").await.expect(200).json();
    assert_eq!((&who["user"]["name"], &who["session"]["role"]), (&json!("Grace Hopper"), &json!("member")));
    let _ = browser.submit(&path, &fields, "same-origin").await.expect(404);
    let _ = browser.get(&path).await.expect(404);

    let members = admin.get("/v1/members").await.expect(200).json();
    let emails: Vec<_> = members["items"].as_array().unwrap().iter().map(|member| &member["email"]).collect();
    assert_eq!(emails, ["admin@example.com", "grace@example.com"]);
}

pub async fn an_invitation_is_accepted_by_a_program_and_by_who_is_signed_in() {
    let hub = TestHub::start().await;
    let (org, other) = (hub.org("acme").await, hub.org("other").await);
    let invite = async |org: &patchbay_tests::Org, email: &str| {
        let body = json!({"email": email, "role": "viewer"});
        let made = org.call("POST", "/v1/invitations").json(&body).send().await.expect(201).json();
        made["token"].as_str().unwrap().to_owned()
    };
    let accept = |org: &patchbay_tests::Org, body| org.without_key("POST", "/v1/invitations/accept").json(&body).send();
    let token = invite(&org, "grace@example.com").await;
    accept(&org, json!({"token": token})).await.expect_problem("invalid_input");
    accept(&org, json!({"token": "pbi_x", "password": PASSWORD})).await.expect_problem("not_found");
    let accepted =
        accept(&org, json!({"token": token, "password": PASSWORD, "as_token": true})).await.expect(200).json();
    let grace = org.with_key(accepted["token"].as_str().unwrap());
    let _ = grace.get("/v1/runs").await.expect(200);

    let token = invite(&other, "grace@example.com").await;
    let wrong = json!({"token": token, "password": "not the right one"});
    accept(&org, wrong).await.expect_problem("invalid_credentials");
    let body = json!({"token": token});
    let joined = grace.call("POST", "/v1/invitations/accept").json(&body).send().await.expect(201).json();
    assert_eq!(joined["membership"]["org"], other.id.to_string());
    let who = grace.get("/v1/session").await.expect(200).json();
    assert_eq!(who["memberships"].as_array().unwrap().len(), 2);
    let there = json!({"org": other.id});
    let switched = grace.call("POST", "/v1/session/switch").json(&there).send().await.expect(200).json();
    let _ = grace.get("/v1/session").await.expect(401);
    let grace = other.with_key(switched["token"].as_str().unwrap());
    assert_eq!(grace.get("/v1/session").await.expect(200).json()["org"]["id"], other.id.to_string());
}

pub async fn roles_change_members_leave_and_an_owner_stays() {
    let hub = TestHub::start().await;
    let org = hub.org("acme").await;
    let owner = member(&hub, &org, "owner@example.com", Role::Owner).await;
    let ada = add(&hub, &org, "ada@example.com", Role::Viewer).await;
    let path = format!("/v1/members/{ada}");
    let viewer = sign_in(&org, "ada@example.com").await;
    viewer.call("PUT", &path).json(&json!({"role": "owner"})).send().await.expect_problem("forbidden");
    owner.call("POST", "/v1/session/leave").send().await.expect_problem("conflict");
    let promoted = owner.call("PUT", &path).json(&json!({"role": "owner"})).send().await.expect(200).json();
    assert_eq!(promoted["role"], "owner");
    let _ = viewer.get("/v1/api-keys").await.expect(200);
    let _ = owner.call("POST", "/v1/session/leave").send().await.expect(204);
    owner.get("/v1/session").await.expect_problem("unauthenticated");
    viewer.call("DELETE", &path).send().await.expect_problem("conflict");
    let renamed = viewer.call("PUT", "/v1/org").json(&json!({"name": "Acme 2"})).send().await.expect(200);
    assert_eq!(renamed.json()["name"], "Acme 2");
    assert_eq!(org.get("/v1/org").await.expect(200).json()["name"], "Acme 2");
}

pub async fn nothing_that_people_type_or_hold_is_kept_as_it_is() {
    let hub = TestHub::start().await;
    let org = hub.org("acme").await;
    let ada = member(&hub, &org, "ada@example.com", Role::Owner).await;
    let body = json!({"email": "grace@example.com", "role": "viewer"});
    let made = ada.call("POST", "/v1/invitations").json(&body).send().await.expect(201).json();
    let key = json!({"name": "x", "scopes": ["read"]});
    let key = ada.call("POST", "/v1/api-keys").json(&key).send().await.expect(201).json();
    let kept = hub.kept().await;
    for (what, secret) in [
        ("a password", PASSWORD),
        ("a session's token", ada.key.as_str()),
        ("an invitation's token", made["token"].as_str().unwrap()),
        ("an API key", key["secret"].as_str().unwrap()),
    ] {
        assert_clean(&kept, what, secret);
    }
}
