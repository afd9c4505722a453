//! Telnyx, from the number to the minute on the bill, with the menu, Slack and an endpoint beside it.

use std::{io::Write as _, process::Stdio, sync::Arc, time::Duration as Patience};

use chrono::{DateTime, Duration};
use patchbay_model::{Clock as _, ManualClock};
use patchbay_tests::{
    Fixture, Org, Reply, Slack, Telnyx, TelnyxSender, TestHub, TestReceiver,
    ivr::verbs::{Carrier, Verb, verbs},
    slack::CHANNEL,
    telnyx::{Fault, Outgoing, doubled_and_shuffled, vector},
};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::{endpoints::scene::on_this_machine, sdk};

const KEY: &str = "KEY0123canary-of-telnyx";
const NUMBER: &str = "+13125550188";
const CALLER: &str = "+14155550100";
const AGENT: &str = "+14155550177";

/// How long an effect may take that nobody waits for.
const SOON: Patience = Patience::from_secs(60);

struct Scene {
    hub: TestHub,
    org: Org,
    vendor: Telnyx,
    slack: Slack,
    receiver: TestReceiver,
    clock: Arc<ManualClock>,
    /// The public address of the webhooks.
    hook: String,
}

impl Scene {
    /// A hub at the time of the vectors, with the plugin, the menu's and Slack's, all of them connected.
    async fn start() -> Self {
        let clock = Arc::new(ManualClock::new(DateTime::from_timestamp(vector::TIME, 0).unwrap()));
        let vendor = Telnyx::start(KEY, clock.clone()).await;
        let slack = Slack::start(clock.clone()).await;
        let receiver = TestReceiver::start().await;
        let setup = TestHub::setup().clock(clock.clone()).upstream("slack.com", &slack.url());
        let setup = setup.upstream("api.telnyx.com", &vendor.url()).upstream("s3.amazonaws.com", &vendor.url());
        let hub = setup.edit(on_this_machine).start().await;
        let org = hub.org("acme").await;
        for plugin in ["telnyx", "ivr", "slack"] {
            let _ = org.upload(Fixture::plugin(plugin).pack()).await.expect(201);
        }
        let _ = org.install("ivr", json!({"disclosure": {"say": "This call is recorded."}})).await.expect(200);
        let _ = org.install("slack", json!({"alerts_channel": CHANNEL})).await.expect(200);
        let _ = org.connect("slack", "bot_token", &slack.token(&["chat:write"])).await.expect(200);
        let config = json!({"from": NUMBER, "default_country": "US"});
        let installed = org.install("telnyx", config).await.expect(200).json();
        let credentials = json!({"credentials": {"api_key": KEY, "public_key": vector::PUBLIC_KEY}});
        let _ = org.call("PUT", "/v1/connections/telnyx").json(&credentials).send().await.expect(200);
        let hook = installed["webhook_url"].as_str().unwrap().to_owned();
        Self { hub, org, vendor, slack, receiver, clock, hook }
    }

    async fn act(&self, action: &str, input: Value) -> Reply {
        self.org.act("telnyx", action, &input).await
    }

    async fn output(&self, action: &str, input: Value) -> Value {
        self.act(action, input).await.expect(200).json()["output"].clone()
    }

    /// Makes an application; gives its id.
    async fn application(&self, kind: &str) -> String {
        let input = json!({"kind": kind, "name": format!("hub {kind}"), "outbound_voice_profile_id": "1"});
        self.output("set-up-application", input).await["connection_id"].as_str().unwrap().to_owned()
    }

    /// Has whatever is due done.
    async fn work(&self) {
        self.hub.hub.process_due_webhooks().await.unwrap();
        self.hub.hub.work_due_jobs().await.unwrap();
        self.hub.hub.process_due_deliveries().await.unwrap();
    }

    /// True if nothing is left to be folded into a call.
    async fn rests(&self) -> bool {
        let mut left = 0;
        for waiting in ["webhooks?status=pending", "jobs?status=queued&name=fold-call", "jobs?status=running"] {
            let list = self.org.get(&format!("/v1/{waiting}")).await.expect(200).json();
            left += list["items"].as_array().unwrap().len();
        }
        left == 0
    }

