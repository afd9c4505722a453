//! Packages that must outlive their source: uploads, and versions that somebody is pinned to or could
//! not leave. They are files named by their digest, and the database says what they are; on a database that
//! other hubs share they are in it as well, because each hub has to find what another was given.

use std::{collections::BTreeSet, io, path::PathBuf, sync::Arc};

use bytes::Bytes;
use futures::future;
use patchbay_model::{Digest, Failure, PluginId};
use patchbay_package::Package;
use patchbay_storage::{PluginSource, PluginStatus, PluginVersion, StorageError};
use serde_json::json;

use super::publish::Origin;
use crate::{audit::Actor, durable_file, hub::Inner};

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
        // asked first, because it is megabytes
        if !tx.hub().has_package(&package.digest).await? {
            tx.hub().put_package(&package.digest, &package.bytes).await?;
            tx.commit().await?;
        }
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

    /// Lets go of a package that nobody runs and that is offered nowhere.
    pub(super) async fn withdraw_package(&self, digest: Digest) -> Result<(), Failure> {
        if !self.database.is_shared() {
            self.remove_file(digest).await;
        }
        let mut tx = self.database.begin().await?;
        let row = tx.hub().plugin_version(&digest).await?;
        if self.database.is_shared() {
            if row.as_ref().is_some_and(is_uploaded) {
                // another hub was given it, and this one will hear of that
                return Ok(());
            }
            tx.hub().delete_package(&digest).await?;
        }
        tx.hub().set_plugin_status(&digest, PluginStatus::Withdrawn, None).await?;
        if let Some(row) = row.filter(|row| row.status != PluginStatus::Withdrawn) {
            let detail = json!({ "version": row.version, "digest": row.digest });
            let entry = self.hub_audit(Actor::Hub, "plugin.withdraw", row.plugin, detail);
            tx.hub().audit().append(&entry).await?;
        }
        tx.commit().await?;
        Ok(())
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
        let rows = tx.hub().plugin_versions().await?;
        drop(tx);
        let kept = rows.into_iter().filter(|row| row.status == PluginStatus::Active);
        future::join_all(kept.map(|row| self.load_stored(row))).await;
        Ok(())
    }

    /// Loads what other hubs on the database were given, of one plugin or of all, and moves installations to it.
    pub(crate) async fn load_missing(&self, only: Option<&PluginId>) -> Result<(), Failure> {
        if let Some(plugin) = only {
            // what this very hub is being given is in place once its publisher lets go of the plugin
            drop(self.registry.hold(plugin).await);
        }
        let mut tx = self.database.read().await?;
        let mut rows = tx.hub().plugin_versions().await?;
        drop(tx);
        let catalogue = self.registry.catalogue();
        rows.retain(|row| {
            let wanted = row.status == PluginStatus::Active && only.is_none_or(|only| row.plugin == *only);
            let loaded = catalogue.by_digest(&row.plugin, row.digest);
            wanted && loaded.is_none_or(|loaded| is_uploaded(row) && !loaded.uploaded)
        });
        // not across an await: the catalogue holds versions that may be let go meanwhile
        drop(catalogue);
        let loaded: Vec<Option<PluginId>> = future::join_all(rows.into_iter().map(|row| self.load_stored(row))).await;
        for plugin in loaded.into_iter().flatten().collect::<BTreeSet<_>>() {
            let _held = self.registry.hold(&plugin).await;
            self.settle(&plugin).await;
        }
        Ok(())
    }

    /// Gives the plugin if it was loaded.
    async fn load_stored(&self, row: PluginVersion) -> Option<PluginId> {
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
                None
            }
        }
    }
}

/// True for a version that is offered because somebody uploaded it.
fn is_uploaded(row: &PluginVersion) -> bool {
    row.source == PluginSource::Upload && row.status == PluginStatus::Active
}
