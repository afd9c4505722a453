//! Bad input, route by route: the right 4xx with a code, nothing written, and never a 5xx.

use std::sync::Arc;

use chrono::Duration;
use patchbay_model::{Clock as _, ManualClock, org::Scope};
use patchbay_tests::{Fixture, Org, Reply, TestHub, hub::Call};
use serde_json::{Value, json};

/// Every route that needs a key, with the scope that it needs.
const ROUTES: &[(&str, &str, Scope)] = &[
    ("GET", "/v1/plugins", Scope::Read),
    ("POST", "/v1/plugins", Scope::Operator),
    ("GET", "/v1/installations", Scope::Read),
    ("GET", "/v1/installations/echo", Scope::Read),
    ("PUT", "/v1/installations/echo", Scope::Admin),
    ("DELETE", "/v1/installations/echo", Scope::Admin),
    ("GET", "/v1/connections/echo", Scope::Read),
    ("PUT", "/v1/connections/echo", Scope::Admin),
    ("DELETE", "/v1/connections/echo", Scope::Admin),
    ("POST", "/v1/actions/echo/run", Scope::Invoke),
    ("POST", "/v1/proxy/echo/echo", Scope::Invoke),
    ("GET", "/v1/rate-limits", Scope::Read),
    ("PUT", "/v1/rate-limits", Scope::Admin),
    ("GET", "/v1/runs", Scope::Read),
    ("GET", "/v1/runs/RUN", Scope::Read),
    ("GET", "/v1/blobs/blob_00000000000000000000000000000000", Scope::Read),
    ("GET", "/v1/usage", Scope::Read),
    ("GET", "/v1/events", Scope::Read),
    ("GET", "/v1/event-types", Scope::Read),
    ("GET", "/v1/objects", Scope::Read),
    ("GET", "/v1/records/contact", Scope::Read),
    ("GET", "/v1/webhooks", Scope::Read),
    ("GET", "/v1/webhooks/WEBHOOK", Scope::Read),
];

struct Scene {
    hub: TestHub,
    org: Org,
    other: Org,
    clock: Arc<ManualClock>,
    run: String,
    webhook: String,
    /// The path of a webhook URL.
    hook: String,
}

impl Scene {
    /// An org that has one of everything, beside one that has nothing.
    async fn start() -> Self {
        let clock = Arc::new(ManualClock::new(chrono::DateTime::from_timestamp(1_793_491_200, 0).unwrap()));
        let hub = TestHub::setup().clock(clock.clone()).start().await;
        let (org, other) = (hub.org("acme").await, hub.org("other").await);
        let _ = org.upload(Fixture::load("echo").pack()).await.expect(201);
        let installed = org.install("echo", json!({})).await.expect(200).json();
        let _ = org.connect("echo", "secret_key", "sk-bad-input").await.expect(200);
        let acted = org.act("echo", "run", &json!({"text": "x"})).await.expect(200).json();
        let hook = installed["webhook_url"].as_str().unwrap().strip_prefix(&hub.url).unwrap().to_owned();
        let sent = org.call("POST", &hook).body("text/plain", "evt-1").send().await;
        assert!((200..300).contains(&sent.status), "{}", sent.text());
        hub.hub.process_due_webhooks().await.unwrap();
        let asking = org.clone();
        let webhook = org.wait_for(std::time::Duration::from_secs(30), || async {
            let webhooks = asking.get("/v1/webhooks").await.json();
            (webhooks["items"][0]["status"] == "processed")
                .then(|| webhooks["items"][0]["id"].as_str().unwrap().to_owned())
        });
        let webhook = webhook.await;
        Self { hub, org, other, clock, run: acted["run"].as_str().unwrap().to_owned(), webhook, hook }
    }

    fn path(&self, template: &str) -> String {
        template.replace("RUN", &self.run).replace("WEBHOOK", &self.webhook)
    }

