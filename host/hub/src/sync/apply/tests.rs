//! Pages that are taken over into a real database, one after the other.

use patchbay_model::{
    Clock as _, PluginId, SyncRunId,
    object::ObjectRecord,
    org::Org,
    sync::{OnDelete, SyncLink, SyncSettings},
};
use patchbay_runtime::SyncPage;
use patchbay_storage::{Committed, SyncCommit};
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::testing::TestHub;

fn manifest() -> Manifest {
    let sync = |object: &str, fields: Value, join: Value| {
        json!({
            "object": object, "resource": object, "title": object, "directions": ["in", "out"],
            "mapping": {"fields": fields, "join": join},
        })
    };
    serde_json::from_value(json!({
        "id": "crm",
        "name": "CRM",
        "version": "1.0.0",
        "api": "1.1.0",
        "objects": {"contact": "write", "company": "write"},
        "syncs": [
            sync(
                "contact",
                json!([
                    {"hub": "/name", "vendor": "name"},
                    {"hub": "/email", "vendor": "email", "transforms": [{"kind": "lower"}]},
                    {"hub": "/website", "vendor": "site"},
                    {"hub": "/company_id", "vendor": "company", "transforms": [{"kind": "reference", "object": "company"}]},
                ]),
                json!(["/email"]),
            ),
            sync(
                "company",
                json!([{"hub": "/name", "vendor": "name"}, {"hub": "/domain", "vendor": "domain"}]),
                json!(["/domain"]),
            ),
        ],
    }))
    .unwrap()
}

/// A hub with an org whose syncs are on.
struct Scene {
    test: TestHub,
    org: Org,
    plugin: PluginId,
    manifest: Manifest,
    seen_in: Option<SyncRunId>,
}

impl Scene {
    async fn new(settings: SyncSettings) -> Self {
        let test = TestHub::open().await;
        let org = test.org().await;
        let plugin: PluginId = "crm".parse().unwrap();
        let mut tx = test.hub.0.database.begin().await.unwrap();
        for object in [StandardObject::Contact, StandardObject::Company] {
            let now = test.clock.now();
            tx.org(org.id).syncs().put_settings(&plugin, object, &settings, None, now).await.unwrap();
        }
        tx.commit().await.unwrap();
        Self { test, org, plugin, manifest: manifest(), seen_in: None }
    }

    async fn sync(&self, object: StandardObject) -> Sync {
        let mut tx = self.test.hub.0.database.read().await.unwrap();
        let state = tx.org(self.org.id).syncs().get(&self.plugin, object).await.unwrap().unwrap();
        Sync { org: self.org.id, state }
    }

    async fn apply(&self, object: StandardObject, changes: Vec<SyncChange>) -> Applied {
        let sync = self.sync(object).await;
        let decl = self.manifest.syncs.iter().find(|decl| decl.object == object).unwrap();
        let by =
            By { sync: &sync, manifest: &self.manifest, mapping: &decl.mapping, seen_in: self.seen_in, goes_out: true };
        self.test.hub.0.apply_changes(&by, changes).await.unwrap()
    }

    async fn commit(&self, plugin: &str, object: StandardObject, applied: &Applied) -> Committed {
        let mut commit = self.test.commit(&self.org, plugin, None);
        commit.object_changes.clone_from(&applied.records);
        if !applied.links.is_empty() {
            let mut sync = SyncCommit::new(self.plugin.clone(), object);
            sync.links.clone_from(&applied.links);
            commit.sync = Some(sync);
        }
        let committed = self.test.hub.0.journal.commit(commit).await.unwrap();
        self.test.clock.advance(chrono::Duration::seconds(1));
        committed
    }

    /// Takes a page over.
    async fn take(&self, object: StandardObject, changes: Vec<SyncChange>) -> Applied {
        let applied = self.apply(object, changes).await;
        assert_eq!(self.commit("crm", object, &applied).await, Committed::All);
        applied
    }

    /// Another plugin writes a record.
    async fn write(&self, object: StandardObject, id: &str, data: Value) {
        let change = ObjectChange { object, id: id.to_owned(), data: Some(data), expected: None };
        let applied = Applied { records: vec![change], ..Applied::default() };
        assert_eq!(self.commit("phone", object, &applied).await, Committed::All);
    }

    async fn record(&self, object: StandardObject, id: &str) -> Option<ObjectRecord> {
        let mut tx = self.test.hub.0.database.read().await.unwrap();
        tx.org(self.org.id).objects().get_many(object, &[id.to_owned()]).await.unwrap().pop()
    }

