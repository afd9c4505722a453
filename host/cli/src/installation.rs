//! `patchbay installation`: plugins of an organization, from the command line.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use patchbay_hub::{InstallationView, PutInstallation};
use patchbay_model::{Code, Digest, Failure, installation::VersionPolicy};
use serde_json::{Value, json};

use crate::{
    cli::{OrgOptions, PluginOptions},
    config::Config,
    fix::OrFix,
    input,
    open::{self, Acting},
};

/// What to do with installations.
#[derive(Debug, Subcommand)]
pub enum InstallationCommand {
    /// List an organization's plugins, with the version that each runs
    List(OrgOptions),
    /// Show one of them with its settings
    Show(PluginOptions),
    /// Switch a plugin on, or change its settings. A hub that runs takes note within a minute, on PostgreSQL at once
    Enable(Enable),
    /// Let it run one package and no other, or follow a range of versions again
    Pin(Pin),
    /// Switch a plugin off; its settings and its connection stay
    Disable(PluginOptions),
}

/// Flags of `installation enable`.
#[derive(Debug, Args)]
pub struct Enable {
    #[command(flatten)]
    one: PluginOptions,
    /// A JSON file with its settings, or - for standard input; those that it has stay without this
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// The digest of a version: what it may do is approved
    #[arg(long, value_name = "DIGEST")]
    accept: Option<Digest>,
    /// A host that the settings name: it is approved, and the connection's credentials may go there. May be repeated
    #[arg(long = "host", value_name = "HOST")]
    hosts: Vec<String>,
}

/// Flags of `installation pin`.
#[derive(Debug, Args)]
pub struct Pin {
    #[command(flatten)]
    one: PluginOptions,
    /// The package's digest, as `patchbay plugin inspect` and the API show it
    #[arg(required_unless_present = "track")]
    digest: Option<Digest>,
    /// Follow the newest version in this range instead, as in ^1.2 or *
    #[arg(long, value_name = "RANGE", conflicts_with = "digest")]
    track: Option<String>,
}

/// Does it.
pub async fn run(command: InstallationCommand) -> Result<()> {
    match command {
        InstallationCommand::List(options) => list(options).await,
        InstallationCommand::Show(one) => {
            let acting = act(&one).await?;
            let shown = acting.hub.installation(&acting.caller, &one.plugin).await;
            finish(acting, shown, one.json).await
        }
        InstallationCommand::Enable(options) => {
            let settings = options.settings.as_deref().map(input::json).transpose()?;
            change(options.one, |put| PutInstallation {
                config: settings.unwrap_or(put.config),
                enabled: Some(true),
                accept: options.accept,
                hosts: options.hosts,
                ..put
            })
            .await
        }
        InstallationCommand::Pin(Pin { one, digest, track }) => {
            let policy = digest.map(VersionPolicy::Pin).or(track.map(VersionPolicy::Track));
            change(one, |put| PutInstallation { policy, ..put }).await
        }
        InstallationCommand::Disable(one) => change(one, |put| PutInstallation { enabled: Some(false), ..put }).await,
    }
}

async fn act(one: &PluginOptions) -> Result<Acting> {
    open::acting(&Config::load(&one.config.file)?, &one.org).await
}

async fn list(options: OrgOptions) -> Result<()> {
    let acting = open::acting(&Config::load(&options.config.file)?, &options.org).await?;
    let listed = acting.hub.installations(&acting.caller).await;
    acting.hub.shutdown().await;
    for installation in listed? {
        match options.json {
            true => println!("{}", serde_json::to_string(&installation)?),
            false => println!("{}", line(&installation)),
        }
    }
    Ok(())
}

/// Puts the installation with what `edit` changes; the rest stays.
async fn change(one: PluginOptions, edit: impl FnOnce(PutInstallation) -> PutInstallation) -> Result<()> {
    let acting = act(&one).await?;
    let changed = match settings(acting.hub.installation(&acting.caller, &one.plugin).await) {
        Ok(config) => {
            let put = edit(PutInstallation { config, policy: None, enabled: None, accept: None, hosts: Vec::new() });
            acting.hub.put_installation(&acting.caller, &one.plugin, put).await
        }
        Err(failure) => Err(failure),
    };
    finish(acting, changed, one.json).await
}

/// The settings that it has; none if it is new. What could not be read is not taken for none: that would be put.
fn settings(found: Result<InstallationView, Failure>) -> Result<Value, Failure> {
    match found {
        Ok(view) => Ok(view.config),
        Err(failure) if failure.code == Code::NotInstalled => Ok(json!({})),
        Err(failure) => Err(failure),
    }
}

async fn finish(acting: Acting, installation: Result<InstallationView, Failure>, json: bool) -> Result<()> {
    acting.hub.shutdown().await;
    let installation = installation
        .context("the installation")
        .or_fix("`patchbay installation list ORG` shows what there is; the message names what to change")?;
    match json {
        true => println!("{}", serde_json::to_string(&installation)?),
        false => println!("{}\nsettings {}", line(&installation), installation.config),
    }
    Ok(())
}

fn line(installation: &InstallationView) -> String {
    let InstallationView { plugin, enabled, policy, version, held_back, .. } = installation;
    let state = if *enabled { "on " } else { "off" };
    let version = version.as_deref().unwrap_or("no version serves");
    let policy = match policy {
        VersionPolicy::Track(range) => format!("tracks {range}"),
        VersionPolicy::Pin(digest) => format!("pinned to {digest}"),
    };
    let held = held_back.as_ref().map(|held| format!("  {} is held back: {}", held.version, held.code.as_str()));
    format!("{plugin}  {state}  {version}  {policy}{}", held.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_cannot_be_read_are_not_taken_for_none() {
        let found = |code| settings(Err(Failure::new(code, "no")));
        assert_eq!(found(Code::NotInstalled), Ok(json!({})));
        for code in [Code::Unavailable, Code::Internal, Code::NotFound] {
            assert_eq!(found(code).unwrap_err().code, code);
        }
    }
}
