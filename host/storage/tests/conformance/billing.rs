//! What orgs pay for, and what a vendor was told of.

use chrono::{Duration, DurationRound as _};
use patchbay_model::{
    OrgId, ReadingId, Timestamp,
    billing::{Account, DayCheck, Entry, Reading, Subscription, SubscriptionStatus},
    plan::Metric,
};
use patchbay_storage::StorageError;

use crate::Store;

fn subscription(now: Timestamp) -> Subscription {
    Subscription {
        customer: "cus_\u{1}ü".to_owned(),
        plan: Some("pro".to_owned()),
        status: SubscriptionStatus::PastDue,
        period_starts_at: now,
        period_ends_at: now + Duration::days(30),
        trial_ends_at: Some(now + Duration::days(1)),
        grace_ends_at: Some(now + Duration::days(2)),
        ends_at: Some(now + Duration::days(3)),
    }
}

pub(crate) fn entry(id: &str, at: Timestamp) -> Entry {
    Entry {
        id: id.to_owned(),
        kind: "invoice.paid".to_owned(),
        at,
        amount: Some(-4_900),
        currency: Some("USD".to_owned()),
        reference: Some("in_1".to_owned()),
        url: None,
    }
}

pub(crate) fn reading(org: OrgId, at: Timestamp, from: u64, to: u64) -> Reading {
    let metric = Metric::Minutes;
    let id = ReadingId::of_usage(org, metric.as_str(), at, from, to);
    Reading { id, metric, counted_from: at, units: to - from, at, is_repair: false }
}

pub async fn a_number_is_given_once_and_the_answer_to_an_older_one_is_dropped(store: Store) {
    let (ours, now) = (store.ours, store.now());
    let mut tx = store.database.begin().await.unwrap();
    assert_eq!(tx.org(ours).billing().account().await.unwrap(), None);
    let mut numbers = Vec::new();
    for _ in 0..3 {
        numbers.push(tx.org(ours).billing().next_ticket(now).await.unwrap());
    }
    assert_eq!(numbers, [1, 2, 3]);
    let account = |applied| Account {
        ticket: 3,
        applied,
        subscription: Some(subscription(now)),
        counted_from: Some(now),
        counted_before: None,
    };
    assert!(tx.org(ours).billing().put_account(&account(2), now).await.unwrap());
    assert!(!tx.org(ours).billing().put_account(&account(1), now).await.unwrap());
    assert_eq!(tx.org(ours).billing().account().await.unwrap(), Some(account(2)));
    assert!(!tx.org(store.theirs).billing().put_account(&account(9), now).await.unwrap(), "nobody asked");
    assert_eq!(tx.hub().billed_orgs(None, 10).await.unwrap(), [ours]);
    assert_eq!(tx.hub().billed_orgs(Some(ours), 10).await.unwrap(), []);
    tx.commit().await.unwrap();
    let nobody = OrgId::new(&store.clock, &store.random);
    let mut tx = store.database.begin().await.unwrap();
    let missing = tx.org(nobody).billing().next_ticket(now).await;
    assert!(matches!(missing, Err(StorageError::Missing(_))), "{missing:?}");
}

pub async fn a_fact_of_the_history_is_there_once_and_pages_go_back_in_time(store: Store) {
    let (ours, now) = (store.ours, store.now());
    let mut tx = store.database.begin().await.unwrap();
    let all = [entry("b", now), entry("a", now), entry("c", now - Duration::seconds(1))];
    for entry in &all {
        assert!(tx.org(ours).billing().add_entry(entry).await.unwrap());
        assert!(!tx.org(ours).billing().add_entry(entry).await.unwrap());
    }
    assert_eq!(tx.org(ours).billing().entries(None, 10).await.unwrap(), all);
    assert_eq!(tx.org(ours).billing().entries(Some((now, "b")), 10).await.unwrap(), all[1..]);
    assert_eq!(tx.org(ours).billing().entries(Some((now, "a")), 1).await.unwrap(), all[2..]);
    assert_eq!(tx.org(store.theirs).billing().entries(None, 10).await.unwrap(), []);
}