    /// Records of a standard object, when they are as they shall be, and nothing is under way.
    async fn records(&self, object: &str, done: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let look = || async {
            self.work().await;
            let list = self.org.get(&format!("/v1/records/{object}?limit=50")).await.expect(200).json();
            let records: Vec<Value> = list["items"].as_array().unwrap().iter().map(|one| one["data"].clone()).collect();
            if done(&records) && self.rests().await {
                return Some(records);
            }
            // webhooks of one call that were worked on at once are worked on again in some seconds
            self.clock.advance(Duration::seconds(6));
            None
        };
        self.org.wait_for(SOON, look).await
    }

    /// Searches a number, confirms its price, and has it done. Gives the application that answers it.
    async fn buy(&self) -> String {
        self.vendor.offer(NUMBER, "1.00", "0.50");
        self.vendor.offer("+17735550100", "1.00", "0.50");
        let connection = self.application("texml").await;
        let found = self.output("search-numbers", json!({"area_code": "312"})).await;
        let found: Vec<&Value> = found["numbers"].as_array().unwrap().iter().map(|one| &one["phone_number"]).collect();
        assert_eq!(found, [&json!(NUMBER)]);
        let quote = self.output("order-number", json!({"phone_number": NUMBER})).await;
        assert_eq!((&quote["status"], self.vendor.orders()), (&json!("quoted"), 0), "nothing is bought yet");
        let mut confirmed = json!({
            "phone_number": NUMBER, "quote_id": quote["quote_id"], "confirm_monthly_cost": "0.99", "connection_id": connection,
        });
        self.act("order-number", confirmed.clone()).await.expect_problem("invalid_input");
        confirmed["confirm_monthly_cost"] = quote["monthly_cost"].clone();
        let ordered = self.output("order-number", confirmed.clone()).await;
        assert_eq!(ordered["status"], "pending");
        assert_eq!(self.output("order-number", confirmed).await["order_id"], ordered["order_id"]);
        assert_eq!(self.vendor.orders(), 1);
        self.vendor.complete_orders(true, &self.hook);
        self.vendor.send_all().await;
        let numbers = self.records("phone-number", |all| all.len() == 1).await;
        assert_eq!((&numbers[0]["number"], &numbers[0]["status"]), (&json!(NUMBER), &json!("active")));
        assert_eq!(numbers[0]["monthly_price"], json!({"amount": 100, "currency": "USD"}));
        assert_eq!(self.org.metered("telnyx", "number").await, 1);
        connection
    }

    async fn publish_menu(&self) {
        let menu = json!({
            "name": "Front desk", "start": "main",
            "menus": {
                "main": {"greeting": {"say": "Welcome. For support press 2."}, "options": {"2": {"do": "submenu", "menu": "support"}}},
                "support": {"greeting": {"say": "To speak with somebody press 1."}, "options": {"1": {"do": "transfer", "to": AGENT}}},
            },
        });
        let saved = self.org.act("ivr", "save-menu", &json!({"id": "desk", "menu": menu})).await.expect(200).json();
        let saved = &saved["output"];
        assert_eq!(saved["problems"], json!([]));
        let publish = json!({"id": "desk", "version": saved["version"], "numbers": [NUMBER]});
        let _ = self.org.act("ivr", "publish-menu", &publish).await.expect(200);
    }

    async fn listen(&self) {
        let body = json!({"url": self.receiver.url(), "types": ["call.*"]});
        let _ = self.org.call("POST", "/v1/endpoints").json(&body).send().await.expect(201);
    }

    fn assert_well_behaved(&self) {
        assert_eq!(self.vendor.violations(), Vec::<String>::new());
        assert_eq!(self.slack.violations(), Vec::<String>::new());
    }
}

/// Where a document has the call go on when the caller has pressed a key, or the other side has hung up.
fn action(document: &[Verb]) -> String {
    let verb = document.iter().find(|verb| verb.attribute("action").is_some()).expect("a verb with an action");
    verb.attribute("action").unwrap().to_owned()
}

