//! What a component does with events and with the steps of a job, straight through the runtime. What the hub makes of
//! them: `jobs.rs`.

use std::{path::Path, sync::Arc};

use bytes::Bytes;
use patchbay_egress::{Egress, EgressConfig, SystemLookup};
use patchbay_model::{InstallationId, OrgId, RunId, SystemClock, SystemRandom};
use patchbay_package::{OpenLimits, Trust};
use patchbay_runtime::{
    BlobStore, Compiler, EventCall, Invocation, Plugin, Runtime, RuntimeConfig, Services, StepOutcome, TaskCall,
    Tenant, TenantInit,
};
use patchbay_storage::{Database, DatabaseUrl};
use patchbay_tests::Fixture;
use patchbay_vault::ArtefactMac;
use serde_json::json;

struct Scene {
    plugin: Arc<Plugin>,
    tenant: Arc<Tenant>,
    _runtime: Runtime,
}

impl Scene {
    async fn start(folder: &Path) -> Self {
        let database = Database::open(&DatabaseUrl::sqlite(folder.join("hub.db"))).await.unwrap();
        database.migrate().await.unwrap();
        let services = Services {
            egress: Arc::new(Egress::new(EgressConfig::default(), Arc::new(SystemLookup)).unwrap()),
            database,
            blobs: BlobStore::new(folder.join("blobs")),
            mac: ArtefactMac::new([7; 32]),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
        };
        let runtime = Runtime::new(RuntimeConfig::new(Compiler::InProcess, folder.join("cache")), services).unwrap();
        let trust = Trust { allow_unsigned: true, publishers: Vec::new() };
        let bytes = Bytes::from(Fixture::load("echo").pack());
        let package = Arc::new(patchbay_package::open(bytes, &trust, &OpenLimits { max_bytes: 64 << 20 }).unwrap());
        let plugin = runtime.load(Arc::clone(&package)).await.unwrap();
        let init = TenantInit {
            org: OrgId::new(&SystemClock, &SystemRandom),
            installation: InstallationId::new(&SystemClock, &SystemRandom),
            config: "{}".to_owned(),
            credentials: None,
            connection: (None, None),
            account: None,
            webhook_url: String::new(),
            named_hosts: None,
        };
        let tenant = runtime.tenant(&package.manifest.id, 4, init);
        Self { plugin, tenant, _runtime: runtime }
    }

    fn call(&self) -> Invocation {
        let run = RunId::new(&SystemClock, &SystemRandom);
        Invocation {
            tenant: Arc::clone(&self.tenant),
            run,
            timeout: None,
            spending: None,
            entitlements: None,
            peers: None,
            once: None,
        }
    }

    async fn step(&self, cursor: Option<String>) -> StepOutcome {
        let task = TaskCall {
            job: "job_1".to_owned(),
            kind: "copy".to_owned(),
            payload: r#"{"page":1}"#.to_owned(),
            cursor,
            attempt: 1,
        };
        self.plugin.step(self.call(), task).await.result.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_takes_an_event_and_publishes_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::start(folder.path()).await;
    let event = EventCall {
        id: "evt_1".to_owned(),
        kind: "contact.created".to_owned(),
        subject: "contact_1".to_owned(),
        source: "hubspot".to_owned(),
        time: 1_700_000_000_000,
        data: r#"{"name":"Ada"}"#.to_owned(),
    };
    let finished = scene.plugin.on_event(scene.call(), event).await;
    finished.result.unwrap();
    let published = &finished.effects.events;
    assert_eq!(published.len(), 1);
    assert_eq!((published[0].kind.as_str(), published[0].subject.as_str()), ("echo.heard", "evt_1"));
    assert_eq!(published[0].data, json!({ "name": "Ada" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_does_a_job_in_steps() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::start(folder.path()).await;
    let StepOutcome::Again(cursor, progress) = scene.step(None).await else { panic!("a second step is expected") };
    assert_eq!(progress, Some(500));
    assert_eq!(scene.step(Some(cursor)).await, StepOutcome::Done(Some(r#"{"page":1}"#.to_owned())));
}
