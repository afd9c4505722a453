//! Sending once more: one delivery, or what an endpoint did not get.
//!
//! Under the same ids as before, so that a receiver which got one after all knows it.

use patchbay_model::{
    Code, DeliveryId, EndpointId, Failure, Permission, Timestamp,
    delivery::{Delivery, DeliveryStatus},
    endpoint::{Endpoint, EventTypes},
};
use patchbay_storage::{Change, EventSpan, LaneKey, NewDelivery, Queued, RawEvent, Replayed, Tx};
use serde_json::json;

use crate::{
    auth::Caller,
    endpoints::check_enabled,
    hub::{Hub, Inner},
    queries::not_found,
    relay::matching::WouldGet,
};

/// Events that are looked at in one transaction, and in one request.
const BATCH: i64 = 500;
const MOST: i64 = 50_000;
/// So many before the first are looked at too: the ids of some events are those of their runs, which began before.
const MOMENT: i64 = 512;

/// Which of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ReplayOnly {
    /// All of them, those that arrived too.
    #[default]
    All,
    /// Those that the endpoint would get and has not taken.
    Missing,
    /// Those that were given up.
    Failed,
}

impl From<ReplayOnly> for Replayed {
    fn from(only: ReplayOnly) -> Self {
        match only {
            ReplayOnly::All => Self::All,
            ReplayOnly::Missing => Self::Missing,
            ReplayOnly::Failed => Self::Failed,
        }
    }
}

/// What shall be sent once more.
#[derive(Debug, Clone, Default)]
pub struct Replay {
    /// Events from this time on.
    pub since: Timestamp,
    /// Up to this time; none: all.
    pub until: Option<Timestamp>,
    /// After this place in the org's order: where a former request ended.
    pub after: Option<i64>,
    /// Of these types; none named: what the endpoint subscribes to.
    pub types: EventTypes,
    /// Which of them.
    pub only: ReplayOnly,
}

/// What was queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplayReport {
    /// Deliveries that are sent once more.
    pub queued: u64,
    /// Where to go on, if there is more than one request looks at.
    pub next: Option<i64>,
}

impl Hub {
    /// Sends a delivery once more, with as many attempts as a new one has. Needs the permission `manage_installations`; `not_found` for
    /// another org's, `conflict` if it is pending, its endpoint is switched off or gone, or its event is no longer kept.
    pub async fn retry_delivery(&self, caller: &Caller, id: DeliveryId) -> Result<Delivery, Failure> {
        caller.require(Permission::ManageInstallations)?;
        let hub = &self.0;
        hub.running()?;
        let now = hub.clock.now();
        let mut tx = hub.database.begin().await?;
        let mut ours = tx.org(caller.org);
        ours.lock().await?;
        let delivery = ours.deliveries().get(id).await?.ok_or_else(|| not_found("delivery"))?;
        if delivery.status == DeliveryStatus::Pending {
            return Err(Failure::new(Code::Conflict, "the delivery is pending: it is tried anyway"));
        }
        let Some(endpoint) = ours.endpoints().get(delivery.endpoint).await? else {
            return Err(Failure::new(Code::Conflict, "the endpoint was deleted"));
        };
        check_enabled(&endpoint)?;
        let place = EventSpan { org: caller.org, after: delivery.sequence - 1, to: delivery.sequence };
        let events = tx.orgs([caller.org]).events_in(&[place]).await?;
        let Some(event) = events.first() else {
            return Err(Failure::new(Code::Conflict, "the event is no longer kept"));
        };
        let again = [new_delivery(&endpoint, event)];
        let queued = tx.org(caller.org).deliveries().queue_again(&again, Replayed::All, now).await?;
        let told = hub.tell_owner(&mut tx, &queued, now).await?;
        let detail = json!({ "endpoint": endpoint.id, "event": event.id, "status": delivery.status });
        let entry = hub.audit(caller.org, caller.actor, "delivery.retry", id, detail);
        tx.org(caller.org).audit().append(&entry).await?;
        tx.commit().await?;
        hub.deliveries.poke(told, &*hub.clock);
        Ok(Delivery { status: DeliveryStatus::Pending, next_attempt_at: Some(now), finished_at: None, ..delivery })
    }