fn spoken(document: &str) -> Vec<String> {
    verbs(Carrier::Telnyx, document).iter().flat_map(Verb::spoken).collect()
}

/// A call from the greeting to the end. `seed`: each webhook comes twice, and the notes in an order of their own.
async fn call(scene: &Scene, seed: Option<u64>) -> Value {
    // at the same instant in each scene, however long the number was waited for
    let begins = DateTime::from_timestamp(vector::TIME, 0).unwrap() + Duration::hours(1);
    scene.clock.advance(begins - scene.clock.now());
    let caller = scene.vendor.caller(CALLER, NUMBER);
    let hears = async |request: Outgoing| {
        let document = caller.hears(&request).await;
        if seed.is_some() {
            // the very same once more: acknowledged, and nothing comes of it
            assert_eq!(scene.vendor.send(&request).await.0, 200);
        }
        document
    };
    let first = hears(caller.begins()).await;
    assert_eq!(spoken(&first), ["This call is recorded.", "Welcome. For support press 2."]);
    let second = hears(caller.asks(&action(&verbs(Carrier::Telnyx, &first)), &[("Digits", "2")])).await;
    assert_eq!(spoken(&second), ["To speak with somebody press 1."]);
    let third = hears(caller.asks(&action(&verbs(Carrier::Telnyx, &second)), &[("Digits", "1")])).await;
    let dial = verbs(Carrier::Telnyx, &third);
    assert!(dial.iter().any(|verb| verb.name == "Dial" && verb.text == AGENT), "{third}");
    let ended = [("DialCallStatus", "completed"), ("DialCallSid", "v3:agent"), ("DialCallDuration", "45")];
    let last = hears(caller.asks(&action(&dial), &ended)).await;
    assert!(!last.is_empty());
    let notes = caller.notes(5, 61);
    let notes = seed.map_or_else(|| notes.clone(), |seed| doubled_and_shuffled(&notes, seed));
    for note in notes {
        assert_eq!(scene.vendor.send(&note).await.0, 200);
    }
    let is_whole = |all: &[Value]| {
        let Some(call) = all.first() else { return false };
        let transferred = |step: &Value| step["did"] == "transferred";
        call["status"] == "completed"
            && call["extra"]["ivr"].as_array().is_some_and(|path| path.iter().any(transferred))
    };
    let calls = scene.records("call", is_whole).await;
    assert_eq!(calls.len(), 1, "{calls:?}");
    calls.into_iter().next().unwrap()
}

async fn minutes(scene: &Scene, expected: u64) {
    let look = || async {
        scene.work().await;
        (scene.org.metered("telnyx", "minute").await == expected).then_some(())
    };
    scene.org.wait_for(SOON, look).await;
}

pub async fn a_call_goes_from_the_ordered_number_through_the_menu_to_one_object_and_its_minutes() {
    let scene = Scene::start().await;
    scene.buy().await;
    scene.publish_menu().await;
    scene.listen().await;
    let call = call(&scene, None).await;
    assert_eq!((&call["from"], &call["to"]), (&json!(CALLER), &json!(NUMBER)));
    assert_eq!((&call["direction"], &call["duration_s"]), (&json!("inbound"), &json!(61)));
    let did: Vec<&str> =
        call["extra"]["ivr"].as_array().unwrap().iter().map(|step| step["did"].as_str().unwrap()).collect();
    let path: Vec<&str> =
        did.iter().copied().filter(|did| ["digits", "transfer", "transferred"].contains(did)).collect();
    assert_eq!(path, ["digits", "digits", "transfer", "transferred"], "{did:?}");
    // two for the caller's 61 seconds, one for the agent's 45
    minutes(&scene, 3).await;
    assert_eq!(scene.org.metered("telnyx", "call").await, 1);

    let told = || async {
        scene.work().await;
        let completed = |one: &Value| one["data"]["record"]["status"] == "completed";
        scene.receiver.received().iter().map(patchbay_tests::Received::json).find(completed)
    };
    let delivered = scene.org.wait_for(SOON, told).await;
    assert!(delivered["type"].as_str().unwrap().starts_with("call."), "{delivered}");
    let posted = || async {
        scene.work().await;
        let messages = scene.slack.messages();
        (!messages.is_empty()).then_some(messages)
    };
    let messages = scene.org.wait_for(SOON, posted).await;
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert!(messages[0]["text"].as_str().unwrap().contains("Call completed"), "{messages:?}");
    for (path, bytes) in scene.hub.kept().await {
        assert!(!bytes.windows(KEY.len()).any(|window| window == KEY.as_bytes()), "{}", path.display());
    }
    scene.assert_well_behaved();
}

