//! The table of permissions, tried: every operation of the API's own description, as every scope, every role, a connect session and
//! nobody. A route that is added is covered by itself.

use patchbay_hub::{Caller, NewConnectSession};
use patchbay_model::{Permission, Permissions, identity::Role, org::Scope};
use patchbay_tests::{Fixture, Org, TestHub};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::scene::{member, sign_in};

/// An operation, and what the description says that it needs.
struct Operation {
    method: String,
    path: String,
    /// By way of showing who one is: what is needed, or nothing in particular.
    ways: Vec<(String, Option<Permission>)>,
}

impl Operation {
    fn way(&self, name: &str) -> Option<Option<Permission>> {
        self.ways.iter().find(|(way, _)| way == name).map(|(_, needed)| *needed)
    }
}

/// Somebody who calls.
struct Somebody {
    what: String,
    way: &'static str,
    permissions: Permissions,
    org: Org,
}

/// With ids of nothing in the place of parameters.
fn filled(path: &str) -> String {
    let nothing = "0".repeat(32);
    [
        ("{plugin}", "nothing".to_owned()),
        ("{action}", "nothing".to_owned()),
        ("{path}", "v1/nothing".to_owned()),
        ("{user}", format!("user_{nothing}")),
        ("{invitation}", format!("inv_{nothing}")),
        ("{key}", format!("key_{nothing}")),
        ("{session}", format!("ses_{nothing}")),
        ("{connect_session}", format!("csn_{nothing}")),
        ("{run}", format!("run_{nothing}")),
        ("{sync_run}", format!("syn_{nothing}")),
        ("{blob}", format!("blob_{nothing}")),
        ("{webhook}", format!("whk_{nothing}")),
        ("{job}", format!("job_{nothing}")),
        ("{schedule}", "nothing".to_owned()),
        ("{export}", format!("exp_{nothing}")),
        ("{event}", format!("evt_{nothing}")),
        ("{endpoint}", format!("ep_{nothing}")),
        ("{delivery}", format!("dlv_{nothing}")),
        ("{object}", "call".to_owned()),
        ("{record}", "nothing".to_owned()),
        ("{token}", "nothing".to_owned()),
        ("{link}", "nothing".to_owned()),
        ("{subject}", "org".to_owned()),
        ("{unit}", "calls".to_owned()),
    ]
    .iter()
    .fold(path.to_owned(), |path, (name, value)| path.replace(name, value))
}

fn operations(document: &Value) -> Vec<Operation> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let security = operation["security"].as_array().cloned().unwrap_or_default();
            let ways = security.iter().flat_map(|one| one.as_object().unwrap()).map(|(way, needed)| {
                let needed = needed[0].as_str().map(|text| Permission::from_text(text).expect("a permission"));
                (way.clone(), needed)
            });
            let mut path = filled(path);
            if path.ends_with("/stream") {
                // it has no end for those who may read it, so that they ask for what there cannot be
                path.push_str("?after=nothing");
            }
            assert!(!path.contains('{'), "{path} has a parameter that this test does not know");
            found.push(Operation { method: method.to_uppercase(), path, ways: ways.collect() });
        }
    }
    found
}

async fn everybody(hub: &TestHub, org: &Org) -> Vec<Somebody> {
    let mut all = Vec::new();
    for scope in Scope::ALL {
        let key = org.new_key(hub, &[scope], None).await;
        let what = format!("a key with `{}`", scope.as_str());
        all.push(Somebody { what, way: "api_key", permissions: scope.permissions(), org: org.with_key(&key) });
    }
    for role in Role::ALL {
        let member = member(hub, org, &format!("{}@example.com", role.as_str()), role).await;
        let what = format!("a member who is `{}`", role.as_str());
        all.push(Somebody { what, way: "session", permissions: role.permissions(), org: member });
    }
    let plugins = vec!["echo".parse().unwrap()];
    let new = NewConnectSession { plugins, end_user: "x".to_owned(), account: None, expires_in_s: None };
    let (_, token) = hub.hub.create_connect_session(&Caller::operator(org.id), new).await.unwrap();
    let permissions = Permissions::CONNECT_SESSION;
    let connects = org.with_key(token.expose_secret());
    all.push(Somebody { what: "a connect session".to_owned(), way: "connect_session", permissions, org: connects });
    all
}

async fn scene() -> (TestHub, Org, Vec<Operation>) {
    let hub = TestHub::start().await;
    let org = hub.org("acme").await;
    let _ = org.upload(Fixture::load("echo").pack()).await.expect(201);
    let operations = operations(&hub.get("/openapi.json").await.json());
    assert!(operations.len() > 50, "{}", operations.len());
    (hub, org, operations)
}

