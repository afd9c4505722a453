//! Every way of asking wrongly, and the problem that answers it.

use chrono::Duration;
use patchbay_hub::{Caller, NewMember};
use patchbay_model::{identity::Role, org::Scope};

use crate::support::{Face, Reply, request};

const JSON: Option<&str> = Some("application/json");
const WASM: Option<&str> = Some("application/wasm");
const NO_RUN: &str = "run_00000000000000000000000000000000";
const MEMBER: &str = "/v1/members/user_00000000000000000000000000000000";
const NO_KEY: &str = "/v1/api-keys/key_00000000000000000000000000000000";
const OIDC: &str = "/v1/oidc/authorize";
const CONNECT: &str = "/v1/connect-sessions";
const NO_WEBHOOK: &str = "whk_00000000000000000000000000000000";

/// Routes that exactly one scope lets a key call, and that scope. What is missing here: what several scopes give (connect
/// sessions) or none does (the plan, a session of one's own, an end user's account), and the proxy, which takes any method. That
/// every route of the description needs what it says, the table of permissions tries over a whole hub.
const ROUTES: [(&str, &str, Scope); 45] = [
    ("GET", "/v1/plugins", Scope::Read),
    ("POST", "/v1/plugins", Scope::Operator),
    ("GET", "/v1/installations", Scope::Read),
    ("GET", "/v1/installations/openai", Scope::Read),
    ("PUT", "/v1/installations/openai", Scope::Admin),
    ("DELETE", "/v1/installations/openai", Scope::Admin),
    ("GET", "/v1/connections/openai", Scope::Read),
    ("PUT", "/v1/connections/openai", Scope::Admin),
    ("DELETE", "/v1/connections/openai", Scope::Admin),
    ("POST", "/v1/connections/openai/authorize", Scope::Admin),
    ("GET", "/v1/connections/openai/client", Scope::Read),
    ("PUT", "/v1/connections/openai/client", Scope::Admin),
    ("DELETE", "/v1/connections/openai/client", Scope::Admin),
    ("POST", "/v1/actions/openai/create-response", Scope::Invoke),
    ("GET", "/v1/rate-limits", Scope::Read),
    ("PUT", "/v1/rate-limits", Scope::Admin),
    ("GET", "/v1/runs", Scope::Read),
    ("GET", "/v1/runs/run_00000000000000000000000000000000", Scope::Read),
    ("GET", "/v1/blobs/blob_00000000000000000000000000000000", Scope::Read),
    ("GET", "/v1/usage", Scope::Read),
    ("POST", "/v1/usage/estimate", Scope::Read),
    ("GET", "/v1/plan", Scope::Read),
    ("GET", "/v1/budgets", Scope::Read),
    ("GET", "/v1/budgets/org/calls", Scope::Read),
    ("PUT", "/v1/budgets/org/calls", Scope::Admin),
    ("DELETE", "/v1/budgets/org/calls", Scope::Admin),
    ("GET", "/v1/audit", Scope::Audit),
    ("GET", "/v1/events", Scope::Read),
    ("GET", "/v1/webhooks", Scope::Read),
    ("GET", "/v1/webhooks/whk_00000000000000000000000000000000", Scope::Read),
    ("POST", "/v1/webhooks/whk_00000000000000000000000000000000/replay", Scope::Admin),
    ("GET", "/v1/org", Scope::Read),
    ("PUT", "/v1/org", Scope::Members),
    ("GET", "/v1/members", Scope::Members),
    ("GET", "/v1/members/user_00000000000000000000000000000000", Scope::Members),
    ("PUT", "/v1/members/user_00000000000000000000000000000000", Scope::Members),
    ("DELETE", "/v1/members/user_00000000000000000000000000000000", Scope::Members),
    ("GET", "/v1/invitations", Scope::Members),
    ("POST", "/v1/invitations", Scope::Members),
    ("DELETE", "/v1/invitations/inv_00000000000000000000000000000000", Scope::Members),
    ("GET", "/v1/api-keys", Scope::Keys),
    ("POST", "/v1/api-keys", Scope::Keys),
    ("GET", "/v1/api-keys/key_00000000000000000000000000000000", Scope::Keys),
    ("DELETE", "/v1/api-keys/key_00000000000000000000000000000000", Scope::Keys),
    ("POST", "/v1/api-keys/key_00000000000000000000000000000000/rotate", Scope::Keys),
];

