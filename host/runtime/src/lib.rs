//! Runs plugins: the engine and its limits, compilation apart, and every capability that a guest has.
//!
//! [`Runtime::load`] turns a package into a [`Plugin`]; a plugin's methods are its exports. What a call
//! leaves behind comes back as [`Effects`]: this crate commits nothing of a run itself.

mod answers;
mod bindings;
mod blob_store;
mod call;
mod capabilities;
pub mod compile;
mod connector;
mod cpu;
mod engine;
mod entitlements;
mod exports;
mod kept;
mod lane;
mod limits;
mod observe;
mod once;
mod outcome;
mod peers;
mod plugin;
mod room;
mod spending;
mod tenant;

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use patchbay_egress::Egress;
use patchbay_model::{Clock, Digest, InstallationId, OrgId, PluginId, Random, RunId};
use patchbay_package::Package;
use patchbay_storage::Database;
use patchbay_vault::ArtefactMac;
use tokio::sync::Semaphore;
use wasmtime::{Engine, component::Linker};

pub use blob_store::{BlobStore, GrowingFile, StoreError};
pub use capabilities::{
    reply::{Relayed, ReplyHead, ReplyReceiver, ReplySender, is_of_the_server, relay, reply_channel},
    source::BodyStream,
    storage::Reach,
};
pub use compile::{CompileError, Compiler};
pub use entitlements::{Entitlements, OrgPage, Told};
pub use exports::{
    ActionCall, ActionOutput, Answer, EventCall, Invocation, ProxyCall, Receipt, StepOutcome, SyncChange, SyncField,
    SyncFieldKind, SyncItem, SyncPage, SyncPull, SyncPushed, SyncScope, SyncWrite, SyncWritten, TaskCall, Verdict,
    WebhookCall,
};
pub use kept::{KeptDocuments, Whose};
pub use limits::{CallLimits, Stop};
pub use once::Once;
pub use outcome::{Effects, Finished};
pub use peers::{PeerAnswer, PeerCall, PeerFailure, Peers};
pub use plugin::{ActionSchemas, LoadError, Plugin, RouteMatch};
pub use spending::{Flowed, MayGoOn, Spending};
pub use tenant::{NamedHosts, Tenant, TenantInit};

use call::CallState;
use compile::Compilation;
use lane::SlowLane;
use room::{OrgShare, Room};
use tenant::Share;

/// The most native code that one component may become: what is larger has not been seen.
const ARTEFACT_BYTES: u64 = 512 << 20;

/// How plugins are run.
#[derive(Debug, Clone)]
pub struct RuntimeConfig {
    /// Who compiles.
    pub compiler: Compiler,
    /// Where native code is kept.
    pub cache_dir: PathBuf,
    /// What a plugin gets that asks for nothing.
    pub defaults: CallLimits,
    /// What no plugin gets more than.
    pub ceilings: CallLimits,
    /// Calls at once over all orgs and plugins.
    pub max_instances: u32,
    /// Calls at once of one org; half of all if nothing is said. No plugin gets more either.
    pub max_org_instances: Option<u32>,
    /// CPU time and wall time of one compilation.
    pub compile_timeout: Duration,
    /// Memory of one compilation, in bytes.
    pub compile_memory: u64,
}

impl RuntimeConfig {
    /// The defaults, with this compiler and cache.
    #[must_use]
    pub fn new(compiler: Compiler, cache_dir: PathBuf) -> Self {
        Self {
            compiler,
            cache_dir,
            defaults: CallLimits::default(),
            ceilings: CallLimits::ceilings(),
            max_instances: 1_000,
            max_org_instances: None,
            compile_timeout: Duration::from_secs(120),
            compile_memory: 4 << 30,
        }
    }
}