    async fn data(&self, object: StandardObject, id: &str) -> Value {
        self.record(object, id).await.and_then(|record| record.data).unwrap_or_default()
    }

    /// What is known of one of the vendor's, also if it is gone.
    async fn pair(&self, object: StandardObject, vendor_id: &str) -> Option<SyncLink> {
        let mut tx = self.test.hub.0.database.read().await.unwrap();
        let ids = [vendor_id.to_owned()];
        tx.org(self.org.id).syncs().links_by_vendor(&self.plugin, object, &ids).await.unwrap().pop()
    }

    async fn link(&self, object: StandardObject, vendor_id: &str) -> Option<SyncLink> {
        self.pair(object, vendor_id).await.filter(|link| link.gone_at.is_none())
    }
}

fn item(id: &str, at: u64, fields: Value) -> SyncItem {
    let Value::Object(fields) = fields else { panic!("an object") };
    let url = Some(format!("https://crm.example.com/{id}"));
    SyncItem { id: id.to_owned(), modified_at: Some(1_700_000_000_000 + at), url, fields }
}

fn found(id: &str, at: u64, fields: Value) -> SyncChange {
    SyncChange::Found(item(id, at, fields))
}

const CONTACT: StandardObject = StandardObject::Contact;
const COMPANY: StandardObject = StandardObject::Company;

#[tokio::test]
async fn what_a_vendor_has_becomes_a_record_that_says_whose_it_is() {
    let scene = Scene::new(SyncSettings::default()).await;
    let applied = scene.take(CONTACT, vec![found("1", 0, json!({"name": "Ada", "email": "Ada@Example.com"}))]).await;
    assert_eq!(applied.counts, SyncCounts { created: 1, ..SyncCounts::default() });
    assert_eq!(
        scene.data(CONTACT, "crm:1").await,
        json!({
            "name": "Ada",
            "email": "ada@example.com",
            "external_ids": {"crm": "1"},
            "extra": {"crm": {"url": "https://crm.example.com/1"}},
        })
    );
    assert_eq!(scene.link(CONTACT, "1").await.unwrap().record_id, "crm:1");
}

#[tokio::test]
async fn a_page_that_comes_again_changes_nothing() {
    let scene = Scene::new(SyncSettings::default()).await;
    let page = || vec![found("1", 0, json!({"name": "Ada"})), found("2", 0, json!({"name": "Grace"}))];
    scene.take(CONTACT, page()).await;
    let again = scene.apply(CONTACT, page()).await;
    assert_eq!(again.counts, SyncCounts { unchanged: 2, ..SyncCounts::default() });
    assert!(again.records.is_empty() && again.links.is_empty() && again.outbox.is_empty());
}

#[tokio::test]
async fn of_what_is_said_twice_the_later_counts_and_what_lags_behind_is_left() {
    let scene = Scene::new(SyncSettings::default()).await;
    let twice = vec![found("1", 20, json!({"name": "Ada L."})), found("1", 10, json!({"name": "Ada"}))];
    scene.take(CONTACT, twice).await;
    assert_eq!(scene.data(CONTACT, "crm:1").await["name"], "Ada L.");
    let stale = scene.apply(CONTACT, vec![found("1", 10, json!({"name": "Ada"}))]).await;
    assert!(stale.records.is_empty());
    let newer = scene.take(CONTACT, vec![found("1", 30, json!({"name": "Ada King"}))]).await;
    assert_eq!(newer.counts.updated, 1);
    assert_eq!(scene.data(CONTACT, "crm:1").await["name"], "Ada King");
}

#[tokio::test]
async fn a_record_that_is_there_is_joined_and_not_made_a_second_time() {
    let scene = Scene::new(SyncSettings::default()).await;
    scene.write(CONTACT, "phone:7", json!({"email": "ada@example.com", "phone": "+15550100"})).await;
    let page = vec![
        found("1", 0, json!({"name": "Ada", "email": "ada@example.com"})),
        found("2", 0, json!({"name": "Also Ada", "email": "ada@example.com"})),
    ];
    let applied = scene.take(CONTACT, page).await;
    assert_eq!((applied.counts.updated, applied.counts.created), (1, 1), "one of two is the same");
    let joined = scene.data(CONTACT, "phone:7").await;
    assert_eq!((&joined["name"], &joined["external_ids"]["crm"]), (&json!("Ada"), &json!("1")));
    assert_eq!(scene.link(CONTACT, "2").await.unwrap().record_id, "crm:2");
    // it is the first one's from now on
    let third = scene.take(CONTACT, vec![found("3", 0, json!({"email": "ada@example.com"}))]).await;
    assert_eq!(third.counts.created, 1);
}

