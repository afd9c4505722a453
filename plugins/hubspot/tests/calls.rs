//! Calls in HubSpot's timeline: what they say, whom they belong to, and what becomes of who is unknown.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail them")]

use patchbay_plugin_hubspot::HubSpot;
use patchbay_sdk::Error;
use patchbay_sdk::events::Event;
use patchbay_sdk::sync::{Write, Written};
use patchbay_sdk::testing::{Exchange, MockHost, Reply};
use serde_json::{Value, json};

const NOW: u64 = 1_793_491_200_000;

fn host(config: Value) -> MockHost {
    let host = MockHost::with_manifest(include_str!("../plugin.toml"));
    host.set_secret("access_token", "pat-na1-canary");
    host.set_config(config);
    host.set_now(NOW);
    let portal =
        json!({"portalId": 62515, "accountType": "STANDARD", "companyCurrency": "EUR", "uiDomain": "app.hubspot.com"});
    host.expect(api("GET", "/account-info/2026-03/details"), Reply::json(200, &portal));
    host
}

fn api(method: &str, path: &str) -> Exchange {
    Exchange::new(method, format!("https://api.hubapi.com{path}")).credential("access_token")
}

fn call(more: Value) -> Value {
    let mut call = json!({
        "direction": "inbound", "status": "completed", "from": "+15550100", "to": "+15550199", "from_name": "Ada Lovelace",
        "started_at": "2026-10-31T23:00:00Z", "duration_s": 61, "outcome": "left voicemail", "summary": "Wants <100> seats\nand soon",
    });
    call.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    call
}

fn write(id: Option<&str>, data: Value) -> Write {
    let fields =
        json!({"hs_timestamp": 1_793_487_600_000_u64, "hs_call_duration": 61_000, "hs_call_from_number": "+15550100"});
    Write {
        key: "k".to_owned(),
        record: "telnyx:1".to_owned(),
        id: id.map(str::to_owned),
        fields: fields.as_object().unwrap().clone(),
        delete: false,
        references: std::collections::BTreeMap::new(),
        data,
    }
}

fn expect_upsert(host: &MockHost, kind: &str, id: &str) {
    let path = format!("/crm/properties/2026-03/{kind}/patchbay_id");
    host.expect(api("GET", &path), Reply::json(200, &json!({"hasUniqueValue": true})));
    let answer = json!({"results": [{"id": id, "properties": {}, "objectWriteTraceId": "0", "new": true}]});
    host.expect(api("POST", &format!("/crm/objects/2026-03/{kind}/batch/upsert")), Reply::json(200, &answer));
}

fn expect_association(host: &MockHost, to: &str, type_id: u32, id: &str) {
    let types = json!([{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}]);
    let body = json!({"inputs": [{"from": {"id": "900"}, "to": {"id": id}, "types": types}]});
    let path = format!("/crm/associations/2026-03/calls/{to}/batch/create");
    host.expect(api("POST", &path).json(body), Reply::json(201, &json!({})));
}

fn expect_search(host: &MockHost, results: Value) {
    let filter = |name: &str| json!({"filters": [{"propertyName": name, "operator": "IN", "values": ["+15550100"]}]});
    let body = json!({
        "filterGroups": [filter("phone"), filter("mobilephone")], "limit": 200, "after": "0",
        "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}], "properties": ["phone", "mobilephone"],
    });
    let exchange = api("POST", "/crm/objects/2026-03/contacts/search").json(body);
    host.expect(exchange, Reply::json(200, &json!({"total": 1, "results": results})));
}

fn pushed(host: &MockHost, write: Write) -> Written {
    host.push::<HubSpot>("calls", vec![write]).unwrap().written.pop().unwrap()
}

fn upserted(host: &MockHost, kind: &str) -> Value {
    let path = format!("/{kind}/batch/upsert");
    host.sent().into_iter().find(|sent| sent.url.ends_with(&path)).unwrap().json()["inputs"][0]["properties"].clone()
}

