//! A fresh database with two orgs in it, and the things that tests put there.

use chrono::Duration;
use patchbay_model::{
    Clock as _, Digest, EventId, InstallationId, ManualClock, OrgId, PluginId, RunId, SeededRandom, Timestamp, UsageId,
    WebhookId,
    event::Event,
    org::Org,
    record::RecordChange,
    run::{Basis, Figures, LogLevel, LogLine, Run, RunKind, UsageRecord},
    webhook::{Webhook, WebhookStatus},
};
use patchbay_storage::{Database, DatabaseUrl, Journal, RunCommit};
use patchbay_test_postgres::TestDatabase;
use tempfile::TempDir;

/// A database of its own for one test.
pub struct Store {
    pub database: Database,
    pub clock: ManualClock,
    pub random: SeededRandom,
    /// An org that has things.
    pub ours: OrgId,
    /// An org that must not see them.
    pub theirs: OrgId,
    pub url: DatabaseUrl,
    pub home: Home,
}

/// Where it is, and what goes with it.
pub enum Home {
    Sqlite(TempDir),
    Postgres(TestDatabase),
}

impl Home {
    pub fn sqlite() -> (Self, DatabaseUrl) {
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::sqlite(folder.path().join("patchbay.db"));
        (Self::Sqlite(folder), url)
    }

    pub async fn postgres() -> Option<(Self, DatabaseUrl)> {
        let database = patchbay_test_postgres::database().await?;
        let url = database.url().parse().unwrap();
        Some((Self::Postgres(database), url))
    }
}

impl Store {
    pub async fn sqlite() -> Self {
        let (home, url) = Home::sqlite();
        Self::on(home, url).await
    }

    /// Nothing where there is no PostgreSQL.
    pub async fn postgres() -> Option<Self> {
        let (home, url) = Home::postgres().await?;
        Some(Self::on(home, url).await)
    }

    async fn on(home: Home, url: DatabaseUrl) -> Self {
        let database = Database::open(&url).await.unwrap();
        database.migrate().await.unwrap();
        let clock = ManualClock::new(Timestamp::from_timestamp_micros(1_800_000_000_123_456).unwrap());
        let random = SeededRandom::new(1);
        let mut store = Self {
            database,
            ours: OrgId::new(&clock, &random),
            theirs: OrgId::new(&clock, &random),
            clock,
            random,
            url,
            home,
        };
        store.ours = store.new_org("ours").await;
        store.theirs = store.new_org("theirs").await;
        store
    }

    pub async fn new_org(&self, name: &str) -> OrgId {
        let org = Org { id: OrgId::new(&self.clock, &self.random), name: name.to_owned(), created_at: self.now() };
        let mut tx = self.database.begin().await.unwrap();
        tx.hub().insert_org(&org).await.unwrap();
        tx.commit().await.unwrap();
        org.id
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The time in so many milliseconds.
    pub fn later(&self, milliseconds: i64) -> Timestamp {
        self.now() + Duration::milliseconds(milliseconds)
    }

    pub fn tick(&self) {
        self.clock.advance(Duration::milliseconds(1));
    }

    pub fn journal(&self) -> Journal {
        Journal::start(self.database.clone())
    }

    pub fn run(&self, org: OrgId) -> Run {
        self.tick();
        Run {
            id: RunId::new(&self.clock, &self.random),
            org,
            plugin: plugin("openai"),
            version: "1.2.3".to_owned(),
            digest: Digest([7; 32]),
            kind: RunKind::Action,
            operation: "create-chat-completion".to_owned(),
            // of no row: a run is there before the one that called it
            parent: Some(RunId::new(&self.clock, &self.random)),
            error_code: None,
            error_detail: None,
            upstream_status: Some(200),
            figures: Figures {
                wall_us: 1,
                cpu_us: 2,
                peak_memory: 3,
                egress_sent: 4,
                egress_received: 5,
                host_calls: 6,
            },
            log: vec![LogLine {
                level: LogLevel::Warn,
                message: "slow \"vendor\" – 3 s".to_owned(),
                fields: vec![("try".to_owned(), "2".to_owned())],
            }],
            started_at: self.now(),
            finished_at: self.later(3),
        }
    }

    pub fn commit(&self, org: OrgId) -> RunCommit {
        RunCommit {
            run: self.run(org),
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

    pub fn usage(&self, run: &Run, meter: &str, quantity: u64, dedupe: Option<&str>) -> UsageRecord {
        UsageRecord {
            id: UsageId::new(&self.clock, &self.random),
            org: run.org,
            plugin: run.plugin.clone(),
            run: run.id,
            meter: meter.to_owned(),
            quantity,
            basis: Basis::Reported,
            dedupe: dedupe.map(str::to_owned),
            at: self.now(),
            counts: None,
        }
    }

    pub fn event(&self, org: OrgId, kind: &str, dedupe: Option<&str>) -> Event {
        Event {
            id: EventId::new(&self.clock, &self.random),
            org,
            source: Some(plugin("openai")),
            kind: kind.to_owned(),
            subject: "in_1".to_owned(),
            data: serde_json::json!({ "amount": 12.5, "big": 9_007_199_254_740_993_u64, "text": "a\u{0}b\"\\é" }),
            dedupe: dedupe.map(str::to_owned),
            run: None,
            at: self.now(),
            hops: 0,
        }
    }

    pub fn webhook(&self, org: OrgId, vendor_id: &str) -> Webhook {
        self.tick();
        Webhook {
            id: WebhookId::new(&self.clock, &self.random),
            org,
            installation: InstallationId(uuid::Uuid::from_u128(9)),
            plugin: plugin("stripe"),
            vendor_id: vendor_id.to_owned(),
            kind: "invoice.paid".to_owned(),
            occurred_at: Some(self.now()),
            method: "POST".to_owned(),
            url: "https://hub.example/hooks/x?y=1".to_owned(),
            headers: vec![("stripe-signature".to_owned(), "t=1,v1=\"é\"".to_owned())],
            body: br#"{"id":"evt_1"}"#.to_vec(),
            status: WebhookStatus::Pending,
            reason: None,
            attempts: 0,
            next_attempt_at: Some(self.now()),
            received_at: self.now(),
            replay: None,
        }
    }
}

pub fn plugin(id: &str) -> PluginId {
    id.parse().unwrap()
}

pub fn put(id: &str, data: serde_json::Value, expected: Option<u64>) -> RecordChange {
    RecordChange { collection: "calls".to_owned(), id: id.to_owned(), data: Some(data), expected }
}

pub fn delete(id: &str, expected: Option<u64>) -> RecordChange {
    RecordChange { collection: "calls".to_owned(), id: id.to_owned(), data: None, expected }
}
