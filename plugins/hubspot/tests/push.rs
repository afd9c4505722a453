//! Writing, by what is asked of HubSpot and what the hub is told of each record.

use patchbay_plugin_hubspot::HubSpot;
use patchbay_sdk::Error;
use patchbay_sdk::sync::{Write, Written};
use patchbay_sdk::testing::{Exchange, MockHost, Reply};
use serde_json::{Value, json};

const NOW: u64 = 1_793_491_200_000;
const TIME: &str = "2026-11-01T00:00:00.000Z";

fn host() -> MockHost {
    host_of(
        json!({"portalId": 62515, "accountType": "STANDARD", "companyCurrency": "EUR", "uiDomain": "app.hubspot.com"}),
    )
}

fn host_of(portal: Value) -> MockHost {
    let host = MockHost::with_manifest(include_str!("../plugin.toml"));
    host.set_secret("access_token", "pat-na1-canary");
    host.set_config(json!({}));
    host.set_webhook_url("https://hub.example.com/hooks/hubspot/t_42");
    host.set_now(NOW);
    host.expect(api("GET", "/account-info/2026-03/details"), Reply::json(200, &portal));
    host
}

fn api(method: &str, path: &str) -> Exchange {
    Exchange::new(method, format!("https://api.hubapi.com{path}")).credential("access_token")
}

fn expect_property(host: &MockHost, kind: &str) {
    let path = format!("/crm/properties/2026-03/{kind}/patchbay_id");
    host.expect(api("GET", &path), Reply::json(200, &json!({"name": "patchbay_id", "hasUniqueValue": true})));
}

fn write(record: &str, id: Option<&str>, fields: Value) -> Write {
    Write {
        key: format!("key-{record}"),
        record: record.to_owned(),
        id: id.map(str::to_owned),
        fields: fields.as_object().cloned().unwrap_or_default(),
        delete: false,
        references: std::collections::BTreeMap::new(),
        data: json!({}),
    }
}

fn object(id: &str, trace: usize, more: Value) -> Value {
    let mut object = json!({"id": id, "properties": {"lastmodifieddate": TIME}, "updatedAt": TIME, "objectWriteTraceId": trace.to_string()});
    object
        .as_object_mut()
        .into_iter()
        .for_each(|members| members.extend(more.as_object().cloned().unwrap_or_default()));
    object
}

fn done(id: &str, created: bool) -> Written {
    let url = Some(format!("https://app.hubspot.com/contacts/62515/record/0-1/{id}"));
    Written::Done { id: id.to_owned(), modified_at: Some(NOW), created, url }
}

const UPSERT: &str = "/crm/objects/2026-03/contacts/batch/upsert";
const UPDATE: &str = "/crm/objects/2026-03/contacts/batch/update";

#[test]
fn new_ones_changed_ones_and_deleted_ones_go_out_as_a_batch_each() {
    let host = host();
    let delete = Write { delete: true, ..write("c", Some("3"), json!({})) };
    host.expect(
        api("POST", "/crm/objects/2026-03/contacts/batch/archive").json(json!({"inputs": [{"id": "3"}]})),
        Reply::status(204),
    );
    let body = json!({"inputs": [{"id": "2", "properties": {"phone": ""}, "objectWriteTraceId": "1"}]});
    host.expect(api("POST", UPDATE).json(body), Reply::json(200, &json!({"results": [object("2", 1, json!({}))]})));
    expect_property(&host, "contacts");
    host.expect(api("POST", UPSERT), Reply::json(200, &json!({"results": [object("1", 0, json!({"new": true}))]})));
    let writes = vec![
        write("telnyx:1", None, json!({"email": "a@example.com", "numbers": ["1", "2"], "n": 5})),
        write("b", Some("2"), json!({"phone": null})),
        delete,
        write("d", Some("not-an-id"), json!({"phone": "+1"})),
    ];
    let pushed = host.push::<HubSpot>("contacts", writes).unwrap();
    let gone = Written::Done { id: "3".into(), modified_at: None, created: false, url: None };
    assert_eq!(pushed.written, [done("1", true), done("2", false), gone, Written::Gone]);
    let sent = host.sent().pop().unwrap().json();
    let input = &sent["inputs"][0];
    assert_eq!((&input["properties"]["numbers"], &input["properties"]["n"]), (&json!("1;2"), &json!("5")));
    let own = input["id"].as_str().unwrap();
    assert!(own.ends_with(":telnyx:1") && own.len() > ":telnyx:1".len(), "{own}");
    assert_eq!((&input["idProperty"], &input["properties"]["patchbay_id"]), (&json!("patchbay_id"), &json!(own)));
}

