//! `patchbay usage`: what an organization used in a billing period, and what that costs.

use anyhow::{Context, Result};
use clap::Args;
use patchbay_hub::{MeterUsage, MetricUsage, UsageSummary, WhichPeriod};
use serde_json::{Value, json};

use crate::{
    cli::ConfigOption,
    config::Config,
    open,
    table::{columns, limit, money},
};

/// Flags of `usage`.
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    config: ConfigOption,
    /// The organization's name or id
    org: String,
    /// `current`, `previous`, or the billing period that a day or a time is in, as in 2026-11-05
    #[arg(long, default_value = "current", value_parser = str::parse::<WhichPeriod>)]
    period: WhichPeriod,
    /// Print one JSON value for a script
    #[arg(long)]
    json: bool,
}

/// Does it.
pub async fn run(options: Options) -> Result<()> {
    let hub = open::hub(&Config::load(&options.config.file)?).await?;
    let org = open::org(&hub, &options.org).await?;
    let summary = hub.usage_summary_of(org, options.period).await.context("cannot read the organization's usage");
    hub.shutdown().await;
    let summary = summary?;
    if options.json {
        println!("{}", as_json(&summary));
    } else {
        print!("{}", for_people(&summary));
    }
    Ok(())
}

fn as_json(summary: &UsageSummary) -> Value {
    let UsageSummary { period, plan, currency, metrics, plugins, days, overage_cost, total } = summary;
    let metrics: Vec<_> = metrics
        .iter()
        .map(|MetricUsage { metric, used, limit, overage, price, cost }| {
            json!({ "metric": metric, "used": used, "limit": limit, "overage": overage, "price": price, "cost": cost })
        })
        .collect();
    let plugins: Vec<_> = plugins
        .iter()
        .map(|MeterUsage { plugin, meter, unit, metric, quantity }| {
            json!({ "plugin": plugin, "meter": meter, "unit": unit, "metric": metric, "quantity": quantity })
        })
        .collect();
    let days: Vec<_> =
        days.iter().map(|day| json!({ "day": day.day, "metric": day.metric, "used": day.used })).collect();
    json!({
        "period": period, "plan": plan.name, "currency": currency, "metrics": metrics, "plugins": plugins, "days": days,
        "price": plan.price, "overage_cost": overage_cost, "total": total,
    })
}

fn for_people(summary: &UsageSummary) -> String {
    let UsageSummary { period, plan, currency, metrics, plugins, overage_cost, total, .. } = summary;
    let mut text =
        format!("{} to {}, plan {}\n\n", period.starts_at.format("%F %R"), period.ends_at.format("%F %R"), plan.name);
    let mut rows = vec![["", "used", "of", "cost"].map(str::to_owned)];
    rows.extend(metrics.iter().filter(|metric| metric.used > 0 || metric.limit.is_some()).map(|metric| {
        let cost = if metric.cost > 0 { money(metric.cost, currency) } else { String::new() };
        [metric.metric.to_string(), metric.used.to_string(), limit(metric.limit), cost]
    }));
    text += &columns(&rows, [false, true, true, true]);
    if !plugins.is_empty() {
        let rows: Vec<_> = plugins
            .iter()
            .map(|used| {
                let unit = used.unit.clone().unwrap_or_default();
                [used.plugin.to_string(), used.meter.clone(), used.quantity.to_string(), unit]
            })
            .collect();
        text += "\n";
        text += &columns(&rows, [false, false, true, false]);
    }
    let (price, overage, total) =
        (money(plan.price, currency), money(*overage_cost, currency), money(*total, currency));
    text += &format!("\nplan {price} + overage {overage} = {total}\n");
    text
}
