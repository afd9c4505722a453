//! What is cleared away once it is old, and what stays.

use chrono::Duration;
use patchbay_model::webhook::WebhookStatus;
use patchbay_storage::{RunFilter, UsageFilter, WebhookFilter};

use crate::Store;

pub async fn old_runs_go_in_batches_and_what_they_are_billed_for_stays(store: Store) {
    let journal = store.journal();
    for org in [store.ours, store.theirs] {
        for _ in 0..3 {
            let mut commit = store.commit(org);
            commit.usage = vec![store.usage(&commit.run, "tokens", 1, None)];
            journal.commit(commit).await.unwrap();
        }
    }
    store.clock.advance(Duration::milliseconds(10));
    let limit = store.now();
    let young = store.commit(store.ours);
    journal.commit(young.clone()).await.unwrap();

    let mut tx = store.database.begin().await.unwrap();
    for gone in [2, 1, 0] {
        assert_eq!(tx.org(store.ours).runs().clear_before(limit, 2).await.unwrap(), gone);
    }
    let filter = RunFilter { limit: 10, ..RunFilter::default() };
    let left = tx.org(store.ours).runs().list(&filter).await.unwrap();
    assert_eq!(left.iter().map(|run| run.id).collect::<Vec<_>>(), [young.run.id]);
    assert_eq!(tx.org(store.theirs).runs().list(&filter).await.unwrap().len(), 3);
    assert_eq!(tx.org(store.ours).usage().totals(&UsageFilter::default()).await.unwrap()[0].quantity, 3);
}

pub async fn old_events_go_and_cursors_stay_good(store: Store) {
    let mut tx = store.database.begin().await.unwrap();
    let mut ours = tx.org(store.ours);
    let old = store.event(store.ours, "stripe.charge", Some("once"));
    assert_eq!(ours.events().append(&old).await.unwrap(), Some(1));
    store.tick();
    let limit = store.now();
    assert_eq!(ours.events().append(&store.event(store.ours, "stripe.charge", None)).await.unwrap(), Some(2));
    assert_eq!(ours.events().clear_before(limit, None, 10).await.unwrap(), 1);
    assert_eq!(ours.events().list(0, &[], 10).await.unwrap()[0].0, 2);
    assert_eq!(ours.events().append(&store.event(store.ours, "stripe.charge", Some("once"))).await.unwrap(), Some(3));
}

pub async fn old_webhooks_go_by_how_they_ended_and_pending_ones_stay(store: Store) {
    let mut tx = store.database.begin().await.unwrap();
    let mut ours = tx.org(store.ours);
    for status in [WebhookStatus::Pending, WebhookStatus::Processed, WebhookStatus::Failed, WebhookStatus::Refused] {
        let mut webhook = store.webhook(store.ours, status.as_str());
        webhook.status = status;
        ours.webhooks().insert_if_new(&webhook).await.unwrap();
    }
    store.tick();
    let limit = store.now();
    assert_eq!(ours.webhooks().clear_before(limit, true, 10).await.unwrap(), 1);
    assert_eq!(ours.webhooks().clear_before(limit, false, 1).await.unwrap(), 1);
    assert_eq!(ours.webhooks().clear_before(limit, false, 10).await.unwrap(), 1);
    let filter = WebhookFilter { limit: 10, ..WebhookFilter::default() };
    let left = ours.webhooks().list(&filter).await.unwrap();
    assert_eq!(left.iter().map(|webhook| webhook.status).collect::<Vec<_>>(), [WebhookStatus::Pending]);
}
