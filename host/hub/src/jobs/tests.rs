//! Work of the hub itself, step by step, on a clock that stands still.

use std::{
    ops::Range,
    sync::atomic::{AtomicBool, Ordering},
};

use chrono::Duration;
use futures::future::BoxFuture;
use patchbay_model::{
    Code, EventId, Failure, OrgId,
    event::Event,
    job::{Job, JobStatus, NewJob},
    org::Org,
};
use patchbay_storage::{ClaimJobs, Tx};
use serde_json::json;
use uuid::Uuid;

use super::{
    BEAT, LEASE,
    host::{Effects, HostJob, HostNext, HostStep, HostWork},
    step::MOST_LOST,
};
use crate::{JobFilter, hub::Inner, testing::TestHub};
use patchbay_model::{Clock as _, JobId};

/// Publishes an event in each of three steps; its payload says what goes wrong on the way.
#[derive(Default)]
pub(super) struct Counter {
    has_lost: AtomicBool,
}

impl HostJob for Counter {
    fn name(&self) -> &'static str {
        "counter"
    }

    fn step<'a>(&'a self, hub: &'a Inner, work: HostWork) -> BoxFuture<'a, Result<HostStep, Failure>> {
        Box::pin(async move {
            let number: u32 = work.cursor.as_deref().map_or(0, |cursor| cursor.parse().unwrap()) + 1;
            let HostWork { org, payload, .. } = work;
            if payload == "\"lose\"" && number == 2 && !self.has_lost.swap(true, Ordering::SeqCst) {
                // as if it had taken so long that another hub took the job up
                let mut tx = hub.database.begin().await?;
                tx.hub().let_go_of_jobs(hub.clock.now()).await?;
                tx.commit().await?;
            }
            if payload == "\"wait\"" {
                return Err(
                    Failure::new(Code::VendorRateLimited, "a pause").retry_after(std::time::Duration::from_secs(60))
                );
            }
            let event = event(hub, org, number);
            let effects: Effects = Box::new(move |tx: &mut Tx| {
                Box::pin(async move {
                    tx.org(org).events().append(&event).await?;
                    match payload.as_str() {
                        "\"break\"" if number == 2 => Err(Failure::new(Code::Unavailable, "it broke")),
                        _ => Ok(()),
                    }
                })
            });
            let next = match number {
                3 => HostNext::Done(Some("3".to_owned())),
                _ => HostNext::Again(number.to_string(), Some(number * 333)),
            };
            Ok(HostStep { next, effects: Some(effects) })
        })
    }
}

fn event(hub: &Inner, org: OrgId, number: u32) -> Event {
    Event {
        id: EventId::new(&*hub.clock, &*hub.random),
        org,
        source: None,
        kind: "counter.counted".to_owned(),
        subject: String::new(),
        data: json!(number),
        dedupe: None,
        run: None,
        at: hub.clock.now(),
        hops: 0,
    }
}

impl TestHub {
    async fn host_job(&self, org: &Org, name: &str, payload: &str) -> JobId {
        let hub = &*self.hub.0;
        let id = JobId::new(&*hub.clock, &*hub.random);
        self.enqueue(org, NewJob::host(id, name.to_owned(), payload.to_owned(), hub.clock.now())).await
    }

    async fn enqueue(&self, org: &Org, job: NewJob) -> JobId {
        let id = job.id;
        let mut tx = self.hub.0.database.begin().await.unwrap();
        assert_eq!(tx.org(org.id).jobs().enqueue(&[job]).await.unwrap(), [true]);
        tx.commit().await.unwrap();
        id
    }

    async fn job(&self, org: &Org, id: JobId) -> Job {
        let caller = self.hub.operator(org.id).await.unwrap();
        self.hub.job(&caller, id).await.unwrap()
    }

    /// Hubs take a job up, one after the other, and end in the middle of it.
    async fn lose(&self, id: JobId, turns: Range<u32>) {
        let hub = &*self.hub.0;
        for turn in turns {
            let now = hub.clock.now();
            let wish = ClaimJobs {
                now,
                until: now + LEASE,
                lease: Uuid::from_u128(u128::from(turn) + 1),
                limit: 1,
                lane_cap: 1,
                served_before: hub.jobs.next_turn(now),
                turn: hub.jobs.next_turn(now),
            };
            let mut tx = hub.database.begin().await.unwrap();
            let taken = tx.hub().claim_jobs(&wish).await.unwrap().jobs;
            assert_eq!(taken.iter().map(|job| job.id).collect::<Vec<_>>(), [id], "in turn {turn}");
            tx.commit().await.unwrap();
            // and whoever took it is gone
            self.clock.advance(Duration::seconds(31));
        }
    }

