//! Switching a plugin on for an org.

pub(crate) mod gated;
mod hosts;
mod view;
mod wanted;

use patchbay_model::{
    Code, Digest, Failure, Permission, PluginId,
    installation::{Installation, VersionPolicy},
};
use patchbay_storage::Change;
use serde::Deserialize;
use serde_json::{Value, json};

pub use self::view::InstallationView;

use crate::{
    auth::Caller,
    hub::{Hub, Inner},
    plans::catalogue::Feature,
    registry::{leaves::Leaves, stored},
    schedules, standing_costs,
    sync::connected::Account,
};

/// What an installation shall be.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PutInstallation {
    /// The org's settings; `{}` if not said.
    #[serde(default = "no_settings")]
    pub config: Value,
    /// Which version it runs; as it was (at first: the newest) if not said.
    #[serde(default)]
    pub policy: Option<VersionPolicy>,
    /// Switched on; as it was (at first: on) if not said.
    #[serde(default)]
    pub enabled: Option<bool>,
    /// The digest of a loaded version: what it may do is approved, beside what was. The version that a new
    /// installation gets, and one that it is pinned to, are approved by that.
    #[serde(default)]
    pub accept: Option<Digest>,
    /// Hosts that the settings name and that are approved with this, beside those that were and that they still name. The
    /// connection's credentials may go there.
    #[serde(default)]
    pub hosts: Vec<String>,
}

fn no_settings() -> Value {
    json!({})
}

impl Hub {
    /// Switches a plugin on for the org, or changes its settings. Needs the permission `manage_installations`. The version
    /// that the policy chooses must take the settings: `invalid_input` by its schema or ours,
    /// `config_rejected` by its own check. Hosts that the settings name must be approved, which needs the permission
    /// `manage_connections` as well.
    pub async fn put_installation(
        &self,
        caller: &Caller,
        plugin: &PluginId,
        put: PutInstallation,
    ) -> Result<InstallationView, Failure> {
        caller.require(Permission::ManageInstallations)?;
        if !put.hosts.is_empty() {
            // whoever approves a host decides where the connection's secrets go
            caller.require(Permission::ManageConnections)?;
        }
        let hub = &*self.0;
        hub.running()?;
        let held = hub.registry.hold(plugin).await;
        let before = hub.load_settings(caller.org, plugin).await?;
        let hosts = put.hosts.clone();
        let mut after = hub.wanted(caller, plugin, before.as_ref(), put)?;
        let policy = &after.installation.policy;
        let had = before.as_ref().is_some_and(|before| before.installation.policy == *policy);
        if !had && *policy != VersionPolicy::default() {
            hub.require_feature(caller.org, Feature::VersionPolicy).await?;
        }
        if gated::is_asked_for(&after.installation.config) {
            hub.require_feature(caller.org, Feature::LiveTranslation).await?;
        }
        let chosen = hub.registry.catalogue().choice_within(&after.installation).cloned();
        if let Some(version) = chosen.filter(|_| after.installation.enabled) {
            self.check_plan_of(caller, version.manifest()).await?;
        }
        let version = hub.check_installation(&after).await?;
        hosts::check(version.manifest(), &mut after.installation, &hosts)?;

        let detail = json!({ "old": before.as_ref().map(|before| audited(&before.installation)), "new": audited(&after.installation) });
        let entry = hub.audit(caller.org, caller.actor, "installation.put", plugin, detail);
        let leaves = match &before {
            Some(before) => hub.leaves_kept(&before.installation, Some(&after.installation)).await,
            None => Leaves::Nothing,
        };
        let mut tx = hub.database.begin().await?;
        let has_syncs = !tx.org(caller.org).syncs().list(Some(plugin)).await?.is_empty();
        if has_syncs || hub.registry.catalogue().consumes(plugin) {
            // another version of it, or none, takes in events from here on, or has what changes here written at its vendor
            tx.org(caller.org).relay().changed().await?;
        }
        if hub.database.is_shared() && is_pinned(&after.installation) {
            // in this transaction: another hub that nobody runs it on may be letting go of it just now
            stored::share(&mut tx, version.package()).await?;
        }
        // of two hubs that switch it on at once, one makes it and the other finds it made
        let put = tx.org(caller.org).installations().put(&after.installation).await?;
        schedules::defaults::bring(hub, &mut tx.org(caller.org), version.manifest()).await?;
        hub.resume_syncs(&mut tx.org(caller.org), plugin, Account::Same).await?;
        let was_off = before.as_ref().is_some_and(|before| !before.installation.enabled);
        if was_off && put.enabled {
            hub.catch_up_syncs(&mut tx.org(caller.org), plugin).await?;
        }
        tx.hub().notify(change_of(&put)).await?;
        tx.org(caller.org).audit().append(&entry).await?;
        tx.commit().await?;
        hub.installation_changed(&put, leaves).await;
        hub.schedules.ring();
        drop(held);
        let installed = hub.installed(caller.org, plugin).await?.ok_or_else(|| not_installed(plugin))?;
        let syncs = hub.sync_summaries(caller.org).await?.remove(plugin).unwrap_or_default();
        Ok(hub.installation_view(&installed, syncs))
    }

