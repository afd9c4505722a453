//! Packages that must outlive their source: uploads, and versions that somebody is pinned to or could
//! not leave. They are files named by their digest, and the database says what they are; on a database that
//! other hubs share they are in it as well, because each hub has to find what another was given.

use std::{collections::BTreeSet, io, path::PathBuf, sync::Arc};

use bytes::Bytes;
use futures::future;
use patchbay_model::{Digest, Failure, PluginId};
use patchbay_package::Package;
use patchbay_storage::{ActiveVersion, Change, PluginSource, PluginStatus, StorageError, Tx};
use serde_json::json;

use super::{Registry, publish::Origin};
use crate::{
    audit::Actor,
    durable_file,
    hub::{Inner, lock},
    watch::is_final,
};

impl Inner {
    fn package_path(&self, digest: Digest) -> PathBuf {
        self.registry.folder.join(format!("{digest}.wasm"))
    }

    /// Keeps the package's bytes so that it can be loaded at the next start.
    pub(crate) async fn store_package(&self, package: &Arc<Package>) -> Result<(), Failure> {
        if self.database.is_shared() {
            return self.share_package(package).await;
        }
        let path = self.package_path(package.digest);
        if tokio::fs::try_exists(&path).await.unwrap_or(false) {
            return Ok(());
        }
        durable_file::write(&path, package.bytes.clone())
            .await
            .map_err(|error| Failure::internal(format!("{}: {error}", path.display())))
    }

    async fn share_package(&self, package: &Package) -> Result<(), Failure> {
        let mut tx = self.database.begin().await?;
        share(&mut tx, package).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The bytes of a package, if they were kept.
    async fn stored_package(&self, digest: Digest) -> Result<Option<Bytes>, Failure> {
        if self.database.is_shared() {
            let mut tx = self.database.read().await?;
            return Ok(tx.hub().package(&digest).await?.map(Bytes::from));
        }
        let path = self.package_path(digest);
        match tokio::fs::read(&path).await {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Failure::internal(format!("{}: {error}", path.display()))),
        }
    }

    /// Lets go of a package that nobody runs and that is offered nowhere. False if another hub was given it, or has
    /// pinned somebody to it that this one has not seen yet: it stays.
    pub(super) async fn withdraw_package(&self, digest: Digest) -> Result<bool, Failure> {
        if !self.database.is_shared() {
            self.remove_file(digest).await;
        }
        let mut tx = self.database.begin().await?;
        let row = tx.hub().plugin_version(&digest).await?;
        let gone = if self.database.is_shared() {
            tx.hub().release_package(&digest).await?
        } else {
            tx.hub().set_plugin_status(&digest, PluginStatus::Withdrawn, None).await?;
            true
        };
        if let Some(row) = row.filter(|row| gone && row.status != PluginStatus::Withdrawn) {
            let detail = json!({ "version": row.version, "digest": row.digest });
            let entry = self.hub_audit(Actor::Hub, "plugin.withdraw", row.plugin, detail);
            tx.hub().audit().append(&entry).await?;
        }
        tx.commit().await?;
        Ok(gone)
    }

