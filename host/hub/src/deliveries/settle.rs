//! What became of deliveries is written down, as much at once as there is.
//!
//! One task at a time does it, and only as long as there is something. On PostgreSQL a moment passes between two transactions,
//! which is on nobody's way: what was sent was received. It may write of a lane only while it is this
//! hub's: what a hub that stood still for too long has to say of it is not taken, and is sent again by whoever took it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use patchbay_model::{
    Failure, Timestamp,
    delivery::DeliveryStatus,
    endpoint::{Disabled, DisabledReason, is_about_deliveries},
    event::Event,
};
use patchbay_storage::{Change, DeliveryOutcome, DueDelivery, LaneKey, LaneState, StorageError, Tx};
use serde_json::{Value, json};

use crate::{
    audit::Actor,
    events::own::{Fact, Own},
    hub::{Inner, lock},
};

/// The most that one transaction takes in.
const BATCH: usize = 512;
/// Between two transactions where other hubs and the database share the machine, for others to come together: each costs as
/// much for one as for many, and no receiver waits for it.
const GATHER: Duration = Duration::from_millis(20);
/// So many are not waited for.
pub(super) const ENOUGH: usize = 128;
/// How long to wait after the database failed.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// How often a transaction begins anew that another one got in the way of.
const TRIES: u32 = 10;

/// A delivery whose attempt ended.
pub(super) struct Ended {
    pub(super) due: DueDelivery,
    /// None: it was not tried after all, and stays due.
    pub(super) outcome: Option<DeliveryOutcome>,
    /// It stays in the queue.
    pub(super) goes_on: bool,
    /// The event's type, if it is known.
    pub(super) kind: String,
    pub(super) effect: Effect,
}

/// What else follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    None,
    /// The endpoint is to be switched off, if it still is of this version: one that was changed meanwhile, to another URL
    /// perhaps, is not to blame.
    Disable(DisabledReason, u64),
}

/// What was written.
#[derive(Default)]
struct Written {
    /// Lanes that are at rest.
    resting: HashSet<LaneKey>,
    /// Lanes that are another hub's.
    lost: HashSet<LaneKey>,
    disabled: Vec<LaneKey>,
}

impl Inner {
    /// Lets what ended be written down, if nobody is at it.
    pub(super) fn settle_lanes(self: &Arc<Self>) {
        let mut state = lock(&self.deliveries.state);
        if state.settling || (state.ended.is_empty() && state.untold.is_empty()) {
            return;
        }
        state.settling = true;
        drop(state);
        let hub = Arc::clone(self);
        self.work.spawn(async move { hub.settle_all().await });
    }

