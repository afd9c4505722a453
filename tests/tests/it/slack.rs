//! Slack, from its signed requests to the events of the hub, and from an action to the message.

use std::{io::Write as _, process::Stdio, sync::Arc};

use chrono::{DateTime, Duration};
use patchbay_hub::{OperatorClient, RegisteredClient};
use patchbay_model::{Clock as _, ManualClock};
use patchbay_tests::{
    Browser, Fixture, Org, Reply, Slack, SlackSender, TestHub,
    slack::{ARCHIVED, CHANNEL, ELSEWHERE, Fault, HOOK, vector},
};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::sdk;

const SECRET: &str = "canary-client-secret-of-slack";
const CALLBACK: &str = "/oauth/callback/slack";
const SCOPES: [&str; 4] = ["chat:write", "channels:read", "channels:join", "users:read.email"];

struct Scene {
    hub: TestHub,
    org: Org,
    slack: Slack,
    clock: Arc<ManualClock>,
    hook: String,
}

impl Scene {
    /// A hub at the time of our vector, with the plugin installed and the signing secret in place.
    async fn start(config: Value) -> Self {
        let clock = Arc::new(ManualClock::new(DateTime::from_timestamp(vector::OUR_TIME, 0).unwrap()));
        let slack = Slack::start(clock.clone()).await;
        let operators = RegisteredClient {
            client_id: "1.2".to_owned(),
            secret: Some(SECRET.into()),
            private_key: None,
            key_id: None,
            issuer: None,
            subject: None,
        };
        let operators = OperatorClient { client: operators, shared_grants: Vec::new() };
        let setup = TestHub::setup().clock(clock.clone());
        let setup = setup.upstream("slack.com", &slack.url()).upstream("hooks.slack.com", &slack.url());
        let hub =
            setup.edit(move |config| drop(config.oauth_clients.insert("slack".to_owned(), operators))).start().await;
        let org = hub.org("acme").await;
        // a slow machine may take longer than Slack waits
        let patient = Fixture::plugin("slack").edit(|manifest| {
            manifest.webhooks.as_mut().unwrap().answer_ms = Some(30_000);
        });
        let _ = org.upload(patient.pack()).await.expect(201);
        let installed = org.install("slack", config).await.expect(200).json();
        let hook = installed["webhook_url"].as_str().unwrap().strip_prefix(&hub.url).unwrap().to_owned();
        let scene = Self { hub, org, slack, clock, hook };
        scene.connect(&[]).await;
        scene
    }

    /// With a token that was pasted.
    async fn with_token(config: Value) -> (Self, String) {
        let scene = Self::start(config).await;
        let token = scene.slack.token(&SCOPES);
        scene.connect(&[("bot_token", &token)]).await;
        (scene, token)
    }

    async fn connect(&self, more: &[(&str, &str)]) {
        let mut credentials = json!({"signing_secret": vector::OUR_SECRET});
        for (name, value) in more {
            credentials[*name] = json!(value);
        }
        let body = json!({"credentials": credentials});
        let _ = self.org.call("PUT", "/v1/connections/slack").json(&body).send().await.expect(200);
    }

    /// Sends what Slack would send now.
    async fn send(&self, media: &str, body: &str) -> Reply {
        let time = self.clock.now().timestamp();
        self.send_as(media, body, time, &SlackSender::new(vector::OUR_SECRET).sign(time, body)).await
    }

    async fn send_as(&self, media: &str, body: &str, time: i64, signature: &str) -> Reply {
        let call = self.org.with_key("none").call("POST", &self.hook).body(media, body.to_owned());
        let call = call.header("x-slack-request-timestamp", &time.to_string());
        call.header("x-slack-signature", signature).send().await
    }

    async fn events(&self) -> Vec<Value> {
        self.hub.hub.process_due_webhooks().await.unwrap();
        self.org.get("/v1/events?limit=200").await.expect(200).json()["items"].as_array().unwrap().clone()
    }

    async fn kinds(&self) -> Vec<String> {
        self.events().await.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    }

    async fn act(&self, action: &str, input: Value) -> Reply {
        // so that no channel hears two messages in one second
        self.clock.advance(Duration::seconds(1));
        self.org.act("slack", action, &input).await
    }

