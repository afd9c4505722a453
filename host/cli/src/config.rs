//! The operator's configuration: a TOML file, and the environment over it.
//!
//! Unknown keys are refused, in both: a limit with a typo in its name would be a limit that is not there.
//! Paths in it start at the file's own folder, so that it means the same from wherever it is used.

mod build;
mod endpoints;
mod keys;
mod limits;
mod oauth;
mod oidc;
mod rates;
mod server;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use ::config::{Environment, File, FileFormat};
use anyhow::{Context, Result};
use patchbay_storage::DatabaseUrl;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};
use url::Url;

pub use endpoints::Endpoints;
pub use keys::{Audit, Vault};
pub use limits::Limits;
pub use oauth::OauthClient;
pub use oidc::Oidc;
pub use rates::RateLimits;
pub use server::{Forwarded, Server};

use crate::fix::OrFix;

/// Keys whose value in the environment is a list with commas.
const LISTS: [&str; 10] = [
    "server.trusted_proxies",
    "plugins.publishers",
    "plugins.new_publisher_of",
    "oidc.allowed_domains",
    "egress.allow_addresses",
    "egress.open_upstreams",
    "egress.ports",
    "endpoints.allow_addresses",
    "endpoints.ports",
    "audit.former_keys",
];

/// The whole of it. Every section may be missing.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The HTTP face.
    pub server: Server,
    /// What is kept.
    pub data: Data,
    /// The keys that what is sealed depends on.
    pub vault: Vault,
    /// The audit log.
    pub audit: Audit,
    /// What may run.
    pub plugins: Plugins,
    /// Vendors' host names to the base URLs that are called instead: simulators, sandboxes, gateways.
    #[serde(deserialize_with = "upstreams")]
    pub upstreams: BTreeMap<String, Url>,
    /// The operator's clients at vendors' authorization servers, by plugin.
    pub oauth: BTreeMap<String, OauthClient>,
    /// By whom people sign in, beside passwords.
    pub oidc: Option<Oidc>,
    /// What a call may use.
    pub limits: Limits,
    /// How often orgs, keys and addresses may ask.
    pub rate_limits: RateLimits,
    /// Of plans altogether.
    pub billing: patchbay_hub::Billing,
    /// The plans that organizations can have.
    pub plans: BTreeMap<String, patchbay_hub::PlanSettings>,
    /// The lowest plan that has a feature, a plugin or an action.
    pub features: BTreeMap<String, String>,
    /// How long history is kept.
    pub retention: patchbay_hub::Retention,
    /// The way out.
    pub egress: Egress,
    /// Organizations' URLs that events are sent to.
    pub endpoints: Endpoints,
    /// The log.
    pub log: Log,
}

/// A secret that may be missing.
fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SecretString>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.map(SecretString::from))
}

fn upstreams<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Url>, D::Error> {
    let texts = BTreeMap::<String, String>::deserialize(deserializer)?;
    let parse = |(host, text): (String, String)| match Url::parse(&text) {
        Ok(url) => Ok((host, url)),
        Err(error) => Err(serde::de::Error::custom(format!("upstream of {host}: {text:?} is no URL ({error})"))),
    };
    texts.into_iter().map(parse).collect()
}

/// `[data]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Data {
    /// Database, files, packages, compiled code, and the keys that open all of it.
    pub dir: PathBuf,
    /// Another place for the database, as in `sqlite:/fast/patchbay.db` or `postgres://user:password@host/database`.
    #[serde(alias = "url", deserialize_with = "database_url")]
    pub database: Option<DatabaseUrl>,
    /// Another place for the files of plugins.
    pub blobs: Option<PathBuf>,
    /// Another place for the key files.
    pub keys: Option<PathBuf>,
}

fn database_url<'de, D: Deserializer<'de>>(from: D) -> Result<Option<DatabaseUrl>, D::Error> {
    // the error quotes nothing of the URL, which may have a password in it
    let parse = |text: String| text.parse().map_err(serde::de::Error::custom);
    Option::<String>::deserialize(from)?.map(parse).transpose()
}