#[test]
fn a_call_is_told_with_its_outcome_recording_and_whom_it_belongs_to() {
    let host = host(json!({"call_owner": "42"}));
    host.put_record(
        "contact",
        "hubspot:151",
        &json!({"name": "Ada", "phone": "+15550100", "external_ids": {"hubspot": "151"}}),
    );
    let deal = json!({"status": "open", "contact_id": "hubspot:151", "external_ids": {"hubspot": "7"}});
    host.put_record("deal", "hubspot:7", &deal);
    host.put_record(
        "deal",
        "hubspot:8",
        &json!({"status": "won", "contact_id": "hubspot:151", "external_ids": {"hubspot": "8"}}),
    );
    let recording = |url: &str, expires: Value| json!({"call_id": "telnyx:1", "status": "available", "url": url, "url_expires_at": expires});
    host.put_record("recording", "telnyx:r1", &recording("https://soon.example/1.mp3", json!("2026-11-01T00:10:00Z")));
    host.put_record("recording", "telnyx:r2", &recording("https://kept.example/1.mp3", Value::Null));
    expect_upsert(&host, "calls", "900");
    expect_association(&host, "contacts", 194, "151");
    expect_association(&host, "deals", 206, "7");
    let written = pushed(&host, write(None, call(json!({}))));
    assert!(matches!(written, Written::Done { id, created: true, .. } if id == "900"));
    let mut told = upserted(&host, "calls");
    told.as_object_mut().unwrap().remove("patchbay_id");
    let expected = json!({
        "hs_timestamp": "1793487600000", "hs_call_duration": "61000", "hs_call_from_number": "+15550100", "hs_call_status": "COMPLETED",
        "hs_call_direction": "INBOUND", "hs_call_title": "Inbound call from Ada Lovelace", "hubspot_owner_id": "42",
        "hs_call_body": "Wants &lt;100&gt; seats<br>and soon", "hs_call_recording_url": "https://kept.example/1.mp3",
        "hs_call_disposition": "b2cf5968-551e-4856-9783-52b3da59a7d0",
    });
    assert_eq!(told, expected);
}

#[test]
fn a_call_that_has_not_ended_waits() {
    let host = host(json!({}));
    let written = pushed(&host, write(None, call(json!({"status": "in-progress"}))));
    assert!(matches!(written, Written::Skipped { .. }), "{written:?}");
}

#[test]
fn a_contact_that_only_hubspot_knows_is_found_there() {
    let host = host(json!({}));
    expect_upsert(&host, "calls", "900");
    expect_search(&host, json!([{"id": "161", "properties": {"mobilephone": "+15550100"}}]));
    expect_association(&host, "contacts", 194, "161");
    let _ = pushed(&host, write(None, call(json!({}))));
    assert!(host.events().is_empty());
}

#[test]
fn who_is_unknown_is_asked_for_once() {
    let host = host(json!({}));
    expect_upsert(&host, "calls", "900");
    expect_search(&host, json!([]));
    let _ = pushed(&host, write(None, call(json!({}))));
    let events = host.events();
    let told = events.first().unwrap();
    assert_eq!(
        (told.kind.as_str(), told.subject.as_str(), told.id.as_deref()),
        ("hubspot.contact_unknown", "telnyx:1", Some("contact_unknown:900"))
    );
    let expected = json!({"call": "telnyx:1", "hubspot_call": "900", "number": "+15550100", "name": "Ada Lovelace", "direction": "inbound"});
    assert_eq!(told.data, expected);
    // a change of the call asks nobody again
    let answer = json!({"results": [{"id": "900", "properties": {}, "objectWriteTraceId": "0"}]});
    host.expect(api("POST", "/crm/objects/2026-03/calls/batch/update"), Reply::json(200, &answer));
    let _ = pushed(&host, write(Some("900"), call(json!({"summary": "longer"}))));
    assert_eq!(host.events().len(), 1);
}

