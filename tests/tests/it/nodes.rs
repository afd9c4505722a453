//! Several hubs on one PostgreSQL: what is changed on one holds on the others within a second, what is uploaded to one
//! serves on all, and what comes in twice is worked on once.

use std::sync::Arc;

use patchbay_hub::{Hub, HubConfig, NewApiKey, StartError};
use patchbay_model::{SystemClock, SystemRandom, org::Scope};
use patchbay_runtime::Compiler;
use patchbay_tests::{Fixture, Org, StripeSender, TestHub, Vendor, hub::Setup, stripe::vector::SECRET};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::{
    hubs::{COMPILED, SECOND, put, runs, version, within},
    zoo::patient,
};

/// Two hubs and one org.
struct Scene {
    first: TestHub,
    second: TestHub,
    vendor: Vendor,
    /// As each hub sees it.
    orgs: [Org; 2],
}

impl Scene {
    async fn start() -> Self {
        let vendor = Vendor::start().await;
        let setup = || -> Setup { TestHub::setup().upstream("vendor.test", &vendor.url()) };
        let first = setup().start().await;
        let second = setup().beside(&first).start().await;
        let org = first.org("acme").await;
        let orgs = [org.clone(), org.at(&second)];
        Self { first, second, vendor, orgs }
    }

    /// With `echo` on both.
    async fn with_echo() -> Self {
        let scene = Self::start().await;
        scene.install("echo", Fixture::load("echo").pack()).await;
        scene
    }

    /// Uploads to the first hub, switches on there, and waits for the second.
    async fn install(&self, plugin: &str, package: Vec<u8>) {
        let _ = self.orgs[0].upload(package).await.expect(201);
        let _ = self.orgs[0].install(plugin, json!({})).await.expect(200);
        let loaded = async |org: &Org| !version(org, plugin).await.is_null();
        within(COMPILED, &self.orgs[1], loaded).await;
    }

    /// With Stripe's plugin on both, and one webhook that was worked on. Gives its id.
    async fn webhook(&self) -> String {
        let org = &self.orgs[0];
        let _ = org.upload(Fixture::plugin("stripe").pack()).await.expect(201);
        let _ = org.connect("stripe", "webhook_secret", SECRET).await.expect(200);
        let installed = org.install("stripe", json!({})).await.expect(200).json();
        let path = installed["webhook_url"].as_str().unwrap().strip_prefix(&self.first.url).unwrap().to_owned();
        within(COMPILED, &self.orgs[1], async |org| !version(org, "stripe").await.is_null()).await;
        let _ = StripeSender::new(SECRET).send(org, &path, "evt_1").await.expect(200);
        let first = async |org: &Org| org.get("/v1/webhooks").await.json()["items"][0].clone();
        within(5 * SECOND, org, async |org| first(org).await["status"] == "processed").await;
        first(org).await["id"].as_str().unwrap().to_owned()
    }
}

async fn switching_off_and_on() {
    let scene = Scene::with_echo().await;
    for round in 0..6 {
        let (by, seen_by) = (&scene.orgs[round % 2], &scene.orgs[(round + 1) % 2]);
        put(by, &json!({"config": {}, "enabled": false})).await;
        within(SECOND, seen_by, async |org| !runs(org).await).await;
        seen_by.act("echo", "run", &json!({"text": "x"})).await.expect_problem("not_installed");
        put(by, &json!({"config": {}, "enabled": true})).await;
        within(SECOND, seen_by, async |org| runs(org).await).await;
    }
    let _ = scene.orgs[0].call("DELETE", "/v1/installations/echo").send().await.expect(204);
    within(SECOND, &scene.orgs[1], async |org| org.get("/v1/installations/echo").await.status == 404).await;
}

async fn revoking_a_key() {
    let scene = Scene::start().await;
    for (by, seen_by) in [(&scene.first, 1), (&scene.second, 0)] {
        let org = &scene.orgs[seen_by];
        let new = NewApiKey { name: "leaked".to_owned(), scopes: vec![Scope::Read], ..NewApiKey::default() };
        let (key, secret) = by.hub.create_api_key(org.id, new).await.unwrap();
        let leaked = org.with_key(secret.expose_secret());
        for _ in 0..3 {
            let _ = leaked.get("/v1/runs").await.expect(200);
        }
        by.hub.revoke_api_key(org.id, key.id).await.unwrap();
        within(SECOND, &leaked, async |org| org.get("/v1/runs").await.status == 401).await;
        let _ = org.get("/v1/runs").await.expect(200);
    }
}

