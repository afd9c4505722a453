//! Plugins that call each other: whose actions, as which runs, and what they are told when that fails.

use std::{collections::BTreeSet, time::Duration};

use patchbay_model::PluginId;
use patchbay_package::manifest::PeerCalls;
use patchbay_tests::{Fixture, Org, Reply, TestHub, Vendor};
use serde_json::{Value, json};

use crate::plans::scene::plans;

/// For what happens behind the scene to happen.
const SOON: Duration = Duration::from_secs(60);

/// The caller under another name, whose manifest names actions of these.
fn caller(id: &str, others: &[&str]) -> Fixture {
    let calls = others.iter().map(|other| PeerCalls {
        plugin: other.parse().unwrap(),
        actions: ["run", "file", "gone"].map(str::to_owned).to_vec(),
    });
    let calls: Vec<_> = calls.collect();
    Fixture::load("caller").id(id).edit(|manifest| manifest.calls = calls)
}

/// Uploads a plugin and switches it on.
async fn add(org: &Org, plugin: Fixture) {
    let _ = org.upload(plugin.pack()).await.expect(201);
    let _ = org.install(plugin.manifest.id.as_str(), json!({})).await.expect(200);
}

/// A hub with an org that has `a`, which calls `b`, and `b`, which calls nobody.
async fn start() -> (TestHub, Org) {
    let hub = TestHub::start().await;
    let org = hub.org("acme").await;
    add(&org, caller("a", &["b"])).await;
    add(&org, caller("b", &[])).await;
    (hub, org)
}

async fn tell(org: &Org, plugin: &str, text: &str) -> Reply {
    org.act(plugin, "run", &json!({"text": text})).await
}

/// What a plugin says that was told this.
async fn said(org: &Org, plugin: &str, text: &str) -> String {
    let reply = tell(org, plugin, text).await.expect(200).json();
    reply["output"]["result"].as_str().unwrap().to_owned()
}

/// Whether a plugin keeps a document of what it said.
async fn keeps(hub: &TestHub, org: &Org, plugin: &str, text: &str) -> bool {
    let database = hub.database().await;
    let plugin: PluginId = plugin.parse().unwrap();
    let mut tx = database.read().await.unwrap();
    let document = tx.org(org.id).records(&plugin).get("said", text).await.unwrap();
    drop(tx);
    database.close().await;
    document.is_some()
}

async fn run(org: &Org, id: &Value) -> Value {
    org.get(&format!("/v1/runs/{}", id.as_str().unwrap())).await.expect(200).json()
}

pub async fn an_action_of_another_plugin_is_a_run_of_its_own() {
    let (hub, org) = start().await;
    let reply = tell(&org, "a", "via b say hello").await.expect(200).json();
    assert_eq!(reply["output"]["result"], "hello");
    let (ours, theirs) = (org.runs("a").await, org.runs("b").await);
    assert_eq!((ours.len(), theirs.len()), (1, 1));
    assert_eq!((&ours[0]["id"], &ours[0]["parent_run"]), (&reply["run"], &Value::Null));
    assert_eq!(theirs[0]["parent_run"], reply["run"]);
    let facts = ["kind", "operation", "status"].map(|name| theirs[0][name].as_str().unwrap());
    assert_eq!(facts, ["action", "run", "succeeded"]);
    // it meters and keeps as the plugin that it is
    assert_eq!((org.metered("a", "calls").await, org.metered("b", "calls").await), (0, 1));
    assert!(keeps(&hub, &org, "b", "hello").await && !keeps(&hub, &org, "a", "hello").await);
}

pub async fn what_the_called_plugin_did_stays_when_its_caller_fails() {
    let (hub, org) = start().await;
    tell(&org, "a", "fail via b say hello").await.expect_problem("upstream_unavailable");
    let (ours, theirs) = (org.runs("a").await, org.runs("b").await);
    assert_eq!((&ours[0]["status"], &theirs[0]["status"]), (&json!("failed"), &json!("succeeded")));
    assert_eq!(theirs[0]["parent_run"], ours[0]["id"], "the run that failed");
    assert!(keeps(&hub, &org, "b", "hello").await);
}

