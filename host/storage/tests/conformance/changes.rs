//! What hubs tell each other.

use patchbay_model::{ApiKeyId, ConnectionId, Digest, InstallationId, OrgId, UserId};
use patchbay_storage::{Change, Changes, Committed, Notice, RunCommit};
use uuid::Uuid;

use crate::{
    Store,
    store::{Home, plugin, put},
};

/// What is heard next, whoever said it.
pub async fn next(changes: &mut Changes) -> Option<Notice> {
    changes.next_told().await.map(|told| told.notice)
}

/// What is heard from now on, without the notice that listening has begun.
async fn listen(store: &Store) -> Changes {
    let mut changes = store.database.changes();
    if matches!(store.home, Home::Postgres(_)) {
        assert_eq!(next(&mut changes).await, Some(Notice::Resync));
    }
    changes
}

async fn tell(store: &Store, change: Change) {
    let mut tx = store.database.begin().await.unwrap();
    tx.hub().notify(change).await.unwrap();
    tx.commit().await.unwrap();
}

pub async fn a_change_is_heard_once_it_is_committed(store: Store) {
    let mut changes = listen(&store).await;
    let mut second = store.database.changes();
    let change = Change::Org { org: store.ours };
    let mut tx = store.database.begin().await.unwrap();
    tx.hub().notify(change.clone()).await.unwrap();
    assert!(futures::poll!(Box::pin(next(&mut changes))).is_pending());
    tx.commit().await.unwrap();
    assert_eq!(next(&mut changes).await, Some(Notice::Changed(change.clone())));
    assert_eq!(next(&mut second).await, Some(Notice::Changed(change)), "everybody hears it");
}

pub async fn a_change_that_is_rolled_back_is_not_heard(store: Store) {
    let mut changes = listen(&store).await;
    let mut tx = store.database.begin().await.unwrap();
    tx.hub().notify(Change::Org { org: store.ours }).await.unwrap();
    drop(tx);
    let change = Change::Org { org: store.theirs };
    tell(&store, change.clone()).await;
    assert_eq!(next(&mut changes).await, Some(Notice::Changed(change)));
}

pub async fn every_kind_of_change_is_heard_as_it_was_told(store: Store) {
    let mut changes = listen(&store).await;
    let (org, id) = (store.ours, Uuid::from_u128(7));
    for change in [
        Change::Org { org },
        Change::ApiKey { org, id: ApiKeyId(id) },
        Change::Member { org, user: UserId(id) },
        Change::Installation { org, id: InstallationId(id), plugin: plugin("openai") },
        Change::Connection { org, id: ConnectionId(id), plugin: plugin("openai") },
        Change::Tokens { org, plugin: plugin("openai") },
        Change::Documents { org, plugin: plugin("ivr") },
        Change::DataKeys { org },
        Change::PluginVersion { plugin: plugin("stripe"), digest: Digest([3; 32]) },
        Change::Plan { org },
    ] {
        tell(&store, change.clone()).await;
        assert_eq!(next(&mut changes).await, Some(Notice::Changed(change)));
    }
}

pub async fn what_a_run_tells_of_its_documents_is_heard_if_they_are_stored(store: Store) {
    let mut changes = listen(&store).await;
    let journal = store.journal();
    let told = |name: &str| Change::Documents { org: store.ours, plugin: plugin(name) };
    let of = |name: &str, expected: Option<u64>| RunCommit {
        plugin_changes: vec![put("a", serde_json::json!({}), expected)],
        told: vec![told(name)],
        ..store.commit(store.ours)
    };
    let lost = journal.commit(of("lost", Some(7))).await.unwrap();
    assert!(matches!(lost, Committed::Conflict { .. }), "{lost:?}");
    assert_eq!(journal.commit(of("stored", None)).await.unwrap(), Committed::All);
    assert_eq!(next(&mut changes).await, Some(Notice::Changed(told("stored"))));
    journal.shutdown().await;
}

pub async fn who_is_too_slow_is_told_to_start_over(store: Store) {
    let mut slow = listen(&store).await;
    let mut quick = store.database.changes();
    let mut tx = store.database.begin().await.unwrap();
    for number in 0..3_000 {
        tx.hub().notify(Change::Plan { org: OrgId(Uuid::from_u128(number)) }).await.unwrap();
    }
    tx.commit().await.unwrap();
    tell(&store, Change::Org { org: store.ours }).await;
    // Whoever reads on hears the last one, with or without a gap before it.
    let last = Notice::Changed(Change::Org { org: store.ours });
    while next(&mut quick).await.unwrap() != last {}
    assert_eq!(next(&mut slow).await, Some(Notice::Resync));
    while next(&mut slow).await.unwrap() != last {}
}

pub async fn closing_the_database_ends_the_notices(store: Store) {
    let mut changes = listen(&store).await;
    store.database.close().await;
    assert_eq!(next(&mut changes).await, None);
    assert_eq!(next(&mut store.database.changes()).await, None);
}
