//! `patchbay installation`, `connection`, `limits`, `webhook` and `sync`, as an operator's script uses them.

use std::{
    io::Write as _,
    process::{Command, Output, Stdio},
};

use chrono::TimeDelta;
use patchbay_model::{
    Clock as _, InstallationId, ManualClock, SystemClock, SystemRandom, WebhookId,
    object::StandardObject,
    sync::SyncSettings,
    webhook::{Webhook, WebhookStatus},
};
use patchbay_storage::{Database, DatabaseUrl};
use patchbay_tests::{Fixture, hub::program};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A folder with a configuration, a plugin and an organization.
struct Operator(TempDir);

impl Operator {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = "[data]\ndir = \"data\"\n[plugins]\ndir = \"plugins\"\nallow_unsigned = true\n";
        std::fs::write(folder.path().join("patchbay.toml"), text).unwrap();
        std::fs::create_dir(folder.path().join("plugins")).unwrap();
        std::fs::write(folder.path().join("plugins/echo.wasm"), Fixture::load("echo").pack()).unwrap();
        let operator = Self(folder);
        let _ = operator.succeeds(&["init", "--json"], "");
        operator
    }

    fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = Command::new(program());
        command.args(arguments).arg("--config").arg(self.0.path().join("patchbay.toml"));
        command.env_remove("DATABASE_URL").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // one that fails at once reads nothing
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    fn succeeds(&self, arguments: &[&str], input: &str) -> Value {
        let output = self.run(arguments, input);
        let (said, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{arguments:?}: {error}");
        assert!(!said.contains("sk-of-the-operator") && !error.contains("sk-of-the-operator"), "{said}{error}");
        serde_json::from_str(&said).unwrap_or_default()
    }

    fn fails(&self, arguments: &[&str], input: &str) -> String {
        let output = self.run(arguments, input);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    }
}

