//! Writes that are done once: who may do them, and whose answer counts.

use std::sync::Arc;

use chrono::Duration;
use patchbay_model::{OrgId, rate::OrgRates};
use patchbay_storage::{IdempotencyAnswer, IdempotencyClaim, IdempotencyRecord, Owner, StorageError};
use uuid::Uuid;

use crate::Store;

pub fn owner(call: u128, node: u128) -> Owner {
    Owner { call: Uuid::from_u128(call), node: Uuid::from_u128(node) }
}

pub fn claim(store: &Store, id: u8, owner: Owner) -> IdempotencyClaim {
    IdempotencyClaim { id: [id; 32], fingerprint: [7; 32], owner, expires_at: store.now() + Duration::hours(24) }
}

pub fn answer(store: &Store, id: u8, owner: Owner) -> IdempotencyAnswer {
    IdempotencyAnswer { id: [id; 32], owner, run: None, answer: Some(vec![0, 255, id]), at: store.now() }
}

async fn claimed(store: &Store, org: OrgId, id: u8, owner: Owner) -> bool {
    let mut tx = store.database.begin().await.unwrap();
    let claimed = tx.org(org).idempotency().claim(&claim(store, id, owner), store.now()).await.unwrap();
    tx.commit().await.unwrap();
    claimed
}

async fn found(store: &Store, org: OrgId, id: u8) -> Option<IdempotencyRecord> {
    store.database.read().await.unwrap().org(org).idempotency().get(&[id; 32]).await.unwrap()
}

pub async fn of_fifty_that_begin_a_write_at_once_one_does(store: Store) {
    let store = Arc::new(store);
    let tasks: Vec<_> = (1..=50)
        .map(|call| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { claimed(&store, store.ours, 1, owner(call, 1)).await })
        })
        .collect();
    let mut wins = 0;
    for task in tasks {
        wins += u32::from(task.await.unwrap());
    }
    assert_eq!(wins, 1);
    let record = found(&store, store.ours, 1).await.unwrap();
    assert_eq!((record.fingerprint, record.sent, record.answered_at), ([7; 32], false, None));
}

pub async fn a_write_is_one_orgs_own(store: Store) {
    assert!(claimed(&store, store.ours, 1, owner(1, 1)).await);
    assert_eq!(found(&store, store.theirs, 1).await, None);
    assert!(claimed(&store, store.theirs, 1, owner(2, 1)).await);
    let mut tx = store.database.begin().await.unwrap();
    let mut theirs = tx.org(store.theirs);
    assert!(!theirs.idempotency().note_sent(&[1; 32], owner(1, 1)).await.unwrap());
    assert!(!theirs.idempotency().answer(&answer(&store, 1, owner(1, 1))).await.unwrap());
    assert!(!theirs.idempotency().release(&[1; 32], owner(1, 1)).await.unwrap());
    drop(tx);
    let nobody = store
        .database
        .begin()
        .await
        .unwrap()
        .org(OrgId(Uuid::from_u128(9)))
        .idempotency()
        .claim(&claim(&store, 1, owner(1, 1)), store.now())
        .await;
    assert!(matches!(nobody, Err(StorageError::Missing(_))), "{nobody:?}");
}

pub async fn an_answer_is_committed_with_its_run_and_read_back(store: Store) {
    let mine = owner(1, 1);
    assert!(claimed(&store, store.ours, 1, mine).await && claimed(&store, store.ours, 2, owner(2, 1)).await);
    let journal = store.journal();
    let mut commits = Vec::new();
    for (id, owner) in [(1, mine), (2, owner(3, 1))] {
        let mut commit = store.commit(store.ours);
        commit.idempotency = Some(IdempotencyAnswer { run: Some(commit.run.id), ..answer(&store, id, owner) });
        commits.push(commit);
    }
    let runs: Vec<_> = commits.iter().map(|commit| commit.run.id).collect();
    for commit in commits {
        journal.commit(commit).await.unwrap();
    }
    let record = found(&store, store.ours, 1).await.unwrap();
    assert_eq!((record.run, record.answer), (runs.first().copied(), Some(vec![0, 255, 1])));
    assert!(record.answered_at.is_some());
    let other = found(&store, store.ours, 2).await.unwrap();
    assert_eq!((other.run, other.answered_at), (None, None), "whoever does not own it does not answer it");
    assert!(!claimed(&store, store.ours, 1, owner(9, 1)).await, "it was done");
}