    async fn remove_file(&self, digest: Digest) {
        match tokio::fs::remove_file(self.package_path(digest)).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%digest, %error, "a package that nobody needs was not removed");
            }
            _ => {}
        }
    }

    /// Loads what was kept, all at once. A package that does not load is shown as a problem; the hub
    /// starts all the same.
    pub(crate) async fn load_stored_packages(&self) -> Result<(), StorageError> {
        let mut tx = self.database.read().await?;
        let kept = tx.hub().active_versions(None).await?;
        drop(tx);
        future::join_all(kept.into_iter().map(|row| self.load_stored(row))).await;
        Ok(())
    }

    /// Loads what other hubs on the database were given, of one plugin or of all, and moves installations to it.
    pub(crate) async fn load_missing(&self, only: Option<&PluginId>) -> Result<(), Failure> {
        let mut tx = self.database.read().await?;
        let mut rows = tx.hub().active_versions(only).await?;
        drop(tx);
        rows.retain(|row| self.registry.misses(row));
        let loaded: Vec<Option<PluginId>> = future::join_all(rows.into_iter().map(|row| self.load_stored(row))).await;
        for plugin in loaded.into_iter().flatten().collect::<BTreeSet<_>>() {
            let _held = self.registry.hold(&plugin).await;
            self.settle(&plugin).await;
        }
        Ok(())
    }

    /// True if other hubs on the database were given a version of the plugin that is not in place here.
    pub(crate) async fn lacks_a_version(&self, plugin: &PluginId) -> Result<bool, Failure> {
        if !self.database.is_shared() {
            return Ok(false);
        }
        let mut tx = self.database.read().await?;
        let active = tx.hub().active_versions(Some(plugin)).await?;
        Ok(active.iter().any(|row| self.registry.lacks(row)))
    }

    /// Gives the plugin if it was loaded.
    async fn load_stored(&self, row: ActiveVersion) -> Option<PluginId> {
        let uploaded = row.source == PluginSource::Upload;
        let bytes = match self.stored_package(row.digest).await {
            Ok(Some(bytes)) => bytes,
            // a version of the folder that nobody needed to keep
            Ok(None) if !uploaded => return None,
            Ok(None) => {
                tracing::error!(plugin.id = %row.plugin, digest = %row.digest, "a stored package is missing");
                return None;
            }
            Err(error) => {
                tracing::error!(plugin.id = %row.plugin, digest = %row.digest, %error, "a stored package cannot be read");
                return None;
            }
        };
        let origin = Origin::Stored { digest: row.digest, uploaded };
        match self.publish(bytes, &origin).await {
            Ok(_) => Some(row.plugin),
            Err(failure) => {
                tracing::error!(plugin.id = %row.plugin, digest = %row.digest, error = %failure, "a stored package was not loaded");
                // it is looked for every minute, and fetching and compiling it takes its time
                lock(&self.registry.failed).note(row.digest, (), is_final(failure.code));
                None
            }
        }
    }
}

impl Registry {
    /// True for a package that each hub is to load, and that is not loaded here.
    pub(crate) fn lacks(&self, row: &ActiveVersion) -> bool {
        row.source == PluginSource::Upload && self.catalogue().by_digest(&row.plugin, row.digest).is_none()
    }

    /// True for a package that is not in place here as it should be, and that is worth a try.
    fn misses(&self, row: &ActiveVersion) -> bool {
        let catalogue = self.catalogue();
        let loaded = catalogue.by_digest(&row.plugin, row.digest);
        let is_missing = loaded.is_none_or(|loaded| row.source == PluginSource::Upload && !loaded.uploaded);
        is_missing && lock(&self.failed).wants(&row.digest, &())
    }
}

/// Keeps a package where every hub on the database finds it, and tells them if that is new.
pub(crate) async fn share(tx: &mut Tx, package: &Package) -> Result<(), StorageError> {
    let digest = package.digest;
    if tx.hub().keep_package(&digest, &package.bytes).await? {
        let plugin = package.manifest.id.clone();
        tx.hub().notify(Change::PluginVersion { plugin, digest }).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_that_does_not_load_here_is_not_fetched_every_minute() {
        let registry = Registry::new(PathBuf::new());
        let (digest, plugin) = (Digest([1; 32]), "demo".parse().unwrap());
        let row = ActiveVersion { digest, plugin, source: PluginSource::Upload };
        assert!(registry.misses(&row));
        lock(&registry.failed).note(digest, (), false);
        let minutes = (0..).find(|_| {
            registry.round();
            registry.misses(&row)
        });
        assert_eq!(minutes, Some(1), "the second is free again");
        lock(&registry.failed).note(digest, (), true);
        (0..1_000).for_each(|_| registry.round());
        assert!(!registry.misses(&row), "its bytes will not change");
    }
}
