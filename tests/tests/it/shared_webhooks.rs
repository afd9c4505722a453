//! One URL for the webhooks of all accounts of an app: whose each part is, and that nobody gets another's.
//!
//! The vendor is Slack, whose workspaces are such accounts, with a manifest that says so.

use std::sync::Arc;

use chrono::DateTime;
use patchbay_hub::{OperatorClient, RegisteredClient};
use patchbay_model::ManualClock;
use patchbay_package::manifest::SharedWebhooks;
use patchbay_tests::{Browser, Fixture, Org, Reply, Slack, SlackSender, TestHub, slack::vector};
use serde_json::{Value, json};

/// The operator's, by which webhooks for all accounts are signed.
const SECRET: &str = "canary-secret-of-the-operators-app";
const URL: &str = "/hooks/shared/slack";

struct Scene {
    hub: TestHub,
    slack: Slack,
    /// Who uploads plugins.
    operator: Org,
}

impl Scene {
    async fn start() -> Self {
        let clock = Arc::new(ManualClock::new(DateTime::from_timestamp(vector::OUR_TIME, 0).unwrap()));
        let slack = Slack::start(clock.clone()).await;
        let client = RegisteredClient {
            client_id: "1.2".to_owned(),
            secret: Some(SECRET.into()),
            private_key: None,
            key_id: None,
            issuer: None,
            subject: None,
        };
        let operators = OperatorClient { client, shared_grants: Vec::new() };
        let setup = TestHub::setup().clock(clock).upstream("slack.com", &slack.url());
        let hub =
            setup.edit(move |config| drop(config.oauth_clients.insert("slack".to_owned(), operators))).start().await;
        slack.register("1.2", SECRET, &format!("{}/oauth/callback/slack", hub.url), false);
        let operator = hub.org("operator").await;
        let shared = SharedWebhooks { accounts: "/team_id".to_owned(), credential: "signing_secret".to_owned() };
        let package = Fixture::plugin("slack").edit(|manifest| {
            manifest.webhooks.as_mut().unwrap().shared = Some(shared);
        });
        let _ = operator.upload(package.pack()).await.expect(201);
        Self { hub, slack, operator }
    }

    async fn org(&self, name: &str) -> Org {
        let org = self.hub.org(name).await;
        let _ = org.install("slack", json!({})).await.expect(200);
        org
    }

    /// Connects the one workspace that there is, T0TEST.
    async fn connect(&self, org: &Org) {
        let begun =
            org.call("POST", "/v1/connections/slack/authorize").json(&json!({})).send().await.expect(200).json();
        let browser = Browser::new(&self.hub);
        let url = browser.follow(begun["url"].as_str().unwrap().strip_prefix(&self.hub.url).unwrap()).await;
        let back = browser.visit(&url.replace("https://slack.com", &self.slack.url())).await;
        let _ = browser.get(back.strip_prefix(&self.hub.url).unwrap()).await.expect(200);
    }

    async fn connected(&self, name: &str) -> Org {
        let org = self.org(name).await;
        self.connect(&org).await;
        org
    }

    async fn send(&self, secret: &str, body: &str) -> Reply {
        let time = vector::OUR_TIME;
        let call = self.operator.with_key("none").call("POST", URL).body("application/json", body.to_owned());
        let call = call.header("x-slack-request-timestamp", &time.to_string());
        call.header("x-slack-signature", &SlackSender::new(secret).sign(time, body)).send().await
    }

    /// How often an org was told that the app was mentioned.
    async fn mentions(&self, org: &Org) -> usize {
        self.hub.hub.process_due_webhooks().await.unwrap();
        let events = org.get("/v1/events?limit=200").await.expect(200).json();
        events["items"].as_array().unwrap().iter().filter(|event| event["type"] == "slack.app_mention").count()
    }
}

async fn webhooks(org: &Org) -> Vec<Value> {
    org.get("/v1/webhooks").await.expect(200).json()["items"].as_array().unwrap().clone()
}

fn mention(id: &str, team: &str) -> String {
    let event = json!({"type": "app_mention", "user": "U0TEST", "text": "<@U0BOT> hi", "channel": "C0TEST"});
    SlackSender::event(id, vector::OUR_TIME, &event).replace("T0TEST", team)
}

