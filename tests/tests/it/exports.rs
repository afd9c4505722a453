//! What a component does with events, with the steps of a job, with other plugins and with syncs, straight through the runtime. What
//! the hub makes of them: `jobs.rs`, `peers.rs`.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use bytes::Bytes;
use patchbay_egress::{Egress, EgressConfig, SystemLookup};
use patchbay_model::{Code, InstallationId, OrgId, RunId, SystemClock, SystemRandom, object::StandardObject};
use patchbay_package::{OpenLimits, Trust};
use patchbay_runtime::{
    ActionCall, ActionOutput, BlobStore, Compiler, EventCall, Invocation, LoadError, PeerAnswer, PeerCall, Peers,
    Plugin, Reach, Runtime, RuntimeConfig, Services, StepOutcome, SyncChange, SyncFieldKind, SyncPull, SyncScope,
    SyncWrite, SyncWritten, TaskCall, Tenant, TenantInit,
};
use patchbay_storage::{Database, DatabaseUrl};
use patchbay_tests::Fixture;
use patchbay_vault::ArtefactMac;
use serde_json::{Value, json};

struct Scene {
    plugin: Arc<Plugin>,
    tenant: Arc<Tenant>,
    _runtime: Runtime,
}

/// A runtime, and what it makes of a package.
async fn load(fixture: &Fixture, folder: &Path) -> (Runtime, Result<Arc<Plugin>, LoadError>) {
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
    let bytes = Bytes::from(fixture.pack());
    let package = Arc::new(patchbay_package::open(bytes, &trust, &OpenLimits { max_bytes: 64 << 20 }).unwrap());
    let plugin = runtime.load(package).await;
    (runtime, plugin)
}

impl Scene {
    async fn start(folder: &Path) -> Self {
        Self::of("echo", folder).await
    }

