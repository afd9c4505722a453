//! An org's events as they happen, for whoever keeps a connection open.
//!
//! A stream has no buffer of its own: it is a place in the org's order, and reads on from there when its client has taken
//! what was read before. So a slow client costs nobody anything, a client that comes back names its place and misses nothing,
//! and on which hub it comes back does not matter. Rejected: handing each event to each stream as it is published
//! (a buffer per client, and two ways to the same events that can come apart).

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use patchbay_model::{Code, Failure, OrgId, Permission};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

use crate::{
    auth::Caller,
    hub::{Hub, Inner, lock},
    queries::events::{EventFilter, SequencedEvent},
};

/// Events that are read at once.
const PORTION: u32 = 50;
/// How long a stream relies on being woken.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// After so long without an event the client is told that the stream is still there.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// How many streams each org has open on this hub, and whether they go on.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    places: Mutex<HashMap<OrgId, Arc<Semaphore>>>,
    end: CancellationToken,
}

impl Streams {
    fn place(&self, org: OrgId, most: usize) -> Option<OwnedSemaphorePermit> {
        let mut streams = lock(&self.places);
        streams.retain(|_, places| Arc::strong_count(places) > 1);
        let places = streams.entry(org).or_insert_with(|| Arc::new(Semaphore::new(most)));
        Arc::clone(places).try_acquire_owned().ok()
    }
}

/// What comes out of a stream.
#[derive(Debug, Clone, PartialEq)]
pub enum Streamed {
    /// An event.
    Event(Box<SequencedEvent>),
    /// Events with these sequences, the first and the last, are no longer kept: whoever comes back so late has missed them.
    Gap(i64, i64),
    /// Nothing happened; the place up to which there is nothing that the stream is for.
    Quiet(i64),
}

/// A stream of events.
pub struct EventStream {
    hub: Hub,
    caller: Caller,
    token: SecretString,
    filter: EventFilter,
    bell: watch::Receiver<()>,
    after: i64,
    ready: VecDeque<SequencedEvent>,
    gap: Option<(i64, i64)>,
    beat_at: Instant,
    /// When it is looked if the caller may go on, however much there is to read.
    check_at: Instant,
    _place: OwnedSemaphorePermit,
}

impl Hub {
    /// Ends all streams of events, so that whoever closes connections in good order need not wait for them. None begins
    /// any more.
    pub fn end_streams(&self) {
        self.0.streams.end.cancel();
    }

    /// Follows the org's events from behind `filter.after` on, or from now on. `token` is what the caller showed: the stream
    /// ends when it is no longer good. Needs the permission `read_activity`; `concurrency_limited` if the org has as many
    /// streams open as the operator lets it; `invalid_request` for a place that there has not been yet.
    pub async fn follow_events(
        &self,
        caller: &Caller,
        token: SecretString,
        filter: EventFilter,
    ) -> Result<EventStream, Failure> {
        caller.require(Permission::ReadActivity)?;
        self.0.running()?;
        if self.0.streams.end.is_cancelled() {
            return Err(Failure::new(Code::Unavailable, "the hub is stopping").retry_after(Duration::from_secs(1)));
        }
        filter.check()?;
        let most = self.0.config.event_streams;
        let Some(place) = self.0.streams.place(caller.org, most) else {
            let detail = format!("the organization has {most} streams of events open: close one, or share one");
            return Err(Failure::new(Code::ConcurrencyLimited, detail).retry_after(HEARTBEAT));
        };
        let bell = self.0.bells.of(caller.org);
        let (first, last) = {
            let mut tx = self.0.database.read().await?;
            tx.org(caller.org).events().extent().await?
        };
        let after = filter.after.unwrap_or(last);
        if after > last {
            let detail = format!("there is no event {after} yet: the last one is {last}");
            return Err(Failure::new(Code::InvalidRequest, detail));
        }
        // who begins with the beginning has missed nothing
        let gap = (after > 0 && after + 1 < first).then_some((after + 1, first - 1));
        Ok(EventStream {
            hub: self.clone(),
            caller: *caller,
            token,
            filter,
            bell,
            after,
            ready: VecDeque::new(),
            gap,
            beat_at: Instant::now() + HEARTBEAT,
            check_at: Instant::now() + HEARTBEAT,
            _place: place,
        })
    }
}

impl EventStream {
    /// The next thing, at the latest after a quarter of a minute. None when the hub stops, when the database fails, and when the
    /// caller may no longer follow: come back with the place of the last event.
    pub async fn next(&mut self) -> Option<Streamed> {
        if let Some((first, last)) = self.gap.take() {
            return Some(Streamed::Gap(first, last));
        }
        let hub = Arc::clone(&self.hub.0);
        let end = hub.streams.end.clone();
        match hub.stop.run_until_cancelled(end.run_until_cancelled(self.wait(&hub))).await.flatten() {
            Some(Ok(next)) => next,
            Some(Err(failure)) => {
                tracing::warn!(org.id = %self.caller.org, error = %failure, "a stream of events ends");
                None
            }
            None => None,
        }
    }

    async fn wait(&mut self, hub: &Inner) -> Result<Option<Streamed>, Failure> {
        loop {
            if Instant::now() >= self.check_at {
                self.check_at = Instant::now() + HEARTBEAT;
                if !self.may_go_on().await {
                    return Ok(None);
                }
            }
            if let Some(event) = self.ready.pop_front() {
                self.beat_at = Instant::now() + HEARTBEAT;
                return Ok(Some(Streamed::Event(Box::new(event))));
            }
            // what is published from here on rings once more
            self.bell.mark_unchanged();
            if self.read(hub).await? {
                continue;
            }
            let look_at = Instant::now() + LOOK_EVERY;
            // an error is a bell that is gone with its hub, which the next look finds out
            let _ = timeout_at(look_at.min(self.beat_at), self.bell.changed()).await;
            if Instant::now() >= self.beat_at {
                self.beat_at = Instant::now() + HEARTBEAT;
                return Ok(Some(Streamed::Quiet(self.after)));
            }
        }
    }

    /// Reads on; false if there is nothing more for now.
    async fn read(&mut self, hub: &Inner) -> Result<bool, Failure> {
        let page = {
            let mut tx = hub.database.read().await?;
            let filter = self.filter.stored();
            tx.org(self.caller.org).events().scan(self.after, &filter, PORTION).await?
        };
        self.after = page.upto;
        let events = page.events.into_iter();
        self.ready.extend(events.map(|(sequence, event)| SequencedEvent { sequence, event }));
        Ok(page.more || !self.ready.is_empty())
    }

    /// True if the caller's token is still good for this.
    async fn may_go_on(&self) -> bool {
        let caller = self.hub.authenticate(self.token.expose_secret()).await;
        caller.is_ok_and(|caller| caller.org == self.caller.org && caller.require(Permission::ReadActivity).is_ok())
    }
}

#[cfg(test)]
mod tests;
