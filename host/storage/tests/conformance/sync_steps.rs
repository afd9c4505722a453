//! Steps of syncs, as the journal commits them: all that they change or nothing.

use patchbay_model::{
    JobId, SyncConflictId,
    job::{JobKind, NewJob},
    sync::{Side, SyncConflict, SyncCounts, SyncFailure, SyncMode, SyncSettings, SyncStatus},
};
use patchbay_storage::{Committed, JobFilter, LinkChange, PlaceChange, RunChange, SyncCommit};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    Store,
    store::plugin,
    syncs::{COMPANY, CONTACT, base, change, hubspot, nothing, place, put, texts},
};

fn lost(id: &str) -> Committed {
    Committed::Conflict { collection: "sync".to_owned(), id: id.to_owned() }
}

fn failure(number: usize) -> SyncFailure {
    SyncFailure {
        vendor_id: Some(number.to_string()),
        record_id: None,
        code: "mapping".to_owned(),
        detail: format!("number {number}"),
    }
}

/// Objects of the jobs that drive syncs, of which the first were made first.
async fn drivers(store: &Store) -> Vec<String> {
    let mut tx = store.database.read().await.unwrap();
    let filter = JobFilter { kind: Some(JobKind::Sync), limit: 100, ..JobFilter::default() };
    let jobs = tx.org(store.ours).jobs().list(&filter).await.unwrap();
    assert!(jobs.iter().all(|job| job.plugin == Some(hubspot()) && job.key.as_ref() == Some(&job.name)));
    let mut names: Vec<_> = jobs.into_iter().map(|job| job.name).collect();
    names.sort();
    names
}

pub async fn a_page_is_committed_with_its_run(store: Store) {
    store.set_up(store.ours, &hubspot(), CONTACT).await;
    let run = store.request(SyncMode::Full).await.run.id;
    let conflict = SyncConflict {
        id: SyncConflictId::new(&store.clock, &store.random),
        record_id: "hubspot:1".to_owned(),
        vendor_id: "1".to_owned(),
        field: "/email".to_owned(),
        hub: json!({"a": "\u{0}"}),
        vendor: Value::Null,
        winner: Side::Vendor,
        at: store.now(),
    };
    let (mark, due) = (store.later(-5), store.later(9_000));
    let page = SyncCommit {
        links: vec![put(store.link("1", Some(run)), Some(0)), put(store.link("2", None), None)],
        outbox_add: texts(&["hubspot:2"]),
        conflicts: vec![conflict.clone()],
        failures: vec![failure(1), failure(2)],
        place: Some(PlaceChange {
            mark: Some(mark),
            state: Some(json!({"token": 7})),
            next_due_at: Some(due),
            ..place(run, Some(json!({"after": "2"})))
        }),
        run: Some(RunChange {
            add: SyncCounts { read: 3, created: 2, failed: 1, ..SyncCounts::default() },
            progress: Some(40),
            ..change(&store, run, SyncStatus::Running)
        }),
        ..nothing()
    };
    let began = store.now();
    assert_eq!(store.commit_sync(page).await, Committed::All);
    let links = store.links(&["1", "2", "3"]).await;
    assert_eq!(links.len(), 2);
    assert_eq!((links[0].seen_in, links[0].version, &links[0].base), (Some(run), 1, &store.link("1", None).base));
    assert_eq!((links[1].seen_in, links[1].url.as_deref()), (None, Some("https://app.hubspot.example/7")));
    let state = store.sync(CONTACT).await;
    assert_eq!((state.mark, state.next_due_at, state.linked), (Some(mark), Some(due), 2));
    assert_eq!((state.state, state.open_run), (Some(json!({"token": 7})), Some(run)));

    store.tick();
    let next = SyncCommit {
        links: vec![
            put(store.link("1", Some(run)), Some(1)),
            LinkChange::Remove { vendor_id: "2".to_owned() },
            LinkChange::Remove { vendor_id: "7".to_owned() },
        ],
        place: Some(PlaceChange { last_full_at: Some(store.now()), ..place(run, None) }),
        run: Some(RunChange {
            add: SyncCounts { read: 1, calls: 1, ..SyncCounts::default() },
            ..change(&store, run, SyncStatus::Completed)
        }),
        ..nothing()
    };
    let ended = store.now();
    assert_eq!(store.commit_sync(next).await, Committed::All);
    let links = store.links(&["1", "2"]).await;
    assert_eq!((links.len(), links[0].version), (1, 2));
    let run = store.sync_run(run).await;
    assert_eq!(run.counts, SyncCounts { read: 4, created: 2, failed: 1, calls: 1, ..SyncCounts::default() });
    assert_eq!((run.status, run.progress, run.cursor), (SyncStatus::Completed, Some(40), None));
    assert_eq!((run.started_at, run.ended_at), (Some(began), Some(ended)));
    let state = store.sync(CONTACT).await;
    assert_eq!((state.open_run, state.last_run, state.linked), (None, Some(run.id), 1));
    assert_eq!((state.mark, state.last_full_at), (Some(mark), Some(ended)), "what is not said stays");

    let mut tx = store.database.read().await.unwrap();
    let mut ours = tx.org(store.ours);
    assert_eq!(ours.syncs().conflicts(&hubspot(), CONTACT, None, 10).await.unwrap(), [conflict]);
    let failures = ours.syncs().failures(run.id, None, 10).await.unwrap();
    assert_eq!(failures, [(1, failure(1)), (2, failure(2))]);
    assert_eq!(ours.syncs().failures(run.id, Some(1), 10).await.unwrap(), [(2, failure(2))]);
    assert_eq!(ours.syncs().outbox(&hubspot(), CONTACT, 10).await.unwrap()[0].0, "hubspot:2");
    assert_eq!(drivers(&store).await, ["contact"]);
}

