//! ElevenLabs: speech that is made once, whoever asks and however many do; the official SDK; signed webhooks.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta};
use futures::StreamExt as _;
use patchbay_hub::HubConfig;
use patchbay_model::{Clock as _, ManualClock};
use patchbay_tests::{
    ElevenLabs, ElevenLabsSender, Fixture, Org, Reply, TestHub,
    elevenlabs::{Fault, Stop, cost, vector},
};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::{process::Command, task::JoinSet};

use crate::{scene::VENDOR_KEY, sdk};

const TEXT: &str = "Your call is important to us.";
const PATH: &str = "/v1/proxy/elevenlabs/v1/text-to-speech/voice1";
/// Callers of the crowd, and over how many connections they come.
const CROWD: usize = 1_000;
const CONNECTIONS: usize = 5;

struct Scene {
    hub: TestHub,
    org: Org,
    vendor: ElevenLabs,
    clock: Arc<ManualClock>,
}

impl Scene {
    async fn start(config: Value) -> Self {
        Self::with(config, |_| {}).await
    }

    async fn with(config: Value, edit: impl FnOnce(&mut HubConfig) + Send + 'static) -> Self {
        let clock = Arc::new(ManualClock::new(DateTime::from_timestamp(vector::TIME, 0).unwrap()));
        let vendor = ElevenLabs::start(VENDOR_KEY).await;
        let setup = TestHub::setup().clock(clock.clone()).upstream("api.elevenlabs.io", &vendor.url());
        let hub = setup.edit(edit).start().await;
        let org = hub.org("acme").await;
        let _ = org.upload(Fixture::plugin("elevenlabs").pack()).await.expect(201);
        let scene = Self { hub, org, vendor, clock };
        scene.switch_on(&scene.org, config).await;
        scene
    }

    async fn switch_on(&self, org: &Org, config: Value) {
        let _ = org.install("elevenlabs", config).await.expect(200);
        self.connect(org, vector::SECRET).await;
    }

    async fn connect(&self, org: &Org, webhook_secret: &str) {
        let credentials = json!({"credentials": {"api_key": VENDOR_KEY, "webhook_secret": webhook_secret}});
        let _ = org.call("PUT", "/v1/connections/elevenlabs").json(&credentials).send().await.expect(200);
    }

    /// Speech by the proxy.
    async fn speak(&self, text: &str) -> Reply {
        speak(&self.org, text).await
    }

    /// What was metered: billed by the vendor, and given again.
    async fn metered(&self) -> (u64, u64) {
        (self.org.metered("elevenlabs", "characters").await, self.org.metered("elevenlabs", "cached_characters").await)
    }

    fn assert_well_behaved(&self) {
        assert_eq!(self.vendor.violations(), Vec::<String>::new());
        assert!(self.vendor.captured().iter().all(|request| request.header("xi-api-key") == Some(VENDOR_KEY)));
    }
}

async fn speak(org: &Org, text: &str) -> Reply {
    org.call("POST", PATH).json(&json!({"text": text})).send().await
}

/// An answer that is read piece by piece.
async fn open(org: &Org, text: &str) -> reqwest::Response {
    let response = org.call("POST", PATH).json(&json!({"text": text})).open().await;
    assert_eq!(response.status(), 200);
    response
}