pub async fn webhooks_that_come_twice_and_in_any_order_make_the_very_same_call() {
    let mut calls = Vec::new();
    for seed in [None, Some(7), Some(41)] {
        let scene = Scene::start().await;
        scene.buy().await;
        scene.publish_menu().await;
        calls.push(call(&scene, seed).await);
        minutes(&scene, 3).await;
        scene.assert_well_behaved();
    }
    assert_eq!(calls[0], calls[1]);
    assert_eq!(calls[0], calls[2]);
}

pub async fn a_caller_without_a_menu_is_refused_by_the_settings() {
    let scene = Scene::start().await;
    scene.buy().await;
    let caller = scene.vendor.caller(CALLER, NUMBER);
    let document = caller.hears(&caller.begins()).await;
    let told = verbs(Carrier::Telnyx, &document);
    assert_eq!((told[0].name.as_str(), told[0].attribute("reason")), ("Reject", Some("rejected")));
    scene.assert_well_behaved();
}

pub async fn a_dialled_call_is_recorded_and_its_recording_is_fetched_and_shared() {
    let scene = Scene::start().await;
    let connection = scene.application("call_control").await;
    assert_eq!(scene.vendor.application(&connection)["webhook_api_version"], "2");
    let dial = json!({"to": "(415) 555-0177", "connection_id": connection, "client_state": "order 7"});
    let call = scene.org.call("POST", "/v1/actions/telnyx/dial").header("idempotency-key", "once").json(&dial);
    let control = call.send().await.expect(200).json()["output"]["call_control_id"].as_str().unwrap().to_owned();
    let command = |action: &'static str, more: Value| {
        let mut input = json!({"call_control_id": control});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        scene.act(action, input)
    };
    scene.vendor.pick_up(&control);
    let _ = command("start-recording", json!({"format": "mp3", "channels": "dual"})).await.expect(200);
    scene.clock.advance(Duration::seconds(65));
    scene.vendor.hang_up(&control, "normal_clearing", "callee");
    let sent = scene.vendor.outbox();
    for webhook in doubled_and_shuffled(&sent, 5) {
        assert_eq!(scene.vendor.send(&webhook).await.0, 200);
    }
    let is_done =
        |all: &[Value]| all.first().is_some_and(|call| call["status"] == "completed" && call["price"].is_object());
    let calls = scene.records("call", is_done).await;
    assert_eq!((&calls[0]["direction"], &calls[0]["to"]), (&json!("outbound"), &json!(AGENT)));
    assert_eq!((calls.len(), &calls[0]["duration_s"]), (1, &json!(65)));
    minutes(&scene, 2).await;

    let recordings = scene.records("recording", |all| all.first().is_some_and(|one| one["blob_id"].is_string())).await;
    let blob = recordings[0]["blob_id"].as_str().unwrap();
    let links = format!("/v1/blobs/{blob}/links");
    let link = scene.org.call("POST", &links).json(&json!({})).send().await.expect(201).json();
    let path = link["url"].as_str().unwrap().strip_prefix(&scene.hub.url).unwrap().to_owned();
    let shared = scene.org.without_key("GET", &path).send().await.expect(200);
    assert_eq!((shared.header("content-type"), &shared.body[..]), (Some("audio/mpeg"), &scene.vendor.last_tape()[..]));

    // what comes too late is refused as such
    command("speak", json!({"payload": "hello", "voice": "AWS.Polly.Joanna"})).await.expect_problem("conflict");
    scene.act("dial", json!({"to": "+19005550100", "connection_id": connection})).await.expect_problem("invalid_input");
    // a limit holds for the hub's own repeats, too
    scene.vendor.fail([Fault::Limited(7); 8]);
    let limited = command("hangup", json!({})).await;
    limited.expect_problem("upstream_rate_limited");
    assert_eq!(limited.header("retry-after"), Some("7"));
    scene.assert_well_behaved();
}

