//! The hub itself: what it stands on, how it starts and how it stops; what it clears away is in `sweep.rs`.

mod sweep;

use std::{
    fs,
    path::Path,
    sync::{Arc, PoisonError, Weak},
    time::Duration,
};

use patchbay_egress::{Egress, SystemLookup};
use patchbay_limits::{Limiter, Pauses, Store};
use patchbay_model::{Clock, Code, Failure, OrgId, PluginId, Random, rate::OrgRates, sync::VendorField};
use patchbay_oauth::{Net, OidcProvider, RefreshSettings, Refresher};
use patchbay_runtime::{BlobStore, KeptDocuments, Runtime, Services};
use patchbay_storage::{Database, DatabaseUrl, Journal};
use patchbay_vault::{CheckpointKey, KeyHasher, Vault};
use tokio::task::JoinHandle;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use crate::{
    auth::KnownKey,
    chain,
    config::HubConfig,
    converge,
    deliveries::{self, Engine},
    events::{
        bells::{self, Bells},
        stream::Streams,
    },
    exports,
    idempotency::node::{self, Node},
    identity::{passwords::Passwords, sessions::LiveSession},
    jobs,
    keys::Keys,
    oauth::{REQUEST_TIME, TokenStore, link::Links, suspicion::Suspicions, upkeep},
    offline::{self, Offline},
    plans::standing::Standings,
    read_through::ReadThrough,
    registry::Registry,
    relay::{self, Relay, plugins::Takers},
    retention, schedules,
    start_error::StartError,
    sync::{due, fields::FieldsOf, outbox, outbox::Outward},
    tenant::{Installed, Serving},
    uses::Uses,
    watch, webhooks,
};

/// How long what was read from the database may be used; another process may have changed it meanwhile.
const CACHE_TIME: Duration = Duration::from_secs(60);
/// How long shutting down waits for calls that still run.
const DRAIN_TIME: Duration = Duration::from_secs(10);
/// How long it waits after that for the runs of calls that are broken off.
const BREAK_OFF_TIME: Duration = Duration::from_secs(5);

/// Installations ready to be called.
pub(crate) type Tenants = ReadThrough<(OrgId, PluginId), Installed>;

/// The hub. Clones are the same hub.
#[derive(Clone)]
pub struct Hub(pub(crate) Arc<Inner>);

