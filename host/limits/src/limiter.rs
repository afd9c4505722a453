//! The limits of one request, wherever they are counted.

use std::{sync::Arc, time::Duration};

use governor::clock::DefaultClock;
use patchbay_model::rate::Rate;

use crate::{key::LimitKey, memory::Memory, store::Store};

/// A limit that a request counts against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Whose requests.
    pub key: LimitKey,
    /// How many of them.
    pub rate: Rate,
}

/// How a limit stands after a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The kind of limit, as in [`LimitKey::name`].
    pub name: &'static str,
    /// How many in how long.
    pub rate: Rate,
    /// How many may come right now.
    pub remaining: u32,
    /// Until as many may come at once as the limit says.
    pub reset: Duration,
}

impl Standing {
    pub(crate) fn new(wanted: &Wanted, remaining: u32) -> Self {
        let used = wanted.rate.requests().get().saturating_sub(remaining);
        let reset = wanted.rate.interval().saturating_mul(used);
        Self { name: wanted.key.name(), rate: wanted.rate, remaining, reset }
    }

    pub(crate) fn used_up(wanted: &Wanted, wait: Duration) -> Self {
        let most = wanted.rate.window();
        let reset = wait.saturating_add(most.saturating_sub(wanted.rate.interval())).min(most);
        Self { reset, ..Self::new(wanted, 0) }
    }
}

/// Whether a request may go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may; how each of its limits stands, in their order.
    Allowed(Vec<Standing>),
    /// It may not.
    Refused {
        /// The limit that was reached.
        by: Standing,
        /// After how long it may.
        wait: Duration,
    },
}

/// Counts requests.
pub struct Limiter {
    memory: Memory<DefaultClock>,
    store: Option<Arc<Store>>,
}

impl Limiter {
    /// Counts in memory, or together with other hubs in a store.
    #[must_use]
    pub fn new(store: Option<Arc<Store>>) -> Self {
        Self { memory: Memory::new(DefaultClock::default()), store }
    }

    /// Counts a request against these limits, the narrowest first: what one of them refuses is not counted against
    /// those after it.
    pub async fn check(&self, wanted: &[Wanted]) -> Verdict {
        if wanted.is_empty() {
            return Verdict::Allowed(Vec::new());
        }
        if let Some(store) = &self.store
            && let Some(verdict) = store.check(wanted).await
        {
            return verdict;
        }
        self.memory.check(wanted)
    }
}

impl std::fmt::Debug for Limiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limiter").field("store", &self.store).finish_non_exhaustive()
    }
}