/// What the capabilities stand on.
pub struct Services {
    /// Every outbound byte.
    pub egress: Arc<Egress>,
    /// Records, small values, rows of files.
    pub database: Database,
    /// Documents that are in memory as well.
    pub kept: Arc<KeptDocuments>,
    /// Bytes of files.
    pub blobs: BlobStore,
    /// Marks native code as ours.
    pub mac: ArtefactMac,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
}

/// Why the runtime did not start.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The machine cannot host the engine.
    #[error("the WebAssembly engine does not start: {0}")]
    Engine(String),
    /// The system gives no more threads.
    #[error("the threads for hungry plugins cannot be started")]
    Threads(#[source] Arc<std::io::Error>),
}

/// What all loaded plugins share. Knows no plugin, so that a plugin is freed with its last call.
pub(crate) struct Shared {
    pub(crate) config: RuntimeConfig,
    pub(crate) services: Arc<Services>,
    /// Where calls take their places.
    pub(crate) room: Room,
}

/// What (org, plugin) has at once and in common, and how many permits those are.
type Shares = HashMap<(OrgId, PluginId), (u32, Weak<Share>)>;

/// What each org has in common.
type OrgShares = HashMap<OrgId, Weak<OrgShare>>;

/// Loads plugins. Clones share everything.
#[derive(Clone)]
pub struct Runtime(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    engine: Engine,
    linker: Linker<CallState>,
    compilation: Compilation,
    loaded: Mutex<HashMap<Digest, Weak<Plugin>>>,
    shares: Mutex<Shares>,
    org_shares: Mutex<OrgShares>,
    slow: SlowLane,
}

impl Runtime {
    /// Starts the engine.
    ///
    /// # Errors
    /// [`RuntimeError::Engine`] if the machine cannot host it.
    pub fn new(mut config: RuntimeConfig, services: Services) -> Result<Self, RuntimeError> {
        let failed = |error: wasmtime::Error| RuntimeError::Engine(format!("{error:#}"));
        let engine = engine::serving_engine(config.max_instances, config.ceilings.memory_bytes).map_err(failed)?;
        let mut linker = Linker::new(&engine);
        capabilities::link(&mut linker).map_err(failed)?;
        let compilation = Compilation {
            compiler: config.compiler.clone(),
            cache_dir: config.cache_dir.clone(),
            mac: services.mac.clone(),
            timeout: config.compile_timeout,
            memory: config.compile_memory,
            artefact_bytes: ARTEFACT_BYTES,
            turn: Semaphore::new(1),
        };
        let room = Room::new(config.max_instances, config.max_org_instances);
        config.ceilings.concurrency = config.ceilings.concurrency.min(room.per_org());
        let shared = Arc::new(Shared { config, services: Arc::new(services), room });
        let slow = SlowLane::open().map_err(|error| RuntimeError::Threads(Arc::new(error)))?;
        let (loaded, shares, org_shares) = (Mutex::default(), Mutex::default(), Mutex::default());
        Ok(Self(Arc::new(Inner { shared, engine, linker, compilation, loaded, shares, org_shares, slow })))
    }

    /// Turns a package into a plugin: native code from the cache or the compiler, linked, and probed by
    /// making an instance and asking it about empty settings (if its schema takes those). Loading the same
    /// package twice gives the same plugin while one is alive.
    ///
    /// # Errors
    /// [`LoadError`] says what is wrong with the package; nothing of it is kept.
    pub async fn load(&self, package: Arc<Package>) -> Result<Arc<Plugin>, LoadError> {
        let digest = package.digest;
        if let Some(plugin) = self.alive(digest) {
            return Ok(plugin);
        }
        let component = self.0.compilation.component(&self.0.engine, package.component()).await?;
        let pre =
            self.0.linker.instantiate_pre(&component).map_err(|error| LoadError::Unlinkable(format!("{error:#}")))?;
        let plugin = Plugin::link(Arc::clone(&self.0.shared), package, pre)?;
        self.probe(&plugin).await?;
        let mut loaded = self.0.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(earlier) = loaded.get(&digest).and_then(Weak::upgrade) {
            return Ok(earlier);
        }
        loaded.retain(|_, plugin| plugin.strong_count() > 0);
        let plugin = Arc::new(plugin);
        loaded.insert(digest, Arc::downgrade(&plugin));
        Ok(plugin)
    }

