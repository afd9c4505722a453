//! From bytes to a version that serves: open, load and probe, then one swap.
//!
//! Nothing is taken away before its successor has proven itself, so a package that fails at any step
//! leaves everything as it was; the failure is kept where the plugin is shown.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use patchbay_model::{Code, Digest, Failure, OrgId, PluginId};
use patchbay_package::{OpenLimits, Package, manifest_of, open};
use patchbay_runtime::Plugin;
use patchbay_storage::{Change, PluginSource, PluginStatus, PluginVersion, StorageError, Tx};
use semver::Version;
use serde_json::json;

use super::{Catalogue, Loaded, Source, view::Problem};
use crate::{audit::Actor, hub::Inner, measure};

/// Where a package comes from.
#[derive(Debug, Clone)]
pub(crate) enum Origin {
    /// A file of the plugin folder.
    Folder(PathBuf),
    /// The API.
    Upload {
        /// In whose audit log it is told.
        org: OrgId,
        /// Who did it.
        by: Actor,
    },
    /// The hub's own store, at start.
    Stored {
        /// What it must be.
        digest: Digest,
        /// It came by upload once; otherwise it is kept for those that run it.
        uploaded: bool,
    },
}

impl Inner {
    /// Puts a package in place and gives the version that it is. On failure nothing has changed but the
    /// plugin's problem.
    pub(crate) async fn publish(&self, bytes: Bytes, origin: &Origin) -> Result<Arc<Plugin>, Failure> {
        let attributed = self.attribute(&bytes, origin);
        match self.validate_probe_swap(bytes, origin).await {
            Ok(plugin) => {
                let id = plugin.manifest().id.clone();
                measure::published(&id, None);
                tracing::info!(plugin.id = %id, plugin.version = %plugin.version(), digest = %plugin.digest(), "plugin version loaded");
                Ok(plugin)
            }
            Err(failure) => {
                if let Some(plugin) = attributed {
                    measure::published(&plugin, Some(failure.code));
                    self.note_problem(plugin, origin, &failure);
                }
                Err(failure)
            }
        }
    }

    async fn validate_probe_swap(&self, bytes: Bytes, origin: &Origin) -> Result<Arc<Plugin>, Failure> {
        let package = self.open_package(bytes).await?;
        if let Origin::Stored { digest, .. } = origin
            && package.digest != *digest
        {
            return Err(Failure::new(Code::PackageInvalid, "the stored package's bytes have changed"));
        }
        let (id, version) = (package.manifest.id.clone(), package.manifest.version.clone());
        self.check_version_is_free(&id, &version, package.digest, origin)?;
        let is_stored = matches!(origin, Origin::Stored { .. });
        if !is_stored {
            self.check_owner(&package).await?;
        }
        let plugin = self.load_once(package).await?;

        let held = self.registry.hold(&id).await;
        // another upload may have won while this one compiled
        self.check_version_is_free(&id, &version, plugin.digest(), origin)?;
        if !is_stored {
            self.check_owner(plugin.package()).await?;
        }
        self.record_version(&plugin, origin).await?;
        let touched = self.registry.change(|catalogue| {
            place(catalogue, &plugin, origin, self.registry.next_sequence(), self.clock.now());
            // in the same swap: who sees the new version must not see what was wrong with the one before
            catalogue.problems.retain(|source, _| !solves(origin, &id, plugin.digest(), source));
            match origin {
                Origin::Folder(path) => catalogue.release_path(path, Some(plugin.digest())),
                Origin::Upload { .. } | Origin::Stored { .. } => Default::default(),
            }
        });
        if is_stored {
            return Ok(plugin);
        }
        self.settle(&id).await;
        drop(held);
        // the file held another plugin before
        for other in touched.iter().filter(|other| **other != id) {
            let _held = self.registry.hold(other).await;
            self.settle(other).await;
        }
        Ok(plugin)
    }

    async fn open_package(&self, bytes: Bytes) -> Result<Arc<Package>, Failure> {
        let trust = self.config.trust.clone();
        let limits = OpenLimits { max_bytes: self.config.max_package_bytes as u64 };
        let opened = tokio::task::spawn_blocking(move || open(bytes, &trust, &limits)).await;
        Ok(Arc::new(opened.map_err(Failure::internal)??))
    }

