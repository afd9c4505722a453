//! `patchbay limits`: an organization's rate limits, from the command line.

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use patchbay_hub::RateLimitsView;
use patchbay_model::{
    ApiKeyId, PluginId,
    rate::{Endpoint, OrgRates, Rate, RateLimit},
};
use serde_json::json;

use crate::{cli::OrgOptions, config::Config, fix::OrFix, open};

/// What to do with rate limits.
#[derive(Debug, Subcommand)]
pub enum LimitsCommand {
    /// Show what is configured, and what was set for an organization in its place
    Show(OrgOptions),
    /// Set limits of an organization; those that are not named stay. A hub that runs takes note within a minute, on
    /// PostgreSQL at once
    Set(Set),
}

/// Flags of `limits set`. A limit is as in 100/s, 6000/min or 5/10s, `unlimited`, or `default` for the configured one.
#[derive(Debug, Args)]
pub struct Set {
    #[command(flatten)]
    show: OrgOptions,
    /// All that the organization asks for
    #[arg(long = "all", value_name = "LIMIT")]
    all: Option<Wish>,
    /// Each key
    #[arg(long, value_name = "LIMIT")]
    each_key: Option<Wish>,
    /// One key
    #[arg(long = "key", value_name = "KEY=LIMIT")]
    keys: Vec<String>,
    /// Calls of a plugin
    #[arg(long = "plugin", value_name = "PLUGIN=LIMIT")]
    plugins: Vec<String>,
    /// Calls of an action
    #[arg(long = "action", value_name = "PLUGIN/ACTION=LIMIT")]
    actions: Vec<String>,
    /// Requests to a class of routes: actions, proxy, read, write or upload
    #[arg(long = "endpoint", value_name = "CLASS=LIMIT")]
    endpoints: Vec<String>,
}

/// A limit, or that there shall be none of its own.
#[derive(Debug, Clone, Copy)]
struct Wish(Option<RateLimit>);

impl std::str::FromStr for Wish {
    type Err = patchbay_model::rate::InvalidRate;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "default" { Ok(Self(None)) } else { text.parse().map(|limit| Self(Some(limit))) }
    }
}

/// Does it.
pub async fn run(command: LimitsCommand) -> Result<()> {
    match command {
        LimitsCommand::Show(options) => {
            let hub = open::hub(&Config::load(&options.config.file)?).await?;
            let org = open::org(&hub, &options.org).await?;
            let view = hub.rate_limits_of(org).await;
            hub.shutdown().await;
            print(&view?, options.json)
        }
        LimitsCommand::Set(options) => {
            let hub = open::hub(&Config::load(&options.show.config.file)?).await?;
            let org = open::org(&hub, &options.show.org).await?;
            let mut rates = hub.rate_limits_of(org).await?.own;
            options.apply(&mut rates)?;
            let set = hub.put_rate_limits_of(org, rates).await;
            hub.shutdown().await;
            print(&set.context("cannot set the limits")?, options.show.json)
        }
    }
}

impl Set {
    fn apply(&self, rates: &mut OrgRates) -> Result<()> {
        if let Some(Wish(limit)) = self.all {
            rates.org = limit;
        }
        if let Some(Wish(limit)) = self.each_key {
            rates.key = limit;
        }
        for (key, limit) in pairs::<ApiKeyId>(&self.keys)? {
            change(&mut rates.keys, key, limit);
        }
        for (plugin, limit) in pairs::<PluginId>(&self.plugins)? {
            change(&mut rates.plugins, plugin, limit);
        }
        for (action, limit) in pairs::<String>(&self.actions)? {
            change(&mut rates.actions, action, limit);
        }
        for (name, limit) in pairs::<String>(&self.endpoints)? {
            let endpoint = Endpoint::ALL.into_iter().find(|endpoint| endpoint.as_str() == name);
            let endpoint = endpoint.with_context(|| format!("{name:?} is no class of routes"));
            change(&mut rates.endpoints, endpoint.or_fix("take actions, proxy, read, write or upload")?, limit);
        }
        Ok(())
    }
}

fn change<K: Ord>(limits: &mut std::collections::BTreeMap<K, RateLimit>, key: K, limit: Wish) {
    match limit.0 {
        Some(limit) => limits.insert(key, limit),
        None => limits.remove(&key),
    };
}

fn pairs<K: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>>(
    texts: &[String],
) -> Result<Vec<(K, Wish)>> {
    let pair = |text: &String| {
        let (key, limit) = text.rsplit_once('=').with_context(|| format!("{text:?} has no ="))?;
        let key = key.parse().with_context(|| format!("{text:?}"))?;
        Ok((key, limit.parse().with_context(|| format!("{text:?}"))?))
    };
    let pairs: Result<Vec<_>> = texts.iter().map(pair).collect();
    pairs.or_fix("write what it is about, =, and a limit, as in openai=100/s")
}

fn print(view: &RateLimitsView, json: bool) -> Result<()> {
    let RateLimitsView { configured, own } = view;
    if json {
        let configured = json!({
            "org": configured.org, "key": configured.key, "plugin": configured.plugin, "action": configured.action,
            "endpoints": configured.endpoints,
        });
        println!("{}", json!({ "configured": configured, "own": own }));
        return Ok(());
    }
    let text = |rate: Option<Rate>| rate.map_or_else(|| "unlimited".to_owned(), |rate| rate.to_string());
    println!("configured: org {}, key {}", text(configured.org), text(configured.key));
    println!("own: {}", serde_json::to_string(own)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        set: Set,
    }

    fn applied(arguments: &[&str], before: &str) -> Result<String> {
        let line = ["x", "acme", "--config", "x.toml"].into_iter().chain(arguments.iter().copied());
        let mut rates = serde_json::from_str(before)?;
        Line::try_parse_from(line)?.set.apply(&mut rates)?;
        Ok(serde_json::to_string(&rates)?)
    }

    #[test]
    fn what_is_not_named_stays_and_a_default_is_no_limit_of_ones_own() {
        let arguments =
            ["--all", "5/s", "--each-key", "default", "--plugin", "openai=10/min", "--endpoint", "read=unlimited"];
        let after = applied(&arguments, r#"{"key":"1/s","actions":{"a/b":"1/s"}}"#).unwrap();
        assert_eq!(
            after,
            r#"{"org":"5/s","plugins":{"openai":"10/min"},"actions":{"a/b":"1/s"},"endpoints":{"read":"unlimited"}}"#
        );
        for wrong in [["--all", "many"], ["--plugin", "openai"], ["--endpoint", "x=1/s"], ["--key", "x=1/s"]] {
            assert!(applied(&wrong, "{}").is_err(), "{wrong:?}");
        }
    }
}
