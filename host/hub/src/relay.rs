//! Handing events on to whom they concern: endpoints, as deliveries; plugins, as jobs; and whatever else consumes them
//! ([`EventConsumer`]).
//!
//! Events are written in the transaction of what caused them. Here they are read by a cursor per org and matched, and what
//! follows from them is written in the transaction that moves the cursor: each event is handed on once, through crashes
//! and with several hubs. Who is concerned is cached under a version that the cursor's row has too, so what is matched is
//! what holds in that very transaction, whatever a cache believes.
//!
//! Where several hubs are at work, the one that sends to an org's endpoints hands on for it: it hears of what the others
//! publish, and what it queues it has at once. The others stand back, and do it themselves if that hub does not in time.
//!
//! An org whose events concern nobody has no cursor and costs one look into a set. One whose events concern somebody, but
//! not these, has its cursor moved now and then: how far was looked in vain is kept in memory, and looking again
//! after a crash does no harm.

mod consumer;
pub(crate) mod matching;
mod others;
mod pass;
pub(crate) mod plugins;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use patchbay_model::{Code, Failure, OrgId, Timestamp};
use patchbay_storage::{Fresh, RawEvent, StorageError};
use tokio::sync::Notify;

pub use consumer::EventConsumer;
use matching::Subscribers;
use others::{Elsewhere, Others};

use crate::{
    deliveries::Queued,
    hub::{Hub, Inner, lock},
};

/// Orgs whose events are handed on in one transaction.
const ORGS: usize = 32;
/// Events of one org in one transaction, and of all together: each may have a megabyte.
const SPAN: i64 = 256;
const EVENTS: i64 = 512;
/// How often to look without being told, where other hubs are at work and where not.
const LOOK_SHARED: Duration = Duration::from_secs(1);
const LOOK_ALONE: Duration = Duration::from_secs(5);
/// When one is looked at again that another hub is at.
const AGAIN: Duration = Duration::from_millis(10);
/// How long to wait after the database failed.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// Between two passes where other hubs and the database share the machine, for events to come together.
const GATHER: Duration = Duration::from_millis(5);
/// A cursor is moved once so much was looked at in vain.
const FAR: i64 = 10_000;
/// Orgs of which it is known that their events concern nobody.
const UNCONCERNED: usize = 100_000;
/// How often a transaction begins anew that another one got in the way of.
const TRIES: u32 = 10;

/// The state of handing on.
#[derive(Default)]
pub(crate) struct Relay {
    state: Mutex<State>,
    wake: Arc<Notify>,
    /// It was not heard which orgs have new events: all are to be looked at.
    missed: AtomicBool,
    /// One pass at a time.
    pass: tokio::sync::Mutex<()>,
    consumers: std::sync::RwLock<Vec<Arc<dyn EventConsumer>>>,
}

#[derive(Default)]
struct State {
    woken: BTreeSet<OrgId>,
    /// That another hub is at: woken again in a moment.
    busy: BTreeSet<OrgId>,
    others: Others,
    unconcerned: HashSet<OrgId>,
    /// Who is concerned, by the version that it was read under; and how far was looked in vain.
    known: HashMap<OrgId, Known>,
}

#[derive(Clone)]
struct Known {
    version: u64,
    subscribers: Arc<Subscribers>,
    seen: i64,
}

/// Why events were not handed on.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error("{0}")]
    Consumer(#[from] Failure),
    /// A consumer has to look something up first. That is done; begin anew.
    #[error("who is concerned by the events changed time and again")]
    Unprepared,
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Storage(error) => error.into(),
            Trouble::Consumer(failure) => failure,
            unprepared @ Trouble::Unprepared => Self::new(Code::Unavailable, unprepared.to_string()),
        }
    }
}

/// What one transaction has handed on.
#[derive(Default)]
struct Pass {
    /// Queued in lanes that are this hub's, or nobody's.
    lanes: Vec<Queued>,
    /// Of which orgs something was queued in lanes that are other hubs'.
    elsewhere: HashMap<OrgId, Elsewhere>,
    more: Vec<OrgId>,
    /// Another hub is at them.
    busy: Vec<OrgId>,
    did_something: bool,
    /// There is something to be committed.
    writes: bool,
    /// A consumer wrote something.
    consumed: bool,
}

impl Pass {
    fn note_oldest(&mut self, events: &[RawEvent]) {
        for event in events {
            if let Some(of_org) = self.elsewhere.get_mut(&event.org) {
                of_org.oldest = Some(of_org.oldest.map_or(event.at, |oldest| oldest.min(event.at)));
            }
        }
    }
}

