//! `patchbay key`: API keys from the command line.

use anyhow::{Context, Result};
use chrono::Duration;
use clap::{Args, Subcommand, ValueEnum};
use patchbay_hub::{ApiKeyView, Caller, NewApiKey, RotateApiKey};
use patchbay_model::{
    ApiKeyId, Clock, SystemClock, Timestamp,
    budget::{BudgetUnit, InvalidBudget},
    org,
};
use secrecy::{ExposeSecret as _, SecretString};

use crate::{cli::ConfigOption, config::Config, fix::OrFix, open};

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a key; it is shown once
    Create(Create),
    /// List an organization's keys, without the secrets
    List(List),
    /// Make a key in the place of another one, which works on for a while; it is shown once
    Rotate(Rotate),
    /// Make a key stop working. A hub that runs takes note within a minute, on PostgreSQL at once
    Revoke(Revoke),
}

/// Flags of `key create`.
#[derive(Debug, Args)]
pub struct Create {
    #[command(flatten)]
    config: ConfigOption,
    /// The organization's name or id
    #[arg(long, default_value = "default")]
    org: String,
    /// What you call the key
    #[arg(long)]
    name: String,
    /// What it may do; may be given several times
    #[arg(long = "scope", required = true, value_enum)]
    scopes: Vec<Scope>,
    /// It stops working after so many days
    #[arg(long, value_name = "DAYS")]
    expires_in_days: Option<u32>,
    /// What it may spend at most in a billing period: money=5000 (in minor units), or a metric, as ai_tokens=1000000; may be given
    /// several times
    #[arg(long = "spend-limit", value_name = "UNIT=CAP", value_parser = spend_limit)]
    spend_limits: Vec<(BudgetUnit, u64)>,
    /// Print {"id","org","api_key"} for a script
    #[arg(long)]
    json: bool,
}

/// Flags of `key list`.
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    config: ConfigOption,
    /// The organization's name or id
    #[arg(long, default_value = "default")]
    org: String,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

/// Flags of `key rotate`.
#[derive(Debug, Args)]
pub struct Rotate {
    #[command(flatten)]
    config: ConfigOption,
    /// The organization's name or id
    #[arg(long, default_value = "default")]
    org: String,
    /// The old key's id, as `key list` shows it
    key: String,
    /// How long the old key works on; at most 168 (7 days)
    #[arg(long, value_name = "HOURS", default_value_t = 24)]
    overlap_hours: u64,
    /// The new key stops working after so many days; after as long as the old one was made for if not said
    #[arg(long, value_name = "DAYS")]
    expires_in_days: Option<u32>,
    /// Print {"id","org","api_key"} for a script
    #[arg(long)]
    json: bool,
}

/// Flags of `key revoke`.
#[derive(Debug, Args)]
pub struct Revoke {
    #[command(flatten)]
    config: ConfigOption,
    /// The organization's name or id
    #[arg(long, default_value = "default")]
    org: String,
    /// The key's id, as `key list` shows it
    key: String,
    /// Print {"id","revoked"} for a script
    #[arg(long)]
    json: bool,
}

fn spend_limit(text: &str) -> Result<(BudgetUnit, u64), String> {
    let (unit, cap) = text.split_once('=').ok_or("a unit, = and a cap, as in money=5000")?;
    let unit = unit.parse().map_err(|error: InvalidBudget| error.to_string())?;
    Ok((unit, cap.parse().map_err(|_| "the cap is a whole number".to_owned())?))
}

/// A scope on the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Scope {
    /// Call actions and the proxy
    Invoke,
    /// Read installations, runs, usage, events and webhooks
    Read,
    /// Install and configure plugins, set connections
    Admin,
    /// Let end users connect an account each
    Connect,
    /// Manage members and the organization's name
    Members,
    /// Manage API keys
    Keys,
    /// Read the audit log
    Audit,
    /// Upload plugins for the whole hub
    Operator,
}

impl From<Scope> for org::Scope {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Invoke => Self::Invoke,
            Scope::Read => Self::Read,
            Scope::Admin => Self::Admin,
            Scope::Connect => Self::Connect,
            Scope::Members => Self::Members,
            Scope::Keys => Self::Keys,
            Scope::Audit => Self::Audit,
            Scope::Operator => Self::Operator,
        }
    }
}

/// Does it.
pub async fn run(command: KeyCommand) -> Result<()> {
    match command {
        KeyCommand::Create(options) => create(options).await,
        KeyCommand::List(options) => list(options).await,
        KeyCommand::Rotate(options) => rotate(options).await,
        KeyCommand::Revoke(options) => revoke(options).await,
    }
}

