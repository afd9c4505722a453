//! What a process remembers of the connections that it renews. A connection with nothing to remember has no slot.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use super::{RefreshError, Stored};
use crate::{Tokens, backoff::Calm};

/// What a flight ends with.
pub(crate) type Landing = Result<Stored, RefreshError>;

/// What joins a flight.
pub(crate) type Flight = watch::Receiver<Option<Landing>>;

/// What became of the wish to join.
pub(crate) enum Joined {
    /// Its landing will be here.
    Flight(Flight),
    /// There is none: the last one failed a moment ago.
    Resting(RefreshError),
}

/// New tokens that the database did not take, and the version that they follow.
pub(crate) struct Unsaved {
    pub(crate) based_on: u64,
    pub(crate) tokens: Arc<Tokens>,
}

pub(crate) struct Slot {
    pub(crate) flight: Option<Flight>,
    pub(crate) calm: Option<Calm>,
    pub(crate) unsaved: Option<Unsaved>,
}

/// All slots.
pub(crate) struct Slots<K>(Mutex<HashMap<K, Slot>>);

impl<K> Default for Slots<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash + Clone> Slots<K> {
    /// Works on a connection's slot, which goes away if there is nothing in it afterwards.
    pub(crate) fn with<T>(&self, key: &K, work: impl FnOnce(&mut Slot) -> T) -> T {
        let mut slots = self.lock();
        let slot = slots.entry(key.clone()).or_insert(Slot { flight: None, calm: None, unsaved: None });
        let result = work(slot);
        if slot.flight.is_none() && slot.calm.is_none() && slot.unsaved.is_none() {
            slots.remove(key);
        }
        result
    }

    /// The flights under way.
    pub(crate) fn flights(&self) -> Vec<Flight> {
        self.lock().values().filter_map(|slot| slot.flight.clone()).collect()
    }

    /// Forgets all but a flight under way.
    pub(crate) fn forget(&self, key: &K) {
        self.with(key, |slot| (slot.calm, slot.unsaved) = (None, None));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Slot>> {
        // Nothing in here panics half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
