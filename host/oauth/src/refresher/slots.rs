//! What a process remembers of the connections that it renews. A connection with nothing to remember has no slot.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use super::{RefreshError, Stored};
use crate::{OauthClient, Tokens, backoff::Calm};

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

/// New tokens that are not stored yet, the version that they follow, and the right to be the one who stores them, which is
/// held for as long as they are not.
pub(crate) struct Unsaved<L> {
    pub(crate) based_on: u64,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) lease: L,
    pub(crate) client: Arc<OauthClient>,
}

pub(crate) struct Slot<L> {
    pub(crate) flight: Option<Flight>,
    pub(crate) calm: Option<Calm>,
    /// What the database did not take when it should have.
    pub(crate) unsaved: Option<Arc<Unsaved<L>>>,
}

impl<L> Slot<L> {
    /// True if these tokens still wait to be stored.
    pub(crate) fn keeps(&self, unsaved: &Arc<Unsaved<L>>) -> bool {
        self.unsaved.as_ref().is_some_and(|kept| Arc::ptr_eq(kept, unsaved))
    }
}

/// All slots.
pub(crate) struct Slots<K, L>(Mutex<HashMap<K, Slot<L>>>);

impl<K, L> Default for Slots<K, L> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash + Clone, L> Slots<K, L> {
    /// Works on a connection's slot, which goes away if there is nothing in it afterwards.
    pub(crate) fn with<T>(&self, key: &K, work: impl FnOnce(&mut Slot<L>) -> T) -> T {
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

    /// All that waits to be stored.
    pub(crate) fn unsaved(&self) -> Vec<(K, Arc<Unsaved<L>>)> {
        let slots = self.lock();
        let unsaved = slots.iter().filter_map(|(key, slot)| Some((key.clone(), Arc::clone(slot.unsaved.as_ref()?))));
        unsaved.collect()
    }

    /// Forgets all but a flight under way; gives what waited to be stored.
    pub(crate) fn forget(&self, key: &K) -> Option<Arc<Unsaved<L>>> {
        self.with(key, |slot| {
            slot.calm = None;
            slot.unsaved.take()
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Slot<L>>> {
        // Nothing in here panics half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
