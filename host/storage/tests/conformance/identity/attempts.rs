//! Sign-ins that fail.

use chrono::Duration;
use patchbay_storage::{Attempt, Attempts};

use super::begin;
use crate::Store;

pub const SLOW: Attempts = Attempts {
    free: 2,
    first_wait: Duration::seconds(10),
    longest_wait: Duration::seconds(25),
    forgotten_after: Duration::hours(1),
};

pub(super) async fn attempt(store: &Store, subject: u8) -> Attempt {
    let mut tx = begin(store).await;
    let attempt = tx.hub().identities().attempt(&[subject; 32], store.now(), SLOW).await.unwrap();
    tx.commit().await.unwrap();
    attempt
}

pub async fn who_fails_too_often_waits_longer_each_time(store: Store) {
    for _ in 0..2 {
        assert_eq!(attempt(&store, 1).await, Attempt::Counted);
    }
    let mut waits = Vec::new();
    for _ in 0..3 {
        let Attempt::Locked(until) = attempt(&store, 1).await else { panic!("not locked") };
        waits.push((until - store.now()).num_seconds());
        assert_eq!(attempt(&store, 1).await, Attempt::Locked(until), "asking in vain makes it no longer");
        assert_eq!(attempt(&store, 2).await, Attempt::Counted, "others are not concerned");
        let mut tx = begin(&store).await;
        tx.hub().identities().forget_attempts(&[2; 32]).await.unwrap();
        tx.commit().await.unwrap();
        store.clock.advance(until - store.now());
        assert_eq!(attempt(&store, 1).await, Attempt::Counted);
    }
    assert_eq!(waits, [10, 20, 25]);
    store.clock.advance(Duration::hours(1));
    for _ in 0..2 {
        assert_eq!(attempt(&store, 1).await, Attempt::Counted, "all is forgotten");
    }
}

pub async fn of_fifty_attempts_at_once_a_few_are_looked_at(store: Store) {
    let attempts = (0..50).map(|_| attempt(&store, 1));
    let counted = futures::future::join_all(attempts).await;
    assert_eq!(counted.iter().filter(|attempt| **attempt == Attempt::Counted).count(), 2);
    let mut tx = begin(&store).await;
    tx.hub().identities().take_attempt_back(&[1; 32]).await.unwrap();
    tx.commit().await.unwrap();
    assert!(matches!(attempt(&store, 1).await, Attempt::Locked(_)), "a wait that has begun stays");
}
