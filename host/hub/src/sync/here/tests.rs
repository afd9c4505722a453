//! What a run through all puts into the outbox: on a real database, by the steps as a job does them.

use patchbay_model::{
    Clock as _, PluginId, SyncRunId, Timestamp,
    filter::Filter,
    object::{ObjectChange, StandardObject},
    org::Org,
    sync::{Base, Direction, SyncLink, SyncTrigger},
};
use patchbay_storage::{Committed, LinkChange, NewSyncRun, RunCommit, SyncCommit};
use serde_json::{Value, json};

use super::*;
use crate::{sync::step::Ask, testing::TestHub};

const CONTACT: StandardObject = StandardObject::Contact;

fn outward() -> SyncSettings {
    SyncSettings { direction: Direction::Out, ..SyncSettings::default() }
}

/// A sync with a run that has begun.
struct Scene {
    test: TestHub,
    org: Org,
    plugin: PluginId,
    run: SyncRun,
}

impl Scene {
    async fn new(settings: SyncSettings, phase: Phase) -> Self {
        let test = TestHub::open().await;
        let org = test.org().await;
        let (now, plugin): (_, PluginId) = (test.clock.now(), "crm".parse().unwrap());
        let wish = NewSyncRun {
            id: SyncRunId::new(&*test.hub.0.clock, &*test.hub.0.random),
            plugin: plugin.clone(),
            object: CONTACT,
            mode: SyncMode::Full,
            trigger: SyncTrigger::First,
            requested_by: None,
            next_due_at: None,
            at: now,
        };
        let mut tx = test.hub.0.database.begin().await.unwrap();
        let mut ours = tx.org(org.id);
        ours.syncs().put_settings(&plugin, CONTACT, &settings, None, now).await.unwrap().unwrap();
        let run = ours.syncs().request_run(&wish).await.unwrap().unwrap().run;
        tx.commit().await.unwrap();
        let scene = Self { test, org, plugin, run };
        scene.go_on_at(Place { phase, ..Place::first(SyncMode::Full, None, 0, now) }).await;
        scene
    }

    fn hub(&self) -> &Inner {
        &self.test.hub.0
    }

    async fn go_on_at(&self, place: Place) {
        let begun = SyncCommit {
            place: Some(PlaceChange { cursor: Some(place.stored().unwrap()), ..stays(&self.run) }),
            run: Some(counted(&self.run, SyncCounts::default(), self.test.clock.now())),
            ..SyncCommit::new(self.plugin.clone(), CONTACT)
        };
        assert!(self.settle(&begun).await);
    }

    async fn put(&self, settings: SyncSettings) {
        let mut tx = self.hub().database.begin().await.unwrap();
        let now = self.test.clock.now();
        tx.org(self.org.id).syncs().put_settings(&self.plugin, CONTACT, &settings, None, now).await.unwrap().unwrap();
        tx.commit().await.unwrap();
    }

    async fn write(&self, by: &str, records: impl IntoIterator<Item = (String, Value)>) {
        let change = |(id, data)| ObjectChange { object: CONTACT, id, data: Some(data), expected: None };
        let object_changes = records.into_iter().map(change).collect();
        let commit = RunCommit { object_changes, ..self.test.commit(&self.org, by, None) };
        assert_eq!(self.hub().journal.commit(commit).await.unwrap(), Committed::All);
    }

    async fn write_one(&self, by: &str, id: &str, data: Value) {
        self.write(by, [(id.to_owned(), data)]).await;
    }

    /// Links a record with one of the vendor's that the run has seen.
    async fn link(&self, record: &str) {
        let link = SyncLink {
            vendor_id: format!("of {record}"),
            record_id: record.to_owned(),
            base: Base::default(),
            vendor_at: None,
            url: None,
            gone_at: None,
            seen_in: Some(self.run.id),
            version: 0,
            synced_at: self.test.clock.now(),
        };
        let links = vec![LinkChange::Put { link, expected: Some(0) }];
        let sync = Some(SyncCommit { links, ..SyncCommit::new(self.plugin.clone(), CONTACT) });
        let commit = RunCommit { sync, ..self.test.commit(&self.org, "crm", None) };
        assert_eq!(self.hub().journal.commit(commit).await.unwrap(), Committed::All);
    }

