//! `patchbay org delete`: an organization's end.

use anyhow::{Context, Result, anyhow};
use clap::Args;
use patchbay_hub::{DeletedOrg, Hub};
use patchbay_model::OrgId;

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
    /// Do it although it has telephone numbers: its carriers go on billing whoever has the account there
    #[arg(long)]
    abandon_numbers: bool,
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
    let deleted = delete(&hub, org, options.abandon_numbers).await;
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

/// Nothing is deleted by which numbers could still be given back.
async fn delete(hub: &Hub, org: OrgId, abandon_numbers: bool) -> Result<DeletedOrg> {
    let numbers = hub.numbers_held(org).await.context("cannot read the organization's numbers")?;
    if numbers > 0 && !abandon_numbers {
        return Err(anyhow!("{org} has {numbers} telephone numbers that are paid for"))
            .or_fix("have them released first, or add --abandon-numbers");
    }
    hub.delete_org(org).await.context("cannot delete the organization")
}
