//! What runs used.

use chrono::NaiveDate;
use patchbay_hub::{DayUsage, MeterUsage, UsageSummary, UsageTotal, UsageView};
use patchbay_model::{PluginId, RunId, Timestamp, UsageId, plan, run};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Page, Period, Price};

/// A billing period in sums; and totals over the asked time, with the records behind them, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Usage {
    /// The billing period, whatever time is asked for below.
    summary: Summary,
    /// One per plugin, meter and basis.
    totals: Vec<Total>,
    /// The records.
    records: Page<UsageRecord>,
}

/// A billing period.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Summary {
    /// From when to when.
    period: Period,
    /// The plan: the present one, or for a period that has ended the one of its end.
    #[schema(example = "pro")]
    plan: String,
    /// Of all costs: three letters (ISO 4217).
    currency: String,
    /// What was used, by metric.
    metrics: Vec<MetricUsage>,
    /// The same by plugin and meter, and meters that are no part of a metric.
    plugins: Vec<PluginUsage>,
    /// By day (UTC) and metric; days without usage are left out.
    days: Vec<Day>,
    /// What the plan costs, in minor units.
    price: u64,
    /// What is beyond the plan, in minor units.
    overage_cost: u64,
    /// Both together.
    total: u64,
}

/// A metric in a billing period.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MetricUsage {
    /// Which.
    #[schema(value_type = String, example = "ai_tokens")]
    metric: plan::Metric,
    /// In whole units; of each meter, a unit that was begun counts.
    used: u64,
    /// What the plan includes; null: no limit.
    limit: Option<u64>,
    /// What is beyond that.
    overage: u64,
    /// What that costs; null: there is no more than the limit.
    price: Option<Price>,
    /// In minor units, rounded up once.
    cost: u64,
}

/// A meter of a plugin in a billing period.
#[derive(Debug, Serialize, ToSchema)]
struct PluginUsage {
    /// Of which plugin.
    #[schema(value_type = String, example = "openai")]
    plugin: PluginId,
    /// A meter of it, or `calls`.
    #[schema(example = "input_tokens")]
    meter: String,
    /// One of what; null when no loaded version has the meter.
    unit: Option<String>,
    /// What it counts as; null: nothing that plans know.
    #[schema(value_type = Option<String>, example = "ai_tokens")]
    metric: Option<plan::Metric>,
    /// In the meter's own units.
    quantity: u64,
}

/// A metric on a day.
#[derive(Debug, Serialize, ToSchema)]
struct Day {
    /// The day (UTC).
    #[schema(value_type = String, format = Date)]
    day: NaiveDate,
    /// Which metric.
    #[schema(value_type = String)]
    metric: plan::Metric,
    /// In whole units.
    used: u64,
}

/// A sum.
#[derive(Debug, Serialize, ToSchema)]
struct Total {
    /// Of which plugin.
    #[schema(value_type = String, example = "openai")]
    plugin: PluginId,
    /// Which meter of the plugin.
    #[schema(example = "input_tokens")]
    meter: String,
    /// One of what; null when no loaded version has the meter.
    #[schema(example = "token")]
    unit: Option<String>,
    /// `reported` by the vendor, or `estimated` because its report never came.
    basis: &'static str,
    /// How many units.
    quantity: u64,
}

/// One metered quantity.
#[derive(Debug, Serialize, ToSchema)]
struct UsageRecord {
    /// Its id.
    #[schema(value_type = String)]
    id: UsageId,
    /// Of which plugin.
    #[schema(value_type = String, example = "openai")]
    plugin: PluginId,
    /// By which run.
    #[schema(value_type = String)]
    run: RunId,
    /// Which meter of the plugin.
    meter: String,
    /// How many of the meter's units.
    quantity: u64,
    /// `reported` or `estimated`.
    basis: &'static str,
    /// The plugin's own id of it, which makes a repeat harmless.
    dedupe: Option<String>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

impl From<(UsageSummary, UsageView)> for Usage {
    fn from((summary, view): (UsageSummary, UsageView)) -> Self {
        let UsageView { totals, records } = view;
        Self { summary: summary.into(), totals: super::all(totals), records: records.into() }
    }
}

impl From<UsageSummary> for Summary {
    fn from(summary: UsageSummary) -> Self {
        let UsageSummary { period, plan, currency, metrics, plugins, days, overage_cost, total } = summary;
        Self {
            period: period.into(),
            plan: plan.name.clone(),
            currency,
            metrics: super::all(metrics),
            plugins: super::all(plugins),
            days: super::all(days),
            price: plan.price,
            overage_cost,
            total,
        }
    }
}

impl From<patchbay_hub::MetricUsage> for MetricUsage {
    fn from(usage: patchbay_hub::MetricUsage) -> Self {
        let patchbay_hub::MetricUsage { metric, used, limit, overage, price, cost } = usage;
        Self { metric, used, limit, overage, price: price.map(Price::from), cost }
    }
}

impl From<MeterUsage> for PluginUsage {
    fn from(usage: MeterUsage) -> Self {
        let MeterUsage { plugin, meter, unit, metric, quantity } = usage;
        Self { plugin, meter, unit, metric, quantity }
    }
}

impl From<DayUsage> for Day {
    fn from(usage: DayUsage) -> Self {
        let DayUsage { day, metric, used } = usage;
        Self { day, metric, used }
    }
}

impl From<UsageTotal> for Total {
    fn from(total: UsageTotal) -> Self {
        let UsageTotal { plugin, meter, unit, basis, quantity } = total;
        Self { plugin, meter, unit, basis: basis.as_str(), quantity }
    }
}

impl From<run::UsageRecord> for UsageRecord {
    fn from(record: run::UsageRecord) -> Self {
        let run::UsageRecord { id, org: _, plugin, run, meter, quantity, basis, dedupe, at, counts: _ } = record;
        Self { id, plugin, run, meter, quantity, basis: basis.as_str(), dedupe, at }
    }
}