#[track_caller]
fn assert_problem(reply: &Reply, status: u16, code: &str, what: &str) {
    assert_eq!(reply.status.as_u16(), status, "{what}: {}", reply.text);
    assert_eq!(reply.header("content-type"), "application/problem+json", "{what}");
    let problem = reply.json();
    assert_eq!(problem["code"], code, "{what}: {problem}");
    assert_eq!(problem["status"], status, "{what}");
    assert_eq!(problem["type"], format!("urn:patchbay:problem:{code}"), "{what}");
    assert_eq!(problem["request_id"], reply.header("x-request-id"), "{what}");
    assert!(reply.header("x-request-id").starts_with("req_"), "{what}");
}

#[tokio::test]
async fn no_route_answers_without_a_good_key() {
    let face = Face::new().await;
    let expired = face.key(&Scope::ALL).await;
    face.clock.advance(Duration::hours(2));
    for (method, path, _) in ROUTES {
        let what = format!("{method} {path}");
        let none = face.send(request(method, path, None, JSON, "{}")).await;
        assert_problem(&none, 401, "unauthenticated", &what);
        assert!(none.header("www-authenticate").starts_with("Bearer"), "{what}");
        let unknown = face.send(request(method, path, Some("pb_nobody"), JSON, "{}")).await;
        assert_problem(&unknown, 401, "unauthenticated", &what);
        let expired = face.send(request(method, path, Some(&expired), JSON, "{}")).await;
        assert_problem(&expired, 401, "key_expired", &what);
    }
}

#[tokio::test]
async fn no_route_answers_a_key_that_lacks_its_scope() {
    let face = Face::new().await;
    for (method, path, scope) in ROUTES {
        let others: Vec<Scope> = Scope::ALL.into_iter().filter(|other| *other != scope).collect();
        let key = face.key(&others).await;
        let reply = face.send(request(method, path, Some(&key), JSON, "{}")).await;
        assert_problem(&reply, 403, "scope_missing", &format!("{method} {path}"));
    }
}

