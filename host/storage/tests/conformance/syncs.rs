//! Syncs: their settings, when they are due, their runs, what waits for them, and what goes with them.

use patchbay_model::{
    OrgId, PluginId, SyncConflictId, SyncRunId,
    identity::Actor,
    object::{ObjectChange, StandardObject, indexed_as},
    sync::{
        Base, Side, SyncConflict, SyncCounts, SyncFailure, SyncLink, SyncMode, SyncRun, SyncSettings, SyncState,
        SyncStatus, SyncTrigger,
    },
};
use patchbay_storage::{
    Committed, LinkChange, NewSyncRun, PlaceChange, RequestedRun, RunChange, RunCommit, SyncCommit,
};
use serde_json::{Value, json};

use crate::{Store, store::plugin};

pub const CONTACT: StandardObject = StandardObject::Contact;
pub const COMPANY: StandardObject = StandardObject::Company;

pub fn hubspot() -> PluginId {
    plugin("hubspot")
}

pub fn texts(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

impl Store {
    /// A sync that is on.
    pub async fn set_up(&self, org: OrgId, of: &PluginId, object: StandardObject) {
        let mut tx = self.database.begin().await.unwrap();
        let settings = SyncSettings::default();
        let version = tx.org(org).syncs().put_settings(of, object, &settings, Some(0), self.now()).await.unwrap();
        assert_eq!(version, Some(1));
        tx.commit().await.unwrap();
    }

    pub async fn sync(&self, object: StandardObject) -> SyncState {
        let mut tx = self.database.read().await.unwrap();
        tx.org(self.ours).syncs().get(&hubspot(), object).await.unwrap().unwrap()
    }

    pub async fn request(&self, mode: SyncMode) -> RequestedRun {
        self.request_of(self.ours, mode).await
    }

    async fn request_of(&self, org: OrgId, mode: SyncMode) -> RequestedRun {
        self.tick();
        let wish = NewSyncRun {
            id: SyncRunId::new(&self.clock, &self.random),
            plugin: hubspot(),
            object: CONTACT,
            mode,
            trigger: SyncTrigger::Manual,
            requested_by: Some(Actor::Hub),
            next_due_at: Some(self.later(900_000)),
            at: self.now(),
        };
        let mut tx = self.database.begin().await.unwrap();
        let requested = tx.org(org).syncs().request_run(&wish).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        requested
    }

    async fn begin_anew(&self) {
        let mut tx = self.database.begin().await.unwrap();
        tx.org(self.ours).syncs().begin_anew(&hubspot(), CONTACT, self.now()).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub async fn sync_run(&self, id: SyncRunId) -> SyncRun {
        let mut tx = self.database.read().await.unwrap();
        tx.org(self.ours).syncs().run(id).await.unwrap().unwrap()
    }

    pub fn step(&self, sync: SyncCommit) -> RunCommit {
        let mut commit = self.commit(self.ours);
        commit.run.plugin = sync.plugin.clone();
        commit.sync = Some(sync);
        commit
    }

    pub async fn commit_sync(&self, sync: SyncCommit) -> Committed {
        self.journal().commit(self.step(sync)).await.unwrap()
    }

    pub async fn links(&self, vendor_ids: &[&str]) -> Vec<SyncLink> {
        let mut tx = self.database.read().await.unwrap();
        let ids = texts(vendor_ids);
        let mut links = tx.org(self.ours).syncs().links_by_vendor(&hubspot(), CONTACT, &ids).await.unwrap();
        links.sort_by(|one, other| one.vendor_id.cmp(&other.vendor_id));
        links
    }

    pub fn link(&self, vendor_id: &str, seen_in: Option<SyncRunId>) -> SyncLink {
        SyncLink {
            vendor_id: vendor_id.to_owned(),
            record_id: format!("hubspot:{vendor_id}"),
            base: base(json!({"/email": "a\u{0}é@example.com", "/extra": {"n": [1, null]}})),
            vendor_at: Some(self.now()),
            url: Some("https://app.hubspot.example/7".to_owned()),
            seen_in,
            version: 1,
            synced_at: self.now(),
            gone_at: None,
        }
    }
}

pub fn base(values: Value) -> Base {
    serde_json::from_value(values).unwrap()
}

pub fn put(link: SyncLink, expected: Option<u64>) -> LinkChange {
    LinkChange::Put { link, expected }
}

pub fn nothing() -> SyncCommit {
    SyncCommit::new(hubspot(), CONTACT)
}

pub fn place(run: SyncRunId, cursor: Option<Value>) -> PlaceChange {
    PlaceChange { run, cursor, mark: None, state: None, next_due_at: None, last_full_at: None }
}

pub fn change(store: &Store, id: SyncRunId, status: SyncStatus) -> RunChange {
    RunChange { id, status, add: SyncCounts::default(), progress: None, failure: None, at: store.now() }
}

pub async fn settings_are_written_over_only_as_they_were_expected(store: Store) {
    let mut tx = store.database.begin().await.unwrap();
    let mut ours = tx.org(store.ours);
    let mut syncs = ours.syncs();
    let (of, now) = (hubspot(), store.now());
    let settings = SyncSettings { every_s: 60, ..SyncSettings::default() };
    for (expected, version) in
        [(Some(3), None), (Some(0), Some(1)), (Some(0), None), (Some(2), None), (Some(1), Some(2))]
    {
        let found = syncs.put_settings(&of, CONTACT, &settings, expected, now).await.unwrap();
        assert_eq!(found, version, "{expected:?}");
    }
    assert_eq!(syncs.put_settings(&of, COMPANY, &settings, None, now).await.unwrap(), Some(1));
    let state = syncs.get(&of, CONTACT).await.unwrap().unwrap();
    assert_eq!((state.settings, state.version, state.next_due_at), (settings, 2, Some(now)));
    assert_eq!((state.mark, state.state, state.open_run, state.last_run, state.linked), (None, None, None, None, 0));
    let all = syncs.list(Some(&of)).await.unwrap();
    assert_eq!(all.iter().map(|state| state.object).collect::<Vec<_>>(), [COMPANY, CONTACT]);
    assert_eq!(syncs.list(None).await.unwrap(), all);
    assert_eq!(syncs.list(Some(&plugin("salesforce"))).await.unwrap(), []);
}

pub async fn a_sync_is_due_while_it_is_on(store: Store) {
    store.set_up(store.ours, &hubspot(), CONTACT).await;
    store.set_up(store.theirs, &hubspot(), COMPANY).await;
    let (of, now) = (hubspot(), store.now());
    let mut tx = store.database.begin().await.unwrap();
    let mut both = [(store.ours, of.clone(), CONTACT), (store.theirs, of.clone(), COMPANY)];
    both.sort();
    let mut due = tx.hub().due_syncs(now, 10).await.unwrap();
    due.sort();
    assert_eq!(due, both);
    assert_eq!(tx.hub().due_syncs(now, 1).await.unwrap().len(), 1);
    assert!(tx.org(store.theirs).syncs().disable(&of, COMPANY, now).await.unwrap());
    assert!(tx.org(store.ours).syncs().postpone(&of, CONTACT, store.later(900_000)).await.unwrap());
    assert_eq!(tx.hub().due_syncs(now, 10).await.unwrap(), []);
    assert_eq!(tx.hub().next_sync_at().await.unwrap(), Some(store.later(900_000)));

    let mut theirs = tx.org(store.theirs);
    assert!(!theirs.syncs().postpone(&of, COMPANY, now).await.unwrap(), "one that is off is not put off");
    assert!(!theirs.syncs().get(&of, COMPANY).await.unwrap().unwrap().settings.enabled);
    assert!(theirs.syncs().enable(&of, COMPANY, now).await.unwrap());
    assert!(!theirs.syncs().enable(&of, CONTACT, now).await.unwrap(), "nothing is there to be switched on");
    assert_eq!(tx.hub().due_syncs(now, 10).await.unwrap(), [(store.theirs, of.clone(), COMPANY)]);

    let often = SyncSettings { every_s: 15, ..SyncSettings::default() };
    tx.org(store.ours).syncs().put_settings(&of, CONTACT, &often, None, now).await.unwrap();
    let state = tx.org(store.ours).syncs().get(&of, CONTACT).await.unwrap().unwrap();
    assert_eq!(state.next_due_at, Some(store.later(15_000)), "what is to be more often is so at once");
}

pub async fn one_run_is_open_and_one_of_all_is_more(store: Store) {
    let mut tx = store.database.begin().await.unwrap();
    let wish = NewSyncRun {
        id: SyncRunId::new(&store.clock, &store.random),
        plugin: hubspot(),
        object: CONTACT,
        mode: SyncMode::Delta,
        trigger: SyncTrigger::First,
        requested_by: None,
        next_due_at: None,
        at: store.now(),
    };
    assert_eq!(tx.org(store.ours).syncs().request_run(&wish).await.unwrap(), None, "there is no such sync");
    drop(tx);
    store.set_up(store.ours, &hubspot(), CONTACT).await;
    let first = store.request(SyncMode::Delta).await;
    assert!(first.is_new);
    let run = &first.run;
    assert_eq!((run.mode, run.trigger, run.status), (SyncMode::Delta, SyncTrigger::Manual, SyncStatus::Queued));
    assert_eq!((run.requested_by, run.counts, &run.cursor), (Some(Actor::Hub), SyncCounts::default(), &None));
    let state = store.sync(CONTACT).await;
    assert_eq!(
        (state.open_run, state.next_due_at),
        (Some(run.id), Some(run.created_at + chrono::Duration::seconds(900)))
    );

    let again = store.request(SyncMode::Full).await;
    assert_eq!((again.run.id, again.run.mode, again.is_new), (run.id, SyncMode::Full, false));
    assert_eq!(store.request(SyncMode::Delta).await.run.mode, SyncMode::Full);
    assert!(store.sync(CONTACT).await.wanted > state.wanted);

    let ended = SyncCommit { run: Some(change(&store, run.id, SyncStatus::Completed)), ..nothing() };
    assert_eq!(store.commit_sync(ended).await, Committed::All);
    let next = store.request(SyncMode::Delta).await;
    assert!(next.is_new && next.run.id != run.id);
    let begun = SyncCommit { run: Some(change(&store, next.run.id, SyncStatus::Running)), ..nothing() };
    assert_eq!(store.commit_sync(begun).await, Committed::All);
    assert_eq!(store.request(SyncMode::Full).await.run.mode, SyncMode::Delta, "it has begun");
    let mut tx = store.database.read().await.unwrap();
    let mut ours = tx.org(store.ours);
    let all = ours.syncs().runs(&hubspot(), CONTACT, None, 10).await.unwrap();
    assert_eq!(all.iter().map(|run| run.id).collect::<Vec<_>>(), [next.run.id, run.id]);
    let older = ours.syncs().runs(&hubspot(), CONTACT, Some(next.run.id), 10).await.unwrap();
    assert_eq!(older.iter().map(|run| run.status).collect::<Vec<_>>(), [SyncStatus::Completed]);
}

pub async fn a_run_goes_on_where_the_one_before_has_failed(store: Store) {
    store.set_up(store.ours, &hubspot(), CONTACT).await;
    let first = store.request(SyncMode::Full).await.run;
    let page = SyncCommit {
        links: vec![put(store.link("1", Some(first.id)), Some(0)), put(store.link("3", None), Some(0))],
        place: Some(place(first.id, Some(json!({"after": "1"})))),
        run: Some(RunChange {
            failure: Some(("upstream".to_owned(), "the vendor is down".to_owned())),
            ..change(&store, first.id, SyncStatus::Failed)
        }),
        ..nothing()
    };
    assert_eq!(store.commit_sync(page).await, Committed::All);
    let state = store.sync(CONTACT).await;
    assert_eq!((state.open_run, state.last_run, state.linked), (None, Some(first.id), 2));
    let failed = store.sync_run(first.id).await;
    assert_eq!(failed.failure, Some(("upstream".to_owned(), "the vendor is down".to_owned())));
    assert!(failed.ended_at.is_some() && failed.started_at.is_some());

    let second = store.request(SyncMode::Delta).await.run;
    assert_eq!((second.mode, second.cursor), (SyncMode::Full, Some(json!({"after": "1"}))));
    let last_page = SyncCommit {
        links: vec![put(store.link("2", Some(second.id)), None)],
        place: Some(place(second.id, None)),
        ..nothing()
    };
    assert_eq!(store.commit_sync(last_page).await, Committed::All);
    let third = store.links(&["3"]).await;
    let mut tx = store.database.read().await.unwrap();
    let mut ours = tx.org(store.ours);
    let unseen = ours.syncs().unseen_links(&hubspot(), CONTACT, second.id, None, 10).await.unwrap();
    assert_eq!((unseen.len(), &unseen), (1, &third), "what the failed one has seen is seen");
    assert_eq!(ours.syncs().unseen_links(&hubspot(), CONTACT, second.id, Some("3"), 10).await.unwrap(), []);
    let other = SyncRunId::new(&store.clock, &store.random);
    assert_eq!(ours.syncs().unseen_links(&hubspot(), CONTACT, other, Some("1"), 1).await.unwrap()[0].vendor_id, "2");
    assert_eq!(ours.syncs().run(second.id).await.unwrap().unwrap().cursor, None);
}

pub async fn all_is_asked_for_anew_after_changes_that_failed(store: Store) {
    store.set_up(store.ours, &hubspot(), CONTACT).await;
    let first = store.request(SyncMode::Delta).await.run;
    let failed = SyncCommit {
        place: Some(place(first.id, Some(json!(7)))),
        run: Some(change(&store, first.id, SyncStatus::Failed)),
        ..nothing()
    };
    assert_eq!(store.commit_sync(failed).await, Committed::All);
    let second = store.request(SyncMode::Full).await.run;
    assert_eq!((second.mode, second.cursor), (SyncMode::Full, None));
}

pub async fn what_is_read_otherwise_is_read_from_the_beginning(store: Store) {
    store.set_up(store.ours, &hubspot(), CONTACT).await;
    let first = store.request(SyncMode::Full).await.run;
    let failed = SyncCommit {
        place: Some(place(first.id, Some(json!(7)))),
        run: Some(change(&store, first.id, SyncStatus::Failed)),
        ..nothing()
    };
    assert_eq!(store.commit_sync(failed).await, Committed::All);
    store.begin_anew().await;
    let second = store.request(SyncMode::Full).await.run;
    assert_eq!(second.cursor, None, "what failed is not gone on with");
    let read = SyncCommit {
        place: Some(PlaceChange { last_full_at: Some(store.now()), ..place(second.id, None) }),
        run: Some(change(&store, second.id, SyncStatus::Completed)),
        ..nothing()
    };
    assert_eq!(store.commit_sync(read).await, Committed::All);
    assert!(store.sync(CONTACT).await.last_full_at.is_some());
    let third = store.request(SyncMode::Delta).await.run.id;
    store.begin_anew().await;
    let state = store.sync(CONTACT).await;
    assert_eq!((state.open_run, state.last_full_at, state.next_due_at), (None, None, Some(store.now())));
    assert_eq!(store.sync_run(third).await.status, SyncStatus::Cancelled);
    assert_eq!(store.sync_run(second.id).await.status, SyncStatus::Completed);
    // one that is off stays so
    let mut tx = store.database.begin().await.unwrap();
    let mut ours = tx.org(store.ours);
    assert!(ours.syncs().disable(&hubspot(), CONTACT, store.now()).await.unwrap());
    tx.commit().await.unwrap();
    store.begin_anew().await;
    assert_eq!(store.sync(CONTACT).await.next_due_at, None);
}

pub async fn a_run_that_is_cancelled_keeps_its_steps_out(store: Store) {
    store.set_up(store.ours, &hubspot(), CONTACT).await;
    let run = store.request(SyncMode::Full).await.run.id;
    let mut tx = store.database.begin().await.unwrap();
    let mut ours = tx.org(store.ours);
    assert_eq!(ours.syncs().cancel_run(run, store.now()).await.unwrap(), Some(SyncStatus::Cancelled));
    assert_eq!(ours.syncs().cancel_run(SyncRunId(uuid::Uuid::nil()), store.now()).await.unwrap(), None);
    tx.commit().await.unwrap();
    let late = SyncCommit {
        links: vec![put(store.link("1", Some(run)), None)],
        place: Some(place(run, Some(json!(1)))),
        ..nothing()
    };
    let lost = Committed::Conflict { collection: "sync".to_owned(), id: run.to_string() };
    assert_eq!(store.commit_sync(late).await, lost);
    assert_eq!(store.links(&["1"]).await, []);
    let state = store.sync(CONTACT).await;
    assert_eq!((state.open_run, state.last_run), (None, Some(run)));
    assert_eq!(store.sync_run(run).await.ended_at, Some(store.sync_run(run).await.created_at));
    let mut tx = store.database.begin().await.unwrap();
    let ended = SyncRunId(run.0);
    assert_eq!(tx.org(store.ours).syncs().cancel_run(ended, store.now()).await.unwrap(), Some(SyncStatus::Cancelled));
}

pub async fn what_waits_is_there_once_and_in_the_order_in_which_it_came(store: Store) {
    store.set_up(store.ours, &hubspot(), CONTACT).await;
    let before = store.sync(CONTACT).await.wanted;
    let mut tx = store.database.begin().await.unwrap();
    let mut ours = tx.org(store.ours);
    let (of, mut syncs) = (hubspot(), ours.syncs());
    assert!(syncs.add_hints(&of, CONTACT, &texts(&["b", "c", "b"])).await.unwrap());
    assert!(syncs.add_hints(&of, CONTACT, &texts(&["a"])).await.unwrap());
    assert!(syncs.add_outbox(&of, CONTACT, &texts(&["hubspot:2", "hubspot:1"])).await.unwrap());
    assert!(syncs.add_hints(&of, CONTACT, &texts(&["b"])).await.unwrap());
    assert!(!syncs.add_hints(&of, CONTACT, &[]).await.unwrap());
    assert!(!syncs.add_outbox(&of, COMPANY, &texts(&["hubspot:1"])).await.unwrap(), "there is no such sync");
    let expected = [("c", 1), ("a", 2), ("b", 4)].map(|(id, number)| (id.to_owned(), before + number));
    assert_eq!(syncs.hints(&of, CONTACT, 10).await.unwrap(), expected);
    assert_eq!(syncs.hints(&of, CONTACT, 2).await.unwrap(), expected[..2]);
    let outbox = [("hubspot:1", 3), ("hubspot:2", 3)].map(|(id, number)| (id.to_owned(), before + number));
    assert_eq!(syncs.outbox(&of, CONTACT, 10).await.unwrap(), outbox);
    assert_eq!(syncs.get(&of, CONTACT).await.unwrap().unwrap().wanted, before + 4);
    assert!(syncs.disable(&of, CONTACT, store.now()).await.unwrap());
    assert!(!syncs.add_hints(&of, CONTACT, &texts(&["z"])).await.unwrap(), "it is off");
    assert_eq!(syncs.hints(&of, CONTACT, 10).await.unwrap(), expected);
}

/// A sync with something in each of its tables.
pub async fn fill(store: &Store) -> SyncRunId {
    fill_of(store, store.ours).await
}

/// A sync of an org, a run of it, and what puts something into each of the other tables.
pub async fn something(store: &Store, org: OrgId) -> (SyncRunId, SyncCommit) {
    store.set_up(org, &hubspot(), CONTACT).await;
    let run = store.request_of(org, SyncMode::Full).await.run.id;
    let changes = SyncCommit {
        links: vec![put(store.link("1", Some(run)), Some(0))],
        outbox_add: texts(&["hubspot:9"]),
        conflicts: vec![SyncConflict {
            id: SyncConflictId::new(&store.clock, &store.random),
            record_id: "hubspot:1".to_owned(),
            vendor_id: "1".to_owned(),
            field: "/email".to_owned(),
            hub: json!("a@example.com"),
            vendor: Value::Null,
            winner: Side::Hub,
            at: store.now(),
        }],
        failures: vec![SyncFailure {
            vendor_id: Some("2".to_owned()),
            record_id: None,
            code: "mapping".to_owned(),
            detail: "no e-mail address".to_owned(),
        }],
        run: Some(change(store, run, SyncStatus::Completed)),
        ..nothing()
    };
    (run, changes)
}

/// The same of an org.
pub async fn fill_of(store: &Store, org: OrgId) -> SyncRunId {
    let (run, changes) = something(store, org).await;
    let mut commit = store.step(changes);
    commit.run.org = org;
    commit.sync_hints = vec![(CONTACT, "3".to_owned())];
    assert_eq!(store.journal().commit(commit).await.unwrap(), Committed::All);
    run
}

/// How much there is of an org's syncs of hubspot, table by table.
pub async fn found(store: &Store, org: OrgId, run: SyncRunId) -> [usize; 8] {
    let mut tx = store.database.read().await.unwrap();
    let mut org = tx.org(org);
    let (of, mut syncs, one) = (hubspot(), org.syncs(), texts(&["1"]));
    [
        syncs.list(None).await.unwrap().len(),
        syncs.runs(&of, CONTACT, None, 10).await.unwrap().len() + syncs.run(run).await.unwrap().iter().len(),
        syncs.failures(run, None, 10).await.unwrap().len(),
        syncs.conflicts(&of, CONTACT, None, 10).await.unwrap().len(),
        syncs.links_by_vendor(&of, CONTACT, &one).await.unwrap().len(),
        syncs.links_by_record(&of, CONTACT, &texts(&["hubspot:1", "x", "x"])).await.unwrap().len(),
        syncs.hints(&of, CONTACT, 10).await.unwrap().len(),
        syncs.outbox(&of, CONTACT, 10).await.unwrap().len(),
    ]
}

pub async fn an_org_does_not_see_anothers_syncs(store: Store) {
    let run = fill(&store).await;
    assert_eq!(found(&store, store.ours, run).await, [1, 2, 1, 1, 1, 1, 1, 1]);
    assert_eq!(found(&store, store.theirs, run).await, [0; 8]);
    let mut tx = store.database.begin().await.unwrap();
    let mut theirs = tx.org(store.theirs);
    assert_eq!(theirs.syncs().cancel_run(run, store.now()).await.unwrap(), None);
    assert!(!theirs.syncs().add_hints(&hubspot(), CONTACT, &texts(&["4"])).await.unwrap());
    assert!(!theirs.syncs().disable(&hubspot(), CONTACT, store.now()).await.unwrap());
    assert_eq!(theirs.syncs().remove(&hubspot()).await.unwrap(), 0);
    tx.commit().await.unwrap();
    assert_eq!(found(&store, store.ours, run).await, [1, 2, 1, 1, 1, 1, 1, 1]);
    // the same plugin of the other org, with the same ids at the vendor
    store.set_up(store.theirs, &hubspot(), CONTACT).await;
    let mut commit = store.step(SyncCommit { links: vec![put(store.link("1", None), Some(0))], ..nothing() });
    commit.run.org = store.theirs;
    assert_eq!(store.journal().commit(commit).await.unwrap(), Committed::All);
    assert_eq!(found(&store, store.theirs, run).await, [1, 0, 0, 0, 1, 1, 0, 0]);
}

pub async fn what_belongs_to_a_plugins_syncs_goes_with_them(store: Store) {
    let run = fill(&store).await;
    store.set_up(store.ours, &plugin("salesforce"), CONTACT).await;
    let mut tx = store.database.begin().await.unwrap();
    assert_eq!(tx.org(store.ours).syncs().remove(&hubspot()).await.unwrap(), 1);
    tx.commit().await.unwrap();
    assert_eq!(found(&store, store.ours, run).await, [1, 0, 0, 0, 0, 0, 0, 0], "another plugin's stays");
    let gone = Committed::Conflict { collection: "sync".to_owned(), id: "contact".to_owned() };
    assert_eq!(store.commit_sync(nothing()).await, gone);
}

pub async fn what_is_old_goes_and_the_last_run_stays(store: Store) {
    let first = fill(&store).await;
    let second = store.request(SyncMode::Delta).await.run.id;
    let ended = SyncCommit { run: Some(change(&store, second, SyncStatus::Completed)), ..nothing() };
    assert_eq!(store.commit_sync(ended).await, Committed::All);
    let third = store.request(SyncMode::Delta).await.run.id;
    let (before, after) = (store.later(-60_000), store.later(60_000));
    for (at, cleared) in [(before, [0, 0, 0]), (after, [1, 1, 1]), (after, [0, 0, 0])] {
        let mut tx = store.database.begin().await.unwrap();
        let mut ours = tx.org(store.ours);
        let mut syncs = ours.syncs();
        let runs = syncs.clear_runs_before(at, 10).await.unwrap();
        let failures = syncs.clear_failures_before(at, 10).await.unwrap();
        let conflicts = syncs.clear_conflicts_before(at, 10).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!([runs, failures, conflicts], cleared, "{at}");
    }
    let mut tx = store.database.read().await.unwrap();
    let mut ours = tx.org(store.ours);
    let left = ours.syncs().runs(&hubspot(), CONTACT, None, 10).await.unwrap();
    assert_eq!(left.iter().map(|run| run.id).collect::<Vec<_>>(), [third, second]);
    assert_eq!(ours.syncs().run(first).await.unwrap(), None);
}

pub async fn records_are_found_by_many_values_at_once(store: Store) {
    let mut commit = store.commit(store.ours);
    let contact = |id: u32, email: &str| ObjectChange {
        object: CONTACT,
        id: format!("hubspot:{id:02}"),
        data: Some(json!({"email": email})),
        expected: None,
    };
    commit.object_changes = (1..=20).map(|id| contact(id, "info@example.com")).collect();
    commit.object_changes.push(contact(21, "a@example.com"));
    assert_eq!(store.journal().commit(commit).await.unwrap(), Committed::All);
    let value = |email: &str| indexed_as(&json!(email)).unwrap();
    let values = [value("a@example.com"), value("info@example.com"), value("nobody@example.com")];
    let mut tx = store.database.read().await.unwrap();
    let found = tx.org(store.ours).objects().ids_having(CONTACT, "email", &values).await.unwrap();
    assert!(found.contains(&(value("a@example.com"), "hubspot:21".to_owned())));
    let shared: Vec<_> = found.iter().filter(|(of, _)| *of == values[1]).map(|(_, id)| id.as_str()).collect();
    assert_eq!((shared.len(), shared[0], shared[15]), (16, "hubspot:01", "hubspot:16"));
    assert_eq!(found.len(), 17);
    assert_eq!(tx.org(store.ours).objects().ids_having(CONTACT, "phone", &values).await.unwrap(), []);
    assert_eq!(tx.org(store.theirs).objects().ids_having(CONTACT, "email", &values).await.unwrap(), []);
}

pub async fn all_is_wanted_at_once_of_a_sync_that_is_on(store: Store) {
    store.set_up(store.ours, &hubspot(), CONTACT).await;
    let run = store.request(SyncMode::Full).await.run.id;
    let now = store.now();
    let ended = SyncCommit {
        place: Some(PlaceChange { last_full_at: Some(now), ..place(run, None) }),
        run: Some(change(&store, run, SyncStatus::Completed)),
        ..nothing()
    };
    assert_eq!(store.commit_sync(ended).await, Committed::All);
    let state = store.sync(CONTACT).await;
    assert!(state.last_full_at == Some(now) && state.next_due_at > Some(now));
    let mut tx = store.database.begin().await.unwrap();
    let mut ours = tx.org(store.ours);
    ours.syncs().want_all(&hubspot(), CONTACT, now).await.unwrap();
    let state = ours.syncs().get(&hubspot(), CONTACT).await.unwrap().unwrap();
    assert_eq!((state.last_full_at, state.next_due_at), (None, Some(now)));
    assert!(ours.syncs().disable(&hubspot(), CONTACT, now).await.unwrap());
    ours.syncs().want_all(&hubspot(), CONTACT, now).await.unwrap();
    let state = ours.syncs().get(&hubspot(), CONTACT).await.unwrap().unwrap();
    assert_eq!((state.last_full_at, state.next_due_at), (None, None), "one that is off is not due");
}