pub async fn speech_is_made_once_for_an_organization_and_given_again_to_it_alone() {
    let scene = Scene::start(json!({})).await;
    let price = cost("", TEXT);
    let first = scene.speak(TEXT).await.expect(200);
    assert!(first.text().starts_with(&format!("1:voice1:eleven_multilingual_v2:mp3_44100_128:{TEXT};")));
    assert_eq!(first.header("content-type"), Some("audio/mpeg"));
    assert_eq!(first.header("cache-status"), Some("patchbay; fwd=uri-miss; stored"));
    assert_eq!(scene.metered().await, (price, 0));

    // by the proxy, streamed, as audio of an action, and as a file of one
    let again = scene.speak(TEXT).await.expect(200);
    assert_eq!(again.header("cache-status"), Some("patchbay; hit"));
    assert_eq!(again.body, first.body);
    let streamed = scene.org.call("POST", &format!("{PATH}/stream")).json(&json!({"text": TEXT})).send().await;
    assert_eq!(streamed.expect(200).body, first.body);
    let mut input = json!({"voice_id": "voice1", "text": TEXT});
    let audio = scene.org.act("elevenlabs", "create-speech", &input).await.expect(200);
    assert_eq!((audio.header("content-type"), &audio.body), (Some("audio/mpeg"), &first.body));
    input["store"] = json!(true);
    let stored = scene.org.act("elevenlabs", "create-speech", &input).await.expect(200).json();
    let blob = stored["blob"]["id"].as_str().unwrap();
    assert_eq!(scene.org.get(&format!("/v1/blobs/{blob}")).await.expect(200).body, first.body);
    assert_eq!((scene.vendor.asked(), scene.metered().await), (1, (price, 4 * price)));

    // another voice, another account of the same organization, another organization
    let other = PATH.replace("voice1", "voice2");
    let _ = scene.org.call("POST", &other).json(&json!({"text": TEXT})).send().await.expect(200);
    scene.connect(&scene.org, "wsec_of_another_account").await;
    assert!(scene.speak(TEXT).await.expect(200).text().starts_with("3:"));
    let stranger = scene.hub.org("other").await;
    scene.switch_on(&stranger, json!({})).await;
    assert!(speak(&stranger, TEXT).await.expect(200).text().starts_with("4:"));
    assert_eq!((scene.vendor.asked(), scene.vendor.billed()), (4, 4 * price));
    assert_eq!(scene.metered().await, (3 * price, 4 * price));
    assert_eq!(stranger.metered("elevenlabs", "characters").await, price);
    scene.assert_well_behaved();
}

pub async fn speech_that_is_old_or_too_much_is_made_anew() {
    // 600 KiB, 900 KiB and 1,200 KiB
    let [small, large, huge] = [9_600, 14_400, 19_200].map(|length| "x".repeat(length));
    let scene = Scene::start(json!({"cache_max_age_hours": 1, "cache_max_mib": 1})).await;
    let numbers = async |text: &str| {
        let reply = scene.speak(text).await.expect(200);
        assert_eq!(reply.body.len(), text.len() * 64);
        reply.text().split(':').next().unwrap().parse::<u64>().unwrap()
    };
    assert_eq!((numbers(&small).await, numbers(&small).await), (1, 1));
    scene.clock.advance(TimeDelta::seconds(3_599));
    assert_eq!(numbers(&small).await, 1);
    scene.clock.advance(TimeDelta::seconds(1));
    assert_eq!((numbers(&small).await, numbers(&small).await), (2, 2));
    // there is room for one of them
    assert_eq!((numbers(&large).await, numbers(&large).await, numbers(&small).await), (3, 3, 4));
    // and for that none at all, which does not cost what is there its place
    assert_eq!((numbers(&huge).await, numbers(&huge).await, numbers(&small).await), (5, 6, 4));
    // the new terms hold for what is kept
    let _ = scene.org.install("elevenlabs", json!({"cache": false})).await.expect(200);
    assert_eq!((numbers(&small).await, numbers(&small).await), (7, 8));
    scene.assert_well_behaved();
}

