//! What an answer says beside its body: how the caller's rate limits stand, and whether it was given before.
//!
//! Made where a request comes in and filled in wherever that becomes known, because it belongs to the answer whether
//! the request succeeds or not: carried in results, it would have to be in every error too.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use patchbay_limits::Standing;

use crate::hub::lock;

#[derive(Debug, Default)]
struct Notes {
    standings: Mutex<Vec<Standing>>,
    replayed: AtomicBool,
}

/// Notes on one answer. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct AnswerNotes(Arc<Notes>);

impl AnswerNotes {
    /// The rate limits that the request was counted against, as they stand after it.
    #[must_use]
    pub fn standings(&self) -> Vec<Standing> {
        lock(&self.0.standings).clone()
    }

    /// True if the answer is one that was given before.
    #[must_use]
    pub fn is_replayed(&self) -> bool {
        self.0.replayed.load(Ordering::Relaxed)
    }

    /// Adds limits that the request was counted against.
    pub(crate) fn note_standings(&self, standings: Vec<Standing>) {
        lock(&self.0.standings).extend(standings);
    }

    /// Leaves the limit that refused the request: it alone says when to come again.
    pub(crate) fn note_refusal(&self, by: Standing) {
        *lock(&self.0.standings) = vec![by];
    }

    pub(crate) fn note_replayed(&self) {
        self.0.replayed.store(true, Ordering::Relaxed);
    }
}
