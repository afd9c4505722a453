//! `patchbay schedule`: what makes an organization's jobs by the clock, from the command line.

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use patchbay_hub::ScheduleFilter;
use patchbay_model::{
    PluginId,
    schedule::{Schedule, Target},
};
use serde_json::{Value, json};

use crate::{
    cli::{OrgOptions, PluginOptions},
    config::Config,
    open,
};

/// What to do with schedules.
#[derive(Debug, Subcommand)]
pub enum ScheduleCommand {
    /// List an organization's schedules
    List(List),
    /// Show a schedule with what its jobs are made with
    Show(Show),
}

/// Flags of `schedule list`.
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    org: OrgOptions,
    /// Only of this plugin
    #[arg(long)]
    plugin: Option<PluginId>,
}

/// Flags of `schedule show`.
#[derive(Debug, Args)]
pub struct Show {
    #[command(flatten)]
    of: PluginOptions,
    /// The schedule's name
    name: String,
}

/// Does it.
pub async fn run(command: ScheduleCommand) -> Result<()> {
    match command {
        ScheduleCommand::List(options) => list(options).await,
        ScheduleCommand::Show(options) => show(options).await,
    }
}

async fn list(options: List) -> Result<()> {
    let List { org, plugin } = options;
    let hub = open::hub(&Config::load(&org.config.file)?).await?;
    let caller = hub.operator(open::org(&hub, &org.org).await?).await?;
    let mut before = None;
    loop {
        let filter = ScheduleFilter { plugin: plugin.clone(), before, limit: Some(200) };
        let page = hub.schedules(&caller, filter).await.context("cannot list the schedules")?;
        for schedule in &page.items {
            print(schedule, org.json);
        }
        let Some(next) = page.next else { break };
        before = Some(next.parse().context("a cursor of our own")?);
    }
    hub.shutdown().await;
    Ok(())
}

async fn show(options: Show) -> Result<()> {
    let Show { of, name } = options;
    let hub = open::hub(&Config::load(&of.config.file)?).await?;
    let caller = hub.operator(open::org(&hub, &of.org).await?).await?;
    let found = hub.schedule(&caller, &of.plugin, &name).await;
    hub.shutdown().await;
    let schedule = found.context("cannot show the schedule")?;
    print(&schedule, of.json);
    if !of.json {
        println!("jobs are made with {}", schedule.payload);
    }
    Ok(())
}

fn print(schedule: &Schedule, json: bool) {
    if json {
        println!("{}", document(schedule));
        return;
    }
    let Schedule { plugin, name, target, target_name, cron, time_zone, enabled, next_at, .. } = schedule;
    let next = match (enabled, next_at) {
        (false, _) => "switched off".to_owned(),
        (true, None) => "never again".to_owned(),
        (true, Some(at)) => format!("next {}", at.format("%F %TZ")),
    };
    println!("{plugin}  {name}  {} {target_name}  {cron} ({time_zone})  {next}", target.as_str());
}

/// As the API shows it.
fn document(schedule: &Schedule) -> Value {
    let (task, action) = match schedule.target {
        Target::Task => (Some(&schedule.target_name), None),
        Target::Action => (None, Some(&schedule.target_name)),
    };
    json!({
        "id": schedule.id,
        "plugin": schedule.plugin,
        "name": schedule.name,
        "origin": schedule.origin,
        "task": task,
        "action": action,
        "payload": serde_json::from_str::<Value>(&schedule.payload).unwrap_or(Value::Null),
        "cron": schedule.cron,
        "time_zone": schedule.time_zone,
        "jitter_s": schedule.jitter_s,
        "missed": schedule.missed,
        "enabled": schedule.enabled,
        "next_at": schedule.next_at,
        "last_at": schedule.last_at,
        "created_at": schedule.created_at,
        "updated_at": schedule.updated_at,
    })
}
