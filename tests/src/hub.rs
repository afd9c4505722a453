//! A whole hub on a real socket, in a folder that vanishes with it.

mod database;
mod org;
mod process;
mod reply;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
    time::Duration,
};

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use patchbay_api::ApiConfig;
use patchbay_egress::EgressConfig;
use patchbay_hub::{Hub, HubConfig};
use patchbay_model::{Clock, SystemClock, SystemRandom};
use patchbay_package::Trust;
use patchbay_runtime::Compiler;
use patchbay_test_postgres::TestDatabase;
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::oneshot};

pub use database::{on_postgres, on_sqlite};
pub use org::{Call, Org};
pub use process::{HubProcess, program};
pub use reply::Reply;

/// A hub that is about to start.
pub struct Setup {
    clock: Arc<dyn Clock>,
    egress: EgressConfig,
    trust: Trust,
    beside: Option<Shared>,
    edit: Box<dyn FnOnce(&mut HubConfig) + Send>,
}

/// What hubs on one database have in common.
#[derive(Clone)]
struct Shared {
    database: Arc<TestDatabase>,
    /// With keys and files.
    data: PathBuf,
}

impl Setup {
    /// Maps a vendor's host to a simulator.
    #[must_use]
    pub fn upstream(mut self, host: &str, url: &str) -> Self {
        self.egress.upstreams.insert(host.to_owned(), url.parse().expect("an absolute URL"));
        self
    }

    /// Lets a test move the time.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Takes only packages of these publishers.
    #[must_use]
    pub fn trust(mut self, trust: Trust) -> Self {
        self.trust = trust;
        self
    }

    /// On the same database as this hub, which is on PostgreSQL, and with its keys and files.
    ///
    /// # Panics
    /// If it is not.
    #[must_use]
    pub fn beside(mut self, hub: &TestHub) -> Self {
        let database = hub.database.clone().expect("the hub is on PostgreSQL");
        self.beside = Some(Shared { database, data: hub.data_dir() });
        self
    }

    /// Changes any other setting.
    #[must_use]
    pub fn edit(mut self, edit: impl FnOnce(&mut HubConfig) + Send + 'static) -> Self {
        self.edit = Box::new(edit);
        self
    }

    /// Starts the hub and its HTTP server.
    pub async fn start(self) -> TestHub {
        let directory = tempfile::tempdir().expect("a temporary folder");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port on the loopback address");
        let url = format!("http://{}", listener.local_addr().unwrap());
        let plugins = directory.path().join("plugins");
        std::fs::create_dir(&plugins).unwrap();
        let mut config = HubConfig::new(directory.path().join("data"), compiler());
        config.plugins_dir = Some(plugins);
        config.public_url = url.clone();
        config.trust = self.trust;
        config.egress = self.egress;
        // Tests say themselves when connections are looked after.
        config.upkeep_every = Duration::from_secs(24 * 3_600);
        let database = match &self.beside {
            Some(Shared { database, data }) => {
                config.keys_dir = Some(data.join("keys"));
                config.blobs_dir = Some(data.join("blobs"));
                Some(Arc::clone(database))
            }
            None => database::chosen().await,
        };
        config.database_url = database.as_ref().map(|database| database.url().parse().expect("a URL of PostgreSQL"));
        (self.edit)(&mut config);
        let hub = Hub::start(config, self.clock, Arc::new(SystemRandom)).await.expect("the hub starts");
        let router = patchbay_api::router(hub.clone(), ApiConfig { metrics: Some(metrics()), ..ApiConfig::default() });
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(async move {
            let shutdown = async move {
                let _ = stopped.await;
            };
            let _ = patchbay_api::serve(listener, router, shutdown).await;
        });
        let client = reqwest::Client::builder().no_proxy().tcp_nodelay(true).build().expect("an HTTP client");
        TestHub { hub, url, client, directory, server, stop: Some(stop), database }
    }
}

/// The `patchbay` program beside this test, if it was built: it compiles in a limited child process, as
/// in production.
fn compiler() -> Compiler {
    process::find_program().map_or(Compiler::InProcess, Compiler::Child)
}

/// The metrics of every hub in this process: a process has one recorder.
fn metrics() -> PrometheusHandle {
    static RECORDER: LazyLock<PrometheusHandle> =
        LazyLock::new(|| PrometheusBuilder::new().install_recorder().expect("no other recorder"));
    RECORDER.clone()
}

/// A running hub; it stops when this is dropped.
pub struct TestHub {
    /// The use cases themselves, for what has no route.
    pub hub: Hub,
    /// `http://127.0.0.1:port`.
    pub url: String,
    /// For requests to it.
    pub client: reqwest::Client,
    directory: TempDir,
    server: tokio::task::JoinHandle<()>,
    stop: Option<oneshot::Sender<()>>,
    /// If it is on PostgreSQL. Last, because it goes when nobody uses it any more.
    database: Option<Arc<TestDatabase>>,
}

impl TestHub {
    /// What a hub starts with: the machine's clock, unsigned packages allowed.
    #[must_use]
    pub fn setup() -> Setup {
        Setup {
            clock: Arc::new(SystemClock),
            egress: EgressConfig::default(),
            trust: Trust { allow_unsigned: true, publishers: Vec::new() },
            beside: None,
            edit: Box::new(|_| {}),
        }
    }

    /// Starts with nothing special.
    pub async fn start() -> Self {
        Self::setup().start().await
    }

    /// A new org with a key that may do everything.
    pub async fn org(&self, name: &str) -> Org {
        Org::create(self, name).await
    }

    /// Its database, if that is on PostgreSQL.
    #[must_use]
    pub fn postgres(&self) -> Option<&TestDatabase> {
        self.database.as_deref()
    }

    /// The hub's own folder: database, blobs, keys.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// The folder that it watches.
    #[must_use]
    pub fn plugins_dir(&self) -> PathBuf {
        self.directory.path().join("plugins")
    }

    /// Puts a file into the watched folder the way an operator should: whole, by a rename.
    pub fn place(&self, name: &str, bytes: &[u8]) {
        let hidden = self.directory.path().join(format!("{name}.part"));
        std::fs::write(&hidden, bytes).unwrap();
        std::fs::rename(&hidden, self.plugins_dir().join(name)).unwrap();
    }

    /// A GET without any key.
    pub async fn get(&self, path: &str) -> Reply {
        Reply::read(self.client.get(format!("{}{path}", self.url)).send().await.expect("the hub answers")).await
    }

    /// Everything that the hub keeps, file by file, and on PostgreSQL table by table.
    pub async fn kept(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        collect(self.directory.path(), &mut found);
        if let Some(database) = &self.database {
            let tables = database.dump().await.into_iter();
            found.extend(tables.map(|(table, rows)| (PathBuf::from(table), rows.into_bytes())));
        }
        found
    }

    /// Stops the hub as an operator does, and waits for it.
    pub async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        let _ = tokio::time::timeout(Duration::from_secs(20), &mut self.server).await;
        self.hub.shutdown().await;
    }
}

impl Drop for TestHub {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn collect(folder: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, found);
        } else if let Ok(bytes) = std::fs::read(&path) {
            found.push((path, bytes));
        }
    }
}