pub async fn readings_are_made_once_and_due_until_they_are_settled(store: Store) {
    let (ours, now) = (store.ours, store.now());
    let mut tx = store.database.begin().await.unwrap();
    let (first, second) = (reading(ours, now, 0, 7), reading(ours, now, 7, 9));
    let repair = Reading {
        id: ReadingId::of_repair(ours, "minutes", now, 4, 9, 0),
        units: 5,
        at: now + Duration::seconds(1),
        is_repair: true,
        ..first.clone()
    };
    for reading in [&first, &second, &repair] {
        assert!(tx.org(ours).billing().add_reading(reading).await.unwrap());
        assert!(!tx.org(ours).billing().add_reading(reading).await.unwrap());
    }
    assert_eq!(tx.org(ours).billing().units_read(Metric::Minutes, now).await.unwrap(), 9, "repairs are no usage");
    assert_eq!(tx.org(ours).billing().units_read(Metric::Calls, now).await.unwrap(), 0);
    assert_eq!(tx.org(store.theirs).billing().units_read(Metric::Minutes, now).await.unwrap(), 0);
    let day = now.duration_trunc(Duration::days(1)).unwrap();
    let of_day = tx.org(ours).billing().units_of_day(day).await.unwrap();
    assert_eq!((of_day.len(), of_day[0].units, of_day[0].last_at, of_day[0].is_open), (1, 9, repair.at, true));
    assert!(!tx.org(store.theirs).billing().settle_reading(first.id, None, now).await.unwrap());
    assert!(tx.org(ours).billing().settle_reading(first.id, None, now).await.unwrap());
    assert!(!tx.org(ours).billing().settle_reading(first.id, None, now).await.unwrap());
    assert!(tx.org(ours).billing().settle_reading(repair.id, Some("too old"), now).await.unwrap());
    assert_eq!(tx.org(ours).billing().open_readings(10).await.unwrap(), std::slice::from_ref(&second));
    assert!(tx.org(ours).billing().settle_reading(second.id, None, now).await.unwrap());
    let settled = tx.org(ours).billing().units_of_day(day).await.unwrap().remove(0);
    assert_eq!((settled.is_open, settled.refused, settled.refused_repairs), (false, 0, 1));
    // the vendor finds out later, and says so twice
    assert!(tx.org(ours).billing().settle_reading(first.id, Some("no customer"), now).await.unwrap());
    assert!(!tx.org(ours).billing().settle_reading(first.id, Some("no customer"), now).await.unwrap());
    assert!(!tx.org(ours).billing().settle_reading(first.id, None, now).await.unwrap(), "it is not taken after all");
    let refused = tx.org(ours).billing().units_of_day(day).await.unwrap().remove(0);
    assert_eq!((refused.units, refused.refused, refused.refused_repairs), (9, 7, 1));
    let check = DayCheck { day, metric: Metric::Minutes, ours: 9, theirs: 2, refused: 7, checked_at: now };
    tx.org(ours).billing().put_check(&check).await.unwrap();
    assert_eq!(tx.org(ours).billing().checks(None, true, 10).await.unwrap(), [check]);
    assert_eq!(tx.org(ours).billing().units_of_day(day + Duration::days(1)).await.unwrap(), []);
}

pub async fn the_last_comparison_of_a_day_is_kept_and_gaps_are_found(store: Store) {
    let (ours, now) = (store.ours, store.now());
    let day = now.duration_trunc(Duration::days(1)).unwrap();
    let check = |days, theirs| DayCheck {
        day: day - Duration::days(days),
        metric: Metric::Minutes,
        ours: 10,
        theirs,
        refused: 0,
        checked_at: now,
    };
    let mut tx = store.database.begin().await.unwrap();
    for check in [check(0, 4), check(1, 10), check(0, 9)] {
        tx.org(ours).billing().put_check(&check).await.unwrap();
    }
    assert_eq!(tx.org(ours).billing().checks(None, false, 10).await.unwrap(), [check(0, 9), check(1, 10)]);
    assert_eq!(tx.org(ours).billing().checks(None, true, 10).await.unwrap(), [check(0, 9)]);
    assert_eq!(tx.org(ours).billing().checks(Some(day), false, 10).await.unwrap(), [check(1, 10)]);
    assert_eq!(tx.org(store.theirs).billing().checks(None, false, 10).await.unwrap(), []);
}
