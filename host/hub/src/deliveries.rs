//! Sending events to endpoints.
//!
//! Endpoints have nothing to do with each other: each has a lane ([`lane`]) with its own time, its own pace and its own
//! circuit, so that a receiver that is down costs one probe now and then, whatever is queued for it. Lanes take turns, org
//! by org ([`turns`]). A hub holds a lane under a lease. What it queues itself in a lane of which it knows all, it sends
//! from memory; else it reads what is due for many lanes at once. It writes down what became of it in bulk ([`settle`]): what
//! ends while a transaction is under way is the next one. What is not written down is sent again, under the same id.
//!
//! Rejected: a task per endpoint (thousands of sleeping tasks, and nobody to be fair between them); a job queue (its
//! claims are per job, and a dead receiver's jobs would be claimed and put back for days).

mod attempt;
mod drive;
mod lane;
mod leftovers;
mod live;
mod measure;
mod payload;
mod replay;
mod schedule;
mod settle;
mod transform;
mod turns;
mod views;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use moka::future::Cache;
use patchbay_model::{Clock, EndpointId, OrgId, Timestamp};
use patchbay_storage::{DueDelivery, LaneKey, LaneOwner, RawEvent};
use tokio::sync::Notify;
use tracing::Instrument as _;
use uuid::Uuid;

use crate::{
    hub::{Inner, lock},
    read_through::ReadThrough,
};
use lane::Lane;
pub(crate) use live::LiveEndpoint;
use payload::Payload;
pub use replay::{Replay, ReplayOnly, ReplayReport};
use settle::Ended;
use turns::Turns;
pub use views::{DeliveryFilter, DeliveryView, EndpointStats};

use drive::LEASE;
pub(crate) use drive::start;

/// How long a lane is kept in memory in which nothing happens.
const IDLE: chrono::TimeDelta = chrono::TimeDelta::seconds(30);
/// Payloads that are kept for the next endpoint, in bytes.
const PAYLOADS: u64 = 64 << 20;

/// What the operator decides about deliveries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliverySettings {
    /// Attempts under way at once, over all orgs; an org has half of them at most.
    pub concurrency: usize,
    /// How long an endpoint may take to answer, in milliseconds.
    pub timeout_ms: u64,
    /// After so many hours of failures, and nothing but failures, an endpoint is switched off; 0: never.
    pub disable_after_hours: u32,
}

impl Default for DeliverySettings {
    /// 256 at once, 15 s, five days.
    fn default() -> Self {
        Self { concurrency: 256, timeout_ms: 15_000, disable_after_hours: 5 * 24 }
    }
}

impl DeliverySettings {
    fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms.max(1))
    }

    /// What has failed since before this has failed for too long.
    fn failing_before(&self, now: Timestamp) -> Option<Timestamp> {
        let hours =
            (self.disable_after_hours > 0).then(|| chrono::TimeDelta::hours(self.disable_after_hours.into()))?;
        now.checked_sub_signed(hours)
    }
}

/// The state of sending.
pub(crate) struct Engine {
    state: Mutex<State>,
    /// There may be something to read or to send.
    wake: Arc<Notify>,
    /// Something came to its end.
    ended: Notify,
    /// There is enough to be written down, or somebody waits for it.
    enough: Notify,
    /// When it was last looked for what nobody told of.
    looked: Mutex<Option<Instant>>,
    /// One turn at a time.
    turn: tokio::sync::Mutex<()>,
    concurrency: usize,
    /// Other hubs send from the same database.
    shared: bool,
    /// By the event's place.
    payloads: Cache<(OrgId, i64), Arc<Payload>>,
    /// With their secrets.
    pub(crate) live: ReadThrough<(OrgId, EndpointId), LiveEndpoint>,
}

#[derive(Default)]
struct State {
    lanes: HashMap<LaneKey, Lane>,
    turns: Turns,
    /// When lanes are to be looked at.
    timers: BTreeSet<(Timestamp, LaneKey)>,
    /// Lanes of which more may be read.
    hungry: HashSet<LaneKey>,
    in_flight: usize,
    of_org: HashMap<OrgId, usize>,
    /// What came to its end and is not written down.
    ended: Vec<Ended>,
    /// Lanes of which something may have to be written down.
    untold: HashSet<LaneKey>,
    /// Somebody is writing.
    settling: bool,
    /// When that was last done.
    settled: Option<Instant>,
    /// Something ended that others wait for: it is written down at once.
    hurries: bool,
    /// Orgs of which this hub holds lanes, and until when. Where it is alone it holds all.
    held: HashMap<OrgId, Timestamp>,
}

