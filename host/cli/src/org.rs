//! `patchbay org`: organizations from the command line.

mod delete;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use patchbay_hub::Caller;
use patchbay_model::org::Org;

use crate::{cli::ConfigOption, config::Config, open};

/// What to do with organizations.
#[derive(Debug, Subcommand)]
pub enum OrgCommand {
    /// Make an organization
    Create(Create),
    /// List all organizations, the oldest first
    List(List),
    /// Show one
    Show(Show),
    /// Give one another name
    Rename(Rename),
    /// Delete one: its secrets first
    Delete(delete::Options),
}

/// Flags of `org create`.
#[derive(Debug, Args)]
pub struct Create {
    #[command(flatten)]
    config: ConfigOption,
    /// What people call it
    name: String,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Flags of `org list`.
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    config: ConfigOption,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

/// Flags of `org show`.
#[derive(Debug, Args)]
pub struct Show {
    #[command(flatten)]
    config: ConfigOption,
    /// The organization's name or id
    org: String,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Flags of `org rename`.
#[derive(Debug, Args)]
pub struct Rename {
    #[command(flatten)]
    config: ConfigOption,
    /// The organization's name or id
    org: String,
    /// What people shall call it
    name: String,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Does it.
pub async fn run(command: OrgCommand) -> Result<()> {
    match command {
        OrgCommand::Create(options) => create(options).await,
        OrgCommand::List(options) => list(options).await,
        OrgCommand::Show(options) => show(options).await,
        OrgCommand::Rename(options) => rename(options).await,
        OrgCommand::Delete(options) => delete::run(options).await,
    }
}

async fn create(options: Create) -> Result<()> {
    let hub = open::hub(&Config::load(&options.config.file)?).await?;
    let made = hub.create_org(&options.name).await.context("cannot make the organization");
    hub.shutdown().await;
    print(&made?, options.json)
}

async fn list(options: List) -> Result<()> {
    let hub = open::hub(&Config::load(&options.config.file)?).await?;
    let mut after = None;
    loop {
        let page = hub.all_orgs(after, Some(200)).await.context("cannot list the organizations")?;
        for org in &page.items {
            print(org, options.json)?;
        }
        after = page.items.last().map(|org| org.id);
        if page.next.is_none() {
            break;
        }
    }
    hub.shutdown().await;
    Ok(())
}

async fn show(options: Show) -> Result<()> {
    let hub = open::hub(&Config::load(&options.config.file)?).await?;
    let org = open::org(&hub, &options.org).await?;
    let found = hub.org(&Caller::operator(org)).await.context("cannot show the organization");
    hub.shutdown().await;
    print(&found?, options.json)
}

async fn rename(options: Rename) -> Result<()> {
    let hub = open::hub(&Config::load(&options.config.file)?).await?;
    let org = open::org(&hub, &options.org).await?;
    let renamed = hub.rename_org(&Caller::operator(org), &options.name).await.context("cannot rename it");
    hub.shutdown().await;
    print(&renamed?, options.json)
}

fn print(org: &Org, json: bool) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string(org)?);
    } else {
        println!("{}  {}  {}", org.id, org.created_at.format("%F"), org.name);
    }
    Ok(())
}