async fn changing_settings() {
    let scene = Scene::with_echo().await;
    for (round, region) in ["eu", "us", "ap"].into_iter().enumerate() {
        let (by, seen_by) = (&scene.orgs[round % 2], &scene.orgs[(round + 1) % 2]);
        put(by, &json!({"config": {"region": region}})).await;
        within(SECOND, seen_by, async |org| {
            org.get("/v1/installations/echo").await.json()["config"]["region"] == region
        })
        .await;
    }
}

async fn changing_a_credential() {
    let scene = Scene::with_echo().await;
    let input = json!({"text": "https://vendor.test/echo"});
    for (round, secret) in ["sk-number-one", "sk-number-two", "sk-number-three"].into_iter().enumerate() {
        let (by, seen_by) = (&scene.orgs[round % 2], &scene.orgs[(round + 1) % 2]);
        let _ = by.connect("echo", "secret_key", secret).await.expect(200);
        let sent = format!("Bearer {secret}");
        within(SECOND, seen_by, async |org| {
            let _ = org.act("echo", "fetch", &input).await;
            scene.vendor.requests().last().is_some_and(|request| request.header("authorization") == Some(&sent))
        })
        .await;
    }
    let _ = scene.orgs[0].call("DELETE", "/v1/connections/echo").send().await.expect(204);
    within(SECOND, &scene.orgs[1], async |org| org.get("/v1/connections/echo").await.status == 404).await;
}

async fn uploading_a_version() {
    let scene = Scene::with_echo().await;
    let echo = Fixture::load("echo");
    for (round, newer) in ["1.0.1", "1.0.2", "1.1.0"].into_iter().enumerate() {
        let (by, seen_by) = (&scene.orgs[round % 2], &scene.orgs[(round + 1) % 2]);
        let _ = by.upload(echo.clone().version(newer).pack()).await.expect(201);
        within(COMPILED, seen_by, async |org| version(org, "echo").await == newer).await;
        let reply = seen_by.act("echo", "run", &json!({"text": newer})).await.expect(200);
        assert_eq!(reply.json()["output"]["result"], newer);
    }
    // A hub that starts later has them as well.
    let third = TestHub::setup().beside(&scene.first).start().await;
    let org = scene.orgs[0].at(&third);
    assert_eq!(version(&org, "echo").await, "1.1.0");
    assert!(runs(&org).await);
    // Other contents of one version, to two hubs at once: one of them is taken.
    let named = |name: &str| {
        let mut package = Fixture::load("echo").version("1.2.0");
        package.manifest.name = name.to_owned();
        package.pack()
    };
    let (one, other) = tokio::join!(scene.orgs[0].upload(named("One")), org.upload(named("Other")));
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409], "{} {}", one.text(), other.text());
}

async fn pinning_to_an_older_version() {
    let scene = Scene::with_echo().await;
    let old = scene.orgs[0].get("/v1/installations/echo").await.json()["digest"].clone();
    let _ = scene.orgs[0].upload(Fixture::load("echo").version("2.0.0").pack()).await.expect(201);
    within(COMPILED, &scene.orgs[1], async |org| version(org, "echo").await == "2.0.0").await;
    put(&scene.orgs[0], &json!({"config": {}, "policy": {"pin": old}})).await;
    within(SECOND, &scene.orgs[1], async |org| version(org, "echo").await == "1.0.0").await;
    assert!(runs(&scene.orgs[1]).await);
}

async fn a_file_that_a_plugin_keeps() {
    let scene = Scene::start().await;
    scene.install("foreign-reader", patient("foreign-reader").pack()).await;
    let written = scene.orgs[0].act("foreign-reader", "run", &json!({"text": "write of-the-first-hub"})).await;
    let blob = written.expect(200).json()["output"]["result"].as_str().unwrap().to_owned();
    let read = scene.orgs[1].act("foreign-reader", "run", &json!({"text": format!("read {blob}")})).await.expect(200);
    let found = read.text().matches("of-the-first-hub").count();
    assert!(found >= 3, "a record, a value and a file: {}", read.text());
}