async fn create(options: Create) -> Result<()> {
    let expires_at = options.expires_in_days.map(|days| in_days(SystemClock.now(), days)).transpose()?;
    let hub = open::hub(&Config::load(&options.config.file)?).await?;
    let org = open::org(&hub, &options.org).await?;
    let scopes = options.scopes.into_iter().map(org::Scope::from).collect();
    let spend_limits = options.spend_limits.into_iter().collect();
    let new = NewApiKey { name: options.name, scopes, expires_at, spend_limits };
    let made = hub.issue_api_key(&Caller::operator(org), new).await.context("cannot make the key");
    hub.shutdown().await;
    let (made, secret) = made?;
    show(&made.key, &secret, options.json);
    Ok(())
}

async fn rotate(options: Rotate) -> Result<()> {
    let old: ApiKeyId = options.key.parse().or_fix("take the id that `patchbay key list` shows, not the key itself")?;
    let expires_at = options.expires_in_days.map(|days| in_days(SystemClock.now(), days)).transpose()?;
    let hub = open::hub(&Config::load(&options.config.file)?).await?;
    let org = open::org(&hub, &options.org).await?;
    let rotate = RotateApiKey { overlap_s: Some(options.overlap_hours.saturating_mul(3600)), expires_at };
    let made = hub.rotate_api_key(&Caller::operator(org), old, rotate).await.context("cannot replace the key");
    hub.shutdown().await;
    let (made, secret) = made?;
    show(&made.key, &secret, options.json);
    Ok(())
}

/// So many days later, if there is such a day.
fn in_days(now: Timestamp, days: u32) -> Result<Timestamp> {
    let later = now.checked_add_signed(Duration::days(days.into()));
    later
        .with_context(|| format!("--expires-in-days {days} is after the end of the calendar"))
        .or_fix("give fewer days")
}

fn show(key: &org::ApiKey, secret: &SecretString, json: bool) {
    let secret = secret.expose_secret();
    if json {
        println!("{}", serde_json::json!({ "id": key.id, "org": key.org, "api_key": secret }));
    } else {
        println!("id       {}\nAPI key  {secret}\n\nThe key is shown only now.", key.id);
    }
}

async fn list(options: List) -> Result<()> {
    let hub = open::hub(&Config::load(&options.config.file)?).await?;
    let caller = Caller::operator(open::org(&hub, &options.org).await?);
    let mut after = None;
    loop {
        let page = hub.api_keys(&caller, after, Some(200)).await.context("cannot list the keys")?;
        for key in &page.items {
            if options.json {
                println!("{}", serde_json::to_string(key)?);
            } else {
                println!("{}", line(key));
            }
        }
        after = page.items.last().map(|view| view.key.id);
        if page.next.is_none() {
            break;
        }
    }
    hub.shutdown().await;
    Ok(())
}

fn line(ApiKeyView { key, spend_limits }: &ApiKeyView) -> String {
    let scopes = key.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(",");
    let state = match (key.revoked_at, key.expires_at) {
        (Some(at), _) => format!("revoked {}", at.format("%F")),
        (None, Some(at)) => format!("expires {}", at.format("%F")),
        (None, None) => "no expiry".to_owned(),
    };
    let used = key.used_at.map_or_else(|| "never used".to_owned(), |at| format!("used {}", at.format("%F")));
    let limits: String = spend_limits.iter().map(|(unit, cap)| format!("  at most {cap} {unit}")).collect();
    format!("{}  {scopes}  {state}  {used}{limits}  {}", key.id, key.name)
}

async fn revoke(options: Revoke) -> Result<()> {
    let key: ApiKeyId = options.key.parse().or_fix("take the id that `patchbay key list` shows, not the key itself")?;
    let hub = open::hub(&Config::load(&options.config.file)?).await?;
    let org = open::org(&hub, &options.org).await?;
    let revoked = hub.revoke_api_key(org, key).await.context("cannot revoke the key");
    hub.shutdown().await;
    revoked?;
    if options.json {
        println!("{}", serde_json::json!({ "id": key, "revoked": true }));
    } else {
        println!("{key} is revoked");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_days_than_there_are_is_an_error_that_names_the_flag() {
        let now: Timestamp = "2026-01-31T00:00:00Z".parse().unwrap();
        assert_eq!(in_days(now, 1).unwrap().to_rfc3339(), "2026-02-01T00:00:00+00:00");
        let error = in_days(now, u32::MAX).unwrap_err();
        assert!(format!("{error:#}").contains("--expires-in-days 4294967295"), "{error:#}");
    }
}
