//! What an installation brings to each of its calls; made once per change, shared by all calls.

use std::{fmt, sync::Arc};

use patchbay_egress::{Redactor, Rules};
use patchbay_model::{ConnectionId, InstallationId, OrgId, Timestamp};
use patchbay_vault::Credentials;
use secrecy::ExposeSecret;
use tokio::sync::Semaphore;

use crate::{capabilities::log::LogAllowance, lane::Conduct, room::OrgShare};

/// What makes a [`Tenant`].
pub struct TenantInit {
    /// The org.
    pub org: OrgId,
    /// Its installation of the plugin.
    pub installation: InstallationId,
    /// The org's settings as JSON text, valid by the manifest's schema.
    pub config: String,
    /// The connection's credentials; none while there is no connection.
    pub credentials: Option<Arc<Credentials>>,
    /// Tells the connection from others that the org had before: another one after each change of the credentials, and when
    /// their owner granted them.
    pub connection: (Option<ConnectionId>, Option<Timestamp>),
    /// How the vendor calls the connected account.
    pub account: Option<String>,
    /// Where the vendor's webhooks for this installation arrive.
    pub webhook_url: String,
    /// Hosts that its settings name and an admin approved; see [`crate::Plugin::naming`].
    pub named_hosts: Option<NamedHosts>,
}

/// Hosts that an org's settings name beside those of the manifest.
#[derive(Debug, Clone)]
pub struct NamedHosts {
    pub(crate) hosts: Vec<String>,
    /// With those of the manifest.
    pub(crate) rules: Rules,
}

/// One org's installation of one plugin, ready to be called.
pub struct Tenant {
    /// The org.
    pub org: OrgId,
    /// Its installation of the plugin.
    pub installation: InstallationId,
    /// Takes the connection's secrets out of whatever passes.
    pub redact: Arc<Redactor>,
    pub(crate) config: String,
    pub(crate) credentials: Option<Arc<Credentials>>,
    pub(crate) connection: (Option<ConnectionId>, Option<Timestamp>),
    pub(crate) account: Option<String>,
    pub(crate) webhook_url: String,
    pub(crate) named_hosts: Option<NamedHosts>,
    pub(crate) share: Arc<Share>,
}

/// What all tenants of one (org, plugin) have together.
#[derive(Debug)]
pub(crate) struct Share {
    /// Calls that may still begin.
    pub(crate) permits: Arc<Semaphore>,
    /// In which lane the next call begins.
    pub(crate) conduct: Arc<Conduct>,
    /// How much log they may still leave together.
    pub(crate) log: LogAllowance,
    /// What the org's calls of all plugins share.
    pub(crate) org: Arc<OrgShare>,
}

impl Share {
    pub(crate) fn new(concurrency: u32, org: Arc<OrgShare>) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(concurrency as usize)),
            conduct: Arc::default(),
            log: LogAllowance::default(),
            org,
        }
    }
}

impl Tenant {
    pub(crate) fn new(init: TenantInit, share: Arc<Share>) -> Self {
        let TenantInit { org, installation, config, credentials, connection, account, webhook_url, named_hosts } = init;
        let secrets = credentials.iter().flat_map(|credentials| credentials.secrets());
        let redact = Arc::new(Redactor::new(secrets.map(|secret| secret.expose_secret())));
        Self { org, installation, redact, config, credentials, connection, account, webhook_url, named_hosts, share }
    }
}

impl fmt::Debug for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tenant")
            .field("org", &self.org)
            .field("installation", &self.installation)
            .finish_non_exhaustive()
    }
}
