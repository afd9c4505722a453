//! Syncs of a plugin that is not there: what the hub does by itself, on a clock that stands still.

use patchbay_model::{
    Clock as _, Code, PluginId, SyncRunId,
    job::JobStatus,
    object::StandardObject,
    org::Org,
    sync::{Direction, SyncCounts, SyncFailure, SyncMode, SyncRun, SyncSettings, SyncState, SyncStatus, SyncTrigger},
};
use patchbay_package::manifest::sync::SyncDecl;
use patchbay_storage::{NewSyncRun, SyncCommit};
use serde_json::json;

use super::{
    Sync,
    connected::{Account, refused},
    place::Place,
    step::Stepped,
};
use crate::{Caller, EventFilter, JobFilter, testing::TestHub};

const CONTACT: StandardObject = StandardObject::Contact;

struct Scene {
    test: TestHub,
    org: Org,
    caller: Caller,
    plugin: PluginId,
}

impl Scene {
    async fn new(settings: SyncSettings) -> Self {
        let test = TestHub::open().await;
        let org = test.org().await;
        let caller = test.caller(&org).await;
        let scene = Self { test, org, caller, plugin: "crm".parse().unwrap() };
        scene.put(settings).await;
        scene
    }

    async fn put(&self, settings: SyncSettings) {
        let mut tx = self.test.hub.0.database.begin().await.unwrap();
        let now = self.test.clock.now();
        tx.org(self.org.id).syncs().put_settings(&self.plugin, CONTACT, &settings, None, now).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn state(&self) -> SyncState {
        let mut tx = self.test.hub.0.database.read().await.unwrap();
        tx.org(self.org.id).syncs().get(&self.plugin, CONTACT).await.unwrap().unwrap()
    }

    /// Begins a run.
    async fn begin(&self, run: &SyncRun) {
        let hub = &*self.test.hub.0;
        let sync = Sync { org: self.org.id, state: self.state().await };
        let decl: SyncDecl = serde_json::from_value(json!({
            "object": "contact", "resource": "contacts", "title": "Contacts", "directions": ["in"],
            "mapping": {"fields": [{"hub": "/name", "vendor": "name"}]},
        }))
        .unwrap();
        let every_s = hub.sync_every_s(self.org.id, &sync.state).await.unwrap();
        self.settle(&hub.begin_run(&sync, run, &decl, every_s).unwrap()).await;
    }

    /// Ends one that has begun.
    async fn finish(&self, run: &SyncRun) {
        let mut tx = self.test.hub.0.database.read().await.unwrap();
        let run = tx.org(self.org.id).syncs().run(run.id).await.unwrap().unwrap();
        drop(tx);
        let sync = Sync { org: self.org.id, state: self.state().await };
        let place = Place::of(&run).unwrap().unwrap();
        self.settle(&self.test.hub.0.finish_run(&sync, &run, &place, SyncCounts::default(), true)).await;
    }

    async fn settle(&self, stepped: &Stepped) {
        let mut tx = self.test.hub.0.database.begin().await.unwrap();
        let now = self.test.clock.now();
        assert!(tx.org(self.org.id).syncs().settle(&stepped.commit, now).await.unwrap());
        tx.commit().await.unwrap();
    }

    async fn status(&self, id: SyncRunId) -> SyncStatus {
        let mut tx = self.test.hub.0.database.read().await.unwrap();
        tx.org(self.org.id).syncs().run(id).await.unwrap().unwrap().status
    }

    async fn drive(&self) {
        let mut tx = self.test.hub.0.database.begin().await.unwrap();
        self.test.hub.0.drive_sync(&mut tx.org(self.org.id), &self.plugin, CONTACT).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn jobs(&self) -> Vec<JobStatus> {
        let jobs = self.test.hub.jobs(&self.caller, JobFilter::default()).await.unwrap();
        jobs.items.into_iter().map(|job| job.status).collect()
    }

    async fn events(&self) -> Vec<String> {
        let filter = EventFilter { limit: Some(50), ..EventFilter::default() };
        let events = self.test.hub.events(&self.caller, filter).await.unwrap();
        events.items.into_iter().map(|event| event.event.kind).filter(|kind| kind.starts_with("sync.")).collect()
    }
}

#[tokio::test]
async fn a_driver_with_nothing_to_do_ends_and_of_two_there_is_one() {
    let scene = Scene::new(SyncSettings::default()).await;
    scene.drive().await;
    scene.drive().await;
    assert_eq!(scene.jobs().await, [JobStatus::Queued]);
    assert_eq!(scene.test.hub.work_due_jobs().await.unwrap(), 1);
    assert_eq!(scene.jobs().await, [JobStatus::Done]);
}

#[tokio::test]
async fn a_driver_whose_sync_is_gone_ends_without_a_word() {
    let scene = Scene::new(SyncSettings::default()).await;
    scene.drive().await;
    let mut tx = scene.test.hub.0.database.begin().await.unwrap();
    tx.org(scene.org.id).syncs().remove(&scene.plugin).await.unwrap();
    tx.commit().await.unwrap();
    scene.test.hub.work_due_jobs().await.unwrap();
    assert_eq!(scene.jobs().await, [JobStatus::Cancelled]);
}

#[tokio::test]
async fn a_run_of_a_sync_that_is_switched_off_ends() {
    let scene = Scene::new(SyncSettings::default()).await;
    let run = scene.test.hub.request_sync_run(&scene.caller, &scene.plugin, CONTACT, None).await.unwrap();
    assert_eq!((run.mode, run.trigger), (SyncMode::Full, SyncTrigger::Manual), "it never read all");
    scene.put(SyncSettings { enabled: false, ..SyncSettings::default() }).await;
    scene.test.hub.work_due_jobs().await.unwrap();
    assert_eq!(scene.status(run.id).await, SyncStatus::Cancelled);
    assert_eq!((scene.state().await.open_run, scene.jobs().await), (None, vec![JobStatus::Done]));
    let refused = scene.test.hub.request_sync_run(&scene.caller, &scene.plugin, CONTACT, None).await;
    assert_eq!(refused.unwrap_err().code, Code::Conflict);
}

#[tokio::test]
async fn a_run_whose_plugin_is_not_on_fails_at_once_and_is_left_alone_for_a_while() {
    let scene = Scene::new(SyncSettings { every_s: 15, ..SyncSettings::default() }).await;
    let hub = &scene.test.hub;
    let run = hub.request_sync_run(&scene.caller, &scene.plugin, CONTACT, None).await.unwrap();
    hub.work_due_jobs().await.unwrap();
    assert_eq!(scene.status(run.id).await, SyncStatus::Failed);
    assert_eq!(scene.events().await, ["sync.failed"]);
    let state = scene.state().await;
    assert_eq!((state.open_run, state.last_run), (None, Some(run.id)));
    assert_eq!(state.next_due_at, Some(scene.test.clock.now() + chrono::Duration::hours(1)));
}

#[tokio::test]
async fn somebody_who_asks_twice_gets_one_run_and_may_end_it() {
    let scene = Scene::new(SyncSettings::default()).await;
    let hub = &scene.test.hub;
    let ask = || hub.request_sync_run(&scene.caller, &scene.plugin, CONTACT, Some(SyncMode::Delta));
    let (first, second) = (ask().await.unwrap(), ask().await.unwrap());
    assert_eq!(first.id, second.id);
    let cancelled = hub.cancel_sync_run(&scene.caller, first.id).await.unwrap();
    assert_eq!(cancelled.status, SyncStatus::Cancelled);
    assert_eq!(hub.cancel_sync_run(&scene.caller, first.id).await.unwrap_err().code, Code::Conflict);
    let theirs = scene.test.org().await;
    let stranger = scene.test.caller(&theirs).await;
    assert_eq!(hub.cancel_sync_run(&stranger, first.id).await.unwrap_err().code, Code::NotFound);
    hub.work_due_jobs().await.unwrap();
    assert_eq!(scene.jobs().await, [JobStatus::Done]);
}

#[tokio::test]
async fn who_asks_again_with_a_key_gets_its_run_also_when_that_has_ended() {
    let scene = Scene::new(SyncSettings::default()).await;
    let hub = &scene.test.hub;
    let ask = async |key: &str, mode: SyncMode| {
        let mut headers = http::HeaderMap::new();
        headers.insert("idempotency-key", key.parse().unwrap());
        let key = crate::IdempotencyKey::from_headers(&headers).unwrap();
        let notes = crate::AnswerNotes::default();
        let run = hub.sync_request_run(&scene.caller, &scene.plugin, CONTACT, mode, key, &notes).await;
        (run.map(|run| run.id).map_err(|failure| failure.failure.code), notes.is_replayed())
    };
    let (first, is_replayed) = ask("import-1", SyncMode::Full).await;
    let first = first.unwrap();
    assert!(!is_replayed);
    hub.cancel_sync_run(&scene.caller, first).await.unwrap();
    assert_eq!(ask("import-1", SyncMode::Full).await, (Ok(first), true));
    assert_eq!(scene.state().await.open_run, None, "nothing was begun");
    assert_eq!(ask("import-1", SyncMode::Delta).await.0, Err(Code::IdempotencyKeyReused));
    let second = ask("import-2", SyncMode::Full).await.0.unwrap();
    assert_ne!(second, first);
    assert_eq!(scene.state().await.open_run, Some(second));
}

#[tokio::test]
async fn a_sync_that_is_due_while_its_plugin_is_off_is_due_later() {
    let scene = Scene::new(SyncSettings::default()).await;
    assert!(scene.state().await.next_due_at.unwrap() <= scene.test.clock.now(), "one that is new is due at once");
    assert_eq!(scene.test.hub.run_due_syncs().await.unwrap(), 0);
    let next = scene.state().await.next_due_at.unwrap() - scene.test.clock.now();
    assert!((900..=960).contains(&next.num_seconds()), "{next}");
    assert!(scene.jobs().await.is_empty());
}

#[tokio::test]
async fn after_a_run_that_somebody_asked_for_the_next_one_is_a_whole_interval_away() {
    let scene = Scene::new(SyncSettings::default()).await;
    let (hub, clock) = (&scene.test.hub, &scene.test.clock);
    let ask = |mode| hub.request_sync_run(&scene.caller, &scene.plugin, CONTACT, Some(mode));
    let every = chrono::Duration::seconds(900);
    let due = async || scene.state().await.next_due_at.unwrap();
    assert_eq!(due().await, clock.now(), "one that is new is due at once");
    clock.advance(chrono::Duration::seconds(2));
    let run = ask(SyncMode::Full).await.unwrap();
    scene.begin(&run).await;
    assert_eq!(due().await, clock.now() + every);
    scene.finish(&run).await;
    clock.advance(chrono::Duration::seconds(60));
    let run = ask(SyncMode::Delta).await.unwrap();
    scene.begin(&run).await;
    assert_eq!(due().await, clock.now() + every, "it was asked for by hand once more");
    scene.finish(&run).await;
    // all is due to be read: who asks for what has changed does not put that off
    let before = due().await;
    clock.advance(chrono::Duration::days(8));
    let run = ask(SyncMode::Delta).await.unwrap();
    assert_eq!(run.mode, SyncMode::Delta);
    scene.begin(&run).await;
    assert_eq!(due().await, before);
}

#[tokio::test]
async fn what_waits_to_be_written_is_driven_without_a_run() {
    let scene = Scene::new(SyncSettings { direction: Direction::Out, ..SyncSettings::default() }).await;
    let hub = &*scene.test.hub.0;
    let state = scene.state().await;
    let mut tx = hub.database.begin().await.unwrap();
    let mut ours = tx.org(scene.org.id);
    assert!(!hub.drive_what_waits(&mut ours, &state).await.unwrap(), "nothing does");
    assert!(ours.syncs().add_outbox(&scene.plugin, CONTACT, &["phone:1".to_owned()]).await.unwrap());
    assert!(hub.drive_what_waits(&mut ours, &state).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(scene.jobs().await, [JobStatus::Queued]);
}

#[tokio::test]
async fn a_step_that_called_nobody_counts_only_if_nothing_has_come_meanwhile() {
    let scene = Scene::new(SyncSettings { direction: Direction::In, ..SyncSettings::default() }).await;
    let now = scene.test.clock.now();
    let hub = &*scene.test.hub.0;
    let (sync, _) = hub.next_of_sync(scene.org.id, &scene.plugin, CONTACT).await.unwrap().unwrap();
    let mut commit = sync.commit();
    commit.only_if_wanted = Some(sync.state.wanted);
    let mut tx = hub.database.begin().await.unwrap();
    let mut ours = tx.org(scene.org.id);
    assert!(ours.syncs().settle(&commit, now).await.unwrap());
    assert!(ours.syncs().add_hints(&scene.plugin, CONTACT, &["1".to_owned()]).await.unwrap());
    assert!(!ours.syncs().settle(&commit, now).await.unwrap(), "there is a hint by now");
    commit.only_if_wanted = None;
    commit.hints_done = vec![("1".to_owned(), 0)];
    assert!(ours.syncs().settle(&commit, now).await.unwrap());
    let hints = ours.syncs().hints(&scene.plugin, CONTACT, 10).await.unwrap();
    assert_eq!(hints.len(), 1, "it came again since");
    commit.hints_done = hints;
    assert!(ours.syncs().settle(&commit, now).await.unwrap());
    assert!(ours.syncs().hints(&scene.plugin, CONTACT, 10).await.unwrap().is_empty());
    let failure = SyncFailure {
        vendor_id: Some("1".to_owned()),
        record_id: None,
        code: "plugin_trapped".to_owned(),
        detail: "unreachable".to_owned(),
    };
    commit.failures = vec![failure.clone()];
    assert!(ours.syncs().settle(&commit, now).await.unwrap());
    let kept = ours.syncs().live_failures(&scene.plugin, CONTACT, None, 10).await.unwrap();
    assert_eq!(kept.into_iter().map(|(_, failure)| failure).collect::<Vec<_>>(), [failure]);
    let wish = NewSyncRun {
        id: SyncRunId::new(&*hub.clock, &*hub.random),
        plugin: scene.plugin.clone(),
        object: CONTACT,
        mode: SyncMode::Full,
        trigger: SyncTrigger::First,
        requested_by: None,
        next_due_at: None,
        at: now,
    };
    let run = ours.syncs().request_run(&wish).await.unwrap().unwrap().run;
    let ended = hub.stop_run(&sync, &run);
    assert!(ours.syncs().settle(&ended.commit, now).await.unwrap());
    assert!(!ours.syncs().settle(&ended.commit, now).await.unwrap(), "it is not open any more");
    tx.commit().await.unwrap();
    assert_eq!(scene.status(run.id).await, SyncStatus::Cancelled);
}

/// Credentials of some account are stored.
async fn connect(scene: &Scene, account: Account<'_>) {
    let hub = &*scene.test.hub.0;
    let mut tx = hub.database.begin().await.unwrap();
    let mut ours = tx.org(scene.org.id);
    ours.lock().await.unwrap();
    hub.resume_syncs(&mut ours, &scene.plugin, account).await.unwrap();
    tx.commit().await.unwrap();
}

/// Whether a sync is on, whose its links are, and what is connected instead.
async fn standing(scene: &Scene) -> (bool, Option<String>, Option<String>) {
    let state = scene.state().await;
    assert_eq!(state.next_due_at.is_some(), state.settings.enabled);
    (state.settings.enabled, state.account, state.other_account)
}

#[tokio::test]
async fn syncs_of_a_plugin_that_was_off_go_through_all_if_they_go_out() {
    for (direction, goes_through) in [(Direction::Both, true), (Direction::Out, true), (Direction::In, false)] {
        let scene = Scene::new(SyncSettings { direction, ..SyncSettings::default() }).await;
        let hub = &*scene.test.hub.0;
        let now = scene.test.clock.now();
        let run = scene.test.hub.request_sync_run(&scene.caller, &scene.plugin, CONTACT, None).await.unwrap();
        let (sync, _) = hub.next_of_sync(scene.org.id, &scene.plugin, CONTACT).await.unwrap().unwrap();
        let place = Place::first(SyncMode::Full, None, 60, now);
        let ended = hub.finish_run(&sync, &run, &place, SyncCounts::default(), false);
        let mut tx = hub.database.begin().await.unwrap();
        let mut ours = tx.org(scene.org.id);
        assert!(ours.syncs().settle(&ended.commit, now).await.unwrap());
        let later = now + chrono::Duration::hours(1);
        assert!(ours.syncs().postpone(&scene.plugin, CONTACT, later).await.unwrap());
        hub.catch_up_syncs(&mut ours, &scene.plugin).await.unwrap();
        tx.commit().await.unwrap();
        let state = scene.state().await;
        let expected = if goes_through { (None, Some(now)) } else { (Some(now), Some(later)) };
        assert_eq!((state.last_full_at, state.next_due_at), expected, "{direction}");
    }
}

#[tokio::test]
async fn other_credentials_resume_a_sync_and_those_of_another_account_switch_it_off() {
    let scene = Scene::new(SyncSettings::default()).await;
    let text = |text: &str| Some(text.to_owned());
    let hub = &*scene.test.hub.0;
    let later = scene.test.clock.now() + chrono::Duration::hours(1);
    let put_off = || async {
        let mut tx = hub.database.begin().await.unwrap();
        assert!(tx.org(scene.org.id).syncs().postpone(&scene.plugin, CONTACT, later).await.unwrap());
        tx.commit().await.unwrap();
    };
    for account in [Account::Same, Account::Unknown, Account::Known("1"), Account::Known("1")] {
        put_off().await;
        connect(&scene, account).await;
        assert_eq!(scene.state().await.next_due_at, Some(scene.test.clock.now()), "{account:?}");
    }
    assert_eq!(standing(&scene).await, (true, text("1"), None), "the first that says so says whose it is");
    connect(&scene, Account::Known("2")).await;
    assert_eq!(standing(&scene).await, (false, text("1"), text("2")));
    // of many that are tried the last is told, and what was the same before is no way out
    connect(&scene, Account::Known("3")).await;
    connect(&scene, Account::Same).await;
    assert_eq!(standing(&scene).await, (false, text("1"), text("3")));
    let refused = scene.test.hub.request_sync_run(&scene.caller, &scene.plugin, CONTACT, None).await.unwrap_err();
    assert_eq!(refused.code, Code::AnotherAccount);
    assert!(refused.detail.contains("\"3\"") && refused.detail.contains("\"1\""), "{}", refused.detail);
    connect(&scene, Account::Known("1")).await;
    assert_eq!(standing(&scene).await, (true, text("1"), None));
    // a token that names nobody comes in the place of one that did
    connect(&scene, Account::Unknown).await;
    assert_eq!(standing(&scene).await, (false, text("1"), text("")));
}

#[tokio::test]
async fn of_two_who_connect_at_once_one_is_first() {
    let scene = Scene::new(SyncSettings::default()).await;
    tokio::join!(connect(&scene, Account::Known("1")), connect(&scene, Account::Known("2")));
    let (enabled, own, other) = standing(&scene).await;
    let mut both = [own.unwrap(), other.unwrap()];
    both.sort();
    assert_eq!((enabled, both), (false, ["1".to_owned(), "2".to_owned()]));
}

#[tokio::test]
async fn a_sync_that_somebody_has_switched_off_is_not_switched_on_by_an_account() {
    let scene = Scene::new(SyncSettings::default()).await;
    let text = |text: &str| Some(text.to_owned());
    connect(&scene, Account::Known("1")).await;
    scene.put(SyncSettings { enabled: false, ..SyncSettings::default() }).await;
    for account in ["2", "1"] {
        connect(&scene, Account::Known(account)).await;
        assert_eq!(standing(&scene).await, (false, text("1"), None), "{account}");
    }
    let state = scene.state().await;
    assert_eq!(refused(&state, Some("2")).map(|failure| failure.code), Some(Code::AnotherAccount));
    assert_eq!(refused(&state, Some("1")), None);
    assert_eq!(refused(&state, None), None);
    // nor is one that they have decided about while another account was connected
    scene.put(SyncSettings::default()).await;
    connect(&scene, Account::Known("2")).await;
    assert!(refused(&scene.state().await, None).is_some(), "it is not known to be that one again");
    scene.put(SyncSettings { enabled: false, ..SyncSettings::default() }).await;
    connect(&scene, Account::Known("1")).await;
    assert_eq!(standing(&scene).await, (false, text("1"), None));
}

#[tokio::test]
async fn a_step_changes_nothing_of_the_links_of_another_account() {
    let scene = Scene::new(SyncSettings::default()).await;
    connect(&scene, Account::Known("1")).await;
    let hub = &*scene.test.hub.0;
    let (sync, _) = hub.next_of_sync(scene.org.id, &scene.plugin, CONTACT).await.unwrap().unwrap();
    let mut tx = hub.database.begin().await.unwrap();
    let mut ours = tx.org(scene.org.id);
    let now = scene.test.clock.now();
    let seen = SyncCommit { account: sync.state.account.clone(), ..sync.commit() };
    assert!(ours.syncs().settle(&seen, now).await.unwrap());
    ours.syncs().part(&scene.plugin, CONTACT, "2", now).await.unwrap();
    assert!(!ours.syncs().settle(&seen, now).await.unwrap(), "while another one is in the way");
    assert!(ours.syncs().settle(&sync.commit(), now).await.unwrap(), "what was said by nobody of that account");
    assert!(ours.syncs().rejoin(&scene.plugin, CONTACT, now).await.unwrap());
    assert!(ours.syncs().settle(&seen, now).await.unwrap());
    ours.syncs().belong(&scene.plugin, CONTACT, Some("2")).await.unwrap();
    assert!(!ours.syncs().settle(&seen, now).await.unwrap());
}
