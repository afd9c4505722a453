//! Exports of an organization's rows: what is in the files is what the API lists, they end where they should, and neither a
//! crash nor a stranger gets into them.

mod resumed;

use std::{sync::Arc, time::Duration};

use patchbay_hub::PlanSettings;
use patchbay_model::{Clock as _, ManualClock, SystemClock, org::Scope};
use patchbay_tests::{Fixture, Org, Reply, TestHub};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::process::Command;

use crate::sdk::{have, run};

const SOON: Duration = Duration::from_secs(60);

struct Scene {
    hub: TestHub,
    org: Org,
    clock: Arc<ManualClock>,
}

impl Scene {
    /// An org that has some of everything.
    async fn start() -> Self {
        let clock = Arc::new(ManualClock::new(SystemClock.now()));
        let hub = TestHub::setup().clock(clock.clone()).start().await;
        let org = hub.org("acme").await;
        for plugin in ["scribe", "echo"] {
            let _ = org.upload(Fixture::load(plugin).pack()).await.expect(201);
            let _ = org.install(plugin, json!({})).await.expect(200);
        }
        let scene = Self { hub, org, clock };
        for number in 0..3 {
            scene.clock.advance(chrono::Duration::seconds(1));
            let _ = scene.org.act("echo", "run", &json!({"text": format!("call {number}")})).await.expect(200);
            scene.put("call", &format!("scribe:{number}"), call(&format!("=1+{number}"))).await;
            scene.put("seen", &format!("seen-{number}"), json!({"text": "+1, \"quoted\"\nand more"})).await;
        }
        scene.deliver().await;
        scene
    }

    /// A delivery that waits: its endpoint is switched off, so that nothing moves meanwhile.
    async fn deliver(&self) {
        let new = json!({"url": "https://1.1.1.1/", "enabled": true});
        let made = self.org.call("POST", "/v1/endpoints").json(&new).send().await.expect(201).json();
        let endpoint = format!("/v1/endpoints/{}", made["endpoint"]["id"].as_str().unwrap());
        let _ = self.org.call("POST", &format!("{endpoint}/test")).send().await.expect(202);
        self.hub.hub.process_due_deliveries().await.unwrap();
        let _ = self.org.call("PATCH", &endpoint).json(&json!({"enabled": false})).send().await.expect(200);
    }

    async fn put(&self, object: &str, id: &str, data: Value) {
        let input = json!({"op": "put", "object": object, "id": id, "data": data});
        let _ = self.org.act("scribe", "run", &input).await.expect(200);
    }

    async fn ask(&self, body: Value) -> String {
        ask(&self.org, body).await
    }

    async fn done(&self, id: &str) -> Value {
        done(&self.org, id, SOON).await
    }

    /// The file of what was asked for.
    async fn file(&self, body: Value) -> String {
        let id = self.ask(body).await;
        let export = self.done(&id).await;
        download(&self.org, &export).await.expect(200).text()
    }

    async fn lines(&self, mut body: Value) -> Vec<Value> {
        body["format"] = json!("jsonl");
        lines(&self.file(body).await)
    }

    async fn rows(&self, mut body: Value) -> (Vec<String>, Vec<Vec<String>>) {
        body["format"] = json!("csv");
        table(&self.file(body).await)
    }

    async fn listed(&self, path: &str, pointer: &str) -> Vec<Value> {
        let list = self.org.get(path).await.expect(200).json();
        list.pointer(pointer).unwrap().as_array().unwrap().clone()
    }
}

fn call(summary: &str) -> Value {
    json!({"direction": "inbound", "status": "completed", "from": "+15550100", "summary": summary})
}

async fn ask(org: &Org, body: Value) -> String {
    let reply = org.call("POST", "/v1/exports").json(&body).send().await.expect(202);
    let id = reply.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(reply.header("location"), Some(format!("/v1/exports/{id}").as_str()));
    id
}