#[tokio::test]
async fn a_record_that_was_linked_before_is_found_by_its_id_there() {
    let scene = Scene::new(SyncSettings::default()).await;
    scene.take(CONTACT, vec![found("1", 0, json!({"name": "Ada"}))]).await;
    let mut tx = scene.test.hub.0.database.begin().await.unwrap();
    tx.org(scene.org.id).syncs().remove(&scene.plugin).await.unwrap();
    let (settings, now) = (SyncSettings::default(), scene.test.clock.now());
    tx.org(scene.org.id).syncs().put_settings(&scene.plugin, CONTACT, &settings, None, now).await.unwrap();
    tx.commit().await.unwrap();
    let again = scene.take(CONTACT, vec![found("1", 0, json!({"name": "Ada"}))]).await;
    assert_eq!((again.counts.created, again.counts.unchanged), (0, 1));
    assert_eq!(scene.link(CONTACT, "1").await.unwrap().record_id, "crm:1");
}

#[tokio::test]
async fn what_another_account_has_under_the_same_id_is_something_else() {
    let scene = Scene::new(SyncSettings::default()).await;
    let belong = |account: &'static str| {
        let scene = &scene;
        async move {
            let mut tx = scene.test.hub.0.database.begin().await.unwrap();
            let mut ours = tx.org(scene.org.id);
            ours.syncs().forget_links(&scene.plugin, CONTACT, scene.test.clock.now()).await.unwrap();
            ours.syncs().belong(&scene.plugin, CONTACT, Some(account)).await.unwrap();
            tx.commit().await.unwrap();
        }
    };
    belong("1").await;
    let page = vec![
        found("1", 0, json!({"name": "Ada", "email": "ada@example.com"})),
        found("2", 0, json!({"name": "Grace", "email": "grace@example.com"})),
    ];
    scene.take(CONTACT, page).await;
    let ada = scene.data(CONTACT, "crm:1").await;
    assert_eq!((&ada["external_ids"]["crm"], &ada["extra"]["crm"]["account"]), (&json!("1"), &json!("1")));
    belong("2").await;
    let page = vec![found("1", 0, json!({"name": "Eve"})), found("9", 0, json!({"email": "grace@example.com"}))];
    let applied = scene.take(CONTACT, page).await;
    assert_eq!((applied.counts.created, applied.counts.updated), (1, 1));
    assert_eq!(scene.data(CONTACT, "crm:1").await, ada, "it has the same number there");
    let eve = scene.link(CONTACT, "1").await.unwrap().record_id;
    assert_eq!(scene.data(CONTACT, &eve).await["name"], "Eve");
    assert_eq!(scene.link(CONTACT, "9").await.unwrap().record_id, "crm:2", "by the address it is the same person");
    let grace = scene.data(CONTACT, "crm:2").await;
    assert_eq!((&grace["external_ids"]["crm"], &grace["extra"]["crm"]["account"]), (&json!("9"), &json!("2")));
    // and back: what the first account has is found by its ids again, but for who belongs to the other by now
    belong("1").await;
    let page = vec![found("1", 0, json!({"name": "Ada"})), found("2", 0, json!({"name": "Somebody"}))];
    let applied = scene.take(CONTACT, page).await;
    assert_eq!(applied.counts.created, 1);
    assert_eq!(scene.link(CONTACT, "1").await.unwrap().record_id, "crm:1");
}

#[tokio::test]
async fn a_field_that_does_not_fit_is_left_out_and_told_and_the_rest_is_taken_over() {
    let scene = Scene::new(SyncSettings::default()).await;
    let page = vec![
        found("1", 0, json!({"name": "Ada", "site": "not a site"})),
        found("2", 0, json!({"name": "Grace", "site": "https://grace.example.com"})),
    ];
    let applied = scene.take(CONTACT, page).await;
    assert_eq!((applied.counts.created, applied.counts.failed), (2, 0));
    let [failure] = applied.failures.as_slice() else { panic!("{:?}", applied.failures) };
    assert_eq!((failure.vendor_id.as_deref(), failure.code.as_str()), (Some("1"), "field_invalid"));
    assert!(failure.detail.contains("/website") && !failure.detail.contains("not a site"), "{}", failure.detail);
    assert_eq!(scene.data(CONTACT, "crm:1").await.get("website"), None);
}

