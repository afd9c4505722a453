//! Webhooks in memory: those that are worked on, and those that stand in line for it.
//!
//! They are claimed, and leased where other hubs are. How many there are is bounded by what they take, so that a crowd of large
//! ones is left in the database.

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
    pub(super) fn push(&self, work: Work) -> bool {
        let mut state = lock(&self.state);
        state.waiting.push_back(work);
        let is_wanted = state.workers < self.most_workers;
        state.workers += usize::from(is_wanted);
        is_wanted
    }

    /// What a worker does next. Nothing: he counts no longer.
    pub(super) fn next(&self) -> Option<Work> {
        let mut state = lock(&self.state);
        let work = state.waiting.pop_front();
        if work.is_none() {
            state.workers = state.workers.saturating_sub(1);
        }
        work
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
    use patchbay_model::{SeededRandom, SystemClock, WebhookId};

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
        let (line, claims, random) = (Line::new(2), super::super::Claims::default(), SeededRandom::new(1));
        let work = |line: &Line| {
            let claim = claims.claim(WebhookId::new(&SystemClock, &random)).unwrap();
            Work { webhook: Arc::new(webhook()), claim, room: line.try_room(1).unwrap() }
        };
        assert_eq!([(); 3].map(|()| line.push(work(&line))), [true, true, false]);
        assert!(line.next().is_some() && line.next().is_some() && line.next().is_some());
        assert!(line.next().is_none());
        assert!(line.push(work(&line)), "one has left");
        assert_eq!(line.empty().len(), 1);
        assert!(line.next().is_none());
        assert!(claims.idle().now_or_never().is_some());
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
