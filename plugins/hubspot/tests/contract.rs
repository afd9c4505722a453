//! What is asked, against the shapes that HubSpot's own SDK has.
//!
//! The contract is not part of the repository; where it is not found the tests say so and pass. Its place is
//! `PATCHBAY_VENDOR_SPECS`, by default the folder `shared/vendor-specs` beside the repository.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests fail them")]

use std::path::PathBuf;

use patchbay_plugin_hubspot::HubSpot;
use patchbay_sdk::sync::{Pull, Scope, Write};
use patchbay_sdk::testing::{Exchange, MockHost, Reply};
use serde_json::{Value, json};

fn contract() -> Option<Value> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/vendor-specs");
    let folder = std::env::var_os("PATCHBAY_VENDOR_SPECS").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let path = folder.join("hubspot/hubspot-crm-objects.derived.schema.json");
    let Ok(text) = std::fs::read(&path) else {
        eprintln!("skipped: HubSpot's shapes are not at {}; set PATCHBAY_VENDOR_SPECS", path.display());
        return None;
    };
    Some(serde_json::from_slice(&text).unwrap())
}

/// What is wrong with a body.
fn refusals(contract: &Value, endpoint: &str, body: &Value) -> Vec<String> {
    let own = &contract["endpoints"][endpoint];
    assert!(own.is_object(), "the contract has no {endpoint}");
    let mut schema = own["request"].clone();
    schema["$defs"] = own["$defs"].clone();
    close(&mut schema);
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    let validator = jsonschema::draft202012::new(&schema).unwrap_or_else(|error| panic!("{error}"));
    validator.iter_errors(body).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// Objects have the members that are named and no others, so that one that is misspelt is found.
fn close(schema: &mut Value) {
    if schema["type"] == "object" && schema["properties"].is_object() && schema["additionalProperties"].is_null() {
        schema["additionalProperties"] = json!(false);
    }
    if let Some(members) = schema.as_object_mut() {
        members.values_mut().filter(|member| member.is_object()).for_each(close);
    }
}

/// The SDK has texts for the orders of a search, the service and its documentation objects.
fn with_texts_as_sorts(search: &Value) -> Value {
    let mut search = search.clone();
    let sorts = search["sorts"].as_array().into_iter().flatten().map(|sort| sort["propertyName"].clone()).collect();
    search["sorts"] = Value::Array(sorts);
    search
}

fn api(method: &str, path: &str) -> Exchange {
    Exchange::new(method, format!("https://api.hubapi.com{path}")).credential("access_token")
}

fn host() -> MockHost {
    let host = MockHost::with_manifest(include_str!("../plugin.toml"));
    host.set_secret("access_token", "pat-na1-canary");
    host.set_config(json!({}));
    host.set_now(1_793_491_200_000);
    host.expect(api("GET", "/account-info/2026-03/details"), Reply::json(200, &json!({"portalId": 62515})));
    host
}

#[test]
fn what_is_read_is_asked_for_in_hubspots_shapes() {
    let Some(contract) = contract() else { return };
    let host = host();
    let nothing = || Reply::json(200, &json!({"total": 0, "results": []}));
    let pull = |scope: Scope| Pull { scope, limit: 200, ..Pull::all("contacts", &["email"]) };
    host.expect(api("POST", "/crm/objects/2026-03/contacts/search"), nothing());
    host.pull::<HubSpot>(pull(Scope::All)).unwrap();
    let sent = host.sent().pop().unwrap().json();
    let wrong = refusals(&contract, "POST /objects/{type}/search", &with_texts_as_sorts(&sent));
    assert_eq!(wrong, Vec::<String>::new(), "{sent}");
    host.set_now(host.now() + 1_000);
    host.expect(api("POST", "/crm/objects/2026-03/contacts/batch/read"), nothing());
    host.expect(api("POST", "/crm/objects/2026-03/contacts/search"), nothing());
    host.pull::<HubSpot>(pull(Scope::Ids(vec!["1".into()]))).unwrap();
    let read = host.sent().into_iter().find(|sent| sent.url.ends_with("/batch/read")).unwrap().json();
    assert_eq!(refusals(&contract, "POST /objects/{type}/batch/read", &read), Vec::<String>::new(), "{read}");
}

#[test]
fn what_is_written_is_told_in_hubspots_shapes() {
    let Some(contract) = contract() else { return };
    let host = host();
    let done = |trace: &str, id: &str| {
        let object =
            json!({"id": id, "properties": {}, "updatedAt": "2026-11-01T00:00:00Z", "objectWriteTraceId": trace});
        Reply::json(200, &json!({"results": [object]}))
    };
    host.expect(api("POST", "/crm/objects/2026-03/contacts/batch/update"), done("1", "2"));
    let property = "/crm/properties/2026-03/contacts/patchbay_id";
    host.expect(api("GET", property), Reply::json(200, &json!({"hasUniqueValue": true})));
    host.expect(api("POST", "/crm/objects/2026-03/contacts/batch/upsert"), done("0", "1"));
    let write = |record: &str, id: Option<&str>| Write {
        key: record.to_owned(),
        record: record.to_owned(),
        id: id.map(str::to_owned),
        fields: json!({"email": "a@example.com", "n": 1}).as_object().cloned().unwrap_or_default(),
        delete: false,
        references: std::collections::BTreeMap::new(),
        data: json!({}),
    };
    host.push::<HubSpot>("contacts", vec![write("a", None), write("b", Some("2"))]).unwrap();
    for verb in ["update", "upsert"] {
        let path = format!("/batch/{verb}");
        let body = host.sent().into_iter().find(|sent| sent.url.ends_with(&path)).unwrap().json();
        let wrong = refusals(&contract, &format!("POST /objects/{{type}}{path}"), &body);
        assert_eq!(wrong, Vec::<String>::new(), "{body}");
    }
}

#[test]
fn what_has_changed_is_asked_for_in_hubspots_shapes() {
    let Some(contract) = contract() else { return };
    let host = host();
    let row = |id: &str| json!({"id": id, "properties": {"lastmodifieddate": "2026-10-31T23:59:30.000Z"}});
    let path = "/crm/objects/2026-03/contacts/search";
    host.expect(api("POST", path), Reply::json(200, &json!({"total": 3, "results": [row("1"), row("2")]})));
    let asked = Pull { scope: Scope::Since(1_793_491_000_000), limit: 200, ..Pull::all("contacts", &["email"]) };
    let first = host.pull::<HubSpot>(asked.clone()).unwrap();
    host.set_now(host.now() + 1_000);
    host.expect(api("POST", path), Reply::json(200, &json!({"total": 0, "results": []})));
    host.pull::<HubSpot>(Pull { cursor: first.next, ..asked }).unwrap();
    for sent in host.sent().iter().filter(|sent| sent.url.ends_with("/search")) {
        let body = with_texts_as_sorts(&sent.json());
        let wrong = refusals(&contract, "POST /objects/{type}/search", &body);
        assert_eq!(wrong, Vec::<String>::new(), "{body}");
    }
}

#[test]
fn what_actions_ask_for_has_hubspots_shapes() {
    let Some(contract) = contract() else { return };
    let host = MockHost::with_manifest(include_str!("../plugin.toml"));
    host.set_secret("access_token", "pat-na1-canary");
    host.set_config(json!({}));
    host.set_now(1_793_491_200_000);
    let object =
        json!({"id": "1", "properties": {}, "createdAt": "2026-11-01T00:00:00Z", "updatedAt": "2026-11-01T00:00:00Z"});
    let several = json!({"total": 1, "results": [object]});
    let base = "/crm/objects/2026-03/deals";
    for (action, input, endpoint, path) in [
        (
            "create-object",
            json!({"object": "deals", "properties": {"dealname": "100 seats"}, "associations": [{"id": "151", "type_id": 3}]}),
            "POST /objects/{type}",
            String::new(),
        ),
        (
            "update-object",
            json!({"object": "deals", "id": "1", "properties": {"amount": "5"}}),
            "PATCH /objects/{type}/{id}",
            "/1".to_owned(),
        ),
        (
            "batch-read",
            json!({"object": "deals", "ids": ["1"], "properties": ["amount"]}),
            "POST /objects/{type}/batch/read",
            "/batch/read".to_owned(),
        ),
        (
            "batch-upsert",
            json!({"object": "deals", "id_property": "number", "inputs": [{"id": "7", "properties": {"amount": "5"}}]}),
            "POST /objects/{type}/batch/upsert",
            "/batch/upsert".to_owned(),
        ),
        (
            "search",
            json!({
                "object": "deals", "query": "seats", "properties": ["amount"], "limit": 5, "sort": {"property": "amount"},
                "filter_groups": [{"filters": [
                    {"property": "amount", "operator": "BETWEEN", "value": "1", "high_value": "9"},
                    {"property": "dealstage", "operator": "IN", "values": ["first"]},
                    {"property": "pipeline", "operator": "HAS_PROPERTY"},
                ]}],
            }),
            "POST /objects/{type}/search",
            "/search".to_owned(),
        ),
    ] {
        let (method, _) = endpoint.split_once(' ').unwrap();
        let answer = if path.len() > 2 { &several } else { &object };
        host.expect(api(method, &format!("{base}{path}")), Reply::json(200, answer));
        host.invoke::<HubSpot>(action, input).unwrap();
        let sent = host.sent().pop().unwrap().json();
        let body = if action == "search" { with_texts_as_sorts(&sent) } else { sent };
        assert_eq!(refusals(&contract, endpoint, &body), Vec::<String>::new(), "{action}: {body}");
    }
}