#[tokio::test]
async fn an_item_that_fits_nowhere_fails_alone() {
    let scene = Scene::new(SyncSettings::default()).await;
    let long = "9".repeat(256);
    let page = vec![found(&long, 0, json!({"name": "Ada"})), found("2", 0, json!({"name": "Grace"}))];
    let applied = scene.take(CONTACT, page).await;
    assert_eq!((applied.counts.created, applied.counts.failed), (1, 1));
    assert_eq!(applied.failures[0].vendor_id.as_deref(), Some(long.as_str()));
    assert_eq!(scene.link(CONTACT, &long).await, None);
}

#[tokio::test]
async fn what_the_vendor_deleted_goes_if_nobody_else_has_it() {
    let scene = Scene::new(SyncSettings::default()).await;
    scene.write(CONTACT, "phone:7", json!({"email": "ada@example.com"})).await;
    let page = vec![found("1", 0, json!({"email": "ada@example.com"})), found("2", 0, json!({"name": "Grace"}))];
    scene.take(CONTACT, page).await;
    let gone = |id: &str| SyncChange::Deleted(id.to_owned());
    let applied = scene.take(CONTACT, vec![gone("1"), gone("2"), gone("3")]).await;
    assert_eq!((applied.counts.deleted, applied.counts.unchanged), (2, 1));
    assert_eq!(scene.data(CONTACT, "phone:7").await, json!({"email": "ada@example.com"}), "it is another one's");
    assert!(scene.record(CONTACT, "crm:2").await.is_none());
    assert!(scene.link(CONTACT, "1").await.is_none() && scene.link(CONTACT, "2").await.is_none());
}

#[tokio::test]
async fn what_the_vendor_deleted_stays_if_the_settings_say_so() {
    for (deletes, is_linked) in [(OnDelete::Unlink, false), (OnDelete::Ignore, true)] {
        let scene = Scene::new(SyncSettings { deletes, ..SyncSettings::default() }).await;
        scene.take(CONTACT, vec![found("1", 0, json!({"name": "Ada"}))]).await;
        scene.take(CONTACT, vec![SyncChange::Deleted("1".to_owned())]).await;
        let data = scene.data(CONTACT, "crm:1").await;
        assert_eq!((&data["name"], data.get("external_ids").is_some()), (&json!("Ada"), is_linked), "{deletes}");
        assert_eq!(scene.link(CONTACT, "1").await.is_some(), is_linked, "{deletes}");
    }
}

#[tokio::test]
async fn what_was_deleted_there_is_remembered_until_it_is_there_again() {
    let scene = Scene::new(SyncSettings { deletes: OnDelete::Unlink, ..SyncSettings::default() }).await;
    scene.take(CONTACT, vec![found("1", 0, json!({"name": "Ada"}))]).await;
    scene.take(CONTACT, vec![SyncChange::Deleted("1".to_owned())]).await;
    let gone = scene.pair(CONTACT, "1").await.unwrap();
    assert_eq!((gone.record_id.as_str(), gone.gone_at.is_some()), ("crm:1", true));
    let again = scene.apply(CONTACT, vec![SyncChange::Deleted("1".to_owned())]).await;
    assert_eq!(again.counts, SyncCounts { unchanged: 1, ..SyncCounts::default() });
    assert!(again.links.is_empty() && again.records.is_empty());
    // somebody took it back out of the vendor's bin
    let back = scene.take(CONTACT, vec![found("1", 0, json!({"name": "Ada"}))]).await;
    assert_eq!((back.counts.created, back.counts.updated), (0, 1));
    assert_eq!(scene.data(CONTACT, "crm:1").await["external_ids"]["crm"], "1");
    assert_eq!(scene.link(CONTACT, "1").await.unwrap().record_id, "crm:1");
}

