//! `patchbay org delete`: an organization's end.

use anyhow::{Context, Result, anyhow};
use clap::Args;
use patchbay_hub::DeletedOrg;

use crate::{cli::ConfigOption, config::Config, fix::OrFix, open};

/// Flags of `org delete`.
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    config: ConfigOption,
    /// Its id. Not its name, which another one may have as well
    org: String,
    /// Do it. Its secrets are destroyed first, and nothing brings them back
    #[arg(long)]
    yes: bool,
    /// Print one JSON value for a script
    #[arg(long)]
    json: bool,
}

/// Destroys its data keys, stops its calls, and deletes all that it has.
pub async fn run(options: Options) -> Result<()> {
    let org = options.org.parse().or_fix("take the id, as in org_018f…")?;
    if !options.yes {
        return Err(anyhow!("{org} would be deleted with all that it has")).or_fix("add --yes to do it");
    }
    let hub = open::hub(&Config::load(&options.config.file)?).await?;
    let deleted = hub.delete_org(org).await.context("cannot delete the organization");
    hub.shutdown().await;
    let deleted = deleted?;
    if options.json {
        println!("{}", serde_json::to_string(&deleted)?);
    } else {
        let DeletedOrg { name, data_keys, rows, .. } = &deleted;
        println!("{org} ({name}) is deleted: {data_keys} data keys were destroyed, and {rows} rows went with it");
    }
    Ok(())
}