/// What the use cases stand on.
pub(crate) struct Inner {
    /// Itself, for what outlives a borrow.
    pub(crate) this: Weak<Self>,
    pub(crate) config: HubConfig,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) database: Database,
    pub(crate) journal: Journal,
    pub(crate) egress: Arc<Egress>,
    pub(crate) blobs: BlobStore,
    pub(crate) vault: Arc<Vault>,
    pub(crate) hasher: KeyHasher,
    /// Signs how far the audit logs go.
    pub(crate) signer: CheckpointKey,
    pub(crate) runtime: Runtime,
    pub(crate) registry: Registry,
    /// By the key's hash.
    pub(crate) keys: ReadThrough<[u8; 32], KnownKey>,
    /// By the hash of their tokens.
    pub(crate) sessions: ReadThrough<[u8; 32], LiveSession>,
    /// When keys and sessions were last used.
    pub(crate) uses: Uses,
    pub(crate) passwords: Passwords,
    /// By whom people sign in.
    pub(crate) oidc: Option<OidcProvider>,
    pub(crate) tenants: Arc<Tenants>,
    /// What answers need that are given while the database is away.
    pub(crate) offline: Offline,
    /// Documents that are in memory as well.
    pub(crate) kept: Arc<KeptDocuments>,
    /// Which plugins take in an org's events.
    pub(crate) takers: ReadThrough<OrgId, Takers>,
    /// Which of an org's syncs go out.
    pub(crate) outward: ReadThrough<OrgId, Outward>,
    /// Which fields vendors have.
    pub(crate) described: ReadThrough<FieldsOf, Vec<VendorField>>,
    /// For packages that other hubs were given.
    pub(crate) looks: converge::Looks,
    /// Plans and budgets, by org.
    pub(crate) standings: Standings,
    /// Keeps tokens good.
    pub(crate) refresher: Refresher<TokenStore>,
    /// Tokens that vendors refused of late.
    pub(crate) suspicions: Arc<Suspicions>,
    /// That people open to connect accounts.
    pub(crate) links: Links,
    /// What clients of vendors' authorization servers need.
    pub(crate) oauth_net: Arc<Net>,
    /// What orgs have set in place of the configured rate limits.
    pub(crate) rates: ReadThrough<OrgId, OrgRates>,
    pub(crate) limiter: Limiter,
    /// This hub, as the others on the database know it.
    pub(crate) node: Node,
    /// By the token in a webhook's URL.
    pub(crate) hooks: ReadThrough<String, (OrgId, PluginId)>,
    pub(crate) webhooks: webhooks::Queue,
    pub(crate) jobs: jobs::Queue,
    pub(crate) schedules: schedules::Bell,
    /// Wake those who follow events.
    pub(crate) bells: Bells,
    pub(crate) streams: Streams,
    /// Hands events on.
    pub(crate) relay: Relay,
    /// Sends them to endpoints.
    pub(crate) deliveries: Engine,
    /// Files that are being written.
    pub(crate) exports: exports::Files,
    /// Work that shutting down waits for.
    pub(crate) work: TaskTracker,
    pub(crate) stop: CancellationToken,
    /// Calls that still run are broken off.
    pub(crate) break_off: CancellationToken,
    /// Ends the background tasks also when the hub is dropped without being shut down.
    _stop_on_drop: DropGuard,
}