    fn alive(&self, digest: Digest) -> Option<Arc<Plugin>> {
        self.0.loaded.lock().unwrap_or_else(PoisonError::into_inner).get(&digest)?.upgrade()
    }

    async fn probe(&self, plugin: &Plugin) -> Result<(), LoadError> {
        let services = &self.0.shared.services;
        let (clock, random) = (&*services.clock, &*services.random);
        let tenant = Tenant::new(
            TenantInit {
                org: OrgId::new(clock, random),
                installation: InstallationId::new(clock, random),
                config: "{}".to_owned(),
                credentials: None,
                connection: (None, None),
                account: None,
                webhook_url: String::new(),
                named_hosts: None,
            },
            Arc::new(Share::new(1, Arc::new(self.0.shared.room.org()))),
        );
        let call = Invocation {
            tenant: Arc::new(tenant),
            run: RunId::new(clock, random),
            timeout: Some(Duration::from_secs(5)),
            spending: None,
            entitlements: None,
            peers: None,
            once: None,
            reach: Reach::Full,
        };
        let takes_empty = plugin
            .config_schema()
            .is_none_or(|schema| schema.validate(&serde_json::Value::Object(serde_json::Map::new())).is_ok());
        let probed = if takes_empty {
            plugin.validate_config(call, "{}").await.result.map(|_| ())
        } else {
            plugin.instantiate_only(call).await.result
        };
        probed.map_err(LoadError::Probe)
    }

    /// An installation, ready to be called. Calls of one (org, plugin) share their permits and their lane, also
    /// over several tenants; calls of one org share its places.
    #[must_use]
    pub fn tenant(&self, plugin: &PluginId, concurrency: u32, init: TenantInit) -> Arc<Tenant> {
        let org = self.org_share(init.org);
        let mut shares = self.0.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (init.org, plugin.clone());
        let existing =
            shares.get(&key).filter(|(count, _)| *count == concurrency).and_then(|(_, share)| share.upgrade());
        let share = existing.unwrap_or_else(|| {
            shares.retain(|_, (_, share)| share.strong_count() > 0);
            let share = Arc::new(Share::new(concurrency, org));
            shares.insert(key, (concurrency, Arc::downgrade(&share)));
            share
        });
        Arc::new(Tenant::new(init, share))
    }

    fn org_share(&self, org: OrgId) -> Arc<OrgShare> {
        let mut shares = self.0.org_shares.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = shares.get(&org).and_then(Weak::upgrade) {
            return share;
        }
        shares.retain(|_, share| share.strong_count() > 0);
        let share = Arc::new(self.0.shared.room.org());
        shares.insert(org, Arc::downgrade(&share));
        share
    }

    /// Breaks off every call of an org that is gone, and those that begin all the same.
    pub fn stop_org(&self, org: OrgId) {
        let shares = self.0.org_shares.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = shares.get(&org).and_then(Weak::upgrade) {
            share.gone.cancel();
        }
    }

    /// Drives work around calls of this tenant to its end. What uses much CPU time goes on behind everybody
    /// else's calls, and so do the tenant's next calls. A panic of the work is passed on.
    pub async fn drive<T: Send + 'static>(&self, tenant: &Tenant, work: impl Future<Output = T> + Send + 'static) -> T {
        self.0.slow.drive(&tenant.share.conduct, work).await
    }

    /// Drives work that nobody waits for, behind everybody's calls. A panic of the work is passed on.
    pub async fn drive_behind<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        self.0.slow.behind(work).await
    }
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime").field("config", &self.0.shared.config).finish_non_exhaustive()
    }
}