pub async fn each_org_that_connected_the_account_gets_a_webhook_of_its_own() {
    let scene = Scene::start().await;
    let (one, other) = (scene.connected("one").await, scene.connected("other").await);
    for _ in 0..3 {
        assert_eq!(scene.send(SECRET, &mention("Ev1", "T0TEST")).await.status, 200);
    }
    for org in [&one, &other] {
        assert_eq!(scene.mentions(org).await, 1);
        let all = webhooks(org).await;
        assert_eq!((all.len(), &all[0]["status"], &all[0]["vendor_id"]), (1, &json!("processed"), &json!("Ev1")));
    }
    assert_ne!(webhooks(&one).await[0]["id"], webhooks(&other).await[0]["id"]);
}

pub async fn an_account_is_whose_the_vendor_says_and_nobody_elses() {
    let scene = Scene::start().await;
    let owner = scene.connected("owner").await;
    // one that says it is theirs, and one that is not connected at all
    let liar = scene.org("liar").await;
    let typed =
        json!({"credentials": {"bot_token": "xoxb-of-the-liar", "signing_secret": SECRET}, "account": "T0TEST"});
    let _ = liar.call("PUT", "/v1/connections/slack").json(&typed).send().await.expect(200);
    let stranger = scene.org("stranger").await;
    assert_eq!(scene.send(SECRET, &mention("Ev1", "T0TEST")).await.status, 200);
    assert_eq!((scene.mentions(&owner).await, webhooks(&owner).await.len()), (1, 1));
    for org in [&liar, &stranger] {
        assert_eq!((scene.mentions(org).await, webhooks(org).await.len()), (0, 0));
    }
    // nobody's account is answered like anybody's
    let known = scene.send(SECRET, &mention("Ev2", "T0TEST")).await;
    let unknown = scene.send(SECRET, &mention("Ev3", "T0OTHER")).await;
    assert_eq!((known.status, known.text()), (unknown.status, unknown.text()));
    assert_eq!(scene.mentions(&owner).await, 2);
}

pub async fn what_is_not_signed_with_the_operators_secret_reaches_nobody() {
    let scene = Scene::start().await;
    let org = scene.connected("one").await;
    let own = json!({"credentials": {"signing_secret": vector::OUR_SECRET}});
    let _ = org.call("PUT", "/v1/connections/slack").json(&own).send().await.expect(200);
    for secret in ["", "another", vector::OUR_SECRET] {
        for team in ["T0TEST", "T0OTHER"] {
            scene.send(secret, &mention("Ev1", team)).await.expect_problem("webhook_refused");
        }
    }
    assert_eq!((scene.mentions(&org).await, webhooks(&org).await.len()), (0, 0));
}

pub async fn a_part_is_replayed_without_the_signature_of_the_whole() {
    let scene = Scene::start().await;
    let org = scene.connected("one").await;
    assert_eq!(scene.send(SECRET, &mention("Ev1", "T0TEST")).await.status, 200);
    assert_eq!(scene.mentions(&org).await, 1);
    let id = webhooks(&org).await[0]["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/webhooks/{id}");
    let _ = org.call("POST", &format!("{path}/replay")).send().await.expect(202);
    scene.hub.hub.process_due_webhooks().await.unwrap();
    let again = org.get(&path).await.expect(200).json();
    assert_eq!((&again["status"], &again["reason"]), (&json!("processed"), &Value::Null), "{again}");
    let kept = again.to_string();
    assert!(!kept.contains(SECRET), "{kept}");
}

pub async fn who_has_disconnected_gets_nothing_more() {
    let scene = Scene::start().await;
    let (stays, goes, off) =
        (scene.connected("stays").await, scene.connected("goes").await, scene.connected("off").await);
    let _ = goes.call("DELETE", "/v1/connections/slack").send().await.expect(204);
    let _ = off.call("PUT", "/v1/installations/slack").json(&json!({"enabled": false})).send().await.expect(200);
    assert_eq!(scene.send(SECRET, &mention("Ev1", "T0TEST")).await.status, 200);
    assert_eq!(scene.mentions(&stays).await, 1);
    for org in [&goes, &off] {
        assert_eq!(webhooks(org).await.len(), 0);
    }
}
