//! PostgreSQL alone: hubs that take up and settle jobs of one lane at the same moment.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicUsize, Ordering},
};

use chrono::Duration;
use patchbay_model::{JobId, Timestamp, job::NewJob};
use patchbay_storage::{ClaimJobs, Claims, Database, Held, JobEnd, JobOutcome};
use patchbay_test_postgres::somebody_waits;
use sqlx::{Connection as _, PgConnection, raw_sql};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::{Store, nodes::server};

async fn enqueue(store: &Store, jobs: &[NewJob]) -> Vec<JobId> {
    let mut tx = store.database.begin().await.unwrap();
    tx.org(store.ours).jobs().enqueue(jobs).await.unwrap();
    tx.commit().await.unwrap();
    jobs.iter().map(|job| job.id).collect()
}

async fn claim(database: &Database, now: Timestamp, turn: i64) -> Claims {
    let lease = Uuid::from_u128(u128::try_from(turn).unwrap());
    let until = now + Duration::seconds(30);
    let wish = ClaimJobs { now, until, lease, limit: 10, lane_cap: 1_000, served_before: turn, turn };
    let mut tx = database.begin().await.unwrap();
    let claims = tx.hub().claim_jobs(&wish).await.unwrap();
    tx.commit().await.unwrap();
    claims
}

fn outcome(at: Timestamp, id: JobId, turn: i64, end: JobEnd) -> JobOutcome {
    let lease = Uuid::from_u128(u128::try_from(turn).unwrap());
    JobOutcome { id, lease, attempts: 1, run: None, started_at: at, at, end }
}