#[tokio::test]
async fn bad_bodies_are_refused_before_anything_is_asked_of_the_hub() {
    let face = Face::with(|config| {
        config.max_json_bytes = 100;
        config.max_action_bytes = 100;
        config.max_package_bytes = 100;
    })
    .await;
    let key = face.key(&Scope::ALL).await;
    let long = format!("{{\"config\":{{\"x\":\"{}\"}}}}", "x".repeat(100));
    let deep = "[".repeat(90);
    let (installation, connection) = ("/v1/installations/openai", "/v1/connections/openai");
    let (authorize, client) = ("/v1/connections/openai/authorize", "/v1/connections/openai/client");
    let action = "/v1/actions/openai/create-response";
    let (budget, estimate) = ("/v1/budgets/org/calls", "/v1/usage/estimate");
    let (rates, rotate) = ("/v1/rate-limits", format!("{NO_KEY}/rotate"));
    let limits = r#"{"name":"x","scopes":["read"],"spend_limits":{"calls":-1}}"#;
    let table = [
        ("PUT", installation, None, "{}", 415, "unsupported_media_type", None),
        ("PUT", installation, Some("text/plain"), "{}", 415, "unsupported_media_type", None),
        ("PUT", installation, JSON, "", 400, "malformed_json", None),
        ("PUT", installation, JSON, "{\"config\":", 400, "malformed_json", None),
        ("PUT", installation, JSON, "{} {}", 400, "malformed_json", None),
        ("PUT", installation, JSON, &long, 413, "payload_too_large", None),
        ("PUT", installation, JSON, "[]", 422, "invalid_input", Some("")),
        ("PUT", installation, JSON, "{\"config\":[]}", 422, "invalid_input", Some("/config")),
        ("PUT", installation, JSON, "{\"enabled\":\"yes\"}", 422, "invalid_input", Some("/enabled")),
        ("PUT", installation, JSON, "{\"enable\":true}", 422, "invalid_input", Some("/enable")),
        ("PUT", installation, JSON, "{\"policy\":{\"latest\":\"*\"}}", 422, "invalid_input", Some("/policy")),
        ("PUT", installation, JSON, "{\"policy\":{\"pin\":\"x\"}}", 422, "invalid_input", Some("/policy/pin")),
        ("PUT", connection, JSON, "{}", 422, "invalid_input", Some("")),
        ("PUT", connection, JSON, "{\"credentials\":{\"k\":1}}", 422, "invalid_input", Some("/credentials/k")),
        ("PUT", connection, JSON, "{\"credentials\":{},\"x\":1}", 422, "invalid_input", Some("/x")),
        ("PUT", connection, JSON, &deep, 400, "malformed_json", None),
        ("POST", authorize, JSON, "{\"grant\":\"password\"}", 422, "invalid_input", Some("/grant")),
        ("POST", authorize, JSON, "[]", 422, "invalid_input", Some("")),
        ("PUT", client, JSON, "{}", 422, "invalid_input", Some("")),
        ("PUT", client, JSON, "{\"client_id\":\"c\",\"secret\":\"s\"}", 422, "invalid_input", Some("/secret")),
        ("PUT", budget, JSON, "{}", 422, "invalid_input", Some("")),
        ("PUT", budget, JSON, "{\"cap\":-1}", 422, "invalid_input", Some("/cap")),
        ("PUT", budget, JSON, "{\"cap\":1000000000001}", 422, "invalid_input", Some("/cap")),
        ("PUT", budget, JSON, "{\"cap\":1,\"soft\":true}", 422, "invalid_input", Some("/soft")),
        ("PUT", rates, JSON, "[]", 422, "invalid_input", Some("")),
        ("PUT", rates, JSON, "{\"everybody\":\"1/s\"}", 422, "invalid_input", Some("/everybody")),
        ("PUT", rates, JSON, "{\"key\":5}", 422, "invalid_input", Some("/key")),
        ("POST", &rotate, JSON, "[]", 422, "invalid_input", Some("")),
        ("POST", &rotate, JSON, "{\"overlap_seconds\":-1}", 422, "invalid_input", Some("/overlap_seconds")),
        ("POST", &rotate, JSON, "{\"expires_at\":\"soon\"}", 422, "invalid_input", Some("/expires_at")),
        ("POST", &rotate, JSON, "{\"overlap\":1}", 422, "invalid_input", Some("/overlap")),
        ("POST", OIDC, JSON, "{", 400, "malformed_json", None),
        ("POST", OIDC, JSON, "{\"org\":\"acme\"}", 422, "invalid_input", Some("/org")),
        ("POST", OIDC, JSON, "{\"provider\":\"x\"}", 422, "invalid_input", Some("/provider")),
        ("POST", estimate, JSON, "{}", 422, "invalid_input", Some("")),
        ("POST", estimate, JSON, "{\"usage\":{\"tokens\":1}}", 422, "invalid_input", Some("/usage/tokens")),
        ("POST", estimate, JSON, "{\"usage\":{\"calls\":-1}}", 422, "invalid_input", Some("/usage/calls")),
        ("POST", estimate, JSON, "{\"usage\":{},\"plan\":\"gold\"}", 422, "invalid_input", Some("/plan")),
        ("POST", action, None, "{}", 415, "unsupported_media_type", None),
        ("POST", action, Some("application/x-www-form-urlencoded"), "a=b", 415, "unsupported_media_type", None),
        ("POST", action, JSON, &long, 413, "payload_too_large", None),
        ("PUT", "/v1/org", JSON, "{}", 422, "invalid_input", Some("")),
        ("PUT", "/v1/org", JSON, "{\"name\":\"\"}", 422, "invalid_input", Some("/name")),
        ("PUT", MEMBER, JSON, "{\"role\":\"king\"}", 422, "invalid_input", Some("/role")),
        ("POST", "/v1/invitations", JSON, "{\"email\":\"x\",\"role\":\"admin\"}", 422, "invalid_input", Some("/email")),
        ("POST", "/v1/invitations", JSON, "{\"email\":\"x\"}", 422, "invalid_input", Some("")),
        (
            "POST",
            "/v1/api-keys",
            JSON,
            "{\"name\":\"x\",\"scopes\":[\"all\"]}",
            422,
            "invalid_input",
            Some("/scopes/0"),
        ),
        ("POST", "/v1/api-keys", JSON, "{\"name\":\"x\",\"scopes\":[]}", 422, "invalid_input", Some("/scopes")),
        ("POST", "/v1/api-keys", JSON, limits, 422, "invalid_input", Some("/spend_limits/calls")),
        ("POST", CONNECT, JSON, "{\"plugins\":[],\"end_user\":\"x\"}", 422, "invalid_input", Some("/plugins")),
        ("POST", CONNECT, JSON, "{\"plugins\":[\"no\"],\"end_user\":\"x\"}", 422, "invalid_input", Some("/plugins/0")),
        ("POST", CONNECT, JSON, "{\"plugins\":[\"no\"],\"end_user\":\"\"}", 422, "invalid_input", Some("/end_user")),
        ("POST", "/v1/session", JSON, "{\"email\":\"x@y.z\"}", 422, "invalid_input", Some("")),
        ("POST", "/v1/session", JSON, "{\"email\":\"x\",\"password\":\"y\"}", 422, "invalid_input", Some("/email")),
        ("POST", "/v1/plugins", JSON, "{}", 415, "unsupported_media_type", None),
        ("POST", "/v1/plugins", WASM, &long, 413, "payload_too_large", None),
    ];
    for (method, path, media_type, body, status, code, pointer) in table {
        let what = format!("{method} {path} {media_type:?} {body}");
        let reply = face.send(request(method, path, Some(&key), media_type, body.to_owned())).await;
        assert_problem(&reply, status, code, &what);
        if let Some(pointer) = pointer {
            assert_eq!(reply.json()["violations"][0]["pointer"], pointer, "{what}: {}", reply.text);
        }
    }
    for list in ["/v1/installations", "/v1/runs", "/v1/plugins"] {
        assert_eq!(face.get(list, Some(&key)).await.json()["items"], serde_json::json!([]), "{list}");
    }
}

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