    async fn counted(&self, org: &Org) -> Vec<u64> {
        let mut tx = self.hub.0.database.read().await.unwrap();
        let events = tx.org(org.id).events().list(0, &["counter.counted".to_owned()], 100).await.unwrap();
        events.iter().map(|(_, event)| event.data.as_u64().unwrap()).collect()
    }
}

#[tokio::test]
async fn each_step_is_committed_with_its_cursor() {
    let test = TestHub::open().await;
    let org = test.org().await;
    let id = test.host_job(&org, "counter", "null").await;
    assert_eq!(test.hub.work_due_jobs().await.unwrap(), 3);
    let job = test.job(&org, id).await;
    assert_eq!((job.status, job.result.as_deref(), job.progress), (JobStatus::Done, Some("3"), Some(1_000)));
    assert_eq!(test.counted(&org).await, [1, 2, 3]);
}

#[tokio::test]
async fn a_step_whose_effects_fail_leaves_none_and_is_tried_again_later() {
    let test = TestHub::open().await;
    let org = test.org().await;
    let id = test.host_job(&org, "counter", "\"break\"").await;
    assert_eq!(test.hub.work_due_jobs().await.unwrap(), 2);
    let job = test.job(&org, id).await;
    assert_eq!((job.status, job.attempts, job.cursor.as_deref()), (JobStatus::Queued, 1, Some("1")));
    assert_eq!(job.error, Some(("unavailable".to_owned(), "it broke".to_owned())));
    let wait = job.due_at.unwrap() - test.clock.now();
    assert!((Duration::seconds(4)..=Duration::seconds(6)).contains(&wait), "{wait}");
    assert_eq!(test.counted(&org).await, [1]);
    for _ in 0..10 {
        test.clock.advance(Duration::hours(8));
        test.hub.work_due_jobs().await.unwrap();
    }
    let job = test.job(&org, id).await;
    assert_eq!((job.status, job.attempts), (JobStatus::Failed, 8), "its tries are used up");
    assert_eq!(test.counted(&org).await, [1]);
}

#[tokio::test]
async fn a_step_that_lost_its_job_leaves_nothing_and_is_done_once_more() {
    let test = TestHub::open().await;
    let org = test.org().await;
    if test.hub.0.database.is_shared() {
        return;
    }
    let id = test.host_job(&org, "counter", "\"lose\"").await;
    test.hub.work_due_jobs().await.unwrap();
    assert_eq!(test.job(&org, id).await.status, JobStatus::Done);
    assert_eq!(test.counted(&org).await, [1, 2, 3], "the number that was lost was counted once");
}

#[tokio::test]
async fn work_that_the_hub_does_not_know_fails_and_says_so() {
    let test = TestHub::open().await;
    let org = test.org().await;
    let id = test.host_job(&org, "nothing", "null").await;
    test.hub.work_due_jobs().await.unwrap();
    let job = test.job(&org, id).await;
    assert_eq!((job.status, job.error.unwrap().0), (JobStatus::Failed, "not_found".to_owned()));
    let mut tx = test.hub.0.database.read().await.unwrap();
    let failed = tx.org(org.id).events().list(0, &["job.failed".to_owned()], 10).await.unwrap();
    assert_eq!(failed.iter().map(|(_, event)| event.subject.clone()).collect::<Vec<_>>(), [id.to_string()]);
}

#[tokio::test]
async fn work_that_hubs_do_not_survive_is_given_up() {
    let test = TestHub::open().await;
    let org = test.org().await;
    let hub = &*test.hub.0;
    let id = JobId::new(&*hub.clock, &*hub.random);
    let job = NewJob::host(id, "counter".to_owned(), "null".to_owned(), hub.clock.now());
    test.enqueue(&org, NewJob { attempts: 2, ..job }).await;
    test.lose(id, 0..MOST_LOST).await;
    test.hub.work_due_jobs().await.unwrap();
    let job = test.job(&org, id).await;
    assert_eq!((job.status, job.error.unwrap().0), (JobStatus::Failed, "unavailable".to_owned()));
    assert_eq!(test.counted(&org).await, [] as [u64; 0]);
}

