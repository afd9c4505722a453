//! A whole hub on a real socket, in a folder that vanishes with it.

mod database;
mod kept;
mod org;
mod process;
mod reply;
mod setup;
mod standstill;

use std::{path::PathBuf, time::Duration};

use patchbay_hub::{Hub, HubConfig};
use patchbay_storage::Database;
use patchbay_test_postgres::TestDatabase;
use tokio::sync::oneshot;

pub use database::{on_postgres, on_sqlite};
pub use org::{Call, Org};
pub use process::{HubProcess, program};
pub use reply::Reply;
pub use setup::Setup;
pub use standstill::Standstill;

use setup::{Started, free_port};

/// A running hub; it stops when this is dropped.
pub struct TestHub {
    /// The use cases themselves, for what has no route.
    pub hub: Hub,
    /// `http://127.0.0.1:port`.
    pub url: String,
    /// For requests to it.
    pub client: reqwest::Client,
    server: tokio::task::JoinHandle<()>,
    stop: Option<oneshot::Sender<()>>,
    /// Last, because the files and the database go with it.
    started: Started,
}

impl TestHub {
    /// What a hub starts with: the machine's clock, unsigned packages allowed.
    #[must_use]
    pub fn setup() -> Setup {
        Setup::default()
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
        self.started.kept.postgres().map(|database| &**database)
    }

    /// Its database, opened beside it.
    pub async fn database(&self) -> Database {
        self.started.kept.open().await
    }

    /// Waits until all events of an org were handed on, and all jobs have ended, those that came of them among them. Of the
    /// newest two hundred.
    ///
    /// # Panics
    /// If that takes longer than a minute and a half.
    pub async fn settled(&self, org: &Org) {
        let is_settled = || async {
            let (mut before, mut is_same) = (serde_json::Value::Null, false);
            // what a job has published just before it ended is handed on the second time; and a job that is made of that may have
            // ended by the look, and have published something in its turn
            for _ in 0..2 {
                self.hub.process_due_deliveries().await.expect("events are handed on");
                let jobs = org.get("/v1/jobs?limit=200").await.expect(200).json();
                let ended = |job: &serde_json::Value| job["status"] != "queued" && job["status"] != "running";
                if !jobs["items"].as_array().is_some_and(|jobs| jobs.iter().all(ended)) {
                    return None;
                }
                is_same = before == jobs;
                before = jobs;
            }
            is_same.then_some(())
        };
        org.wait_for(Duration::from_secs(90), is_settled).await;
    }

    /// The hub's own folder: database, blobs, keys.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.started.kept.data()
    }

    /// The folder that it watches.
    #[must_use]
    pub fn plugins_dir(&self) -> PathBuf {
        self.started.kept.plugins()
    }

    /// Puts a file into the watched folder the way an operator should: whole, by a rename.
    pub fn place(&self, name: &str, bytes: &[u8]) {
        let hidden = self.started.kept.folder().join(format!("{name}.part"));
        std::fs::write(&hidden, bytes).unwrap();
        std::fs::rename(&hidden, self.plugins_dir().join(name)).unwrap();
    }

    /// A GET without any key.
    pub async fn get(&self, path: &str) -> Reply {
        Reply::read(self.client.get(format!("{}{path}", self.url)).send().await.expect("the hub answers")).await
    }

    /// Everything that the hub keeps, file by file, and on PostgreSQL table by table.
    pub async fn kept(&self) -> Vec<(PathBuf, Vec<u8>)> {
        self.started.kept.all().await
    }

    /// Stops the hub as an operator does, and starts it again with the same settings on the same data, at another address.
    pub async fn restart(self) -> Self {
        self.restart_with(|_| {}).await
    }

    /// The same, with settings that the operator changed meanwhile.
    pub async fn restart_with(self, edit: impl FnOnce(&mut HubConfig)) -> Self {
        let mut started = self.started.clone();
        self.stop().await;
        edit(&mut started.config);
        started.serve(free_port().await).await
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