    async fn next(&self) -> (Sync, Next) {
        self.hub().next_of_sync(self.org.id, &self.plugin, CONTACT).await.unwrap().unwrap()
    }

    async fn settle(&self, commit: &SyncCommit) -> bool {
        let mut tx = self.hub().database.begin().await.unwrap();
        let is_stored = tx.org(self.org.id).syncs().settle(commit, self.test.clock.now()).await.unwrap();
        if is_stored {
            tx.commit().await.unwrap();
        }
        is_stored
    }

    /// Does one step, of which the vendor takes whatever it is given. Gives what it has put into the outbox; none: the run would
    /// end.
    async fn step(&self) -> Option<Vec<String>> {
        let (sync, next) = self.next().await;
        let (offered, commit) = match next {
            Next::Offer(run, place, ids) => {
                let stepped = self.hub().offer(&sync, &run, &place, ids).unwrap();
                (stepped.commit.outbox_add.clone(), stepped.commit)
            }
            Next::Push(rows, run) => {
                assert_eq!(run.map(|run| run.id), Some(self.run.id), "what is written counts for the run");
                (Vec::new(), SyncCommit { outbox_done: rows, ..sync.commit() })
            }
            Next::Finish(..) => return None,
            other => panic!("{other:?}"),
        };
        assert!(self.settle(&commit).await);
        Some(offered)
    }

    /// What all steps until the run would end have put into the outbox.
    async fn offered(&self) -> Vec<String> {
        let mut all = Vec::new();
        while let Some(offered) = self.step().await {
            all.extend(offered);
        }
        all
    }
}

fn numbered(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| format!("phone:{number:03}")).collect()
}

#[tokio::test]
async fn what_is_here_goes_through_the_outbox_page_by_page_and_what_is_in_it_goes_first() {
    let scene = Scene::new(outward(), Phase::Pages).await;
    scene.write("phone", numbered(0..250).into_iter().map(|id| (id, json!({"name": "Ada"})))).await;
    let mut steps = Vec::new();
    while let Some(offered) = scene.step().await {
        steps.push(offered);
    }
    let none = Vec::<String>::new();
    let pages = [numbered(0..100), none.clone(), numbered(100..200), none.clone(), numbered(200..250), none];
    assert_eq!(steps, pages);
    let (sync, next) = scene.next().await;
    let Next::Finish(run, place) = next else { panic!("{next:?}") };
    let ended = scene.hub().finish_run(&sync, &run, &place, SyncCounts::default(), place.has_read()).commit;
    let place = ended.place.unwrap();
    assert_eq!((place.mark, place.last_full_at), (None, Some(scene.test.clock.now())), "nothing was read");
}

#[tokio::test]
async fn a_step_that_is_done_again_offers_the_same() {
    let scene = Scene::new(outward(), Phase::Pages).await;
    scene.write("phone", numbered(0..150).into_iter().map(|id| (id, json!({"name": "Ada"})))).await;
    // a hub that is killed before its commit
    let (_, lost) = scene.next().await;
    let Next::Offer(_, _, lost) = lost else { panic!("{lost:?}") };
    assert_eq!(lost, numbered(0..100));
    assert_eq!(scene.offered().await, numbered(0..150));
}