impl Hub {
    /// Opens the hub, loads every plugin, watches the plugin folder and works on webhooks. Comes back
    /// once everything that is in the folder has been loaded or has failed to.
    pub async fn start(config: HubConfig, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Result<Self, StartError> {
        let hub = Self::open(config, clock, random).await?;
        hub.check_plans_in_use().await?;
        hub.0.load_stored_packages().await?;
        watch::start(&hub).await?;
        hub.0.settle_kept().await;
        node::start(&hub).await.map_err(StartError::Unwritable)?;
        converge::start(&hub);
        offline::start(&hub);
        bells::start(&hub);
        webhooks::worker::start(&hub);
        jobs::worker::start(&hub);
        schedules::clock::start(&hub);
        due::start(&hub);
        relay::start(&hub);
        deliveries::start(&hub);
        hub.start_sweeping();
        retention::start(&hub);
        upkeep::start(&hub);
        chain::start(&hub);
        Ok(hub)
    }

    /// Opens the hub's data and nothing else: no plugin is loaded and nothing runs in the background.
    /// For commands that make orgs and keys.
    pub async fn open(config: HubConfig, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Result<Self, StartError> {
        let data = config.data_dir.clone();
        let packages = data.join("packages");
        let blobs = config.blobs_dir.clone().unwrap_or_else(|| data.join("blobs"));
        for folder in [&data, &packages, &blobs, &config.runtime.cache_dir] {
            make_folder(folder)?;
        }
        let keys = config.keys_dir.clone().unwrap_or_else(|| data.join("keys"));
        make_folder(&keys)?;
        let keys = Keys::load(&keys, &config.keys, &config.signing, &*random).await?;

        let url = match &config.database_url {
            Some(url) => url.clone(),
            None => DatabaseUrl::sqlite(data.join("patchbay.db")),
        };
        let database = Database::open(&url).await?;
        database.migrate().await?;
        keys.check(&database, &config.signing).await?;
        let Keys { keyring, hasher, mac, signer } = keys;
        let store = config.rates.store.as_ref().map(Store::open).transpose()?;
        let pauses = Arc::new(Pauses::new(store.clone()));
        let egress = Egress::new(config.egress.clone(), Arc::new(SystemLookup))
            .map(|egress| Arc::new(egress.with_pauses(pauses)))
            .map_err(|error| StartError::Egress(error.to_string()))?;
        let blobs =
            BlobStore::new(blobs).with_quota(config.max_org_blob_bytes).with_answers_quota(config.max_org_answer_bytes);
        let oauth_net = Arc::new(Net {
            egress: Arc::clone(&egress),
            clock: Arc::clone(&clock),
            random: Arc::clone(&random),
            timeout: REQUEST_TIME,
        });
        let kept = Arc::new(KeptDocuments::new(config.max_kept_document_bytes));
        let services = Services {
            egress: Arc::clone(&egress),
            database: database.clone(),
            kept: Arc::clone(&kept),
            blobs: blobs.clone(),
            mac,
            clock: Arc::clone(&clock),
            random: Arc::clone(&random),
        };
        let runtime = Runtime::new(config.runtime.clone(), services)?;
        let stop = CancellationToken::new();
        let vault = Arc::new(Vault::new(keyring, Arc::clone(&random)));
        let tenants = Arc::new(Tenants::new(10_000, CACHE_TIME));
        let links = Links::new(&config.public_url, hasher.clone());
        let limiter = Limiter::new(store);
        let deliveries = Engine::new(&config.deliveries, database.is_shared(), CACHE_TIME);
        let store = TokenStore {
            database: database.clone(),
            vault: Arc::clone(&vault),
            tenants: Arc::clone(&tenants),
            clock: Arc::clone(&clock),
            random: Arc::clone(&random),
            links: links.clone(),
        };
        let settings = RefreshSettings::default();
        let hub = Self(Arc::new_cyclic(|this| Inner {
            this: Weak::clone(this),
            journal: Journal::start(database.clone()),
            refresher: Refresher::new(store, Arc::clone(&clock), Arc::clone(&random), settings),
            suspicions: Arc::default(),
            links,
            oidc: config.oidc.as_ref().map(|oidc| OidcProvider::new(Arc::clone(&oauth_net), oidc.provider.clone())),
            sessions: ReadThrough::new(10_000, CACHE_TIME),
            uses: Uses::default(),
            passwords: Passwords::new(Arc::clone(&random)),
            oauth_net,
            vault,
            registry: Registry::new(packages),
            keys: ReadThrough::new(10_000, CACHE_TIME),
            tenants,
            offline: Offline::default(),
            kept,
            takers: ReadThrough::new(100_000, CACHE_TIME),
            outward: ReadThrough::new(100_000, CACHE_TIME),
            described: ReadThrough::new(200, CACHE_TIME),
            looks: converge::Looks::default(),
            standings: Standings::new(10_000, CACHE_TIME),
            hooks: ReadThrough::new(10_000, CACHE_TIME),
            rates: ReadThrough::new(100_000, CACHE_TIME),
            limiter,
            node: Node::new(&*clock, &*random),
            webhooks: webhooks::Queue::new(
                config.webhook_concurrency,
                webhooks::Held::new(config.max_held_webhooks, config.max_held_webhook_bytes),
                database.is_shared(),
            ),
            jobs: jobs::Queue::new(config.job_concurrency, config.job_lane_concurrency, jobs::host_jobs()),
            schedules: schedules::Bell::default(),
            bells: Bells::default(),
            streams: Streams::default(),
            relay: Relay::default(),
            deliveries,
            exports: exports::Files::default(),
            work: TaskTracker::new(),
            _stop_on_drop: stop.clone().drop_guard(),
            stop,
            break_off: CancellationToken::new(),
            config,
            clock,
            random,
            egress,
            blobs,
            database,
            hasher,
            signer,
            runtime,
        }));
        hub.0.chain_legacy_logs().await.map_err(StartError::Audit)?;
        relay::plugins::start(&hub);
        outbox::start(&hub);
        Ok(hub)
    }

    /// Refuses new calls, waits up to 10 s for those that run, breaks off those that run on so that their
    /// runs are recorded, stores tokens that a vendor is giving, writes out what is queued, and closes the database. A
    /// proxied call ends when its client leaves, so close the clients' connections first.
    pub async fn shutdown(&self) {
        self.shutdown_within(DRAIN_TIME).await;
    }

    pub(crate) async fn shutdown_within(&self, drain_time: Duration) {
        let hub = &*self.0;
        hub.stop.cancel();
        hub.work.close();
        if tokio::time::timeout(drain_time, hub.work.wait()).await.is_err() {
            tracing::warn!(calls = hub.work.len(), "calls are broken off because the hub stops");
            hub.break_off.cancel();
            if tokio::time::timeout(BREAK_OFF_TIME, hub.work.wait()).await.is_err() {
                tracing::error!(calls = hub.work.len(), "calls still ran when the hub stopped: their runs are lost");
            }
        }
        if tokio::time::timeout(DRAIN_TIME + REQUEST_TIME, hub.refresher.settled()).await.is_err() {
            tracing::warn!("tokens were still being renewed when the hub stopped");
        }
        hub.write_uses().await;
        hub.let_go_of_lanes().await;
        self.let_go_of_webhooks().await;
        hub.journal.shutdown().await;
        hub.leave().await;
        hub.database.close().await;
    }

    /// True in effect if the hub takes calls: `unavailable` while it stops or without its database.
    pub async fn ready(&self) -> Result<(), Failure> {
        self.0.running()?;
        if !self.0.journal.is_running() {
            return Err(Failure::new(Code::Unavailable, "nothing can be committed: restart the hub"));
        }
        let mut tx = self.0.database.read().await?;
        tx.hub().orgs(None, 1).await?;
        Ok(())
    }

    /// How the outside world reaches this hub, as configured.
    #[must_use]
    pub fn public_url(&self) -> &str {
        &self.0.config.public_url
    }

    /// How many loaded plugin versions have not been freed yet, those that still drain included.
    #[must_use]
    pub fn generations_alive(&self) -> usize {
        self.0.registry.generations_alive()
    }

    pub(crate) fn downgrade(&self) -> Weak<Inner> {
        Arc::downgrade(&self.0)
    }
}

impl Inner {
    /// Fails once the hub is stopping.
    pub(crate) fn running(&self) -> Result<(), Failure> {
        if self.stop.is_cancelled() {
            return Err(Failure::new(Code::Unavailable, "the hub is stopping").retry_after(Duration::from_secs(1)));
        }
        Ok(())
    }

    /// Starts work around calls of an installation; it goes on to its end whoever waits for it.
    pub(crate) fn start_call<T: Send + 'static>(
        &self,
        serving: &Serving,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        let (runtime, tenant) = (self.runtime.clone(), Arc::clone(&serving.tenant));
        self.work.spawn(async move { runtime.drive(&tenant, work).await })
    }

    /// Starts work around calls that nobody waits for: it stands back behind all others.
    pub(crate) fn start_behind<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        let runtime = self.runtime.clone();
        self.work.spawn(async move { runtime.drive_behind(work).await })
    }
}

fn make_folder(path: &Path) -> Result<(), StartError> {
    fs::create_dir_all(path).map_err(|source| StartError::Folder { path: path.to_owned(), source })
}

/// Takes a lock whose holder may have panicked: what our locks guard stays whole either way.
pub(crate) fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestHub;

    #[tokio::test]
    async fn a_call_that_outlasts_the_shutdown_is_broken_off_and_waited_for() {
        let test = TestHub::open().await;
        let (inner, broken_off) = (Arc::clone(&test.hub.0), Arc::new(std::sync::atomic::AtomicBool::new(false)));
        let noted = Arc::clone(&broken_off);
        test.hub.0.work.spawn(async move {
            inner.break_off.cancelled().await;
            // as a call does: its run is committed after that
            tokio::task::yield_now().await;
            noted.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        test.hub.shutdown_within(Duration::ZERO).await;
        assert!(broken_off.load(std::sync::atomic::Ordering::Relaxed));
    }
}