    /// Everything that can be listed, of both orgs.
    async fn snapshot(&self) -> Vec<Value> {
        let mut lists = Vec::new();
        for org in [&self.org, &self.other] {
            for path in ["runs", "usage", "events", "webhooks", "installations", "plugins", "connections/echo"] {
                lists.push(org.get(&format!("/v1/{path}")).await.json());
            }
        }
        // every problem has its own request id
        lists.iter_mut().filter_map(Value::as_object_mut).for_each(|list| drop(list.remove("request_id")));
        lists
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_good_key_with_the_right_scope_no_route_answers() {
    let scene = Scene::start().await;
    let soon = scene.clock.now() + Duration::hours(1);
    let expired = scene.org.new_key(&scene.hub, &Scope::ALL, Some(soon)).await;
    scene.clock.advance(Duration::hours(2));
    let before = scene.snapshot().await;
    for (method, template, scope) in ROUTES {
        let path = scene.path(template);
        let others: Vec<Scope> = Scope::ALL.into_iter().filter(|other| other != scope).collect();
        let wrong_scope = scene.org.new_key(&scene.hub, &others, None).await;
        for (key, code) in [
            ("pb_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "unauthenticated"),
            ("nonsense", "unauthenticated"),
            ("", "unauthenticated"),
            (&expired, "key_expired"),
            (&wrong_scope, "scope_missing"),
        ] {
            let reply = scene.org.with_key(key).call(method, &path).send().await;
            assert_eq!(reply.code(), code, "{method} {path} with {key:?}: {}", reply.text());
            reply.expect_problem(code);
        }
    }
    assert_eq!(scene.snapshot().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_orgs_things_are_not_found() {
    let scene = Scene::start().await;
    let before = scene.snapshot().await;
    for (method, path, body, code) in [
        ("GET", "/v1/runs/RUN", None, "not_found"),
        ("GET", "/v1/webhooks/WEBHOOK", None, "not_found"),
        ("GET", "/v1/installations/echo", None, "not_installed"),
        ("DELETE", "/v1/installations/echo", None, "not_installed"),
        ("GET", "/v1/connections/echo", None, "not_found"),
        ("DELETE", "/v1/connections/echo", None, "not_found"),
        ("POST", "/v1/actions/echo/run", Some(json!({"text": "x"})), "not_installed"),
        ("POST", "/v1/proxy/echo/echo", Some(json!({})), "not_installed"),
    ] {
        let mut call = scene.other.call(method, &scene.path(path));
        if let Some(body) = &body {
            call = call.json(body);
        }
        let reply = call.send().await;
        assert_eq!(reply.code(), code, "{method} {path}: {}", reply.text());
    }
    for list in ["runs", "events", "webhooks", "installations"] {
        let reply = scene.other.get(&format!("/v1/{list}")).await.expect(200).json();
        assert_eq!(reply["items"], json!([]), "{list}");
    }
    assert_eq!(scene.snapshot().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_queries_and_methods_that_are_off_are_told_so() {
    let scene = Scene::start().await;
    let before = scene.snapshot().await;
    for (method, path, code) in [
        ("GET", "/v1/nothing", "not_found"),
        ("GET", "/", "not_found"),
        ("GET", "/v1/runs/zzz", "invalid_request"),
        ("GET", "/v1/runs/run_00000000000000000000000000000000", "not_found"),
        ("GET", "/v1/runs/key_00000000000000000000000000000000", "invalid_request"),
        ("GET", "/v1/webhooks/whk_00000000000000000000000000000000", "not_found"),
        ("GET", "/v1/blobs/zzz", "invalid_request"),
        ("GET", "/v1/blobs/blob_00000000000000000000000000000000", "not_found"),
        ("POST", "/hooks/unknown", "not_found"),
        ("POST", "/hooks/", "not_found"),
        ("POST", "/hooks/a/b", "not_found"),
        ("GET", "/v1/installations/Bad!", "invalid_request"),
        ("GET", "/v1/installations/unknown", "not_installed"),
        ("GET", "/v1/installations/echo%00", "invalid_request"),
        ("GET", "/v1/runs?limit=0", "invalid_request"),
        ("GET", "/v1/runs?limit=201", "invalid_request"),
        ("GET", "/v1/runs?limit=-1", "invalid_request"),
        ("GET", "/v1/runs?limit=many", "invalid_request"),
        ("GET", "/v1/runs?status=odd", "invalid_request"),
        ("GET", "/v1/runs?before=zzz", "invalid_request"),
        ("GET", "/v1/runs?nonsense=1", "invalid_request"),
        ("GET", "/v1/usage?from=yesterday", "invalid_request"),
        ("GET", "/v1/events?after=x", "invalid_request"),
        ("GET", "/v1/events?after=99999999999999999999", "invalid_request"),
        ("GET", "/v1/events?after=-1", "invalid_request"),
        ("GET", "/v1/events?type=Call", "invalid_request"),
        ("GET", "/v1/events?source=No%20One", "invalid_request"),
        ("GET", "/v1/events/nonsense", "invalid_request"),
        ("GET", "/v1/events/evt_00000000000000000000000000000000", "not_found"),
        ("GET", "/v1/events/stream?limit=1", "invalid_request"),
        ("GET", "/v1/events/stream?after=1000000", "invalid_request"),
        ("GET", "/v1/records/thing", "invalid_request"),
        ("GET", "/v1/records/contact?limit=1001", "invalid_request"),
        ("GET", "/v1/records/contact?fields=nickname", "invalid_request"),
        ("GET", "/v1/records/contact?filter=%7B", "invalid_request"),
        ("GET", "/v1/records/contact?filter=%7B%22email%22%3A%5B%5D%7D", "invalid_input"),
        ("GET", "/v1/records/contact?nickname=x", "invalid_input"),
        ("GET", "/v1/records/contact/hubspot:1", "not_found"),
        ("GET", "/v1/records/contact/hubspot:1?deleted=perhaps", "invalid_request"),
        ("POST", "/v1/runs", "method_not_allowed"),
        ("PATCH", "/v1/installations/echo", "method_not_allowed"),
        ("GET", "/v1/actions/echo/run", "method_not_allowed"),
        ("DELETE", "/v1/plugins", "method_not_allowed"),
        ("POST", "/v1/proxy/echo/unknown", "route_not_proxied"),
        ("POST", "/v1/proxy/unknown/echo", "not_installed"),
    ] {
        let reply = scene.org.call(method, path).send().await;
        assert_eq!(reply.code(), code, "{method} {path}: {} {}", reply.status, reply.text());
        reply.expect_problem(code);
    }
    assert_eq!(scene.snapshot().await, before);
}

fn body(call: Call, text: &str) -> Call {
    call.body("application/json", text.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_off_are_refused_with_the_place() {
    let scene = Scene::start().await;
    let before = scene.snapshot().await;
    let (installation, connection, action) = ("/v1/installations/echo", "/v1/connections/echo", "/v1/actions/echo/run");
    let cases: Vec<(&str, &str, String, &str, Option<&str>)> = vec![
        ("PUT", installation, "{".to_owned(), "malformed_json", None),
        ("PUT", installation, String::new(), "malformed_json", None),
        ("PUT", installation, format!("{{\"config\": {}", "[".repeat(100_000)), "malformed_json", None),
        ("PUT", installation, "[]".to_owned(), "invalid_input", None),
        ("PUT", installation, r#"[{"region": "eu"}, null, false]"#.to_owned(), "invalid_input", None),
        ("PUT", connection, r#"[{"secret_key": "x"}, null, null]"#.to_owned(), "invalid_input", None),
        ("PUT", installation, r#"{"config": {"region": 7}}"#.to_owned(), "invalid_input", Some("/config/region")),
        ("PUT", installation, r#"{"config": {"regoin": "eu"}}"#.to_owned(), "invalid_input", None),
        ("PUT", installation, r#"{"confg": {}}"#.to_owned(), "invalid_input", None),
        ("PUT", installation, r#"{"enabled": "yes"}"#.to_owned(), "invalid_input", None),
        (
            "PUT",
            installation,
            r#"{"policy": {"track": "not a range"}}"#.to_owned(),
            "invalid_input",
            Some("/policy/track"),
        ),
        ("PUT", installation, r#"{"policy": {"pin": "zz"}}"#.to_owned(), "invalid_input", None),
        ("PUT", installation, r#"{"hosts": "x.example.com"}"#.to_owned(), "invalid_input", None),
        ("PUT", installation, r#"{"hosts": ["x.example.com"]}"#.to_owned(), "invalid_input", Some("/hosts/0")),
        (
            "PUT",
            installation,
            format!(r#"{{"policy": {{"pin": "{}"}}}}"#, "0".repeat(64)),
            "invalid_input",
            Some("/policy/pin"),
        ),
        ("PUT", connection, "nothing".to_owned(), "malformed_json", None),
        ("PUT", connection, "{}".to_owned(), "invalid_input", None),
        ("PUT", connection, r#"{"credentials": []}"#.to_owned(), "invalid_input", None),
        ("PUT", connection, r#"{"credentials": {"secret_key": 7}}"#.to_owned(), "invalid_input", None),
        (
            "PUT",
            connection,
            r#"{"credentials": {"unknown": "x"}}"#.to_owned(),
            "invalid_input",
            Some("/credentials/unknown"),
        ),
        ("PUT", connection, r#"{"credentials": {"secret_key": "x"}, "more": 1}"#.to_owned(), "invalid_input", None),
        (
            "PUT",
            connection,
            r#"{"credentials": {"secret_key": "x"}, "keep_previous_for_s": -1}"#.to_owned(),
            "invalid_input",
            None,
        ),
        ("POST", action, "{\"text\": ".to_owned(), "malformed_json", None),
        ("POST", action, "{}".to_owned(), "invalid_input", None),
        ("POST", action, r#"{"text": 7}"#.to_owned(), "invalid_input", Some("/text")),
        ("POST", action, r#"{"text": "x", "more": 1}"#.to_owned(), "invalid_input", None),
        ("POST", action, "null".to_owned(), "invalid_input", None),
        ("POST", action, format!("{{\"text\": {}", "[".repeat(200_000)), "malformed_json", None),
        ("POST", "/v1/actions/echo/unknown", r#"{"text": "x"}"#.to_owned(), "action_not_found", None),
        ("POST", "/v1/actions/unknown/run", r#"{"text": "x"}"#.to_owned(), "not_installed", None),
        ("PUT", "/v1/installations/unknown", r#"{"config": {}}"#.to_owned(), "not_found", None),
        ("PUT", "/v1/connections/unknown", r#"{"credentials": {"a": "x"}}"#.to_owned(), "not_found", None),
        ("PUT", installation, format!("\"{}\"", "x".repeat(300 << 10)), "payload_too_large", None),
        ("PUT", connection, format!("\"{}\"", "x".repeat(300 << 10)), "payload_too_large", None),
        ("POST", action, format!("\"{}\"", "x".repeat(5 << 20)), "payload_too_large", None),
        ("POST", "/v1/proxy/echo/echo", "x".repeat(65 << 10), "payload_too_large", None),
    ];
    for (method, path, text, code, pointer) in cases {
        let reply = body(scene.org.call(method, path), &text).send().await;
        let shown: String = text.chars().take(80).collect();
        assert_eq!(reply.code(), code, "{method} {path} {shown}: {} {}", reply.status, reply.text());
        if let Some(pointer) = pointer {
            let violations = reply.json()["violations"].clone();
            assert!(
                violations.as_array().unwrap().iter().any(|one| one["pointer"] == pointer),
                "{shown}: {violations}"
            );
        }
    }
    assert_eq!(scene.snapshot().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_media_types_and_bytes_that_are_no_text_are_refused() {
    let scene = Scene::start().await;
    let before = scene.snapshot().await;
    for (method, path) in [
        ("PUT", "/v1/installations/echo"),
        ("PUT", "/v1/connections/echo"),
        ("POST", "/v1/actions/echo/run"),
        ("POST", "/v1/plugins"),
    ] {
        let call = scene.org.call(method, path).body("text/plain", r#"{"text": "x"}"#);
        call.send().await.expect_problem("unsupported_media_type");
        let none = scene.org.call(method, path).send().await;
        none.expect_problem("unsupported_media_type");
    }
    for (method, path, bytes) in [
        ("PUT", "/v1/installations/echo", &b"{\"config\": {\"region\": \"\xff\xfe\"}}"[..]),
        ("PUT", "/v1/connections/echo", &b"{\"credentials\": {\"secret_key\": \"\xff\xfe\"}}"[..]),
        ("POST", "/v1/actions/echo/run", &b"{\"text\": \"\xff\xfe\"}"[..]),
    ] {
        let call = scene.org.call(method, path).body("application/json", bytes);
        call.send().await.expect_problem("malformed_json");
    }
    let reply = scene.org.call("POST", "/v1/plugins").body("application/wasm", &b"\0asm"[..]).send().await;
    reply.expect_problem("package_invalid");
    assert_eq!(scene.snapshot().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_url_takes_nothing_that_is_off() {
    let scene = Scene::start().await;
    let before = scene.snapshot().await;
    let large = "x".repeat(65 << 10);
    let longer = format!("{}x", scene.hook);
    for (method, path, text, code) in [
        ("POST", scene.hook.as_str(), large.as_str(), "payload_too_large"),
        ("POST", &longer, "evt-2", "not_found"),
        ("GET", &longer, "", "not_found"),
        ("POST", &longer, &large, "not_found"),
    ] {
        let reply = scene.org.call(method, path).body("text/plain", text.to_owned()).send().await;
        assert_eq!(reply.code(), code, "{method} {}: {} {}", path.len(), reply.status, reply.text());
        reply.expect_problem(code);
    }
    assert_eq!(scene.snapshot().await, before);
    // what has come already is acknowledged and dropped
    let again = scene.org.call("POST", &scene.hook).body("text/plain", "evt-1").send().await;
    assert!((200..300).contains(&again.status), "{}", again.text());
    assert_eq!(scene.org.get("/v1/webhooks").await.json()["items"].as_array().unwrap().len(), 1);
}

async fn answer(scene: &Scene, request: &str) -> Reply {
    let address = scene.hub.url.strip_prefix("http://").unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    let reading = stream.read_to_end(&mut bytes);
    let _ = tokio::time::timeout(std::time::Duration::from_secs(5), reading).await;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let status = text.split_whitespace().nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Reply { status, headers: reqwest::header::HeaderMap::new(), body: text.into_bytes().into() }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_no_http_do_no_harm() {
    let scene = Scene::start().await;
    let key = scene.org.key.clone();
    let many = "x-a: b\r\n".repeat(20_000);
    for request in [
        "nonsense\r\n\r\n".to_owned(),
        format!("GET /v1/runs HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {key}\r\n{many}connection: close\r\n\r\n"),
        format!("GET /{} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", "a".repeat(100_000)),
        format!(
            "POST /v1/actions/echo/run HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n0\r\n\r\n"
        ),
        "GET /healthz HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n".to_owned(),
    ] {
        let reply = answer(&scene, &request).await;
        assert!(reply.status < 500, "{}: {}", &request[..60.min(request.len())], reply.text());
    }
    let _ = scene.hub.get("/healthz").await.expect(200);
}