/// What this hub has queued in a lane and committed.
pub(crate) struct Queued {
    pub(crate) owner: LaneOwner,
    /// In their order, due at once.
    pub(crate) rows: Vec<DueDelivery>,
}

impl Engine {
    pub(crate) fn new(settings: &DeliverySettings, shared: bool, live_for: Duration) -> Self {
        let weigh = |_: &(OrgId, i64), payload: &Arc<Payload>| u32::try_from(payload.weight()).unwrap_or(u32::MAX);
        Self {
            state: Mutex::default(),
            wake: Arc::default(),
            ended: Notify::new(),
            enough: Notify::new(),
            looked: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            concurrency: settings.concurrency.max(1),
            shared,
            payloads: Cache::builder().max_capacity(PAYLOADS).weigher(weigh).build(),
            live: ReadThrough::new(100_000, live_for),
        }
    }

    /// Something was queued for these endpoints.
    pub(crate) fn poke(&self, keys: impl IntoIterator<Item = LaneKey>, clock: &dyn Clock) {
        self.look_at(keys, Lane::poke, clock);
    }

    /// This hub (`node`) has queued something, and holds the lanes or may take them. What it knows all of takes it from here;
    /// others are read.
    pub(crate) fn hand_over(&self, queued: Vec<Queued>, node: Uuid, clock: &dyn Clock) {
        let now = clock.now();
        let mut state = lock(&self.state);
        for Queued { owner, rows } in queued {
            let by_us = owner.held.is_some_and(|lease| lease.node == node && lease.until > now);
            let lane = state.lanes.entry(owner.key).or_insert_with(|| Lane::new(owner.key, now));
            // as for what is read: a lease that ends soon is renewed first
            let is_held = !self.shared || (by_us && lane.lease_until.is_some_and(|until| until > now + LEASE / 2));
            if !(owner.all_new && is_held && lane.hand_over(rows, owner.added, now)) {
                lane.poke();
            }
            state.note(owner.key, now);
        }
        drop(state);
        self.wake.notify_one();
    }

    /// It may not have been heard what changed: every lane is read before more is sent from memory, with what its endpoint
    /// wants.
    pub(crate) fn look_at_all(&self, clock: &dyn Clock) {
        let keys: Vec<LaneKey> = lock(&self.state).lanes.keys().copied().collect();
        self.poke(keys, clock);
    }

    /// What ended is written down at once: somebody waits for it.
    fn hurry(&self) {
        lock(&self.state).hurries = true;
        self.enough.notify_one();
    }

    /// True if this hub holds lanes of an org.
    pub(crate) fn holds_some(&self, org: OrgId, now: Timestamp) -> bool {
        lock(&self.state).held.get(&org).is_some_and(|until| *until > now)
    }

    /// An endpoint was made, changed, switched on or off, or deleted.
    pub(crate) fn endpoint_changed(&self, key: LaneKey, clock: &dyn Clock) {
        self.look_at([key], Lane::endpoint_changed, clock);
    }

    fn look_at(&self, keys: impl IntoIterator<Item = LaneKey>, tell: fn(&mut Lane), clock: &dyn Clock) {
        let now = clock.now();
        let mut state = lock(&self.state);
        for key in keys {
            tell(state.lanes.entry(key).or_insert_with(|| Lane::new(key, now)));
            state.note(key, now);
        }
        drop(state);
        self.wake.notify_one();
    }

    /// Keeps an event's payload for when it is sent.
    pub(crate) async fn keep_payload(&self, event: &RawEvent) {
        self.payloads.insert((event.org, event.sequence), Arc::new(Payload::of(event))).await;
    }

    /// True if nothing is under way, nothing is ready, and all that ended is written down.
    fn is_idle(&self, now: Timestamp) -> bool {
        let state = lock(&self.state);
        let waits = |lane: &Lane| lane.wants_more(now) || !lane.is_empty();
        state.in_flight == 0
            && state.ended.is_empty()
            && !state.settling
            && !state.hungry.iter().any(|key| state.lanes.get(key).is_some_and(waits))
    }

