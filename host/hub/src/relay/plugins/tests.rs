//! Plugins that take in events and are not loaded: what is handed on to them goes by what was written down of them.

use std::sync::atomic::{AtomicU8, Ordering};

use patchbay_model::{
    Digest, EventId, InstallationId,
    event::{Event, MOST_HOPS},
    job::{Job, JobKind, JobStatus},
    org::Org,
};
use patchbay_storage::{JobFilter, PluginSource, PluginStatus, PluginVersion};
use serde_json::json;

use super::*;
use crate::testing::TestHub;

fn plugin(id: &str) -> PluginId {
    id.parse().unwrap()
}

impl TestHub {
    /// Writes down that there is a version of a plugin that takes in these.
    async fn known(&self, id: &str, consumes: &[&str]) {
        static NUMBER: AtomicU8 = AtomicU8::new(1);
        let manifest = json!({
            "id": id, "name": id, "version": "1.0.0", "api": "1.0.0", "events": {"consumes": consumes},
        });
        let version = PluginVersion {
            digest: Digest([NUMBER.fetch_add(1, Ordering::SeqCst); 32]),
            plugin: plugin(id),
            version: "1.0.0".to_owned(),
            api: "1.0.0".to_owned(),
            publisher: None,
            manifest,
            size: 1,
            source: PluginSource::Folder,
            status: PluginStatus::Active,
            error: None,
            created_at: self.hub.0.clock.now(),
        };
        let mut tx = self.hub.0.database.begin().await.unwrap();
        tx.hub().put_plugin_version(&version).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Switches a plugin on or off for an org, as a put of its installation does.
    async fn switch(&self, org: &Org, id: &str, enabled: bool) {
        let hub = &*self.hub.0;
        let mut tx = hub.database.begin().await.unwrap();
        let mut ours = tx.org(org.id);
        ours.relay().changed().await.unwrap();
        let had = ours.installations().get(&plugin(id)).await.unwrap();
        let now = hub.clock.now();
        let installation = Installation {
            id: had.as_ref().map_or_else(|| InstallationId::new(&*hub.clock, &*hub.random), |had| had.id),
            org: org.id,
            plugin: plugin(id),
            enabled,
            config: json!({}),
            policy: VersionPolicy::default(),
            approved: None,
            hook_token: format!("{id}-{}", org.id),
            created_at: now,
            updated_at: now,
        };
        ours.installations().put(&installation).await.unwrap();
        tx.commit().await.unwrap();
        hub.relay.concerned(org.id);
    }

    async fn say(&self, org: &Org, kind: &str, source: Option<&str>, hops: u32) -> EventId {
        let hub = &*self.hub.0;
        let id = EventId::new(&*hub.clock, &*hub.random);
        let event = Event {
            id,
            org: org.id,
            source: source.map(plugin),
            kind: kind.to_owned(),
            subject: String::new(),
            data: json!({}),
            dedupe: None,
            run: None,
            at: hub.clock.now(),
            hops,
        };
        let mut tx = hub.database.begin().await.unwrap();
        tx.org(org.id).events().append(&event).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    async fn hand_on(&self) {
        while self.hub.relay_events().await.unwrap() {}
    }

    /// The jobs of events that an org has, the first first: for whom, of which type, and which event.
    async fn jobs_of(&self, org: &Org) -> Vec<Job> {
        let mut tx = self.hub.0.database.read().await.unwrap();
        let filter = JobFilter { kind: Some(JobKind::Event), limit: 100, ..JobFilter::default() };
        let mut jobs = tx.org(org.id).jobs().list(&filter).await.unwrap();
        jobs.reverse();
        jobs
    }

    async fn handed_on(&self, org: &Org) -> Vec<(String, String)> {
        let jobs = self.jobs_of(org).await.into_iter();
        let mut told: Vec<_> = jobs.map(|job| (job.plugin.unwrap().to_string(), job.name)).collect();
        told.sort();
        told
    }
}

fn told(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter().map(|(plugin, kind)| ((*plugin).to_owned(), (*kind).to_owned())).collect()
}

#[tokio::test]
async fn each_plugin_that_takes_an_event_in_gets_a_job_and_no_other() {
    let test = TestHub::open().await;
    let (ours, theirs) = (test.org().await, test.org().await);
    test.known("slack", &["*"]).await;
    test.known("crm", &["call.*"]).await;
    test.known("deaf", &[]).await;
    for id in ["slack", "crm", "deaf"] {
        test.switch(&ours, id, true).await;
    }
    let event = test.say(&ours, "call.created", Some("telnyx"), 2).await;
    test.say(&theirs, "call.created", Some("telnyx"), 0).await;
    test.say(&ours, "slack.mentioned", Some("slack"), 0).await;
    test.say(&ours, "stripe.paid", Some("stripe"), 0).await;
    test.hand_on().await;
    test.hand_on().await;
    let expected = told(&[("crm", "call.created"), ("slack", "call.created"), ("slack", "stripe.paid")]);
    assert_eq!(test.handed_on(&ours).await, expected);
    assert!(test.handed_on(&theirs).await.is_empty());
    let jobs = test.jobs_of(&ours).await;
    let of_call: Vec<_> = jobs.iter().filter(|job| job.name == "call.created").collect();
    assert!(of_call.iter().all(|job| job.key == Some(event.to_string()) && job.hops == 3), "{of_call:?}");
}

#[tokio::test]
async fn an_event_at_the_end_of_a_chain_and_one_that_tries_an_endpoint_are_for_no_plugin() {
    let test = TestHub::open().await;
    let org = test.org().await;
    test.known("slack", &["*"]).await;
    test.switch(&org, "slack", true).await;
    test.say(&org, "call.created", Some("telnyx"), MOST_HOPS).await;
    test.say(&org, "call.ended", Some("telnyx"), MOST_HOPS - 1).await;
    test.say(&org, ENDPOINT_TEST, None, 0).await;
    test.hand_on().await;
    assert_eq!(test.handed_on(&org).await, told(&[("slack", "call.ended")]));
}

#[tokio::test]
async fn a_plugin_gets_what_is_published_while_it_is_switched_on() {
    let test = TestHub::open().await;
    let org = test.org().await;
    test.known("slack", &["*"]).await;
    // somebody else has the org's events handed on all the time
    test.known("crm", &["nothing.*"]).await;
    test.switch(&org, "crm", true).await;
    test.say(&org, "a.before", None, 0).await;
    test.hand_on().await;
    test.switch(&org, "slack", true).await;
    test.say(&org, "a.first", None, 0).await;
    test.hand_on().await;
    test.switch(&org, "slack", false).await;
    test.say(&org, "a.off", None, 0).await;
    test.hand_on().await;
    test.switch(&org, "slack", true).await;
    test.say(&org, "a.second", None, 0).await;
    test.hand_on().await;
    assert_eq!(test.handed_on(&org).await, told(&[("slack", "a.first"), ("slack", "a.second")]));
}

#[tokio::test]
async fn what_waits_for_a_plugin_that_was_switched_off_is_let_go_of_and_nobody_is_told() {
    let test = TestHub::open().await;
    let org = test.org().await;
    test.known("slack", &["*"]).await;
    test.switch(&org, "slack", true).await;
    test.say(&org, "call.created", None, 0).await;
    test.hand_on().await;
    test.switch(&org, "slack", false).await;
    test.hub.work_due_jobs().await.unwrap();
    let jobs = test.jobs_of(&org).await;
    assert_eq!(jobs.iter().map(|job| job.status).collect::<Vec<_>>(), [JobStatus::Cancelled]);
    let mut tx = test.hub.0.database.read().await.unwrap();
    let events = tx.org(org.id).events().list(0, &[], 10).await.unwrap();
    assert_eq!(events.len(), 1, "only what was published: {events:?}");
}

#[tokio::test]
async fn a_plugin_that_no_version_of_is_loaded_gets_its_events_once_one_is() {
    let test = TestHub::open().await;
    let org = test.org().await;
    test.known("slack", &["*"]).await;
    test.switch(&org, "slack", true).await;
    test.say(&org, "call.created", None, 0).await;
    test.hand_on().await;
    test.hub.work_due_jobs().await.unwrap();
    let job = test.jobs_of(&org).await.remove(0);
    assert_eq!((job.status, job.error.unwrap().0), (JobStatus::Queued, "unavailable".to_owned()));
}

#[tokio::test]
async fn an_org_whose_plugins_take_nothing_in_any_more_has_no_place_in_its_events() {
    let test = TestHub::open().await;
    let org = test.org().await;
    test.known("slack", &["*"]).await;
    test.switch(&org, "slack", true).await;
    test.switch(&org, "slack", false).await;
    test.say(&org, "call.created", None, 0).await;
    test.hand_on().await;
    let mut tx = test.hub.0.database.read().await.unwrap();
    assert_eq!(tx.org(org.id).relay().last().await.unwrap(), None);
}

#[tokio::test]
async fn what_a_cache_believes_of_an_older_version_does_not_count() {
    let test = TestHub::open().await;
    let org = test.org().await;
    test.known("slack", &["*"]).await;
    test.known("crm", &["call.*"]).await;
    test.switch(&org, "crm", true).await;
    test.say(&org, "call.created", None, 0).await;
    test.hand_on().await;
    let before = test.hub.0.takers.cached(&org.id).await.unwrap();
    // as another hub does it: nothing is told to this one
    test.switch(&org, "slack", true).await;
    assert_eq!(test.hub.0.takers.cached(&org.id).await.unwrap().version, before.version);
    test.say(&org, "call.ended", None, 0).await;
    test.hand_on().await;
    let expected = told(&[("crm", "call.created"), ("crm", "call.ended"), ("slack", "call.ended")]);
    assert_eq!(test.handed_on(&org).await, expected);
}
