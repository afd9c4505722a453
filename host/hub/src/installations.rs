//! Switching a plugin on for an org.

pub(crate) mod gated;

use std::{collections::BTreeSet, sync::Arc};

use patchbay_model::{
    Code, Digest, Failure, InstallationId, Permission, PluginId, Timestamp,
    installation::{Installation, VersionPolicy},
};
use patchbay_package::{Manifest, capabilities};
use patchbay_runtime::Plugin;
use patchbay_storage::Change;
use semver::VersionReq;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    auth::Caller,
    hub::{Hub, Inner},
    plans::catalogue::Feature,
    registry::{leaves::Leaves, resolve::HeldBack, stored},
    schedules, standing_costs,
    sync::{connected::Account, views::InstallationSync},
    tenant::{Installed, Settings},
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
        check_hosts(version.manifest(), &mut after.installation, &hosts)?;

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
    fn wanted(
        &self,
        caller: &Caller,
        plugin: &PluginId,
        before: Option<&Settings>,
        put: PutInstallation,
    ) -> Result<Settings, Failure> {
        let old = before.map(|before| &before.installation);
        if self.registry.catalogue().best(plugin).is_none() {
            return Err(Failure::new(Code::NotFound, format!("there is no plugin `{plugin}`")));
        }
        let policy = put.policy.or_else(|| old.map(|old| old.policy.clone())).unwrap_or_default();
        self.check_policy(plugin, &policy)?;
        let mut approved = self.approved(plugin, &policy, old, put.accept)?;
        approved.extend(put.hosts.iter().map(|host| capabilities::names_host(host)));
        let now = self.clock.now();
        let installation = Installation {
            id: old.map_or_else(|| InstallationId::new(&*self.clock, &*self.random), |old| old.id),
            org: caller.org,
            plugin: plugin.clone(),
            enabled: put.enabled.or_else(|| old.map(|old| old.enabled)).unwrap_or(true),
            config: put.config,
            policy,
            approved: Some(approved),
            hook_token: old.map_or_else(|| self.new_hook_token(), |old| old.hook_token.clone()),
            created_at: old.map_or(now, |old| old.created_at),
            updated_at: now,
        };
        Ok(Settings {
            installation,
            connection: before.and_then(|before| before.connection),
            credentials: before.and_then(|before| before.credentials.clone()),
            account: before.and_then(|before| before.account.clone()),
            oauth: before.map(|before| before.oauth.clone()).unwrap_or_default(),
            // what is put was allowed just now
            withheld: false,
        })
    }

    /// What is approved with this put: what was, and what the named version may do.
    fn approved(
        &self,
        plugin: &PluginId,
        policy: &VersionPolicy,
        old: Option<&Installation>,
        accept: Option<Digest>,
    ) -> Result<BTreeSet<String>, Failure> {
        let catalogue = self.registry.catalogue();
        let of = |version: &Plugin| capabilities::grants(version.manifest());
        let mut approved = match old.and_then(|old| old.approved.clone()) {
            Some(approved) => approved,
            None => catalogue.choice(plugin, policy).map(|version| of(version)).unwrap_or_default(),
        };
        if let Some(digest) = accept {
            let version = catalogue
                .by_digest(plugin, digest)
                .ok_or_else(|| Failure::violation("/accept", "the digest of a loaded version of the plugin"))?;
            approved.extend(of(&version.plugin));
        }
        if let VersionPolicy::Pin(digest) = policy
            && let Some(version) = catalogue.by_digest(plugin, *digest)
        {
            approved.extend(of(&version.plugin));
        }
        Ok(approved)
    }

    fn check_policy(&self, plugin: &PluginId, policy: &VersionPolicy) -> Result<(), Failure> {
        match policy {
            VersionPolicy::Track(range) => {
                let range = VersionReq::parse(range).map_err(|error| {
                    Failure::violation("/policy/track", format!("a semver range, as in `^1.2` ({error})"))
                })?;
                let catalogue = self.registry.catalogue();
                if !catalogue.versions(plugin).iter().any(|loaded| range.matches(loaded.plugin.version())) {
                    return Err(Failure::violation(
                        "/policy/track",
                        "a range that a loaded version of the plugin is in",
                    ));
                }
            }
            VersionPolicy::Pin(digest) => {
                if self.registry.catalogue().by_digest(plugin, *digest).is_none() {
                    return Err(Failure::violation("/policy/pin", "the digest of a loaded version of the plugin"));
                }
            }
        }
        Ok(())
    }

    /// Asks the version that the installation would get whether it takes the settings, and gives it. Keeps the
    /// package of a pinned version, where that is a file.
    async fn check_installation(&self, settings: &Settings) -> Result<Arc<Plugin>, Failure> {
        let Settings { installation, .. } = settings;
        let catalogue = self.registry.catalogue();
        let Some(version) = catalogue.choice_within(installation) else {
            return Err(match catalogue.choice(&installation.plugin, &installation.policy) {
                Some(version) => Failure::violation(
                    "/accept",
                    format!("{}: that version may do more than was approved, and no other one fits", version.digest()),
                ),
                None => Failure::violation("/policy", "a policy that a loaded version of the plugin fits"),
            });
        };
        let tenant = self.tenant(version, settings);
        self.check_config(version, tenant, &installation.config).await.map_err(|mut failure| {
            for violation in &mut failure.violations {
                violation.pointer.insert_str(0, "/config");
            }
            failure
        })?;
        if is_pinned(installation) && !self.database.is_shared() {
            self.store_package(version.package()).await?;
        }
        Ok(Arc::clone(version))
    }

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

    /// 32 random bytes in hexadecimal: nobody guesses where an org's webhooks go.
    fn new_hook_token(&self) -> String {
        let mut bytes = [0; 32];
        self.random.fill(&mut bytes);
        hex::encode(bytes)
    }

    fn installation_view(&self, installed: &Installed, syncs: Vec<InstallationSync>) -> InstallationView {
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
            hosts: hosts_of(installation),
            webhook_url: takes_webhooks.then(|| self.config.webhook_url(&installation.hook_token)),
            syncs,
            created_at: installation.created_at,
            updated_at: installation.updated_at,
        }
    }
}

