//! Standard objects: what one plugin writes, all that may read, and everybody is told.

use patchbay_model::object::Access;
use patchbay_tests::{Fixture, Org, Reply, TestHub};
use serde_json::{Value, json};

/// An org with two plugins that write calls, and one that only reads them.
struct Scene {
    hub: TestHub,
    org: Org,
}

impl Scene {
    async fn start() -> Self {
        let hub = TestHub::start().await;
        let org = hub.org("acme").await;
        let scene = Self { hub, org };
        for (id, access) in [("scribe", Access::Write), ("vapi", Access::Write), ("hubspot", Access::Read)] {
            let guest = Fixture::load("scribe").id(id).edit(|manifest| {
                manifest.objects.insert(patchbay_model::object::StandardObject::Call, access);
                manifest.events.emits.iter_mut().for_each(|event| event.kind = event.kind.replace("scribe", id));
            });
            let _ = scene.org.upload(guest.pack()).await.expect(201);
            let _ = scene.org.install(id, json!({})).await.expect(200);
        }
        scene
    }

    async fn act(&self, plugin: &str, op: &str, object: &str, id: &str, data: Value) -> Reply {
        self.org.act(plugin, "run", &json!({"op": op, "object": object, "id": id, "data": data})).await
    }

    async fn put(&self, plugin: &str, id: &str, data: Value) {
        let _ = self.act(plugin, "put", "call", id, data).await.expect(200);
    }

    async fn result(&self, plugin: &str, op: &str, object: &str, id: &str, data: Value) -> String {
        let reply = self.act(plugin, op, object, id, data).await.expect(200).json();
        reply["output"]["result"].as_str().unwrap().to_owned()
    }

    async fn ids(&self, query: &str) -> Vec<String> {
        let page = self.org.get(&format!("/v1/records/call{query}")).await.expect(200).json();
        page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    }

    async fn events(&self) -> Vec<Value> {
        self.org.get("/v1/events?type=call.*&limit=200").await.expect(200).json()["items"].as_array().unwrap().clone()
    }
}

fn call(status: &str) -> Value {
    json!({"direction": "inbound", "status": status, "from": "+15550100", "external_ids": {"telnyx": "7"}})
}

pub async fn what_one_plugin_writes_another_one_reads_and_changes() {
    let scene = Scene::start().await;
    scene.put("scribe", "scribe:7", call("ringing")).await;
    let read = scene.result("hubspot", "get", "call", "scribe:7", json!({})).await;
    assert_eq!(serde_json::from_str::<Value>(&read).unwrap(), call("ringing"));
    assert_eq!(scene.result("hubspot", "query", "call", "", json!({"external_ids.telnyx": "7"})).await, "scribe:7");
    let mut changed = call("completed");
    changed["summary"] = json!("a booking");
    scene.put("vapi", "scribe:7", changed.clone()).await;

    let record = scene.org.get("/v1/records/call/scribe:7").await.expect(200).json();
    assert_eq!((&record["data"], &record["version"]), (&changed, &json!(2)));
    assert_eq!((&record["created"]["plugin"], &record["updated"]["plugin"]), (&json!("scribe"), &json!("vapi")));
    let by = |field: &str| record["fields"][field]["plugin"].clone();
    assert_eq!((by("status"), by("summary"), by("from")), (json!("vapi"), json!("vapi"), json!("scribe")));
    let run = record["updated"]["run"].as_str().unwrap();
    assert_eq!(scene.org.get(&format!("/v1/runs/{run}")).await.expect(200).json()["plugin"], "vapi");
}

pub async fn a_plugin_does_what_its_manifest_asks_for_and_is_told_the_line_that_is_missing() {
    let scene = Scene::start().await;
    scene.put("scribe", "scribe:7", call("ringing")).await;
    for (plugin, op, object, line) in [
        ("hubspot", "put", "call", "[objects] call = \\\"write\\\""),
        ("hubspot", "delete", "call", "[objects] call = \\\"write\\\""),
        ("scribe", "put", "company", "[objects] company = \\\"write\\\""),
        ("scribe", "get", "deal", "[objects] deal = \\\"read\\\""),
        ("scribe", "query", "invoice", "[objects] invoice = \\\"read\\\""),
    ] {
        let refused = scene.act(plugin, op, object, "scribe:7", call("failed")).await;
        assert_eq!(refused.code(), "plugin_denied", "{plugin} {op} {object}: {}", refused.text());
        assert!(refused.text().contains(line), "{plugin} {op} {object}: {}", refused.text());
    }
    let taken = scene.act("vapi", "make", "call", "scribe:8", call("ringing")).await;
    assert!(taken.text().contains("vapi:"), "nobody makes a record in another's name: {}", taken.text());
    let off =
        scene.act("scribe", "put", "call", "scribe:9", json!({"direction": "sideways", "status": "ringing"})).await;
    assert!(off.text().contains("inbound"), "the hub's schema holds: {}", off.text());
    assert_eq!(scene.ids("").await, ["scribe:7"]);
}