pub async fn a_plugin_that_is_not_switched_on_is_denied() {
    let hub = TestHub::start().await;
    let org = hub.org("acme").await;
    add(&org, caller("a", &["b"])).await;
    let off = "denied: the plugin `b` is not switched on for this organization";
    assert_eq!(said(&org, "a", "via b say hello").await, off);
    add(&org, caller("b", &[])).await;
    assert_eq!(said(&org, "a", "via b say hello").await, "hello");
    let gone = said(&org, "a", "raw b gone {}").await;
    assert_eq!(gone, "denied: version 1.0.0 of `b` has no action `gone`");
    let put = json!({"config": {}, "enabled": false});
    let _ = org.call("PUT", "/v1/installations/b").json(&put).send().await.expect(200);
    assert_eq!(said(&org, "a", "via b say again").await, off);
    // one that passes it on says why
    let passed = tell(&org, "a", "pass b say again").await;
    passed.expect_problem("not_installed");
    assert!(passed.text().contains("the plugin `b` is not switched on"), "{}", passed.text());
    assert_eq!(org.runs("b").await.len(), 1);
}

pub async fn another_organizations_installation_is_out_of_reach() {
    let hub = TestHub::start().await;
    let (ours, theirs) = (hub.org("acme").await, hub.org("other").await);
    add(&ours, caller("a", &["b"])).await;
    add(&theirs, caller("b", &[])).await;
    assert!(said(&ours, "a", "via b say hello").await.starts_with("denied: the plugin `b` is not switched on"));
    assert!(theirs.runs("b").await.is_empty() && !keeps(&hub, &theirs, "b", "hello").await);
}

pub async fn an_action_that_the_manifest_does_not_name_is_denied() {
    let hub = TestHub::start().await;
    let org = hub.org("acme").await;
    add(&org, caller("a", &[])).await;
    add(&org, caller("b", &[])).await;
    let denied = said(&org, "a", "via b say hello").await;
    assert!(
        denied.starts_with("denied: the action 'run' of the plugin 'b' is not among the manifest's calls"),
        "{denied}"
    );
    assert!(denied.ends_with("add [[calls]] plugin = 'b', actions = ['run']"), "{denied}");
    tell(&org, "a", "pass b say hello").await.expect_problem("plugin_denied");
    assert!(org.runs("b").await.is_empty());
}

pub async fn a_version_that_calls_more_waits_for_an_approval() {
    let hub = TestHub::start().await;
    let org = hub.org("acme").await;
    add(&org, caller("b", &[])).await;
    add(&org, caller("a", &[])).await;
    let wider = caller("a", &["b"]).version("1.1.0");
    let uploaded = org.upload(wider.pack()).await.expect(201).json();
    let words = ["file", "gone", "run"].map(|action| format!("calls the action {action} of the plugin b"));
    let shown = uploaded["versions"][0]["capabilities"].as_array().unwrap();
    assert!(words.iter().all(|line| shown.contains(&json!(line))), "{shown:?}");
    let installed = org.get("/v1/installations/a").await.expect(200).json();
    assert_eq!(installed["held_back"]["new_capabilities"], json!(words));
    assert!(said(&org, "a", "via b say hello").await.starts_with("denied: "), "the version before serves");
    let accept = json!({"accept": installed["held_back"]["digest"]});
    let _ = org.call("PUT", "/v1/installations/a").json(&accept).send().await.expect(200);
    assert_eq!(said(&org, "a", "via b say hello").await, "hello");
}

pub async fn an_input_that_is_not_valid_names_its_fields() {
    let (_hub, org) = start().await;
    let missing = said(&org, "a", "raw b run {}").await;
    assert_eq!(missing, "invalid:  is to be the member 'text'");
    assert!(said(&org, "a", "raw b run nonsense").await.starts_with("invalid:  is to be JSON"));
    assert!(org.runs("b").await.is_empty());
}

pub async fn what_the_plan_lacks_is_denied() {
    let sold = plans(json!({
        "billing": {"default_plan": "business", "currency": "EUR"},
        "features": {"plugin:b": "business"},
    }));
    let hub = TestHub::setup().edit(|config| config.plans = sold).start().await;
    let org = hub.org("acme").await;
    add(&org, caller("a", &["b"])).await;
    add(&org, caller("b", &[])).await;
    assert_eq!(said(&org, "a", "via b say hello").await, "hello");
    hub.hub.set_plan(org.id, "free", None).await.unwrap();
    assert!(said(&org, "a", "via b say hello").await.starts_with("denied: "));
    tell(&org, "a", "pass b say hello").await.expect_problem("plan_required");
    assert_eq!(org.runs("b").await.len(), 1);
}

