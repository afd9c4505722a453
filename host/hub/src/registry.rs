//! Which plugin versions are loaded, and which of them an installation runs.
//!
//! The catalogue is an immutable map behind one atomic pointer: readers never wait, and a publish is one
//! swap. Nothing here holds a plugin longer than the catalogue or an installation names it, so a
//! replaced version is freed with its last call.

pub(crate) mod leaves;
mod owner;
pub(crate) mod publish;
pub(crate) mod resolve;
mod settle;
pub(crate) mod stored;
pub(crate) mod view;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwap;
use patchbay_model::{
    Digest, PluginId, Timestamp,
    installation::{Installation, VersionPolicy},
};
use patchbay_runtime::Plugin;
use semver::{Version, VersionReq};

use crate::{hub::lock, keyed_locks::KeyedLocks, watch::memory::Memory};
use resolve::{Verdicts, beyond_approval};
use view::Problem;

/// A loaded plugin version and why it is loaded.
#[derive(Clone)]
pub(crate) struct Loaded {
    pub(crate) plugin: Arc<Plugin>,
    /// Files of the plugin folder that hold it.
    paths: BTreeSet<PathBuf>,
    /// Somebody uploaded it.
    uploaded: bool,
    /// Later loads win among equal versions.
    sequence: u64,
    pub(crate) loaded_at: Timestamp,
}

impl Loaded {
    /// True if installations may move to it; false for one that is kept only for those that are pinned
    /// to it or could not leave it.
    fn offered(&self) -> bool {
        self.uploaded || !self.paths.is_empty()
    }

    fn rank(&self) -> (bool, &Version, bool, u64) {
        // a file of the folder wins over an upload of the same version: it is the developer's loop
        (self.offered(), self.plugin.version(), !self.paths.is_empty(), self.sequence)
    }
}

/// Where a failed package came from: a file's name, or an upload for this plugin.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    File(PathBuf),
    Upload(PluginId),
    Stored(Digest),
}

/// Everything that is loaded, and what failed to be. Never changed, only replaced.
#[derive(Clone, Default)]
pub(crate) struct Catalogue {
    /// Best first.
    versions: BTreeMap<PluginId, Vec<Loaded>>,
    problems: BTreeMap<Source, (PluginId, Problem)>,
}

impl Catalogue {
    /// The plugins that have a loaded version, by id.
    pub(crate) fn plugins(&self) -> impl Iterator<Item = &PluginId> {
        self.versions.keys()
    }

    /// The loaded versions of a plugin, best first.
    pub(crate) fn versions(&self, plugin: &PluginId) -> &[Loaded] {
        self.versions.get(plugin).map_or(&[], Vec::as_slice)
    }

    /// The version that a new installation would get.
    pub(crate) fn best(&self, plugin: &PluginId) -> Option<&Arc<Plugin>> {
        self.versions(plugin).first().map(|loaded| &loaded.plugin)
    }

    /// The loaded version of this address.
    pub(crate) fn by_digest(&self, plugin: &PluginId, digest: Digest) -> Option<&Loaded> {
        self.versions(plugin).iter().find(|loaded| loaded.plugin.digest() == digest)
    }

    /// The version that a new installation of this policy would get if it takes its settings.
    pub(crate) fn choice(&self, plugin: &PluginId, policy: &VersionPolicy) -> Option<&Arc<Plugin>> {
        let pinned = matches!(policy, VersionPolicy::Pin(_));
        self.allowed(plugin, policy).find(|loaded| pinned || loaded.offered()).map(|loaded| &loaded.plugin)
    }

    /// The loaded version of this number that an installation may be moved to, or is pinned to; not one that is kept for
    /// others.
    pub(crate) fn version(&self, installation: &Installation, version: &str) -> Option<&Arc<Plugin>> {
        let pinned = |loaded: &&Loaded| installation.policy == VersionPolicy::Pin(loaded.plugin.digest());
        self.versions(&installation.plugin)
            .iter()
            .filter(|loaded| loaded.offered() || pinned(loaded))
            .find(|loaded| loaded.plugin.version().to_string() == version)
            .map(|loaded| &loaded.plugin)
    }

    /// The version that this installation would get if it takes its settings: one that asks for no more than
    /// was approved, kept ones last.
    pub(crate) fn choice_within(&self, installation: &Installation) -> Option<&Arc<Plugin>> {
        let pinned = matches!(installation.policy, VersionPolicy::Pin(_));
        let mut fits = self
            .allowed(&installation.plugin, &installation.policy)
            .filter(|loaded| pinned || beyond_approval(&loaded.plugin, installation).is_empty());
        fits.next().map(|loaded| &loaded.plugin)
    }

    /// True if a loaded version of the plugin takes in events, or has syncs, by which what happens here goes to its vendor.
    pub(crate) fn consumes(&self, plugin: &PluginId) -> bool {
        self.versions(plugin).iter().any(|loaded| {
            let manifest = loaded.plugin.manifest();
            !manifest.events.consumes.is_empty() || !manifest.syncs.is_empty()
        })
    }

    /// True if there are versions that are kept only for those that run them.
    pub(crate) fn keeps_unoffered(&self, plugin: &PluginId) -> bool {
        self.versions(plugin).iter().any(|loaded| !loaded.offered())
    }

    /// True if this one is kept only for those that run it.
    pub(crate) fn is_kept(&self, plugin: &PluginId, digest: Digest) -> bool {
        self.by_digest(plugin, digest).is_some_and(|loaded| !loaded.offered())
    }

