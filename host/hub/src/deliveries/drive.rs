//! The task that reads what is due and lets it be sent.
//!
//! It is woken when something is queued, when something came to its end, and when a lane's time has come; and it looks by
//! itself for what it was not told of: what another hub has queued or left behind.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use patchbay_model::{Failure, Timestamp};
use patchbay_storage::{DueDelivery, EventSpan, Lane as Found, LaneAsk, LaneKey, Lease, Tx};

use super::{PAYLOADS, Payload, lane::Lane};
use crate::hub::{Hub, Inner, lock};

/// How often to look without being told, where other hubs are at work and where not.
const LOOK_SHARED: Duration = Duration::from_secs(1);
const LOOK_ALONE: Duration = Duration::from_secs(5);
/// How long to wait after the database failed.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// Lanes that are read in one transaction.
const LANES: usize = 64;
/// Events that are read in one query: each may have a megabyte.
const READ_AT_ONCE: usize = 256;
/// Lanes that are looked for beyond those that are known.
const LOOKED_FOR: usize = 200;
/// How long a hub holds lanes.
pub(super) const LEASE: TimeDelta = TimeDelta::seconds(15);
/// How long an endpoint is left alone that cannot be opened.
const SET_ASIDE: TimeDelta = TimeDelta::seconds(30);

/// Starts it. It ends with the hub.
pub(crate) fn start(hub: &Hub) {
    let (weak, stop, wake) = (hub.downgrade(), hub.0.stop.clone(), Arc::clone(&hub.0.deliveries.wake));
    tokio::spawn(async move {
        loop {
            let Some(hub) = weak.upgrade() else { return };
            let wait = match hub.turn_of_deliveries(false).await {
                Ok(wait) => wait,
                Err(failure) => {
                    tracing::warn!(error = %failure, "what is due to endpoints was not read");
                    AFTER_FAILURE
                }
            };
            drop(hub);
            let woken = stop.run_until_cancelled(tokio::time::timeout(wait, wake.notified())).await;
            if woken.is_none() {
                return;
            }
        }
    });
}

impl Hub {
    /// Hands on all events and sends all that is due now, and waits until that is written down. The hub does the same by
    /// itself: this is for tests and operators who do not want to wait for it.
    pub async fn process_due_deliveries(&self) -> Result<(), Failure> {
        let hub = &self.0;
        loop {
            let handed_on = self.relay_events().await?;
            hub.turn_of_deliveries(true).await?;
            let now = hub.clock.now();
            loop {
                let ended = hub.deliveries.ended.notified();
                if hub.deliveries.is_idle(now) {
                    break;
                }
                hub.deliveries.hurry();
                // what ended may have left room for what is ready
                let _ = tokio::time::timeout(Duration::from_millis(100), ended).await;
                hub.turn_of_deliveries(false).await?;
            }
            // what came to its end may be an event that others are to get; and it may be handed on already
            let more = self.relay_events().await? || !hub.relay.is_idle() || !hub.deliveries.is_idle(hub.clock.now());
            if !handed_on && !more {
                return Ok(());
            }
        }
    }
}

impl Inner {
    /// Reads what is due, lets it be sent, and says when to come again. `look`: also for what nobody told of.
    pub(super) async fn turn_of_deliveries(self: &Arc<Self>, look: bool) -> Result<Duration, Failure> {
        let engine = &self.deliveries;
        let _turn = engine.turn.lock().await;
        let every = if engine.shared { LOOK_SHARED } else { LOOK_ALONE };
        let is_time = lock(&engine.looked).is_none_or(|at| at.elapsed() >= every);
        if look || is_time {
            self.look_for_lanes().await?;
            *lock(&engine.looked) = Some(Instant::now());
            engine.sweep(self.clock.now());
        }
        self.renew_lanes().await?;
        loop {
            let keys = {
                let now = self.clock.now();
                let mut state = lock(&engine.state);
                state.ring(now);
                let hungry: Vec<LaneKey> = state.hungry.iter().copied().collect();
                let wants = |key: &LaneKey| state.lanes.get(key).is_some_and(|lane| lane.wants_more(now));
                let (mut wanting, full): (Vec<_>, Vec<_>) = hungry.into_iter().partition(wants);
                for key in &full {
                    state.hungry.remove(key);
                }
                wanting.truncate(LANES);
                wanting
            };
            if keys.is_empty() || self.stop.is_cancelled() {
                break;
            }
            self.read_lanes(&keys).await?;
            self.pump();
        }
        self.pump();
        self.settle_lanes();
        let next = lock(&engine.state).timers.first().map(|(at, _)| *at);
        let until = next.map(|at| (at - self.clock.now()).to_std().unwrap_or_default());
        Ok(until.map_or(every, |until| until.clamp(Duration::from_millis(1), every)))
    }