impl Relay {
    /// An org has new events, published by this hub and committed.
    fn published(&self, org: OrgId, now: Timestamp) {
        let mut state = lock(&self.state);
        let is_left = state.others.has(org, now) && !state.woken.contains(&org) && !state.unconcerned.contains(&org);
        if !is_left {
            drop(state);
            return self.wake(org);
        }
        let is_new = state.others.wait(org, Instant::now());
        drop(state);
        if is_new {
            self.wake.notify_one();
        }
    }

    /// An org has new events, which are committed; harmless if there are none.
    fn wake(&self, org: OrgId) {
        let mut state = lock(&self.state);
        if state.unconcerned.contains(&org) || !state.woken.insert(org) {
            return;
        }
        drop(state);
        self.wake.notify_one();
    }

    /// What was left to other hubs for long enough is looked at with the next.
    fn wait_no_longer(&self) {
        let mut state = lock(&self.state);
        let over = state.others.over(Instant::now());
        state.woken.extend(over);
    }

    /// One that another hub was at, a moment ago.
    fn wake_again(&self, org: OrgId, now: Timestamp) {
        self.published(org, now);
        lock(&self.state).busy.remove(&org);
    }

    /// Somebody may be concerned by the org's events now.
    pub(crate) fn concerned(&self, org: OrgId) {
        lock(&self.state).unconcerned.remove(&org);
        self.wake(org);
    }

    /// Nothing that was known can be relied on.
    pub(crate) fn forget_all(&self) {
        lock(&self.state).unconcerned.clear();
        self.look();
    }

    fn look(&self) {
        self.missed.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    /// True if nothing is known to wait, also for another hub that is at it.
    pub(crate) fn is_idle(&self) -> bool {
        let state = lock(&self.state);
        state.woken.is_empty() && state.busy.is_empty()
    }

    pub(crate) fn forget_org(&self, org: OrgId) {
        let mut state = lock(&self.state);
        state.known.remove(&org);
        state.unconcerned.remove(&org);
        state.others.forget(org);
    }
}

/// Starts it. It ends with the hub.
pub(crate) fn start(hub: &Hub) {
    listen(hub);
    let (weak, stop, wake) = (hub.downgrade(), hub.0.stop.clone(), Arc::clone(&hub.0.relay.wake));
    let every = if hub.0.database.is_shared() { LOOK_SHARED } else { LOOK_ALONE };
    tokio::spawn(async move {
        let mut looked: Option<Instant> = None;
        loop {
            let Some(hub) = weak.upgrade().map(Hub) else { return };
            hub.0.relay.wait_no_longer();
            let missed = hub.0.relay.missed.swap(false, Ordering::AcqRel);
            let look = missed || looked.is_none_or(|at| at.elapsed() >= every);
            if look {
                looked = Some(Instant::now());
            }
            let done = if look { hub.relay_events().await.map(drop) } else { hub.0.relay_woken().await.map(drop) };
            let next = lock(&hub.0.relay.state).others.next();
            let wait = match done {
                Ok(()) => every.saturating_sub(looked.map(|at| at.elapsed()).unwrap_or_default()),
                Err(failure) => {
                    tracing::warn!(error = %failure, "events were not handed on");
                    AFTER_FAILURE
                }
            };
            let wait = next.map_or(wait, |next| wait.min(next.saturating_duration_since(Instant::now())));
            let gather = if hub.0.database.is_shared() { GATHER } else { Duration::ZERO };
            drop(hub);
            let rest = async {
                if !gather.is_zero() {
                    tokio::time::sleep(gather).await;
                }
                // an error means that it was not woken
                let _ = tokio::time::timeout(wait.saturating_sub(gather), wake.notified()).await;
            };
            if stop.run_until_cancelled(rest).await.is_none() {
                return;
            }
        }
    });
}

/// Wakes it for what is published in this process, and for what other hubs publish if this one sends to the org's endpoints.
/// Any other hub that is woken for the same would only stand in its way.
fn listen(hub: &Hub) {
    let (weak, stop, mut published) = (hub.downgrade(), hub.0.stop.clone(), hub.0.database.published());
    tokio::spawn(async move {
        while let Some(Some(fresh)) = stop.run_until_cancelled(published.next()).await {
            let Some(hub) = weak.upgrade() else { return };
            match fresh {
                Fresh::Here(org) => hub.relay.published(org, hub.clock.now()),
                Fresh::Elsewhere(org) if hub.deliveries.holds_some(org, hub.clock.now()) => hub.relay.wake(org),
                Fresh::Elsewhere(_) => {}
                Fresh::Any => hub.relay.look(),
            }
        }
    });
}

impl Hub {
    /// Lets something consume events, from those on that are handed on next. For orgs that it concerns, it says so in the
    /// transaction in which that begins (`Relay::changed` of the storage).
    pub fn consume_events(&self, consumer: Arc<dyn EventConsumer>) {
        self.0.relay.consumers.write().unwrap_or_else(std::sync::PoisonError::into_inner).push(consumer);
    }

