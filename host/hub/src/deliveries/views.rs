//! Deliveries for people and programs that look on.

use patchbay_model::{
    DeliveryId, EndpointId, Failure, Permission, Timestamp,
    delivery::{Attempt, Delivery, DeliveryStatus},
};

use super::schedule;
use crate::{
    auth::Caller,
    hub::Hub,
    queries::{Page, Size, not_found},
};

/// Up to so many queued deliveries are counted.
const MOST_COUNTED: u32 = 10_000;
/// The most deliveries that one page goes through.
const LOOKED_AT: u32 = 10_000;

/// Which deliveries.
#[derive(Debug, Clone, Default)]
pub struct DeliveryFilter {
    /// That have come so far.
    pub status: Option<DeliveryStatus>,
    /// Of events of this type.
    pub kind: Option<String>,
    /// Older than this one.
    pub before: Option<DeliveryId>,
    /// At most so many: 1 to 200, default 50.
    pub limit: Option<u32>,
}

/// A delivery with its attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryView {
    /// The delivery.
    pub delivery: Delivery,
    /// The newest attempts, in their order.
    pub attempts: Vec<Attempt>,
}

/// How an endpoint stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndpointStats {
    /// How many deliveries are to be sent; of more than 10,000 that many.
    pub queued: u64,
    /// When the first of them is due.
    pub next_attempt_at: Option<Timestamp>,
    /// How often in a row it has failed.
    pub failures: u32,
    /// Since when.
    pub failing_since: Option<Timestamp>,
    /// It is left alone until then.
    pub paused_until: Option<Timestamp>,
}

impl EndpointStats {
    /// `closed` while it works, `open` while it is left alone because it fails, `half_open` while it is tried.
    #[must_use]
    pub fn circuit(&self, now: Timestamp) -> &'static str {
        let is_paused = self.paused_until.is_some_and(|until| until > now);
        match (self.failures >= schedule::OPEN_AFTER, is_paused) {
            (false, _) => "closed",
            (true, true) => "open",
            (true, false) => "half_open",
        }
    }
}

impl Hub {
    /// The deliveries of one of the org's endpoints, those of the newest events first; `not_found` for another org's. Needs the
    /// permission `read_activity`. A page can be short, or empty, although there are more: `next` tells.
    pub async fn deliveries(
        &self,
        caller: &Caller,
        endpoint: EndpointId,
        filter: DeliveryFilter,
    ) -> Result<Page<Delivery>, Failure> {
        self.deliveries_of(caller, Some(endpoint), filter).await
    }

    /// As [`Hub::deliveries`], of all endpoints, those that were deleted too.
    pub async fn all_deliveries(&self, caller: &Caller, filter: DeliveryFilter) -> Result<Page<Delivery>, Failure> {
        self.deliveries_of(caller, None, filter).await
    }

    async fn deliveries_of(
        &self,
        caller: &Caller,
        endpoint: Option<EndpointId>,
        filter: DeliveryFilter,
    ) -> Result<Page<Delivery>, Failure> {
        caller.require(Permission::ReadActivity)?;
        let size = Size::new(filter.limit)?;
        let DeliveryFilter { status, kind, before, .. } = filter;
        let (limit, looked_at) = (size.and_one(), Some(LOOKED_AT));
        let filter = patchbay_storage::DeliveryFilter { endpoint, status, kind, before, limit, looked_at };
        let mut tx = self.0.database.read().await?;
        let mut ours = tx.org(caller.org);
        if let Some(endpoint) = endpoint
            && ours.endpoints().get(endpoint).await?.is_none()
        {
            return Err(not_found("endpoint"));
        }
        let found = ours.deliveries().list(&filter).await?;
        let page = size.page(found.deliveries, |delivery| delivery.id.to_string());
        let next = page.next.or_else(|| found.looked_upto.map(|id| id.to_string()));
        Ok(Page { next, ..page })
    }

    /// One delivery of the org, with its attempts; `not_found` for another org's. Needs the permission `read_activity`.
    pub async fn delivery(&self, caller: &Caller, id: DeliveryId) -> Result<DeliveryView, Failure> {
        caller.require(Permission::ReadActivity)?;
        let mut tx = self.0.database.read().await?;
        let mut ours = tx.org(caller.org);
        let delivery = ours.deliveries().get(id).await?.ok_or_else(|| not_found("delivery"))?;
        let attempts = ours.deliveries().attempts(id).await?;
        Ok(DeliveryView { delivery, attempts })
    }

    /// How one of the org's endpoints stands, and the time as the hub has it. Needs the permission `read_activity`.
    pub async fn endpoint_stats(&self, caller: &Caller, id: EndpointId) -> Result<(EndpointStats, Timestamp), Failure> {
        caller.require(Permission::ReadActivity)?;
        let mut tx = self.0.database.read().await?;
        let mut ours = tx.org(caller.org);
        ours.endpoints().get(id).await?.ok_or_else(|| not_found("endpoint"))?;
        let (queued, next_attempt_at) = ours.deliveries().queued(id, MOST_COUNTED).await?;
        let lane = ours.deliveries().lane(id).await?;
        let stats = EndpointStats {
            queued,
            next_attempt_at,
            failures: lane.as_ref().map_or(0, |lane| lane.failures),
            failing_since: lane.as_ref().and_then(|lane| lane.failing_since),
            paused_until: lane.and_then(|lane| lane.paused_until),
        };
        Ok((stats, self.0.clock.now()))
    }
}