    async fn look_for_lanes(&self) -> Result<(), Failure> {
        let now = self.clock.now();
        let known = lock(&self.deliveries.state).lanes.len();
        let most = u32::try_from(known + LOOKED_FOR).unwrap_or(u32::MAX);
        let mut tx = self.database.read().await?;
        let due = tx.hub().due_lanes(now, self.node.id, most).await?;
        drop(tx);
        let mut state = lock(&self.deliveries.state);
        for key in due {
            // of one that is at work the database says so only once it rests
            let lane = state.lanes.entry(key).or_insert_with(|| Lane::new(key, now));
            if lane.is_resting() {
                lane.poke();
            }
            state.note(key, now);
        }
        Ok(())
    }

    /// Reads what is due in lanes, if they are this hub's.
    async fn read_lanes(self: &Arc<Self>, keys: &[LaneKey]) -> Result<(), Failure> {
        let mut wanted = HashMap::with_capacity(keys.len());
        {
            let mut state = lock(&self.deliveries.state);
            for key in keys {
                if let Some(lane) = state.lanes.get_mut(key) {
                    lane.begin_reading();
                }
            }
        }
        for key in keys {
            match self.live_endpoint(*key).await {
                Ok(Some(live)) if live.endpoint.disabled.is_none() => {
                    wanted.insert(*key, (live.endpoint.settings.fifo, live.endpoint.settings.rate));
                }
                Ok(_) => self.give_up_lane(*key).await?,
                Err(failure) => {
                    tracing::warn!(endpoint.id = %key.endpoint, error = %failure, "an endpoint was not opened");
                    let now = self.clock.now();
                    let mut state = lock(&self.deliveries.state);
                    if let Some(lane) = state.lanes.get_mut(key) {
                        lane.set_aside(now + SET_ASIDE);
                    }
                    state.note(*key, now);
                }
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let now = self.clock.now();
        let mut tx = if self.deliveries.shared { self.database.begin().await? } else { self.database.read().await? };
        let until = now + LEASE;
        let found = self.take_lanes(&mut tx, wanted.keys().copied(), until, now).await?;
        let asks: Vec<LaneAsk> = {
            let state = lock(&self.deliveries.state);
            let ask = |(found, _): &(Found, Option<Timestamp>)| {
                let (fifo, _) = *wanted.get(&found.key)?;
                Some(LaneAsk { key: found.key, fifo, most: state.lanes.get(&found.key)?.portion() })
            };
            found.iter().filter_map(ask).collect()
        };
        let rows = tx.orgs(asks.iter().map(|ask| ask.key.org)).due_deliveries(&asks).await?;
        self.read_payloads(&mut tx, &rows, now).await?;
        // one that has only read leaves nothing, and nobody waits for its end
        if found.iter().any(|(_, lease)| lease.is_some()) {
            tx.commit().await?;
        } else {
            drop(tx);
        }

        let mut by_lane: HashMap<LaneKey, Vec<DueDelivery>> = HashMap::new();
        for row in rows {
            by_lane.entry(row.lane).or_default().push(row);
        }
        let mut state = lock(&self.deliveries.state);
        for key in wanted.keys().filter(|key| !asks.iter().any(|ask| ask.key == **key)) {
            // another hub's, or nothing was ever queued in it
            state.forget(*key);
        }
        for ask in &asks {
            let mut rows = by_lane.remove(&ask.key).unwrap_or_default();
            if ask.fifo {
                rows.sort_unstable_by_key(|row| row.sequence);
            } else {
                rows.sort_unstable_by_key(|row| (row.due_at, row.sequence));
            }
            let here = found.iter().find(|(found, _)| found.key == ask.key);
            if let (Some((found, lease)), Some(options)) = (here, wanted.get(&ask.key))
                && let Some(lane) = state.lanes.get_mut(&ask.key)
            {
                lane.take_in(found, *options, rows, ask.most, now);
                lane.lease_until = lease.or(lane.lease_until);
                if let Some(until) = lease {
                    state.holds(ask.key.org, *until);
                }
                state.untold.insert(ask.key);
                state.note(ask.key, now);
            }
        }
        Ok(())
    }

    /// Those of the lanes that are this hub's, each with the end of its lease if that is a new one.
    async fn take_lanes(
        &self,
        tx: &mut Tx,
        keys: impl Iterator<Item = LaneKey>,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<(Found, Option<Timestamp>)>, Failure> {
        let (held, free): (Vec<_>, Vec<_>) = {
            let state = lock(&self.deliveries.state);
            let holds = |key: &LaneKey| {
                let lease = state.lanes.get(key).and_then(|lane| lane.lease_until);
                !self.deliveries.shared || lease.is_some_and(|until| until > now + LEASE / 2)
            };
            keys.partition(holds)
        };
        let mut taken = Vec::with_capacity(held.len() + free.len());
        if !held.is_empty() {
            let found = tx.orgs(held.iter().map(|key| key.org)).take_lanes(&held, None, now).await?;
            taken.extend(found.into_iter().map(|found| (found, None)));
        }
        if !free.is_empty() {
            let lease = Lease { node: self.node.id, until };
            let found = tx.orgs(free.iter().map(|key| key.org)).take_lanes(&free, Some(lease), now).await?;
            taken.extend(found.into_iter().map(|found| (found, Some(until))));
        }
        Ok(taken)
    }

    /// Lets other hubs take what this one held, at its end.
    pub(crate) async fn let_go_of_lanes(&self) {
        let holds = |lane: &&Lane| lane.lease_until.is_some();
        let keys: Vec<LaneKey> =
            lock(&self.deliveries.state).lanes.values().filter(holds).map(|lane| lane.key).collect();
        if !self.deliveries.shared || keys.is_empty() {
            return;
        }
        let now = self.clock.now();
        let let_go = async {
            let mut tx = self.database.begin().await?;
            let lease = Lease { node: self.node.id, until: now };
            tx.orgs(keys.iter().map(|key| key.org)).take_lanes(&keys, Some(lease), now).await?;
            tx.commit().await
        };
        if let Err(error) = let_go.await {
            tracing::debug!(%error, "other hubs take endpoints over when the leases of this one end");
        }
    }

    /// Keeps lanes whose deliveries take longer than a lease. One that was lost is forgotten: what is under way in it is
    /// not written down by this hub.
    async fn renew_lanes(&self) -> Result<(), Failure> {
        let now = self.clock.now();
        if !self.deliveries.shared {
            return Ok(());
        }
        let ends_soon = |lane: &&Lane| !lane.is_empty() && lane.lease_until.is_none_or(|until| until < now + LEASE / 2);
        let keys: Vec<LaneKey> =
            lock(&self.deliveries.state).lanes.values().filter(ends_soon).map(|lane| lane.key).collect();
        if keys.is_empty() {
            return Ok(());
        }
        let until = now + LEASE;
        let mut tx = self.database.begin().await?;
        let found = self.take_lanes(&mut tx, keys.iter().copied(), until, now).await?;
        tx.commit().await?;
        let mut state = lock(&self.deliveries.state);
        for key in keys {
            let ours = found.iter().any(|(found, _)| found.key == key);
            match state.lanes.get_mut(&key) {
                Some(lane) if ours => {
                    lane.lease_until = Some(until);
                    state.holds(key.org, until);
                }
                _ => state.forget(key),
            }
        }
        Ok(())
    }

    /// Payloads that are not here yet, for what is sent next.
    async fn read_payloads(&self, tx: &mut Tx, rows: &[DueDelivery], now: Timestamp) -> Result<(), Failure> {
        let mut spans = Vec::new();
        for row in rows.iter().filter(|row| row.due_at <= now) {
            let place = (row.lane.org, row.sequence);
            if !self.deliveries.payloads.contains_key(&place) {
                spans.push(EventSpan { org: place.0, after: place.1 - 1, to: place.1 });
            }
        }
        if spans.is_empty() {
            return Ok(());
        }
        spans.sort_unstable_by_key(|span| (span.org, span.to));
        spans.dedup();
        let mut bytes = 0;
        for spans in spans.chunks(READ_AT_ONCE) {
            for event in tx.orgs(spans.iter().map(|span| span.org)).events_in(spans).await? {
                let payload = Arc::new(Payload::of(&event));
                bytes += payload.weight();
                self.deliveries.payloads.insert((event.org, event.sequence), payload).await;
            }
            // more would only push out what was read: whoever sends the rest reads it himself
            if u64::try_from(bytes).is_ok_and(|bytes| bytes >= PAYLOADS) {
                break;
            }
        }
        Ok(())
    }

    /// Its endpoint is switched off or gone: nobody is to look at it. Unless it was switched on since that was read, maybe by
    /// another hub whose notice is still on its way: what waits for it would lie until something else is queued.
    async fn give_up_lane(&self, key: LaneKey) -> Result<(), Failure> {
        let mut tx = self.database.begin().await?;
        let mut ours = tx.org(key.org);
        // whoever switches it on holds this
        ours.lock().await?;
        let is_on = ours.endpoints().get(key.endpoint).await?.is_some_and(|endpoint| endpoint.disabled.is_none());
        if is_on {
            self.deliveries.live.invalidate(&(key.org, key.endpoint)).await;
            return Ok(());
        }
        ours.deliveries().rest_lane(key.endpoint).await?;
        // forgotten while it cannot be switched on: a notice that it was is not lost with it
        lock(&self.deliveries.state).forget(key);
        tx.commit().await?;
        Ok(())
    }
}