    /// Hands on all events that wait for it, on whichever hub they were published. True if there were any.
    pub(crate) async fn relay_events(&self) -> Result<bool, Failure> {
        let hub = &self.0;
        let mut tx = hub.database.read().await?;
        let behind = tx.hub().relays_behind(u32::try_from(UNCONCERNED).unwrap_or(u32::MAX)).await?;
        drop(tx);
        let mut did_something = false;
        for orgs in behind.chunks(ORGS) {
            did_something |= hub.relay_pass(orgs, true).await?;
        }
        did_something |= hub.relay_woken().await?;
        // what the background has handed on is in its lanes when this comes back
        drop(hub.relay.pass.lock().await);
        Ok(did_something)
    }
}

impl Inner {
    /// Hands on the events of orgs that are known to have new ones.
    async fn relay_woken(self: &Arc<Self>) -> Result<bool, Failure> {
        let mut did_something = false;
        loop {
            let orgs: Vec<OrgId> = {
                let mut state = lock(&self.relay.state);
                std::iter::from_fn(|| state.woken.pop_first()).take(ORGS).collect()
            };
            if orgs.is_empty() || self.stop.is_cancelled() {
                return Ok(did_something);
            }
            match self.relay_pass(&orgs, false).await {
                Ok(did) => did_something |= did,
                Err(failure) => {
                    lock(&self.relay.state).woken.extend(orgs);
                    return Err(failure);
                }
            }
        }
    }

    /// `move_on`: the cursor is moved although nothing was handed on.
    async fn relay_pass(self: &Arc<Self>, orgs: &[OrgId], move_on: bool) -> Result<bool, Failure> {
        let _one = self.relay.pass.lock().await;
        match self.relay_patiently(orgs, move_on).await {
            Ok(pass) => Ok(self.passed(pass)),
            // one org that cannot be served, as one that is being deleted, takes no other along
            Err(_) if orgs.len() > 1 => {
                let mut did_something = false;
                for org in orgs {
                    match self.relay_patiently(&[*org], move_on).await {
                        Ok(pass) => did_something |= self.passed(pass),
                        Err(failure) => {
                            tracing::warn!(org.id = %org, error = %failure, "an organization's events were not handed on");
                        }
                    }
                }
                Ok(did_something)
            }
            Err(failure) => Err(failure),
        }
    }

    /// Begins anew if another transaction got in the way, or a consumer had to look something up.
    async fn relay_patiently(self: &Arc<Self>, orgs: &[OrgId], move_on: bool) -> Result<Pass, Failure> {
        let mut tries = TRIES;
        loop {
            match self.relay_once(orgs, move_on).await {
                Err(Trouble::Storage(StorageError::Contended) | Trouble::Unprepared) if tries > 0 => tries -= 1,
                end => return Ok(end?),
            }
        }
    }

    fn passed(self: &Arc<Self>, pass: Pass) -> bool {
        let here: HashSet<OrgId> = pass.lanes.iter().map(|queued| queued.owner.key.org).collect();
        lock(&self.relay.state).others.learn(&here, &pass.elsewhere, self.clock.now(), Instant::now());
        if !pass.lanes.is_empty() {
            self.deliveries.hand_over(pass.lanes, self.node.id, &*self.clock);
            self.pump();
        }
        for org in pass.more {
            self.relay.wake(org);
        }
        if pass.consumed {
            self.consumers().iter().for_each(|consumer| consumer.committed());
        }
        if !pass.busy.is_empty() {
            lock(&self.relay.state).busy.extend(&pass.busy);
            let weak = Arc::downgrade(self);
            tokio::spawn(async move {
                tokio::time::sleep(AGAIN).await;
                if let Some(hub) = weak.upgrade() {
                    let now = hub.clock.now();
                    pass.busy.into_iter().for_each(|org| hub.relay.wake_again(org, now));
                }
            });
        }
        pass.did_something
    }
}