pub async fn a_lost_expectation_keeps_nothing_of_a_step(store: Store) {
    store.set_up(store.ours, &hubspot(), CONTACT).await;
    let run = store.request(SyncMode::Full).await.run.id;
    let first = SyncCommit { links: vec![put(store.link("1", Some(run)), Some(0))], ..nothing() };
    assert_eq!(store.commit_sync(first).await, Committed::All);
    let before = store.sync(CONTACT).await;
    let one = |link: LinkChange| SyncCommit {
        links: vec![put(store.link("2", None), None), link],
        place: Some(place(run, Some(json!(1)))),
        failures: vec![failure(1)],
        ..nothing()
    };
    let never = patchbay_model::SyncRunId(uuid::Uuid::nil());
    let steps = [
        (one(put(store.link("1", None), Some(0))), "1".to_owned()),
        (one(put(store.link("1", None), Some(2))), "1".to_owned()),
        (one(put(store.link("3", None), Some(1))), "3".to_owned()),
        (
            SyncCommit { only_if_wanted: Some(before.wanted - 1), ..one(put(store.link("3", None), None)) },
            "contact".to_owned(),
        ),
        (SyncCommit { place: Some(place(never, None)), ..one(put(store.link("3", None), None)) }, never.to_string()),
        (SyncCommit { run: Some(change(&store, never, SyncStatus::Running)), ..nothing() }, never.to_string()),
        (SyncCommit::new(hubspot(), COMPANY), "company".to_owned()),
    ];
    for (step, id) in steps {
        let mut commit = store.step(step);
        commit.events = vec![store.event(store.ours, "hubspot.synced", None)];
        commit.sync_hints = vec![(CONTACT, "9".to_owned())];
        assert_eq!(store.journal().commit(commit.clone()).await.unwrap(), lost(&id));
        let mut tx = store.database.read().await.unwrap();
        let stored = tx.org(store.ours).runs().get(commit.run.id).await.unwrap().unwrap();
        assert_eq!(stored.error_code.as_deref(), Some("conflict"));
    }
    assert_eq!(store.sync(CONTACT).await, before);
    assert_eq!(store.sync_run(run).await.cursor, None);
    assert_eq!(store.links(&["1", "2", "3"]).await.len(), 1);
    assert_eq!(drivers(&store).await, Vec::<String>::new());
    let mut tx = store.database.read().await.unwrap();
    assert_eq!(tx.org(store.ours).events().list(0, &[], 10).await.unwrap(), []);
    assert_eq!(tx.org(store.ours).syncs().hints(&hubspot(), CONTACT, 10).await.unwrap(), []);
}