pub async fn an_order_whose_answer_gets_lost_is_placed_once() {
    let scene = Scene::start().await;
    scene.vendor.offer(NUMBER, "1.00", "0.50");
    let quote = scene.output("order-number", json!({"phone_number": NUMBER})).await;
    let confirmed = json!({"phone_number": NUMBER, "quote_id": quote["quote_id"], "confirm_monthly_cost": "1.0"});
    scene.vendor.fail([Fault::LostAnswer]);
    let ordered = scene.output("order-number", confirmed.clone()).await;
    assert_eq!((ordered["status"].as_str(), scene.vendor.orders()), (Some("pending"), 1));
    assert_eq!(scene.output("order-number", confirmed).await["order_id"], ordered["order_id"]);
    assert_eq!(scene.vendor.orders(), 1);
    // without a webhook the job finds out
    scene.vendor.complete_orders(true, &scene.hook);
    drop(scene.vendor.outbox());
    scene.clock.advance(Duration::seconds(10));
    let numbers = scene.records("phone-number", |all| all.len() == 1).await;
    assert_eq!(numbers[0]["status"], "active");
    scene.assert_well_behaved();
}

/// One request that is judged by both.
struct Mutant {
    what: String,
    time: Option<String>,
    signature: Option<String>,
    body: String,
}

fn mutants() -> Vec<Mutant> {
    let sender = TelnyxSender::new();
    let now = vector::TIME.to_string();
    let of = |what: &str, time: &str, signature: &str, body: &str| Mutant {
        what: what.to_owned(),
        time: Some(time.to_owned()),
        signature: Some(signature.to_owned()),
        body: body.to_owned(),
    };
    let genuine = |what: &str| of(what, &now, vector::SIGNATURE, vector::BODY);
    let changed = |text: &str, at: usize, to: [&str; 2]| {
        let with = if &text[at..=at] == to[0] { to[1] } else { to[0] };
        format!("{}{with}{}", &text[..at], &text[at + 1..])
    };
    let mut all = vec![genuine("an event"), of("a form", &now, vector::FORM_SIGNATURE, vector::FORM)];
    for at in (0..14).map(|step| step * 24) {
        let body = changed(vector::BODY, at, ["x", "y"]);
        all.push(of(&format!("the body's byte {at}"), &now, vector::SIGNATURE, &body));
    }
    for at in (0..10).map(|step| step * 8) {
        let signature = changed(vector::SIGNATURE, at, ["A", "B"]);
        all.push(of(&format!("the signature's letter {at}"), &now, &signature, vector::BODY));
    }
    for offset in [-301, -300, -1, 1, 300, 301] {
        let time = vector::TIME + offset;
        let signature = sender.sign(time, vector::BODY.as_bytes());
        all.push(of(&format!("signed {offset} s off"), &time.to_string(), &signature, vector::BODY));
    }
    for time in ["1767225601", "01767225600", "abc", "-1"] {
        all.push(of(&format!("the time {time:?}"), time, vector::SIGNATURE, vector::BODY));
    }
    let url_safe = vector::SIGNATURE.replace('+', "-").replace('/', "_");
    let spare = vector::SIGNATURE.replace("Ag==", "Ah==");
    let bare = vector::SIGNATURE.trim_end_matches('=').to_owned();
    let twice = format!("{0}{0}", vector::SIGNATURE);
    let other = TelnyxSender::of_seed(&[9; 32]).sign(vector::TIME, vector::BODY.as_bytes());
    for (what, signature) in [
        ("another alphabet", url_safe.as_str()),
        ("other spare bits", spare.as_str()),
        ("no padding", bare.as_str()),
        ("twice", twice.as_str()),
        ("another account's", other.as_str()),
        ("another body's", vector::FORM_SIGNATURE),
        ("none of it", ""),
    ] {
        all.push(of(&format!("the signature: {what}"), &now, signature, vector::BODY));
    }
    all.push(of("one byte more", &now, vector::SIGNATURE, &format!("{}\n", vector::BODY)));
    all.push(of("no body", &now, vector::SIGNATURE, ""));
    all.push(Mutant { time: None, ..genuine("no time") });
    all.push(Mutant { signature: None, ..genuine("no signature") });
    all
}

