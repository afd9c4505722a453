//! Webhooks in memory: those that are worked on, and those that stand in line for it.
//!
//! They are claimed, and leased where other hubs are. How many there are is bounded by what they take, so that a crowd of large
//! ones is left in the database. While many vendors wait to be answered fewer are worked on at once: a share of the hub is
//! always theirs, and no more than that.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use patchbay_model::webhook::Webhook;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use super::claims::Claim;
use crate::hub::lock;

/// Bytes of a body to each place, of which every webhook has at least one.
const PLACE: usize = 64 * 1024;
/// Places beside those of the ones that are worked on: 16 MiB of bodies at most.
const PLACES: usize = 256;
/// The part of all workers that goes on while many vendors wait.
const SHARE: usize = 8;

/// A webhook that is this hub's to work on.
pub(super) struct Work {
    pub(super) webhook: Arc<Webhook>,
    pub(super) claim: Claim,
    /// Given back when the work is over.
    pub(super) room: OwnedSemaphorePermit,
}

/// The line.
pub(super) struct Line {
    room: Arc<Semaphore>,
    /// At once.
    most_workers: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Work>,
    /// Each takes one after the other.
    workers: usize,
}

impl Line {
    pub(super) fn new(most_workers: usize) -> Self {
        let room = Arc::new(Semaphore::new(most_workers.saturating_add(PLACES).min(Semaphore::MAX_PERMITS)));
        Self { room, most_workers, state: Mutex::default() }
    }

    /// Room for a webhook with so many bytes, if there is some and nobody waits for it.
    pub(super) fn try_room(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.room).try_acquire_many_owned(places(bytes)).ok()
    }

    /// Waits for room for so many small webhooks, which must be no more than there are places.
    pub(super) async fn room(&self, count: usize) -> Result<OwnedSemaphorePermit, AcquireError> {
        let count = u32::try_from(count.min(PLACES)).unwrap_or(u32::MAX);
        Arc::clone(&self.room).acquire_many_owned(count).await
    }

    /// Makes the room of a small webhook that of one with so many bytes.
    pub(super) async fn widened(
        &self,
        mut room: OwnedSemaphorePermit,
        bytes: usize,
    ) -> Result<OwnedSemaphorePermit, AcquireError> {
        let more = places(bytes).saturating_sub(1);
        if more > 0 {
            room.merge(Arc::clone(&self.room).acquire_many_owned(more).await?);
        }
        Ok(room)
    }

    /// Lets it stand in line. True if one more worker is to be started, who counts from now on.
    pub(super) fn push(&self, work: Work, is_crowded: bool) -> bool {
        let mut state = lock(&self.state);
        state.waiting.push_back(work);
        self.one_more(&mut state, is_crowded)
    }

    /// What a worker does next, and whether one more is to be started. Nothing: he counts no longer.
    pub(super) fn next(&self, is_crowded: bool) -> Option<(Work, bool)> {
        let mut state = lock(&self.state);
        let is_wanted = state.workers <= self.most(is_crowded);
        let Some(work) = is_wanted.then(|| state.waiting.pop_front()).flatten() else {
            state.workers = state.workers.saturating_sub(1);
            return None;
        };
        let one_more = self.one_more(&mut state, is_crowded);
        Some((work, one_more))
    }

    fn one_more(&self, state: &mut State, is_crowded: bool) -> bool {
        let is_wanted = !state.waiting.is_empty() && state.workers < self.most(is_crowded);
        state.workers += usize::from(is_wanted);
        is_wanted
    }

    fn most(&self, is_crowded: bool) -> usize {
        if is_crowded { (self.most_workers / SHARE).max(1) } else { self.most_workers }
    }

    /// Takes out all that nobody has begun with.
    pub(super) fn empty(&self) -> VecDeque<Work> {
        std::mem::take(&mut lock(&self.state).waiting)
    }
}

fn places(bytes: usize) -> u32 {
    // no webhook is so large that it would fill the line
    u32::try_from((bytes / PLACE + 1).min(PLACES)).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use patchbay_model::WebhookId;

    use super::*;

    #[test]
    fn a_large_webhook_takes_the_room_of_many_small_ones_and_who_waits_for_room_goes_first() {
        let line = Line::new(1);
        let large = line.try_room(PLACES * PLACE - PLACE).unwrap();
        assert_eq!((large.num_permits(), line.room.available_permits()), (PLACES, 1));
        let mut waiting = Box::pin(line.room(2));
        assert!((&mut waiting).now_or_never().is_none());
        assert!(line.try_room(0).is_none(), "somebody waits for what is left");
        drop(large);
        let mut room = waiting.now_or_never().unwrap().unwrap();
        let one = room.split(1).unwrap();
        let widened = line.widened(one, 3 * PLACE).now_or_never().unwrap().unwrap();
        assert_eq!((widened.num_permits(), room.num_permits()), (4, 1));
    }

    #[test]
    fn a_worker_is_wanted_until_there_are_enough_and_leaves_when_nothing_is_left() {
        let (line, scene) = (Line::new(2), Scene::default());
        assert_eq!([(); 3].map(|()| line.push(scene.work(&line), false)), [true, true, false]);
        for _ in 0..3 {
            assert!(matches!(line.next(false), Some((_, false))));
        }
        assert!(line.next(false).is_none());
        assert!(line.push(scene.work(&line), false), "one has left");
        assert_eq!(line.empty().len(), 1);
        assert!(line.next(false).is_none());
        assert!(scene.claims.idle().now_or_never().is_some());
    }

    #[test]
    fn while_many_vendors_wait_a_share_of_the_workers_goes_on_and_calls_the_others_back_afterwards() {
        let (line, scene) = (Line::new(2 * SHARE), Scene::default());
        assert_eq!([(); 4].map(|()| line.push(scene.work(&line), true)), [true, true, false, false]);
        assert!(line.push(scene.work(&line), false), "nobody waits now");
        assert!(line.next(true).is_none(), "one too many");
        assert!(matches!(line.next(true), Some((_, false))));
        assert!(matches!(line.next(false), Some((_, true))));
        assert!(matches!(line.next(false), Some((_, true))));
    }

    #[derive(Default)]
    struct Scene {
        claims: crate::webhooks::Claims,
        ids: std::cell::Cell<u128>,
    }

    impl Scene {
        fn work(&self, line: &Line) -> Work {
            self.ids.set(self.ids.get() + 1);
            let claim = self.claims.claim(WebhookId(uuid::Uuid::from_u128(self.ids.get()))).unwrap();
            Work { webhook: Arc::new(webhook()), claim, room: line.try_room(1).unwrap() }
        }
    }

    fn webhook() -> Webhook {
        let id = WebhookId(uuid::Uuid::nil());
        Webhook {
            id,
            org: patchbay_model::OrgId(uuid::Uuid::nil()),
            installation: patchbay_model::InstallationId(uuid::Uuid::nil()),
            plugin: "demo".parse().unwrap(),
            vendor_id: "evt_1".to_owned(),
            kind: String::new(),
            occurred_at: None,
            method: "POST".to_owned(),
            url: String::new(),
            headers: Vec::new(),
            body: Vec::new(),
            status: patchbay_model::webhook::WebhookStatus::Pending,
            reason: None,
            attempts: 0,
            next_attempt_at: None,
            received_at: patchbay_model::Timestamp::UNIX_EPOCH,
            replay: None,
        }
    }
}