#[test]
fn another_installation_calls_a_record_of_the_same_id_otherwise() {
    let mut names = Vec::new();
    for url in ["https://hub.example.com/hooks/hubspot/t_42", "https://hub.example.com/hooks/hubspot/t_43"] {
        let host = host();
        host.set_webhook_url(url);
        expect_property(&host, "contacts");
        host.expect(api("POST", UPSERT), Reply::json(200, &json!({"results": [object("1", 0, json!({}))]})));
        host.push::<HubSpot>("contacts", vec![write("a", None, json!({}))]).unwrap();
        names.push(host.sent().pop().unwrap().json()["inputs"][0]["id"].clone());
    }
    assert_ne!(names.first(), names.last());
}

#[test]
fn our_own_property_is_made_when_it_is_needed() {
    let host = host();
    let base = "/crm/properties/2026-03/contacts";
    host.expect(api("GET", &format!("{base}/patchbay_id")), Reply::json(404, &json!({"category": "OBJECT_NOT_FOUND"})));
    host.expect(api("POST", &format!("{base}/groups")), Reply::json(409, &json!({"category": "CONFLICT"})));
    host.expect(api("POST", base), Reply::json(201, &json!({"name": "patchbay_id"})));
    let answer = json!({"results": [object("1", 0, json!({"new": true}))]});
    host.expect(api("POST", UPSERT), Reply::json(200, &answer));
    host.push::<HubSpot>("contacts", vec![write("a", None, json!({}))]).unwrap();
    let made = host.sent().into_iter().find(|sent| sent.url.ends_with("/contacts") && sent.method == "POST").unwrap();
    assert_eq!((&made.json()["hasUniqueValue"], &made.json()["name"]), (&json!(true), &json!("patchbay_id")));
    // it was seen; then somebody deletes it in HubSpot
    let missing =
        json!({"category": "VALIDATION_ERROR", "message": "Property \"patchbay_id\" does not exist", "errors": []});
    host.expect(api("POST", UPSERT), Reply::json(400, &missing));
    expect_property(&host, "contacts");
    host.expect(api("POST", UPSERT), Reply::json(200, &answer));
    assert_eq!(host.push::<HubSpot>("contacts", vec![write("a", None, json!({}))]).unwrap().written, [done("1", true)]);
}

#[test]
fn a_property_of_our_name_that_is_not_unique_is_not_used() {
    let host = host();
    let path = "/crm/properties/2026-03/contacts/patchbay_id";
    host.expect(api("GET", path), Reply::json(200, &json!({"name": "patchbay_id", "hasUniqueValue": false})));
    let result = host.push::<HubSpot>("contacts", vec![write("a", None, json!({}))]);
    assert!(matches!(&result, Err(Error::Denied(text)) if text.contains("patchbay_id")), "{result:?}");
}

#[test]
fn one_that_is_refused_keeps_no_other_from_being_written() {
    let host = host();
    let errors = json!([{
        "status": "error", "category": "VALIDATION_ERROR", "message": "Email address is invalid",
        "context": {"objectWriteTraceId": ["0"], "propertyName": ["email"]},
    }, {"status": "error", "category": "OBJECT_NOT_FOUND", "message": "no", "context": {"ids": ["7"]}}]);
    let answer =
        json!({"status": "COMPLETE", "results": [object("2", 1, json!({}))], "numErrors": 2, "errors": errors});
    host.expect(api("POST", UPDATE), Reply::json(207, &answer));
    let writes = vec![
        write("a", Some("1"), json!({"email": "x"})),
        write("b", Some("2"), json!({"email": "b@example.com"})),
        write("c", Some("7"), json!({"email": "c@example.com"})),
    ];
    let refused = Written::Refused { message: "Email address is invalid".into(), field: Some("email".into()) };
    let pushed = host.push::<HubSpot>("contacts", writes).unwrap();
    assert_eq!(pushed.written, [refused, done("2", false), Written::Gone]);
}

