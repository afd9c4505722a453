//! What an org used in a billing period, and what that costs.

use std::{collections::BTreeMap, str::FromStr, sync::Arc};

use chrono::{NaiveDate, NaiveTime};
use patchbay_model::{
    Failure, OrgId, Permission, PluginId, Timestamp,
    period::Period,
    plan::{Metric, Price},
};
use patchbay_storage::Counted;

use super::{
    catalogue::Plan,
    tally::{Units, units_of},
};
use crate::{auth::Caller, hub::Hub};

/// Which billing period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WhichPeriod {
    /// The present one.
    #[default]
    Current,
    /// The one before.
    Previous,
    /// The one that this instant is in.
    At(Timestamp),
}

/// A text that names no period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a period is `current`, `previous`, or one that a day or a time is in, as in 2026-11-05")]
pub struct InvalidPeriod;

impl FromStr for WhichPeriod {
    type Err = InvalidPeriod;

    fn from_str(text: &str) -> Result<Self, InvalidPeriod> {
        match text {
            "current" => Ok(Self::Current),
            "previous" => Ok(Self::Previous),
            other => {
                let of_day = |day: NaiveDate| day.and_time(NaiveTime::MIN).and_utc();
                let day = NaiveDate::parse_from_str(other, "%Y-%m-%d").map(of_day);
                day.or_else(|_| other.parse()).map(Self::At).map_err(|_| InvalidPeriod)
            }
        }
    }
}

/// A metric in a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricUsage {
    /// Which.
    pub metric: Metric,
    /// In whole units; of each meter, a unit that was begun counts.
    pub used: u64,
    /// What the plan includes; none: all.
    pub limit: Option<u64>,
    /// What is used beyond that.
    pub overage: u64,
    /// What that costs; none: there can be none, and what there is all the same is not charged.
    pub price: Option<Price>,
    /// In minor units, rounded up.
    pub cost: u64,
}

/// A meter of a plugin in a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeterUsage {
    /// Of which plugin.
    pub plugin: PluginId,
    /// Its name, or `calls`.
    pub meter: String,
    /// One of what; none if no loaded version has this meter.
    pub unit: Option<String>,
    /// What it counts as.
    pub metric: Option<Metric>,
    /// In its own units.
    pub quantity: u64,
}

/// A metric on a day (UTC).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayUsage {
    /// The day.
    pub day: NaiveDate,
    /// Which metric.
    pub metric: Metric,
    /// In whole units.
    pub used: u64,
}

/// A billing period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageSummary {
    /// From when to when.
    pub period: Period,
    /// The plan: the present one, or the one that the org had when the period ended.
    pub plan: Arc<Plan>,
    /// Three letters (ISO 4217).
    pub currency: String,
    /// What was used of each metric.
    pub metrics: Vec<MetricUsage>,
    /// By plugin and meter.
    pub plugins: Vec<MeterUsage>,
    /// By day and metric, days without usage left out.
    pub days: Vec<DayUsage>,
    /// What is beyond the plan, in minor units.
    pub overage_cost: u64,
    /// That and the plan's price.
    pub total: u64,
}

impl Hub {
    /// What the org used in a billing period. Needs the permission `read_activity`.
    pub async fn usage_summary(&self, caller: &Caller, which: WhichPeriod) -> Result<UsageSummary, Failure> {
        caller.require(Permission::ReadActivity)?;
        self.usage_summary_of(caller.org, which).await
    }

