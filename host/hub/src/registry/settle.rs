//! After a change of a plugin's versions: every installation moves to what it should run now, and
//! versions that nobody runs any more are let go.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use futures::{StreamExt as _, stream};
use patchbay_model::{
    Digest, Failure, PluginId,
    installation::{Installation, VersionPolicy},
};
use patchbay_storage::InstallationHead;

use super::Source;
use crate::{
    hub::{Inner, lock},
    measure,
};

/// Installations that are asked about at once.
const AT_ONCE: usize = 8;
const PAGE: u32 = 500;

impl Inner {
    /// Moves every installation of the plugin to the version that it should run, and drops versions that
    /// are offered nowhere and run by nobody. The caller holds the plugin. What could not be gone through
    /// now is gone through later: a version that is in place is not taken back for that.
    pub(crate) async fn settle(&self, plugin: &PluginId) {
        let settled = self.try_settle(plugin).await;
        // another version may take in other events
        self.takers.invalidate_all();
        match settled {
            Ok(true) => {
                lock(&self.registry.unsettled).remove(plugin);
            }
            Ok(false) => self.registry.mark_unsettled(plugin),
            Err(failure) => {
                tracing::warn!(plugin.id = %plugin, error = %failure, "installations were not gone through");
                self.registry.mark_unsettled(plugin);
            }
        }
    }

    /// Settles what could not be settled before.
    pub(crate) async fn settle_leftovers(&self) {
        let plugins = lock(&self.registry.unsettled).clone();
        for plugin in plugins {
            let _held = self.registry.hold(&plugin).await;
            self.settle(&plugin).await;
        }
    }

    /// Settles every plugin that has versions which are merely kept.
    pub(crate) async fn settle_kept(&self) {
        for plugin in self.registry.with_kept() {
            let _held = self.registry.hold(&plugin).await;
            self.settle(&plugin).await;
        }
    }

    /// Takes a file that is gone from every version.
    pub(crate) async fn withdraw_path(&self, path: &Path) {
        let touched = self.registry.change(|catalogue| {
            catalogue.problems.remove(&Source::File(path.to_owned()));
            catalogue.release_path(path, None)
        });
        for plugin in touched {
            let _held = self.registry.hold(&plugin).await;
            self.settle(&plugin).await;
        }
    }

    async fn try_settle(&self, plugin: &PluginId) -> Result<bool, Failure> {
        // readers that resolved by the old catalogue must not keep what they found
        self.tenants.changed();
        let mut used = BTreeSet::new();
        let mut after = None;
        let complete = AtomicBool::new(true);
        loop {
            let mut tx = self.database.read().await?;
            let installations = tx.hub().installations_of(plugin, after, PAGE).await?;
            drop(tx);
            let Some(last) = installations.last() else { break };
            after = Some(last.id);
            let moved = stream::iter(installations).map(|one| self.settle_one(plugin, one, &complete));
            let digests: Vec<_> = moved.buffer_unordered(AT_ONCE).collect().await;
            used.extend(digests.into_iter().flatten());
        }
        let complete = complete.into_inner();
        if complete {
            self.drop_unused(plugin, &used).await?;
        }
        Ok(complete)
    }

    /// Gives the addresses that the installation needs: what it runs, and what it is pinned to.
    async fn settle_one(
        &self,
        plugin: &PluginId,
        installation: InstallationHead,
        complete: &AtomicBool,
    ) -> Vec<Digest> {
        let pinned = match &installation.policy {
            VersionPolicy::Pin(digest) => Some(*digest),
            VersionPolicy::Track(_) => None,
        };
        let runs = self.move_one(plugin, &installation).await.unwrap_or_else(|failure| {
            tracing::warn!(installation.id = %installation.id, error = %failure, "an installation was not moved");
            complete.store(false, Ordering::Relaxed);
            None
        });
        pinned.into_iter().chain(runs).collect()
    }

    async fn move_one(&self, plugin: &PluginId, head: &InstallationHead) -> Result<Option<Digest>, Failure> {
        let org = head.org;
        let cached = self.tenants.cached(&(org, plugin.clone())).await;
        let is_present = |known: &Installation| {
            (known.id, known.updated_at) == (head.id, head.updated_at) && known.policy == head.policy
        };
        let Some(installed) = cached.filter(|one| is_present(&one.settings.installation)) else {
            let Some(settings) = self.load_settings(org, plugin).await? else { return Ok(None) };
            let Some(version) = self.resolve(&settings).await?.plugin else { return Ok(None) };
            self.bring_schedules(org, version.manifest()).await?;
            self.bring_events(org, plugin).await?;
            return Ok(Some(version.digest()));
        };
        let before = installed.serving().map(|serving| serving.plugin.digest());
        self.serve(&installed, self.resolve(&installed.settings).await?);
        let now = installed.serving().map(|serving| serving.plugin.digest());
        if before != now {
            measure::swapped(plugin);
            if let Some(serving) = installed.serving() {
                self.bring_schedules(org, serving.plugin.manifest()).await?;
                self.bring_events(org, plugin).await?;
            }
        }
        Ok(now)
    }

    async fn drop_unused(&self, plugin: &PluginId, used: &BTreeSet<Digest>) -> Result<(), Failure> {
        let catalogue = self.registry.catalogue();
        for loaded in catalogue.versions(plugin).iter().filter(|loaded| !loaded.offered()) {
            let digest = loaded.plugin.digest();
            if used.contains(&digest) {
                self.store_package(loaded.plugin.package()).await?;
                continue;
            }
            if !self.withdraw_package(digest).await? {
                continue;
            }
            self.registry.change(|catalogue| {
                if let Some(versions) = catalogue.versions.get_mut(plugin) {
                    versions.retain(|one| one.plugin.digest() != digest || one.offered());
                }
                catalogue.sort(plugin);
            });
            self.registry.verdicts.forget_version(digest);
            tracing::info!(plugin.id = %plugin, plugin.version = %loaded.plugin.version(), %digest, "plugin version withdrawn");
        }
        drop(catalogue);
        // the cache lets go of replaced entries late, and each holds its version
        self.tenants.sweep().await;
        Ok(())
    }
}
