//! What a consumption would cost, under this plan or another.

use std::{collections::BTreeMap, sync::Arc};

use patchbay_model::{Failure, Permission, period::Period, plan::Metric};

use super::{
    catalogue::Plan,
    summary::{MetricUsage, bill},
    tally::{Units, units_of},
};
use crate::{auth::Caller, hub::Hub};

/// What shall be estimated.
#[derive(Debug, Clone, Default)]
pub struct EstimateUsage {
    /// Units by metric.
    pub usage: BTreeMap<Metric, u64>,
    /// Under this plan; the org's own if nothing is said.
    pub plan: Option<String>,
    /// Beside what was used in the present period already.
    pub on_top: bool,
}

/// What it would come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageEstimate {
    /// Under which plan.
    pub plan: Arc<Plan>,
    /// Three letters (ISO 4217).
    pub currency: String,
    /// The present billing period.
    pub period: Period,
    /// Metric by metric.
    pub metrics: Vec<MetricUsage>,
    /// What is beyond the plan, in minor units.
    pub overage_cost: u64,
    /// That and the plan's price.
    pub total: u64,
    /// Metrics of which the plan allows less: so much would not be let through.
    pub refused: Vec<Metric>,
}

impl Hub {
    /// Estimates a period's bill. Needs the permission `read_activity`; `invalid_input` for a plan that is not configured.
    pub async fn estimate_usage(&self, caller: &Caller, estimate: EstimateUsage) -> Result<UsageEstimate, Failure> {
        caller.require(Permission::ReadActivity)?;
        let hub = &*self.0;
        let standing = hub.standing(caller.org).await?;
        let plan = match &estimate.plan {
            None => Arc::clone(&standing.plan),
            Some(name) => hub.config.plans.get(name).cloned().ok_or_else(|| {
                let names: Vec<_> = hub.config.plans.iter().map(|plan| plan.name.as_str()).collect();
                Failure::violation("/plan", format!("a plan: {}", names.join(", ")))
            })?,
        };
        let period = standing.period(hub.clock.now());
        let mut units = Units::default();
        if estimate.on_top {
            let mut tx = hub.database.read().await?;
            let sums = tx.org(caller.org).counters().of(period).await?;
            units = units_of(sums.iter().map(|counted| (counted.counts, counted.quantity)));
        }
        for (metric, more) in &estimate.usage {
            if let Some(units) = units.get_mut(metric.index()) {
                *units = units.saturating_add(*more);
            }
        }
        let stops = |(metric, used): &(Metric, u64)| plan.stops_at(*metric).is_some_and(|stop| *used > stop);
        let refused = Metric::ALL.into_iter().zip(units).filter(stops).map(|(metric, _)| metric).collect();
        let metrics = bill(&plan, &units);
        let overage_cost = metrics.iter().map(|metric| metric.cost).fold(0, u64::saturating_add);
        let (total, currency) = (plan.price.saturating_add(overage_cost), hub.config.plans.currency().to_owned());
        Ok(UsageEstimate { plan, currency, period, metrics, overage_cost, total, refused })
    }
}