    /// Nothing more is sent for an org. What other orgs had cached is read anew: this is rare.
    pub(crate) fn forget_org(&self, org: OrgId) {
        self.live.invalidate_all();
        let mut state = lock(&self.state);
        let keys: Vec<LaneKey> = state.lanes.keys().filter(|key| key.org == org).copied().collect();
        for key in keys {
            state.forget(key);
        }
        state.held.remove(&org);
    }

    /// Forgets lanes in which nothing has happened for long.
    pub(crate) fn sweep(&self, now: Timestamp) {
        let mut state = lock(&self.state);
        state.held.retain(|_, until| *until > now);
        let idle: Vec<LaneKey> = state
            .lanes
            .values()
            .filter(|lane| lane.is_resting() && lane.is_empty() && lane.used_at + IDLE < now)
            .map(|lane| lane.key)
            .collect();
        for key in idle {
            state.forget(key);
        }
    }
}

impl State {
    /// A lane changed: it waits for its turn, for more to be read, or for its time.
    fn note(&mut self, key: LaneKey, now: Timestamp) {
        self.note_time(key, now);
        if self.lanes.get(&key).is_some_and(Lane::has_ready) {
            self.turns.push(key);
        }
    }

    /// As [`State::note`], for a lane that has nothing to send now: it does not wait for its turn.
    fn note_time(&mut self, key: LaneKey, now: Timestamp) {
        let Some(lane) = self.lanes.get_mut(&key) else { return };
        let wakes_at = lane.wakes_at(now);
        if wakes_at != lane.timer {
            if let Some(old) = lane.timer {
                self.timers.remove(&(old, key));
            }
            if let Some(new) = wakes_at {
                self.timers.insert((new, key));
            }
            lane.timer = wakes_at;
        }
        if lane.wants_more(now) {
            self.hungry.insert(key);
        } else {
            self.hungry.remove(&key);
        }
    }

    /// A lane of the org is this hub's until then.
    fn holds(&mut self, org: OrgId, until: Timestamp) {
        let held = self.held.entry(org).or_insert(until);
        *held = until.max(*held);
    }

    fn forget(&mut self, key: LaneKey) {
        if let Some(lane) = self.lanes.remove(&key)
            && let Some(timer) = lane.timer
        {
            self.timers.remove(&(timer, key));
        }
        self.hungry.remove(&key);
    }

    /// Lanes whose time has come are looked at.
    fn ring(&mut self, now: Timestamp) {
        while let Some((at, key)) = self.timers.first().copied().filter(|(at, _)| *at <= now) {
            self.timers.remove(&(at, key));
            if let Some(lane) = self.lanes.get_mut(&key) {
                lane.timer = None;
            }
            self.note(key, now);
        }
    }
}

impl Inner {
    /// Sends what is ready, as far as there is room: org by org, endpoint by endpoint.
    pub(crate) fn pump(self: &Arc<Self>) {
        let engine = &self.deliveries;
        let now = self.clock.now();
        let mut guard = lock(&engine.state);
        let state = &mut *guard;
        let share = (engine.concurrency / 2).max(1);
        while state.in_flight < engine.concurrency && !self.stop.is_cancelled() {
            let of_org = &state.of_org;
            let has_room = |org: OrgId| of_org.get(&org).is_none_or(|count| *count < share);
            let Some(key) = state.turns.pop(has_room) else { break };
            let Some(due) = state.lanes.get_mut(&key).and_then(|lane| lane.next(now)) else {
                state.note_time(key, now);
                continue;
            };
            state.in_flight += 1;
            *state.of_org.entry(key.org).or_default() += 1;
            // it may have more
            state.note(key, now);
            let hub = Arc::clone(self);
            let span = tracing::debug_span!("delivery", org.id = %key.org, delivery.id = %due.id);
            self.work.spawn(async move { hub.deliver(due).await }.instrument(span));
        }
    }
}

impl State {
    /// An attempt gives its place back.
    fn leave(&mut self, org: OrgId) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if let Some(count) = self.of_org.get_mut(&org) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.of_org.remove(&org);
            }
        }
    }
}
