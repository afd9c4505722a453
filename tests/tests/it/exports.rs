//! What a component does with events, with the steps of a job and with other plugins, straight through the runtime. What the hub
//! makes of them: `jobs.rs`, `peers.rs`.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use bytes::Bytes;
use patchbay_egress::{Egress, EgressConfig, SystemLookup};
use patchbay_model::{InstallationId, OrgId, RunId, SystemClock, SystemRandom};
use patchbay_package::{OpenLimits, Trust};
use patchbay_runtime::{
    ActionCall, ActionOutput, BlobStore, Compiler, EventCall, Invocation, PeerAnswer, PeerCall, Peers, Plugin, Reach,
    Runtime, RuntimeConfig, Services, StepOutcome, TaskCall, Tenant, TenantInit,
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
        Self::of("echo", folder).await
    }

    async fn of(guest: &str, folder: &Path) -> Self {
        let database = Database::open(&DatabaseUrl::sqlite(folder.join("hub.db"))).await.unwrap();
        database.migrate().await.unwrap();
        let services = Services {
            egress: Arc::new(Egress::new(EgressConfig::default(), Arc::new(SystemLookup)).unwrap()),
            database,
            kept: Arc::default(),
            blobs: BlobStore::new(folder.join("blobs")),
            mac: ArtefactMac::new([7; 32]),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
        };
        let runtime = Runtime::new(RuntimeConfig::new(Compiler::InProcess, folder.join("cache")), services).unwrap();
        let trust = Trust { allow_unsigned: true, publishers: Vec::new() };
        let bytes = Bytes::from(Fixture::load(guest).pack());
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
            reach: Reach::Full,
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

/// Stands in for the hub.
#[derive(Debug, Default)]
struct Scripted(Mutex<Vec<PeerCall>>);

impl Peers for Scripted {
    fn call(&self, call: PeerCall) -> PeerAnswer<'_> {
        self.0.lock().unwrap().push(call);
        Box::pin(std::future::ready(Ok(r#"{"result":"scripted"}"#.to_owned())))
    }
}

/// What a component says that was told this.
async fn told(scene: &Scene, text: &str, peers: Option<Arc<dyn Peers>>) -> String {
    let input = json!({ "text": text }).to_string();
    let action = ActionCall { action: "run".to_owned(), input, attachment: None, idempotency_key: None };
    let output = scene.plugin.invoke(Invocation { peers, ..scene.call() }, action).await.result.unwrap();
    let ActionOutput::Json(output) = output else { panic!("JSON is expected") };
    let output: serde_json::Value = serde_json::from_str(&output).unwrap();
    output["result"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_calls_the_actions_that_its_manifest_names() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::of("caller", folder.path()).await;
    let scripted = Arc::new(Scripted::default());
    let peers = || Some(Arc::clone(&scripted) as Arc<dyn Peers>);
    assert_eq!(told(&scene, "via callee say hello", peers()).await, "scripted");
    for denied in ["via other say hello", "raw callee publish {}", "raw not/an/id run {}"] {
        let said = told(&scene, denied, peers()).await;
        assert!(said.starts_with("denied: the action") && said.contains("add [[calls]] plugin = "), "{said}");
    }
    assert!(told(&scene, "raw callee run nonsense", peers()).await.starts_with("invalid:  is to be JSON"));
    let calls = scripted.0.lock().unwrap();
    let [call] = &calls[..] else { panic!("one call is expected: {calls:?}") };
    assert_eq!((call.plugin.as_str(), call.action.as_str()), ("callee", "run"));
    assert_eq!(call.input, r#"{"text":"say hello"}"#);
    assert!(call.deadline <= Instant::now() + Duration::from_secs(10), "that of the call itself");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_may_not_call_others_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::of("caller", folder.path()).await;
    let said = told(&scene, "via callee say hello", None).await;
    assert!(said.starts_with("denied: other plugins are not called while settings are checked"), "{said}");
}
