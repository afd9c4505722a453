//! Every way of asking wrongly, and the problem that answers it.

mod manners;
mod people;
mod rights;
mod syncs;

use chrono::Duration;
use patchbay_model::org::Scope;

use crate::support::{Face, Reply, request};

const JSON: Option<&str> = Some("application/json");
const WASM: Option<&str> = Some("application/wasm");
const NO_RUN: &str = "run_00000000000000000000000000000000";
const MEMBER: &str = "/v1/members/user_00000000000000000000000000000000";
const NO_KEY: &str = "/v1/api-keys/key_00000000000000000000000000000000";
const OIDC: &str = "/v1/oidc/authorize";
const EXPORTS: &str = "/v1/exports";
const CONNECT: &str = "/v1/connect-sessions";
const REPLAY_WEBHOOKS: &str = "/v1/webhooks/replay";
const REPLAY_WEBHOOK: &str = "/v1/webhooks/whk_00000000000000000000000000000000/replay";
const ENDPOINTS: &str = "/v1/endpoints";
const ENDPOINT: &str = "/v1/endpoints/ep_00000000000000000000000000000000";
const REPLAY: &str = "/v1/endpoints/ep_00000000000000000000000000000000/replay";
const NO_WEBHOOK: &str = "whk_00000000000000000000000000000000";