    /// Sends events to an endpoint once more. Those that it would get by its types and its filter, as they are now. Needs the
    /// permission `manage_installations`; `conflict` for one that is switched off.
    pub async fn replay(&self, caller: &Caller, id: EndpointId, replay: Replay) -> Result<ReplayReport, Failure> {
        caller.require(Permission::ManageInstallations)?;
        let hub = &self.0;
        hub.running()?;
        let mut tx = hub.database.read().await?;
        let mut ours = tx.org(caller.org);
        let endpoint = ours.endpoints().get(id).await?.ok_or_else(|| not_found("endpoint"))?;
        check_enabled(&endpoint)?;
        let newest = ours.relay().newest().await?;
        let first = ours.events().first_since(replay.since).await?;
        drop(tx);
        let begin = first.map_or(newest, |first| (first - MOMENT).max(0)).max(replay.after.unwrap_or(0));
        let end = newest.min(begin.saturating_add(MOST));
        let wanted = WouldGet::of(&endpoint);
        let (mut after, mut queued) = (begin, 0);
        while after < end {
            let to = end.min(after + BATCH);
            let span = EventSpan { org: caller.org, after, to };
            queued += self.replay_span(caller, &endpoint, &replay, &wanted, span).await?;
            after = to;
        }
        let next = (end < newest).then_some(end);
        let detail = json!({ "since": replay.since, "until": replay.until, "queued": queued });
        let entry = hub.audit(caller.org, caller.actor, "endpoint.replay", id, detail);
        let mut tx = hub.database.begin().await?;
        tx.org(caller.org).audit().append(&entry).await?;
        tx.commit().await?;
        Ok(ReplayReport { queued, next })
    }

    async fn replay_span(
        &self,
        caller: &Caller,
        endpoint: &Endpoint,
        replay: &Replay,
        would_get: &WouldGet,
        span: EventSpan,
    ) -> Result<u64, Failure> {
        let hub = &self.0;
        let now = hub.clock.now();
        let mut tx = hub.database.begin().await?;
        let wanted = |event: &&RawEvent| {
            event.at >= replay.since
                && replay.until.is_none_or(|until| event.at <= until)
                && (replay.types.0.is_empty() || replay.types.has(&event.kind))
                && would_get.has(event)
        };
        let events = tx.orgs([caller.org]).events_in(&[span]).await?;
        let again: Vec<NewDelivery> = events.iter().filter(wanted).map(|event| new_delivery(endpoint, event)).collect();
        if again.is_empty() {
            return Ok(0);
        }
        // one that was deleted or switched off meanwhile gets nothing
        let present = tx.org(caller.org).endpoints().get(endpoint.id).await?;
        check_enabled(&present.ok_or_else(|| not_found("endpoint"))?)?;
        let queued = tx.org(caller.org).deliveries().queue_again(&again, replay.only.into(), now).await?;
        let told = hub.tell_owner(&mut tx, &queued, now).await?;
        tx.commit().await?;
        hub.deliveries.poke(told, &*hub.clock);
        Ok(queued.count)
    }
}

fn new_delivery(endpoint: &Endpoint, event: &RawEvent) -> NewDelivery {
    NewDelivery {
        org: event.org,
        endpoint: endpoint.id,
        event: event.id,
        sequence: event.sequence,
        kind: event.kind.clone(),
    }
}

impl Inner {
    /// Tells the hub that holds the lane; gives the lane if that is this one.
    async fn tell_owner(&self, tx: &mut Tx, queued: &Queued, now: Timestamp) -> Result<Option<LaneKey>, Failure> {
        let Some(owner) = queued.owner else { return Ok(None) };
        if owner.held.is_some_and(|lease| lease.node != self.node.id && lease.until > now) {
            tx.hub().notify(Change::Lane { org: owner.key.org, endpoint: owner.key.endpoint }).await?;
            return Ok(None);
        }
        Ok(Some(owner.key))
    }
}