/// Each call deletes what it wrote, while others write the same bytes: nobody's file loses them.
async fn the_same_bytes_written_and_deleted_on_both_hubs_at_once() {
    let scene = Scene::start().await;
    scene.install("foreign-reader", patient("foreign-reader").pack()).await;
    let calls = (0..60).map(|number| {
        let org = &scene.orgs[number % 2];
        async move {
            let written = org.act("foreign-reader", "run", &json!({"text": "write the-same-bytes"})).await.expect(200);
            let blob = written.json()["output"]["result"].as_str().unwrap().to_owned();
            let read = org.act("foreign-reader", "run", &json!({"text": format!("read {blob}")})).await.expect(200);
            let text = read.json()["output"]["result"].as_str().unwrap().to_owned();
            // The record twice, the value, the file.
            assert_eq!(text.matches("the-same-bytes").count(), 4, "{text}");
            assert!(text.ends_with("the-same-bytesdeleted"), "{text}");
        }
    });
    futures::future::join_all(calls).await;
}

/// Nobody is told, as if the notice had been lost together with the connection that brings them. What holds then is what
/// is looked up anew when that is back.
async fn a_change_that_nobody_heard_of() {
    let scene = Scene::with_echo().await;
    let database = scene.first.postgres().unwrap();
    assert!(runs(&scene.orgs[1]).await);
    for enabled in [false, true, false] {
        database.execute(&format!("UPDATE installation SET enabled = {enabled}")).await;
        assert_eq!(is_on(&scene.orgs[1]).await, Some(!enabled), "nobody has told it");
        database.end_connections().await;
        within(5 * SECOND, &scene.orgs[1], async |org| is_on(org).await == Some(enabled)).await;
    }
}

/// Whether `echo` is switched on, as who calls it is told. None if the call failed for another reason, as with a connection to
/// the database: that says nothing.
async fn is_on(org: &Org) -> Option<bool> {
    let reply = org.act("echo", "run", &json!({"text": "x"})).await;
    match (reply.status, reply.code().as_str()) {
        (200, _) => Some(true),
        (_, "not_installed") => Some(false),
        _ => None,
    }
}

/// It was in the folder of both hubs, and one of them let go of it before somebody was pinned to it on the other.
async fn a_version_that_only_one_hub_has_left() {
    let scene = Scene::start().await;
    let package = Fixture::load("echo").pack();
    let lists = async |org: &Org| org.get("/v1/plugins").await.json()["items"][0]["id"] == "echo";
    for hub in [&scene.first, &scene.second] {
        hub.place("echo.wasm", &package);
    }
    for org in &scene.orgs {
        within(COMPILED, org, lists).await;
    }
    let digest = scene.orgs[0].get("/v1/plugins").await.json()["items"][0]["versions"][0]["digest"].clone();
    std::fs::remove_file(scene.second.plugins_dir().join("echo.wasm")).unwrap();
    within(COMPILED, &scene.orgs[1], async |org| !lists(org).await).await;
    let body = json!({"config": {}, "policy": {"pin": digest}});
    let _ = scene.orgs[0].call("PUT", "/v1/installations/echo").json(&body).send().await.expect(200);
    within(COMPILED, &scene.orgs[1], async |org| runs(org).await).await;
    // Also on one that starts when it is in nobody's folder any more.
    std::fs::remove_file(scene.first.plugins_dir().join("echo.wasm")).unwrap();
    let third = TestHub::setup().beside(&scene.first).start().await;
    assert!(runs(&scene.orgs[0].at(&third)).await);
    assert!(runs(&scene.orgs[0]).await);
}

async fn replaying_a_webhook() {
    let scene = Scene::start().await;
    let org = &scene.orgs[0];
    let id = scene.webhook().await;
    let worked = async || org.runs("stripe").await.iter().filter(|run| run["operation"] != "verify").count();
    for _ in 0..5 {
        let before = worked().await;
        let failed = "UPDATE webhook SET status = 'failed', attempts = 8, next_attempt_at = NULL";
        scene.first.postgres().unwrap().execute(failed).await;
        let replay = |org: &Org| org.call("POST", &format!("/v1/webhooks/{id}/replay")).send();
        let (one, other) = tokio::join!(replay(&scene.orgs[0]), replay(&scene.orgs[1]));
        let statuses = [one.status, other.status];
        assert!(statuses.iter().all(|status| [202, 409].contains(status)), "{} {}", one.text(), other.text());
        // a second one is taken if the first is done by then, and then it is another time; or if nobody has begun yet, and
        // then both are done at once
        let accepted = statuses.iter().filter(|status| **status == 202).count();
        assert!(accepted > 0, "{} {}", one.text(), other.text());
        within(5 * SECOND, org, async |org| status(org, &id).await == "processed").await;
        let times = worked().await - before;
        assert!((1..=accepted).contains(&times), "worked on {times} times, accepted {accepted} times");
    }
}