pub async fn what_came_of_a_record_is_told_and_by_whom() {
    let scene = Scene::start().await;
    scene.put("scribe", "scribe:7", call("ringing")).await;
    scene.put("scribe", "scribe:7", call("ringing")).await;
    scene.put("vapi", "scribe:7", call("completed")).await;
    let _ = scene.act("scribe", "delete", "call", "scribe:7", json!({})).await.expect(200);
    let events = scene.events().await;
    let told: Vec<_> = events
        .iter()
        .map(|event| {
            (event["type"].as_str().unwrap(), event["source"].as_str().unwrap(), event["data"]["changed"].clone())
        })
        .collect();
    let all = json!(["direction", "external_ids", "from", "status"]);
    assert_eq!(
        told,
        [
            ("call.created", "/plugins/scribe", all),
            ("call.updated", "/plugins/vapi", json!(["status"])),
            ("call.deleted", "/plugins/scribe", json!([])),
        ]
    );
    assert!(events.iter().all(|event| event["subject"] == "scribe:7"), "{events:?}");
    assert_eq!(events[1]["data"]["record"], call("completed"));
    let types = scene.org.get("/v1/event-types").await.expect(200).json();
    for event in events {
        let of = types["items"].as_array().unwrap().iter().find(|of| of["type"] == event["type"]).unwrap();
        let schema = jsonschema::validator_for(&of["schema"]).unwrap();
        assert!(schema.is_valid(&event["data"]), "{event}");
    }
}

pub async fn a_run_that_fails_leaves_neither_its_records_nor_its_events() {
    let scene = Scene::start().await;
    scene.act("scribe", "fail", "call", "scribe:7", call("ringing")).await.expect_problem("upstream_unavailable");
    assert_eq!(scene.ids("").await, Vec::<String>::new());
    let all = scene.org.get("/v1/events").await.expect(200).json();
    assert_eq!(all["items"], json!([]));
}

pub async fn records_are_found_by_fields_and_by_filters() {
    let scene = Scene::start().await;
    for (id, from, seconds) in [("a", "+15550100", 10), ("b", "+15550199", 61), ("c", "+15550100", 300)] {
        let data = json!({
            "direction": "inbound", "status": "completed", "from": from, "duration_s": seconds, "external_ids": {"telnyx": id},
        });
        scene.put("scribe", &format!("scribe:{id}"), data).await;
    }
    assert_eq!(scene.ids("").await, ["scribe:a", "scribe:b", "scribe:c"]);
    assert_eq!(scene.ids("?from=%2B15550100").await, ["scribe:a", "scribe:c"]);
    assert_eq!(scene.ids("?from=%2B15550100&duration_s=300").await, ["scribe:c"]);
    assert_eq!(scene.ids("?external_ids.telnyx=b").await, ["scribe:b"]);
    let filter = |filter: Value| {
        let text = filter.to_string();
        let query: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        format!("?filter={query}")
    };
    let long =
        filter(json!({"any": [{"duration_s": {"gte": 60}}, {"external_ids.telnyx": "a"}], "status": "completed"}));
    assert_eq!(scene.ids(&long).await.len(), 3);
    assert_eq!(scene.ids(&filter(json!({"duration_s": {"gt": 61}}))).await, ["scribe:c"]);

    let page = scene.org.get("/v1/records/call?limit=2&fields=from,status").await.expect(200).json();
    assert_eq!(page["items"][0]["data"], json!({"status": "completed", "from": "+15550100"}));
    assert_eq!(page["next"], "scribe:b");
    assert_eq!(scene.ids("?limit=2&after=scribe:b").await, ["scribe:c"]);

    let _ = scene.act("scribe", "delete", "call", "scribe:b", json!({})).await.expect(200);
    assert_eq!(scene.ids("").await, ["scribe:a", "scribe:c"]);
    scene.org.get("/v1/records/call/scribe:b").await.expect_problem("not_found");
    let deleted = scene.org.get("/v1/records/call/scribe:b?deleted=true").await.expect(200).json();
    assert_eq!((&deleted["data"], &deleted["updated"]["plugin"]), (&Value::Null, &json!("scribe")));
}

pub async fn another_org_has_records_of_its_own() {
    let scene = Scene::start().await;
    scene.put("scribe", "scribe:7", call("ringing")).await;
    let other = scene.hub.org("other").await;
    let _ = other.install("scribe", json!({})).await.expect(200);
    let put = json!({"op": "make", "object": "call", "id": "scribe:7", "data": call("failed")});
    let _ = other.act("scribe", "run", &put).await.expect(200);
    let ours = scene.org.get("/v1/records/call/scribe:7").await.expect(200).json();
    let theirs = other.get("/v1/records/call/scribe:7").await.expect(200).json();
    assert_eq!((&ours["data"]["status"], &theirs["data"]["status"]), (&json!("ringing"), &json!("failed")));
    let found = other.get("/v1/records/call?external_ids.telnyx=7").await.expect(200).json();
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
}

pub async fn a_version_that_wants_more_objects_waits_for_an_approval() {
    let scene = Scene::start().await;
    let more = Fixture::load("scribe").version("1.1.0").edit(|manifest| {
        manifest.objects.insert(patchbay_model::object::StandardObject::Deal, Access::Read);
    });
    let _ = scene.org.upload(more.pack()).await.expect(201);
    let installation = scene.org.get("/v1/installations/scribe").await.expect(200).text();
    assert!(installation.contains("reads all records of the object deal"), "{installation}");
    scene.put("scribe", "scribe:7", call("ringing")).await;
    let run = scene.org.get("/v1/runs?limit=1").await.expect(200).json();
    assert_eq!(run["items"][0]["version"], "1.0.0", "the approved version serves");
}