/// Sees to it that what the settings name is approved, and that nothing else is: a host that they named once is approved
/// anew before they name it again.
fn check_hosts(manifest: &Manifest, installation: &mut Installation, given: &[String]) -> Result<(), Failure> {
    let mut named = BTreeSet::new();
    for listed in &manifest.named_hosts {
        match listed.resolve(&installation.config) {
            Ok(found) => named.extend(found.map(|destination| destination.host)),
            Err(error) => return Err(Failure::violation(format!("/config{}", listed.setting), error.to_string())),
        }
    }
    if let Some(index) = given.iter().position(|host| !named.contains(host)) {
        return Err(Failure::violation(format!("/hosts/{index}"), "a host that the settings name"));
    }
    let Some(approved) = &mut installation.approved else { return Ok(()) };
    if let Some(host) = named.iter().find(|host| !approved.contains(&capabilities::names_host(host))) {
        return Err(Failure::violation(
            "/hosts",
            format!("a list with {host:?}: the settings name that host, and what is sent there has to be approved"),
        ));
    }
    let old: Vec<_> = capabilities::approved_hosts(approved).filter(|host| !named.contains(*host)).collect();
    let old: Vec<_> = old.into_iter().map(capabilities::names_host).collect();
    for grant in old {
        approved.remove(&grant);
    }
    Ok(())
}

fn hosts_of(installation: &Installation) -> Vec<String> {
    let approved = installation.approved.iter().flat_map(capabilities::approved_hosts);
    approved.map(str::to_owned).collect()
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
    fn a_host_that_settings_name_is_approved_by_name_and_forgotten_when_they_name_another() {
        let manifest: Manifest = serde_json::from_value(json!({
            "id": "demo", "name": "Demo", "version": "1.0.0", "api": "1.0.0",
            "named-hosts": [{"setting": "/base_url", "methods": ["POST"], "paths": ["/**"]}],
        }))
        .unwrap();
        let mut installation = Installation {
            id: InstallationId(uuid::Uuid::nil()),
            org: patchbay_model::OrgId(uuid::Uuid::nil()),
            plugin: "demo".parse().unwrap(),
            enabled: true,
            config: json!({"base_url": "https://one.example.com/v1"}),
            policy: VersionPolicy::default(),
            approved: Some(BTreeSet::new()),
            hook_token: String::new(),
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
        };
        let mut put = |base_url: &str, hosts: &[&str]| {
            installation.config = json!({ "base_url": base_url });
            let hosts: Vec<_> = hosts.iter().map(|host| (*host).to_owned()).collect();
            let approved = installation.approved.get_or_insert_default();
            approved.extend(hosts.iter().map(|host| capabilities::names_host(host)));
            let checked = check_hosts(&manifest, &mut installation, &hosts);
            checked.map(|()| hosts_of(&installation)).map_err(|failure| failure.violations[0].pointer.clone())
        };
        let one = "https://one.example.com/v1";
        assert_eq!(put(one, &[]), Err("/hosts".to_owned()));
        assert_eq!(put(one, &["one.example.com"]), Ok(vec!["one.example.com".to_owned()]));
        assert_eq!(put(one, &[]), Ok(vec!["one.example.com".to_owned()]));
        assert_eq!(put("https://10.0.0.1/v1", &[]), Err("/config/base_url".to_owned()));
        assert_eq!(put("https://two.example.com", &["one.example.com"]), Err("/hosts/0".to_owned()));
        assert_eq!(put("https://two.example.com", &["two.example.com"]), Ok(vec!["two.example.com".to_owned()]));
        assert_eq!(put(one, &[]), Err("/hosts".to_owned()));
    }

    #[test]
    fn unknown_members_of_a_put_are_refused() {
        assert!(serde_json::from_str::<PutInstallation>(r#"{"config":{},"enbled":true}"#).is_err());
        assert!(serde_json::from_str::<PutInstallation>(r#"{"policy":{"pin":"abc"}}"#).is_err());
        assert_eq!(serde_json::from_str::<PutInstallation>("{}").unwrap().config, no_settings());
    }
}