async fn look(org: &Org, id: &str) -> Value {
    org.get(&format!("/v1/exports/{id}")).await.expect(200).json()
}

async fn done(org: &Org, id: &str, within: Duration) -> Value {
    let is_done = || async {
        let export = look(org, id).await;
        assert_ne!(export["status"], "failed", "{export}");
        (export["status"] == "done").then_some(export)
    };
    org.wait_for(within, is_done).await
}

/// What the link of an export leads to, without a key.
async fn download(org: &Org, export: &Value) -> Reply {
    let url = export["download"]["url"].as_str().unwrap();
    let path = url.find("/downloads/").map(|at| &url[at..]).unwrap();
    org.without_key("GET", path).send().await
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn table(text: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let names = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let rows = reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
    (names, rows)
}

fn ids(documents: &[Value]) -> Vec<&str> {
    documents.iter().map(|document| document["id"].as_str().unwrap()).collect()
}

pub async fn each_kind_comes_in_both_formats_and_is_what_the_api_lists() {
    let scene = Scene::start().await;
    for (what, path, pointer, newest_first) in [
        (json!({"what": "runs"}), "/v1/runs?limit=200", "/items", true),
        (json!({"what": "runs", "plugin": "echo"}), "/v1/runs?limit=200&plugin=echo", "/items", true),
        (json!({"what": "events"}), "/v1/events?limit=200", "/items", false),
        (json!({"what": "events", "types": ["call.*"]}), "/v1/events?limit=200&type=call.*", "/items", false),
        (json!({"what": "deliveries"}), "/v1/deliveries?limit=200", "/items", true),
        (json!({"what": "usage"}), "/v1/usage?limit=200", "/records/items", true),
        (json!({"what": "audit"}), "/v1/audit?limit=200", "/items", true),
        (json!({"what": "records", "object": "call"}), "/v1/records/call?limit=200", "/items", false),
    ] {
        let exported = scene.lines(what.clone()).await;
        assert!(!exported.is_empty(), "{what}");
        let mut listed = scene.listed(path, pointer).await;
        if newest_first {
            listed.reverse();
        }
        // an export leaves entries and events of its own, behind what it has itself
        assert_eq!(exported, listed[..exported.len()], "{what}");
        let (names, rows) = scene.rows(what.clone()).await;
        let column = names.iter().position(|name| name == "id").unwrap();
        let known = ids(&exported);
        assert_eq!(rows.iter().map(|row| row[column].as_str()).collect::<Vec<_>>()[..known.len()], known, "{what}");
    }
    let seen = json!({"what": "records", "plugin": "scribe", "collection": "seen"});
    let documents = scene.lines(seen.clone()).await;
    let of_ours: Vec<_> = documents.iter().filter(|one| one["id"].as_str().unwrap().starts_with("seen-")).collect();
    assert_eq!(of_ours.len(), 3);
    assert_eq!(of_ours[0]["data"]["text"], "+1, \"quoted\"\nand more");
    assert_eq!(scene.rows(seen).await.0, ["id", "version", "updated_at", "data"]);
}

pub async fn an_export_takes_what_lies_between_two_times() {
    let scene = Scene::start().await;
    let mut runs = scene.listed("/v1/runs?limit=200&plugin=echo", "/items").await;
    runs.reverse();
    let at = |index: usize| runs[index]["started_at"].clone();
    let between = json!({"what": "runs", "plugin": "echo", "from": at(1), "to": at(2)});
    assert_eq!(scene.lines(between).await, runs[1..2]);
    let later = scene.clock.now() + chrono::Duration::hours(1);
    assert_eq!(scene.file(json!({"what": "runs", "format": "jsonl", "from": later})).await, "");
}

pub async fn a_spreadsheet_runs_nothing_of_what_others_wrote() {
    let scene = Scene::start().await;
    let text = scene.file(json!({"what": "records", "object": "call", "format": "csv"})).await;
    let (names, rows) = table(&text);
    let column = |name: &str| names.iter().position(|one| one == name).unwrap();
    for (number, row) in rows.iter().enumerate() {
        assert_eq!(row[column("data.summary")], format!("'=1+{number}"));
        assert_eq!(row[column("data.from")], "'+15550100");
        assert_eq!(row[column("version")], "1");
    }
    if !have("python3").await {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("calls.csv");
    std::fs::write(&file, &text).unwrap();
    let script =
        "import csv, json, sys\nprint(json.dumps(list(csv.reader(open(sys.argv[1], newline='', encoding='utf-8')))))";
    let read = run(Command::new("python3").args(["-c", script]).arg(&file)).await.unwrap();
    let read: Vec<Vec<String>> = serde_json::from_str(&read).unwrap();
    assert_eq!(read[0], names);
    assert_eq!(read[1..], rows);
}

pub async fn a_plan_ends_an_export_and_the_export_says_so() {
    let hub = TestHub::setup()
        .edit(|config| {
            let small = json!({"rank": 1, "max_export_rows": 2, "limits": {"export_rows": 3}});
            let small: PlanSettings = serde_json::from_value(small).unwrap();
            let plans = [("small".to_owned(), small)].into_iter().collect();
            let billing = serde_json::from_value(json!({"default_plan": "small"})).unwrap();
            config.plans = patchbay_hub::Plans::new(&billing, &plans, &Default::default()).unwrap();
        })
        .start()
        .await;
    let org = hub.org("acme").await;
    let ask = |body: Value| ask(&org, body);
    // making the key and asking are in the audit log already
    let first = ask(json!({"what": "audit", "format": "jsonl"})).await;
    let first = done(&org, &first, SOON).await;
    let rows = first["rows"].as_u64().unwrap();
    assert!(rows <= 2, "{first}");
    for _ in 0..3 {
        let _ = org.call("PUT", "/v1/rate-limits").json(&json!({"endpoints": {"read": "1000/h"}})).send().await;
    }
    let reply = org.call("POST", "/v1/exports").json(&json!({"what": "audit", "format": "jsonl"})).send().await;
    let second = done(&org, reply.expect(202).json()["id"].as_str().unwrap(), SOON).await;
    assert_eq!((&second["cut_off"], second["rows"].as_u64()), (&json!(true), Some((3 - rows).min(2))));
    let usage = org.get("/v1/usage").await.expect(200).json();
    let metrics = usage["summary"]["metrics"].as_array().unwrap().clone();
    let exported = metrics.iter().find(|metric| metric["metric"] == "export_rows").unwrap();
    assert_eq!(exported["used"].as_u64(), Some(rows + (3 - rows).min(2)));
    if rows + (3 - rows).min(2) == 3 {
        let refused = org.call("POST", "/v1/exports").json(&json!({"what": "audit", "format": "csv"})).send().await;
        refused.expect_problem("plan_limit_reached");
    }
}

pub async fn a_link_ends_after_an_hour_and_a_file_after_a_day() {
    let scene = Scene::start().await;
    let id = scene.ask(json!({"what": "runs", "format": "csv"})).await;
    let export = scene.done(&id).await;
    let file = download(&scene.org, &export).await.expect(200);
    assert_eq!(file.header("content-type"), Some("text/csv; charset=utf-8; header=present"));
    assert_eq!(file.header("cache-control"), Some("private, no-store"));
    let name = file.header("content-disposition").unwrap();
    assert!(name.starts_with("attachment; filename=\"runs-") && name.ends_with(&format!("-{id}.csv\"")), "{name}");
    assert_eq!(file.body.len() as u64, export["size"].as_u64().unwrap());
    assert_eq!(hex::encode(Sha256::digest(&file.body)), export["sha256"]);

    scene.clock.advance(chrono::Duration::minutes(59));
    let _ = download(&scene.org, &export).await.expect(200);
    scene.clock.advance(chrono::Duration::minutes(1));
    download(&scene.org, &export).await.expect_problem("not_found");
    let again = look(&scene.org, &id).await;
    let _ = download(&scene.org, &again).await.expect(200);
    let mut changed = again.clone();
    let url = again["download"]["url"].as_str().unwrap();
    changed["download"]["url"] = json!(format!("{}A", &url[..url.len() - 1]));
    if changed != again {
        download(&scene.org, &changed).await.expect_problem("not_found");
    }

    scene.clock.advance(chrono::Duration::hours(22) + chrono::Duration::minutes(30));
    let last = look(&scene.org, &id).await;
    assert_eq!(last["download"]["expires_at"].as_str().unwrap()[..19], last["expires_at"].as_str().unwrap()[..19]);
    scene.clock.advance(chrono::Duration::minutes(30));
    download(&scene.org, &last).await.expect_problem("not_found");
    assert_eq!(look(&scene.org, &id).await["download"], Value::Null);
}

pub async fn an_export_that_was_deleted_is_gone_with_its_file() {
    let scene = Scene::start().await;
    let id = scene.ask(json!({"what": "runs", "format": "csv"})).await;
    let export = scene.done(&id).await;
    let folder = scene.hub.data_dir().join("blobs").join(scene.org.id.to_string()).join("exports");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
    let path = format!("/v1/exports/{id}");
    let reader = scene.org.with_key(&scene.org.new_key(&scene.hub, &[Scope::Read], None).await);
    reader.call("DELETE", &path).send().await.expect_problem("scope_missing");
    let _ = scene.org.call("DELETE", &path).send().await.expect(204);
    scene.org.get(&path).await.expect_problem("not_found");
    download(&scene.org, &export).await.expect_problem("not_found");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    let actions: Vec<_> = scene.listed("/v1/audit?limit=200&action=export", "/items").await;
    let actions: Vec<_> = actions.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["export.delete", "export.create"]);
}

pub async fn a_repeat_with_its_key_gets_the_same_export() {
    let scene = Scene::start().await;
    let body = json!({"what": "runs", "format": "csv"});
    let ask =
        |body: Value| scene.org.call("POST", "/v1/exports").header("idempotency-key", "export-1").json(&body).send();
    let first = ask(body.clone()).await.expect(202);
    let again = ask(body).await.expect(202);
    assert_eq!(first.json()["id"], again.json()["id"]);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    ask(json!({"what": "usage", "format": "csv"})).await.expect_problem("idempotency_key_reused");
    assert_eq!(scene.listed("/v1/exports", "/items").await.len(), 1);
}

pub async fn another_orgs_export_is_not_found() {
    let scene = Scene::start().await;
    let id = scene.ask(json!({"what": "runs", "format": "csv"})).await;
    let export = scene.done(&id).await;
    let other = scene.hub.org("other").await;
    let path = format!("/v1/exports/{id}");
    other.get(&path).await.expect_problem("not_found");
    other.call("DELETE", &path).send().await.expect_problem("not_found");
    assert_eq!(other.get("/v1/exports").await.expect(200).json()["items"], json!([]));
    let url = export["download"]["url"].as_str().unwrap();
    let theirs = url.replace(&scene.org.id.to_string(), &other.id.to_string());
    download(&other, &json!({"download": {"url": theirs}})).await.expect_problem("not_found");
}

pub async fn it_is_told_when_a_file_is_there() {
    let scene = Scene::start().await;
    let id = scene.ask(json!({"what": "runs", "format": "csv"})).await;
    let export = scene.done(&id).await;
    let told = scene.listed("/v1/events?limit=200&type=export.*", "/items").await;
    assert_eq!(told.len(), 1);
    assert_eq!((told[0]["type"].as_str(), told[0]["subject"].as_str()), (Some("export.completed"), Some(id.as_str())));
    assert_eq!((&told[0]["data"]["rows"], &told[0]["data"]["size"]), (&export["rows"], &export["size"]));
}