    async fn output(&self, action: &str, input: Value) -> Value {
        self.act(action, input).await.expect(200).json()["output"].clone()
    }

    fn assert_well_behaved(&self) {
        assert_eq!(self.slack.violations(), Vec::<String>::new());
    }
}

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

pub async fn events_commands_and_interactions_become_events_of_the_hub() {
    let scene =
        Scene::start(json!({"commands": [{"command": "/deploy", "template": "deploying {{ command.text }}"}]})).await;
    let challenge = json!({"token": "x", "challenge": "3eZbrw1aBm2rZgRNFdxV", "type": "url_verification"}).to_string();
    assert_eq!(scene.send(JSON, &challenge).await.expect(200).text(), "3eZbrw1aBm2rZgRNFdxV");
    for _ in 0..3 {
        let reply = scene.send_as(JSON, vector::OUR_BODY, vector::OUR_TIME, vector::OUR_SIGNATURE).await;
        assert_eq!((reply.status, reply.text()), (200, String::new()));
    }
    let answered = scene.send(FORM, &SlackSender::command("/deploy", "v1 & <v2>", "1.2.3")).await.expect(200);
    assert_eq!(answered.json(), json!({"response_type": "ephemeral", "text": "deploying v1 &amp; &lt;v2&gt;"}));
    assert_eq!(scene.send(FORM, &SlackSender::command("/other", "", "1.2.4")).await.expect(200).text(), "");
    assert_eq!(scene.send(FORM, &SlackSender::press("approve", "1.2.5")).await.expect(200).text(), "");
    let mut kinds = scene.kinds().await;
    kinds.sort();
    assert_eq!(kinds, ["slack.app_mention", "slack.command", "slack.command", "slack.interaction"]);
    let events = scene.events().await;
    let of = |kind: &str| events.iter().find(|event| event["type"] == kind).unwrap();
    assert_eq!(of("slack.app_mention")["data"]["event"]["text"], "<@U0BOT> hi");
    // what a flow needs to answer later
    let command = &of("slack.command")["data"];
    let answer = json!({"response_url": command["response_url"], "text": "done", "response_type": "in_channel"});
    assert_eq!(scene.output("respond", answer).await, json!({"posted": true}));
    assert_eq!(scene.slack.responses(), [json!({"text": "done", "response_type": "in_channel"})]);
    scene.assert_well_behaved();
}

pub async fn what_is_not_signed_by_slack_is_refused() {
    let scene = Scene::start(json!({})).await;
    let (time, body) = (vector::OUR_TIME, vector::OUR_BODY);
    let other = SlackSender::new("another-secret").sign(time, body);
    let old = SlackSender::new(vector::OUR_SECRET).sign(time - 301, body);
    for (time, body, signature) in [
        (time, format!("{body}\n"), vector::OUR_SIGNATURE.to_owned()),
        (time + 1, body.to_owned(), vector::OUR_SIGNATURE.to_owned()),
        (time, body.to_owned(), vector::OUR_SIGNATURE.to_uppercase().replace("V0=", "v0=")),
        (time, body.to_owned(), other),
        (time - 301, body.to_owned(), old),
        (time, body.to_owned(), String::new()),
    ] {
        scene.send_as(JSON, &body, time, &signature).await.expect_problem("webhook_refused");
    }
    assert!(scene.events().await.is_empty());
    let webhooks = scene.org.get("/v1/webhooks").await.expect(200).json();
    assert!(webhooks["items"].as_array().unwrap().iter().all(|webhook| webhook["status"] == "refused"));
    let exact = SlackSender::new(vector::OUR_SECRET).sign(time - 300, body);
    assert_eq!(scene.send_as(JSON, body, time - 300, &exact).await.status, 200, "five minutes to the second");
}

