//! AssemblyAI, from the upload to the event: transcripts by action and through the proxy, ended by webhooks and by polling.

use std::sync::Arc;

use bytes::Bytes;
use chrono::Duration;
use futures::StreamExt as _;
use patchbay_model::ManualClock;
use patchbay_tests::{
    AssemblyAi, Fixture, Org, Reply, TestHub, assemblyai::Refusal, assemblyai::SECONDS, hub::HubProcess,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::process::Command;

use crate::sdk;

const KEY: &str = "canary-key-of-assemblyai-0001";
const SECRET: &str = "9f2b5c1e7a4d4e0f8b6a3c2d1e0f9a8b";
const COMPLETED: &str = "assemblyai.transcript.completed";
const SOON: std::time::Duration = std::time::Duration::from_secs(30);

struct Scene {
    hub: TestHub,
    org: Org,
    vendor: AssemblyAi,
    clock: Arc<ManualClock>,
}

/// An org with the plugin and its connection.
async fn connected(hub: &TestHub, config: Value) -> Org {
    let org = hub.org("acme").await;
    let _ = org.upload(Fixture::plugin("assemblyai").pack()).await.expect(201);
    let _ = org.install("assemblyai", config).await.expect(200);
    let body = json!({"credentials": {"api_key": KEY, "webhook_secret": SECRET}});
    let _ = org.call("PUT", "/v1/connections/assemblyai").json(&body).send().await.expect(200);
    org
}

impl Scene {
    async fn start(config: Value) -> Self {
        let clock = Arc::new(ManualClock::new("2026-11-22T12:00:00Z".parse().unwrap()));
        let vendor = AssemblyAi::start(KEY).await;
        let setup = TestHub::setup().clock(clock.clone());
        let setup = setup.upstream("api.assemblyai.com", &vendor.url());
        let hub = setup.upstream("streaming.assemblyai.com", &vendor.url()).start().await;
        let org = connected(&hub, config).await;
        Self { hub, org, vendor, clock }
    }

    async fn output(&self, action: &str, input: Value) -> Value {
        self.org.act("assemblyai", action, &input).await.expect(200).json()["output"].clone()
    }

    async fn proxied(&self, method: &str, path: &str, body: &Value) -> Reply {
        self.org.call(method, &format!("/v1/proxy/assemblyai{path}")).json(body).send().await
    }

    /// Has whatever came in worked on, and then what is due after so long.
    async fn after(&self, wait: Duration) {
        self.hub.hub.process_due_webhooks().await.unwrap();
        self.clock.advance(wait);
        self.hub.hub.work_due_jobs().await.unwrap();
    }

    async fn events(&self, kind: &str) -> Vec<Value> {
        let events = self.org.get("/v1/events?limit=200").await.expect(200).json();
        events["items"].as_array().unwrap().iter().filter(|event| event["type"] == kind).cloned().collect()
    }

    /// The hub's books are the vendor's, and each transcript is told of once.
    async fn assert_settled(&self, transcripts: usize) {
        // the hub's own worker may be in the middle of the last of it
        let is_told = || async {
            self.hub.hub.work_due_jobs().await.unwrap();
            (self.events(COMPLETED).await.len() >= transcripts).then_some(())
        };
        self.org.wait_for(SOON, is_told).await;
        assert_eq!(self.org.metered("assemblyai", "audio_seconds").await, self.vendor.billed());
        assert_eq!(self.vendor.billed(), SECONDS * transcripts as u64);
        assert_eq!(self.org.metered("assemblyai", "transcripts").await, transcripts as u64);
        assert_eq!(self.events(COMPLETED).await.len(), transcripts);
        assert_eq!(self.vendor.violations(), Vec::<String>::new());
    }
}

pub async fn a_transcript_ends_by_its_webhook_and_the_job_adds_nothing() {
    let scene = Scene::start(json!({})).await;
    let audio = scene.output("upload", json!({"content": "UklGRg=="})).await;
    assert_eq!(scene.vendor.uploads()[0].size, 4);
    let options = json!({"audio_url": audio["upload_url"], "sentiment_analysis": true, "speaker_labels": true,
        "redact_pii": true, "redact_pii_policies": ["person_name"], "redact_pii_sub": "hash", "redact_pii_audio": true});
    let reply = scene.org.act("assemblyai", "create-transcript", &options).await.expect(200);
    assert!(!reply.text().contains(SECRET), "{}", reply.text());
    let id = reply.json()["output"]["id"].as_str().unwrap().to_owned();
    let order = scene.vendor.order(&id);
    assert_eq!(order["webhook_auth_header_value"], SECRET, "the hub has put it in");
    assert_eq!(order["speech_models"], json!(["assemblyai-stt-3-7", "universal-2"]));

    scene.vendor.finish(&id);
    for _ in 0..2 {
        assert!((200..300).contains(&scene.vendor.call_back(&id).await));
    }
    scene.after(Duration::minutes(2)).await;
    scene.after(Duration::minutes(20)).await;
    scene.assert_settled(1).await;
    let event = &scene.events(COMPLETED).await[0];
    assert_eq!(event["subject"], json!(id));
    let sentiment = &event["data"]["sentiment"];
    assert_eq!((&sentiment["positive"], &sentiment["negative"]), (&json!(1), &json!(1)));
    assert_eq!(sentiment["speakers"][1], json!({"speaker": "B", "positive": 0, "neutral": 0, "negative": 1}));
    assert!(!event.to_string().contains("Very good"), "no text: {event}");

    let got = scene.output("get-transcript", json!({"id": id})).await;
    assert_eq!(got["text"], "Very good. Not so.");
    assert_eq!(scene.output("list-transcripts", json!({"limit": 1})).await["transcripts"][0]["id"], json!(id));
    let redacted = scene.output("get-redacted-audio", json!({"id": id})).await;
    assert_eq!(redacted["status"], "redacted_audio_ready");
    let token = scene.output("create-streaming-token", json!({"expires_in_seconds": 60})).await;
    assert_eq!(token["token"], "streaming-token-1");
    let token = scene.org.get("/v1/proxy/assemblyai/v3/token?expires_in_seconds=60").await.expect(200).json();
    assert_eq!(token["token"], "streaming-token-2");
    assert_eq!(scene.org.metered("assemblyai", "streaming_tokens").await, 2);
    for (path, bytes) in scene.hub.kept().await {
        for secret in [KEY, SECRET] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{}", path.display());
        }
    }
}