#[test]
fn a_batch_that_is_refused_as_a_whole_is_parted() {
    let host = host();
    let wrong =
        || Reply::json(400, &json!({"category": "VALIDATION_ERROR", "message": "Property values were not valid"}));
    let answer = |id: &str, trace: usize| Reply::json(200, &json!({"results": [object(id, trace, json!({}))]}));
    for reply in [wrong(), answer("1", 0), answer("2", 1), wrong(), answer("4", 3)] {
        host.expect(api("POST", UPDATE), reply);
    }
    let writes = ["1", "2", "3", "4"].map(|id| write(id, Some(id), json!({"email": id}))).into();
    let pushed = host.push::<HubSpot>("contacts", writes).unwrap();
    let refused = Written::Refused { message: "Property values were not valid".into(), field: None };
    assert_eq!(pushed.written, [done("1", false), done("2", false), refused, done("4", false)]);
}

#[test]
fn a_batch_of_which_nothing_is_taken_fits_into_a_window_of_hubspots_limit() {
    let host = host();
    let wrong = json!({"category": "VALIDATION_ERROR", "message": "Required properties were not set"});
    // the whole, nine parts, and each alone
    for _ in 0..90 {
        host.expect(api("POST", UPDATE), Reply::json(400, &wrong));
    }
    let writes: Vec<Write> =
        (1..=80).map(|id| write(&id.to_string(), Some(&id.to_string()), json!({"email": "x"}))).collect();
    let pushed = host.push::<HubSpot>("contacts", writes).unwrap();
    let refused = pushed.written.iter().filter(|written| matches!(written, Written::Refused { .. })).count();
    assert_eq!((pushed.written.len(), refused), (80, 80));
    assert_eq!(host.sent().iter().filter(|sent| sent.url.ends_with(UPDATE)).count(), 90);
}

#[test]
fn what_somebody_made_meanwhile_is_taken_for_the_same_one() {
    let host = host();
    expect_property(&host, "contacts");
    let conflict = json!({"category": "CONFLICT", "message": "Contact already exists. Existing ID: 151"});
    host.expect(api("POST", UPSERT), Reply::json(409, &conflict));
    host.expect(api("POST", UPDATE), Reply::json(200, &json!({"results": [object("151", 0, json!({}))]})));
    let pushed = host.push::<HubSpot>("contacts", vec![write("a", None, json!({"email": "a@example.com"}))]).unwrap();
    assert_eq!(pushed.written, [done("151", false)]);
    // a change that would make two the same is another matter
    host.expect(api("POST", UPDATE), Reply::json(409, &conflict));
    let pushed =
        host.push::<HubSpot>("contacts", vec![write("b", Some("2"), json!({"email": "a@example.com"}))]).unwrap();
    let written = pushed.written.first();
    assert!(matches!(written, Some(Written::Refused { field: Some(field), .. }) if field == "email"), "{written:?}");
}

#[test]
fn one_that_was_merged_away_is_what_it_became() {
    let host = host();
    host.expect(api("POST", UPDATE), Reply::json(200, &json!({"results": [object("9", 0, json!({}))]})));
    let pushed = host.push::<HubSpot>("contacts", vec![write("a", Some("1"), json!({"phone": "+1"}))]).unwrap();
    assert_eq!(pushed.written, [done("9", false)]);
}

#[test]
fn limits_and_locks_are_waited_for_and_a_window_that_is_nearly_used_up_too() {
    let host = host();
    let limited = json!({"status": "error", "errorType": "RATE_LIMIT", "policyName": "TEN_SECONDLY_ROLLING"});
    let one = || vec![write("a", Some("1"), json!({"phone": "+1"}))];
    for (status, body, wait) in [(429, limited, 10_000), (423, json!({}), 2_000), (477, json!({}), 600_000)] {
        host.expect(api("POST", UPDATE), Reply::json(status, &body));
        assert_eq!(host.push::<HubSpot>("contacts", one()), Err(Error::RateLimited(wait)), "{status}");
    }
    host.expect(api("POST", UPDATE), Reply::json(401, &json!({"category": "EXPIRED_AUTHENTICATION"})));
    assert!(matches!(host.push::<HubSpot>("contacts", one()), Err(Error::Reauthorize(_))));
    let reply = Reply::json(200, &json!({"results": [object("1", 0, json!({}))]}))
        .header("x-hubspot-ratelimit-max", "110")
        .header("x-hubspot-ratelimit-remaining", "3")
        .header("x-hubspot-ratelimit-interval-milliseconds", "10000");
    host.expect(api("POST", UPDATE), reply);
    assert_eq!(host.push::<HubSpot>("contacts", one()).unwrap().pause_ms, Some(10_000));
}