    /// Switches a plugin off for good: its settings and webhook URL are gone, its connection stays. Needs
    /// the permission `manage_installations`; `not_installed` if there is none.
    pub async fn delete_installation(&self, caller: &Caller, plugin: &PluginId) -> Result<(), Failure> {
        caller.require(Permission::ManageInstallations)?;
        let hub = &*self.0;
        let _held = hub.registry.hold(plugin).await;
        let mut tx = hub.database.begin().await?;
        let Some(installation) = tx.org(caller.org).installations().get(plugin).await? else {
            return Err(not_installed(plugin));
        };
        standing_costs::check_given_back(&mut tx, caller.org, plugin).await?;
        let detail = json!({ "old": audited(&installation) });
        let entry = hub.audit(caller.org, caller.actor, "installation.delete", plugin, detail);
        let leaves = hub.leaves_kept(&installation, None).await;
        if hub.registry.catalogue().consumes(plugin) {
            tx.org(caller.org).relay().changed().await?;
        }
        tx.org(caller.org).syncs().remove(plugin).await?;
        tx.org(caller.org).installations().delete(plugin).await?;
        tx.org(caller.org).schedules().delete_of(plugin).await?;
        tx.hub().notify(change_of(&installation)).await?;
        tx.org(caller.org).audit().append(&entry).await?;
        tx.commit().await?;
        hub.installation_changed(&installation, leaves).await;
        Ok(())
    }
}

impl Inner {
    /// After an installation was changed or deleted. The caller holds the plugin.
    async fn installation_changed(&self, installation: &Installation, leaves: Leaves) {
        self.registry.forget_verdicts(installation.id);
        let key = (installation.org, installation.plugin.clone());
        self.read_anew(&key);
        self.tenants.invalidate(&key).await;
        self.hooks.invalidate(&installation.hook_token).await;
        self.takers.invalidate(&installation.org).await;
        self.outward.invalidate(&installation.org).await;
        self.relay.concerned(installation.org);
        match leaves {
            Leaves::Nothing => {}
            Leaves::Kept => self.settle(&installation.plugin).await,
            // with the next sweep, once for all that changed until then
            Leaves::Unknown => self.registry.mark_unsettled(&installation.plugin),
        }
    }
}

pub(crate) fn not_installed(plugin: &PluginId) -> Failure {
    Failure::new(Code::NotInstalled, format!("the plugin `{plugin}` is not installed for this organization"))
}

fn is_pinned(installation: &Installation) -> bool {
    matches!(installation.policy, VersionPolicy::Pin(_))
}

/// What other hubs are told.
fn change_of(installation: &Installation) -> Change {
    Change::Installation { org: installation.org, id: installation.id, plugin: installation.plugin.clone() }
}

/// What the audit log keeps of an installation: not its hook token, which opens its webhooks.
fn audited(installation: &Installation) -> Value {
    json!({ "enabled": installation.enabled, "config": installation.config, "policy": installation.policy, "approved": installation.approved })
}

#[cfg(test)]
mod tests {
    use patchbay_model::org::Scope;

    use super::*;
    use crate::testing::TestHub;

    fn put() -> PutInstallation {
        PutInstallation { config: no_settings(), policy: None, enabled: None, accept: None, hosts: Vec::new() }
    }

    #[tokio::test]
    async fn a_plugin_that_is_not_loaded_cannot_be_installed() {
        let test = TestHub::open().await;
        let caller = test.caller(&test.org().await).await;
        let plugin = "nothing".parse().unwrap();
        assert_eq!(test.hub.put_installation(&caller, &plugin, put()).await.unwrap_err().code, Code::NotFound);
        assert_eq!(test.hub.installation(&caller, &plugin).await.unwrap_err().code, Code::NotInstalled);
        assert_eq!(test.hub.delete_installation(&caller, &plugin).await.unwrap_err().code, Code::NotInstalled);
        assert!(test.hub.installations(&caller).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn settings_are_changed_by_who_may_manage_installations_alone() {
        let test = TestHub::open().await;
        let org = test.org().await;
        let mut caller = test.caller(&org).await;
        caller.permissions = Scope::all_permissions(&[Scope::Read, Scope::Invoke, Scope::Operator]);
        let plugin = "nothing".parse().unwrap();
        assert_eq!(test.hub.put_installation(&caller, &plugin, put()).await.unwrap_err().code, Code::ScopeMissing);
        assert_eq!(test.hub.delete_installation(&caller, &plugin).await.unwrap_err().code, Code::ScopeMissing);
    }

    #[test]
    fn unknown_members_of_a_put_are_refused() {
        assert!(serde_json::from_str::<PutInstallation>(r#"{"config":{},"enbled":true}"#).is_err());
        assert!(serde_json::from_str::<PutInstallation>(r#"{"policy":{"pin":"abc"}}"#).is_err());
        assert_eq!(serde_json::from_str::<PutInstallation>("{}").unwrap().config, no_settings());
    }
}
