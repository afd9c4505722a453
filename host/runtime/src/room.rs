//! Who may run how many calls at once.
//!
//! A call that waits for a silent vendor holds its place for as long as its timeout, so places are what one org can
//! take from all others. An org has its own bound, and the last places are kept for orgs that have few calls
//! running: even several orgs that use up all they may leave room for everybody else.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;

use crate::capabilities::storage::Places;

/// The part of all places that is kept back.
const RESERVE: u32 = 8;

/// The part of its own places up to which an org has few calls running.
const FEW: u32 = 16;

/// The places of all orgs.
#[derive(Debug)]
pub(crate) struct Room {
    open: Semaphore,
    reserve: Semaphore,
    per_org: u32,
}

/// What all calls of one org share.
#[derive(Debug)]
pub(crate) struct OrgShare {
    calls: Arc<Semaphore>,
    /// Calls up to which the reserve is open, this one included.
    few: usize,
    per_org: u32,
    /// Set when the org is gone: its calls end.
    pub(crate) gone: CancellationToken,
    /// Its places in front of the database.
    pub(crate) places: Places,
}

impl Room {
    /// Room for `calls` at once, `per_org` of them of one org: half of all if nothing is said. At least 1 of each.
    pub(crate) fn new(calls: u32, per_org: Option<u32>) -> Self {
        let calls = calls.max(1);
        let reserve = calls / RESERVE;
        Self {
            open: Semaphore::new(calls.saturating_sub(reserve) as usize),
            reserve: Semaphore::new(reserve as usize),
            per_org: per_org.unwrap_or(calls / 2).clamp(1, calls),
        }
    }

    /// Calls of one org at once.
    pub(crate) const fn per_org(&self) -> u32 {
        self.per_org
    }

    /// The share of one more org.
    pub(crate) fn org(&self) -> OrgShare {
        OrgShare {
            calls: Arc::new(Semaphore::new(self.per_org as usize)),
            few: (self.per_org / FEW).max(1) as usize,
            per_org: self.per_org,
            gone: CancellationToken::new(),
            places: Places::default(),
        }
    }

    /// Waits for a place. The org's own has been taken before.
    pub(crate) async fn enter(&self, org: &OrgShare) -> Option<SemaphorePermit<'_>> {
        let may_use_reserve = org.running() <= org.few;
        let place = tokio::select! {
            biased;
            place = self.open.acquire() => place,
            place = self.reserve.acquire(), if may_use_reserve => place,
        };
        // they are never closed
        place.ok()
    }
}

impl OrgShare {
    /// One of the org's own places, if there is one.
    pub(crate) fn enter(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.calls).try_acquire_owned().ok()
    }

    /// Calls that this org may run at once.
    pub(crate) const fn limit(&self) -> u32 {
        self.per_org
    }

    fn running(&self) -> usize {
        (self.per_org as usize).saturating_sub(self.calls.available_permits())
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[test]
    fn an_org_gets_half_unless_something_is_said() {
        assert_eq!(Room::new(1_000, None).per_org(), 500);
        assert_eq!(Room::new(1_000, Some(200)).per_org(), 200);
        assert_eq!(Room::new(10, Some(200)).per_org(), 10);
        assert_eq!(Room::new(1, None).per_org(), 1);
    }

    #[test]
    fn orgs_that_take_all_they_may_leave_room_for_another() {
        let room = Room::new(16, None);
        let (first, second, quiet) = (room.org(), room.org(), room.org());
        let mut held = Vec::new();
        for org in [&first, &second].into_iter().cycle().take(16) {
            held.push((org.enter().expect("a place of its own"), room.enter(org).now_or_never()));
        }
        assert!(first.enter().is_none() && second.enter().is_none());
        assert_eq!(held.iter().filter(|(_, place)| place.is_some()).count(), 14, "the last two are kept back");
        let _own = quiet.enter().expect("a place of its own");
        assert!(room.enter(&quiet).now_or_never().is_some());
    }

    #[test]
    fn the_smallest_hub_runs_a_call() {
        let room = Room::new(1, None);
        let org = room.org();
        let _own = org.enter().expect("a place");
        assert!(room.enter(&org).now_or_never().is_some());
    }
}
