//! `patchbay delivery`: events on their way to an organization's endpoints, from the command line.

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use patchbay_hub::DeliveryFilter;
use patchbay_model::{
    DeliveryId, EndpointId,
    delivery::{Delivery, DeliveryStatus},
};
use serde_json::{Value, json};

use crate::{
    cli::OrgOptions,
    config::Config,
    fix::OrFix,
    open::{self, acting_without_plugins},
    table::columns,
};

/// What to do with deliveries.
#[derive(Debug, Subcommand)]
pub enum DeliveryCommand {
    /// List deliveries, those of the newest events first
    List(List),
    /// Send one once more. A hub that runs does it within seconds
    Retry(Retry),
}

/// Flags of `delivery list`.
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    org: OrgOptions,
    /// Only to this endpoint
    #[arg(long)]
    endpoint: Option<EndpointId>,
    /// Only these: pending, succeeded, exhausted, cancelled or skipped
    #[arg(long)]
    status: Option<String>,
    /// At most so many, up to 200
    #[arg(long, default_value_t = 50)]
    limit: u32,
}

/// Flags of `delivery retry`.
#[derive(Debug, Args)]
pub struct Retry {
    #[command(flatten)]
    org: OrgOptions,
    /// The delivery's id
    delivery: DeliveryId,
}

/// Does it.
pub async fn run(command: DeliveryCommand) -> Result<()> {
    match command {
        DeliveryCommand::List(options) => list(options).await,
        DeliveryCommand::Retry(options) => retry(options).await,
    }
}

async fn list(options: List) -> Result<()> {
    let List { org, endpoint, status, limit } = options;
    let status = status.as_deref().map(read_status).transpose()?;
    let open::Acting { hub, caller } = acting_without_plugins(&Config::load(&org.config.file)?, &org.org).await?;
    let (mut deliveries, mut before) = (Vec::new(), None);
    // a page can be short although there are more
    let listed = loop {
        let left = limit.saturating_sub(u32::try_from(deliveries.len()).unwrap_or(u32::MAX));
        let filter = DeliveryFilter { status, before, limit: Some(left), ..DeliveryFilter::default() };
        let page = match endpoint {
            Some(endpoint) => hub.deliveries(&caller, endpoint, filter).await,
            None => hub.all_deliveries(&caller, filter).await,
        };
        let page = match page {
            Ok(page) => page,
            Err(failure) => break Err(failure),
        };
        deliveries.extend(page.items);
        before = page.next.and_then(|next| next.parse().ok());
        if before.is_none() || deliveries.len() >= limit as usize {
            break Ok(());
        }
    };
    hub.shutdown().await;
    listed?;
    if org.json {
        deliveries.iter().for_each(|delivery| println!("{}", document(delivery)));
        return Ok(());
    }
    let rows: Vec<[String; 5]> = deliveries
        .iter()
        .map(|delivery| {
            [
                delivery.id.to_string(),
                delivery.status.as_str().to_owned(),
                delivery.attempts.to_string(),
                delivery.kind.clone(),
                delivery.created_at.format("%FT%TZ").to_string(),
            ]
        })
        .collect();
    print!("{}", columns(&rows, [false, false, true, false, false]));
    Ok(())
}

async fn retry(options: Retry) -> Result<()> {
    let Retry { org, delivery } = options;
    let open::Acting { hub, caller } = acting_without_plugins(&Config::load(&org.config.file)?, &org.org).await?;
    let queued = hub.retry_delivery(&caller, delivery).await;
    hub.shutdown().await;
    let queued = queued.context("cannot send it once more")?;
    match org.json {
        true => println!("{}", document(&queued)),
        false => println!("{delivery} is pending again"),
    }
    Ok(())
}

fn read_status(text: &str) -> Result<DeliveryStatus> {
    let status = DeliveryStatus::ALL.into_iter().find(|status| status.as_str() == text);
    let status = status.with_context(|| format!("{text:?} is no status of a delivery"));
    status.or_fix("take pending, succeeded, exhausted, cancelled or skipped")
}

fn document(delivery: &Delivery) -> Value {
    json!({
        "id": delivery.id,
        "endpoint": delivery.endpoint,
        "event": delivery.event,
        "type": delivery.kind,
        "status": delivery.status,
        "attempts": delivery.attempts,
        "next_attempt_at": delivery.next_attempt_at,
        "created_at": delivery.created_at,
        "finished_at": delivery.finished_at,
    })
}
