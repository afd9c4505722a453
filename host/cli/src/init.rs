//! `patchbay init`: everything that a hub needs before it serves.
//!
//! It may be run again: the folder and the org are made once, and each run makes a key, because a key is
//! shown only when it is made.

use anyhow::{Context, Result};
use clap::Args;
use patchbay_hub::NewApiKey;
use patchbay_model::org::Scope;
use secrecy::ExposeSecret;

use crate::{cli::ConfigOption, config::Config, open};

/// Flags of `init`.
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    config: ConfigOption,
    /// The organization's name. One that exists is kept and gets one more key; a new name makes a new one
    #[arg(long, value_name = "NAME", default_value = "default")]
    org: String,
    /// Print {"org","api_key"} for a script
    #[arg(long)]
    json: bool,
}

/// Makes what is missing, and a key.
pub async fn run(options: Options) -> Result<()> {
    let config = Config::load(&options.config.file)?;
    let hub = open::hub(&config).await?;
    let made = make(&hub, &options).await;
    hub.shutdown().await;
    print!("{}", made?);
    Ok(())
}

async fn make(hub: &patchbay_hub::Hub, options: &Options) -> Result<String> {
    let (org, before) = match hub.org_named(&options.org).await? {
        Some(org) => (org, true),
        None => (hub.create_org(&options.org).await.context("cannot make the organization")?, false),
    };
    let new = NewApiKey { name: "init".to_owned(), scopes: Scope::ALL.to_vec(), ..NewApiKey::default() };
    let (_, secret) = hub.create_api_key(org.id, new).await.context("cannot make the key")?;
    let secret = secret.expose_secret();
    if options.json {
        return Ok(format!("{}\n", serde_json::json!({ "org": org.id, "api_key": secret })));
    }
    Ok(format!(
        "organization  {} ({}, {})\nAPI key       {secret}\n\n\
         The key has every scope and is shown only now. Next: patchbay serve --config {}\n",
        org.id,
        org.name,
        if before { "it was there already" } else { "new" },
        options.config.file.display(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn init(folder: &std::path::Path, org: &str) -> serde_json::Value {
        let file = folder.join("patchbay.toml");
        std::fs::write(&file, "[data]\ndir = \"data\"\n").unwrap();
        let options = Options { config: ConfigOption { file: file.clone() }, org: org.to_owned(), json: true };
        let hub = open::hub(&Config::load(&file).unwrap()).await.unwrap();
        let printed = make(&hub, &options).await.unwrap();
        let printed: serde_json::Value = serde_json::from_str(&printed).unwrap();
        let caller = hub.authenticate(printed["api_key"].as_str().unwrap()).await.unwrap();
        assert_eq!(printed["org"], caller.org.to_string());
        hub.shutdown().await;
        printed
    }

    #[tokio::test]
    async fn a_second_run_keeps_the_org_and_gives_another_key() {
        let folder = tempfile::tempdir().unwrap();
        let first = init(folder.path(), "default").await;
        let second = init(folder.path(), "default").await;
        let other = init(folder.path(), "other").await;
        assert_eq!(first["org"], second["org"]);
        assert_ne!(first["api_key"], second["api_key"]);
        assert_ne!(first["org"], other["org"]);
    }
}
