//! `patchbay job`: an organization's background work, from the command line.

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use patchbay_hub::{Caller, Hub, JobFilter};
use patchbay_model::{
    JobId, PluginId,
    job::{Job, JobKind, JobStatus},
};
use serde_json::{Value, json};

use crate::{cli::OrgOptions, config::Config, open};

/// What to do with jobs.
#[derive(Debug, Subcommand)]
pub enum JobCommand {
    /// List an organization's jobs, newest first
    List(List),
    /// Show a job with what it was made with and what it gave
    Show(One),
    /// End a job: one that waits at once, one that runs after its step
    Cancel(One),
    /// Have failed jobs done once more: one, or with --all all that match. A hub that runs takes them up
    Redrive(Redrive),
}

/// Which jobs, by what they are.
#[derive(Debug, Args)]
pub struct Which {
    /// Only of this plugin
    #[arg(long)]
    plugin: Option<PluginId>,
    /// Only these: task, action, event, host or sync
    #[arg(long, value_parser = kind)]
    kind: Option<JobKind>,
    /// Only of this name: a task's kind, an action, an event's type
    #[arg(long)]
    name: Option<String>,
}

/// Flags of `job list`.
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    org: OrgOptions,
    #[command(flatten)]
    which: Which,
    /// Only these: queued, running, done, failed or cancelled
    #[arg(long, value_parser = status)]
    status: Option<JobStatus>,
    /// Only those before this one
    #[arg(long, value_name = "JOB")]
    before: Option<JobId>,
    /// At most so many: 1 to 200
    #[arg(long, default_value_t = 50)]
    limit: u32,
}

/// Which job.
#[derive(Debug, Args)]
pub struct One {
    #[command(flatten)]
    org: OrgOptions,
    /// The job's id
    job: JobId,
}

/// Flags of `job redrive`.
#[derive(Debug, Args)]
pub struct Redrive {
    #[command(flatten)]
    org: OrgOptions,
    /// The job's id
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    job: Option<JobId>,
    /// All that match
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    which: Which,
}

fn kind(text: &str) -> Result<JobKind, String> {
    let found = JobKind::ALL.iter().find(|kind| kind.as_str() == text);
    found.copied().ok_or_else(|| "take task, action, event, host or sync".to_owned())
}

fn status(text: &str) -> Result<JobStatus, String> {
    let found = JobStatus::ALL.iter().find(|status| status.as_str() == text);
    found.copied().ok_or_else(|| "take queued, running, done, failed or cancelled".to_owned())
}

/// Does it.
pub async fn run(command: JobCommand) -> Result<()> {
    match command {
        JobCommand::List(options) => list(options).await,
        JobCommand::Show(options) => show(options).await,
        JobCommand::Cancel(options) => cancel(options).await,
        JobCommand::Redrive(options) => redrive(options).await,
    }
}

async fn acting(options: &OrgOptions) -> Result<(Hub, Caller)> {
    let hub = open::hub(&Config::load(&options.config.file)?).await?;
    let org = open::org(&hub, &options.org).await?;
    let caller = hub.operator(org).await?;
    Ok((hub, caller))
}

async fn list(options: List) -> Result<()> {
    let List { org, which, status, before, limit } = options;
    let (hub, caller) = acting(&org).await?;
    let Which { plugin, kind, name } = which;
    let filter = JobFilter { status, plugin, kind, name, before, limit: Some(limit) };
    let listed = hub.jobs(&caller, filter).await;
    hub.shutdown().await;
    for job in listed.context("cannot list the jobs")?.items {
        print(&job, org.json);
    }
    Ok(())
}

async fn show(options: One) -> Result<()> {
    let (hub, caller) = acting(&options.org).await?;
    let found = hub.job(&caller, options.job).await;
    hub.shutdown().await;
    let job = found.context("cannot show the job")?;
    print(&job, options.org.json);
    if !options.org.json {
        println!("made with {}", job.payload);
        if let Some(result) = &job.result {
            println!("gave {result}");
        }
    }
    Ok(())
}

async fn cancel(options: One) -> Result<()> {
    let (hub, caller) = acting(&options.org).await?;
    let cancelled = hub.cancel_job(&caller, options.job).await;
    hub.shutdown().await;
    print(&cancelled.context("cannot cancel the job")?, options.org.json);
    Ok(())
}

async fn redrive(options: Redrive) -> Result<()> {
    let Redrive { org, job, all, which } = options;
    let Which { plugin, kind, name } = which;
    if job.is_some() && (plugin.is_some() || kind.is_some() || name.is_some()) {
        bail!("--plugin, --kind and --name go with --all");
    }
    let (hub, caller) = acting(&org).await?;
    let redriven = match job {
        Some(job) if !all => hub.redrive_job(&caller, job).await,
        _ => hub.redrive_jobs(&caller, plugin, kind, name).await,
    };
    hub.shutdown().await;
    print(&redriven.context("cannot have it done once more")?, org.json);
    Ok(())
}

fn print(job: &Job, json: bool) {
    if json {
        println!("{}", document(job));
        return;
    }
    let plugin = job.plugin.as_ref().map_or("-", PluginId::as_str);
    let progress = job.progress.map(|part| format!("  {}.{} %", part / 10, part % 10)).unwrap_or_default();
    let error = job.error.as_ref().map(|(code, detail)| format!("  {code}: {detail}")).unwrap_or_default();
    let (id, kind, status) = (job.id, job.kind.as_str(), job.status.as_str());
    println!("{id}  {status}  {kind}  {plugin}  {}  {}{progress}{error}", job.name, job.created_at.format("%F %T"));
}

/// As the API shows it.
fn document(job: &Job) -> Value {
    let text = |text: &String| serde_json::from_str::<Value>(text).unwrap_or(Value::Null);
    json!({
        "id": job.id,
        "kind": job.kind,
        "plugin": job.plugin,
        "name": job.name,
        "status": job.status,
        "progress": job.progress,
        "payload": text(&job.payload),
        "result": job.result.as_ref().map(text),
        "error": job.error.as_ref().map(|(code, detail)| json!({ "code": code, "detail": detail })),
        "attempts": job.attempts,
        "most_attempts": job.most_attempts,
        "key": job.key,
        "schedule": job.schedule.map(|tick| tick.schedule),
        "scheduled_for": job.schedule.map(|tick| tick.at),
        "run": job.run,
        "redriven": job.redriven,
        "cancelling": job.is_unwanted && !job.status.has_ended(),
        "due_at": job.due_at.filter(|_| job.status == JobStatus::Queued),
        "created_at": job.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
    })
}
