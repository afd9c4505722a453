//! Syncs of a plugin that is not there: what the hub does by itself, on a clock that stands still.

use patchbay_model::{
    Clock as _, Code, PluginId, SyncRunId,
    job::JobStatus,
    object::StandardObject,
    org::Org,
    sync::{Direction, SyncFailure, SyncMode, SyncSettings, SyncState, SyncStatus, SyncTrigger},
};
use patchbay_storage::NewSyncRun;

use super::connected::Account;
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

#[tokio::test]
async fn other_credentials_resume_a_sync_and_those_of_another_account_switch_it_off() {
    let scene = Scene::new(SyncSettings::default()).await;
    let hub = &*scene.test.hub.0;
    let later = scene.test.clock.now() + chrono::Duration::hours(1);
    let mut tx = hub.database.begin().await.unwrap();
    let mut ours = tx.org(scene.org.id);
    assert!(ours.syncs().postpone(&scene.plugin, CONTACT, later).await.unwrap());
    hub.resume_syncs(&mut ours, &scene.plugin, Account::Same).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(scene.state().await.next_due_at, Some(scene.test.clock.now()));
    let mut tx = hub.database.begin().await.unwrap();
    hub.resume_syncs(&mut tx.org(scene.org.id), &scene.plugin, Account::Another).await.unwrap();
    tx.commit().await.unwrap();
    let state = scene.state().await;
    assert_eq!((state.settings.enabled, state.next_due_at), (false, None));
}