#[tokio::test]
async fn tries_that_ended_with_their_hub_are_not_those_that_a_step_has() {
    let test = TestHub::open().await;
    let org = test.org().await;
    let hub = &*test.hub.0;
    let id = JobId::new(&*hub.clock, &*hub.random);
    let job = NewJob::host(id, "counter".to_owned(), "\"break\"".to_owned(), hub.clock.now());
    test.enqueue(&org, NewJob { attempts: 2, ..job }).await;
    test.lose(id, 0..MOST_LOST - 1).await;
    // its first step ends well, its second fails
    assert_eq!(test.hub.work_due_jobs().await.unwrap(), 2);
    let job = test.job(&org, id).await;
    assert_eq!((job.status, job.attempts, job.cursor.as_deref()), (JobStatus::Queued, 1, Some("1")));
    test.clock.advance(Duration::seconds(7));
    test.lose(id, MOST_LOST..MOST_LOST + 5).await;
    test.hub.work_due_jobs().await.unwrap();
    let job = test.job(&org, id).await;
    assert_eq!((job.status, job.attempts), (JobStatus::Failed, 2), "the second that failed was the last");
    assert_eq!(job.error, Some(("unavailable".to_owned(), "it broke".to_owned())));
}

#[tokio::test]
async fn a_pause_costs_no_try_in_the_first_week_and_does_not_go_on_for_ever() {
    let test = TestHub::open().await;
    let org = test.org().await;
    let id = test.host_job(&org, "counter", "\"wait\"").await;
    for _ in 0..20 {
        assert_eq!(test.hub.work_due_jobs().await.unwrap(), 1);
        let job = test.job(&org, id).await;
        assert_eq!((job.status, job.attempts), (JobStatus::Queued, 0));
        test.clock.advance(Duration::hours(8));
    }
    test.clock.advance(Duration::days(1));
    for _ in 0..8 {
        test.hub.work_due_jobs().await.unwrap();
        test.clock.advance(Duration::hours(8));
    }
    let job = test.job(&org, id).await;
    assert_eq!((job.status, job.error.unwrap().0), (JobStatus::Failed, "vendor_rate_limited".to_owned()));
}

#[tokio::test]
async fn a_job_that_was_cancelled_while_a_hub_did_it_that_is_gone_is_not_done_again() {
    let test = TestHub::open().await;
    let org = test.org().await;
    let hub = &*test.hub.0;
    let id = test.host_job(&org, "counter", "null").await;
    let now = hub.clock.now();
    let wish = ClaimJobs {
        now,
        until: now + LEASE,
        lease: Uuid::from_u128(1),
        limit: 1,
        lane_cap: 1,
        served_before: 1,
        turn: 1,
    };
    let mut tx = hub.database.begin().await.unwrap();
    assert_eq!(tx.hub().claim_jobs(&wish).await.unwrap().jobs.len(), 1);
    tx.commit().await.unwrap();
    let caller = test.hub.operator(org.id).await.unwrap();
    assert!(test.hub.cancel_job(&caller, id).await.unwrap().is_unwanted, "a step of it is being done");
    test.clock.advance(Duration::seconds(31));
    assert_eq!(test.hub.work_due_jobs().await.unwrap(), 1);
    assert_eq!(test.job(&org, id).await.status, JobStatus::Cancelled);
    assert_eq!(test.counted(&org).await, [] as [u64; 0]);
}

#[tokio::test]
async fn all_that_failed_is_begun_anew_by_a_job_some_at_a_time() {
    let test = TestHub::open().await;
    let org = test.org().await;
    for _ in 0..3 {
        test.host_job(&org, "nothing", "null").await;
    }
    test.hub.work_due_jobs().await.unwrap();
    let caller = test.hub.operator(org.id).await.unwrap();
    let all = test.hub.redrive_jobs(&caller, None, None, Some("nothing".to_owned())).await.unwrap();
    test.hub.work_due_jobs().await.unwrap();
    assert_eq!(test.job(&org, all.id).await.result.as_deref(), Some(r#"{"redriven":3}"#));
    let filter = JobFilter { status: Some(JobStatus::Failed), ..JobFilter::default() };
    let failed = test.hub.jobs(&caller, filter).await.unwrap().items;
    assert!(failed.len() == 3 && failed.iter().all(|job| job.redriven == 1), "{failed:?}");
}

#[test]
fn a_lease_outlasts_two_beats() {
    assert!(BEAT * 2 < LEASE);
}
