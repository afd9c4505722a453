//! Packages that must outlive their source: uploads, and versions that somebody is pinned to or could
//! not leave. They are files named by their digest; the database says what they are.

use std::{io, path::PathBuf, sync::Arc};

use bytes::Bytes;
use futures::future;
use patchbay_model::{Digest, Failure};
use patchbay_package::Package;
use patchbay_storage::{PluginSource, PluginStatus, PluginVersion, StorageError};

use super::publish::Origin;
use crate::{durable_file, hub::Inner};

impl Inner {
    fn package_path(&self, digest: Digest) -> PathBuf {
        self.registry.folder.join(format!("{digest}.wasm"))
    }

    /// Keeps the package's bytes so that it can be loaded at the next start.
    pub(crate) async fn store_package(&self, package: &Arc<Package>) -> Result<(), Failure> {
        let path = self.package_path(package.digest);
        if tokio::fs::try_exists(&path).await.unwrap_or(false) {
            return Ok(());
        }
        durable_file::write(&path, package.bytes.clone())
            .await
            .map_err(|error| Failure::internal(format!("{}: {error}", path.display())))
    }

    pub(super) async fn remove_package(&self, digest: Digest) {
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

    async fn load_stored(&self, row: PluginVersion) {
        let uploaded = row.source == PluginSource::Upload;
        let bytes = match tokio::fs::read(self.package_path(row.digest)).await {
            Ok(bytes) => Bytes::from(bytes),
            // a version of the folder that nobody needed to keep
            Err(error) if error.kind() == io::ErrorKind::NotFound && !uploaded => return,
            Err(error) => {
                tracing::error!(plugin.id = %row.plugin, digest = %row.digest, %error, "a stored package cannot be read");
                return;
            }
        };
        let origin = Origin::Stored { digest: row.digest, uploaded };
        if let Err(failure) = self.publish(bytes, &origin).await {
            tracing::error!(plugin.id = %row.plugin, digest = %row.digest, error = %failure, "a stored package was not loaded");
        }
    }
}
