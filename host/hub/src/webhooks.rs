//! What vendors send in: checked, stored, acknowledged, then worked on until it is done.
//!
//! What is acknowledged is committed, so a vendor's retry is never the hub's way to remember. Work is at
//! least once: a repeat of a webhook is dropped by its vendor's id, a repeat of its work only happens
//! after a failure or a crash.

mod backoff;
mod claims;
mod process;
pub(crate) mod receive;
mod replay;
pub(crate) mod worker;

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use patchbay_model::Timestamp;
use tokio::sync::{Notify, Semaphore};

use claims::Claims;

/// The state of background work on webhooks.
pub(crate) struct Queue {
    claims: Claims,
    /// Work in the background at once.
    permits: Arc<Semaphore>,
    capacity: usize,
    wake: Arc<Notify>,
    /// The earliest due time that is known, in microseconds.
    next_due: AtomicI64,
}

impl Queue {
    pub(crate) fn new(capacity: usize) -> Self {
        let capacity = capacity.max(1);
        Self {
            claims: Claims::default(),
            permits: Arc::new(Semaphore::new(capacity)),
            capacity,
            wake: Arc::default(),
            next_due: AtomicI64::new(i64::MAX),
        }
    }

    /// Tells the worker of work that is due at this time.
    fn due_at(&self, at: Timestamp) {
        let at = at.timestamp_micros();
        if self.next_due.fetch_min(at, Ordering::SeqCst) > at {
            self.wake.notify_one();
        }
    }
}
