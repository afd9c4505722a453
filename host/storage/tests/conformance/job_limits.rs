//! How many jobs of a lane run at once.

use chrono::Duration;
use patchbay_model::job::NewJob;
use patchbay_storage::ClaimJobs;
use uuid::Uuid;

use crate::Store;

pub async fn a_plugin_says_that_fewer_of_its_jobs_run_and_not_that_more_do(store: Store) {
    for (plugin, concurrency) in [("openai", Some(1)), ("stripe", Some(1_000)), ("telnyx", None)] {
        let jobs: Vec<_> = (0..10).map(|_| NewJob { concurrency, ..store.task(plugin) }).collect();
        let mut tx = store.database.begin().await.unwrap();
        tx.org(store.ours).jobs().enqueue(&jobs).await.unwrap();
        tx.commit().await.unwrap();
    }
    let now = store.now();
    let until = now + Duration::seconds(30);
    let lease = Uuid::from_u128(1);
    let wish = ClaimJobs { now, until, lease, limit: 100, lane_cap: 3, served_before: 1, turn: 1 };
    let mut tx = store.database.begin().await.unwrap();
    let claims = tx.hub().claim_jobs(&wish).await.unwrap();
    tx.commit().await.unwrap();
    let of = |plugin: &str| claims.jobs.iter().filter(|job| job.lane.starts_with(plugin)).count();
    assert_eq!(["openai", "stripe", "telnyx"].map(of), [1, 3, 3]);
}