pub async fn a_lost_webhook_is_made_up_for_by_the_job() {
    let scene = Scene::start(json!({"text_in_events": true})).await;
    let asked = json!({"audio_url": "https://example.com/a.mp3"});
    let made = scene.proxied("POST", "/v2/transcript", &asked).await.expect(200).json();
    let id = made["id"].as_str().unwrap().to_owned();
    // it takes a while, and for a moment AssemblyAI is not there
    scene.after(Duration::seconds(61)).await;
    scene.vendor.refuse([Refusal(503, None), Refusal(503, None), Refusal(503, None)]);
    scene.after(Duration::seconds(40)).await;
    assert!(scene.events(COMPLETED).await.is_empty());
    scene.vendor.finish(&id);
    for _ in 0..6 {
        scene.after(Duration::minutes(15)).await;
    }
    scene.assert_settled(1).await;
    assert_eq!(scene.events(COMPLETED).await[0]["data"]["text"], "Very good. Not so.");
    // late, but not lost
    assert!((200..300).contains(&scene.vendor.call_back(&id).await));
    scene.after(Duration::minutes(15)).await;
    scene.assert_settled(1).await;

    let failing = scene.output("create-transcript", asked).await["id"].as_str().unwrap().to_owned();
    scene.vendor.fail(&failing, "Download error");
    for _ in 0..2 {
        scene.after(Duration::minutes(15)).await;
    }
    let failed = scene.events("assemblyai.transcript.failed").await;
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0]["data"], json!({"transcript_id": failing, "error": "Download error"}));
    scene.assert_settled(1).await;
}

pub async fn a_transcript_whose_answer_was_lost_is_found_in_the_list() {
    let scene = Scene::start(json!({})).await;
    let asked = json!({"audio_url": "https://example.com/a.mp3"});
    scene.vendor.make_without_an_answer();
    scene.proxied("POST", "/v2/transcript", &asked).await.expect_problem("upstream_unavailable");
    scene.vendor.make_without_an_answer();
    scene.org.act("assemblyai", "create-transcript", &asked).await.expect_problem("upstream_unavailable");
    let ids = scene.vendor.ids();
    assert_eq!(ids.len(), 2);
    for id in &ids {
        scene.vendor.finish(id);
    }
    // no webhook comes; the list is looked through within the hour, and then they are watched like others; the hub's own worker
    // may be in the middle of a look, and the next is then a quarter of an hour later
    for _ in 0..8 {
        if scene.events(COMPLETED).await.len() == 2 {
            break;
        }
        scene.clock.advance(Duration::minutes(45));
        scene.hub.hub.run_due_schedules().await.unwrap();
        scene.after(Duration::minutes(15)).await;
    }
    scene.assert_settled(2).await;
}

pub async fn what_comes_without_the_secret_is_refused_and_the_secret_goes_nowhere_else() {
    let scene = Scene::start(json!({})).await;
    let made = scene.output("create-transcript", json!({"audio_url": "https://example.com/a.mp3"})).await;
    let id = made["id"].as_str().unwrap();
    scene.vendor.finish(id);
    for wrong in ["9f2b5c1e7a4d4e0f8b6a3c2d1e0f9a8c", "x", &SECRET.to_uppercase()] {
        assert!((400..500).contains(&scene.vendor.call_back_with(id, wrong).await), "{wrong}");
    }
    scene.hub.hub.process_due_webhooks().await.unwrap();
    assert!(scene.events(COMPLETED).await.is_empty());

    // a client that would have the secret sent to itself
    let theirs = json!({"audio_url": "https://example.com/a.mp3", "webhook_url": "https://evil.example/hook",
        "webhook_auth_header_name": "x-patchbay-secret", "webhook_auth_header_value": "theirs"});
    let made = scene.proxied("POST", "/v2/transcript", &theirs).await.expect(200).json();
    let other = made["id"].as_str().unwrap().to_owned();
    assert_eq!(Value::Object(scene.vendor.order(&other)), theirs);
    // and one that would have its transcript made behind the meter's back
    let disguised = scene.proxied("POST", "/v2/transcrip%74", &theirs).await;
    assert_eq!((disguised.status, scene.vendor.ids().len()), (404, 2));
    scene.vendor.finish(&other);
    for _ in 0..2 {
        scene.after(Duration::minutes(15)).await;
    }
    // what was refused as a webhook, and what tells somebody else, ends all the same
    scene.assert_settled(2).await;
}

