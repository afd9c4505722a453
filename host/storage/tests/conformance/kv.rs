//! Small values: expiry by the caller's clock, compare-and-swap, counters.

use patchbay_storage::{KvWrite, StorageError};
use tokio::task::JoinSet;

use crate::{Store, store::plugin};

pub async fn a_value_is_absent_from_the_instant_that_it_expires(store: Store) {
    let stripe = plugin("stripe");
    let (now, expiry) = (store.now(), store.later(10));
    let mut tx = store.database.begin().await.unwrap();
    let mut ours = tx.org(store.ours);
    let mut kv = ours.kv(&stripe);
    kv.set("nonce", b"\x00\xff", Some(expiry), None, now).await.unwrap();
    assert_eq!(kv.get("nonce", store.later(9)).await.unwrap().unwrap().value, b"\x00\xff");
    assert_eq!(kv.get("nonce", expiry).await.unwrap(), None);
    assert!(!kv.delete("nonce", expiry).await.unwrap());
    assert!(kv.delete("nonce", now).await.unwrap());
    assert!(!kv.delete("nonce", now).await.unwrap());
}

pub async fn the_version_counts_writes_and_begins_anew_after_expiry(store: Store) {
    let stripe = plugin("stripe");
    let (now, expiry) = (store.now(), store.later(10));
    let mut tx = store.database.begin().await.unwrap();
    let mut ours = tx.org(store.ours);
    let mut kv = ours.kv(&stripe);
    assert_eq!(kv.set("k", b"a", Some(expiry), None, now).await.unwrap(), KvWrite::Written(1));
    assert_eq!(kv.set("k", b"b", Some(expiry), None, now).await.unwrap(), KvWrite::Written(2));
    assert_eq!(kv.set("k", b"c", None, None, expiry).await.unwrap(), KvWrite::Written(1));
    assert_eq!(kv.get("k", store.later(1_000)).await.unwrap().unwrap().value, b"c");
}

pub async fn a_write_that_expects_another_version_loses_and_learns_the_present_one(store: Store) {
    let stripe = plugin("stripe");
    let now = store.now();
    let mut tx = store.database.begin().await.unwrap();
    let mut ours = tx.org(store.ours);
    let mut kv = ours.kv(&stripe);
    assert_eq!(kv.set("k", b"a", None, Some(3), now).await.unwrap(), KvWrite::Conflict(0));
    assert_eq!(kv.get("k", now).await.unwrap(), None);
    kv.set("k", b"a", Some(store.later(10)), None, now).await.unwrap();
    assert_eq!(kv.set("k", b"b", None, Some(2), now).await.unwrap(), KvWrite::Conflict(1));
    assert_eq!(kv.get("k", now).await.unwrap().unwrap().value, b"a");
    assert_eq!(kv.set("k", b"b", Some(store.later(10)), Some(1), now).await.unwrap(), KvWrite::Written(2));
    let expired = kv.set("k", b"c", None, Some(2), store.later(10)).await.unwrap();
    assert_eq!(expired, KvWrite::Conflict(0), "what has expired has no version");
}

pub async fn a_write_that_expects_absence_wins_only_once(store: Store) {
    let stripe = plugin("stripe");
    let now = store.now();
    let mut tx = store.database.begin().await.unwrap();
    let mut ours = tx.org(store.ours);
    let mut kv = ours.kv(&stripe);
    assert_eq!(kv.set("lock", b"1", Some(store.later(10)), Some(0), now).await.unwrap(), KvWrite::Written(1));
    assert_eq!(kv.set("lock", b"2", None, Some(0), now).await.unwrap(), KvWrite::Conflict(1));
    assert_eq!(kv.set("lock", b"3", None, Some(0), store.later(10)).await.unwrap(), KvWrite::Written(1));
}

