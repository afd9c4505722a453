//! A hub on a real database of its own, for tests that need no plugin: on SQLite, or on what `PATCHBAY_TEST_DATABASE`
//! names.

use std::sync::Arc;

use chrono::DateTime;
use patchbay_model::{
    Digest, ManualClock, RunId, SeededRandom,
    org::{Org, Scope},
    run::{Figures, Run, RunKind},
};
use patchbay_runtime::Compiler;
use patchbay_storage::RunCommit;
use patchbay_test_postgres::TestDatabase;
use secrecy::{ExposeSecret as _, SecretString};
use tempfile::TempDir;

use crate::{Caller, Hub, HubConfig, NewApiKey};

pub(crate) struct TestHub {
    pub(crate) hub: Hub,
    pub(crate) clock: Arc<ManualClock>,
    _folder: TempDir,
    /// If it is on PostgreSQL. Last, because the hub is on it.
    _database: Option<TestDatabase>,
}

impl TestHub {
    pub(crate) async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = patchbay_test_postgres::chosen().await;
        let mut config = HubConfig::new(folder.path().to_owned(), Compiler::InProcess);
        config.database_url = database.as_ref().map(|database| database.url().parse().unwrap());
        let clock = Arc::new(ManualClock::new(DateTime::from_timestamp(1_800_000_000, 0).unwrap()));
        let hub = Hub::open(config, Arc::clone(&clock) as _, Arc::new(SeededRandom::new(7))).await.unwrap();
        Self { hub, clock, _folder: folder, _database: database }
    }

    pub(crate) async fn org(&self) -> Org {
        self.hub.create_org("Acme").await.unwrap()
    }

    pub(crate) async fn key(&self, org: &Org, scopes: &[Scope]) -> SecretString {
        let new = NewApiKey { name: "test".to_owned(), scopes: scopes.to_vec(), expires_at: None };
        self.hub.create_api_key(org.id, new).await.unwrap().1
    }

    pub(crate) async fn caller(&self, org: &Org) -> Caller {
        let key = self.key(org, &Scope::ALL).await;
        self.hub.authenticate(key.expose_secret()).await.unwrap()
    }

    /// Stores a run that ended now.
    pub(crate) async fn run(&self, org: &Org, plugin: &str, error_code: Option<&str>) -> Run {
        let inner = &*self.hub.0;
        let now = inner.clock.now();
        let run = Run {
            id: RunId::new(&*inner.clock, &*inner.random),
            org: org.id,
            plugin: plugin.parse().unwrap(),
            version: "1.0.0".to_owned(),
            digest: Digest([1; 32]),
            kind: RunKind::Action,
            operation: "do".to_owned(),
            error_code: error_code.map(str::to_owned),
            error_detail: None,
            upstream_status: None,
            figures: Figures::default(),
            log: Vec::new(),
            started_at: now,
            finished_at: now,
        };
        let commit = RunCommit {
            run: run.clone(),
            usage: vec![],
            events: vec![],
            plugin_changes: vec![],
            webhook: None,
            idempotency: None,
        };
        inner.journal.commit(commit).await.unwrap();
        self.clock.advance(chrono::Duration::milliseconds(1));
        run
    }
}
