//! What vendors send in: checked, stored, acknowledged, then worked on until it is done.
//!
//! What is acknowledged is committed, so a vendor's retry is never the hub's way to remember. Work is at
//! least once: a repeat of a webhook is dropped by its vendor's id, a repeat of its work only happens
//! after a failure or a crash.
//!
//! Who works on a webhook claims it (`claims.rs`). On a database that several hubs share it takes a lease as well: the
//! webhook is not due again before the work must have ended, so that another hub takes it up only if this one
//! is gone. A hub that has its database to itself needs none, and takes up after a crash at once.
//!
//! Taking in goes before working off. What was stored is handed on in memory (`line.rs`) as long as there is room, and is
//! worked on with a low priority; what finds no room stays in the database, and `worker.rs` takes it up, many at once, when
//! there is some.

mod claims;
mod held;
mod in_any_case;
mod in_line;
mod line;
mod process;
pub(crate) mod receive;
pub(crate) mod replay;
pub(crate) mod shared;
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
use tokio::sync::Notify;

use claims::Claims;
pub(crate) use held::Held;
use line::Line;

/// For what a lease has to cover beside the call: waiting in line and for a thread, committing, clocks that differ.
const LEASE_RESERVE: Duration = Duration::from_secs(60);
/// The part of it that must be left when the work begins.
const LEASE_LEFT: Duration = Duration::from_secs(30);

/// The state of background work on webhooks.
pub(crate) struct Queue {
    claims: Claims,
    /// Those that this hub has in memory.
    line: Line,
    /// Those that are nowhere else.
    held: Held,
    wake: Arc<Notify>,
    /// The earliest due time that is known, in microseconds.
    next_due: AtomicI64,
    /// Other hubs look for work in the same database.
    shared: bool,
}

impl Queue {
    /// `capacity`: how many are worked on at once.
    pub(crate) fn new(capacity: usize, held: Held, shared: bool) -> Self {
        Self {
            claims: Claims::default(),
            line: Line::new(capacity.max(1)),
            held,
            wake: Arc::default(),
            next_due: AtomicI64::new(i64::MAX),
            shared,
        }
    }

    /// When a webhook whose work begins now is due again: at once where nobody else could take it up.
    fn lease(&self, now: Timestamp, longest_work: Duration) -> Timestamp {
        if self.shared { now + longest_work + LEASE_RESERVE } else { now }
    }

    /// True if a webhook with this lease can be worked on from now on without somebody else taking it up meanwhile.
    fn covers(&self, lease: Option<Timestamp>, now: Timestamp, longest_work: Duration) -> bool {
        !self.shared || lease.is_some_and(|lease| now + longest_work + LEASE_LEFT <= lease)
    }

    /// Tells the worker of work that is due at this time.
    fn due_at(&self, at: Timestamp) {
        let at = at.timestamp_micros();
        if self.next_due.fetch_min(at, Ordering::SeqCst) > at {
            self.wake.notify_one();
        }
    }
}
