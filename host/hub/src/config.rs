//! What an operator decides about the hub.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

use patchbay_egress::EgressConfig;
use patchbay_model::PluginId;
use patchbay_package::Trust;
use patchbay_runtime::{Compiler, RuntimeConfig};
use patchbay_storage::DatabaseUrl;

use crate::{
    chain::AuditConfig,
    deliveries::DeliverySettings,
    identity::oidc::OidcConfig,
    keys::{KeySources, SigningSource},
    oauth::OperatorClient,
    plans::catalogue::Plans,
    rates::RateConfig,
    retention::Retention,
};

/// The hub's configuration.
#[derive(Debug, Clone)]
pub struct HubConfig {
    /// Where everything is kept: database, packages, blobs, keys, compiled artefacts. Made if missing.
    pub data_dir: PathBuf,
    /// Where the database is. Default: SQLite, `patchbay.db` in the data folder. Hubs that share one need the same keys
    /// and the same files.
    pub database_url: Option<DatabaseUrl>,
    /// The files of plugins. Default: `blobs` in the data folder.
    pub blobs_dir: Option<PathBuf>,
    /// The key files. Default: `keys` in the data folder.
    pub keys_dir: Option<PathBuf>,
    /// Where the key-encryption keys are, if not there.
    pub keys: KeySources,
    /// Where the key is that signs the audit log, if not there.
    pub signing: SigningSource,
    /// When the audit log is signed.
    pub audit: AuditConfig,
    /// The folder that is watched for packages. Made if missing; none: packages come by upload only.
    pub plugins_dir: Option<PathBuf>,
    /// How the outside world reaches this hub, as in `https://hub.example.com`: the base of webhook URLs
    /// and of those that vendors send browsers back to.
    pub public_url: String,
    /// Whose packages are taken.
    pub trust: Trust,
    /// Plugins that another publisher than before, or none, may publish: an id stays with who signed it.
    pub new_publisher_of: BTreeSet<PluginId>,
    /// The way out.
    pub egress: EgressConfig,
    /// How guests run.
    pub runtime: RuntimeConfig,
    /// The operator's clients at vendors, by plugin: for all orgs that have none of their own.
    pub oauth_clients: BTreeMap<String, OperatorClient>,
    /// How people sign in by an identity provider. Default: they do not.
    pub oidc: Option<OidcConfig>,
    /// The largest package, in bytes.
    pub max_package_bytes: usize,
    /// The largest body of a proxied request, in bytes, where the route names none.
    pub max_proxy_body_bytes: u64,
    /// Webhooks that are processed in the background at once.
    pub webhook_concurrency: usize,
    /// Webhooks that are kept in memory while the database is away: answered, and not stored yet. More are refused.
    pub max_held_webhooks: usize,
    /// Those together, in bytes.
    pub max_held_webhook_bytes: usize,
    /// Documents that plugins have the hub keep in memory, of all orgs together, in bytes as the hub holds them.
    pub max_kept_document_bytes: u64,
    /// Jobs that run at once.
    pub job_concurrency: usize,
    /// Jobs of one org and plugin that run at once, where the plugin does not say less; on all hubs together.
    pub job_lane_concurrency: u32,
    /// Streams of events that one org has open at once, on one hub.
    pub event_streams: usize,
    /// The files of one org together, in bytes.
    pub max_org_blob_bytes: u64,
    /// Answers of vendors that are kept for one org, together, in bytes.
    pub max_org_answer_bytes: u64,
    /// The plans that orgs can have.
    pub plans: Plans,
    /// How often orgs, keys and addresses may ask.
    pub rates: RateConfig,
    /// How events are sent to endpoints.
    pub deliveries: DeliverySettings,
    /// How long history is kept.
    pub retention: Retention,
    /// How often it is looked for connections whose tokens are due.
    pub upkeep_every: Duration,
    /// How long a file of the plugin folder must be quiet before it is read.
    pub watch_delay: Duration,
}

impl HubConfig {
    /// The defaults: signed packages only, no folder, no trusted publisher, `http://127.0.0.1:8080`.
    #[must_use]
    pub fn new(data_dir: PathBuf, compiler: Compiler) -> Self {
        let cache = data_dir.join("compiled");
        Self {
            data_dir,
            database_url: None,
            blobs_dir: None,
            keys_dir: None,
            keys: KeySources::default(),
            signing: SigningSource::default(),
            audit: AuditConfig::default(),
            plugins_dir: None,
            public_url: "http://127.0.0.1:8080".to_owned(),
            trust: Trust { allow_unsigned: false, publishers: Vec::new() },
            new_publisher_of: BTreeSet::new(),
            egress: EgressConfig::default(),
            runtime: RuntimeConfig::new(compiler, cache),
            oauth_clients: BTreeMap::new(),
            oidc: None,
            max_package_bytes: 64 << 20,
            max_proxy_body_bytes: 32 << 20,
            webhook_concurrency: 64,
            max_held_webhooks: 1_000,
            max_held_webhook_bytes: 64 << 20,
            max_kept_document_bytes: 256 << 20,
            job_concurrency: 64,
            job_lane_concurrency: 16,
            event_streams: 50,
            max_org_blob_bytes: 10 << 30,
            max_org_answer_bytes: 1 << 30,
            plans: Plans::default(),
            rates: RateConfig::default(),
            deliveries: DeliverySettings::default(),
            retention: Retention::default(),
            upkeep_every: Duration::from_secs(30),
            watch_delay: Duration::from_millis(50),
        }
    }

    /// The public URL of this path and query.
    pub(crate) fn public(&self, path_and_query: &str) -> String {
        format!("{}{path_and_query}", self.public_url.trim_end_matches('/'))
    }

    /// The URL of an installation's webhooks.
    pub(crate) fn webhook_url(&self, hook_token: &str) -> String {
        self.public(&format!("/hooks/{hook_token}"))
    }

    /// The URL for webhooks of all accounts of a plugin's vendor.
    pub(crate) fn shared_webhook_url(&self, plugin: &PluginId) -> String {
        self.public(&format!("/hooks/shared/{plugin}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trailing_slash_of_the_public_url_is_not_doubled() {
        let mut config = HubConfig::new(PathBuf::from("data"), Compiler::InProcess);
        config.public_url = "https://hub.example.com/".to_owned();
        assert_eq!(config.webhook_url("abc"), "https://hub.example.com/hooks/abc");
    }
}
