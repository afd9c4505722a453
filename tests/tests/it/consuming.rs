//! Plugins that take in events: what is handed on to them, how often, and when it ends.

use std::{collections::BTreeSet, time::Duration};

use patchbay_model::event::MOST_HOPS;
use patchbay_tests::{
    Fixture, Org, TestHub,
    hub::{HubProcess, on_postgres},
};
use serde_json::{Value, json};

/// For what happens behind the scene to happen.
const SOON: Duration = Duration::from_secs(60);

/// A plugin that says `<id>.said` of each event of these that it takes in.
fn listener(id: &str, consumes: &[&str]) -> Fixture {
    Fixture::load("listener").id(id).edit(|manifest| {
        manifest.events.emits[0].kind = format!("{id}.said");
        manifest.events.consumes = consumes.iter().map(|kind| (*kind).to_owned()).collect();
    })
}

async fn upload(org: &Org, plugin: Fixture) {
    let _ = org.upload(plugin.pack()).await.expect(201);
}

fn settings(id: &str, later: &str) -> Value {
    json!({"says": format!("{id}.said"), "later": later})
}

async fn install(org: &Org, id: &str) {
    let _ = org.install(id, settings(id, "no")).await.expect(200);
}

async fn switch(org: &Org, id: &str, enabled: bool) {
    let put = json!({"config": settings(id, "no"), "enabled": enabled});
    let _ = org.call("PUT", &format!("/v1/installations/{id}")).json(&put).send().await.expect(200);
}

/// Has a plugin say something of its own accord, and gives the event's id.
async fn say(org: &Org, id: &str) -> String {
    let reply = org.act(id, "run", &json!({"text": "hello"})).await.expect(200).json();
    reply["output"]["result"].as_str().unwrap().to_owned()
}

/// What the events of a plugin were about.
async fn said(org: &Org, id: &str) -> Vec<String> {
    let page = org.get(&format!("/v1/events?type={id}.said&limit=200")).await.expect(200).json();
    let items = page["items"].as_array().unwrap().iter();
    items.map(|event| event["subject"].as_str().unwrap().to_owned()).collect()
}

async fn jobs(org: &Org) -> Vec<Value> {
    let page = org.get("/v1/jobs?kind=event&limit=200").await.expect(200).json();
    page["items"].as_array().unwrap().clone()
}

/// A hub with an org that has `ping`, which says something when it is called, and `pong`, which takes that in.
async fn start() -> (TestHub, Org) {
    let hub = TestHub::start().await;
    let org = hub.org("acme").await;
    upload(&org, listener("ping", &[])).await;
    upload(&org, listener("pong", &["ping.*"])).await;
    install(&org, "ping").await;
    install(&org, "pong").await;
    (hub, org)
}

pub async fn each_event_is_taken_in_once_across_a_restart() {
    let (hub, org) = start().await;
    let mut ids = BTreeSet::new();
    for _ in 0..20 {
        ids.insert(say(&org, "ping").await);
    }
    // some of it is done, and some is not
    let hub = hub.restart().await;
    let org = org.at(&hub);
    for _ in 0..20 {
        ids.insert(say(&org, "ping").await);
    }
    hub.settled(&org).await;
    let heard = said(&org, "pong").await;
    assert_eq!(heard.iter().cloned().collect::<BTreeSet<_>>(), ids);
    assert_eq!(heard.len(), 40, "each once");
    let jobs = jobs(&org).await;
    assert!(jobs.iter().all(|job| job["status"] == "done" && job["plugin"] == "pong"), "{jobs:?}");
    assert_eq!(jobs.len(), 40, "a job for each");
}

pub async fn a_plugin_gets_nothing_of_another_org() {
    let (hub, ours) = start().await;
    let theirs = hub.org("other").await;
    install(&theirs, "ping").await;
    say(&theirs, "ping").await;
    let id = say(&ours, "ping").await;
    hub.settled(&ours).await;
    hub.settled(&theirs).await;
    assert_eq!(said(&ours, "pong").await, [id]);
    assert!(jobs(&theirs).await.is_empty() && said(&theirs, "pong").await.is_empty());
}

pub async fn what_a_plugin_says_itself_does_not_come_back_to_it() {
    let hub = TestHub::start().await;
    let org = hub.org("acme").await;
    upload(&org, listener("ping", &["*"])).await;
    install(&org, "ping").await;
    say(&org, "ping").await;
    hub.settled(&org).await;
    assert!(jobs(&org).await.is_empty());
    assert_eq!(said(&org, "ping").await, ["hello"]);
}