pub async fn telnyxs_own_check_and_ours_agree() {
    if !sdk::have("python3").await {
        return;
    }
    let interpreter = sdk::python().await;
    let scene = Scene::start().await;
    let mutants = mutants();
    assert!(mutants.len() >= 40, "{}", mutants.len());
    let mut cases = String::new();
    for Mutant { time, signature, body, .. } in &mutants {
        let mut headers = json!({});
        for (name, value) in [("Telnyx-Timestamp", time), ("Telnyx-Signature-Ed25519", signature)] {
            if let Some(value) = value {
                headers[name] = json!(value);
            }
        }
        cases += &(json!({"time": vector::TIME, "headers": headers, "body": body}).to_string() + "\n");
    }
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(cases.as_bytes()).unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    let mut command = Command::new(interpreter);
    command.arg(sdk::script("telnyx_signatures.py")).env("PUBLIC_KEY", vector::PUBLIC_KEY).stdin(Stdio::from(file));
    let output = command.kill_on_drop(true).output().await.unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let judged: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(judged.len(), mutants.len(), "{printed}{}", String::from_utf8_lossy(&output.stderr));

    let path = scene.hook.strip_prefix(&scene.hub.url).unwrap();
    let mut taken = Vec::new();
    for (Mutant { what, time, signature, body }, judged) in mutants.iter().zip(&judged) {
        let media =
            if body.starts_with("AccountSid") { "application/x-www-form-urlencoded" } else { "application/json" };
        let mut call = scene.org.without_key("POST", path).body(media, body.clone());
        for (name, value) in [("telnyx-timestamp", time), ("telnyx-signature-ed25519", signature)] {
            if let Some(value) = value {
                call = call.header(name, value);
            }
        }
        let reply = call.send().await;
        let ours = reply.status == 200;
        assert!(ours || reply.code() == "webhook_refused", "{what}: {}", reply.text());
        assert_eq!(json!(ours), judged["accepted"], "{what}");
        if ours {
            taken.push(what);
        }
    }
    // both vectors, four times that are near enough, the other alphabet, and the spare bits
    assert_eq!(taken.len(), 8, "{taken:?}");
}

pub async fn telnyxs_sdk_works_unchanged() {
    if !sdk::have("python3").await {
        return;
    }
    let interpreter = sdk::python().await;
    let scene = Scene::start().await;
    for number in [NUMBER, "+13125550199"] {
        scene.vendor.own(number, None);
    }
    scene.vendor.offer("+13125550101", "1.00", "0.00");
    let mut command = Command::new(interpreter);
    command.arg(sdk::script("telnyx_sdk.py"));
    command.env("TELNYX_BASE", format!("{}/v1/proxy/telnyx/v2", scene.hub.url));
    command.env("TELNYX_KEY", &scene.org.key).env("NO_PROXY", "127.0.0.1");
    let printed = sdk::run(&mut command).await.unwrap_or_else(|text| panic!("{text}"));
    let expected = [
        "application: sdk",
        "available: ['+13125550101']",
        "pages: ['+13125550188', '+13125550199']",
        "call: False True",
        "alive: False",
        "speak: ok",
        "hangup: ok",
        "ended: UnprocessableEntityError 422",
        "premium: UnprocessableEntityError 422",
        "order: APIStatusError 405",
    ];
    assert_eq!(printed.lines().collect::<Vec<_>>(), expected);
    scene.assert_well_behaved();
}
