//! A hub on a real database of its own, for tests that need no plugin: on SQLite, or on what `PATCHBAY_TEST_DATABASE`
//! names.

use std::sync::Arc;

use chrono::DateTime;
use patchbay_model::{
    Digest, ManualClock, OrgId, RunId, SeededRandom,
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
    pub(crate) database: Option<TestDatabase>,
}

impl TestHub {
    pub(crate) async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = patchbay_test_postgres::chosen().await;
        let mut config = HubConfig::new(folder.path().to_owned(), Compiler::InProcess);
        config.database_url = database.as_ref().map(|database| database.url().parse().unwrap());
        let clock = Arc::new(ManualClock::new(DateTime::from_timestamp(1_800_000_000, 0).unwrap()));
        let hub = Hub::open(config, Arc::clone(&clock) as _, Arc::new(SeededRandom::new(7))).await.unwrap();
        Self { hub, clock, _folder: folder, database }
    }

    pub(crate) async fn org(&self) -> Org {
        self.hub.create_org("Acme").await.unwrap()
    }

    pub(crate) async fn key(&self, org: &Org, scopes: &[Scope]) -> SecretString {
        let new = NewApiKey { name: "test".to_owned(), scopes: scopes.to_vec(), ..NewApiKey::default() };
        self.hub.create_api_key(org.id, new).await.unwrap().1
    }

    pub(crate) async fn caller(&self, org: &Org) -> Caller {
        let key = self.key(org, &Scope::ALL).await;
        self.hub.authenticate(key.expose_secret()).await.unwrap()
    }

    /// Stores a run that ended now.
    pub(crate) async fn run(&self, org: &Org, plugin: &str, error_code: Option<&str>) -> Run {
        let commit = self.commit(org, plugin, error_code);
        let run = commit.run.clone();
        self.hub.0.journal.commit(commit).await.unwrap();
        self.clock.advance(chrono::Duration::milliseconds(1));
        run
    }

    /// A run that ended now, and nothing else.
    pub(crate) fn commit(&self, org: &Org, plugin: &str, error_code: Option<&str>) -> RunCommit {
        self.commit_of(org.id, plugin, error_code)
    }

    /// The same of an org whose id alone is known.
    pub(crate) fn commit_of(&self, org: OrgId, plugin: &str, error_code: Option<&str>) -> RunCommit {
        let inner = &*self.hub.0;
        let now = inner.clock.now();
        let run = Run {
            id: RunId::new(&*inner.clock, &*inner.random),
            org,
            plugin: plugin.parse().unwrap(),
            version: "1.0.0".to_owned(),
            digest: Digest([1; 32]),
            kind: RunKind::Action,
            operation: "do".to_owned(),
            parent: None,
            error_code: error_code.map(str::to_owned),
            error_detail: None,
            upstream_status: None,
            figures: Figures::default(),
            log: Vec::new(),
            started_at: now,
            finished_at: now,
        };
        RunCommit {
            run,
            usage: vec![],
            spent: vec![],
            events: vec![],
            plugin_changes: vec![],
            object_changes: vec![],
            sync: None,
            sync_hints: vec![],
            hops: 0,
            webhook: None,
            job: None,
            jobs: vec![],
            idempotency: None,
            told: vec![],
        }
    }
}
