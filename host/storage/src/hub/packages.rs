//! Which plugins there are, in which versions, and where they are installed.

use patchbay_model::{Digest, InstallationId, PluginId};

use crate::{
    ActiveVersion, HubTx, InstallationHead, PluginStatus, PluginVersion, StorageError, installation, plugin_version,
    shared,
};

impl HubTx<'_> {
    /// Writes what is known of a package; the first time of the same digest stays its time.
    ///
    /// # Errors
    /// `AlreadyExists` if another hub on the database was given other contents of this version meanwhile.
    pub async fn put_plugin_version(&mut self, version: &PluginVersion) -> Result<(), StorageError> {
        plugin_version::put(self.tx, version).await
    }

    /// What is known of a package.
    ///
    /// # Errors
    /// The database fails.
    pub async fn plugin_version(&mut self, digest: &Digest) -> Result<Option<PluginVersion>, StorageError> {
        plugin_version::get(self.tx, digest).await
    }

    /// All packages of whatever status, by plugin and then by time.
    ///
    /// # Errors
    /// The database fails.
    pub async fn plugin_versions(&mut self) -> Result<Vec<PluginVersion>, StorageError> {
        plugin_version::list(self.tx).await
    }

    /// The packages that installations may run, of one plugin or of all: without their manifests, which are long.
    ///
    /// # Errors
    /// The database fails.
    pub async fn active_versions(&mut self, of: Option<&PluginId>) -> Result<Vec<ActiveVersion>, StorageError> {
        plugin_version::active(self.tx, of).await
    }

    /// Says how a package stands, and why if it is broken. False if there is no such package.
    ///
    /// # Errors
    /// The database fails.
    pub async fn set_plugin_status(
        &mut self,
        digest: &Digest,
        status: PluginStatus,
        error: Option<&str>,
    ) -> Result<bool, StorageError> {
        plugin_version::set_status(self.tx, digest, status, error).await
    }

    /// Keeps a package's bytes; harmless if they are there. For hubs that share the database: one that has it to
    /// itself keeps files.
    ///
    /// # Errors
    /// `OnlyPostgres`.
    pub async fn put_package(&mut self, digest: &Digest, bytes: &[u8]) -> Result<(), StorageError> {
        shared::put(self.tx, digest, bytes).await
    }

    /// Keeps a package for those that run it: its bytes, and that each hub on the database is to load it, whatever was
    /// known of it before. True if other hubs have to be told. Do it in the transaction that pins an installation to
    /// it: who lets go of it meanwhile ([`HubTx::release_package`]) comes before or after, and never between.
    ///
    /// # Errors
    /// `OnlyPostgres`.
    pub async fn keep_package(&mut self, digest: &Digest, bytes: &[u8]) -> Result<bool, StorageError> {
        shared::keep(self.tx, digest, bytes).await
    }

    /// A package's bytes, if they were kept.
    ///
    /// # Errors
    /// `OnlyPostgres`.
    pub async fn package(&mut self, digest: &Digest) -> Result<Option<Vec<u8>>, StorageError> {
        shared::get(self.tx, digest).await
    }

    /// Withdraws a package and lets go of its bytes. False, and nothing is done, if another hub was given it by upload or
    /// an installation is pinned to it.
    ///
    /// # Errors
    /// `OnlyPostgres`.
    pub async fn release_package(&mut self, digest: &Digest) -> Result<bool, StorageError> {
        shared::release(self.tx, digest).await
    }

    /// All orgs' installations of a plugin, after one, in order of id.
    ///
    /// # Errors
    /// The database fails.
    pub async fn installations_of(
        &mut self,
        plugin: &PluginId,
        after_id: Option<InstallationId>,
        limit: u32,
    ) -> Result<Vec<InstallationHead>, StorageError> {
        installation::of_plugin(self.tx, plugin, after_id, limit).await
    }
}