#[tokio::test]
async fn bad_paths_and_queries_are_refused() {
    let face = Face::new().await;
    let key = face.key(&Scope::ALL).await;
    let table = [
        ("/v1/installations/Not_A_Plugin", 400, "invalid_request"),
        ("/v1/connections/1x", 400, "invalid_request"),
        ("/v1/runs/whk_00000000000000000000000000000000", 400, "invalid_request"),
        ("/v1/runs/nonsense", 400, "invalid_request"),
        ("/v1/blobs/nonsense", 400, "invalid_request"),
        ("/v1/members/nonsense", 400, "invalid_request"),
        ("/v1/members?limit=0", 400, "invalid_request"),
        ("/v1/api-keys/nonsense", 400, "invalid_request"),
        (MEMBER, 404, "not_found"),
        ("/v1/api-keys/key_00000000000000000000000000000000", 404, "not_found"),
        ("/v1/connect-sessions/csn_00000000000000000000000000000000", 404, "not_found"),
        ("/v1/blobs/blob_00000000000000000000000000000000", 404, "not_found"),
        ("/v1/webhooks/%FF", 400, "invalid_request"),
        ("/v1/runs?limit=many", 400, "invalid_request"),
        ("/v1/runs?limit=1&limit=2", 400, "invalid_request"),
        ("/v1/runs?colour=red", 400, "invalid_request"),
        ("/v1/runs?status=maybe", 400, "invalid_request"),
        ("/v1/runs?before=first", 400, "invalid_request"),
        ("/v1/usage?from=yesterday", 400, "invalid_request"),
        ("/v1/usage?period=november", 400, "invalid_request"),
        ("/v1/budgets/everybody/calls", 400, "invalid_request"),
        ("/v1/budgets/plugin:Open%20AI/calls", 400, "invalid_request"),
        ("/v1/budgets/org/euros", 400, "invalid_request"),
        ("/v1/budgets/org/calls", 404, "not_found"),
        ("/v1/events?after=x", 400, "invalid_request"),
        ("/v1/webhooks?status=lost", 400, "invalid_request"),
        ("/v1/installations/openai", 404, "not_installed"),
        ("/v1/connections/openai", 404, "not_found"),
        (&format!("/v1/runs/{NO_RUN}"), 404, "not_found"),
        (&format!("/v1/webhooks/{NO_WEBHOOK}"), 404, "not_found"),
        ("/v1/nothing", 404, "not_found"),
        ("/", 404, "not_found"),
    ];
    for (path, status, code) in table {
        assert_problem(&face.get(path, Some(&key)).await, status, code, path);
    }
    assert_problem(&face.get("/hooks/nobody", None).await, 404, "not_found", "a webhook for nobody");
}

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