pub async fn what_comes_again_meanwhile_is_not_done_with(store: Store) {
    store.set_up(store.ours, &hubspot(), CONTACT).await;
    let add = async |hints: &[&str], records: &[&str]| {
        let mut tx = store.database.begin().await.unwrap();
        let mut ours = tx.org(store.ours);
        ours.syncs().add_hints(&hubspot(), CONTACT, &texts(hints)).await.unwrap();
        ours.syncs().add_outbox(&hubspot(), CONTACT, &texts(records)).await.unwrap();
        tx.commit().await.unwrap();
    };
    let read = async || {
        let mut tx = store.database.read().await.unwrap();
        let mut ours = tx.org(store.ours);
        let hints = ours.syncs().hints(&hubspot(), CONTACT, 10).await.unwrap();
        (hints, ours.syncs().outbox(&hubspot(), CONTACT, 10).await.unwrap())
    };
    add(&["1", "2"], &["hubspot:1", "hubspot:2"]).await;
    let (hints, outbox) = read().await;
    let wanted = store.sync(CONTACT).await.wanted;
    add(&["2"], &["hubspot:1"]).await;
    let done = SyncCommit { hints_done: hints, outbox_done: outbox, ..nothing() };
    let ended = SyncCommit { only_if_wanted: Some(wanted), ..done.clone() };
    assert_eq!(store.commit_sync(ended).await, lost("contact"));
    assert_eq!(store.commit_sync(done).await, Committed::All);
    let (left, records) = read().await;
    assert_eq!(left.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["2"]);
    assert_eq!(records.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["hubspot:1"]);
    let now = store.sync(CONTACT).await.wanted;
    let done = SyncCommit { only_if_wanted: Some(now), hints_done: left, outbox_done: records, ..nothing() };
    assert_eq!(store.commit_sync(done).await, Committed::All);
    assert_eq!(read().await, (vec![], vec![]));
}

pub async fn hints_of_a_run_drive_the_syncs_that_are_on(store: Store) {
    store.set_up(store.ours, &hubspot(), CONTACT).await;
    store.set_up(store.ours, &hubspot(), COMPANY).await;
    store.set_up(store.ours, &plugin("salesforce"), CONTACT).await;
    let mut tx = store.database.begin().await.unwrap();
    tx.org(store.ours).syncs().disable(&hubspot(), COMPANY, store.now()).await.unwrap();
    tx.commit().await.unwrap();
    let before = store.sync(CONTACT).await.wanted;
    let journal = store.journal();
    for ids in [["1", "2"], ["2", "3"]] {
        let mut commit = store.commit(store.ours);
        commit.run.plugin = hubspot();
        commit.sync_hints = ids.iter().map(|id| (CONTACT, (*id).to_owned())).collect();
        commit.sync_hints.push((COMPANY, "7".to_owned()));
        assert_eq!(journal.commit(commit).await.unwrap(), Committed::All);
    }
    let mut tx = store.database.read().await.unwrap();
    let mut ours = tx.org(store.ours);
    let expected = [("1", 1), ("2", 2), ("3", 2)].map(|(id, number)| (id.to_owned(), before + number));
    assert_eq!(ours.syncs().hints(&hubspot(), CONTACT, 10).await.unwrap(), expected);
    assert_eq!(ours.syncs().hints(&hubspot(), COMPANY, 10).await.unwrap(), [], "it is off");
    assert_eq!(
        ours.syncs().hints(&plugin("salesforce"), CONTACT, 10).await.unwrap(),
        [],
        "a run speaks for its plugin"
    );
    assert_eq!(drivers(&store).await, ["contact"], "one drives it, however much comes");
}

pub async fn a_run_of_a_batch_that_ends_sees_what_came_before_it_in_the_batch(store: Store) {
    store.set_up(store.ours, &hubspot(), CONTACT).await;
    let wanted = store.sync(CONTACT).await.wanted;
    let journal = store.journal();
    let mut hint = store.commit(store.ours);
    hint.run.plugin = hubspot();
    hint.sync_hints = vec![(CONTACT, "1".to_owned())];
    let end = store.step(SyncCommit { only_if_wanted: Some(wanted), ..nothing() });
    let (first, second) = tokio::join!(journal.commit(hint), journal.commit(end));
    assert_eq!((first.unwrap(), second.unwrap()), (Committed::All, lost("contact")));
}