pub async fn the_rate_of_the_called_action_holds() {
    let hub = TestHub::start().await;
    let org = hub.org("acme").await;
    add(&org, caller("a", &["b"])).await;
    let rare = caller("b", &[]).edit(|manifest| manifest.actions[0].rate = Some("1/h".parse().unwrap()));
    add(&org, rare).await;
    assert_eq!(said(&org, "a", "via b say hello").await, "hello");
    assert_eq!(said(&org, "a", "via b say again").await, "rate-limited");
    tell(&org, "b", "say hello").await.expect_problem("rate_limited");
}

pub async fn a_call_in_a_circle_is_denied() {
    let hub = TestHub::start().await;
    let org = hub.org("acme").await;
    add(&org, caller("a", &["b"])).await;
    add(&org, caller("b", &["a"])).await;
    let denied = "denied: the plugin `a` waits for this call already: a called b";
    assert_eq!(said(&org, "a", "via b via a say hello").await, denied);
    assert_eq!(said(&org, "b", "via a say hello").await, "hello", "the other way about is no circle");
    tell(&org, "a", "pass b pass a say hello").await.expect_problem("plugin_error");
    let failed = &org.runs("b").await[0];
    assert_eq!(failed["error_code"], "plugin_denied");
}

pub async fn three_calls_are_within_the_first_and_no_more() {
    let hub = TestHub::start().await;
    let org = hub.org("acme").await;
    for (id, other) in [("a", "b"), ("b", "c"), ("c", "d"), ("d", "e")] {
        add(&org, caller(id, &[other])).await;
    }
    add(&org, caller("e", &[])).await;
    assert_eq!(said(&org, "a", "via b via c via d say deep").await, "deep");
    for (below, above) in [("b", "a"), ("c", "b"), ("d", "c")] {
        assert_eq!(org.runs(below).await[0]["parent_run"], org.runs(above).await[0]["id"], "{below}");
    }
    let denied = "denied: at most 3 calls of plugins are within each other: a called b called c called d";
    assert_eq!(said(&org, "a", "via b via c via d via e say deeper").await, denied);
    assert!(org.runs("e").await.is_empty());
}

pub async fn a_call_ends_within_what_is_left_of_its_callers_time() {
    let vendor = Vendor::start().await;
    let hub = TestHub::setup().upstream("vendor.test", &vendor.url()).start().await;
    let org = hub.org("acme").await;
    add(&org, caller("a", &["b"]).edit(|manifest| manifest.limits.timeout_ms = Some(3_000))).await;
    // alone it would have ten seconds
    add(&org, caller("b", &[])).await;
    assert_eq!(said(&org, "a", "via b silent").await, "timeout");
    let ended = || async { org.runs("b").await.pop() };
    let stopped = org.wait_for(SOON, ended).await;
    // its own time or that of its request to the vendor, which end at almost the same moment
    let code = stopped["error_code"].as_str().unwrap();
    assert!(["plugin_timeout", "upstream_timeout"].contains(&code), "{code}");
    assert_eq!(stopped["parent_run"], org.runs("a").await[0]["id"]);
}

pub async fn a_caller_is_told_how_a_call_failed() {
    let (_hub, org) = start().await;
    assert_eq!(said(&org, "a", "via b missing").await, "not-found: there is no such thing");
    assert_eq!(said(&org, "a", "via b limited").await, "upstream: 429 slow down");
    let passed = tell(&org, "a", "pass b limited").await;
    passed.expect_problem("upstream_rate_limited");
    let trapped = said(&org, "a", "via b trap").await;
    let run = &org.runs("b").await[0];
    assert_eq!(run["error_code"], "plugin_trapped");
    let words =
        format!("internal: the action 'run' of the plugin b, run {}: plugin_trapped: ", run["id"].as_str().unwrap());
    assert!(trapped.starts_with(&words), "{trapped}");
    let file = said(&org, "a", "raw b file {}").await;
    assert!(file.ends_with("it gives a file, which no other plugin can be given"), "{file}");
}

