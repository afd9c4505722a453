//! Links of syncs: which of theirs is which of ours, whose account they are about, and what is left of them.

use patchbay_model::{
    SyncRunId,
    object::ObjectChange,
    sync::{SyncLink, SyncMode, SyncStatus},
};
use patchbay_storage::{Committed, LinkChange, PlaceChange, SyncCommit};
use serde_json::json;

use crate::{
    Store,
    store::plugin,
    syncs::{COMPANY, CONTACT, change, fill, found, hubspot, nothing, place, put, texts},
};

pub async fn a_counterpart_that_is_gone_is_remembered_and_is_no_counterpart(store: Store) {
    store.set_up(store.ours, &hubspot(), CONTACT).await;
    let gone = SyncLink { url: None, gone_at: Some(store.now()), ..store.link("1", None) };
    let back = SyncLink { gone_at: None, ..gone.clone() };
    let two = vec![put(store.link("1", None), Some(0)), put(store.link("2", None), Some(0))];
    for (links, linked) in [
        (two, 2),
        (vec![put(gone.clone(), Some(1))], 1),
        (vec![put(back, Some(2))], 2),
        (vec![put(gone.clone(), Some(3))], 1),
    ] {
        assert_eq!(store.commit_sync(SyncCommit { links, ..nothing() }).await, Committed::All);
        assert_eq!(store.sync(CONTACT).await.linked, linked);
    }
    assert_eq!(store.links(&["1"]).await, [SyncLink { version: 4, ..gone }]);
    {
        let mut tx = store.database.read().await.unwrap();
        let mut ours = tx.org(store.ours);
        let (of, records) = (hubspot(), texts(&["hubspot:1", "hubspot:2"]));
        let linked = ours.syncs().links_by_record(&of, CONTACT, &records).await.unwrap();
        assert_eq!(linked.iter().map(|link| link.vendor_id.as_str()).collect::<Vec<_>>(), ["2"]);
        assert_eq!(ours.syncs().ever_linked(&of, CONTACT, &records).await.unwrap().len(), 2);
        let run = SyncRunId::new(&store.clock, &store.random);
        let unseen = ours.syncs().unseen_links(&of, CONTACT, run, None, 10).await.unwrap();
        assert_eq!(unseen, linked, "nobody asks for what is known to be gone");
    }
    let mut tx = store.database.begin().await.unwrap();
    let forgotten = ["1", "2"].map(|id| LinkChange::Remove { vendor_id: id.to_owned() });
    let forgotten = SyncCommit { links: forgotten.to_vec(), ..nothing() };
    assert!(tx.org(store.ours).syncs().settle(&forgotten, store.now()).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(store.sync(CONTACT).await.linked, 0);
    assert_eq!(store.links(&["1", "2"]).await, []);
}

pub async fn links_are_those_of_one_account(store: Store) {
    store.set_up(store.ours, &hubspot(), CONTACT).await;
    store.set_up(store.theirs, &hubspot(), CONTACT).await;
    let (of, now) = (hubspot(), store.now());
    let account = "62515\u{0}é";
    let mut tx = store.database.begin().await.unwrap();
    let mut ours = tx.org(store.ours);
    ours.syncs().belong(&of, CONTACT, Some(account)).await.unwrap();
    assert!(!ours.syncs().rejoin(&of, CONTACT, now).await.unwrap(), "no other account was in the way");
    tx.commit().await.unwrap();
    let of_account = |account: &str| SyncCommit { account: Some(account.to_owned()), ..nothing() };
    let linking = |commit: SyncCommit| SyncCommit { links: vec![put(store.link("1", None), None)], ..commit };
    let lost = Committed::Conflict { collection: "sync".to_owned(), id: "contact".to_owned() };
    assert_eq!(store.commit_sync(linking(of_account("7"))).await, lost);
    assert_eq!(store.links(&["1"]).await, []);
    assert_eq!(store.commit_sync(linking(of_account(account))).await, Committed::All);
    assert_eq!(store.commit_sync(linking(nothing())).await, Committed::All, "who knows no account has none in mind");

    let mut tx = store.database.begin().await.unwrap();
    let mut ours = tx.org(store.ours);
    assert!(!ours.syncs().settle(&of_account("7"), now).await.unwrap());
    assert!(ours.syncs().settle(&of_account(account), now).await.unwrap());
    ours.syncs().part(&of, CONTACT, "7", now).await.unwrap();
    tx.commit().await.unwrap();
    let parted = store.sync(CONTACT).await;
    assert_eq!((parted.settings.enabled, parted.next_due_at), (false, None));
    assert_eq!(store.commit_sync(of_account(account)).await, lost, "another one is in the way");
    assert_eq!((parted.account.as_deref(), parted.other_account.as_deref()), (Some(account), Some("7")));
    assert_eq!(parted.linked, 1);
    let mut tx = store.database.begin().await.unwrap();
    let theirs = tx.org(store.theirs).syncs().get(&of, CONTACT).await.unwrap().unwrap();
    assert_eq!((theirs.settings.enabled, theirs.account, theirs.other_account), (true, None, None));
    assert!(tx.org(store.ours).syncs().rejoin(&of, CONTACT, now).await.unwrap());
    tx.commit().await.unwrap();
    let joined = store.sync(CONTACT).await;
    assert_eq!((joined.settings.enabled, joined.next_due_at, joined.other_account), (true, Some(now), None));
}

pub async fn links_are_forgotten_and_what_was_told_of_runs_is_not(store: Store) {
    let run = fill(&store).await;
    let failed = store.request(SyncMode::Full).await.run.id;
    let broken = SyncCommit {
        place: Some(PlaceChange {
            mark: Some(store.now()),
            state: Some(json!(7)),
            ..place(failed, Some(json!({"after": "1"})))
        }),
        run: Some(change(&store, failed, SyncStatus::Failed)),
        ..nothing()
    };
    assert_eq!(store.commit_sync(broken).await, Committed::All);
    store.set_up(store.ours, &plugin("salesforce"), CONTACT).await;
    let forget = || async {
        let mut tx = store.database.begin().await.unwrap();
        tx.org(store.ours).syncs().forget_links(&hubspot(), CONTACT, store.now()).await.unwrap();
        tx.commit().await.unwrap();
    };
    forget().await;
    assert_eq!(found(&store, store.ours, run).await, [2, 3, 1, 1, 0, 0, 0, 0]);
    let state = store.sync(CONTACT).await;
    assert_eq!((state.mark, state.state, state.last_full_at, state.linked), (None, None, None, 0));
    assert!(state.settings.enabled, "what was decided stays");
    let next = store.request(SyncMode::Full).await.run;
    assert_eq!(next.cursor, None, "the run that failed is not gone on with");
    forget().await;
    assert_eq!(store.sync(CONTACT).await.open_run, None);
    assert_eq!(store.sync_run(next.id).await.status, SyncStatus::Cancelled);
}

pub async fn records_are_gone_through_with_whether_they_are_linked(store: Store) {
    store.set_up(store.ours, &hubspot(), CONTACT).await;
    let mut commit = store.commit(store.ours);
    let ids = ["a", "hubspot:1", "hubspot:2", "scribe:1", "ü"];
    let record = |object, id: &str, data| ObjectChange { object, id: id.to_owned(), data, expected: None };
    commit.object_changes = ids.iter().map(|id| record(CONTACT, id, Some(json!({"name": "Ada"})))).collect();
    commit.object_changes.push(record(COMPANY, "b", Some(json!({"name": "Acme"}))));
    assert_eq!(store.journal().commit(commit).await.unwrap(), Committed::All);
    let mut commit = store.commit(store.ours);
    commit.object_changes = vec![record(CONTACT, "hubspot:2", None)];
    assert_eq!(store.journal().commit(commit).await.unwrap(), Committed::All);
    // a record that two of the vendor's have become is there once, and another object's link is none of this one's
    let twice = SyncLink { record_id: "hubspot:1".to_owned(), ..store.link("7", None) };
    let links = vec![put(store.link("1", None), Some(0)), put(twice, Some(0))];
    assert_eq!(store.commit_sync(SyncCommit { links, ..nothing() }).await, Committed::All);
    store.set_up(store.ours, &hubspot(), COMPANY).await;
    let other = SyncLink { record_id: "scribe:1".to_owned(), ..store.link("1", None) };
    let other = SyncCommit { links: vec![put(other, Some(0))], ..SyncCommit::new(hubspot(), COMPANY) };
    assert_eq!(store.commit_sync(other).await, Committed::All);

    let expected = [("a", false), ("hubspot:1", true), ("scribe:1", false), ("ü", false)];
    let expected = expected.map(|(id, is_linked)| (id.to_owned(), is_linked));
    let mut tx = store.database.read().await.unwrap();
    let mut ours = tx.org(store.ours);
    let (of, mut syncs) = (hubspot(), ours.syncs());
    assert_eq!(syncs.records_behind(&of, CONTACT, None, 10).await.unwrap(), expected);
    assert_eq!(syncs.records_behind(&of, CONTACT, None, 2).await.unwrap(), expected[..2]);
    assert_eq!(syncs.records_behind(&of, CONTACT, Some("hubspot:1"), 10).await.unwrap(), expected[2..]);
    assert_eq!(syncs.records_behind(&of, CONTACT, Some("ü"), 10).await.unwrap(), []);
    let unlinked = syncs.records_behind(&plugin("salesforce"), CONTACT, None, 10).await.unwrap();
    assert!(unlinked.len() == 4 && unlinked.iter().all(|(_, is_linked)| !is_linked), "each vendor has its own");
    assert_eq!(tx.org(store.theirs).syncs().records_behind(&of, CONTACT, None, 10).await.unwrap(), []);
}
