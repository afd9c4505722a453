//! Who has which plan.

use chrono::Duration;
use patchbay_storage::OrgPlan;

use crate::Store;

async fn put(store: &Store, org: patchbay_model::OrgId, days: i64, plan: &str) {
    let since = store.now() + Duration::days(days);
    let mut tx = store.database.begin().await.unwrap();
    tx.org(org).plans().put(since, plan, since).await.unwrap();
    tx.commit().await.unwrap();
}

pub async fn an_org_without_a_plan_has_its_cycle_from_when_it_was_made(store: Store) {
    let mut tx = store.database.read().await.unwrap();
    let made = tx.hub().org(store.ours).await.unwrap().unwrap().created_at;
    let found = tx.org(store.ours).plans().at(store.now()).await.unwrap();
    assert_eq!(found, Some(OrgPlan { plan: None, anchor: made }));
    let nobody = patchbay_model::OrgId::new(&store.clock, &store.random);
    assert_eq!(tx.org(nobody).plans().at(store.now()).await.unwrap(), None);
}

pub async fn the_last_plan_that_an_org_was_given_is_the_one_it_has(store: Store) {
    put(&store, store.ours, 0, "free").await;
    put(&store, store.ours, 10, "pro").await;
    put(&store, store.ours, 10, "business").await;
    let at = async |days: i64| {
        let mut tx = store.database.read().await.unwrap();
        let found = tx.org(store.ours).plans().at(store.now() + Duration::days(days)).await.unwrap().unwrap();
        found.plan.unwrap_or_default()
    };
    assert_eq!((at(-1).await, at(0).await, at(9).await), (String::new(), "free".to_owned(), "free".to_owned()));
    assert_eq!((at(10).await, at(99).await), ("business".to_owned(), "business".to_owned()));
}

pub async fn plans_in_use_are_counted_once_for_each_org(store: Store) {
    let other = store.new_org("other").await;
    for (org, days, plan) in
        [(store.ours, 0, "free"), (store.ours, 1, "pro"), (store.theirs, 0, "pro"), (other, 0, "free")]
    {
        put(&store, org, days, plan).await;
    }
    let mut tx = store.database.read().await.unwrap();
    let found = tx.hub().plans_in_use().await.unwrap();
    assert_eq!(found, [("free".to_owned(), 1), ("pro".to_owned(), 2)]);
}

pub async fn an_org_does_not_see_anothers_plan(store: Store) {
    put(&store, store.ours, 0, "pro").await;
    let mut tx = store.database.read().await.unwrap();
    assert_eq!(tx.org(store.theirs).plans().at(store.now()).await.unwrap().unwrap().plan, None);
}
