//! What the vendor has of a day beside what it was told.
//!
//! A vendor takes a reading and may still lose it: it checks what it took later, and in its own time. So each night the plugin
//! asks for the vendor's sums, and what is missing is told once more, under an id that follows from the loss: a loss is made good
//! once. If the vendor refuses that as well, the next comparison tries again, because somebody may have mended what was wrong. What
//! the vendor has too much of is only reported, to the operator, as every gap is.

use chrono::{Duration, DurationRound as _};
use patchbay_model::{
    Failure, OrgId, ReadingId, Timestamp,
    billing::{DayCheck, DaySum, Reading},
    plan::Metric,
};
use patchbay_runtime::OrgPage;
use patchbay_storage::DayUnits;
use serde_json::json;

use crate::{
    events::own::{Fact, Own},
    hub::Inner,
};

/// Orgs that are looked at in one go.
const ORGS: u32 = 50;

impl Inner {
    pub(super) async fn day_sums(&self, day: Timestamp, after: Option<OrgId>) -> Result<OrgPage<DaySum>, Failure> {
        let day = first_of(day)?;
        let mut tx = self.database.read().await?;
        let orgs = tx.hub().billed_orgs(after, ORGS).await?;
        let next = if orgs.len() < ORGS as usize { None } else { orgs.last().copied() };
        let mut sums = Vec::new();
        for org in orgs {
            let mut ours = tx.org(org);
            let account = ours.billing().account().await?;
            let Some(subscription) = account.and_then(|account| account.subscription) else { continue };
            for of_day in ours.billing().units_of_day(day).await? {
                // what the vendor was not told yet it cannot have
                if !of_day.is_open {
                    let customer = subscription.customer.clone();
                    sums.push(DaySum { org, customer, metric: of_day.metric, units: of_day.units });
                }
            }
        }
        Ok((sums, next))
    }

    pub(super) async fn compare_day(
        &self,
        org: OrgId,
        metric: Metric,
        day: Timestamp,
        theirs: u64,
    ) -> Result<i64, Failure> {
        let day = first_of(day)?;
        let now = self.clock.now();
        let mut tx = self.database.begin().await?;
        tx.org(org).lock().await?;
        let of_day = tx.org(org).billing().units_of_day(day).await?;
        let nothing = DayUnits { metric, units: 0, refused: 0, refused_repairs: 0, last_at: day, is_open: false };
        let found = of_day.into_iter().find(|of_day| of_day.metric == metric).unwrap_or(nothing);
        let DayUnits { units: ours, refused, refused_repairs, last_at, is_open, .. } = found;
        let gap = difference(ours, theirs);
        if is_open {
            return Ok(gap);
        }
        let check = DayCheck { day, metric, ours, theirs, refused, checked_at: now };
        tx.org(org).billing().put_check(&check).await?;
        if gap != 0 {
            let id = ReadingId::of_repair(org, metric.as_str(), day, theirs, ours, refused_repairs);
            if let Some(units) = u64::try_from(gap).ok().filter(|units| *units > 0) {
                // within the vendor's period that the lost units were of
                let repair = Reading { id, metric, counted_from: day, units, at: last_at, is_repair: true };
                tx.org(org).billing().add_reading(&repair).await?;
            }
            if let Some(seller) = self.config.plans.seller() {
                let data = json!({
                    "org": org, "metric": metric, "day": day.date_naive(), "ours": ours, "theirs": theirs,
                    "refused": refused,
                });
                let dedupe = Some(format!("billing gap {id}"));
                let fact = Fact { org: seller.org, subject: org.to_string(), data, dedupe, at: now };
                let event = Own::UsageGap.event(fact, &*self.clock, &*self.random);
                tx.org(seller.org).events().append(&event).await?;
            }
        }
        tx.commit().await?;
        Ok(gap)
    }
}

fn first_of(day: Timestamp) -> Result<Timestamp, Failure> {
    day.duration_trunc(Duration::days(1)).map_err(|_| Failure::violation("/day", "a day of this age"))
}

/// How many units the vendor lacks.
fn difference(ours: u64, theirs: u64) -> i64 {
    let gap = i128::from(ours) - i128::from(theirs);
    i64::try_from(gap).unwrap_or(if gap < 0 { i64::MIN } else { i64::MAX })
}
