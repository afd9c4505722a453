//! What people send, and what must not be said back to them.

use patchbay_hub::{Caller, NewMember};
use patchbay_model::{identity::Role, org::Scope};

use super::{JSON, assert_problem};
use crate::support::{Face, request};

#[tokio::test]
async fn bad_bodies_of_people_are_refused_as_well() {
    let face = Face::new().await;
    let (email, password) = ("ada@example.com".to_owned(), Some("correct horse battery".into()));
    let owner = NewMember { email, name: None, role: Role::Owner, password };
    let _ = face.hub.add_member(&Caller::operator(face.org), owner).await.unwrap();
    let sign_in = r#"{"email":"ada@example.com","password":"correct horse battery","as_token":true}"#;
    let signed_in = face.send(request("POST", "/v1/session", None, JSON, sign_in)).await.json();
    let (nobody, session) = (None, Some(signed_in["token"].as_str().unwrap()));
    let (switch, password, plan) = ("/v1/session/switch", "/v1/session/password", "/v1/plan");
    let accept = "/v1/invitations/accept";
    for (who, method, path, body, pointer) in [
        (session, "POST", switch, "{}", ""),
        (session, "POST", switch, r#"{"org":"acme"}"#, "/org"),
        (session, "PUT", password, r#"{"current":"x"}"#, ""),
        (session, "PUT", password, r#"{"current":"x","new":1}"#, "/new"),
        (session, "PUT", plan, "{}", ""),
        (session, "PUT", plan, r#"{"plan":1}"#, "/plan"),
        (session, "PUT", plan, r#"{"name":"pro"}"#, "/name"),
        (nobody, "POST", accept, "{}", ""),
        (nobody, "POST", accept, r#"{"token":1}"#, "/token"),
        (nobody, "POST", accept, r#"{"token":"pbi_x"}"#, "/password"),
    ] {
        let what = format!("{method} {path} {body}");
        let reply = face.send(request(method, path, who, JSON, body)).await;
        assert_problem(&reply, 422, "invalid_input", &what);
        assert_eq!(reply.json()["violations"][0]["pointer"], pointer, "{what}: {}", reply.text);
    }
}

#[tokio::test]
async fn a_secret_in_the_wrong_place_is_not_said_back() {
    let face = Face::new().await;
    let key = face.key(&Scope::ALL).await;
    for body in [
        r#"{"credentials":"sk-canary"}"#,
        r#"{"credentials":{"k":["sk-canary"]}}"#,
        r#"{"credentials":{},"account":{"sk-canary":1}}"#,
    ] {
        let reply = face.send(request("PUT", "/v1/connections/openai", Some(&key), JSON, body)).await;
        assert_problem(&reply, 422, "invalid_input", body);
        assert!(!reply.text.contains("sk-canary"), "{}", reply.text);
    }
}