    async fn of(guest: &str, folder: &Path) -> Self {
        let (runtime, plugin) = load(&Fixture::load(guest), folder).await;
        let plugin = plugin.unwrap();
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
        let tenant = runtime.tenant(&plugin.manifest().id, 4, init);
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

fn pull(fields: &[&str], scope: SyncScope, cursor: Option<Value>) -> SyncPull {
    let fields = fields.iter().map(|field| (*field).to_owned()).collect();
    SyncPull { resource: "contacts".to_owned(), fields, scope, cursor, state: Some(json!({"kept": true})), limit: 1 }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_reads_its_vendor_page_by_page() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::of("syncer", folder.path()).await;
    let finished = scene.plugin.pull(scene.call(), pull(&["email", "stage"], SyncScope::Since(5), None)).await;
    let first = finished.result.unwrap();
    let [SyncChange::Found(item)] = &first.changes[..] else { panic!("one item is expected: {first:?}") };
    assert_eq!(item.url.as_deref(), Some("https://crm.example.com/contacts/7"));
    let asked = json!({"scope": "since 5", "fields": "email,stage", "cursor": "none", "state": "{\"kept\":true}"});
    assert_eq!(Value::Object(item.fields.clone()), asked);
    assert_eq!((first.state, first.total, first.pause_ms), (Some(json!([1, 2])), Some(2), Some(20)));
    assert_eq!(finished.effects.sync_hints, [(StandardObject::Contact, "pulled".to_owned())]);
    let scope = SyncScope::Matching { field: "email".to_owned(), values: vec!["a".to_owned(), "b".to_owned()] };
    let last = scene.plugin.pull(scene.call(), pull(&["email"], scope, first.next)).await.result.unwrap();
    let [SyncChange::Found(item)] = &last.changes[..] else { panic!("one item is expected: {last:?}") };
    assert_eq!(
        (item.fields["scope"].as_str(), item.fields["cursor"].as_str()),
        (Some("email in a,b"), Some("{\"after\":7}"))
    );
    assert_eq!((last.next, last.mark), (None, Some(1_700_000_000_000)));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_page_that_is_more_than_was_asked_for_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::of("syncer", folder.path()).await;
    let finished = scene.plugin.pull(scene.call(), pull(&["flood"], SyncScope::All, None)).await;
    let failure = finished.result.unwrap_err();
    assert_eq!(failure.code, Code::PluginError);
    assert!(failure.detail.ends_with("\"/changes\": expected at most 1 items"), "{failure}");
    assert!(finished.effects.sync_hints.is_empty());
    assert!(finished.figures.host_calls > 0, "what it cost is known all the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_writes_at_its_vendor_and_answers_for_each_record() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::of("syncer", folder.path()).await;
    let write = |id: Option<&str>, delete: bool| SyncWrite {
        key: "k1".to_owned(),
        record: "demo:1".to_owned(),
        id: id.map(str::to_owned),
        fields: json!({"email": null}).as_object().cloned().unwrap(),
        delete,
        data: json!({}),
        references: std::collections::BTreeMap::new(),
    };
    let all = || vec![write(Some("7"), false), write(Some("8"), true), write(None, false)];
    let pushed = scene.plugin.push(scene.call(), "contacts", all()).await.result.unwrap();
    let done = SyncWritten::Done { id: "7".to_owned(), modified_at: None, created: false, url: None };
    let message = "k1 demo:1 {\"email\":null}".to_owned();
    let refused = SyncWritten::Refused { message, field: Some("email".to_owned()) };
    assert_eq!(pushed.written, [done, SyncWritten::Gone, refused]);
    let short = scene.plugin.push(scene.call(), "short", all()).await.result.unwrap_err();
    assert_eq!(short.code, Code::PluginError);
    assert!(short.detail.ends_with("expected 3, one for each of the writes"), "{short}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_says_which_fields_its_vendor_has() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::of("syncer", folder.path()).await;
    let fields = scene.plugin.describe(scene.call(), "contacts").await.result.unwrap();
    assert_eq!(fields.iter().map(|field| field.name.as_str()).collect::<Vec<_>>(), ["email", "created", "stage"]);
    assert_eq!((fields[1].kind, fields[1].writable), (SyncFieldKind::Time, false));
    assert_eq!((fields[2].title.as_str(), fields[2].choices.len()), ("stage of contacts", 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_says_what_has_changed_where_it_has_a_sync() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::of("syncer", folder.path()).await;
    let say = async |text: String| {
        let input = json!({ "text": text }).to_string();
        let action = ActionCall { action: "run".to_owned(), input, attachment: None, idempotency_key: None };
        scene.plugin.invoke(scene.call(), action).await
    };
    let said = say("contact 2 1 2".to_owned()).await;
    said.result.unwrap();
    let ids: Vec<_> = said.effects.sync_hints.iter().map(|(object, id)| (object.as_str(), id.as_str())).collect();
    assert_eq!(ids, [("contact", "1"), ("contact", "2")]);
    let failed = say("fail contact 3".to_owned()).await;
    assert!(failed.result.is_err() && failed.effects.sync_hints.is_empty());
    for object in ["deal", "company", "nonsense"] {
        let denied = say(format!("{object} 1")).await.result.unwrap_err();
        assert_eq!(denied.code, Code::PluginDenied);
        assert!(denied.detail.ends_with(&format!("add [[syncs]] object = {object:?}")), "{denied}");
    }
    let invalid = say(format!("contact {}", "x".repeat(257))).await.result.unwrap_err();
    assert_eq!(invalid.code, Code::PluginError);
    let ids = |count: u32| (0..count).fold("contact".to_owned(), |text, number| format!("{text} {number}"));
    assert_eq!(say(ids(1_000)).await.effects.sync_hints.len(), 1_000);
    assert_eq!(say(ids(1_001)).await.result.unwrap_err().code, Code::PluginBudgetExhausted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_of_the_first_contract_is_served_and_has_no_syncs() {
    let folder = tempfile::tempdir().unwrap();
    let syncs = Fixture::load("syncer").manifest;
    let older = Fixture::load("bulk-fill");
    load(&older, folder.path()).await.1.unwrap();
    let claims = older.edit(|manifest| (manifest.objects, manifest.syncs) = (syncs.objects, syncs.syncs));
    let refused = load(&claims, folder.path()).await.1.unwrap_err();
    assert_eq!(refused.code(), Code::PackageUnlinkable);
    assert!(refused.to_string().contains("patchbay:connector/syncs@1.1.0"), "{refused}");
}