pub async fn whatever_is_deleted_is_metered_before() {
    let scene = Scene::start(json!({})).await;
    let asked = json!({"audio_url": "https://example.com/a.mp3"});
    let made = scene.output("create-transcript", asked.clone()).await["id"].as_str().unwrap().to_owned();
    let waiting = scene.org.act("assemblyai", "delete-transcript", &json!({"id": made})).await;
    waiting.expect_problem("upstream_error");
    let proxied = scene.proxied("POST", "/v2/transcript", &asked).await.expect(200).json();
    let proxied = proxied["id"].as_str().unwrap().to_owned();
    scene.vendor.finish(&made);
    scene.vendor.finish(&proxied);
    assert_eq!(scene.output("delete-transcript", json!({"id": made})).await["text"], "Deleted by user.");
    let path = format!("/v1/proxy/assemblyai/v2/transcript/{proxied}");
    let _ = scene.org.call("DELETE", &path).send().await.expect(200);
    scene.assert_settled(2).await;
    for _ in 0..2 {
        scene.after(Duration::minutes(15)).await;
    }
    scene.assert_settled(2).await;
}

pub async fn assemblyais_sdk_works_unchanged() {
    if !sdk::have("python3").await {
        return;
    }
    let interpreter = sdk::python().await;
    let scene = Scene::start(json!({})).await;
    scene.vendor.complete_after(2);
    let mut command = Command::new(interpreter);
    command.arg(sdk::script("assemblyai_sdk.py")).env("NO_PROXY", "127.0.0.1");
    command.env("ASSEMBLYAI_BASE_URL", format!("{}/v1/proxy/assemblyai", scene.hub.url));
    command.env("ASSEMBLYAI_API_KEY", &scene.org.key);
    let printed = sdk::run(&mut command).await.unwrap_or_else(|text| panic!("{text}"));
    let expected = [
        "completed: Very good. Not so.",
        "sentiment: POSITIVE,NEGATIVE",
        "speakers: A,B",
        "listed: True",
        "subtitles: True",
        "deleted: Deleted by user.",
        "refused: 401",
    ];
    assert_eq!(printed.lines().collect::<Vec<_>>(), expected);
    assert_eq!(scene.vendor.uploads().len(), 1);
    assert_eq!(scene.vendor.uploads()[0].size, 3 << 20);
    scene.assert_settled(1).await;
}

/// MiB that flow through. The figure that is promised is for 2,048; a run of all tests sends fewer.
fn upload_mib() -> u64 {
    std::env::var("PATCHBAY_UPLOAD_MIB").map_or(64, |text| text.parse().expect("a number of MiB"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_upload_does_not_stay_in_the_hubs_memory() {
    const MIB: usize = 1 << 20;
    let vendor = AssemblyAi::start(KEY).await;
    let hub = TestHub::start().await;
    let org = connected(&hub, json!({})).await;
    let upstreams = format!("[upstreams]\n\"api.assemblyai.com\" = \"{}\"\n", vendor.url());
    let hub = HubProcess::in_place_of(hub, &upstreams).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/v1/proxy/assemblyai/v2/upload", hub.url);
    let upload = async |mib: u64| {
        let chunks = futures::stream::iter(0..mib).map(|number| {
            let byte = u8::try_from(number % 251).unwrap_or_default();
            Ok::<_, std::io::Error>(Bytes::from(vec![byte; MIB]))
        });
        let request = client.post(&url).header("authorization", &org.key).body(reqwest::Body::wrap_stream(chunks));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200, "{}", answer.text().await.unwrap());
    };
    // whatever is made once is there then
    upload(8).await;
    let (before, _) = hub.memory_kib();
    hub.forget_peak();
    let mib = upload_mib();
    upload(mib).await;
    let (_, peak) = hub.memory_kib();
    let growth = peak.saturating_sub(before);
    println!("{mib} MiB flowed through a hub of {before} KiB, which grew by {growth} KiB at most");
    assert!(growth < 32 << 10, "the hub grew from {before} KiB by {growth} KiB");

    let mut hash = Sha256::new();
    (0..mib).for_each(|number| hash.update(vec![u8::try_from(number % 251).unwrap_or_default(); MIB]));
    let sent = hex::encode(hash.finalize());
    let uploaded = vendor.uploads().pop().unwrap();
    assert_eq!((uploaded.size, uploaded.sha256), (mib << 20, sent));
    assert_eq!(vendor.violations(), Vec::<String>::new());
}