pub async fn two_thousand_links_are_one_commit(store: Store) {
    store.set_up(store.ours, &hubspot(), CONTACT).await;
    let run = store.request(SyncMode::Full).await.run.id;
    let ids: Vec<String> = (0..2_000).map(|number| format!("{number:05}")).collect();
    for expected in [0, 1] {
        let links = ids.iter().map(|id| put(store.link(id, Some(run)), Some(expected))).collect();
        assert_eq!(store.commit_sync(SyncCommit { links, ..nothing() }).await, Committed::All);
    }
    assert_eq!(store.sync(CONTACT).await.linked, 2_000);
    let mut tx = store.database.read().await.unwrap();
    let mut ours = tx.org(store.ours);
    let found = ours.syncs().links_by_vendor(&hubspot(), CONTACT, &ids).await.unwrap();
    assert!(found.len() == 2_000 && found.iter().all(|link| link.version == 2));
    let records: Vec<String> = ids.iter().map(|id| format!("hubspot:{id}")).collect();
    assert_eq!(ours.syncs().links_by_record(&hubspot(), CONTACT, &records).await.unwrap().len(), 2_000);
    let other = patchbay_model::SyncRunId::new(&store.clock, &store.random);
    let mut unseen = Vec::new();
    loop {
        let after = unseen.last().cloned();
        let page = ours.syncs().unseen_links(&hubspot(), CONTACT, other, after.as_deref(), 700).await.unwrap();
        unseen.extend(page.iter().map(|link| link.vendor_id.clone()));
        if page.len() < 700 {
            break;
        }
    }
    assert_eq!(unseen, ids);
    assert_eq!(ours.syncs().unseen_links(&hubspot(), CONTACT, run, None, 10).await.unwrap(), []);
}

pub async fn a_thousand_failures_of_a_run_are_kept(store: Store) {
    store.set_up(store.ours, &hubspot(), CONTACT).await;
    let run = store.request(SyncMode::Full).await.run.id;
    for step in 0..3 {
        let failures = (0..400).map(|number| failure(step * 400 + number)).collect();
        let commit = SyncCommit { failures, place: Some(place(run, Some(json!(step)))), ..nothing() };
        assert_eq!(store.commit_sync(commit).await, Committed::All);
    }
    let of_none = |from: usize| SyncCommit { failures: (from..from + 600).map(failure).collect(), ..nothing() };
    for step in [0, 600] {
        assert_eq!(store.commit_sync(of_none(step)).await, Committed::All);
    }
    let mut tx = store.database.read().await.unwrap();
    let mut ours = tx.org(store.ours);
    let kept = ours.syncs().failures(run, None, 2_000).await.unwrap();
    assert_eq!((kept.len(), &kept[999].1), (1_000, &failure(999)), "the first of a run");
    let live = ours.syncs().live_failures(&hubspot(), CONTACT, None, 2_000).await.unwrap();
    assert_eq!((live.len(), &live[0].1, &live[999].1), (1_000, &failure(200), &failure(1_199)), "the last of none");
}

pub async fn an_agreed_value_is_read_back_to_the_letter(store: Store) {
    store.set_up(store.ours, &hubspot(), CONTACT).await;
    let agreed =
        json!({"/a": "\u{1}\u{0}\\u0000", "/b": {"z": 1, "a": [null, 1.5, 9_007_199_254_740_993_u64]}, "/c": false});
    let mut link = store.link("ü \u{1}/7", None);
    link.base = base(agreed);
    let commit = SyncCommit { links: vec![put(link.clone(), None)], ..nothing() };
    assert_eq!(store.commit_sync(commit).await, Committed::All);
    assert_eq!(store.links(&["ü \u{1}/7"]).await, [link]);
}

pub async fn steps_of_two_syncs_that_hint_at_each_other_all_end(store: Store) {
    store.set_up(store.ours, &hubspot(), CONTACT).await;
    store.set_up(store.ours, &hubspot(), COMPANY).await;
    let before = (store.sync(CONTACT).await.wanted, store.sync(COMPANY).await.wanted);
    let journals = [store.journal(), store.journal()];
    let mut steps = JoinSet::new();
    for round in 0..40 {
        let (mine, other) = if round % 2 == 0 { (CONTACT, COMPANY) } else { (COMPANY, CONTACT) };
        let mut commit = store.step(SyncCommit {
            links: vec![put(store.link(&round.to_string(), None), Some(0))],
            ..SyncCommit::new(hubspot(), mine)
        });
        commit.sync_hints = vec![(other, round.to_string())];
        commit.jobs = vec![NewJob::sync(JobId::new(&store.clock, &store.random), hubspot(), mine, 0, store.now())];
        let journal = journals[round / 2 % 2].clone();
        steps.spawn(async move { journal.commit(commit).await });
    }
    while let Some(ended) = steps.join_next().await {
        assert_eq!(ended.unwrap().unwrap(), Committed::All);
    }
    let (contact, company) = (store.sync(CONTACT).await, store.sync(COMPANY).await);
    assert_eq!((contact.wanted, company.wanted), (before.0 + 20, before.1 + 20));
    assert_eq!((contact.linked, company.linked), (20, 20));
    assert_eq!(drivers(&store).await, ["company", "contact"]);
    assert_eq!(contact.settings, SyncSettings::default());
}
