//! The configuration as what the crates below take.

use std::time::Duration;

use anyhow::{Context, Result};
use metrics_exporter_prometheus::PrometheusHandle;
use patchbay_api::{ApiConfig, ForwardedBy, ServeConfig};
use patchbay_egress::EgressConfig;
use patchbay_hub::{HubConfig, Plans};
use patchbay_package::{PublicKey, Trust};
use patchbay_runtime::Compiler;
use patchbay_storage::DatabaseUrl;

use super::{Config, Forwarded};

impl Config {
    /// For the hub. Plugins are compiled by this very program, run again.
    pub fn hub(&self) -> Result<HubConfig> {
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let mut hub = HubConfig::new(self.data.dir.clone(), Compiler::Child(program));
        hub.database_url = Some(self.database_url());
        hub.blobs_dir.clone_from(&self.data.blobs);
        hub.keys_dir.clone_from(&self.data.keys);
        hub.keys = self.vault.sources()?;
        hub.signing = self.audit.signing()?;
        hub.audit = self.audit.checkpoints();
        hub.plugins_dir.clone_from(&self.plugins.dir);
        hub.public_url.clone_from(&self.server.public_url);
        hub.trust = self.trust()?;
        let changing = self.plugins.new_publisher_of.iter();
        hub.new_publisher_of = changing
            .map(|id| id.parse().with_context(|| format!("plugins.new_publisher_of has {id:?}")))
            .collect::<Result<_>>()?;
        hub.egress = self.egress()?;
        hub.max_package_bytes = self.plugins.max_package_kib << 10;
        hub.max_proxy_body_bytes = self.server.max_proxy_kib << 10;
        if let Some(concurrency) = self.limits.webhook_concurrency {
            hub.webhook_concurrency = concurrency;
        }
        if let Some(count) = self.limits.held_webhooks {
            hub.max_held_webhooks = count;
        }
        if let Some(mib) = self.limits.held_webhooks_mib {
            hub.max_held_webhook_bytes = mib << 20;
        }
        if let Some(mib) = self.limits.kept_documents_mib {
            hub.max_kept_document_bytes = mib << 20;
        }
        if let Some(concurrency) = self.limits.job_concurrency {
            hub.job_concurrency = concurrency;
        }
        if let Some(concurrency) = self.limits.job_lane_concurrency {
            hub.job_lane_concurrency = concurrency;
        }
        if let Some(streams) = self.limits.event_streams {
            hub.event_streams = streams;
        }
        if let Some(mib) = self.limits.org_files_mib {
            hub.max_org_blob_bytes = mib << 20;
        }
        if let Some(mib) = self.limits.org_answers_mib {
            hub.max_org_answer_bytes = mib << 20;
        }
        hub.plans = Plans::new(&self.billing, &self.plans, &self.features)?;
        hub.rates = self.rate_limits.rates();
        hub.retention = self.retention;
        hub.deliveries = self.endpoints.deliveries();
        hub.oidc = self.oidc.as_ref().map(super::Oidc::config).transpose()?;
        let clients = self.oauth.iter().map(|(plugin, client)| Ok((plugin.clone(), client.registered(plugin)?)));
        hub.oauth_clients = clients.collect::<Result<_>>()?;
        self.limits.apply(&mut hub.runtime);
        Ok(hub)
    }

    /// Where the database is.
    pub fn database_url(&self) -> DatabaseUrl {
        self.data.database.clone().unwrap_or_else(|| DatabaseUrl::sqlite(self.data.dir.join("patchbay.db")))
    }

    /// For the HTTP face.
    pub fn api(&self, metrics: PrometheusHandle) -> ApiConfig {
        ApiConfig {
            max_action_bytes: self.server.max_action_kib << 10,
            max_package_bytes: self.plugins.max_package_kib << 10,
            body_idle_timeout: Duration::from_secs(self.server.body_idle_timeout_s),
            trusted_proxies: self.server.trusted_proxies.clone(),
            forwarded_by: match self.server.forwarded_by {
                Forwarded::XForwardedFor => ForwardedBy::XForwardedFor,
                Forwarded::Forwarded => ForwardedBy::Forwarded,
            },
            metrics: Some(metrics),
            ..ApiConfig::default()
        }
    }

    /// For its connections.
    pub fn serve(&self) -> ServeConfig {
        ServeConfig {
            max_connections: self.server.max_connections,
            header_timeout: Duration::from_secs(self.server.header_timeout_s),
            grace: Duration::from_secs(self.server.shutdown_grace_s),
            ..ServeConfig::default()
        }
    }

    fn trust(&self) -> Result<Trust> {
        let publishers = self
            .plugins
            .publishers
            .iter()
            .map(|key| key.parse::<PublicKey>().with_context(|| format!("plugins.publishers has {key:?}")));
        Ok(Trust { allow_unsigned: self.plugins.allow_unsigned, publishers: publishers.collect::<Result<_>>()? })
    }

    fn egress(&self) -> Result<EgressConfig> {
        let extra_roots = self.egress.extra_roots.as_ref().map(|path| {
            std::fs::read_to_string(path).with_context(|| format!("egress.extra_roots is {}", path.display()))
        });
        Ok(EgressConfig {
            upstreams: self.upstreams.clone(),
            open_upstreams: self.egress.open_upstreams.iter().cloned().collect(),
            allow_addresses: self.egress.allow_addresses.clone(),
            ports: self.egress.ports.clone(),
            endpoints: self.endpoints.rules(),
            connect_timeout: Duration::from_millis(self.egress.connect_timeout_ms),
            extra_roots: extra_roots.transpose()?,
            ..EgressConfig::default()
        })
    }
}
