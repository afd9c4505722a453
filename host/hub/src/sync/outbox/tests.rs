//! Whom a change here concerns, as the events of a real database tell it.

use patchbay_model::{
    InstallationId,
    installation::VersionPolicy,
    job::JobKind,
    object::ObjectChange,
    org::Org,
    sync::{Direction, FieldMap, SyncSettings},
};
use patchbay_storage::{JobFilter, RunCommit};
use serde_json::json;

use super::*;
use crate::testing::TestHub;

const CONTACT: StandardObject = StandardObject::Contact;
const DEAL: StandardObject = StandardObject::Deal;

fn plugin(id: &str) -> PluginId {
    id.parse().unwrap()
}

fn outward() -> SyncSettings {
    let name = FieldMap {
        hub: "/name".to_owned(),
        vendor: "name".to_owned(),
        direction: Direction::Both,
        transforms: vec![],
        wins: None,
    };
    let contact = FieldMap {
        hub: "/contact_id".to_owned(),
        vendor: "contact".to_owned(),
        transforms: vec![Transform::Reference { object: CONTACT }],
        ..name.clone()
    };
    SyncSettings { mapping: Some(Mapping { fields: vec![name, contact], join: vec![] }), ..SyncSettings::default() }
}

impl TestHub {
    /// Installs a plugin and sets up a sync of it, as putting both does.
    async fn keep(&self, org: &Org, id: &str, object: StandardObject, settings: &SyncSettings) {
        let hub = &*self.hub.0;
        let now = hub.clock.now();
        let mut tx = hub.database.begin().await.unwrap();
        let mut ours = tx.org(org.id);
        ours.relay().changed().await.unwrap();
        let had = ours.installations().get(&plugin(id)).await.unwrap();
        let installation = Installation {
            id: had.map_or_else(|| InstallationId::new(&*hub.clock, &*hub.random), |had| had.id),
            org: org.id,
            plugin: plugin(id),
            enabled: true,
            config: json!({}),
            policy: VersionPolicy::default(),
            approved: None,
            hook_token: format!("{id}-{}", org.id),
            created_at: now,
            updated_at: now,
        };
        ours.installations().put(&installation).await.unwrap();
        ours.syncs().put_settings(&plugin(id), object, settings, None, now).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        hub.relay.concerned(org.id);
    }

    /// Has a plugin write a record.
    async fn write(&self, org: &Org, by: &str, object: StandardObject, id: &str, data: Option<Value>) {
        let change = ObjectChange { object, id: id.to_owned(), data, expected: None };
        let commit = RunCommit { object_changes: vec![change], ..self.commit(org, by, None) };
        self.hub.0.journal.commit(commit).await.unwrap();
    }

    async fn hand_all_on(&self) {
        while self.hub.relay_events().await.unwrap() {}
    }

    async fn waiting(&self, org: &Org, id: &str, object: StandardObject) -> Vec<String> {
        let mut tx = self.hub.0.database.read().await.unwrap();
        let mut rows = tx.org(org.id).syncs().outbox(&plugin(id), object, 100).await.unwrap();
        rows.sort();
        rows.into_iter().map(|(id, _)| id).collect()
    }

    async fn drivers(&self, org: &Org) -> Vec<(String, String)> {
        let mut tx = self.hub.0.database.read().await.unwrap();
        let filter = JobFilter { kind: Some(JobKind::Sync), limit: 100, ..JobFilter::default() };
        let jobs = tx.org(org.id).jobs().list(&filter).await.unwrap();
        let mut named: Vec<_> = jobs.into_iter().map(|job| (job.plugin.unwrap().to_string(), job.name)).collect();
        named.sort();
        named
    }
}