    /// The versions that the policy allows, best first; kept ones last.
    fn allowed(&self, plugin: &PluginId, policy: &VersionPolicy) -> impl Iterator<Item = &Loaded> {
        let fits: Box<dyn Fn(&Loaded) -> bool> = match policy {
            VersionPolicy::Pin(digest) => {
                let digest = *digest;
                Box::new(move |loaded| loaded.plugin.digest() == digest)
            }
            VersionPolicy::Track(range) => {
                let range = VersionReq::parse(range);
                Box::new(move |loaded| range.as_ref().is_ok_and(|range| range.matches(loaded.plugin.version())))
            }
        };
        self.versions(plugin).iter().filter(move |loaded| fits(loaded))
    }

    fn insert(&mut self, plugin: &PluginId, loaded: Loaded) {
        let versions = self.versions.entry(plugin.clone()).or_default();
        versions.push(loaded);
        self.sort(plugin);
    }

    fn sort(&mut self, plugin: &PluginId) {
        if let Some(versions) = self.versions.get_mut(plugin) {
            versions.sort_by(|left, right| Reverse(left.rank()).cmp(&Reverse(right.rank())));
            if versions.is_empty() {
                self.versions.remove(plugin);
            }
        }
    }

    /// Takes the file away from every version but `except`; gives the plugins that this touched.
    fn release_path(&mut self, path: &Path, except: Option<Digest>) -> BTreeSet<PluginId> {
        let mut touched = BTreeSet::new();
        for (plugin, versions) in &mut self.versions {
            for loaded in versions.iter_mut().filter(|loaded| Some(loaded.plugin.digest()) != except) {
                if loaded.paths.remove(path) {
                    touched.insert(plugin.clone());
                }
            }
        }
        for plugin in &touched {
            self.sort(plugin);
        }
        touched
    }
}

/// The loaded plugin versions.
pub(crate) struct Registry {
    catalogue: ArcSwap<Catalogue>,
    /// One load per package at a time.
    loading: KeyedLocks<Digest>,
    /// One change of a plugin's versions at a time.
    changing: KeyedLocks<PluginId>,
    verdicts: Verdicts,
    /// Plugins whose installations could not all be gone through.
    unsettled: Mutex<BTreeSet<PluginId>>,
    /// Packages of other hubs that did not load here, and when to try again.
    failed: Mutex<Memory<Digest, ()>>,
    writing: Mutex<()>,
    generations: Mutex<Vec<Weak<Plugin>>>,
    loads: AtomicU64,
    /// Where packages are kept that must outlive their source.
    folder: PathBuf,
}

impl Registry {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self {
            catalogue: ArcSwap::default(),
            loading: KeyedLocks::new(),
            changing: KeyedLocks::new(),
            verdicts: Verdicts::default(),
            unsettled: Mutex::default(),
            failed: Mutex::default(),
            writing: Mutex::default(),
            generations: Mutex::default(),
            loads: AtomicU64::new(0),
            folder,
        }
    }

    /// What is loaded now.
    pub(crate) fn catalogue(&self) -> Arc<Catalogue> {
        self.catalogue.load_full()
    }

    /// Waits until nobody else changes this plugin's versions or who runs them.
    pub(crate) async fn hold(&self, plugin: &PluginId) -> tokio::sync::OwnedMutexGuard<()> {
        self.changing.lock(plugin).await
    }

    /// Drops what was found about this installation's settings, because they changed.
    pub(crate) fn forget_verdicts(&self, installation: patchbay_model::InstallationId) {
        self.verdicts.forget_installation(installation);
    }

    /// Drops all that was found about settings, because any may have changed.
    pub(crate) fn forget_all_verdicts(&self) {
        self.verdicts.forget_all();
    }

    pub(crate) fn generations_alive(&self) -> usize {
        let mut generations = lock(&self.generations);
        generations.retain(|plugin| plugin.strong_count() > 0);
        generations.len()
    }

    /// Replaces the catalogue by a changed copy.
    fn change<T>(&self, change: impl FnOnce(&mut Catalogue) -> T) -> T {
        let _one_at_a_time = lock(&self.writing);
        let mut catalogue = Catalogue::clone(&self.catalogue.load());
        let given = change(&mut catalogue);
        self.catalogue.store(Arc::new(catalogue));
        given
    }

    /// Remembers that of each plugin with versions that are merely kept, nobody may run those any more.
    pub(crate) fn mark_kept_unsettled(&self) {
        for plugin in self.with_kept() {
            self.mark_unsettled(&plugin);
        }
    }

    /// The plugins that have versions which are merely kept.
    fn with_kept(&self) -> Vec<PluginId> {
        let catalogue = self.catalogue();
        catalogue.versions.keys().filter(|plugin| catalogue.keeps_unoffered(plugin)).cloned().collect()
    }

    /// A minute has passed: packages that did not load are worth another try after some of them.
    pub(crate) fn round(&self) {
        lock(&self.failed).round();
    }

    /// Remembers that installations of this plugin are to be gone through again.
    pub(crate) fn mark_unsettled(&self, plugin: &PluginId) {
        lock(&self.unsettled).insert(plugin.clone());
    }

    fn next_sequence(&self) -> u64 {
        self.loads.fetch_add(1, Ordering::Relaxed)
    }

    fn remember_generation(&self, plugin: &Arc<Plugin>) {
        let mut generations = lock(&self.generations);
        generations.retain(|known| known.strong_count() > 0);
        if !generations.iter().any(|known| std::ptr::eq(known.as_ptr(), Arc::as_ptr(plugin))) {
            generations.push(Arc::downgrade(plugin));
        }
    }
}
