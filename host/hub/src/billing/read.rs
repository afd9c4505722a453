//! What is used above the plan, on its way to the vendor's meters.
//!
//! A reading is the difference between what the counters say of a period and the sum of the readings of that period before it,
//! and its id says from where to where it goes. So there is no cursor: a hub that dies reads the same again, a record that comes
//! late is part of the next difference, and the vendor knows a repeat by the id. Readings stay due until the plugin says that the
//! vendor has them.
//!
//! An hour belongs to the period of the vendor that began in it. Readings of a period lie between its first and its last second,
//! so that the vendor bills them with it.
//!
//! Rejected: an event for each usage record (the vendor would be asked a hundred thousand times for one sum), and a cursor over usage
//! records (those of a run that commits late come before it in every order that there is).

use std::sync::Arc;

use chrono::Duration;
use patchbay_model::{
    Failure, OrgId, ReadingId, Timestamp,
    billing::{Account, DueReading, Reading, Subscription, SubscriptionStatus},
    period::{Period, full_hour},
    plan::Metric,
};
use patchbay_runtime::OrgPage;
use patchbay_storage::Tx;

use crate::{
    hub::Inner,
    plans::{catalogue::Plan, tally::units_of},
};

/// Orgs that are looked at in one go.
const ORGS: u32 = 50;
/// Readings of one org in one go; what there is more comes the next time.
const READINGS: u32 = 100;

/// Usage of which readings are made.
struct Span {
    period: Period,
    plan: Arc<Plan>,
    at: Timestamp,
}

impl Inner {
    pub(super) async fn due_readings(&self, after: Option<OrgId>) -> Result<OrgPage<DueReading>, Failure> {
        let mut tx = self.database.read().await?;
        let orgs = tx.hub().billed_orgs(after, ORGS).await?;
        drop(tx);
        let next = if orgs.len() < ORGS as usize { None } else { orgs.last().copied() };
        let mut due = Vec::new();
        for org in orgs {
            due.extend(self.due_readings_of(org).await?);
        }
        Ok((due, next))
    }

    async fn due_readings_of(&self, org: OrgId) -> Result<Vec<DueReading>, Failure> {
        let mut tx = self.database.begin().await?;
        tx.org(org).lock().await?;
        let Some(account) = tx.org(org).billing().account().await? else { return Ok(Vec::new()) };
        self.read_usage(&mut tx, org, &account).await?;
        let open = tx.org(org).billing().open_readings(READINGS).await?;
        tx.commit().await?;
        let Some(Subscription { customer, .. }) = account.subscription else { return Ok(Vec::new()) };
        Ok(open.into_iter().map(|reading| DueReading { org, customer: customer.clone(), reading }).collect())
    }

    pub(super) async fn settle_reading(
        &self,
        org: OrgId,
        reading: ReadingId,
        refusal: Option<String>,
    ) -> Result<(), Failure> {
        let mut tx = self.database.begin().await?;
        let settled = tx.org(org).billing().settle_reading(reading, refusal.as_deref(), self.clock.now()).await?;
        tx.commit().await?;
        if let Some(refusal) = refusal.filter(|_| settled) {
            tracing::warn!(org.id = %org, reading.id = %reading, refusal, "the vendor does not take used units");
        }
        Ok(())
    }

    /// Makes the readings of a locked org that are missing.
    pub(super) async fn read_usage(&self, tx: &mut Tx, org: OrgId, account: &Account) -> Result<(), Failure> {
        for span in self.spans(tx, org, account).await? {
            let sums = tx.org(org).counters().of(span.period).await?;
            let units = units_of(sums.iter().map(|counted| (counted.counts, counted.quantity)));
            for (metric, used) in Metric::ALL.into_iter().zip(units) {
                let (Some(limit), Some(_)) = (span.plan.limit(metric), span.plan.overage(metric)) else { continue };
                let to = used.saturating_sub(limit);
                if metric.is_standing() || to == 0 {
                    continue;
                }
                let counted_from = span.period.starts_at;
                let from = tx.org(org).billing().units_read(metric, counted_from).await?;
                // a plan that includes more may have come meanwhile
                if to <= from {
                    continue;
                }
                let id = ReadingId::of_usage(org, metric.as_str(), counted_from, from, to);
                let (units, at) = (to - from, span.at);
                let reading = Reading { id, metric, counted_from, units, at, is_repair: false };
                tx.org(org).billing().add_reading(&reading).await?;
            }
        }
        Ok(())
    }

    /// The vendor's present period and the one before it, in which something may have come late.
    async fn spans(&self, tx: &mut Tx, org: OrgId, account: &Account) -> Result<Vec<Span>, Failure> {
        let (Some(subscription), Some(from)) = (&account.subscription, account.counted_from) else {
            return Ok(Vec::new());
        };
        if subscription.status == SubscriptionStatus::Canceled {
            return Ok(Vec::new());
        }
        let now = self.clock.now();
        let last = |end: Timestamp| end - Duration::seconds(1);
        let mut spans = Vec::new();
        if let Some(before) = account.counted_before {
            let had = tx.org(org).plans().at(from - Duration::microseconds(1)).await?.and_then(|given| given.plan);
            let period = Period { starts_at: before, ends_at: from };
            let at = last(subscription.period_starts_at);
            spans.push(Span { period, plan: self.plan_named(org, had.as_deref()), at });
        }
        let has = tx.org(org).plans().current().await?.and_then(|given| given.plan);
        let period = Period { starts_at: from, ends_at: full_hour(subscription.period_ends_at) };
        let at = now.max(subscription.period_starts_at).min(last(subscription.period_ends_at));
        spans.push(Span { period, plan: self.plan_named(org, has.as_deref()), at });
        Ok(spans)
    }
}
