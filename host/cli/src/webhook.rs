//! `patchbay webhook`: what vendors sent in, from the command line.

use std::io::Write as _;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand, ValueEnum};
use patchbay_hub::{ReplayWebhooks, ReplayedWebhooks, WebhookFilter};
use patchbay_model::{
    PluginId, Timestamp, WebhookId,
    webhook::{WebhookStatus, WebhookSummary},
};

use crate::{
    cli::OrgOptions,
    config::Config,
    open::{self, Acting},
};

/// What to do with webhooks.
#[derive(Debug, Subcommand)]
pub enum WebhookCommand {
    /// List what vendors sent in, newest first
    List(List),
    /// Show one of them
    Show(Show),
    /// Have webhooks worked on once more; a hub that runs begins within half a minute
    Replay(Replay),
}

/// Flags of `webhook list`.
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    org: OrgOptions,
    /// Only those of this plugin
    #[arg(long)]
    plugin: Option<PluginId>,
    /// Only those that have come so far
    #[arg(long, value_enum)]
    status: Option<Status>,
    /// Only those before this one
    #[arg(long, value_name = "ID")]
    before: Option<WebhookId>,
    /// At most so many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,
}

/// Flags of `webhook show`.
#[derive(Debug, Args)]
pub struct Show {
    #[command(flatten)]
    org: OrgOptions,
    /// Its id, as `webhook list` shows it
    webhook: WebhookId,
    /// Print the body as it came, and nothing else. It may hold a vendor's secrets
    #[arg(long, conflicts_with = "json")]
    body: bool,
}

/// Flags of `webhook replay`.
#[derive(Debug, Args)]
pub struct Replay {
    #[command(flatten)]
    org: OrgOptions,
    /// Its id; without one: all that the flags name
    webhook: Option<WebhookId>,
    /// By this version of the plugin; by the one that serves if not said
    #[arg(long = "by", value_name = "VERSION")]
    version: Option<String>,
    /// All that have come so far
    #[arg(long, value_enum, default_value = "failed", conflicts_with = "webhook")]
    status: Status,
    /// All of this plugin
    #[arg(long, conflicts_with = "webhook")]
    plugin: Option<PluginId>,
    /// All that came at this time or later, as in 2026-11-01T00:00:00Z
    #[arg(long, conflicts_with = "webhook", required_unless_present = "webhook")]
    since: Option<Timestamp>,
    /// All that came before this time
    #[arg(long, conflicts_with = "webhook")]
    until: Option<Timestamp>,
}

/// How far a webhook has come.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Status {
    /// Its work is still to be done
    Pending,
    /// Its work is done
    Processed,
    /// Its work failed too often
    Failed,
    /// It is not genuine; a replay verifies it anew
    Refused,
}

impl From<Status> for WebhookStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Pending => Self::Pending,
            Status::Processed => Self::Processed,
            Status::Failed => Self::Failed,
            Status::Refused => Self::Refused,
        }
    }
}

/// Does it.
pub async fn run(command: WebhookCommand) -> Result<()> {
    match command {
        WebhookCommand::List(options) => list(options).await,
        WebhookCommand::Show(options) => show(options).await,
        WebhookCommand::Replay(options) => replay(options).await,
    }
}

async fn list(options: List) -> Result<()> {
    let List { org, plugin, status, before, limit } = options;
    let Acting { hub, caller } = open::acting(&Config::load(&org.config.file)?, &org.org).await?;
    let filter = WebhookFilter { plugin, status: status.map(WebhookStatus::from), before, limit: Some(limit) };
    let listed = hub.webhooks(&caller, filter).await;
    hub.shutdown().await;
    for webhook in listed?.items {
        print(&webhook, org.json)?;
    }
    Ok(())
}

async fn show(options: Show) -> Result<()> {
    let Show { org, webhook, body } = options;
    let Acting { hub, caller } = open::acting(&Config::load(&org.config.file)?, &org.org).await?;
    let found = hub.webhook(&caller, webhook).await;
    hub.shutdown().await;
    let found = found.context("cannot show it")?;
    if body {
        std::io::stdout().write_all(&found.body)?;
        return Ok(());
    }
    print(&found.into(), org.json)
}

async fn replay(options: Replay) -> Result<()> {
    let Replay { org, webhook, version, status, plugin, since, until } = options;
    let Acting { hub, caller } = open::acting(&Config::load(&org.config.file)?, &org.org).await?;
    let replayed = match webhook {
        Some(webhook) => hub.replay_webhook(&caller, webhook, version).await.map(|_| 1),
        None => {
            let status = Some(WebhookStatus::from(status));
            let mut which = ReplayWebhooks { status, plugin, since, until, version, ..ReplayWebhooks::default() };
            let mut count = 0;
            loop {
                match hub.replay_webhooks(&caller, which.clone()).await {
                    Ok(ReplayedWebhooks { replayed, next }) => {
                        count += replayed;
                        which.after = next;
                    }
                    Err(failure) => break Err(failure),
                }
                if which.after.is_none() {
                    break Ok(count);
                }
            }
        }
    };
    hub.shutdown().await;
    let replayed = replayed.context("cannot replay")?;
    match org.json {
        true => println!("{}", serde_json::json!({ "replayed": replayed })),
        false => println!("{replayed} will be worked on once more"),
    }
    Ok(())
}

fn print(webhook: &WebhookSummary, json: bool) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string(webhook)?);
        return Ok(());
    }
    let WebhookSummary { id, plugin, kind, size, status, reason, attempts, received_at, .. } = webhook;
    let reason = reason.as_deref().unwrap_or_default();
    let at = received_at.format("%FT%TZ");
    println!("{id}  {at}  {plugin}  {kind}  {}  {attempts} attempts  {size} bytes  {reason}", status.as_str());
    Ok(())
}
