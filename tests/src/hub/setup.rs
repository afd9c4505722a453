//! What a hub is started with, and started again.

use std::{
    path::PathBuf,
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
use tokio::{net::TcpListener, sync::oneshot};

use super::{TestHub, database, kept::Kept, process};

/// A hub that is about to start.
pub struct Setup {
    clock: Arc<dyn Clock>,
    egress: EgressConfig,
    trust: Trust,
    beside: Option<Shared>,
    alone: bool,
    background: bool,
    edit: Box<dyn FnOnce(&mut HubConfig) + Send>,
}

/// What hubs on one database have in common.
#[derive(Clone)]
struct Shared {
    database: Arc<TestDatabase>,
    /// With keys and files.
    data: PathBuf,
}

impl Default for Setup {
    /// The machine's clock, unsigned packages allowed.
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            egress: EgressConfig::default(),
            trust: Trust { allow_unsigned: true, publishers: Vec::new() },
            beside: None,
            alone: false,
            background: true,
            edit: Box::new(|_| {}),
        }
    }
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
        let database = hub.started.kept.postgres().cloned().expect("the hub is on PostgreSQL");
        self.beside = Some(Shared { database, data: hub.data_dir() });
        self
    }

    /// On a database that a test can bring to a standstill: one whose server nobody else is on.
    #[must_use]
    pub fn alone(mut self) -> Self {
        self.alone = true;
        self
    }

    /// Nothing runs in the background, no plugin is loaded, and nothing happens but what the test asks for: for what a task
    /// that looks by the clock would change, on a slow machine in the middle of a test.
    #[must_use]
    pub fn without_background(mut self) -> Self {
        self.background = false;
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
        let kept = match &self.beside {
            Some(shared) => Kept::new(Some(Arc::clone(&shared.database))),
            None => Kept::new(database::chosen(self.alone).await),
        };
        let listener = free_port().await;
        std::fs::create_dir_all(kept.plugins()).unwrap();
        let mut config = HubConfig::new(kept.data(), compiler());
        config.plugins_dir = Some(kept.plugins());
        config.public_url = url_of(&listener);
        config.trust = self.trust;
        config.egress = self.egress;
        // Tests say themselves when connections are looked after.
        config.upkeep_every = Duration::from_secs(24 * 3_600);
        if let Some(Shared { data, .. }) = &self.beside {
            config.keys_dir = Some(data.join("keys"));
            config.blobs_dir = Some(data.join("blobs"));
        }
        config.database_url = kept.postgres().map(|database| database.url().parse().expect("a URL of PostgreSQL"));
        (self.edit)(&mut config);
        Started { config, clock: self.clock, background: self.background, kept }.serve(listener).await
    }
}

/// All that a hub was started from.
#[derive(Clone)]
pub(super) struct Started {
    pub(super) config: HubConfig,
    clock: Arc<dyn Clock>,
    background: bool,
    pub(super) kept: Kept,
}

impl Started {
    pub(super) async fn serve(self, listener: TcpListener) -> TestHub {
        let url = url_of(&listener);
        let clock = Arc::clone(&self.clock);
        let (config, random) = (self.config.clone(), Arc::new(SystemRandom));
        let hub = match self.background {
            true => Hub::start(config, clock, random).await,
            false => Hub::open(config, clock, random).await,
        };
        let hub = hub.expect("the hub starts");
        let router = patchbay_api::router(hub.clone(), ApiConfig { metrics: Some(metrics()), ..ApiConfig::default() });
        let (stop, stopped) = oneshot::channel::<()>();
        let streaming = hub.clone();
        let server = tokio::spawn(async move {
            let shutdown = async move {
                let _ = stopped.await;
                streaming.end_streams();
            };
            let _ = patchbay_api::serve(listener, router, shutdown).await;
        });
        let client = reqwest::Client::builder().no_proxy().tcp_nodelay(true).build().expect("an HTTP client");
        TestHub { hub, url, client, server, stop: Some(stop), started: self }
    }
}

/// A port of 127.0.0.1 that nobody listens on yet.
pub(super) async fn free_port() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.expect("a free port on the loopback address")
}

fn url_of(listener: &TcpListener) -> String {
    format!("http://{}", listener.local_addr().unwrap())
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
