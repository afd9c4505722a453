//! `patchbay vault`: the keys that what is sealed depends on, rotated while hubs serve.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use patchbay_hub::{Hub, Resealed, Rewrapped, VaultStatus};
use patchbay_model::{OrgId, SystemRandom};
use patchbay_storage::Database;
use patchbay_vault::KeyEncryptionKey;
use serde_json::json;

use crate::{cli::ConfigOption, config::Config, fix::OrFix, open};

/// Orgs that are read at a time.
const ORGS: u32 = 200;

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub enum VaultCommand {
    /// Show how many data keys are under which key-encryption key
    Status(Status),
    /// Wrap every data key with the current key-encryption key, or give organizations new data keys. Hubs go on serving;
    /// what breaks off is taken up by running it again
    Rotate(Rotate),
    /// Make a new random key-encryption key in a file
    NewKey(NewKey),
}

/// Flags of `vault status`.
#[derive(Debug, Args)]
pub struct Status {
    #[command(flatten)]
    config: ConfigOption,
    /// Print one JSON value for a script
    #[arg(long)]
    json: bool,
}

/// Flags of `vault rotate`.
#[derive(Debug, Args)]
pub struct Rotate {
    #[command(flatten)]
    config: ConfigOption,
    /// Give this organization (name or id), or each of them if none is named, a new data key, seal everything with it
    /// and destroy the old one
    #[arg(long, value_name = "ORG", num_args = 0..=1, default_missing_value = "")]
    data_keys: Option<String>,
    /// Stop after so many batches of 64 (of each organization); running it again goes on
    #[arg(long, value_name = "N")]
    batches: Option<u32>,
    /// Print one JSON value for a script
    #[arg(long)]
    json: bool,
}

/// Flags of `vault new-key`.
#[derive(Debug, Args)]
pub struct NewKey {
    /// The file; there must not be one yet
    file: PathBuf,
    /// The version that it is for: one that no key has had yet
    #[arg(long, value_parser = clap::value_parser!(u32).range(2..))]
    version: u32,
    /// Print {"file","version"} for a script
    #[arg(long)]
    json: bool,
}

/// Does it.
pub async fn run(command: VaultCommand) -> Result<()> {
    match command {
        VaultCommand::Status(options) => status(options).await,
        VaultCommand::Rotate(options) => rotate(options).await,
        VaultCommand::NewKey(options) => new_key(&options),
    }
}

async fn status(options: Status) -> Result<()> {
    let hub = open::hub(&Config::load(&options.config.file)?).await?;
    let status = hub.vault_status().await;
    hub.shutdown().await;
    let status = status?;
    if options.json {
        println!("{}", serde_json::to_string(&status)?);
    } else {
        print!("{}", shown(&status));
    }
    Ok(())
}

fn shown(status: &VaultStatus) -> String {
    let VaultStatus { current, known, data_keys, unfinished } = status;
    let mut text = String::new();
    for version in known {
        let count = data_keys.iter().find(|one| one.version == *version).map_or(0, |one| one.count);
        let mark = if version == current { "  current" } else { "" };
        text.push_str(&format!("key-encryption key {version}: {count} data keys{mark}\n"));
    }
    let stale: u64 = data_keys.iter().filter(|one| one.version != *current).map(|one| one.count).sum();
    if stale > 0 {
        text.push_str(&format!("{stale} data keys are not under the current one: run `patchbay vault rotate`\n"));
    }
    if *unfinished > 0 {
        text.push_str(&format!(
            "{unfinished} organizations have several data keys: run `patchbay vault rotate --data-keys` to its end\n"
        ));
    }
    text
}

async fn rotate(options: Rotate) -> Result<()> {
    let config = Config::load(&options.config.file)?;
    let hub = open::hub(&config).await?;
    let done = match &options.data_keys {
        None => wrap(&hub, &options).await,
        Some(name) => match orgs(&hub, &config, name).await {
            Ok(orgs) => seal(&hub, &orgs, &options).await,
            Err(error) => Err(error),
        },
    };
    hub.shutdown().await;
    done
}

async fn wrap(hub: &Hub, options: &Rotate) -> Result<()> {
    let done = hub.rotate_key_encryption_key(options.batches).await.context("cannot wrap the data keys anew")?;
    let Rewrapped { current, rewrapped, remaining, .. } = done;
    if options.json {
        println!("{}", serde_json::to_string(&done)?);
    } else {
        println!("{rewrapped} data keys were wrapped with key-encryption key {current}; {remaining} are left");
    }
    Ok(())
}

async fn orgs(hub: &Hub, config: &Config, name: &str) -> Result<Vec<OrgId>> {
    if !name.is_empty() {
        return Ok(vec![open::org(hub, name).await?]);
    }
    let database: Database = open::database(config).await?;
    let mut found: Vec<OrgId> = Vec::new();
    loop {
        let orgs = database.read().await?.hub().orgs(found.last().copied(), ORGS).await?;
        if orgs.is_empty() {
            break;
        }
        found.extend(orgs.into_iter().map(|org| org.id));
    }
    database.close().await;
    Ok(found)
}

async fn seal(hub: &Hub, orgs: &[OrgId], options: &Rotate) -> Result<()> {
    let mut all = Vec::with_capacity(orgs.len());
    let mut failed = 0;
    for org in orgs {
        match hub.rotate_data_key(*org, options.batches).await {
            Ok(done) => {
                if !options.json {
                    println!("{}", line(&done));
                }
                all.push(done);
            }
            // The others' keys are not to wait for this one's.
            Err(failure) => {
                failed += 1;
                eprintln!("{org}: {failure}");
            }
        }
    }
    if options.json {
        println!("{}", json!({ "organizations": all, "failed": failed }));
    }
    if failed > 0 {
        bail!("the data keys of {failed} organizations were not rotated");
    }
    Ok(())
}

fn line(done: &Resealed) -> String {
    let Resealed { org, version, resealed, unreadable, destroyed, .. } = done;
    let Some(version) = version else { return format!("{org}: nothing is sealed") };
    let unreadable = if *unreadable > 0 { format!(", {unreadable} did not open before either") } else { String::new() };
    let end = match destroyed {
        0 => "; the old one is still there: run it again".to_owned(),
        1 => "; the old one is destroyed".to_owned(),
        several => format!("; {several} old ones are destroyed"),
    };
    format!("{org}: {resealed} secrets are sealed with data key {version}{unreadable}{end}")
}

fn new_key(options: &NewKey) -> Result<()> {
    KeyEncryptionKey::create_file(&options.file, options.version, &SystemRandom)
        .or_fix("name a file that is not there yet, in a folder that is")?;
    let (file, version) = (options.file.display(), options.version);
    if options.json {
        println!("{}", json!({ "file": file.to_string(), "version": version }));
    } else {
        println!(
            "{file} holds key-encryption key {version}. Next: name it in [vault.keys.{version}] of every hub, then make it \
             `current`, then run `patchbay vault rotate`"
        );
    }
    Ok(())
}
