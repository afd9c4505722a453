//! Whose turn it is, and how many of one lane run at once.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Duration;
use patchbay_model::{
    OrgId,
    job::{NewJob, Priority},
};
use patchbay_storage::{Claims, JobEnd};

use super::LEASE;
use crate::Store;

pub async fn a_backlog_of_one_org_delays_another_one_by_a_turn(store: Store) {
    store.enqueue_tasks(store.ours, "openai", 500).await;
    store.enqueue_tasks(store.theirs, "openai", 3).await;
    let first = store.claim(10, 1, 1).await;
    let of = |claims: &Claims, org: OrgId| claims.jobs.iter().filter(|job| job.org == org).count();
    assert_eq!((of(&first, store.ours), of(&first, store.theirs)), (5, 3), "both are served at once");
    assert_eq!((first.lanes, first.more), (2, false), "and there is no other");
    assert_eq!(store.claim(10, 1, 2).await.lanes, 0, "each lane is served once in a round");
    let second = store.claim(10, 3, 3).await;
    assert_eq!((of(&second, store.ours), second.lanes), (10, 1), "an empty lane is not looked at");
    store.enqueue_tasks(store.theirs, "stripe", 1).await;
    let third = store.claim(1, 4, 4).await;
    assert_eq!(of(&third, store.theirs), 1, "who was served longest ago goes first");
    assert!(third.more, "the other one waits");
}

pub async fn plugins_of_one_org_take_turns_too(store: Store) {
    store.enqueue_tasks(store.ours, "openai", 50).await;
    store.enqueue_tasks(store.ours, "stripe", 50).await;
    let claims = store.claim(20, 1, 1).await;
    let mut lanes = BTreeMap::new();
    for job in &claims.jobs {
        *lanes.entry(job.lane.as_str()).or_insert(0) += 1;
    }
    assert_eq!(lanes, BTreeMap::from([("openai", 10), ("stripe", 10)]));
}

/// A claim begins where the one before found that something waits.
pub async fn what_is_due_before_all_that_was_looked_at_is_not_overlooked(store: Store) {
    let due = |seconds| NewJob { due_at: store.now() - Duration::seconds(seconds), ..store.task("openai") };
    let early = [due(10), due(9), due(8)];
    store.enqueue(store.ours, &early).await;
    assert_eq!(store.claim(2, 1, 1).await.jobs.len(), 2);
    let earlier = due(60);
    store.enqueue(store.ours, std::slice::from_ref(&earlier)).await;
    assert_eq!(store.claim(1, 2, 2).await.jobs[0].id, earlier.id, "one that was made since");
    assert_eq!(store.claim(10, 3, 3).await.jobs[0].id, early[2].id);
    assert_eq!(store.claim(10, 4, 4).await.jobs, [], "and there is no other");

    // nobody prolongs any of them
    store.clock.advance(LEASE + Duration::seconds(1));
    let later = store.task("openai");
    store.enqueue(store.ours, std::slice::from_ref(&later)).await;
    let taken: BTreeSet<_> = store.claim(10, 5, 5).await.jobs.iter().map(|job| (job.id, job.attempts)).collect();
    let wanted = [(earlier.id, 2), (early[0].id, 2), (early[1].id, 2), (early[2].id, 2), (later.id, 1)];
    assert_eq!(taken, BTreeSet::from(wanted), "what a hub left that is gone");

    let next = [due(0), due(-60)];
    store.enqueue(store.ours, &next).await;
    assert_eq!(store.claim(10, 6, 6).await.jobs.len(), 1);
    let later = JobEnd::Later { due_at: store.now() - Duration::seconds(90), error: None };
    assert!(store.settle(store.ours, &store.outcome(next[0].id, 6, later)).await);
    assert_eq!(store.claim(10, 7, 7).await.jobs[0].id, next[0].id, "one that comes back");
    store.clock.advance(Duration::seconds(60));
    let left: Vec<_> = store.claim(10, 8, 8).await.jobs.iter().map(|job| job.id).collect();
    assert!(left.contains(&next[1].id), "and one whose time has come");
}

pub async fn what_is_more_urgent_goes_first_and_then_what_has_waited_longest(store: Store) {
    let job = |priority, seconds| NewJob {
        priority,
        due_at: store.now() - Duration::seconds(seconds),
        ..store.task("openai")
    };
    let jobs = [
        job(Priority::Low, 90),
        job(Priority::Normal, 10),
        job(Priority::Normal, 20),
        job(Priority::High, 1),
        job(Priority::High, -60),
    ];
    store.enqueue(store.ours, &jobs).await;
    let mut order = Vec::new();
    for turn in 1..=5 {
        order.extend(store.claim(1, turn, turn).await.jobs.into_iter().map(|job| job.id));
    }
    assert_eq!(order, [jobs[3].id, jobs[2].id, jobs[1].id, jobs[0].id], "and what is not due is not done");
    store.clock.advance(Duration::seconds(61));
    let now = store.claim(10, 9, 9).await;
    assert!(now.jobs.iter().any(|job| job.id == jobs[4].id), "it is now, and the leases of the others have ended");
    assert_eq!(now.jobs.len(), 5);
}

pub async fn no_more_of_a_lane_run_than_may(store: Store) {
    let jobs: Vec<_> = (0..5).map(|_| NewJob { concurrency: Some(2), ..store.task("openai") }).collect();
    store.enqueue(store.ours, &jobs).await;
    let first = store.claim(10, 1, 1).await;
    assert_eq!(first.jobs.len(), 2);
    assert_eq!(store.claim(10, 2, 2).await.jobs, []);
    assert!(store.settle(store.ours, &store.outcome(first.jobs[0].id, 1, JobEnd::Done(None))).await);
    let next = store.claim(10, 3, 3).await;
    assert_eq!(next.jobs.len(), 1, "one that ends makes room for one");
    // a hub that is gone settles nothing, but its leases end
    store.clock.advance(LEASE + Duration::seconds(1));
    assert_eq!(store.claim(10, 4, 4).await.jobs.len(), 2);
}