pub async fn a_bot_is_installed_by_oauth_and_its_token_rotates() {
    let scene = Scene::start(json!({})).await;
    scene.slack.register("1.2", SECRET, &format!("{}{CALLBACK}", scene.hub.url), true);
    let reply =
        scene.org.call("POST", "/v1/connections/slack/authorize").json(&json!({})).send().await.expect(200).json();
    let link = reply["url"].as_str().unwrap().strip_prefix(&scene.hub.url).unwrap().to_owned();
    let browser = Browser::new(&scene.hub);
    let url = browser.follow(&link).await;
    assert!(url.starts_with("https://slack.com/oauth/v2/authorize?"), "{url}");
    let back = browser.visit(&url.replace("https://slack.com", &scene.slack.url())).await;
    let _ = browser.get(back.strip_prefix(&scene.hub.url).unwrap()).await.expect(200);
    let shown = scene.org.get("/v1/connections/slack").await.expect(200).json();
    assert_eq!(shown["oauth"]["state"], "connected", "{shown}");
    assert!(shown.to_string().contains("Acme") && shown.to_string().contains("chat:write"), "{shown}");

    let first = scene.slack.good_tokens();
    assert_eq!(scene.output("test-connection", json!({})).await["team"], "Acme");
    scene.clock.advance(Duration::hours(12));
    assert_eq!(scene.output("test-connection", json!({})).await["team_id"], "T0TEST");
    assert_ne!(scene.slack.good_tokens(), first, "the token was renewed");

    for (path, bytes) in scene.hub.kept().await {
        for secret in scene.slack.secrets() {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{}", path.display());
        }
    }
    scene.slack.revoke_all();
    scene.act("test-connection", json!({})).await.expect_problem("reauthorization_needed");
    scene.assert_well_behaved();
}