/// How many calls of the proxy run, in all hubs of this process.
async fn in_flight(scene: &Scene) -> f64 {
    let text = scene.hub.get("/metrics").await.expect(200).text();
    let gauges = text.lines().filter(|line| line.starts_with("patchbay_calls_in_flight{"));
    let ours = gauges.filter(|line| line.contains(r#"plugin="elevenlabs""#) && line.contains(r#"kind="proxy""#));
    ours.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_at_once_make_one_call_and_hear_the_same() {
    let places = |config: &mut HubConfig| {
        config.runtime.max_instances = 1_500;
        config.runtime.max_org_instances = Some(1_200);
        config.runtime.ceilings.concurrency = 1_200;
    };
    let scene = Scene::with(json!({}), places).await;
    scene.vendor.stop(Stop::BeforeTheAnswer);
    let client = || Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    let clients: Vec<_> = (0..CONNECTIONS).map(|_| client()).collect();
    let mut crowd = JoinSet::new();
    for client in clients.iter().cycle().take(CROWD) {
        let request = client.post(format!("{}{PATH}", scene.hub.url)).bearer_auth(&scene.org.key);
        let request = request.json(&json!({"text": TEXT}));
        crowd.spawn(async move {
            let response = request.send().await.unwrap();
            (response.status().as_u16(), response.bytes().await.unwrap())
        });
    }
    let all_are_here = || async { (in_flight(&scene).await >= CROWD as f64).then_some(()) };
    scene.org.wait_for(Duration::from_secs(120), all_are_here).await;
    scene.vendor.stop(Stop::Nowhere);
    let heard = crowd.join_all().await;
    let expected = scene.speak(TEXT).await.expect(200).body;
    assert!(expected.starts_with(b"1:voice1:"));
    let wrong = heard.iter().filter(|(status, body)| (*status, body) != (200, &expected)).count();
    assert_eq!((heard.len(), wrong, scene.vendor.asked()), (CROWD, 0, 1));
    let price = cost("", TEXT);
    assert_eq!(scene.metered().await, (price, CROWD as u64 * price));
    scene.assert_well_behaved();
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asked_first_may_leave_and_the_others_hear_it_to_the_end() {
    let scene = Scene::start(json!({})).await;
    let text = "x".repeat(4_000);
    scene.vendor.stop(Stop::HalfWay);
    let mut first = open(&scene.org, &text).await.bytes_stream();
    let begun = first.next().await.unwrap().unwrap();
    let mut second = open(&scene.org, &text).await.bytes_stream();
    let mut heard = second.next().await.unwrap().unwrap().to_vec();
    assert!(begun.starts_with(b"1:") && heard.starts_with(b"1:"));
    drop(first);
    scene.vendor.stop(Stop::Nowhere);
    while let Some(chunk) = second.next().await {
        heard.extend_from_slice(&chunk.unwrap());
    }
    assert_eq!(heard.len(), text.len() * 64);
    assert_eq!(scene.speak(&text).await.expect(200).body, heard, "it is kept");

    // of what nobody waits for any more, nothing is kept, and the vendor is let go
    scene.vendor.stop(Stop::HalfWay);
    let mut alone = open(&scene.org, "alone, and soon gone").await.bytes_stream();
    let _ = alone.next().await.unwrap().unwrap();
    drop(alone);
    scene.vendor.answering(0).await;
    scene.vendor.stop(Stop::Nowhere);
    assert!(scene.speak("alone, and soon gone").await.expect(200).text().starts_with("3:"));
    assert_eq!(scene.vendor.asked(), 3);
    scene.assert_well_behaved();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_nobody_elses_and_nothing_of_it_is_kept() {
    let scene = Scene::start(json!({})).await;
    scene.vendor.fail_next(Fault::Refuses(429, "concurrent_limit_exceeded"));
    scene.vendor.stop(Stop::BeforeTheAnswer);
    let both = async { tokio::join!(scene.speak(TEXT), scene.speak(TEXT)) };
    let go_on = async {
        scene.vendor.answering(1).await;
        scene.vendor.stop(Stop::Nowhere);
    };
    let ((one, other), ()) = tokio::join!(both, go_on);
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!((statuses, scene.vendor.asked()), ([200, 429], 2));
    let refused = if one.status == 429 { one } else { other };
    assert_eq!(refused.json()["detail"]["code"], "concurrent_limit_exceeded");

    let text = "this breaks off";
    scene.vendor.fail_next(Fault::BreaksOff);
    let broken = scene.org.call("POST", PATH).json(&json!({"text": text})).open().await;
    // a failure where nothing was passed on yet; paid for either way
    let is_whole = broken.status() == 200 && broken.bytes().await.is_ok();
    assert!(!is_whole, "half of it is not taken for the whole");
    scene.vendor.fail_next(Fault::TellsNoCost);
    assert!(scene.speak(text).await.expect(200).text().starts_with("4:"));
    assert!(scene.speak(text).await.expect(200).text().starts_with("4:"));
    let usage = scene.org.usage("elevenlabs").await;
    let of = |basis: &str| usage.iter().find(|(meter, own, _)| meter == "characters" && own == basis).unwrap().2;
    assert_eq!((of("reported"), of("estimated")), (cost("", TEXT) + cost("", text), cost("", text)));
    scene.assert_well_behaved();
}

#[tokio::test(flavor = "multi_thread")]
async fn speech_that_is_lost_on_its_way_is_metered_by_its_text() {
    let scene = Scene::start(json!({})).await;
    for _ in 0..2 {
        scene.vendor.fail_next(Fault::NeverAnswers);
        let lost = scene.org.call("POST", PATH).json(&json!({"text": TEXT})).send().await;
        lost.expect_problem("upstream_unavailable");
    }
    assert_eq!(scene.vendor.asked(), 2, "what may be paid for is not asked for again by itself");
    let usage = scene.org.usage("elevenlabs").await;
    let characters: Vec<_> = usage.iter().filter(|(meter, ..)| meter == "characters").collect();
    let spoken = u64::try_from(TEXT.chars().count()).unwrap();
    assert_eq!(
        characters.iter().map(|(_, basis, sum)| (basis.as_str(), *sum)).collect::<Vec<_>>(),
        [("estimated", 2 * spoken)]
    );
    scene.assert_well_behaved();
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_of_elevenlabs_become_events_once() {
    let scene = Scene::start(json!({})).await;
    let installed = scene.org.get("/v1/installations/elevenlabs").await.expect(200).json();
    let hook = installed["webhook_url"].as_str().unwrap().strip_prefix(&scene.hub.url).unwrap().to_owned();
    let send = async |body: &str, signature: &str| {
        let call = scene.org.without_key("POST", &hook).body("application/json", body.to_owned());
        call.header("elevenlabs-signature", signature).send().await
    };
    scene.clock.advance(TimeDelta::seconds(1_800));
    for _ in 0..2 {
        assert_eq!(send(vector::BODY, vector::HEADER).await.status, 200);
    }
    let now = scene.clock.now().timestamp();
    let forged = ElevenLabsSender::new("wsec_another").sign(now, vector::BODY);
    send(vector::BODY, &forged).await.expect_problem("webhook_refused");
    scene.clock.advance(TimeDelta::seconds(1));
    send(vector::BODY, vector::HEADER).await.expect_problem("webhook_refused");
    scene.hub.hub.process_due_webhooks().await.unwrap();
    let events = scene.org.get("/v1/events?type=elevenlabs.post_call_transcription").await.expect(200).json();
    let events = events["items"].as_array().unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["data"]["data"]["conversation_id"], "conv_tv");
}

#[tokio::test(flavor = "multi_thread")]
async fn live_translation_is_put_by_business_and_above_and_withheld_from_others() {
    let scene = Scene::start(json!({})).await;
    let plan = async |name: &str| scene.hub.hub.set_plan(scene.org.id, name, None).await.unwrap();
    let put = async |config: Value| {
        scene.org.call("PUT", "/v1/installations/elevenlabs").json(&json!({"config": config})).send().await
    };
    let told = async || {
        let reply = scene.org.act("elevenlabs", "get-live-translation", &json!({})).await.expect(200).json();
        reply["output"]["live_translation"].clone()
    };
    let asked = json!({"source_language": "en", "target_language": "pt-BR", "voice": "voice1", "agent_id": "agent_1"});
    let config = json!({"live_translation": asked});
    plan("pro").await;
    let refused = put(config.clone()).await;
    refused.expect_problem("plan_required");
    assert_eq!(refused.json()["entitlement"]["feature"], "live_translation");
    assert_eq!(told().await, Value::Null);

    plan("business").await;
    for (wrong, place) in
        [(json!({"voice": "voice1"}), ""), (json!({"target_language": "german!"}), "/target_language")]
    {
        let refused = put(json!({"live_translation": wrong})).await;
        refused.expect_problem("invalid_input");
        let pointer = refused.json()["violations"][0]["pointer"].as_str().unwrap().to_owned();
        assert!(pointer.contains(&format!("/live_translation{place}")), "{pointer}");
    }
    let _ = put(config.clone()).await.expect(200);
    assert_eq!(told().await, asked);

    // what was put stays, and the plugin is not told of it; another secret has it told anew at once
    plan("pro").await;
    scene.connect(&scene.org, vector::SECRET).await;
    assert_eq!(told().await, Value::Null);
    let kept = scene.org.get("/v1/installations/elevenlabs").await.expect(200).json();
    assert_eq!(kept["config"], config);
    plan("enterprise").await;
    scene.connect(&scene.org, vector::SECRET).await;
    assert_eq!(told().await, asked);
    assert_eq!(scene.vendor.asked(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_elevenlabs_sdk_for_python_works_unchanged() {
    if !sdk::have("python3").await {
        return;
    }
    let interpreter = sdk::python().await;
    let scene = Scene::start(json!({})).await;
    let mut command = Command::new(interpreter);
    command.arg(sdk::script("elevenlabs_sdk.py"));
    command.env("ELEVENLABS_BASE_URL", format!("{}/v1/proxy/elevenlabs", scene.hub.url));
    command.env("ELEVENLABS_API_KEY", &scene.org.key).env("NO_PROXY", "127.0.0.1");
    let printed = sdk::run(&mut command).await.unwrap_or_else(|text| panic!("{text}"));
    let (billed, again) = scene.metered().await;
    assert_eq!(printed.trim(), format!("characters of the subscription: {billed}"));
    assert_eq!((billed, again), (scene.vendor.billed(), 2 * cost("", "how are you")));
    scene.assert_well_behaved();
}