#[test]
fn a_plugin_is_switched_on_connected_pinned_and_switched_off_again() {
    let operator = Operator::new();
    let on = operator
        .succeeds(&["installation", "enable", "default", "echo", "--settings", "-", "--json"], r#"{"region":"eu"}"#);
    assert_eq!(
        (&on["enabled"], &on["version"], &on["config"]),
        (&json!(true), &json!("1.0.0"), &json!({"region": "eu"}))
    );
    let digest = on["digest"].as_str().unwrap();
    let pinned = operator.succeeds(&["installation", "pin", "default", "echo", digest, "--json"], "");
    assert_eq!((&pinned["policy"]["pin"], &pinned["config"]), (&json!(digest), &json!({"region": "eu"})));
    let tracks = operator.succeeds(&["installation", "pin", "default", "echo", "--track", "^1", "--json"], "");
    assert_eq!(tracks["policy"]["track"], "^1");
    let off = operator.succeeds(&["installation", "disable", "default", "echo", "--json"], "");
    assert_eq!((&off["enabled"], &off["config"]), (&json!(false), &json!({"region": "eu"})));
    assert_eq!(operator.succeeds(&["installation", "list", "default", "--json"], "")["plugin"], "echo");
    assert_eq!(operator.succeeds(&["installation", "show", "default", "echo", "--json"], "")["enabled"], false);

    let secret = r#"{"secret_key": "sk-of-the-operator"}"#;
    let connected = operator.succeeds(&["connection", "put", "default", "echo", "--account", "acme", "--json"], secret);
    assert_eq!((&connected["credentials"], &connected["account"]), (&json!(["secret_key"]), &json!("acme")));
    assert_eq!(operator.succeeds(&["connection", "list", "default", "--json"], "")["plugin"], "echo");
    assert_eq!(operator.succeeds(&["connection", "delete", "default", "echo", "--json"], "")["deleted"], true);
    assert_eq!(operator.succeeds(&["connection", "list", "default", "--json"], ""), Value::Null);
}

#[test]
fn what_is_wrong_is_said_with_a_fix_and_without_a_secret() {
    let operator = Operator::new();
    for (arguments, input, expected) in [
        (&["installation", "enable", "default", "nothing"][..], "", "there is no plugin `nothing`"),
        (&["installation", "show", "default", "echo"], "", "not installed"),
        (&["installation", "enable", "default", "echo", "--settings", "-"], r#"{"region": 7}"#, "/config/region"),
        (&["installation", "list", "nobody"], "", "there is no organization \"nobody\""),
        (&["connection", "put", "default", "echo"], "sk-of-the-operator", "line 1, column"),
        (&["connection", "put", "default", "echo"], r#"{"other": "sk-of-the-operator"}"#, "/credentials/other"),
        (&["connection", "delete", "default", "echo"], "", "there is no connection"),
    ] {
        let error = operator.fails(arguments, input);
        assert!(error.starts_with("error: ") && error.contains(expected), "{arguments:?}: {error}");
        assert!(!error.contains("sk-of-the-operator"), "{error}");
    }
}

#[test]
fn limits_of_an_organization_are_set_one_by_one() {
    let operator = Operator::new();
    let _ = operator.succeeds(&["limits", "set", "default", "--all", "5000/min", "--plugin", "echo=10/s"], "");
    let set = operator
        .succeeds(&["limits", "set", "default", "--each-key", "100/s", "--plugin", "echo=default", "--json"], "");
    assert_eq!(set["own"], json!({"org": "5000/min", "key": "100/s"}));
    assert_eq!(operator.succeeds(&["limits", "show", "default", "--json"], "")["configured"]["key"], "60000/min");
}

/// Two webhooks of the organization that were given up, as a hub of before has left them.
async fn given_up(operator: &Operator) -> Vec<WebhookId> {
    let url = DatabaseUrl::sqlite(operator.0.path().join("data/patchbay.db"));
    let database = Database::open(&url).await.unwrap();
    let mut tx = database.begin().await.unwrap();
    let org = tx.hub().orgs(None, 1).await.unwrap().remove(0).id;
    let (clock, mut ids) = (ManualClock::new(SystemClock.now()), vec![]);
    for index in 0..2 {
        // of one millisecond they would have no order
        clock.advance(TimeDelta::milliseconds(1));
        let id = WebhookId::new(&clock, &SystemRandom);
        let webhook = Webhook {
            id,
            org,
            installation: InstallationId::new(&SystemClock, &SystemRandom),
            plugin: "echo".parse().unwrap(),
            vendor_id: format!("evt_{index}"),
            kind: "ping".to_owned(),
            occurred_at: None,
            method: "POST".to_owned(),
            url: "https://hub.example/hooks/x".to_owned(),
            headers: vec![],
            body: b"{\"hello\":1}".to_vec(),
            status: WebhookStatus::Failed,
            reason: Some("plugin_trapped: unreachable".to_owned()),
            attempts: 8,
            next_attempt_at: None,
            received_at: SystemClock.now(),
            replay: None,
        };
        assert!(tx.org(org).webhooks().insert_if_new(&webhook).await.unwrap());
        ids.push(id);
    }
    tx.commit().await.unwrap();
    database.close().await;
    ids
}

#[tokio::test]
async fn webhooks_are_listed_shown_and_replayed() {
    let operator = Operator::new();
    let ids = given_up(&operator).await;
    let listed = operator.succeeds(&["webhook", "list", "default", "--status", "failed", "--limit", "1", "--json"], "");
    assert_eq!((&listed["id"], &listed["attempts"]), (&json!(ids[1]), &json!(8)));
    let first = ids[0].to_string();
    let shown = operator.succeeds(&["webhook", "show", "default", &first, "--json"], "");
    assert_eq!((&shown["reason"], shown.get("body")), (&json!("plugin_trapped: unreachable"), None));
    assert_eq!(operator.succeeds(&["webhook", "show", "default", &first, "--body"], ""), json!({"hello": 1}));
    let unknown = operator.fails(&["webhook", "replay", "default", &first, "--by", "7.7.7"], "");
    assert!(unknown.contains("not switched on"), "{unknown}");
    assert_eq!(operator.succeeds(&["webhook", "replay", "default", &first, "--json"], "")["replayed"], 1);
    let since = ["webhook", "replay", "default", "--since", "2026-01-01T00:00:00Z", "--json"];
    assert_eq!(operator.succeeds(&since, "")["replayed"], 1, "the other one");
    assert_eq!(operator.succeeds(&since, "")["replayed"], 0);
}

/// A sync of the organization that somebody has set up by the API.
async fn in_step(operator: &Operator) {
    let url = DatabaseUrl::sqlite(operator.0.path().join("data/patchbay.db"));
    let database = Database::open(&url).await.unwrap();
    let mut tx = database.begin().await.unwrap();
    let org = tx.hub().orgs(None, 1).await.unwrap().remove(0).id;
    let (plugin, settings) = ("echo".parse().unwrap(), SyncSettings::default());
    let mut ours = tx.org(org);
    let put = ours.syncs().put_settings(&plugin, StandardObject::Contact, &settings, None, SystemClock.now()).await;
    assert_eq!(put.unwrap(), Some(1));
    tx.commit().await.unwrap();
    database.close().await;
}

#[tokio::test]
async fn a_run_of_a_sync_is_asked_for_listed_and_cancelled() {
    let operator = Operator::new();
    let list = ["sync", "list", "default", "echo", "--json"];
    assert!(operator.fails(&list, "").contains("not installed"));
    let _ = operator.succeeds(&["installation", "enable", "default", "echo"], "");
    let unknown = operator.fails(&["sync", "run", "default", "echo", "contact"], "");
    assert!(unknown.contains("there is no such sync"), "{unknown}");
    in_step(&operator).await;
    let sync = operator.succeeds(&list, "");
    assert_eq!((&sync["object"], &sync["status"]), (&json!("contact"), &json!("idle")));
    let run = operator.succeeds(&["sync", "run", "default", "echo", "contact", "--full", "--json"], "");
    assert_eq!((&run["mode"], &run["trigger"], &run["status"]), (&json!("full"), &json!("manual"), &json!("queued")));
    assert_eq!(operator.succeeds(&list, "")["status"], "running");
    let id = run["id"].as_str().unwrap();
    assert_eq!(operator.succeeds(&["sync", "cancel", "default", id, "--json"], "")["status"], "cancelled");
    let again = operator.fails(&["sync", "cancel", "default", id], "");
    assert!(again.contains("has ended"), "{again}");
    let listed = operator.succeeds(&["sync", "runs", "default", "echo", "contact", "--limit", "1", "--json"], "");
    assert_eq!((&listed["id"], &listed["status"]), (&json!(id), &json!("cancelled")));
    let before = ["sync", "runs", "default", "echo", "contact", "--before", id, "--json"];
    assert_eq!(operator.succeeds(&before, ""), Value::Null);
}
