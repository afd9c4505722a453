//! The canary: a secret that a thief of a guest, an echoing vendor and every record of the hub are
//! searched for, in each form in which it could hide.

use std::{
    io::Write,
    sync::{Arc, Mutex, OnceLock},
};

use base64::Engine as _;
use patchbay_tests::openai::percent_encoded;
use serde_json::json;
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

use crate::{
    openai::chat,
    scene::{OpenAiScene, VENDOR_KEY, ZooScene},
    zoo::patient,
};

/// Everything that the hub logs in this process, at a level that nobody runs in production.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

fn capture_log() -> Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    LOG.get_or_init(|| {
        let log = Log::default();
        let ours = "model,package,storage,vault,egress,oauth,runtime,hub,api"
            .split(',')
            .map(|name| format!("patchbay_{name}=trace"));
        let filter = EnvFilter::new(ours.collect::<Vec<_>>().join(",") + ",info");
        tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(log.clone()).init();
        log
    })
    .clone()
}

fn forms() -> Vec<(&'static str, String)> {
    let engine = base64::engine::general_purpose::STANDARD;
    vec![
        ("raw", VENDOR_KEY.to_owned()),
        ("base64", engine.encode(VENDOR_KEY)),
        ("percent", percent_encoded(VENDOR_KEY)),
        ("hexadecimal", hex::encode(VENDOR_KEY)),
        ("JSON with slashes escaped", VENDOR_KEY.replace('/', "\\/")),
        ("JSON as .NET writes it", VENDOR_KEY.replace('+', "\\u002B")),
    ]
}

#[track_caller]
fn assert_clean(place: &str, bytes: &[u8]) {
    for (form, needle) in forms() {
        let found = bytes.windows(needle.len()).position(|window| window == needle.as_bytes());
        if let Some(at) = found {
            let around = &bytes[at.saturating_sub(80)..(at + 80).min(bytes.len())];
            panic!("the secret is in {place} ({form}): …{}…", String::from_utf8_lossy(around));
        }
    }
}

pub async fn a_thief_of_a_guest_finds_nothing_in_its_memory_or_in_what_the_host_told_it() {
    let log = capture_log();
    let scene = ZooScene::start(&patient("secret-dumper")).await;
    let reply = scene.hostile.act("secret-dumper", "run", &json!({})).await.expect(200);
    assert!(
        scene
            .vendor
            .requests()
            .iter()
            .all(|request| request.header("authorization") == Some(&format!("Bearer {VENDOR_KEY}")))
    );
    let told = reply.json()["output"]["result"].as_str().unwrap().to_owned();
    assert!(told.contains("you sent"), "the vendor did echo");
    assert_eq!(told.matches("\"x-compressed\"").count(), 1, "one of the two echoes came compressed");
    assert!(reply.json()["output"]["memory"].as_str().unwrap().len() > 1_000, "the memory was dumped");
    assert_clean("the guest's dump", &reply.body);
    let run = scene.hostile.runs("secret-dumper").await.remove(0);
    let id = run["id"].as_str().unwrap().to_owned();
    for path in [
        "/v1/runs",
        &format!("/v1/runs/{id}"),
        "/v1/events",
        "/v1/usage",
        "/v1/plugins",
        "/v1/installations",
        "/openapi.json",
        "/metrics",
    ] {
        assert_clean(path, &scene.hostile.get(path).await.expect(200).body);
    }
    for (path, bytes) in scene.hub.kept().await {
        assert_clean(&path.display().to_string(), &bytes);
    }
    assert_clean("the log", &log.0.lock().unwrap());
}

pub async fn a_vendor_that_echoes_the_credential_does_not_get_it_past_the_hub() {
    let log = capture_log();
    let scene = OpenAiScene::start().await;
    let streamed = json!({"model": "sim:echo,pace=1", "messages": [{"role": "user", "content": "x"}], "stream": true});
    for body in [chat("sim:echo"), streamed] {
        let response = scene.proxied("/v1/chat/completions", &body).open().await;
        assert_eq!(response.status(), 200);
        assert_clean("the reply's headers", format!("{:?}", response.headers()).as_bytes());
        let text = response.text().await.unwrap();
        assert!(text.contains("you sent"), "the vendor did echo: {text}");
        assert_clean("the reply's body", text.as_bytes());
    }
    let reply = scene.org.act("openai", "create-chat-completion", &chat("sim:echo")).await.expect(200);
    assert_clean("the action's output", &reply.body);
    for path in ["/v1/runs?limit=200", "/v1/usage", "/metrics"] {
        assert_clean(path, &scene.org.get(path).await.expect(200).body);
    }
    assert_clean("the log", &log.0.lock().unwrap());
}

pub async fn an_error_about_a_connection_does_not_repeat_it() {
    let log = capture_log();
    let scene = OpenAiScene::start().await;
    let wrong = [
        json!({"credentials": {"no_such": VENDOR_KEY}}),
        json!({"credentials": {"secret_key": [VENDOR_KEY]}}),
        json!({"credentials": VENDOR_KEY}),
        json!({"credentials": {"secret_key": VENDOR_KEY}, "keep_previous_for_s": VENDOR_KEY}),
        json!({"credentials": {"secret_key": format!("{VENDOR_KEY}\n")}, "unknown": 1}),
    ];
    for body in wrong {
        let reply = scene.org.call("PUT", "/v1/connections/openai").json(&body).send().await;
        assert!((400..500).contains(&reply.status), "{body}: {}", reply.text());
        assert_clean("the problem", &reply.body);
    }
    let reply = scene
        .org
        .call("PUT", "/v1/connections/openai")
        .body("application/json", format!("{{\"credentials\": {{\"secret_key\": \"{VENDOR_KEY}"))
        .send()
        .await;
    reply.expect_problem("malformed_json");
    assert_clean("the problem", &reply.body);
    assert_clean("the log", &log.0.lock().unwrap());
}

pub async fn the_hubs_own_keys_are_stored_as_hashes_only() {
    let scene = OpenAiScene::start().await;
    let key = scene.org.key.as_bytes();
    for (path, bytes) in scene.hub.kept().await {
        assert!(!bytes.windows(key.len()).any(|window| window == key), "the API key is in {}", path.display());
    }
}
