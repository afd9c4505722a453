//! What vendors send in: checked, stored, acknowledged, then worked on until it is done.
//!
//! What is acknowledged is committed, so a vendor's retry is never the hub's way to remember. Work is at
//! least once: a repeat of a webhook is dropped by its vendor's id, a repeat of its work only happens
//! after a failure or a crash.
//!
//! Who works on a webhook claims it (`claims.rs`). On a database that several hubs share it takes a lease as well: the
//! webhook is not due again before the work must have ended, so that another hub takes it up only if this one
//! is gone. A hub that has its database to itself needs none, and takes up after a crash at once.

mod claims;
mod in_line;
mod process;
pub(crate) mod receive;
pub(crate) mod replay;
mod verify_anew;
mod version;
pub(crate) mod worker;

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use patchbay_model::Timestamp;
use tokio::sync::{Notify, Semaphore};

use claims::Claims;

/// For what a lease has to cover beside the call: waiting for a thread, committing, clocks that differ.
const LEASE_RESERVE: Duration = Duration::from_secs(60);

/// The state of background work on webhooks.
pub(crate) struct Queue {
    claims: Claims,
    /// Work in the background at once.
    permits: Arc<Semaphore>,
    capacity: usize,
    wake: Arc<Notify>,
    /// The earliest due time that is known, in microseconds.
    next_due: AtomicI64,
    /// Other hubs look for work in the same database.
    shared: bool,
}

impl Queue {
    pub(crate) fn new(capacity: usize, shared: bool) -> Self {
        let capacity = capacity.max(1);
        Self {
            claims: Claims::default(),
            permits: Arc::new(Semaphore::new(capacity)),
            capacity,
            wake: Arc::default(),
            next_due: AtomicI64::new(i64::MAX),
            shared,
        }
    }

    /// When a webhook whose work begins now is due again: at once where nobody else could take it up.
    fn lease(&self, now: Timestamp, longest_call: Duration) -> Timestamp {
        if self.shared { now + longest_call + LEASE_RESERVE } else { now }
    }

    /// Tells the worker of work that is due at this time.
    fn due_at(&self, at: Timestamp) {
        let at = at.timestamp_micros();
        if self.next_due.fetch_min(at, Ordering::SeqCst) > at {
            self.wake.notify_one();
        }
    }
}
