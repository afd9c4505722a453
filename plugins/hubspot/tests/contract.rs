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
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    let validator = jsonschema::draft202012::new(&schema).unwrap_or_else(|error| panic!("{error}"));
    validator.iter_errors(body).map(|error| format!("{}: {error}", error.instance_path())).collect()
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
    let mut sent_sorted = sent.clone();
    // the SDK has texts there, the service and its documentation objects
    sent_sorted["sorts"] = json!([]);
    let wrong = refusals(&contract, "POST /objects/{type}/search", &sent_sorted);
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
