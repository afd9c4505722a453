//! Failed jobs that are done once more, many at a time.

use chrono::Duration;
use patchbay_model::job::{Job, JobStatus, NewJob};
use patchbay_storage::{ClaimJobs, JobEnd, JobOutcome};
use uuid::Uuid;

use crate::Store;

pub async fn of_many_failed_jobs_those_stay_as_they_are_whose_key_another_one_has(store: Store) {
    let with_key = || NewJob { key: Some("a".to_owned()), ..store.task("openai") };
    let (blocked, free) = (with_key(), store.task("stripe"));
    let lease = Uuid::from_u128(1);
    let now = store.now();
    let until = now + Duration::seconds(30);
    let mut tx = store.database.begin().await.unwrap();
    tx.org(store.ours).jobs().enqueue(&[blocked.clone(), free.clone()]).await.unwrap();
    let wish = ClaimJobs { now, until, lease, limit: 10, lane_cap: 10, served_before: 1, turn: 1 };
    assert_eq!(tx.hub().claim_jobs(&wish).await.unwrap().jobs.len(), 2);
    for id in [blocked.id, free.id] {
        let end = JobEnd::Failed("timeout".to_owned(), "slow".to_owned());
        let failed = JobOutcome { id, lease, attempts: 8, run: None, started_at: now, at: now, end };
        assert!(tx.org(store.ours).jobs().settle(&failed).await.unwrap());
    }
    tx.org(store.ours).jobs().enqueue(&[with_key()]).await.unwrap();
    tx.commit().await.unwrap();

    store.clock.advance(Duration::hours(1));
    let mut tx = store.database.begin().await.unwrap();
    let mut ours = tx.org(store.ours);
    let before = ours.jobs().get(blocked.id).await.unwrap().unwrap();
    let redriven = ours.jobs().redrive_all(&[blocked.id, free.id], store.now()).await.unwrap();
    assert_eq!(redriven, 1);
    assert_eq!(ours.jobs().get(blocked.id).await.unwrap(), Some(before));
    let Job { status, redriven, .. } = ours.jobs().get(free.id).await.unwrap().unwrap();
    assert_eq!((status, redriven), (JobStatus::Queued, 1));
    tx.commit().await.unwrap();
}