#[tokio::test]
async fn a_record_whose_counterpart_is_gone_may_get_another_one() {
    let scene = Scene::new(SyncSettings::default()).await;
    scene.write(CONTACT, "phone:7", json!({"email": "ada@example.com"})).await;
    scene.take(CONTACT, vec![found("1", 0, json!({"email": "ada@example.com"}))]).await;
    scene.take(CONTACT, vec![SyncChange::Deleted("1".to_owned())]).await;
    assert!(scene.pair(CONTACT, "1").await.is_some(), "its record is another one's, and stays");
    let joined = scene.take(CONTACT, vec![found("9", 10, json!({"email": "ada@example.com"}))]).await;
    assert_eq!((joined.counts.created, joined.counts.updated), (0, 1));
    assert_eq!(scene.link(CONTACT, "9").await.unwrap().record_id, "phone:7");
    assert_eq!(scene.pair(CONTACT, "1").await, None, "there is nothing to remember any more");
}

#[tokio::test]
async fn what_was_merged_away_is_remembered_if_its_record_stays() {
    let scene = Scene::new(SyncSettings::default()).await;
    let email = |name: &str| json!({"email": format!("{name}@example.com")});
    for (id, name) in [("phone:7", "ada"), ("phone:8", "king")] {
        scene.write(CONTACT, id, email(name)).await;
    }
    scene.take(CONTACT, vec![found("1", 0, email("ada")), found("2", 0, email("king"))]).await;
    let merged = SyncChange::Merged { into: "2".to_owned(), gone: vec!["1".to_owned()] };
    scene.take(CONTACT, vec![merged]).await;
    assert_eq!(scene.data(CONTACT, "phone:7").await, email("ada"));
    let gone = scene.pair(CONTACT, "1").await.unwrap();
    assert_eq!((gone.record_id.as_str(), gone.gone_at.is_some()), ("phone:7", true));
    assert_eq!(scene.link(CONTACT, "2").await.unwrap().record_id, "phone:8");
}

#[tokio::test]
async fn what_was_deleted_here_is_not_made_anew() {
    let scene = Scene::new(SyncSettings::default()).await;
    scene.take(CONTACT, vec![found("1", 0, json!({"name": "Ada"}))]).await;
    let deletion = ObjectChange { object: CONTACT, id: "crm:1".to_owned(), data: None, expected: None };
    let applied = Applied { records: vec![deletion], ..Applied::default() };
    assert_eq!(scene.commit("phone", CONTACT, &applied).await, Committed::All);
    let applied = scene.apply(CONTACT, vec![found("1", 30, json!({"name": "Ada King"}))]).await;
    assert_eq!(applied.counts, SyncCounts { skipped: 1, ..SyncCounts::default() });
    assert!(applied.records.is_empty());
}

#[tokio::test]
async fn of_two_that_became_one_the_record_of_the_one_that_is_left_goes_on() {
    let scene = Scene::new(SyncSettings::default()).await;
    scene.take(CONTACT, vec![found("1", 0, json!({"name": "Ada"})), found("2", 0, json!({"name": "A. King"}))]).await;
    let merged = SyncChange::Merged { into: "2".to_owned(), gone: vec!["1".to_owned()] };
    let applied = scene.take(CONTACT, vec![merged]).await;
    assert_eq!(applied.counts.merged, 1);
    assert_eq!(applied.hints, [(CONTACT, "2".to_owned())], "nobody said how it is now");
    assert!(scene.record(CONTACT, "crm:1").await.is_none());
    assert!(scene.record(CONTACT, "crm:2").await.is_some() && scene.link(CONTACT, "1").await.is_none());
}

#[tokio::test]
async fn a_record_goes_on_as_that_of_the_one_that_its_counterpart_became() {
    let scene = Scene::new(SyncSettings::default()).await;
    scene.take(CONTACT, vec![found("1", 0, json!({"name": "Ada"}))]).await;
    let merged = SyncChange::Merged { into: "9".to_owned(), gone: vec!["1".to_owned()] };
    let applied = scene.take(CONTACT, vec![found("9", 40, json!({"name": "Ada King"})), merged]).await;
    assert_eq!((applied.counts.merged, applied.counts.updated, applied.counts.created), (1, 1, 0));
    let data = scene.data(CONTACT, "crm:1").await;
    assert_eq!((&data["name"], &data["external_ids"]["crm"]), (&json!("Ada King"), &json!("9")));
    assert_eq!(scene.link(CONTACT, "9").await.unwrap().record_id, "crm:1");
    // the id that is free again may come back, and is another one
    let back = scene.take(CONTACT, vec![found("1", 50, json!({"name": "Grace"}))]).await;
    assert_eq!(back.counts.created, 1);
    assert_ne!(scene.link(CONTACT, "1").await.unwrap().record_id, "crm:1");
}

