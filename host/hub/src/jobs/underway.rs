//! The jobs that this hub works on.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use patchbay_model::JobId;
use patchbay_storage::Held;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::hub::lock;

/// What is worked on.
#[derive(Clone, Default)]
pub(super) struct Underway(Arc<Inner>);

#[derive(Default)]
struct Inner {
    jobs: Mutex<HashMap<JobId, (Held, CancellationToken)>>,
    count: watch::Sender<Count>,
}

#[derive(Default)]
struct Count {
    /// Jobs that are worked on.
    jobs: usize,
    /// Those who look for jobs, and may have some that they have not begun yet.
    claiming: usize,
    /// How many pieces of work have ended, since the hub began.
    ended: u64,
}

/// A job that is worked on until this is dropped.
pub(super) struct Working {
    underway: Underway,
    pub(super) held: Held,
    /// Somebody does not want it any more.
    pub(super) unwanted: CancellationToken,
}

/// Until this is dropped jobs may be claimed that have not begun yet.
pub(super) struct Claiming(Underway);

impl Underway {
    /// To be held from before a look for what is due until all that was claimed has begun.
    pub(super) fn claim(&self) -> Claiming {
        self.0.count.send_modify(|count| count.claiming += 1);
        Claiming(self.clone())
    }

    pub(super) fn begin(&self, held: Held) -> Working {
        let unwanted = CancellationToken::new();
        let mut jobs = lock(&self.0.jobs);
        jobs.insert(held.id, (held, unwanted.clone()));
        self.0.count.send_modify(|count| count.jobs = jobs.len());
        Working { underway: self.clone(), held, unwanted }
    }

    /// All that are held.
    pub(super) fn held(&self) -> Vec<Held> {
        lock(&self.0.jobs).values().map(|(held, _)| *held).collect()
    }

    /// Breaks off a job, if it is among them.
    pub(super) fn break_off(&self, id: JobId) {
        if let Some((_, unwanted)) = lock(&self.0.jobs).get(&id) {
            unwanted.cancel();
        }
    }

    /// How many pieces of work have ended: each may have made another one due.
    pub(super) fn ended(&self) -> u64 {
        self.0.count.borrow().ended
    }

    /// Waits until nothing is worked on and nothing is claimed.
    pub(super) async fn idle(&self) {
        let mut count = self.0.count.subscribe();
        // cannot fail: the sender is alive as long as `self`
        let _ = count.wait_for(|count| count.jobs == 0 && count.claiming == 0).await;
    }
}

impl Drop for Claiming {
    fn drop(&mut self) {
        self.0.0.count.send_modify(|count| count.claiming -= 1);
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        let mut jobs = lock(&self.underway.0.jobs);
        // one that was taken up anew here meanwhile has another lease
        if jobs.get(&self.held.id).is_some_and(|(held, _)| held.lease == self.held.lease) {
            jobs.remove(&self.held.id);
        }
        self.underway.0.count.send_modify(|count| {
            count.jobs = jobs.len();
            count.ended += 1;
        });
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use patchbay_model::OrgId;
    use uuid::Uuid;

    use super::*;

    fn held(lease: u128) -> Held {
        Held { org: OrgId(Uuid::nil()), id: JobId(Uuid::nil()), lease: Uuid::from_u128(lease) }
    }

    #[test]
    fn a_job_that_was_taken_up_anew_is_still_underway_when_the_first_try_ends() {
        let underway = Underway::default();
        let first = underway.begin(held(1));
        let second = underway.begin(held(2));
        drop(first);
        assert_eq!(underway.held(), [held(2)]);
        assert!(underway.idle().now_or_never().is_none());
        underway.break_off(held(2).id);
        assert!(second.unwanted.is_cancelled());
        drop(second);
        assert!(underway.idle().now_or_never().is_some());
        assert_eq!(underway.ended(), 2);
    }

    #[test]
    fn what_is_claimed_and_not_begun_is_waited_for() {
        let underway = Underway::default();
        let claiming = underway.claim();
        assert!(underway.idle().now_or_never().is_none());
        let working = underway.begin(held(1));
        drop(claiming);
        assert!(underway.idle().now_or_never().is_none());
        drop(working);
        assert!(underway.idle().now_or_never().is_some());
    }
}