pub async fn a_write_of_a_lost_node_is_taken_over_unless_it_was_sent(store: Store) {
    let (lost, heir) = (owner(1, 1), owner(2, 2));
    assert!(claimed(&store, store.ours, 1, lost).await && claimed(&store, store.ours, 2, lost).await);
    let mut tx = store.database.begin().await.unwrap();
    let mut ours = tx.org(store.ours);
    assert!(ours.idempotency().note_sent(&[2; 32], lost).await.unwrap());
    assert!(ours.idempotency().take_over(&[1; 32], lost, heir).await.unwrap());
    assert!(!ours.idempotency().take_over(&[1; 32], lost, owner(3, 3)).await.unwrap(), "once");
    assert!(!ours.idempotency().take_over(&[2; 32], lost, heir).await.unwrap(), "a vendor may have done it");
    // who was believed to be lost, and comes back
    assert!(!ours.idempotency().note_sent(&[1; 32], lost).await.unwrap());
    assert!(!ours.idempotency().answer(&answer(&store, 1, lost)).await.unwrap());
    assert!(!ours.idempotency().release(&[1; 32], lost).await.unwrap());
    assert!(ours.idempotency().answer(&answer(&store, 1, heir)).await.unwrap());
    assert!(!ours.idempotency().release(&[1; 32], heir).await.unwrap(), "what was answered stays");
    assert!(ours.idempotency().release(&[2; 32], lost).await.unwrap());
}

pub async fn a_write_counts_as_absent_after_its_day_and_is_swept(store: Store) {
    assert!(claimed(&store, store.ours, 1, owner(1, 1)).await);
    assert!(claimed(&store, store.theirs, 2, owner(1, 1)).await);
    let mut tx = store.database.begin().await.unwrap();
    tx.org(store.ours).idempotency().answer(&answer(&store, 1, owner(1, 1))).await.unwrap();
    tx.commit().await.unwrap();
    store.clock.advance(Duration::hours(24) - Duration::microseconds(1));
    assert!(!claimed(&store, store.ours, 1, owner(2, 1)).await);
    let mut tx = store.database.begin().await.unwrap();
    assert_eq!(tx.hub().sweep_idempotency(store.now(), 10).await.unwrap(), 0);
    drop(tx);
    store.clock.advance(Duration::microseconds(1));
    assert!(claimed(&store, store.ours, 1, owner(3, 1)).await);
    let record = found(&store, store.ours, 1).await.unwrap();
    assert_eq!((record.owner, record.answer, record.answered_at), (owner(3, 1), None, None));
    let mut tx = store.database.begin().await.unwrap();
    assert_eq!(tx.hub().sweep_idempotency(store.now(), 10).await.unwrap(), 1);
    tx.commit().await.unwrap();
    assert_eq!(found(&store, store.theirs, 2).await, None);
    assert!(found(&store, store.ours, 1).await.is_some());
}

pub async fn a_node_is_alive_for_as_long_as_it_says(store: Store) {
    let node = Uuid::from_u128(5);
    let mut tx = store.database.begin().await.unwrap();
    let mut hub = tx.hub();
    assert!(!hub.is_alive(node, store.now()).await.unwrap());
    hub.note_alive(node, store.now(), store.later(12_000)).await.unwrap();
    assert!(hub.is_alive(node, store.later(11_999)).await.unwrap());
    assert!(!hub.is_alive(node, store.later(12_000)).await.unwrap());
    hub.note_alive(node, store.now(), store.later(24_000)).await.unwrap();
    assert!(hub.is_alive(node, store.later(12_000)).await.unwrap());
    hub.forget_node(node).await.unwrap();
    assert!(!hub.is_alive(node, store.now()).await.unwrap());
    hub.note_alive(node, store.now(), store.now()).await.unwrap();
    let other = Uuid::from_u128(6);
    hub.note_alive(other, store.now() + Duration::days(2), store.now() + Duration::days(3)).await.unwrap();
    assert!(!hub.is_alive(node, store.now() - Duration::days(1)).await.unwrap(), "its row is gone");
}

pub async fn rate_limits_are_one_orgs_document(store: Store) {
    let rates: OrgRates = serde_json::from_str(r#"{"key":"5/s","endpoints":{"read":"unlimited"}}"#).unwrap();
    let mut tx = store.database.begin().await.unwrap();
    assert_eq!(tx.org(store.ours).rate_limits().get().await.unwrap(), None);
    tx.org(store.ours).rate_limits().put(&OrgRates::default(), store.now()).await.unwrap();
    tx.org(store.ours).rate_limits().put(&rates, store.now()).await.unwrap();
    assert_eq!(tx.org(store.theirs).rate_limits().get().await.unwrap(), None);
    assert_eq!(tx.org(store.ours).rate_limits().get().await.unwrap(), Some(rates));
}
