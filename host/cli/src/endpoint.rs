//! `patchbay endpoint`: URLs that an organization's events are sent to, from the command line.

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use patchbay_hub::{EndpointPatch, EndpointStats};
use patchbay_model::{EndpointId, Timestamp, endpoint::Endpoint};
use serde_json::{Value, json};

use crate::{
    cli::OrgOptions,
    config::Config,
    open::{self, acting_without_plugins},
    table::columns,
};

/// What to do with endpoints.
#[derive(Debug, Subcommand)]
pub enum EndpointCommand {
    /// List an organization's endpoints
    List(OrgOptions),
    /// Show one, and how it stands
    Show(One),
    /// Switch one off. A hub that runs takes note within a minute, on PostgreSQL at once
    Disable(One),
}

/// Which endpoint.
#[derive(Debug, Args)]
pub struct One {
    #[command(flatten)]
    org: OrgOptions,
    /// The endpoint's id
    endpoint: EndpointId,
}

/// Does it.
pub async fn run(command: EndpointCommand) -> Result<()> {
    match command {
        EndpointCommand::List(options) => list(options).await,
        EndpointCommand::Show(options) => show(options).await,
        EndpointCommand::Disable(options) => disable(options).await,
    }
}

async fn list(options: OrgOptions) -> Result<()> {
    let open::Acting { hub, caller } =
        acting_without_plugins(&Config::load(&options.config.file)?, &options.org).await?;
    let (mut all, mut before) = (Vec::new(), None);
    let listed = loop {
        let page = match hub.endpoints(&caller, before, Some(200)).await {
            Ok(page) => page,
            Err(failure) => break Err(failure),
        };
        all.extend(page.items);
        match page.next {
            Some(next) => before = next.parse().ok(),
            None => break Ok(()),
        }
    };
    hub.shutdown().await;
    listed?;
    if options.json {
        all.iter().for_each(|endpoint| println!("{}", document(endpoint)));
        return Ok(());
    }
    let rows: Vec<[String; 4]> = all
        .iter()
        .map(|endpoint| {
            let types =
                if endpoint.settings.types.0.is_empty() { "*".to_owned() } else { endpoint.settings.types.0.join(",") };
            [endpoint.id.to_string(), state(endpoint), types, endpoint.settings.url.clone()]
        })
        .collect();
    print!("{}", columns(&rows, [false; 4]));
    Ok(())
}

async fn show(options: One) -> Result<()> {
    let One { org, endpoint: id } = options;
    let open::Acting { hub, caller } = acting_without_plugins(&Config::load(&org.config.file)?, &org.org).await?;
    let shown =
        async { Ok::<_, anyhow::Error>((hub.endpoint(&caller, id).await?, hub.endpoint_stats(&caller, id).await?)) };
    let shown = shown.await;
    hub.shutdown().await;
    let (endpoint, (stats, now)) = shown?;
    if org.json {
        let mut document = document(&endpoint);
        if let Some(members) = document.as_object_mut() {
            members.insert("stats".to_owned(), standing(&stats, now));
        }
        println!("{document}");
        return Ok(());
    }
    println!("{}  {}  {}", endpoint.id, state(&endpoint), endpoint.settings.url);
    println!("  {} queued, circuit {}, {} failures in a row", stats.queued, stats.circuit(now), stats.failures);
    Ok(())
}

async fn disable(options: One) -> Result<()> {
    let One { org, endpoint: id } = options;
    let open::Acting { hub, caller } = acting_without_plugins(&Config::load(&org.config.file)?, &org.org).await?;
    let patch = EndpointPatch { enabled: Some(false), ..EndpointPatch::default() };
    let changed = hub.change_endpoint(&caller, id, patch).await;
    hub.shutdown().await;
    let endpoint = changed.context("cannot switch it off")?;
    match org.json {
        true => println!("{}", document(&endpoint)),
        false => println!("{id} is switched off"),
    }
    Ok(())
}

fn state(endpoint: &Endpoint) -> String {
    endpoint.disabled.map_or_else(|| "on".to_owned(), |disabled| format!("off ({})", disabled.reason.as_str()))
}

fn document(endpoint: &Endpoint) -> Value {
    let settings = &endpoint.settings;
    json!({
        "id": endpoint.id,
        "url": settings.url,
        "description": settings.description,
        "types": settings.types,
        "fifo": settings.fifo,
        "rate": settings.rate,
        "enabled": endpoint.disabled.is_none(),
        "disabled": endpoint.disabled,
        "created_at": endpoint.created_at,
    })
}

fn standing(stats: &EndpointStats, now: Timestamp) -> Value {
    json!({
        "queued": stats.queued,
        "circuit": stats.circuit(now),
        "failures": stats.failures,
        "failing_since": stats.failing_since,
        "paused_until": stats.paused_until,
        "next_attempt_at": stats.next_attempt_at,
    })
}