async fn status(org: &Org, webhook: &str) -> Value {
    org.get(&format!("/v1/webhooks/{webhook}")).await.json()["status"].clone()
}

async fn a_webhook_that_comes_to_both_hubs_at_once() {
    let scene = Scene::start().await;
    let org = &scene.orgs[0];
    let _ = org.upload(Fixture::plugin("stripe").pack()).await.expect(201);
    // First, so that the second hub has it with the first look at the installation.
    let _ = org.connect("stripe", "webhook_secret", SECRET).await.expect(200);
    let installed = org.install("stripe", json!({})).await.expect(200).json();
    within(COMPILED, &scene.orgs[1], async |org| !version(org, "stripe").await.is_null()).await;
    let path = installed["webhook_url"].as_str().unwrap().strip_prefix(&scene.first.url).unwrap();
    let sender = StripeSender::new(SECRET);
    let (sender, orgs) = (&sender, &scene.orgs);
    let sends = (0..60)
        .map(|number| async move { sender.send(&orgs[number % 2], path, &format!("evt_{}", number / 6)).await.status });
    let statuses = futures::future::join_all(sends).await;
    assert!(statuses.iter().all(|status| (200..300).contains(status)), "{statuses:?}");
    within(5 * SECOND, org, async |org| {
        let webhooks = org.get("/v1/webhooks?limit=200").await.json()["items"].as_array().cloned().unwrap();
        assert_eq!(webhooks.len(), 10, "each is kept once");
        webhooks.iter().all(|webhook| webhook["status"] == "processed")
    })
    .await;
    // Neither hub finds anything left to do, and none did it twice.
    assert_eq!(scene.first.hub.process_due_webhooks().await.unwrap(), 0);
    assert_eq!(scene.second.hub.process_due_webhooks().await.unwrap(), 0);
    let events = org.get("/v1/events?limit=200").await.json()["items"].as_array().unwrap().len();
    let worked = org.runs("stripe").await.iter().filter(|run| run["operation"] != "verify").count();
    assert_eq!((events, worked), (10, 10));
}

async fn other_keys() {
    let hub = TestHub::start().await;
    let folder = tempfile::tempdir().unwrap();
    let mut config = HubConfig::new(folder.path().to_owned(), Compiler::InProcess);
    config.database_url = Some(hub.postgres().unwrap().url().parse().unwrap());
    let open = |config| Hub::open(config, Arc::new(SystemClock), Arc::new(SystemRandom));
    let Err(error) = open(config.clone()).await else { panic!("it opens") };
    assert!(matches!(error, StartError::OtherKeys(_)), "{error}");
    config.keys_dir = Some(hub.data_dir().join("keys"));
    open(config).await.unwrap().shutdown().await;
}

macro_rules! on_one_database {
    ($($test:ident: $what:ident)*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $test() {
            patchbay_tests::hub::on_postgres($what()).await;
        })*
    };
}

pub(crate) use on_one_database;

on_one_database! {
    what_is_switched_off_on_one_hub_is_off_on_the_other_within_a_second: switching_off_and_on
    a_key_that_is_revoked_on_one_hub_is_void_on_the_other_within_a_second: revoking_a_key
    settings_that_change_on_one_hub_hold_on_the_other_within_a_second: changing_settings
    a_credential_that_changes_on_one_hub_is_sent_by_the_other_within_a_second: changing_a_credential
    a_version_that_is_uploaded_to_one_hub_serves_on_all: uploading_a_version
    a_pin_that_is_set_on_one_hub_holds_on_the_other_within_a_second: pinning_to_an_older_version
    what_a_plugin_keeps_on_one_hub_it_finds_on_the_other: a_file_that_a_plugin_keeps
    bytes_that_both_hubs_write_and_delete_are_never_missing: the_same_bytes_written_and_deleted_on_both_hubs_at_once
    a_pin_to_a_version_that_another_hub_let_go_of_holds_on_all: a_version_that_only_one_hub_has_left
    two_hubs_that_are_asked_to_replay_a_webhook_at_once_do_it_as_often_as_they_said: replaying_a_webhook
    a_change_whose_notice_was_lost_holds_once_the_server_is_back: a_change_that_nobody_heard_of
    a_webhook_that_comes_to_both_hubs_is_worked_on_once: a_webhook_that_comes_to_both_hubs_at_once
    a_hub_with_other_keys_does_not_start: other_keys
}
