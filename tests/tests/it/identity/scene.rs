//! An org with people in it.

use std::sync::Arc;

use chrono::DateTime;
use patchbay_hub::{Caller, NewMember};
use patchbay_model::{ManualClock, UserId, identity::Role};
use patchbay_tests::{Org, TestHub};
use serde_json::json;

pub const PASSWORD: &str = "correct horse battery";

pub fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(DateTime::from_timestamp(1_800_000_000, 0).unwrap()))
}

/// Makes somebody a member, with [`PASSWORD`] if they are new to the hub.
pub async fn add(hub: &TestHub, org: &Org, email: &str, role: Role) -> UserId {
    let known = hub.hub.member_by_email(&Caller::operator(org.id), email).await.is_ok();
    assert!(!known, "{email} is a member already");
    let new = |password| NewMember { email: email.to_owned(), name: None, role, password };
    let operator = Caller::operator(org.id);
    let added = match hub.hub.add_member(&operator, new(Some(PASSWORD.into()))).await {
        Ok(member) => member,
        // a user of the hub already
        Err(_) => hub.hub.add_member(&operator, new(None)).await.unwrap(),
    };
    added.user
}

/// Signs somebody in as a program does, and gives the org as they see it.
pub async fn sign_in(org: &Org, email: &str) -> Org {
    let body = json!({"email": email, "password": PASSWORD, "as_token": true, "org": org.id});
    let reply = org.without_key("POST", "/v1/session").json(&body).send().await.expect(200);
    assert!(reply.header("set-cookie").is_none(), "a program gets no cookie");
    org.with_key(reply.json()["token"].as_str().unwrap())
}

/// A new member who is signed in.
pub async fn member(hub: &TestHub, org: &Org, email: &str, role: Role) -> Org {
    add(hub, org, email, role).await;
    sign_in(org, email).await
}