#[tokio::test]
async fn what_came_from_the_vendor_or_went_there_before_is_left_alone() {
    let only = Filter::parse(&json!({"status": "customer"})).unwrap();
    let settings = SyncSettings { only: Some(only), ..SyncSettings::default() };
    let records = [
        ("phone", "phone:1", json!({"status": "customer"})),
        ("phone", "phone:2", json!({"status": "lead"})),
        ("phone", "phone:3", json!({"status": "customer", "external_ids": {"crm": "7"}})),
        ("phone", "phone:4", json!({"status": "customer", "external_ids": {"mail": "7"}})),
        ("phone", "phone:5", json!({"status": "customer"})),
        ("crm", "crm:6", json!({"status": "customer"})),
        ("phone", "phone:7", json!({"status": "customer", "external_ids": {"crm": "8"}})),
        // as the deletion of its counterpart leaves it
        ("crm", "phone:7", json!({"status": "customer"})),
        ("phone", "phone:8", json!({"status": "customer"})),
    ];
    // all is read, and nothing is linked that was not seen
    for (direction, expected) in [
        (Direction::Both, vec!["phone:1", "phone:4", "phone:8"]),
        (Direction::Out, vec!["phone:1", "phone:4", "phone:5", "phone:8"]),
    ] {
        let scene = Scene::new(SyncSettings { direction, ..settings.clone() }, Phase::Unseen { after: None }).await;
        for (by, id, data) in &records {
            scene.write_one(by, id, data.clone()).await;
        }
        scene.link("phone:5").await;
        assert_eq!(scene.offered().await, expected, "{direction}");
        let (_, next) = scene.next().await;
        let Next::Finish(_, place) = next else { panic!("{next:?}") };
        assert_eq!(place.has_read(), direction == Direction::Both);
    }
}

#[tokio::test]
async fn nothing_goes_where_nothing_is_made_or_what_has_changed_was_asked_for() {
    let mut delta = Place::first(SyncMode::Full, None, 0, Timestamp::UNIX_EPOCH);
    delta.mode = SyncMode::Delta;
    for settings in [SyncSettings { create_there: false, ..SyncSettings::default() }, SyncSettings::default()] {
        let scene = Scene::new(settings.clone(), Phase::Unseen { after: None }).await;
        scene.write_one("phone", "phone:1", json!({"name": "Ada"})).await;
        if settings.create_there {
            assert_eq!(scene.next().await.1.offered(), ["phone:1"]);
            let phase = Phase::Here { after: None, version: 1, has_read: false };
            scene.go_on_at(Place { phase, ..delta.clone() }).await;
        }
        assert_eq!(scene.offered().await, Vec::<String>::new());
    }
}

impl Next {
    fn offered(self) -> Vec<String> {
        let Self::Offer(_, _, ids) = self else { panic!("{self:?}") };
        ids
    }
}

#[tokio::test]
async fn by_other_settings_it_is_gone_through_from_the_beginning() {
    let scene = Scene::new(outward(), Phase::Pages).await;
    scene.write("phone", numbered(0..150).into_iter().map(|id| (id, json!({"name": "Ada"})))).await;
    assert_eq!(scene.step().await.unwrap(), numbered(0..100));
    scene.put(outward()).await;
    assert_eq!(scene.step().await.unwrap(), Vec::<String>::new(), "what waits is written all the same");
    assert_eq!(scene.step().await.unwrap(), numbered(0..100));
    // and values that come from there by now are read before
    scene.put(SyncSettings::default()).await;
    scene.step().await.unwrap();
    let (_, next) = scene.next().await;
    assert!(matches!(next, Next::Pull(Ask::Page(_, Place { phase: Phase::Pages, .. }))), "{next:?}");
}

#[tokio::test]
async fn nothing_is_kept_for_a_sync_that_was_switched_off_meanwhile() {
    let scene = Scene::new(outward(), Phase::Pages).await;
    scene.write_one("phone", "phone:1", json!({"name": "Ada"})).await;
    let (sync, next) = scene.next().await;
    let Next::Offer(run, place, ids) = next else { panic!("{next:?}") };
    let commit = scene.hub().offer(&sync, &run, &place, ids).unwrap().commit;
    scene.put(SyncSettings { enabled: false, ..outward() }).await;
    assert!(!scene.settle(&commit).await);
    scene.put(outward()).await;
    assert_eq!(scene.offered().await, ["phone:1"], "its place has not moved");
}