#[test]
fn a_deal_goes_with_its_amount_and_what_it_belongs_to() {
    let host = host();
    expect_property(&host, "deals");
    let deal = json!({"id": "7", "properties": {"hs_lastmodifieddate": TIME}, "objectWriteTraceId": "0", "new": true});
    host.expect(api("POST", "/crm/objects/2026-03/deals/batch/upsert"), Reply::json(200, &json!({"results": [deal]})));
    let pair = |to: &str| json!({"inputs": [{"from": {"id": "7"}, "to": {"id": to}}]});
    let path = |to: &str| format!("/crm/associations/2026-03/deals/{to}/batch/associate/default");
    host.expect(api("POST", &path("companies")).json(pair("77")), Reply::json(200, &json!({})));
    host.expect(api("POST", &path("contacts")).json(pair("151")), Reply::json(200, &json!({})));
    let fields = json!({
        "dealname": "100 seats", "amount.minor": 120_050, "amount.currency": "USD", "closedate": "2026-12-01", "deal.status": "won",
        "associations.contact": "151", "associations.contacts": "151", "hs_primary_associated_company": "77",
    });
    let data = json!({"status": "won", "amount": {"amount": 120_050, "currency": "USD"}});
    let pushed = host.push::<HubSpot>("deals", vec![Write { data, ..write("d", None, fields) }]).unwrap();
    assert!(matches!(pushed.written.first(), Some(Written::Done { created: true, .. })));
    let upsert = host.sent().into_iter().find(|sent| sent.url.ends_with("/upsert")).unwrap().json();
    let mut properties = upsert["inputs"][0]["properties"].clone();
    properties.as_object_mut().unwrap().remove("patchbay_id");
    let expected = json!({"dealname": "100 seats", "amount": "1200.50", "deal_currency_code": "USD", "closedate": "2026-12-01T00:00:00Z"});
    assert_eq!(properties, expected);
}

#[test]
fn where_there_are_several_currencies_each_amount_says_which_one_it_is_in() {
    let account = json!({"portalId": 62515, "companyCurrency": "EUR", "additionalCurrencies": ["USD"]});
    let host = host_of(account);
    let answer = json!({"results": [object("7", 0, json!({}))]});
    host.expect(api("POST", "/crm/objects/2026-03/deals/batch/update"), Reply::json(200, &answer));
    let data = json!({"amount": {"amount": 120_050, "currency": "EUR"}});
    let changed = write("d", Some("7"), json!({"amount.currency": "EUR"}));
    host.push::<HubSpot>("deals", vec![Write { data, ..changed }]).unwrap();
    let sent = host.sent().pop().unwrap().json();
    let expected = json!({"amount": "1200.50", "deal_currency_code": "EUR"});
    assert_eq!(sent["inputs"][0]["properties"], expected, "it may have been in dollars before");
}

#[test]
fn what_a_deal_belongs_to_and_is_not_there_keeps_nothing_else_from_being_associated() {
    // nothing but that has changed: HubSpot refuses a change without properties
    let host = host();
    let path = "/crm/associations/2026-03/deals/contacts/batch/associate/default";
    let pair = |to: &str| json!({"from": {"id": "7"}, "to": {"id": to}});
    let missing = || Reply::json(404, &json!({"category": "OBJECT_NOT_FOUND", "message": "151 is not there"}));
    host.expect(api("POST", path).json(json!({"inputs": [pair("151"), pair("152")]})), missing());
    host.expect(api("POST", path).json(json!({"inputs": [pair("151")]})), missing());
    host.expect(api("POST", path).json(json!({"inputs": [pair("152")]})), Reply::json(200, &json!({})));
    let pushed = host
        .push::<HubSpot>("deals", vec![write("d", Some("7"), json!({"associations.contacts": "151;152"}))])
        .unwrap();
    assert!(matches!(pushed.written.as_slice(), [Written::Done { id, .. }] if id == "7"), "{pushed:?}");
    assert!(host.log().iter().any(|line| format!("{line:?}").contains("151 is not there")));
}
