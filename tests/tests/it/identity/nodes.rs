//! Several hubs on one PostgreSQL: who is removed, changed or signed out on one is so on the others within a second.

use patchbay_model::identity::Role;
use patchbay_tests::{Org, TestHub};
use serde_json::json;

use super::scene::{PASSWORD, add, member, sign_in};
use crate::{
    hubs::{SECOND, within},
    nodes::on_one_database,
};

/// Two hubs, an owner on the first, and an org as the second sees it.
async fn two() -> (TestHub, TestHub, Org, Org) {
    let first = TestHub::start().await;
    let second = TestHub::setup().beside(&first).start().await;
    let org = first.org("acme").await;
    let owner = member(&first, &org, "owner@example.com", Role::Owner).await;
    let elsewhere = org.at(&second);
    (first, second, owner, elsewhere)
}

async fn within_a_second(org: &Org, path: &str, status: u16) {
    within(SECOND, org, async |org| org.get(path).await.status == status).await;
}

async fn changes_of_a_member() {
    let (first, _second, owner, elsewhere) = two().await;
    let ada = add(&first, &owner, "ada@example.com", Role::Viewer).await;
    let path = format!("/v1/members/{ada}");
    let session = sign_in(&elsewhere, "ada@example.com").await;
    let _ = session.get("/v1/api-keys").await.expect(403);
    for (role, status) in [("admin", 200), ("viewer", 403), ("owner", 200)] {
        let _ = owner.call("PUT", &path).json(&json!({"role": role})).send().await.expect(200);
        within_a_second(&session, "/v1/api-keys", status).await;
    }
    let _ = owner.call("DELETE", &path).send().await.expect(204);
    within_a_second(&session, "/v1/session", 401).await;
}

async fn a_new_password() {
    let (first, second, owner, elsewhere) = two().await;
    add(&first, &owner, "ada@example.com", Role::Viewer).await;
    let (here, there) = (sign_in(&owner, "ada@example.com").await, sign_in(&elsewhere, "ada@example.com").await);
    for session in [&here, &there] {
        let _ = session.get("/v1/session").await.expect(200);
        let _ = session.at(&second).get("/v1/session").await.expect(200);
    }
    let body = json!({"current": PASSWORD, "new": "a new and better one"});
    let _ = here.call("PUT", "/v1/session/password").json(&body).send().await.expect(200);
    within_a_second(&there, "/v1/session", 401).await;
    within_a_second(&here.at(&second), "/v1/session", 401).await;
}

async fn signing_out() {
    let (first, second, owner, _) = two().await;
    add(&first, &owner, "ada@example.com", Role::Viewer).await;
    let here = sign_in(&owner, "ada@example.com").await;
    let there = here.at(&second);
    let _ = there.get("/v1/session").await.expect(200);
    let _ = here.call("DELETE", "/v1/session").send().await.expect(204);
    within_a_second(&there, "/v1/session", 401).await;
}

async fn guessing_on_both() {
    let (first, second, owner, _) = two().await;
    add(&first, &owner, "ada@example.com", Role::Viewer).await;
    let guess = json!({"email": "ada@example.com", "password": "not the right one"});
    let mut refused = 0;
    for number in 0..8 {
        let org = if number % 2 == 0 { owner.clone() } else { owner.at(&second) };
        let reply = org.without_key("POST", "/v1/session").json(&guess).send().await;
        refused += usize::from(reply.status == 429);
        assert!(matches!(reply.status, 401 | 429), "{}", reply.text());
    }
    assert!(refused >= 2, "{refused}: both hubs count together");
}

on_one_database! {
    a_member_who_changes_on_one_hub_has_changed_on_the_other_within_a_second: changes_of_a_member
    a_new_password_ends_sessions_on_all_hubs_within_a_second: a_new_password
    who_signs_out_of_one_hub_is_signed_out_of_the_other_within_a_second: signing_out
    guesses_are_counted_over_all_hubs: guessing_on_both
}