pub async fn of_fifty_writers_that_expect_the_same_version_one_wins(store: Store) {
    let now = store.now();
    let mut writers = JoinSet::new();
    for writer in 0..50_u8 {
        let (database, org) = (store.database.clone(), store.ours);
        writers.spawn(async move {
            let mut tx = database.begin().await.unwrap();
            let written = tx.org(org).kv(&plugin("stripe")).set("k", &[writer], None, Some(0), now).await.unwrap();
            tx.commit().await.unwrap();
            written
        });
    }
    let ends = writers.join_all().await;
    assert_eq!(ends.iter().filter(|end| **end == KvWrite::Written(1)).count(), 1);
    assert_eq!(ends.iter().filter(|end| **end == KvWrite::Conflict(1)).count(), 49);
}

pub async fn of_fifty_adders_to_a_new_counter_none_is_lost(store: Store) {
    let now = store.now();
    let mut adders = JoinSet::new();
    for _ in 0..50 {
        let (database, org) = (store.database.clone(), store.ours);
        adders.spawn(async move {
            let mut tx = database.begin().await.unwrap();
            let sum = tx.org(org).kv(&plugin("stripe")).add("n", 1, None, now).await.unwrap();
            tx.commit().await.unwrap();
            sum
        });
    }
    let mut sums = adders.join_all().await;
    sums.sort_unstable();
    assert_eq!(sums, (1..=50).collect::<Vec<i64>>());
}

pub async fn a_counter_sums_from_zero_and_keeps_its_first_expiry(store: Store) {
    let stripe = plugin("stripe");
    let now = store.now();
    let mut tx = store.database.begin().await.unwrap();
    let mut ours = tx.org(store.ours);
    let mut kv = ours.kv(&stripe);
    assert_eq!(kv.add("n", 5, Some(store.later(10)), now).await.unwrap(), 5);
    assert_eq!(kv.add("n", -7, Some(store.later(1_000)), store.later(9)).await.unwrap(), -2);
    let entry = kv.get("n", store.later(9)).await.unwrap().unwrap();
    assert_eq!((entry.value.as_slice(), entry.version), (b"-2".as_slice(), 2));
    assert_eq!(kv.add("n", 1, None, store.later(10)).await.unwrap(), 1, "expired, so it begins anew");
}

pub async fn a_value_that_is_no_counter_stays_as_it_is(store: Store) {
    let stripe = plugin("stripe");
    let now = store.now();
    let mut tx = store.database.begin().await.unwrap();
    let mut ours = tx.org(store.ours);
    let mut kv = ours.kv(&stripe);
    for value in [b"text".as_slice(), b"", b"1.5", b"\xff"] {
        kv.set("k", value, None, None, now).await.unwrap();
        let before = kv.get("k", now).await.unwrap();
        assert!(matches!(kv.add("k", 1, None, now).await, Err(StorageError::NotACounter)), "{value:?}");
        assert_eq!(kv.get("k", now).await.unwrap(), before);
    }
}

pub async fn a_sum_past_64_bits_is_refused(store: Store) {
    let stripe = plugin("stripe");
    let now = store.now();
    let mut tx = store.database.begin().await.unwrap();
    let mut ours = tx.org(store.ours);
    let mut kv = ours.kv(&stripe);
    assert_eq!(kv.add("n", i64::MAX, None, now).await.unwrap(), i64::MAX);
    assert!(matches!(kv.add("n", 1, None, now).await, Err(StorageError::NotACounter)));
    assert_eq!(kv.add("n", -1, None, now).await.unwrap(), i64::MAX - 1);
}

pub async fn the_sweep_frees_only_what_has_expired(store: Store) {
    let stripe = plugin("stripe");
    let now = store.now();
    let mut tx = store.database.begin().await.unwrap();
    for (org, key, lifetime) in [(store.ours, "a", Some(1)), (store.theirs, "b", Some(2)), (store.ours, "c", None)] {
        let expiry = lifetime.map(|milliseconds| store.later(milliseconds));
        tx.org(org).kv(&stripe).set(key, b"v", expiry, None, now).await.unwrap();
    }
    assert_eq!(tx.hub().sweep_kv(now, 10).await.unwrap(), 0);
    assert_eq!(tx.hub().sweep_kv(store.later(1), 10).await.unwrap(), 1);
    assert_eq!(tx.hub().sweep_kv(store.later(1_000), 10).await.unwrap(), 1);
    assert!(tx.org(store.ours).kv(&stripe).get("c", store.later(1_000)).await.unwrap().is_some());
}