/// Routes that exactly one scope lets a key call, and that scope. What is missing here: what several scopes give (connect
/// sessions) or none does (the plan, a session of one's own, an end user's account), and the proxy, which takes any method. That
/// every route of the description needs what it says, the table of permissions tries over a whole hub.
const ROUTES: &[(&str, &str, Scope)] = &[
    ("GET", "/v1/plugins", Scope::Read),
    ("POST", "/v1/plugins", Scope::Operator),
    ("GET", "/v1/installations", Scope::Read),
    ("GET", "/v1/installations/openai", Scope::Read),
    ("PUT", "/v1/installations/openai", Scope::Admin),
    ("DELETE", "/v1/installations/openai", Scope::Admin),
    ("POST", "/v1/installations/openai/account", Scope::Admin),
    ("GET", "/v1/installations/openai/syncs", Scope::Read),
    ("GET", "/v1/installations/openai/syncs/contact", Scope::Read),
    ("PUT", "/v1/installations/openai/syncs/contact", Scope::Admin),
    ("GET", "/v1/installations/openai/syncs/contact/fields", Scope::Admin),
    ("POST", "/v1/installations/openai/syncs/contact/preview", Scope::Admin),
    ("GET", "/v1/installations/openai/syncs/contact/runs", Scope::Read),
    ("POST", "/v1/installations/openai/syncs/contact/runs", Scope::Admin),
    ("GET", "/v1/installations/openai/syncs/contact/conflicts", Scope::Read),
    ("GET", "/v1/installations/openai/syncs/contact/failures", Scope::Read),
    ("GET", "/v1/sync-runs/syn_00000000000000000000000000000000", Scope::Read),
    ("DELETE", "/v1/sync-runs/syn_00000000000000000000000000000000", Scope::Admin),
    ("GET", "/v1/sync-runs/syn_00000000000000000000000000000000/failures", Scope::Read),
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
    ("POST", "/v1/blobs/blob_00000000000000000000000000000000/links", Scope::Read),
    ("GET", "/v1/usage", Scope::Read),
    ("POST", "/v1/usage/estimate", Scope::Read),
    ("GET", "/v1/plan", Scope::Read),
    ("GET", "/v1/budgets", Scope::Read),
    ("GET", "/v1/budgets/org/calls", Scope::Read),
    ("PUT", "/v1/budgets/org/calls", Scope::Admin),
    ("DELETE", "/v1/budgets/org/calls", Scope::Admin),
    ("GET", "/v1/audit", Scope::Audit),
    ("GET", "/v1/events", Scope::Read),
    ("GET", "/v1/events/stream", Scope::Read),
    ("GET", "/v1/events/evt_00000000000000000000000000000000", Scope::Read),
    ("GET", "/v1/event-types", Scope::Read),
    ("GET", "/v1/objects", Scope::Read),
    ("GET", "/v1/records/contact", Scope::Read),
    ("GET", "/v1/records/contact/hubspot:1", Scope::Read),
    ("GET", "/v1/endpoints", Scope::Read),
    ("POST", "/v1/endpoints", Scope::Admin),
    ("GET", "/v1/endpoints/ep_00000000000000000000000000000000", Scope::Read),
    ("PATCH", "/v1/endpoints/ep_00000000000000000000000000000000", Scope::Admin),
    ("DELETE", "/v1/endpoints/ep_00000000000000000000000000000000", Scope::Admin),
    ("GET", "/v1/endpoints/ep_00000000000000000000000000000000/stats", Scope::Read),
    ("POST", "/v1/endpoints/ep_00000000000000000000000000000000/secret/rotate", Scope::Admin),
    ("POST", "/v1/endpoints/ep_00000000000000000000000000000000/test", Scope::Admin),
    ("POST", "/v1/endpoints/ep_00000000000000000000000000000000/replay", Scope::Admin),
    ("GET", "/v1/endpoints/ep_00000000000000000000000000000000/deliveries", Scope::Read),
    ("GET", "/v1/deliveries", Scope::Read),
    ("GET", "/v1/deliveries/dlv_00000000000000000000000000000000", Scope::Read),
    ("POST", "/v1/deliveries/dlv_00000000000000000000000000000000/retry", Scope::Admin),
    ("GET", "/v1/webhooks", Scope::Read),
    ("GET", "/v1/webhooks/whk_00000000000000000000000000000000", Scope::Read),
    ("POST", "/v1/webhooks/whk_00000000000000000000000000000000/replay", Scope::Admin),
    ("POST", "/v1/webhooks/replay", Scope::Admin),
    ("GET", "/v1/jobs", Scope::Read),
    ("POST", "/v1/jobs/job_00000000000000000000000000000000/redrive", Scope::Admin),
    ("POST", "/v1/jobs/redrive", Scope::Admin),
    ("GET", "/v1/schedules", Scope::Read),
    ("GET", "/v1/schedules/openai/nightly", Scope::Read),
    ("PUT", "/v1/schedules/openai/nightly", Scope::Admin),
    ("DELETE", "/v1/schedules/openai/nightly", Scope::Admin),
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
    for &(method, path, _) in ROUTES {
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
    for &(method, path, scope) in ROUTES {
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
        ("POST", "/v1/jobs/redrive", JSON, "{\"kind\":\"mail\"}", 422, "invalid_input", Some("/kind")),
        ("POST", "/v1/jobs/redrive", JSON, "{\"status\":\"done\"}", 422, "invalid_input", Some("/status")),
        ("PUT", "/v1/schedules/openai/a", JSON, "{}", 422, "invalid_input", Some("")),
        ("PUT", "/v1/schedules/openai/a", JSON, "{\"missed\":\"no\"}", 422, "invalid_input", Some("/missed")),
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
        ("POST", REPLAY_WEBHOOKS, JSON, "{\"status\":\"pending\"}", 422, "invalid_input", Some("/status")),
        ("POST", REPLAY_WEBHOOKS, JSON, "{\"since\":\"yesterday\"}", 422, "invalid_input", Some("/since")),
        ("POST", REPLAY_WEBHOOKS, JSON, "{\"limit\":0}", 422, "invalid_input", Some("/limit")),
        ("POST", REPLAY_WEBHOOKS, JSON, "{\"version\":\"1.0.0\"}", 422, "invalid_input", Some("/plugin")),
        ("POST", REPLAY_WEBHOOK, Some("text/plain"), "{}", 415, "unsupported_media_type", None),
        ("POST", REPLAY_WEBHOOK, JSON, "{\"version\":1}", 422, "invalid_input", Some("/version")),
        ("POST", REPLAY_WEBHOOK, JSON, "{\"by\":\"1.0.0\"}", 422, "invalid_input", Some("/by")),
        ("POST", ENDPOINTS, JSON, "{}", 422, "invalid_input", Some("")),
        ("POST", ENDPOINTS, JSON, "{\"url\":\"http://example.com\"}", 422, "invalid_input", Some("/url")),
        ("POST", ENDPOINTS, JSON, "{\"url\":\"https://127.0.0.1\"}", 422, "invalid_input", Some("/url")),
        ("POST", ENDPOINTS, JSON, "{\"url\":\"https://1.1.1.1\",\"rate\":\"9\"}", 422, "invalid_input", Some("/rate")),
        (
            "POST",
            ENDPOINTS,
            JSON,
            "{\"url\":\"https://1.1.1.1\",\"types\":[1]}",
            422,
            "invalid_input",
            Some("/types/0"),
        ),
        ("POST", EXPORTS, JSON, "{}", 422, "invalid_input", Some("")),
        ("POST", EXPORTS, JSON, "{\"what\":\"secrets\",\"format\":\"csv\"}", 422, "invalid_input", Some("/what")),
        ("POST", EXPORTS, JSON, "{\"what\":\"runs\",\"format\":\"xlsx\"}", 422, "invalid_input", Some("/format")),
        ("POST", EXPORTS, JSON, "{\"what\":\"runs\",\"format\":\"csv\",\"x\":1}", 422, "invalid_input", Some("/x")),
        ("POST", EXPORTS, JSON, "{\"what\":\"records\",\"format\":\"csv\"}", 422, "invalid_input", Some("")),
        (
            "POST",
            EXPORTS,
            JSON,
            "{\"what\":\"records\",\"format\":\"csv\",\"object\":\"no\"}",
            422,
            "invalid_input",
            Some("/object"),
        ),
        (
            "POST",
            EXPORTS,
            JSON,
            "{\"what\":\"audit\",\"format\":\"csv\",\"plugin\":\"x\"}",
            422,
            "invalid_input",
            Some("/plugin"),
        ),
        (
            "POST",
            EXPORTS,
            JSON,
            "{\"what\":\"events\",\"format\":\"csv\",\"types\":[\"No\"]}",
            422,
            "invalid_input",
            Some("/types/0"),
        ),
        ("POST", ENDPOINTS, JSON, "{\"url\":\"x\",\"secret\":\"s\"}", 422, "invalid_input", Some("/secret")),
        ("PATCH", ENDPOINT, JSON, "{\"enabled\":1}", 422, "invalid_input", Some("/enabled")),
        ("PATCH", ENDPOINT, JSON, "{\"signing\":\"hmac\"}", 422, "invalid_input", Some("/signing")),
        ("POST", REPLAY, JSON, "{}", 422, "invalid_input", Some("")),
        ("POST", REPLAY, JSON, "{\"since\":\"yesterday\"}", 422, "invalid_input", Some("/since")),
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
        ("/v1/exports/nonsense", 400, "invalid_request"),
        ("/v1/exports/exp_00000000000000000000000000000000", 404, "not_found"),
        ("/v1/exports?limit=0", 400, "invalid_request"),
        ("/v1/usage?from=yesterday", 400, "invalid_request"),
        ("/v1/usage?period=november", 400, "invalid_request"),
        ("/v1/budgets/everybody/calls", 400, "invalid_request"),
        ("/v1/budgets/plugin:Open%20AI/calls", 400, "invalid_request"),
        ("/v1/budgets/org/euros", 400, "invalid_request"),
        ("/v1/budgets/org/calls", 404, "not_found"),
        ("/v1/events?after=x", 400, "invalid_request"),
        ("/v1/events?kind=call.created", 400, "invalid_request"),
        ("/v1/events?type=call", 400, "invalid_request"),
        ("/v1/events/nonsense", 400, "invalid_request"),
        ("/v1/events/evt_00000000000000000000000000000000", 404, "not_found"),
        ("/v1/events/stream?from=2026-01-01T00:00:00Z", 400, "invalid_request"),
        ("/v1/records/thing", 400, "invalid_request"),
        ("/v1/records/contact?limit=0", 400, "invalid_request"),
        ("/v1/records/contact?nickname=x", 422, "invalid_input"),
        ("/v1/records/contact/hubspot:1", 404, "not_found"),
        ("/v1/webhooks?status=lost", 400, "invalid_request"),
        ("/v1/jobs?status=lost", 400, "invalid_request"),
        ("/v1/jobs?kind=mail", 400, "invalid_request"),
        ("/v1/jobs/nonsense", 400, "invalid_request"),
        ("/v1/jobs/job_00000000000000000000000000000000", 404, "not_found"),
        ("/v1/schedules/Not_A_Plugin/a", 400, "invalid_request"),
        ("/v1/schedules/openai/nightly", 404, "not_found"),
        ("/v1/deliveries?status=lost", 400, "invalid_request"),
        ("/v1/deliveries?limit=0", 400, "invalid_request"),
        ("/v1/endpoints/whk_00000000000000000000000000000000", 400, "invalid_request"),
        (ENDPOINT, 404, "not_found"),
        (&format!("{ENDPOINT}/deliveries"), 404, "not_found"),
        (&format!("{ENDPOINT}/stats"), 404, "not_found"),
        ("/v1/deliveries/dlv_00000000000000000000000000000000", 404, "not_found"),
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
    assert_problem(&face.get("/downloads/nothing", None).await, 404, "not_found", "a link to nothing");
    assert_problem(&face.get("/files/nothing", None).await, 404, "not_found", "a link to no file");
    assert_problem(&face.get("/hooks/nobody", None).await, 404, "not_found", "a webhook for nobody");
    assert_problem(&face.get("/hooks/shared/openai", None).await, 404, "not_found", "a webhook for all of nobody");
    assert_problem(&face.get("/hooks/shared/No!", None).await, 400, "invalid_request", "a webhook for no plugin");
}