    async fn settle_all(self: Arc<Self>) {
        loop {
            self.gather().await;
            let (batch, states) = self.next_batch();
            if batch.is_empty() && states.is_empty() {
                // what came since looks for somebody to write it, and finds nobody at it
                if self.stop_settling() {
                    return;
                }
                continue;
            }
            match self.write(&batch, &states).await {
                Ok(written) => self.take_over(batch, &states, written).await,
                Err(failure) => {
                    tracing::warn!(error = %failure, "what became of deliveries was not written down");
                    self.put_back(batch, &states);
                    if self.stop.is_cancelled() {
                        // they are sent again, under the same ids
                        self.stop_settling();
                        return;
                    }
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            }
            lock(&self.deliveries.state).settled = Some(Instant::now());
            self.pump();
            self.deliveries.wake.notify_one();
            self.deliveries.ended.notify_waiters();
        }
    }

    /// Waits a moment after the last transaction, unless there is enough, or somebody waits for it.
    async fn gather(&self) {
        let last = {
            let state = lock(&self.deliveries.state);
            let waits = self.deliveries.shared && !state.hurries && state.ended.len() < ENOUGH;
            state.settled.filter(|_| waits)
        };
        let Some(left) = last.and_then(|at| GATHER.checked_sub(at.elapsed())) else { return };
        let enough = tokio::time::timeout(left, self.deliveries.enough.notified());
        // however it ends, there is something to write
        let _ = self.stop.run_until_cancelled(enough).await;
    }

    /// True if there is nothing more to write.
    fn stop_settling(&self) -> bool {
        let mut state = lock(&self.deliveries.state);
        let done = (state.ended.is_empty() && state.untold.is_empty()) || self.stop.is_cancelled();
        if done {
            state.settling = false;
            drop(state);
            self.deliveries.ended.notify_waiters();
        }
        done
    }

    fn next_batch(&self) -> (Vec<Ended>, Vec<LaneState>) {
        let now = self.clock.now();
        let mut state = lock(&self.deliveries.state);
        state.hurries = false;
        let count = state.ended.len().min(BATCH);
        let batch: Vec<Ended> = state.ended.drain(..count).collect();
        let mut ending: HashMap<LaneKey, HashSet<i64>> = HashMap::new();
        for ended in &batch {
            let of_lane = ending.entry(ended.due.lane).or_default();
            // one that stays in the queue is not what the lane rests after
            if !ended.goes_on {
                of_lane.insert(ended.due.sequence);
            }
        }
        for key in std::mem::take(&mut state.untold) {
            ending.entry(key).or_default();
        }
        let states = ending.iter().filter_map(|(key, ending)| state.lanes.get_mut(key)?.take_change(ending, now));
        let states = states.collect();
        (batch, states)
    }

    fn put_back(&self, batch: Vec<Ended>, states: &[LaneState]) {
        let mut state = lock(&self.deliveries.state);
        state.ended.splice(0..0, batch);
        for one in states {
            if let Some(lane) = state.lanes.get_mut(&one.key) {
                lane.was_not_written(one);
                state.untold.insert(one.key);
            }
        }
    }

    async fn take_over(self: &Arc<Self>, batch: Vec<Ended>, states: &[LaneState], written: Written) {
        for key in &written.disabled {
            self.deliveries.live.invalidate(&(key.org, key.endpoint)).await;
        }
        let now = self.clock.now();
        let mut state = lock(&self.deliveries.state);
        for ended in &batch {
            if let Some(lane) = state.lanes.get_mut(&ended.due.lane) {
                lane.written(ended.due.sequence, ended.goes_on);
            }
        }
        for one in states {
            if let Some(lane) = state.lanes.get_mut(&one.key) {
                lane.was_written(one, written.resting.contains(&one.key));
            }
        }
        for key in &written.lost {
            state.forget(*key);
        }
        let touched: HashSet<LaneKey> =
            batch.iter().map(|ended| ended.due.lane).chain(states.iter().map(|one| one.key)).collect();
        for key in touched {
            state.note(key, now);
        }
    }

    async fn write(&self, batch: &[Ended], states: &[LaneState]) -> Result<Written, Failure> {
        let mut tries = TRIES;
        loop {
            match self.write_once(batch, states).await {
                Err(StorageError::Contended) if tries > 0 => tries -= 1,
                end => return Ok(end?),
            }
        }
    }

    async fn write_once(&self, batch: &[Ended], states: &[LaneState]) -> Result<Written, StorageError> {
        let now = self.clock.now();
        let mut written = Written::default();
        let mut tx = self.database.begin().await?;
        // in the order in which whoever changes an endpoint takes them: the org, who is concerned, the lane
        let mut disabled = Vec::new();
        let disabling: BTreeMap<LaneKey, (DisabledReason, u64)> = batch.iter().filter_map(disables).collect();
        for (key, (reason, version)) in &disabling {
            if let Some(told) = self.disable(&mut tx, *key, *reason, *version, now).await? {
                written.disabled.push(*key);
                disabled.push((*key, told));
            }
        }
        let mut keys: BTreeSet<LaneKey> = batch.iter().map(|ended| ended.due.lane).collect();
        keys.extend(states.iter().map(|one| one.key));
        if self.deliveries.shared {
            let all: Vec<LaneKey> = keys.iter().copied().collect();
            let held = tx.orgs(all.iter().map(|key| key.org)).held_lanes(&all, self.node.id).await?;
            let held: BTreeSet<LaneKey> = held.into_iter().collect();
            written.lost = keys.difference(&held).copied().collect();
            keys = held;
        } else {
            // of an org that was deleted meanwhile there is nobody to tell: its event would fail for all that is written with it
            for outcome in batch.iter().filter_map(|ended| ended.outcome.as_ref()) {
                let is_told = outcome.status == DeliveryStatus::Exhausted;
                if is_told && tx.org(outcome.lane.org).deliveries().lane(outcome.lane.endpoint).await?.is_none() {
                    keys.remove(&outcome.lane);
                }
            }
        }
        let ours = |key: &LaneKey| keys.contains(key);
        let outcomes: Vec<DeliveryOutcome> =
            batch.iter().filter_map(|ended| ended.outcome.clone()).filter(|outcome| ours(&outcome.lane)).collect();
        let states: Vec<LaneState> = states.iter().filter(|one| ours(&one.key)).copied().collect();
        {
            let mut orgs = tx.orgs(keys.iter().map(|key| key.org));
            if !outcomes.is_empty() {
                orgs.settle_deliveries(&outcomes, now).await?;
            }
            if !states.is_empty() {
                written.resting = orgs.put_lanes(&states).await?.into_iter().collect();
            }
        }
        for key in &written.disabled {
            tx.org(key.org).deliveries().rest_lane(key.endpoint).await?;
        }
        for event in self.events_of(batch, &keys, &disabled, now) {
            tx.org(event.org).events().append(&event).await?;
        }
        for (key, told) in &disabled {
            let change = Change::Endpoint { org: key.org, id: key.endpoint };
            tx.hub().notify(change).await?;
            let entry = self.audit(key.org, Actor::Hub, "endpoint.disable", key.endpoint, told.clone());
            tx.org(key.org).audit().append(&entry).await?;
        }
        tx.commit().await?;
        Ok(written)
    }

    /// Switches an endpoint off, and gives what is told of it. None if it is off already, gone, or changed since.
    async fn disable(
        &self,
        tx: &mut Tx,
        key: LaneKey,
        reason: DisabledReason,
        version: u64,
        now: Timestamp,
    ) -> Result<Option<Value>, StorageError> {
        let mut ours = tx.org(key.org);
        ours.lock().await?;
        let Some(mut endpoint) = ours.endpoints().get(key.endpoint).await? else { return Ok(None) };
        if endpoint.disabled.is_some() || endpoint.version != version {
            return Ok(None);
        }
        ours.relay().changed().await?;
        endpoint.disabled = Some(Disabled { reason, at: now });
        endpoint.version += 1;
        endpoint.updated_at = now;
        ours.endpoints().put(&endpoint).await?;
        tracing::warn!(org.id = %key.org, endpoint.id = %key.endpoint, reason = reason.as_str(), "an endpoint was switched off");
        Ok(Some(json!({ "endpoint": key.endpoint, "reason": reason, "description": endpoint.settings.description })))
    }

    /// Endpoints that were switched off, and deliveries that were given up. Of one that tells of such things itself nothing
    /// is told: there would be no end to it.
    fn events_of(
        &self,
        batch: &[Ended],
        ours: &BTreeSet<LaneKey>,
        disabled: &[(LaneKey, Value)],
        now: Timestamp,
    ) -> Vec<Event> {
        let event = |org, own: Own, subject: String, data| {
            own.event(Fact { org, subject, data, dedupe: None, at: now }, &*self.clock, &*self.random)
        };
        let exhausted = |ended: &Ended| {
            let outcome = ended.outcome.as_ref()?;
            let is_told = outcome.status == DeliveryStatus::Exhausted
                && ours.contains(&outcome.lane)
                && !is_about_deliveries(&ended.kind);
            let data = json!({
                "delivery": outcome.id,
                "endpoint": outcome.lane.endpoint,
                "event": ended.due.event,
                "event_type": ended.kind,
                "attempts": ended.due.attempts + u32::from(outcome.attempt.is_some()),
                "status": outcome.attempt.as_ref().and_then(|attempt| attempt.status),
                "error": outcome.attempt.as_ref().and_then(|attempt| attempt.error),
            });
            is_told.then(|| event(outcome.lane.org, Own::DeliveryExhausted, outcome.id.to_string(), data))
        };
        let off = disabled
            .iter()
            .map(|(key, told)| event(key.org, Own::EndpointDisabled, key.endpoint.to_string(), told.clone()));
        let mut events: Vec<Event> = batch.iter().filter_map(exhausted).chain(off).collect();
        // in one order for all hubs
        events.sort_by_key(|event| event.org);
        events
    }
}

fn disables(ended: &Ended) -> Option<(LaneKey, (DisabledReason, u64))> {
    match ended.effect {
        Effect::Disable(reason, version) => Some((ended.due.lane, (reason, version))),
        Effect::None => None,
    }
}

#[cfg(test)]
mod tests;