/// Fails if somebody else has it.
async fn lock(journal: &mut PgConnection, id: JobId) {
    let lock = sqlx::query("SELECT FROM job_queue WHERE job_id = $1 FOR UPDATE NOWAIT").bind(id.0);
    lock.execute(journal).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hubs_that_claim_at_once_keep_to_a_lanes_limit_together() {
    const JOBS: usize = 300;
    let Some(store) = Store::postgres().await else { return };
    let jobs: Vec<_> = (0..JOBS).map(|_| NewJob { concurrency: Some(1), ..store.task("openai") }).collect();
    enqueue(&store, &jobs).await;
    let (turn, now) = (Arc::new(AtomicI64::new(0)), store.now());
    let (done, running) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut hubs = JoinSet::new();
    for _ in 0..4 {
        let (turn, done, running) = (Arc::clone(&turn), Arc::clone(&done), Arc::clone(&running));
        let database = store.database.clone();
        hubs.spawn(async move {
            while done.load(Ordering::SeqCst) < JOBS {
                let turn = turn.fetch_add(1, Ordering::SeqCst) + 1;
                for job in claim(&database, now, turn).await.jobs {
                    assert_eq!(running.fetch_add(1, Ordering::SeqCst), 0, "one of the lane runs already");
                    tokio::task::yield_now().await;
                    running.fetch_sub(1, Ordering::SeqCst);
                    let ended = outcome(now, job.id, turn, JobEnd::Done(None));
                    let mut tx = database.begin().await.unwrap();
                    assert!(tx.org(job.org).jobs().settle(&ended).await.unwrap());
                    tx.commit().await.unwrap();
                    done.fetch_add(1, Ordering::SeqCst);
                }
            }
        });
    }
    hubs.join_all().await;
}

#[tokio::test]
async fn who_settles_a_job_and_tells_of_it_takes_the_lane_last_as_journals_do() {
    let Some(store) = Store::postgres().await else { return };
    let id = enqueue(&store, &[store.task("openai")]).await[0];
    assert_eq!(claim(&store.database, store.now(), 1).await.jobs.len(), 1);
    let event = store.event(store.ours, "job.failed", None);
    let mut tx = store.database.begin().await.unwrap();
    tx.org(store.ours).events().append(&store.event(store.ours, "a.b", None)).await.unwrap();
    tx.commit().await.unwrap();

    let mut other = server(&store).connect("postgres").await;
    let mut journal = other.begin().await.unwrap();
    raw_sql("UPDATE event_sequence SET last = last").execute(&mut *journal).await.unwrap();
    let failed = outcome(store.now(), id, 1, JobEnd::Failed("timeout".to_owned(), String::new()));
    let (database, org) = (store.database.clone(), store.ours);
    let settling = tokio::spawn(async move {
        let mut tx = database.begin().await.unwrap();
        let settled = tx.org(org).jobs().settle_and_tell(&failed, Some(&event)).await.unwrap();
        tx.commit().await.unwrap();
        settled
    });
    somebody_waits(&mut journal).await;
    raw_sql("SELECT FROM job_lane FOR UPDATE NOWAIT").execute(&mut *journal).await.unwrap();
    journal.commit().await.unwrap();
    assert!(settling.await.unwrap());
}

#[tokio::test]
async fn leases_are_prolonged_in_the_order_in_which_journals_take_jobs() {
    let Some(store) = Store::postgres().await else { return };
    let mut ids = enqueue(&store, &[store.task("openai"), store.task("openai")]).await;
    ids.sort_unstable();
    assert_eq!(claim(&store.database, store.now(), 1).await.jobs.len(), 2);

    let mut other = server(&store).connect("postgres").await;
    let mut journal = other.begin().await.unwrap();
    lock(&mut journal, ids[0]).await;
    let held: Vec<_> =
        ids.iter().rev().map(|id| Held { org: store.ours, id: *id, lease: Uuid::from_u128(1) }).collect();
    let (database, until) = (store.database.clone(), store.later(60_000));
    let beat = tokio::spawn(async move {
        let mut tx = database.begin().await.unwrap();
        let unwanted = tx.hub().prolong_jobs(&held, until).await.unwrap();
        tx.commit().await.unwrap();
        unwanted
    });
    somebody_waits(&mut journal).await;
    lock(&mut journal, ids[1]).await;
    journal.commit().await.unwrap();
    assert_eq!(beat.await.unwrap(), []);
}

#[tokio::test]
async fn many_failed_jobs_wake_their_lanes_in_the_order_in_which_journals_do() {
    let Some(store) = Store::postgres().await else { return };
    let mut jobs = vec![store.task("stripe"), store.task("openai")];
    // the one of the lane that comes last is redriven first
    jobs.sort_unstable_by_key(|job| job.id);
    let [first, second] = ["stripe", "openai"].map(crate::store::plugin);
    (jobs[0].plugin, jobs[1].plugin) = (Some(first), Some(second));
    let ids = enqueue(&store, &jobs).await;
    assert_eq!(claim(&store.database, store.now(), 1).await.jobs.len(), 2);
    let mut tx = store.database.begin().await.unwrap();
    for id in &ids {
        let failed = outcome(store.now(), *id, 1, JobEnd::Failed("timeout".to_owned(), String::new()));
        assert!(tx.org(store.ours).jobs().settle(&failed).await.unwrap());
    }
    tx.commit().await.unwrap();

    let mut other = server(&store).connect("postgres").await;
    let mut journal = other.begin().await.unwrap();
    raw_sql("UPDATE job_lane SET wake_at = wake_at WHERE lane = 'openai'").execute(&mut *journal).await.unwrap();
    let (database, org, now) = (store.database.clone(), store.ours, store.now());
    let redriving = tokio::spawn(async move {
        let mut tx = database.begin().await.unwrap();
        let redriven = tx.org(org).jobs().redrive_all(&ids, now).await.unwrap();
        tx.commit().await.unwrap();
        redriven
    });
    somebody_waits(&mut journal).await;
    raw_sql("SELECT FROM job_lane WHERE lane = 'stripe' FOR UPDATE NOWAIT").execute(&mut *journal).await.unwrap();
    journal.commit().await.unwrap();
    assert_eq!(redriving.await.unwrap(), 2);
}

#[tokio::test]
async fn a_job_that_somebody_holds_for_a_moment_is_not_passed_over_for_good() {
    let Some(store) = Store::postgres().await else { return };
    let jobs: Vec<_> = (0..3)
        .map(|_| {
            store.tick();
            store.task("openai")
        })
        .collect();
    let ids = enqueue(&store, &jobs).await;
    let mut other = server(&store).connect("postgres").await;
    let mut cancelling = other.begin().await.unwrap();
    lock(&mut cancelling, ids[0]).await;
    assert_eq!(claim(&store.database, store.now(), 1).await.jobs.len(), 2, "nobody waits for it");
    cancelling.rollback().await.unwrap();
    let left = claim(&store.database, store.now(), 2).await.jobs;
    assert_eq!(left.iter().map(|job| job.id).collect::<Vec<_>>(), [ids[0]]);
}