impl Default for Data {
    fn default() -> Self {
        Self { dir: PathBuf::from("data"), database: None, blobs: None, keys: None }
    }
}

/// `[plugins]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Plugins {
    /// A folder that is watched for packages.
    pub dir: Option<PathBuf>,
    /// Take packages that nobody signed.
    pub allow_unsigned: bool,
    /// Public keys (minisign, `RW…`) of those whose packages are taken.
    pub publishers: Vec<String>,
    /// Plugins whose id may change hands: another publisher than before, or none, may publish them.
    pub new_publisher_of: Vec<String>,
    /// The largest package, in KiB.
    pub max_package_kib: usize,
}

impl Default for Plugins {
    fn default() -> Self {
        Self {
            dir: None,
            allow_unsigned: false,
            publishers: Vec::new(),
            new_publisher_of: Vec::new(),
            max_package_kib: 64 << 10,
        }
    }
}

/// `[egress]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Egress {
    /// Networks that plugins may reach although they are private, as in `10.1.0.0/16`.
    pub allow_addresses: Vec<ipnet::IpNet>,
    /// Those of `[upstreams]` that organizations may name in a plugin's settings, where it lets them name hosts.
    pub open_upstreams: Vec<String>,
    /// Ports that plugins may reach.
    pub ports: Vec<u16>,
    /// For DNS, TCP and TLS together, in milliseconds.
    pub connect_timeout_ms: u64,
    /// A PEM file of certificate authorities to trust beside the system's.
    pub extra_roots: Option<PathBuf>,
}

impl Default for Egress {
    fn default() -> Self {
        Self {
            allow_addresses: Vec::new(),
            open_upstreams: Vec::new(),
            ports: vec![443],
            connect_timeout_ms: 5_000,
            extra_roots: None,
        }
    }
}

/// `[log]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// `text` or `json`.
    pub format: LogFormat,
    /// As in `info` or `info,patchbay_hub=debug`.
    pub filter: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, filter: "info".to_owned() }
    }
}

/// What a log line looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

impl Config {
    /// Reads the file and the environment.
    pub fn load(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read the configuration {}", file.display()))
            .or_fix("name the file with --config; docs/guides/operating-the-hub.md shows every key")?;
        let environment = Environment::with_prefix("PATCHBAY");
        let folder = file.parent().unwrap_or(Path::new(""));
        Self::parse(&text, folder, environment, std::env::var("DATABASE_URL").ok())
            .with_context(|| {
                format!("the configuration {} (or PATCHBAY__… in the environment) is not valid", file.display())
            })
            .or_fix("correct that key; docs/guides/operating-the-hub.md shows every key")
    }

    /// `fallback` is where the database is if nothing else says so.
    fn parse(text: &str, folder: &Path, environment: Environment, fallback: Option<String>) -> Result<Self> {
        let environment = environment.prefix_separator("__").separator("__").try_parsing(true).list_separator(",");
        let environment = LISTS.iter().fold(environment, |environment, key| environment.with_list_parse_key(key));
        let mut config: Self = ::config::Config::builder()
            .add_source(File::from_str(text, FileFormat::Toml))
            .add_source(environment)
            .build()?
            .try_deserialize()?;
        if let (None, Some(url)) = (&config.data.database, fallback.filter(|url| !url.is_empty())) {
            config.data.database = Some(url.parse().context("DATABASE_URL")?);
        }
        config.data.dir = folder.join(&config.data.dir);
        let Data { database, blobs, keys, .. } = &mut config.data;
        for path in [&mut config.plugins.dir, &mut config.egress.extra_roots, blobs, keys].into_iter().flatten() {
            *path = folder.join(&*path);
        }
        if let Some(DatabaseUrl::Sqlite(path)) = database {
            *path = folder.join(&*path);
        }
        config.oauth.values_mut().for_each(|client| client.start_at(folder));
        config.vault.start_at(folder);
        config.audit.start_at(folder);
        config.oidc.iter_mut().for_each(|oidc| oidc.start_at(folder));
        Ok(config)
    }
}

#[cfg(test)]
mod tests;