pub async fn messages_keep_to_slacks_limits_and_its_words_are_told() {
    let (scene, _) = Scene::with_token(json!({})).await;
    let blocks = json!([
        {"type": "header", "text": {"type": "plain_text", "text": "Deploy finished"}},
        {"type": "actions", "elements": [{"type": "button", "action_id": "open", "text": {"type": "plain_text", "text": "Open"}}]},
    ]);
    let posted = scene.output("post-message", json!({"channel": CHANNEL, "text": "done", "blocks": blocks})).await;
    let key = json!({"channel": CHANNEL, "ts": posted["ts"]});
    let with = |text: &str| json!({"channel": CHANNEL, "ts": posted["ts"], "text": text});
    let _ = scene.output("update-message", with("really done")).await;
    assert_eq!(scene.slack.messages()[0]["text"], "really done");
    let _ = scene.output("delete-message", key.clone()).await;
    assert!(scene.slack.messages().is_empty());
    let problem = scene.act("delete-message", key).await;
    problem.expect_problem("upstream_error");
    assert_eq!(problem.json()["upstream"]["code"], "message_not_found");

    let long = json!({"channel": CHANNEL, "blocks": [{"type": "header", "text": {"type": "plain_text", "text": "x".repeat(151)}}]});
    scene.act("post-message", long).await.expect_problem("invalid_input");
    for (channel, word) in [("C0NONE", "channel_not_found"), (ELSEWHERE, "not_in_channel"), (ARCHIVED, "is_archived")] {
        let problem = scene.act("post-message", json!({"channel": channel, "text": "x"})).await;
        problem.expect_problem("upstream_error");
        assert_eq!(problem.json()["upstream"]["code"], word);
    }
    let _ = scene.output("join-conversation", json!({"channel": ELSEWHERE})).await;
    let _ = scene.output("post-message", json!({"channel": ELSEWHERE, "markdown_text": "**hi**"})).await;

    let mut ids = vec![];
    let mut cursor = Value::Null;
    loop {
        let page = scene.output("list-conversations", json!({"limit": 1, "cursor": cursor})).await;
        ids.extend(page["channels"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()));
        cursor = page["next_cursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!(ids, [CHANNEL, ELSEWHERE]);
    assert_eq!(scene.output("lookup-user-by-email", json!({"email": "ada@example.com"})).await["user"]["id"], "U0ADA");
    scene.slack.offer_trigger("1.2.3");
    let view = json!({"trigger_id": "1.2.3", "view": {"type": "modal", "title": {"type": "plain_text", "text": "Hi"}, "blocks": []}});
    assert_eq!(scene.output("open-view", view.clone()).await["view"]["id"], "V0TEST");
    scene.act("open-view", view).await.expect_problem("upstream_error");

    scene.slack.fail([Fault::Limited(30)]);
    let problem = scene.act("post-message", json!({"channel": CHANNEL, "text": "x"})).await;
    problem.expect_problem("upstream_rate_limited");
    assert_eq!(problem.header("retry-after"), Some("30"));
    scene.assert_well_behaved();
}

pub async fn the_incoming_webhooks_url_is_known_to_the_hub_alone() {
    let scene = Scene::start(json!({})).await;
    let url = format!("https://hooks.slack.com{HOOK}");
    for wrong in
        ["https://hooks.slack.com/services/T0", "https://evil.example/services/T0/B0/x", "xoxb-a-token-by-mistake"]
    {
        let body = json!({"credentials": {"webhook_url": wrong}});
        let reply = scene.org.call("PUT", "/v1/connections/slack").json(&body).send().await;
        reply.expect_problem("invalid_input");
        assert!(!reply.text().contains("evil.example"), "{}", reply.text());
    }
    scene.connect(&[("webhook_url", &url)]).await;
    assert_eq!(scene.output("post-webhook", json!({"text": "hello"})).await, json!({"posted": true}));
    assert_eq!(scene.slack.hook_messages(), [json!({"text": "hello"})]);
    // a hook that was deleted
    scene.connect(&[("webhook_url", "https://hooks.slack.com/services/T0TEST/B0GONE/canaryHookSecret1111111")]).await;
    scene.act("post-webhook", json!({"text": "hello"})).await.expect_problem("reauthorization_needed");
    for (path, bytes) in scene.hub.kept().await {
        for secret in ["canaryHookSecret0000000", "canaryHookSecret1111111"] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{}", path.display());
        }
    }
    scene.assert_well_behaved();
}

pub async fn slacks_sdk_works_unchanged() {
    if !sdk::have("python3").await {
        return;
    }
    let interpreter = sdk::python().await;
    let (scene, _) = Scene::with_token(json!({})).await;
    let mut command = Command::new(interpreter);
    command.arg(sdk::script("slack_sdk_calls.py"));
    command.env("SLACK_BASE_URL", format!("{}/v1/proxy/slack/api/", scene.hub.url));
    command.env("SLACK_TOKEN", &scene.org.key).env("NO_PROXY", "127.0.0.1");
    let printed = sdk::run(&mut command).await.unwrap_or_else(|text| panic!("{text}"));
    let expected = ["team: Acme", "ts is text: True", "channels: C0TEST,C0ELSE,C0OLD", "error: channel_not_found"];
    assert_eq!(printed.lines().collect::<Vec<_>>(), expected);
    assert_eq!(scene.slack.messages()[0]["text"], "Deploy really finished");
    scene.assert_well_behaved();
}

pub async fn slacks_own_check_and_ours_agree() {
    if !sdk::have("python3").await {
        return;
    }
    let interpreter = sdk::python().await;
    let scene = Scene::start(json!({})).await;
    let sender = SlackSender::new(vector::OUR_SECRET);
    let time = vector::OUR_TIME;
    let bodies = [
        vector::OUR_BODY.to_owned(),
        SlackSender::event(
            "Ev2",
            time,
            &json!({"type": "app_mention", "channel": "C1", "text": "ü → \u{1f600}", "event_ts": "1.2"}),
        ),
        SlackSender::command("/deploy", "a b&c=d", "1.2.3"),
        SlackSender::press("approve", "1.2.4"),
    ];
    let case =
        |body: &str, signature: String| json!({"time": time, "body": body, "signature": signature}).to_string() + "\n";
    let mut cases: String = bodies.iter().map(|body| case(body, sender.sign(time, body))).collect();
    cases += &case(&bodies[0], SlackSender::new("another-secret").sign(time, &bodies[0]));
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(cases.as_bytes()).unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    let mut command = Command::new(interpreter);
    command.arg(sdk::script("slack_signatures.py")).env("SECRET", vector::OUR_SECRET).stdin(Stdio::from(file));
    let output = command.kill_on_drop(true).output().await.unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut judged: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(judged.len(), bodies.len() + 1, "{printed}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(judged.pop().unwrap()["accepted"], false, "and not what somebody else signs");
    for (body, judged) in bodies.iter().zip(judged) {
        assert_eq!(judged["accepted"], true, "what we sign, Slack's own check accepts: {body}");
        let media = if body.starts_with('{') { JSON } else { FORM };
        let reply = scene.send_as(media, body, time, judged["signature"].as_str().unwrap()).await;
        assert_eq!(reply.status, 200, "what Slack's own code signs, we accept: {body}");
    }
    assert_eq!(scene.events().await.len(), bodies.len());
}
