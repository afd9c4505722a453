//! `patchbay sync`: what an organization keeps in step with vendors, from the command line.

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use patchbay_hub::AnswerNotes;
use patchbay_model::{
    SyncRunId, Timestamp,
    object::StandardObject,
    sync::{SyncMode, SyncRun},
};
use serde_json::{Value, json};

use crate::{
    cli::{OrgOptions, PluginOptions},
    config::Config,
    open::{self, Acting},
};

/// What to do with syncs.
#[derive(Debug, Subcommand)]
pub enum SyncCommand {
    /// List the syncs of a plugin that were set up
    List(PluginOptions),
    /// List a sync's runs, newest first
    Runs(Runs),
    /// Ask for a run of a sync. A hub that runs takes it up
    Run(Run),
    /// End a run of a sync; what it has taken over stays
    Cancel(Cancel),
}

/// Flags of `sync runs`.
#[derive(Debug, Args)]
pub struct Runs {
    #[command(flatten)]
    of: PluginOptions,
    /// The standard object, as in `contact`
    object: StandardObject,
    /// Only those before this one
    #[arg(long, value_name = "RUN")]
    before: Option<SyncRunId>,
    /// At most so many: 1 to 200
    #[arg(long, default_value_t = 50)]
    limit: u32,
}

/// Flags of `sync run`.
#[derive(Debug, Args)]
pub struct Run {
    #[command(flatten)]
    of: PluginOptions,
    /// The standard object, as in `contact`
    object: StandardObject,
    /// All that the vendor has, and not only what changed
    #[arg(long)]
    full: bool,
}

/// Flags of `sync cancel`.
#[derive(Debug, Args)]
pub struct Cancel {
    #[command(flatten)]
    org: OrgOptions,
    /// The run's id
    run: SyncRunId,
}

/// Does it.
pub async fn run(command: SyncCommand) -> Result<()> {
    match command {
        SyncCommand::List(options) => list(options).await,
        SyncCommand::Runs(options) => runs(options).await,
        SyncCommand::Run(options) => request(options).await,
        SyncCommand::Cancel(options) => cancel(options).await,
    }
}

async fn list(options: PluginOptions) -> Result<()> {
    let PluginOptions { org, plugin, config, json } = options;
    let Acting { hub, caller } = open::acting_without_plugins(&Config::load(&config.file)?, &org).await?;
    let found = hub.installation(&caller, &plugin).await;
    hub.shutdown().await;
    for sync in found.context("cannot list the syncs")?.syncs {
        if json {
            println!("{}", serde_json::to_string(&sync)?);
        } else {
            let next = sync.next_due_at.map_or_else(|| "never".to_owned(), time);
            let why = sync.problem.map(|code| format!("  {code}")).unwrap_or_default();
            println!("{}  {}  next {next}{why}", sync.object, sync.status.as_str());
        }
    }
    Ok(())
}

async fn runs(options: Runs) -> Result<()> {
    let Runs { of: PluginOptions { org, plugin, config, json }, object, before, limit } = options;
    let Acting { hub, caller } = open::acting_without_plugins(&Config::load(&config.file)?, &org).await?;
    let found = hub.sync_runs(&caller, &plugin, object, before, Some(limit)).await;
    hub.shutdown().await;
    let page = found.context("cannot list the runs")?;
    for run in &page.items {
        print(run, json);
    }
    if let Some(next) = page.next.filter(|_| !json) {
        println!("there are more: --before {next}");
    }
    Ok(())
}

async fn request(options: Run) -> Result<()> {
    let Run { of: PluginOptions { org, plugin, config, json }, object, full } = options;
    let Acting { hub, caller } = open::acting_without_plugins(&Config::load(&config.file)?, &org).await?;
    let mode = if full { SyncMode::Full } else { SyncMode::Delta };
    let asked = hub.sync_request_run(&caller, &plugin, object, mode, None, &AnswerNotes::default()).await;
    hub.shutdown().await;
    print(&asked.map_err(|failure| failure.failure).context("cannot ask for a run")?, json);
    Ok(())
}

async fn cancel(options: Cancel) -> Result<()> {
    let Cancel { org: OrgOptions { org, config, json }, run } = options;
    let Acting { hub, caller } = open::acting_without_plugins(&Config::load(&config.file)?, &org).await?;
    let ended = hub.cancel_sync_run(&caller, run).await;
    hub.shutdown().await;
    print(&ended.context("cannot cancel the run")?, json);
    Ok(())
}

fn print(run: &SyncRun, json: bool) {
    if json {
        println!("{}", document(run));
        return;
    }
    let SyncRun { id, object, mode, status, created_at, counts, failure, .. } = run;
    let (created_at, why) = (time(*created_at), failure.as_ref().map(|(code, _)| format!("  {code}")));
    println!(
        "{id}  {object}  {mode}  {status}  {created_at}  {} read, {} written here, {} there, {} failed{}",
        counts.read,
        counts.created + counts.updated,
        counts.pushed,
        counts.failed,
        why.unwrap_or_default(),
    );
}

fn time(at: Timestamp) -> String {
    at.format("%F %TZ").to_string()
}

/// As the API shows it.
fn document(run: &SyncRun) -> Value {
    json!({
        "id": run.id,
        "plugin": run.plugin,
        "object": run.object,
        "mode": run.mode,
        "trigger": run.trigger,
        "status": run.status,
        "requested_by": run.requested_by.map(|actor| actor.to_string()),
        "created_at": run.created_at,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "counts": run.counts,
        "progress": run.progress,
        "error": run.failure.as_ref().map(|(code, detail)| json!({ "code": code, "detail": detail })),
        "job": run.job,
    })
}