#[tokio::test]
async fn what_changes_here_waits_for_each_vendor_but_the_one_that_it_came_from() {
    let test = TestHub::open().await;
    let (ours, theirs) = (test.org().await, test.org().await);
    test.keep(&ours, "hubspot", CONTACT, &outward()).await;
    test.keep(&ours, "salesforce", CONTACT, &outward()).await;
    test.keep(&theirs, "hubspot", CONTACT, &outward()).await;
    test.write(&ours, "telnyx", CONTACT, "telnyx:1", Some(json!({"name": "Ada"}))).await;
    test.write(&ours, "hubspot", CONTACT, "hubspot:2", Some(json!({"name": "Bob"}))).await;
    test.write(&ours, "telnyx", StandardObject::Company, "telnyx:3", Some(json!({"name": "Acme"}))).await;
    test.hand_all_on().await;
    assert_eq!(test.waiting(&ours, "hubspot", CONTACT).await, ["telnyx:1"]);
    assert_eq!(test.waiting(&ours, "salesforce", CONTACT).await, ["hubspot:2", "telnyx:1"]);
    assert!(test.waiting(&theirs, "hubspot", CONTACT).await.is_empty());
    let driven = [("hubspot", "contact"), ("salesforce", "contact")];
    let driven = driven.map(|(plugin, object)| (plugin.to_owned(), object.to_owned()));
    assert_eq!(test.drivers(&ours).await, driven);
    assert!(test.drivers(&theirs).await.is_empty());
}

#[tokio::test]
async fn a_sync_that_only_comes_in_or_is_switched_off_gets_nothing() {
    let test = TestHub::open().await;
    let org = test.org().await;
    test.keep(&org, "hubspot", CONTACT, &SyncSettings { direction: Direction::In, ..outward() }).await;
    test.keep(&org, "salesforce", CONTACT, &SyncSettings { enabled: false, ..outward() }).await;
    test.write(&org, "telnyx", CONTACT, "telnyx:1", Some(json!({"name": "Ada"}))).await;
    test.hand_all_on().await;
    assert!(test.waiting(&org, "hubspot", CONTACT).await.is_empty());
    assert!(test.waiting(&org, "salesforce", CONTACT).await.is_empty());
}

#[tokio::test]
async fn a_sync_gets_what_changes_while_it_goes_out() {
    let test = TestHub::open().await;
    let org = test.org().await;
    test.keep(&org, "hubspot", CONTACT, &outward()).await;
    test.write(&org, "telnyx", CONTACT, "telnyx:1", Some(json!({"name": "Ada"}))).await;
    test.hand_all_on().await;
    test.keep(&org, "hubspot", CONTACT, &SyncSettings { direction: Direction::In, ..outward() }).await;
    test.write(&org, "telnyx", CONTACT, "telnyx:2", Some(json!({"name": "Bob"}))).await;
    test.hand_all_on().await;
    test.keep(&org, "hubspot", CONTACT, &outward()).await;
    test.write(&org, "telnyx", CONTACT, "telnyx:3", Some(json!({"name": "Cy"}))).await;
    test.write(&org, "telnyx", CONTACT, "telnyx:1", None).await;
    test.hand_all_on().await;
    assert_eq!(test.waiting(&org, "hubspot", CONTACT).await, ["telnyx:1", "telnyx:3"]);
}

#[tokio::test]
async fn who_names_a_record_is_looked_at_once_more_when_that_gets_its_counterpart() {
    let test = TestHub::open().await;
    let org = test.org().await;
    let deal = |contact: &str| Some(json!({"name": "Sale", "status": "open", "contact_id": contact}));
    for number in 0..20 {
        test.write(&org, "hubspot", DEAL, &format!("hubspot:{number:02}"), deal("telnyx:1")).await;
    }
    test.write(&org, "hubspot", DEAL, "hubspot:other", deal("telnyx:2")).await;
    test.keep(&org, "hubspot", DEAL, &outward()).await;
    let named = json!({"name": "Ada", "external_ids": {"hubspot": "151"}});
    test.write(&org, "hubspot", CONTACT, "telnyx:1", Some(named.clone())).await;
    test.hand_all_on().await;
    assert_eq!(test.waiting(&org, "hubspot", DEAL).await.len(), 20, "more than are found at the first look");
    // what else the plugin writes of it is no news to those
    let before = test.seqs(&org).await;
    test.write(
        &org,
        "hubspot",
        CONTACT,
        "telnyx:1",
        Some(json!({"name": "Ada L.", "external_ids": {"hubspot": "151"}})),
    )
    .await;
    test.hand_all_on().await;
    assert_eq!(test.seqs(&org).await, before);
}

impl TestHub {
    async fn seqs(&self, org: &Org) -> Vec<(String, u64)> {
        let mut tx = self.hub.0.database.read().await.unwrap();
        tx.org(org.id).syncs().outbox(&plugin("hubspot"), DEAL, 100).await.unwrap()
    }
}