#[test]
fn who_is_unknown_is_made_if_the_org_wants_that() {
    let host = host(json!({"unknown_contact": "create"}));
    expect_upsert(&host, "calls", "900");
    expect_search(&host, json!([]));
    expect_upsert(&host, "contacts", "170");
    expect_association(&host, "contacts", 194, "170");
    let _ = pushed(&host, write(None, call(json!({}))));
    let mut told = upserted(&host, "contacts");
    let own = told.as_object_mut().unwrap().remove("patchbay_id").unwrap();
    assert!(own.as_str().unwrap().ends_with(":number:+15550100"), "{own}");
    assert_eq!(told, json!({"phone": "+15550100", "firstname": "Ada", "lastname": "Lovelace"}));
    assert!(host.events().is_empty());
}

#[test]
fn a_contact_here_that_hubspot_does_not_have_yet_is_made_under_the_records_own_name() {
    let host = host(json!({"unknown_contact": "create"}));
    host.put_record(
        "contact",
        "ivr:5",
        &json!({"first_name": "Ada", "email": "ada@example.com", "phone": "+15550100"}),
    );
    expect_upsert(&host, "calls", "900");
    expect_search(&host, json!([]));
    expect_upsert(&host, "contacts", "170");
    expect_association(&host, "contacts", 194, "170");
    let _ = pushed(&host, write(None, call(json!({"contact_id": "ivr:5"}))));
    let told = upserted(&host, "contacts");
    assert!(told["patchbay_id"].as_str().unwrap().ends_with(":ivr:5"), "as the sync of contacts calls it: {told}");
    assert_eq!(told["email"], "ada@example.com");
}

#[test]
fn a_call_between_people_of_the_organization_has_no_stranger() {
    let host = host(json!({"unknown_contact": "create"}));
    expect_upsert(&host, "calls", "900");
    let _ = pushed(&host, write(None, call(json!({"direction": "internal"}))));
    assert!(host.events().is_empty());
}

#[test]
fn who_is_unknown_is_ignored_if_the_org_wants_that() {
    let host = host(json!({"unknown_contact": "ignore"}));
    expect_upsert(&host, "calls", "900");
    expect_search(&host, json!([]));
    let _ = pushed(&host, write(None, call(json!({}))));
    assert!(host.events().is_empty());
}

/// Hands over that a record of an object is there.
fn learned(host: &MockHost, object: &str, id: &str) -> Result<(), Error> {
    host.deliver::<HubSpot>(Event {
        id: format!("evt_{id}"),
        kind: format!("{object}.updated"),
        subject: id.to_owned(),
        source: "telnyx".to_owned(),
        time: NOW,
        data: "{}".to_owned(),
    })
}

fn expect_learned(host: &MockHost, properties: Value) {
    let body = json!({"inputs": [{"id": "900", "properties": properties, "objectWriteTraceId": "0"}]});
    let answer = json!({"results": [{"id": "900", "properties": {}, "objectWriteTraceId": "0"}]});
    host.expect(api("POST", "/crm/objects/2026-03/calls/batch/update").json(body), Reply::json(200, &answer));
}

/// Nobody asks which account it is.
fn quiet_host() -> MockHost {
    let host = MockHost::with_manifest(include_str!("../plugin.toml"));
    host.set_secret("access_token", "pat-na1-canary");
    host.set_config(json!({}));
    host.set_now(NOW);
    host
}

#[test]
fn what_is_learned_of_a_call_after_it_was_told_is_added() {
    let host = quiet_host();
    host.put_record("call", "telnyx:1", &call(json!({"summary": "", "external_ids": {"hubspot": "900"}})));
    let recording = json!({"call_id": "telnyx:1", "status": "processing"});
    host.put_record("recording", "telnyx:r1", &recording);
    learned(&host, "recording", "telnyx:r1").unwrap();
    let recording = json!({"call_id": "telnyx:1", "status": "available", "url": "https://kept.example/1.mp3"});
    host.put_record("recording", "telnyx:r1", &recording);
    expect_learned(&host, json!({"hs_call_recording_url": "https://kept.example/1.mp3"}));
    learned(&host, "recording", "telnyx:r1").unwrap();
    host.put_record("transcript", "assemblyai:t1", &json!({"call_id": "telnyx:1", "summary": "Wants <100> seats"}));
    expect_learned(&host, json!({"hs_call_body": "Wants &lt;100&gt; seats"}));
    learned(&host, "transcript", "assemblyai:t1").unwrap();
    // the call's own summary goes before
    host.put_record("call", "telnyx:1", &call(json!({"external_ids": {"hubspot": "900"}})));
    learned(&host, "transcript", "assemblyai:t1").unwrap();
    assert_eq!(host.sent().len(), 2);
}

