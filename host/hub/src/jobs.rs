//! Durable background work: plugins' tasks, actions that nobody waits for, events for plugins, and work of the hub itself.
//!
//! A job is done step by step. A step's effects (its run, documents, events, usage, the jobs that it makes) and what becomes of
//! the job are one transaction under the lease that the job was taken with: they are stored once, or not at all. A hub that is
//! gone loses its leases, and another one does the step again; one that is merely slow finds its lease gone when it commits.
//! What a step does at a vendor is another matter: at least once, except for actions, whose writes are done once
//! ([`crate::idempotency`]).
//!
//! Who goes next is decided in the database ([`patchbay_storage::ClaimJobs`]), because several hubs share it. Rejected: a broker
//! beside the database (two stores that a crash tears apart), and a queue per kind of work (fairness would end at its edge).

mod accept;
mod action;
mod begin_anew;
mod cancel;
mod heartbeat;
pub(crate) mod host;
mod outcome;
mod redrive_all;
mod step;
mod sync;
mod underway;
pub(crate) mod worker;

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use patchbay_model::{JobId, Timestamp, job::JobCaller};
use tokio::sync::{Notify, Semaphore};

use self::{host::HostJobs, redrive_all::RedriveAll, underway::Underway};
use crate::{auth::Caller, billing::GraceJob, exports::ExportJob};

/// How long a job is held without being prolonged: as long as it takes until another hub takes up what this one left.
const LEASE: Duration = Duration::from_secs(30);
/// How often what is held is prolonged.
const BEAT: Duration = Duration::from_secs(10);

/// The state of background work on jobs.
pub(crate) struct Queue {
    /// Jobs that may run at once.
    permits: Arc<Semaphore>,
    /// At most so many of one lane, and fewer if it says so itself.
    lane_cap: u32,
    wake: Arc<Notify>,
    /// The earliest due time that is known, in microseconds.
    next_due: AtomicI64,
    /// The turn that was given last.
    turn: AtomicI64,
    underway: Underway,
    host: HostJobs,
}

impl Queue {
    pub(crate) fn new(concurrency: usize, lane_cap: u32, host: HostJobs) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(concurrency.max(1))),
            lane_cap: lane_cap.max(1),
            wake: Arc::default(),
            next_due: AtomicI64::new(i64::MAX),
            turn: AtomicI64::new(0),
            underway: Underway::default(),
            host,
        }
    }

    /// Tells the worker of work that is due at this time.
    pub(crate) fn due_at(&self, at: Timestamp) {
        self.next_due.fetch_min(at.timestamp_micros(), Ordering::SeqCst);
        self.wake.notify_one();
    }

    /// Breaks off a job that nobody wants any more, if it runs here.
    pub(crate) fn break_off(&self, id: JobId) {
        self.underway.break_off(id);
    }

    /// A number greater than each before, and about the present time, so that those of several hubs go on from each other.
    fn next_turn(&self, now: Timestamp) -> i64 {
        let now = now.timestamp_micros();
        let next = |last: i64| Some(now.max(last.saturating_add(1)));
        let last = self.turn.fetch_update(Ordering::SeqCst, Ordering::SeqCst, next).unwrap_or_else(|last| last);
        now.max(last.saturating_add(1))
    }
}

/// What the hub itself does as jobs.
pub(crate) fn host_jobs() -> HostJobs {
    HostJobs::new(vec![
        Box::new(RedriveAll),
        Box::new(ExportJob),
        Box::new(GraceJob),
        #[cfg(test)]
        Box::new(tests::Counter::default()),
    ])
}

impl From<Caller> for JobCaller {
    fn from(caller: Caller) -> Self {
        let Caller { actor, permissions, spends_as, .. } = caller;
        Self { actor, permissions, spends_as }
    }
}

#[cfg(test)]
mod tests;