    async fn load_once(&self, package: Arc<Package>) -> Result<Arc<Plugin>, Failure> {
        let digest = package.digest;
        let _loading = self.registry.loading.lock(&digest).await;
        if let Some(loaded) = self.registry.catalogue().by_digest(&package.manifest.id, digest) {
            return Ok(Arc::clone(&loaded.plugin));
        }
        let plugin = self.runtime.load(package).await?;
        self.registry.remember_generation(&plugin);
        Ok(plugin)
    }

    fn check_version_is_free(
        &self,
        id: &PluginId,
        version: &Version,
        digest: Digest,
        origin: &Origin,
    ) -> Result<(), Failure> {
        if !matches!(origin, Origin::Upload { .. }) {
            return Ok(());
        }
        let catalogue = self.registry.catalogue();
        let taken = catalogue
            .versions(id)
            .iter()
            .any(|loaded| loaded.offered() && loaded.plugin.version() == version && loaded.plugin.digest() != digest);
        if taken {
            return Err(version_taken(id, version));
        }
        Ok(())
    }

    async fn record_version(&self, plugin: &Arc<Plugin>, origin: &Origin) -> Result<(), Failure> {
        let (package, manifest) = (plugin.package(), plugin.manifest());
        let mut tx = self.database.read().await?;
        let known = tx.hub().plugin_version(&package.digest).await?;
        drop(tx);
        let source = match origin {
            Origin::Stored { .. } => return Ok(()),
            Origin::Upload { .. } => PluginSource::Upload,
            Origin::Folder(_) => match &known {
                // in the folder as well
                Some(known) if known.status == PluginStatus::Active => known.source,
                _ => PluginSource::Folder,
            },
        };
        let (uploaded, shared) = (source == PluginSource::Upload, self.database.is_shared());
        if uploaded && !shared {
            self.store_package(package).await?;
        }
        let row = PluginVersion {
            digest: package.digest,
            plugin: manifest.id.clone(),
            version: manifest.version.to_string(),
            api: manifest.api.to_string(),
            publisher: package.publisher.clone(),
            manifest: serde_json::to_value(manifest).map_err(Failure::internal)?,
            size: package.bytes.len() as u64,
            source,
            status: PluginStatus::Active,
            error: None,
            created_at: self.clock.now(),
        };
        // at a start every version is there already, and reading twenty takes less time than writing one
        if known.is_some_and(|known| PluginVersion { created_at: row.created_at, ..known } == row) {
            return Ok(());
        }
        let mut tx = self.database.begin().await?;
        match tx.hub().put_plugin_version(&row).await {
            // another hub was given it while this one compiled
            Err(StorageError::AlreadyExists(_)) => return Err(version_taken(&row.plugin, &manifest.version)),
            put => put?,
        }
        if uploaded && shared {
            tx.hub().put_package(&package.digest, &package.bytes).await?;
        }
        tx.hub().notify(Change::PluginVersion { plugin: row.plugin.clone(), digest: row.digest }).await?;
        self.tell_of_version(&mut tx, &row, origin).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Who gave the hub a version: in the hub's log, because it is for all orgs, and in that of the one that uploaded it.
    async fn tell_of_version(&self, tx: &mut Tx, row: &PluginVersion, origin: &Origin) -> Result<(), StorageError> {
        let mut detail = json!({ "version": row.version, "digest": row.digest, "publisher": row.publisher });
        let (actor, action) = match origin {
            Origin::Stored { .. } => return Ok(()),
            Origin::Folder(path) => {
                if let Some(detail) = detail.as_object_mut() {
                    detail.insert("file".to_owned(), path.display().to_string().into());
                }
                (Actor::Hub, "plugin.load")
            }
            Origin::Upload { org, by } => {
                let entry = self.audit(*org, *by, "plugin.upload", &row.plugin, detail.clone());
                tx.org(*org).audit().append(&entry).await?;
                (*by, "plugin.upload")
            }
        };
        let entry = self.hub_audit(actor, action, &row.plugin, detail);
        tx.hub().audit().append(&entry).await
    }

    /// Whose problem a failure would be: the plugin that the package says it is, else the plugin that
    /// the file held before, else one named like the file. Nobody's for an upload that is no plugin.
    fn attribute(&self, bytes: &[u8], origin: &Origin) -> Option<PluginId> {
        let named = manifest_of(bytes).ok().map(|manifest| manifest.id);
        match origin {
            Origin::Upload { .. } | Origin::Stored { .. } => named,
            Origin::Folder(path) => named.or_else(|| self.holder(path)).or_else(|| named_like(path)),
        }
    }

    fn holder(&self, path: &Path) -> Option<PluginId> {
        let catalogue = self.registry.catalogue();
        let holds = |versions: &Vec<Loaded>| versions.iter().any(|loaded| loaded.paths.contains(path));
        catalogue.versions.iter().find(|(_, versions)| holds(versions)).map(|(plugin, _)| plugin.clone())
    }

    fn note_problem(&self, plugin: PluginId, origin: &Origin, failure: &Failure) {
        // somebody's mistake at the upload of a taken version is told to them; the plugin is well
        if failure.code == Code::PackageVersionTaken {
            return;
        }
        let source = match origin {
            Origin::Folder(path) => Source::File(path.clone()),
            Origin::Upload { .. } => Source::Upload(plugin.clone()),
            Origin::Stored { digest, .. } => Source::Stored(*digest),
        };
        let problem = Problem::new(&source, failure, self.clock.now());
        self.registry.change(|catalogue| catalogue.problems.insert(source.clone(), (plugin.clone(), problem.clone())));
        tracing::warn!(plugin.id = %plugin, source = %problem.source, error = %failure, "a package was not put in place");
    }

    /// Records that a file of the plugin folder could not be read at all.
    pub(crate) fn note_unreadable(&self, path: &Path, failure: &Failure) {
        if let Some(plugin) = self.holder(path).or_else(|| named_like(path)) {
            self.note_problem(plugin, &Origin::Folder(path.to_owned()), failure);
        }
    }
}

fn version_taken(id: &PluginId, version: &Version) -> Failure {
    let detail = format!("{id} {version} exists already with other contents: raise the version in plugin.toml");
    Failure::new(Code::PackageVersionTaken, detail)
}

/// A good package solves the problem of its own source, and of earlier uploads of its plugin.
fn solves(origin: &Origin, plugin: &PluginId, digest: Digest, source: &Source) -> bool {
    match (origin, source) {
        (Origin::Folder(path), Source::File(file)) => path == file,
        (_, Source::Upload(of)) => of == plugin,
        (_, Source::Stored(of)) => *of == digest,
        _ => false,
    }
}

fn place(
    catalogue: &mut Catalogue,
    plugin: &Arc<Plugin>,
    origin: &Origin,
    sequence: u64,
    now: patchbay_model::Timestamp,
) {
    let (id, digest) = (plugin.manifest().id.clone(), plugin.digest());
    let existing = catalogue.versions.get_mut(&id).and_then(|versions| {
        let place = versions.iter().position(|loaded| loaded.plugin.digest() == digest)?;
        Some(versions.swap_remove(place))
    });
    let mut loaded = existing.unwrap_or_else(|| Loaded {
        plugin: Arc::clone(plugin),
        paths: Default::default(),
        uploaded: false,
        sequence,
        loaded_at: now,
    });
    match origin {
        // the same file again is not a newer load, a file that came back to these bytes is
        Origin::Folder(path) => {
            if loaded.paths.insert(path.clone()) {
                loaded.sequence = sequence;
            }
        }
        Origin::Upload { .. } | Origin::Stored { uploaded: true, .. } => loaded.uploaded = true,
        Origin::Stored { uploaded: false, .. } => {}
    }
    catalogue.insert(&id, loaded);
}

/// A plugin's id made of the file's name.
fn named_like(path: &Path) -> Option<PluginId> {
    let stem = path.file_stem()?.to_str()?.to_ascii_lowercase();
    let plain: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(62).collect();
    plain.parse().or_else(|_| format!("x-{plain}").parse()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_file_is_shown_under_a_name_like_its_own() {
        let name = |file: &str| named_like(Path::new(file)).unwrap().to_string();
        assert_eq!(name("plugins/openai.wasm"), "openai");
        assert_eq!(name("plugins/OpenAI_1.2.wasm"), "openai-1-2");
        assert_eq!(name("plugins/3cx.wasm"), "x-3cx");
    }
}
