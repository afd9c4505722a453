//! What an org has installed, as it is shown.

use patchbay_model::{Digest, Failure, InstallationId, Permission, PluginId, Timestamp, installation::VersionPolicy};
use serde::Serialize;
use serde_json::Value;

use super::{hosts, not_installed};
use crate::{
    auth::Caller,
    hub::{Hub, Inner},
    registry::resolve::HeldBack,
    sync::views::InstallationSync,
    tenant::Installed,
};

/// An installation as the API shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InstallationView {
    /// Its id.
    pub id: InstallationId,
    /// Of which plugin.
    pub plugin: PluginId,
    /// Switched on.
    pub enabled: bool,
    /// The org's settings.
    pub config: Value,
    /// Which version it shall run.
    pub policy: VersionPolicy,
    /// Which version it runs; none if no loaded version can serve it.
    pub version: Option<String>,
    /// That version's package.
    pub digest: Option<Digest>,
    /// Why it does not run the best version that its policy allows.
    pub held_back: Option<HeldBack>,
    /// Hosts that its settings name and an admin approved.
    pub hosts: Vec<String>,
    /// Where the vendor's webhooks go, if the plugin takes any.
    pub webhook_url: Option<String>,
    /// Its syncs that were set up, by object.
    pub syncs: Vec<InstallationSync>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Hub {
    /// The org's installations, by plugin. Needs the permission `read_settings`.
    pub async fn installations(&self, caller: &Caller) -> Result<Vec<InstallationView>, Failure> {
        caller.require(Permission::ReadSettings)?;
        let hub = &*self.0;
        let mut tx = hub.database.read().await?;
        let installations = tx.org(caller.org).installations().list().await?;
        drop(tx);
        let mut syncs = hub.sync_summaries(caller.org).await?;
        let mut views = Vec::with_capacity(installations.len());
        for installation in installations {
            if let Some(installed) = hub.installed(caller.org, &installation.plugin).await? {
                let syncs = syncs.remove(&installation.plugin).unwrap_or_default();
                views.push(hub.installation_view(&installed, syncs));
            }
        }
        Ok(views)
    }

    /// The org's installation of a plugin; `not_installed` if there is none. Needs the permission `read_settings`.
    pub async fn installation(&self, caller: &Caller, plugin: &PluginId) -> Result<InstallationView, Failure> {
        caller.require(Permission::ReadSettings)?;
        let installed = self.0.installed(caller.org, plugin).await?.ok_or_else(|| not_installed(plugin))?;
        let syncs = self.0.sync_summaries(caller.org).await?.remove(plugin).unwrap_or_default();
        Ok(self.0.installation_view(&installed, syncs))
    }
}

impl Inner {
    pub(super) fn installation_view(&self, installed: &Installed, syncs: Vec<InstallationSync>) -> InstallationView {
        let installation = &installed.settings.installation;
        let serving = installed.serving();
        let plugin = serving.as_ref().map(|serving| &serving.plugin);
        let takes_webhooks = plugin.is_some_and(|plugin| plugin.manifest().webhooks.is_some());
        InstallationView {
            id: installation.id,
            plugin: installation.plugin.clone(),
            enabled: installation.enabled,
            config: installation.config.clone(),
            policy: installation.policy.clone(),
            version: plugin.map(|plugin| plugin.version().to_string()),
            digest: plugin.map(|plugin| plugin.digest()),
            held_back: installed.held_back(),
            hosts: hosts::of(installation),
            webhook_url: takes_webhooks.then(|| self.config.webhook_url(&installation.hook_token)),
            syncs,
            created_at: installation.created_at,
            updated_at: installation.updated_at,
        }
    }
}
