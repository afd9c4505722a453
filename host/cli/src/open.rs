//! The hub for a command that ends: its data, no plugins, nothing in the background.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use patchbay_hub::{Caller, Hub};
use patchbay_model::{OrgId, SystemClock, SystemRandom};
use patchbay_storage::{Database, DatabaseUrl};

use crate::config::Config;

/// Opens the hub's data, which is made if it is missing.
pub async fn hub(config: &Config) -> Result<Hub> {
    let hub = Hub::open(config.hub()?, Arc::new(SystemClock), Arc::new(SystemRandom)).await;
    hub.with_context(|| format!("cannot open the data folder {}", config.data.dir.display()))
}

/// The hub with its plugins, and the operator acting for an org.
pub struct Acting {
    /// The hub; shut it down at the end.
    pub hub: Hub,
    /// The operator.
    pub caller: Caller,
}

/// Opens the hub with its plugins, to act for the org of this id or name.
pub async fn acting(config: &Config, name_or_id: &str) -> Result<Acting> {
    let hub = Hub::open_with_plugins(config.hub()?, Arc::new(SystemClock), Arc::new(SystemRandom)).await;
    let hub = hub.with_context(|| format!("cannot open the data folder {}", config.data.dir.display()))?;
    let caller = hub.operator(org(&hub, name_or_id).await?).await?;
    Ok(Acting { hub, caller })
}

/// As [`acting`], for what no plugin is asked about.
pub async fn acting_without_plugins(config: &Config, name_or_id: &str) -> Result<Acting> {
    let hub = hub(config).await?;
    let caller = hub.operator(org(&hub, name_or_id).await?).await?;
    Ok(Acting { hub, caller })
}

/// The database alone, for lists that no caller of the API has.
pub async fn database(config: &Config) -> Result<Database> {
    let url = config.database_url();
    if let DatabaseUrl::Sqlite(path) = &url
        && let Some(folder) = path.parent()
    {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    Database::open(&url).await.with_context(|| format!("cannot open the database {url}"))
}

/// The org of this id or name.
pub async fn org(hub: &Hub, name_or_id: &str) -> Result<OrgId> {
    if let Ok(id) = name_or_id.parse() {
        return Ok(id);
    }
    match hub.org_named(name_or_id).await? {
        Some(org) => Ok(org.id),
        None => bail!("there is no organization {name_or_id:?}"),
    }
}