pub async fn webhooks_jobs_and_events_call_others_too() {
    let hub = TestHub::start().await;
    let org = hub.org("acme").await;
    let listening = caller("a", &["b"]).edit(|manifest| manifest.events.consumes = vec!["echo.*".to_owned()]);
    let _ = org.upload(listening.pack()).await.expect(201);
    let installed = org.install("a", json!({})).await.expect(200).json();
    add(&org, caller("b", &[])).await;
    add(&org, Fixture::load("echo")).await;

    let hook = installed["webhook_url"].as_str().unwrap().strip_prefix(&hub.url).unwrap();
    let send = |body: &str| org.with_key("none").call("POST", hook).body("text/plain", body.to_owned()).send();
    assert_eq!(send("via b say hook").await.expect(200).text(), "hook");
    let job = said(&org, "a", "plan via b say job").await;
    let done = || async {
        let job = org.get(&format!("/v1/jobs/{job}")).await.expect(200).json();
        (job["status"] == "done").then_some(job)
    };
    assert_eq!(org.wait_for(SOON, done).await["result"], "job");
    let _ = org.act("echo", "run", &json!({"text": "via b say event"})).await.expect(200);
    hub.settled(&org).await;
    for text in ["hook", "job", "event"] {
        assert!(keeps(&hub, &org, "b", text).await, "{text}");
    }
    let mut kinds = BTreeSet::new();
    for called in org.runs("b").await {
        kinds.insert(run(&org, &called["parent_run"]).await["kind"].as_str().unwrap().to_owned());
    }
    assert_eq!(kinds, BTreeSet::from(["event", "job", "webhook"].map(str::to_owned)));

    // nothing may come of a webhook that nobody has found genuine yet
    let _ = send("check via b say check").await.expect(400);
    let webhooks = org.get("/v1/webhooks").await.expect(200).json()["items"].as_array().unwrap().clone();
    let refused = webhooks.iter().find(|webhook| webhook["status"] == "refused").unwrap();
    assert!(refused["reason"].as_str().unwrap().starts_with("denied: other plugins are not called"), "{refused}");
    assert_eq!(org.runs("b").await.len(), 3);
}

pub async fn a_write_that_is_done_once_calls_others_once() {
    let (_hub, org) = start().await;
    let ask = |text: &str, key: &str| {
        let call = org.call("POST", "/v1/actions/a/run").header("idempotency-key", key);
        call.json(&json!({ "text": text })).send()
    };
    for _ in 0..2 {
        ask("fail via b say hello", "order-1").await.expect_problem("upstream_unavailable");
    }
    assert_eq!(org.runs("b").await.len(), 1, "what it did stayed, so the failure is what a repeat gets");
    for _ in 0..2 {
        ask("pass b nonsense", "order-2").await.expect_problem("plugin_error");
    }
    assert_eq!(org.runs("b").await.len(), 2, "whatever came of it, it was called");
    let put = json!({"config": {}, "enabled": false});
    let _ = org.call("PUT", "/v1/installations/b").json(&put).send().await.expect(200);
    ask("pass b say again", "order-3").await.expect_problem("not_installed");
    let put = json!({"config": {}, "enabled": true});
    let _ = org.call("PUT", "/v1/installations/b").json(&put).send().await.expect(200);
    let _ = ask("pass b say again", "order-3").await.expect(200);
}

pub async fn callers_that_take_all_places_do_not_wait_for_ever() {
    let setup = TestHub::setup().edit(|config| {
        config.runtime.max_instances = 4;
        config.runtime.max_org_instances = Some(4);
    });
    let hub = setup.start().await;
    let org = hub.org("acme").await;
    add(&org, caller("a", &["b"])).await;
    add(&org, caller("b", &[])).await;
    let asking = futures::future::join_all((0..16).map(|_| tell(&org, "a", "via b say hello")));
    let replies = tokio::time::timeout(Duration::from_secs(60), asking).await.expect("nobody waits for ever");
    for reply in replies {
        let said = reply.json()["output"]["result"].as_str().unwrap_or_default().to_owned();
        let no_room = ["concurrency_limited", "overloaded"].contains(&reply.code().as_str());
        assert!(no_room || ["hello", "rate-limited"].contains(&said.as_str()), "{}", reply.text());
    }
    assert_eq!(said(&org, "a", "via b say hello").await, "hello", "every place was given back");
}
