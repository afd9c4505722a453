//! What an installation shall be, put together from what was and what is asked for, and checked.

use std::{collections::BTreeSet, sync::Arc};

use patchbay_model::{
    Code, Digest, Failure, InstallationId, PluginId,
    installation::{Installation, VersionPolicy},
};
use patchbay_package::capabilities;
use patchbay_runtime::Plugin;
use semver::VersionReq;

use super::{PutInstallation, is_pinned};
use crate::{auth::Caller, hub::Inner, tenant::Settings};

impl Inner {
    pub(super) fn wanted(
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
    pub(super) async fn check_installation(&self, settings: &Settings) -> Result<Arc<Plugin>, Failure> {
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

    /// 32 random bytes in hexadecimal: nobody guesses where an org's webhooks go.
    fn new_hook_token(&self) -> String {
        let mut bytes = [0; 32];
        self.random.fill(&mut bytes);
        hex::encode(bytes)
    }
}