#[test]
fn a_call_that_hubspot_does_not_have_is_looked_at_once_more() {
    let host = quiet_host();
    let recording = json!({"call_id": "telnyx:1", "status": "available", "url": "https://kept.example/1.mp3"});
    host.put_record("recording", "telnyx:r1", &recording);
    assert_eq!(learned(&host, "recording", "telnyx:r1"), Ok(()), "of no call that is here");
    host.put_record("call", "telnyx:1", &call(json!({"status": "in-progress"})));
    assert_eq!(learned(&host, "recording", "telnyx:r1"), Ok(()), "it is told when it ends");
    host.put_record("call", "telnyx:1", &call(json!({})));
    assert_eq!(learned(&host, "recording", "telnyx:r1"), Err(Error::RateLimited(60_000)), "it may be on its way");
    host.set_now(NOW + 60_000);
    assert_eq!(learned(&host, "recording", "telnyx:r1"), Ok(()), "it is not told");
    assert_eq!(learned(&host, "recording", "telnyx:r9"), Ok(()), "deleted since");
}

#[test]
fn a_field_that_says_only_that_it_has_changed_has_what_it_is_about_written_and_no_more() {
    let host = host(json!({}));
    let answer = json!({"results": [{"id": "900", "properties": {}, "objectWriteTraceId": "0"}]});
    host.expect(api("POST", "/crm/objects/2026-03/calls/batch/update"), Reply::json(200, &answer));
    let fields = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), json!("x"))).collect();
    let data = call(json!({"from": null, "outcome": "connected", "summary": "longer"}));
    let said = Write { fields: fields(&["call.outcome", "call.summary"]), ..write(Some("900"), data.clone()) };
    let _ = pushed(&host, said);
    let sent = host.sent().pop().unwrap().json()["inputs"][0]["properties"].clone();
    let disposition = "f240bbac-87c9-4f6e-bf70-924b57d47db7";
    assert_eq!(sent, json!({"hs_call_body": "longer", "hs_call_disposition": disposition}));
    // whom it belongs to is no property: nothing is written, and the association is made
    host.put_record("contact", "hubspot:151", &json!({"external_ids": {"hubspot": "151"}}));
    expect_association(&host, "contacts", 194, "151");
    let mut data = data;
    data["contact_id"] = json!("hubspot:151");
    let said = Write { fields: fields(&["call.contact"]), ..write(Some("900"), data) };
    assert!(matches!(pushed(&host, said), Written::Done { id, .. } if id == "900"));
}

#[test]
fn who_is_calling_is_told_out_of_the_records_and_hubspot_is_not_asked() {
    let host = MockHost::with_manifest(include_str!("../plugin.toml"));
    host.set_config(json!({}));
    let ada = json!({
        "first_name": "Ada", "phone": "+14155550123", "company_name": "Engines", "external_ids": {"hubspot": "151"},
        "extra": {"hubspot": {"url": "https://app.hubspot.com/contacts/62515/record/0-1/151"}},
    });
    host.put_record("contact", "hubspot:1", &ada);
    let who = |phone: &str| host.invoke::<HubSpot>("find-caller", json!({"phone": phone})).unwrap();
    let told = who("+14155550123");
    assert_eq!((&told["found"], &told["contact"]["first_name"]), (&json!(true), &json!("Ada")), "{told}");
    assert_eq!((&told["contact"]["vendor_id"], &told["company"]["name"]), (&json!("151"), &json!("Engines")), "{told}");
    assert_eq!(told["contact"]["url"], "https://app.hubspot.com/contacts/62515/record/0-1/151");
    assert_eq!(who("+14155550124")["found"], false);
}