pub async fn what_a_caller_may_do_is_what_the_table_says() {
    let (hub, org, operations) = scene().await;
    let everybody = everybody(&hub, &org).await;
    let mut tried = (0, 0);
    for operation in &operations {
        let Operation { method, path, .. } = operation;
        // one of these, where there are several: the first is the one that a refusal asks for
        let sufficient: Vec<Permission> = operation.ways.iter().filter_map(|(_, needed)| *needed).collect();
        let Some(needed) = sufficient.first().copied() else { continue };
        for Somebody { what, way, permissions, org } in &everybody {
            let reply = org.call(method, path).json(&json!({})).send().await;
            let code = reply.code();
            assert!(reply.status < 500, "{method} {path} as {what}: {}", reply.text());
            let refused = matches!(code.as_str(), "scope_missing" | "forbidden" | "unauthenticated");
            let listed = operation.way(way).is_some();
            let may = listed && sufficient.iter().any(|one| permissions.contains(*one));
            assert_eq!(!refused, may, "{method} {path} needs {needed:?}, as {what}: {}", reply.text());
            if path.starts_with("/v1/proxy/") && *way != "api_key" {
                assert_eq!(code, "unauthenticated", "the proxy takes keys alone");
            } else if refused {
                let by_scope = *way == "api_key" && Scope::that_give(needed).next().is_some();
                assert_eq!(code, if by_scope { "scope_missing" } else { "forbidden" }, "{method} {path} as {what}");
            }
            if may { tried.0 += 1 } else { tried.1 += 1 }
        }
        let nobody = org.without_key(method, path).json(&json!({})).send().await;
        assert_eq!(nobody.code(), "unauthenticated", "{method} {path} as nobody");
    }
    assert!(tried.0 > 100 && tried.1 > 300, "{tried:?}");
}

pub async fn every_permission_of_the_table_is_asked_for() {
    let (_hub, _org, operations) = scene().await;
    let asked: Permissions =
        operations.iter().flat_map(|operation| &operation.ways).filter_map(|(_, needed)| *needed).collect();
    let unasked: Vec<_> = Permissions::ALL.iter().filter(|permission| !asked.contains(*permission)).collect();
    assert!(unasked.is_empty(), "{unasked:?}");
}

pub async fn what_is_for_members_alone_is_for_no_key_and_nobody() {
    let (hub, org, operations) = scene().await;
    let everybody = everybody(&hub, &org).await;
    let mut found = 0;
    for (number, operation) in operations.iter().enumerate() {
        let Operation { method, path, .. } = operation;
        if operation.way("session") != Some(None) || operation.way("api_key").is_some() || operation.ways.len() > 1 {
            continue;
        }
        found += 1;
        for Somebody { what, org, .. } in everybody.iter().filter(|somebody| somebody.way != "session") {
            let reply = org.call(method, path).json(&json!({})).send().await;
            if path == "/v1/invitations/accept" {
                continue;
            }
            assert_eq!(reply.code(), "forbidden", "{method} {path} as {what}: {}", reply.text());
        }
        if path != "/v1/invitations/accept" {
            let nobody = org.without_key(method, path).json(&json!({})).send().await;
            assert_eq!(nobody.code(), "unauthenticated", "{method} {path} as nobody");
        }
        // What one does to oneself may end the session: each time somebody else does it.
        for role in Role::ALL {
            let email = format!("{}-{number}@example.com", role.as_str());
            super::scene::add(&hub, &org, &email, role).await;
            let reply = sign_in(&org, &email).await.call(method, path).json(&json!({})).send().await;
            assert!(!matches!(reply.status, 401 | 403 | 500..), "{method} {path} as {role:?}: {}", reply.text());
        }
    }
    assert!(found >= 6, "{found}");
}

pub async fn everybody_learns_who_they_are() {
    let (hub, org, _) = scene().await;
    for Somebody { what, permissions, org, way } in everybody(&hub, &org).await {
        let who = org.get("/v1/session").await.expect(200).json();
        let told: Permissions = who["permissions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|text| Permission::from_text(text.as_str().unwrap()).unwrap())
            .collect();
        assert_eq!(told, permissions, "{what}");
        assert_eq!(who["org"]["id"], org.id.to_string());
        assert_eq!(who["user"].is_object(), way == "session", "{what}: {who}");
    }
    org.without_key("GET", "/v1/session").send().await.expect_problem("unauthenticated");
}
