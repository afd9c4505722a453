//! `patchbay plan`: what plans there are, and who has which.

use anyhow::{Context, Result};
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use clap::{Args, Subcommand};
use patchbay_hub::{Hub, Plan, PlanView};
use patchbay_model::plan::Metric;
use serde_json::{Value, json};

use crate::{
    cli::{ConfigOption, OrgOptions},
    config::Config,
    fix::OrFix,
    open,
    table::{columns, limit, money},
};

/// What to do with plans.
#[derive(Debug, Subcommand)]
pub enum PlanCommand {
    /// List the plans of the configuration, the lowest first
    List(List),
    /// Show an organization's plan and billing period
    Show(OrgOptions),
    /// Give an organization a plan, for the whole of the present billing period. A hub that runs takes note within a minute,
    /// on PostgreSQL at once
    Set(Set),
}

/// Flags of `plan list`.
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    config: ConfigOption,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

/// Flags of `plan set`.
#[derive(Debug, Args)]
pub struct Set {
    #[command(flatten)]
    config: ConfigOption,
    /// The organization's name or id
    org: String,
    /// The plan's name
    plan: String,
    /// Begin another billing cycle: a day, or a time as in 2026-01-31T09:00:00Z, of which the full hour counts. One on
    /// the 31st ends on the last day of shorter months
    #[arg(long, value_name = "TIME", value_parser = time)]
    anchor: Option<DateTime<Utc>>,
    /// Print one JSON value for a script
    #[arg(long)]
    json: bool,
}

fn time(text: &str) -> Result<DateTime<Utc>, String> {
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").map(|day| day.and_time(NaiveTime::MIN).and_utc());
    let time = || DateTime::parse_from_rfc3339(text).map(|time| time.to_utc());
    day.or_else(|_| time()).map_err(|_| "a day as in 2026-01-31, or a time as in 2026-01-31T09:00:00Z".to_owned())
}

/// Does it.
pub async fn run(command: PlanCommand) -> Result<()> {
    match command {
        PlanCommand::List(options) => list(&options).await,
        PlanCommand::Show(options) => show(&options).await,
        PlanCommand::Set(options) => set(&options).await,
    }
}

async fn list(options: &List) -> Result<()> {
    let config = Config::load(&options.config.file)?;
    let plans = config.hub()?.plans;
    let database = open::database(&config).await?;
    database.migrate().await?;
    let mut tx = database.read().await?;
    let in_use = tx.hub().plans_in_use().await?;
    drop(tx);
    database.close().await;
    let given = |plan: &Plan| in_use.iter().find(|(name, _)| *name == plan.name).map_or(0, |(_, orgs)| *orgs);
    if options.json {
        for plan in plans.iter() {
            let mut value = as_json(plan, plans.currency());
            if let Some(members) = value.as_object_mut() {
                members.insert("given_to".to_owned(), json!(given(plan)));
                members.insert("default".to_owned(), json!(plan.name == plans.default_plan().name));
            }
            println!("{value}");
        }
        return Ok(());
    }
    let mut rows = vec![["", "price", "organizations", ""].map(str::to_owned)];
    rows.extend(plans.iter().map(|plan| {
        let default = if plan.name == plans.default_plan().name { "of whoever was given none" } else { "" };
        [plan.name.clone(), money(plan.price, plans.currency()), given(plan).to_string(), default.to_owned()]
    }));
    print!("{}", columns(&rows, [false, true, true, false]));
    Ok(())
}

async fn show(options: &OrgOptions) -> Result<()> {
    let hub = open::hub(&Config::load(&options.config.file)?).await?;
    let org = open::org(&hub, &options.org).await?;
    let shown = hub.plan_of(org).await.context("cannot read the organization's plan");
    hub.shutdown().await;
    print(&shown?, options.json);
    Ok(())
}

async fn set(options: &Set) -> Result<()> {
    let hub = open::hub(&Config::load(&options.config.file)?).await?;
    let org = open::org(&hub, &options.org).await?;
    let names = names(&hub);
    let set = hub.set_plan(org, &options.plan, options.anchor).await;
    hub.shutdown().await;
    let view = set
        .with_context(|| format!("cannot give the organization the plan {:?}", options.plan))
        .or_fix(format!("name one of {names}, or add it to the configuration"))?;
    print(&view, options.json);
    Ok(())
}

fn names(hub: &Hub) -> String {
    hub.plans().iter().map(|plan| plan.name.as_str()).collect::<Vec<_>>().join(", ")
}

fn as_json(plan: &Plan, currency: &str) -> Value {
    let limits: Vec<_> = Metric::ALL
        .into_iter()
        .map(|metric| json!({ "metric": metric, "limit": plan.limit(metric), "overage": plan.overage(metric) }))
        .collect();
    json!({
        "name": plan.name,
        "rank": plan.rank,
        "price": plan.price,
        "currency": currency,
        "limits": limits,
        "max_export_rows": plan.max_export_rows,
        "sync_every_s": plan.sync_every_s,
    })
}

fn print(view: &PlanView, json: bool) {
    let PlanView { plan, currency, anchor, period, features, .. } = view;
    if json {
        let mut value = as_json(plan, currency);
        if let Some(members) = value.as_object_mut() {
            members.insert("period".to_owned(), json!(period));
            members.insert("anchor".to_owned(), json!(anchor));
            let features = features.iter().map(|feature| (feature.name.clone(), json!(feature.included)));
            members.insert("features".to_owned(), Value::Object(features.collect()));
        }
        println!("{value}");
        return;
    }
    println!("{}  {} for a billing period", plan.name, money(plan.price, currency));
    println!(
        "{} to {}, cycle from {}\n",
        period.starts_at.format("%F %R"),
        period.ends_at.format("%F %R"),
        anchor.format("%F %R")
    );
    let rows: Vec<_> = Metric::ALL
        .into_iter()
        .map(|metric| {
            let more =
                plan.overage(metric).map(|price| format!("then {} for {}", money(price.price, currency), price.per));
            [metric.to_string(), limit(plan.limit(metric)), more.unwrap_or_default()]
        })
        .collect();
    print!("{}", columns(&rows, [false, true, false]));
    println!("rows in one export: {}", limit(plan.max_export_rows));
    println!("a sync looks at most every {} s", plan.sync_every_s);
    let lacking: Vec<_> = features.iter().filter(|feature| !feature.included).collect();
    if !lacking.is_empty() {
        println!();
    }
    for feature in lacking {
        println!("without {}, which {} has", feature.name, feature.lowest_plan);
    }
}