/// Two that answer each other, at once or each by a job of its own.
async fn answer_each_other(later: &str) {
    let hub = TestHub::start().await;
    let org = hub.org("acme").await;
    for (id, other) in [("ping", "pong.*"), ("pong", "ping.*")] {
        upload(&org, listener(id, &[other])).await;
        let _ = org.install(id, settings(id, later)).await.expect(200);
    }
    say(&org, "ping").await;
    hub.settled(&org).await;
    let all = said(&org, "ping").await.len() + said(&org, "pong").await.len();
    assert_eq!(u32::try_from(all).unwrap(), MOST_HOPS + 1, "the first, and one for each that led to another");
}

pub async fn two_plugins_that_answer_each_other_come_to_an_end() {
    answer_each_other("no").await;
}

pub async fn two_plugins_that_answer_each_other_by_jobs_come_to_an_end() {
    answer_each_other("yes").await;
}

pub async fn a_plugin_that_is_switched_off_gets_nothing() {
    let (hub, org) = start().await;
    let first = say(&org, "ping").await;
    hub.settled(&org).await;
    switch(&org, "pong", false).await;
    say(&org, "ping").await;
    hub.settled(&org).await;
    switch(&org, "pong", true).await;
    let last = say(&org, "ping").await;
    hub.settled(&org).await;
    assert_eq!(said(&org, "pong").await, [first, last.clone()]);
    let _ = org.call("DELETE", "/v1/installations/pong").send().await.expect(204);
    say(&org, "ping").await;
    hub.settled(&org).await;
    assert_eq!(said(&org, "pong").await.last(), Some(&last));
}

pub async fn a_version_that_takes_in_more_gets_that_from_when_it_serves() {
    let hub = TestHub::start().await;
    let org = hub.org("acme").await;
    upload(&org, listener("ping", &[])).await;
    upload(&org, listener("pong", &[])).await;
    install(&org, "ping").await;
    install(&org, "pong").await;
    say(&org, "ping").await;
    upload(&org, listener("pong", &["ping.*"]).version("2.0.0")).await;
    say(&org, "ping").await;
    hub.settled(&org).await;
    assert!(said(&org, "pong").await.is_empty(), "nobody has approved it");
    let held = org.get("/v1/installations/pong").await.expect(200).json()["held_back"].clone();
    assert_eq!(held["code"], "approval_needed");
    let accept = json!({"config": settings("pong", "no"), "accept": held["digest"]});
    let _ = org.call("PUT", "/v1/installations/pong").json(&accept).send().await.expect(200);
    let accepted = say(&org, "ping").await;
    hub.settled(&org).await;
    assert_eq!(said(&org, "pong").await, [accepted.as_str()]);
    // one that takes in less, and then one that takes in what was approved: nobody puts the installation
    upload(&org, listener("pong", &[]).version("3.0.0")).await;
    say(&org, "ping").await;
    hub.settled(&org).await;
    upload(&org, listener("pong", &["ping.*"]).version("4.0.0")).await;
    let again = say(&org, "ping").await;
    hub.settled(&org).await;
    assert_eq!(said(&org, "pong").await, [accepted, again]);
}

pub async fn an_event_reaches_every_plugin_that_takes_it_in() {
    let (hub, org) = start().await;
    upload(&org, listener("gong", &["*"])).await;
    install(&org, "gong").await;
    let id = say(&org, "ping").await;
    hub.settled(&org).await;
    let pong = said(&org, "pong").await;
    assert_eq!(pong, [id.as_str()]);
    let gong: BTreeSet<String> = said(&org, "gong").await.into_iter().collect();
    assert_eq!(gong.len(), 2, "what ping said, and what pong said about it");
    assert!(gong.contains(&id));
}

/// On PostgreSQL: a plugin is switched on at one hub, and its events come by another, which is then killed.
async fn two_hubs() {
    let (hub, org) = start().await;
    let mut other = HubProcess::beside(&hub, &[]).await;
    let there = other.see(&org);
    let mut ids = BTreeSet::new();
    for _ in 0..30 {
        ids.insert(say(&there, "ping").await);
    }
    other.kill().await;
    ids.insert(say(&org, "ping").await);
    let all = || async { (said(&org, "pong").await.len() >= ids.len()).then_some(()) };
    // what it held is held until its leases have ended
    org.wait_for(SOON * 2, all).await;
    hub.settled(&org).await;
    let heard = said(&org, "pong").await;
    assert_eq!(heard.len(), ids.len(), "each once");
    assert_eq!(heard.into_iter().collect::<BTreeSet<_>>(), ids);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_hub_that_is_killed_left_reaches_its_plugins_by_another_one() {
    on_postgres(two_hubs()).await;
}
