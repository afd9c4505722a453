//! `patchbay connection`: an organization's credentials, from the command line.
//!
//! Values come from standard input or a file and never from the command line, which every process of the machine can
//! read.

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use patchbay_hub::{ConnectionView, OauthState, PutConnection};
use secrecy::SecretString;

use crate::{
    cli::{OrgOptions, PluginOptions},
    config::Config,
    fix::OrFix,
    input,
    open::{self, Acting},
};

/// What to do with connections.
#[derive(Debug, Subcommand)]
pub enum ConnectionCommand {
    /// List an organization's connections: names of credentials, never values
    List(OrgOptions),
    /// Connect a plugin, or change its credentials. A hub that runs takes note within a minute, on PostgreSQL at once
    Put(Put),
    /// Disconnect a plugin: its secrets are gone, and OAuth tokens are given back
    Delete(PluginOptions),
}

/// Flags of `connection put`.
#[derive(Debug, Args)]
pub struct Put {
    #[command(flatten)]
    one: PluginOptions,
    /// A file with the credentials as one JSON object, {"secret_key": "…"}; standard input without this
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// How the vendor calls the account
    #[arg(long)]
    account: Option<String>,
    /// For so many seconds the values of before stay valid for checking webhooks
    #[arg(long, value_name = "SECONDS")]
    keep_previous_for_s: Option<u64>,
}

/// Does it.
pub async fn run(command: ConnectionCommand) -> Result<()> {
    match command {
        ConnectionCommand::List(options) => list(options).await,
        ConnectionCommand::Put(options) => put(options).await,
        ConnectionCommand::Delete(options) => delete(options).await,
    }
}

async fn list(options: OrgOptions) -> Result<()> {
    let Acting { hub, caller } = open::acting(&Config::load(&options.config.file)?, &options.org).await?;
    let listed = hub.connections(&caller).await;
    hub.shutdown().await;
    for connection in listed? {
        show(&connection, options.json)?;
    }
    Ok(())
}

async fn put(options: Put) -> Result<()> {
    let Put { one, from, account, keep_previous_for_s } = options;
    let config = Config::load(&one.config.file)?;
    let text = input::secret(from.as_deref())?;
    let credentials = credentials(&text).or_fix("give one JSON object of texts, as in {\"secret_key\": \"…\"}")?;
    let put = PutConnection { credentials, account, keep_previous_for_s };
    let Acting { hub, caller } = open::acting(&config, &one.org).await?;
    let connected = hub.put_connection(&caller, &one.plugin, put).await;
    hub.shutdown().await;
    show(&connected.context("cannot connect it")?, one.json)
}

/// Errors quote nothing of the text.
fn credentials(text: &SecretString) -> Result<BTreeMap<String, SecretString>> {
    use secrecy::ExposeSecret as _;
    let plain: BTreeMap<String, String> = serde_json::from_str(text.expose_secret()).map_err(|error| {
        anyhow::anyhow!("the credentials are not readable at line {}, column {}", error.line(), error.column())
    })?;
    Ok(plain.into_iter().map(|(name, value)| (name, SecretString::from(value))).collect())
}

async fn delete(options: PluginOptions) -> Result<()> {
    let Acting { hub, caller } = open::acting(&Config::load(&options.config.file)?, &options.org).await?;
    let deleted = hub.delete_connection(&caller, &options.plugin).await;
    hub.shutdown().await;
    deleted.context("cannot disconnect it")?;
    match options.json {
        true => println!("{}", serde_json::json!({ "plugin": options.plugin, "deleted": true })),
        false => println!("{} is disconnected", options.plugin),
    }
    Ok(())
}

fn show(connection: &ConnectionView, json: bool) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string(connection)?);
        return Ok(());
    }
    let ConnectionView { plugin, credentials, account, updated_at, oauth, .. } = connection;
    let account = account.as_deref().unwrap_or("no account named");
    let oauth = match oauth.as_ref().map(|oauth| oauth.state) {
        Some(OauthState::ReauthorizationNeeded) => "  must be authorized again",
        Some(_) => "  authorized",
        None => "",
    };
    println!("{plugin}  {}  {account}  {}{oauth}", credentials.join(","), updated_at.format("%F"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_credentials_is_told_without_them() {
        let error = credentials(&SecretString::from("{\"key\": hunter2}")).unwrap_err();
        assert!(!format!("{error:#}").contains("hunter2"));
        assert_eq!(credentials(&SecretString::from("{\"key\": \"hunter2\"}")).unwrap().len(), 1);
    }
}