#[tokio::test]
async fn what_refers_to_a_record_before_it_is_there_finds_it_or_is_read_again() {
    let scene = Scene::new(SyncSettings::default()).await;
    scene.write(COMPANY, "phone:4", json!({"name": "Example", "domain": "example.com"})).await;
    let page = vec![
        found("1", 0, json!({"name": "Ada", "company": "50"})),
        found("2", 0, json!({"name": "Grace", "company": "51"})),
    ];
    scene.take(CONTACT, page).await;
    assert_eq!(scene.data(CONTACT, "crm:1").await["company_id"], "crm:50");
    let page = vec![
        found("50", 0, json!({"name": "Example", "domain": "example.com"})),
        found("51", 0, json!({"name": "Other", "domain": "example.org"})),
    ];
    let companies = scene.take(COMPANY, page).await;
    assert_eq!(companies.hints, [(CONTACT, "1".to_owned())], "what it refers to is a record that was there");
    scene.take(CONTACT, vec![found("1", 0, json!({"name": "Ada", "company": "50"}))]).await;
    assert_eq!(scene.data(CONTACT, "crm:1").await["company_id"], "phone:4");
    assert_eq!(scene.data(CONTACT, "crm:2").await["company_id"], "crm:51");
}

#[tokio::test]
async fn all_that_refer_to_a_record_that_came_to_nothing_are_read_again() {
    let scene = Scene::new(SyncSettings::default()).await;
    scene.write(COMPANY, "phone:4", json!({"name": "Example", "domain": "example.com"})).await;
    let employee = |number: u32| found(&format!("{number:03}"), 0, json!({"name": "Ada", "company": "50"}));
    scene.take(CONTACT, (0..250).map(employee).collect()).await;
    let page = vec![found("50", 0, json!({"name": "Example", "domain": "example.com"}))];
    let mut hints = scene.take(COMPANY, page).await.hints;
    hints.sort();
    assert_eq!(hints, (0..250).map(|number| (CONTACT, format!("{number:03}"))).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_run_through_all_notes_what_it_has_seen() {
    let mut scene = Scene::new(SyncSettings::default()).await;
    scene.take(CONTACT, vec![found("1", 0, json!({"name": "Ada"}))]).await;
    assert_eq!(scene.link(CONTACT, "1").await.unwrap().seen_in, None);
    let run = SyncRunId(Uuid::from_u128(7));
    scene.seen_in = Some(run);
    let applied = scene.take(CONTACT, vec![found("1", 0, json!({"name": "Ada"}))]).await;
    assert_eq!((applied.counts.unchanged, applied.links.len()), (1, 1));
    assert_eq!(scene.link(CONTACT, "1").await.unwrap().seen_in, Some(run));
}

#[tokio::test]
async fn who_writes_meanwhile_makes_the_page_be_compared_again() {
    let scene = Scene::new(SyncSettings::default()).await;
    scene.take(CONTACT, vec![found("1", 0, json!({"name": "Ada"}))]).await;
    let late = scene.apply(CONTACT, vec![found("1", 30, json!({"name": "Ada King"}))]).await;
    let before = scene.data(CONTACT, "crm:1").await;
    let mut changed = before.clone();
    changed["phone"] = json!("+15550100");
    scene.write(CONTACT, "crm:1", changed).await;
    assert!(matches!(scene.commit("crm", CONTACT, &late).await, Committed::Conflict { .. }));
    scene.take(CONTACT, vec![found("1", 30, json!({"name": "Ada King"}))]).await;
    let data = scene.data(CONTACT, "crm:1").await;
    assert_eq!((&data["name"], &data["phone"]), (&json!("Ada King"), &json!("+15550100")), "nobody's is lost");
}

#[test]
fn a_page_names_each_of_the_vendors_once() {
    let page = SyncPage {
        changes: vec![
            found("1", 0, json!({})),
            SyncChange::Deleted("2".to_owned()),
            SyncChange::Deleted("1".to_owned()),
            SyncChange::Merged { into: "4".to_owned(), gone: vec!["3".to_owned(), "2".to_owned()] },
        ],
        next: None,
        mark: None,
        state: None,
        total: None,
        pause_ms: None,
    };
    let settled = Settled::of(page.changes);
    assert!(settled.found.is_empty());
    assert_eq!(settled.deleted, ["1"], "what became another one is not deleted");
    assert_eq!(settled.ids(), ["1", "2", "3", "4"]);
}