    /// The same for any org; `not_found` if there is none. For the operator.
    pub async fn usage_summary_of(&self, org: OrgId, which: WhichPeriod) -> Result<UsageSummary, Failure> {
        let hub = &*self.0;
        let standing = hub.standing(org).await?;
        let current = standing.period(hub.clock.now());
        let period = match which {
            WhichPeriod::Current => current,
            WhichPeriod::Previous => current.previous(standing.anchor),
            WhichPeriod::At(at) => standing.period(at),
        };
        let mut tx = hub.database.read().await?;
        let mut ours = tx.org(org);
        let plan = match period.ends_at <= current.starts_at {
            true => {
                let last = period.ends_at - chrono::Duration::microseconds(1);
                let had = ours.plans().at(last).await?.and_then(|given| given.plan);
                hub.plan_named(org, had.as_deref())
            }
            false => Arc::clone(&standing.plan),
        };
        let sums = ours.counters().of(period).await?;
        let days = ours.counters().by_day(period).await?;
        drop(tx);
        let units = units_of(sums.iter().map(|counted| (counted.counts, counted.quantity)));
        let metrics = bill(&plan, &units);
        let overage_cost = metrics.iter().map(|metric| metric.cost).fold(0, u64::saturating_add);
        let total = plan.price.saturating_add(overage_cost);
        let currency = hub.config.plans.currency().to_owned();
        let plugins = sums.into_iter().map(|counted| self.meter_usage(counted)).collect();
        Ok(UsageSummary { period, plan, currency, metrics, plugins, days: by_day(days), overage_cost, total })
    }

    fn meter_usage(&self, counted: Counted) -> MeterUsage {
        let Counted { plugin, meter, counts, quantity } = counted;
        let metric = counts.map(|counts| counts.metric);
        let unit = if metric == Some(Metric::Calls) { Some("call".to_owned()) } else { self.unit(&plugin, &meter) };
        MeterUsage { unit, plugin, meter, metric, quantity }
    }
}

fn by_day(days: Vec<(NaiveDate, Counted)>) -> Vec<DayUsage> {
    let mut sums: BTreeMap<NaiveDate, Vec<Counted>> = BTreeMap::new();
    for (day, counted) in days {
        sums.entry(day).or_default().push(counted);
    }
    let of_day = |(day, sums): (NaiveDate, Vec<Counted>)| {
        let units = units_of(sums.iter().map(|counted| (counted.counts, counted.quantity)));
        let used = Metric::ALL.into_iter().zip(units).filter(|(_, used)| *used > 0);
        used.map(move |(metric, used)| DayUsage { day, metric, used })
    };
    sums.into_iter().flat_map(of_day).collect()
}

/// What units of metrics cost under a plan. Rounded once, here, by metric and period. What is there at once and not used
/// up is no part of a bill.
pub(super) fn bill(plan: &Plan, units: &Units) -> Vec<MetricUsage> {
    let of = |(metric, used): (Metric, u64)| {
        let (limit, price) = (plan.limit(metric), plan.overage(metric));
        let overage = limit.map_or(0, |limit| used.saturating_sub(limit));
        let cost = price.map_or(0, |price| price.of(overage));
        MetricUsage { metric, used, limit, overage, price, cost }
    };
    let metrics = Metric::ALL.into_iter().zip(units.iter().copied());
    metrics.filter(|(metric, _)| !metric.is_standing()).map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plans::catalogue::Plans;

    #[test]
    fn only_what_is_beyond_the_plan_costs() {
        let plans = Plans::default();
        let mut units = Units::default();
        units[Metric::Calls.index()] = 101_001;
        units[Metric::AiTokens.index()] = 9_999_999;
        units[Metric::Minutes.index()] = 2_010;
        let costs = |name: &str| -> Vec<_> {
            let bill = bill(plans.get(name).unwrap(), &units);
            bill.into_iter().filter(|one| one.overage > 0).map(|one| (one.metric, one.overage, one.cost)).collect()
        };
        // 50 cents for 1,000 calls: of 1,001 the first part of a cent that was begun is due
        assert_eq!(costs("pro"), [(Metric::Calls, 1_001, 51), (Metric::Minutes, 10, 13)]);
        assert_eq!(costs("enterprise"), []);
        // it could not be, but if it is there it is not charged
        assert_eq!(costs("free")[0], (Metric::Calls, 100_001, 0));
    }

    #[test]
    fn a_period_is_named_by_a_word_a_day_or_a_time() {
        let day: Timestamp = "2026-11-05T00:00:00Z".parse().unwrap();
        assert_eq!("current".parse(), Ok(WhichPeriod::Current));
        assert_eq!("2026-11-05".parse(), Ok(WhichPeriod::At(day)));
        assert_eq!("2026-11-05T00:00:00Z".parse(), Ok(WhichPeriod::At(day)));
        assert_eq!("november".parse::<WhichPeriod>(), Err(InvalidPeriod));
    }
}
