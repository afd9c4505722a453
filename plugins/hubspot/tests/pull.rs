//! Reading, by what is asked of HubSpot.

use patchbay_plugin_hubspot::HubSpot;
use patchbay_sdk::Error;
use patchbay_sdk::sync::{Change, FieldKind, Page, Pull, Scope};
use patchbay_sdk::testing::{Exchange, MockHost, Reply};
use serde_json::{Value, json};

const NOW: u64 = 1_793_491_200_000;
/// `NOW`, as HubSpot's servers say it.
const DATE: &str = "Sun, 01 Nov 2026 00:00:00 GMT";

fn host() -> MockHost {
    let host = MockHost::with_manifest(include_str!("../plugin.toml"));
    host.set_secret("access_token", "pat-na1-canary");
    host.set_config(json!({}));
    host.set_now(NOW);
    expect_portal(&host);
    host
}

fn expect_portal(host: &MockHost) {
    let portal =
        json!({"portalId": 62515, "accountType": "STANDARD", "companyCurrency": "EUR", "uiDomain": "app.hubspot.com"});
    host.expect(api("GET", "/account-info/2026-03/details"), Reply::json(200, &portal));
}

fn api(method: &str, path: &str) -> Exchange {
    Exchange::new(method, format!("https://api.hubapi.com{path}")).credential("access_token")
}

fn pull(scope: Scope) -> Pull {
    Pull { scope, limit: 200, ..Pull::all("contacts", &["email"]) }
}

fn row(id: u64, modified: &str) -> Value {
    let properties =
        json!({"email": format!("{id}@example.com"), "lastmodifieddate": modified, "hs_merged_object_ids": null});
    json!({"id": id.to_string(), "properties": properties, "createdAt": modified, "updatedAt": modified, "archived": false})
}

fn found(total: u64, rows: &[Value]) -> Reply {
    Reply::json(200, &json!({"total": total, "results": rows})).header("date", DATE)
}

fn search(groups: Value, sort: &str) -> Exchange {
    api("POST", "/crm/objects/2026-03/contacts/search").json(json!({
        "filterGroups": groups, "sorts": [{"propertyName": sort, "direction": "ASCENDING"}],
        "properties": ["email", "hs_merged_object_ids", "lastmodifieddate"], "limit": 200, "after": "0",
    }))
}

fn ids(page: &Page) -> Vec<&str> {
    let found = page.changes.iter().filter_map(|change| match change {
        Change::Found(item) => Some(item.id.as_str()),
        _ => None,
    });
    found.collect()
}

/// Asks for the next page, when it is time.
fn go_on(host: &MockHost, pull: &Pull, page: &Page) -> Result<Page, Error> {
    host.set_now(host.now() + page.pause_ms.unwrap_or(0));
    let state = page.state.clone().or(pull.state.clone());
    host.pull::<HubSpot>(Pull { cursor: page.next.clone(), state, ..pull.clone() })
}

#[test]
fn all_is_read_in_order_of_ids() {
    let host = host();
    let by_id = |after: &str| {
        search(
            json!([{"filters": [{"propertyName": "hs_object_id", "operator": "GT", "value": after}]}]),
            "hs_object_id",
        )
    };
    let time = "2026-10-31T12:00:00.000Z";
    host.expect(by_id("0"), found(3, &[row(2, time), row(10, time)]));
    let asked = pull(Scope::All);
    let first = host.pull::<HubSpot>(asked.clone()).unwrap();
    assert_eq!((ids(&first), first.total, first.pause_ms, first.mark), (vec!["2", "10"], Some(3), Some(210), None));
    host.expect(by_id("10"), found(1, &[row(11, time)]).header("x-later", "1"));
    let last = go_on(&host, &asked, &first).unwrap();
    assert_eq!((ids(&last), last.total, last.next.as_ref()), (vec!["11"], Some(3), None));
    assert_eq!(last.mark, Some(NOW), "as of the first page: what changes while pages are read is read again");
    assert!(last.state.is_some());
}

#[test]
fn changes_go_on_behind_the_last_row_and_leave_out_what_was_read_of_its_millisecond() {
    let host = host();
    let from = NOW - 60_000;
    let gte = |at: u64| json!([{"filters": [{"propertyName": "lastmodifieddate", "operator": "GTE", "value": at.to_string()}]}]);
    let tied = "2026-10-31T23:59:30.000Z";
    host.expect(
        search(gte(from), "lastmodifieddate"),
        found(4, &[row(9, "2026-10-31T23:59:20.000Z"), row(4, tied), row(7, tied)]),
    );
    let state = host_state();
    let asked = Pull { state: Some(state), ..pull(Scope::Since(from)) };
    let first = host.pull::<HubSpot>(asked.clone()).unwrap();
    let tied_ms = NOW - 30_000;
    assert_eq!((ids(&first), first.mark), (vec!["9", "4", "7"], Some(tied_ms)));
    let groups = json!([
        {"filters": [{"propertyName": "lastmodifieddate", "operator": "GT", "value": tied_ms.to_string()}]},
        {"filters": [
            {"propertyName": "lastmodifieddate", "operator": "EQ", "value": tied_ms.to_string()},
            {"propertyName": "hs_object_id", "operator": "NOT_IN", "values": ["4", "7"]},
        ]},
    ]);
    host.expect(search(groups, "lastmodifieddate"), found(1, &[row(5, tied)]));
    let last = go_on(&host, &asked, &first).unwrap();
    assert_eq!((ids(&last), last.next.as_ref(), last.mark), (vec!["5"], None, Some(NOW)));
}

#[test]
fn more_rows_of_one_millisecond_than_a_search_gives_are_all_read() {
    const MANY: u64 = 10_250;
    const FIRST: u64 = 100_000_000_001;
    let host = host();
    let tied = "2026-10-31T23:59:30.000Z";
    let rows = |from: u64| -> Vec<Value> { (from..FIRST + MANY).take(200).map(|id| row(id, tied)).collect() };
    let path = "/crm/objects/2026-03/contacts/search";
    let asked = Pull { state: Some(host_state()), ..pull(Scope::Since(NOW - 30_000)) };
    host.expect(api("POST", path), found(MANY, &rows(FIRST)));
    let mut page = host.pull::<HubSpot>(asked.clone()).unwrap();
    let mut read = std::collections::BTreeSet::new();
    let mut from = FIRST;
    while from < FIRST + MANY {
        let left = FIRST + MANY - from;
        host.expect(api("POST", path), found(left, &rows(from)));
        page = go_on(&host, &asked, &page).unwrap();
        read.extend(ids(&page).into_iter().map(str::to_owned));
        from += 200;
    }
    host.expect(api("POST", path), found(0, &[]));
    let last = go_on(&host, &asked, &page).unwrap();
    assert_eq!((last.next, last.mark, read.len()), (None, Some(NOW), 10_250));
    // HubSpot numbers 10,000 rows and no more
    let numbered = host.sent().into_iter().filter(|sent| sent.url.ends_with("/search") && sent.json()["after"] != "0");
    assert_eq!(numbered.count(), 0);
}

#[test]
fn what_changed_while_pages_were_waited_for_is_read_again() {
    let host = host();
    let from = NOW - 60_000;
    host.expect(api("POST", "/crm/objects/2026-03/contacts/search"), found(2, &[row(9, "2026-10-31T23:59:58.000Z")]));
    let asked = Pull { state: Some(host_state()), ..pull(Scope::Since(from)) };
    let first = host.pull::<HubSpot>(asked.clone()).unwrap();
    let later = Reply::json(200, &json!({"total": 1, "results": [row(4, "2026-10-31T23:59:59.000Z")]}));
    let later = later.header("date", "Sun, 01 Nov 2026 00:30:00 GMT");
    host.expect(api("POST", "/crm/objects/2026-03/contacts/search"), later);
    let last = go_on(&host, &asked, &first).unwrap();
    assert_eq!((last.next, last.mark), (None, Some(NOW)), "the search learns of a change later than it was made");
}

#[test]
fn a_place_in_the_list_of_what_was_deleted_that_hubspot_has_forgotten_is_given_up() {
    let host = host();
    let state = json!({"next_at": NOW, "since": NOW - 3_600_000, "begun": NOW - 3_600_000, "after": "lost"});
    let asked = Pull { state: Some(state), ..pull(Scope::Since(NOW)) };
    host.expect(api("POST", "/crm/objects/2026-03/contacts/search"), found(0, &[]));
    let first = host.pull::<HubSpot>(asked.clone()).unwrap();
    let path = "/crm/objects/2026-03/contacts?archived=true&limit=100&properties=lastmodifieddate&after=lost";
    host.expect(api("GET", path), Reply::json(400, &json!({"category": "VALIDATION_ERROR", "message": "after"})));
    let last = go_on(&host, &asked, &first).unwrap();
    assert_eq!((last.next, last.mark), (None, Some(NOW)));
    let state = last.state.unwrap();
    assert_eq!((&state["after"], &state["since"]), (&Value::Null, &json!(NOW - 3_600_000)), "all of it once more");
}

/// Nothing was deleted for a while.
fn host_state() -> Value {
    json!({"next_at": NOW + 3_600_000, "since": NOW, "begun": null, "after": null})
}

#[test]
fn a_millisecond_with_very_many_rows_is_read_by_itself() {
    let host = host();
    let tied = "2026-10-31T23:59:30.000Z";
    let tied_ms = (NOW - 30_000).to_string();
    let rows: Vec<Value> = (1_000_000_000_001..=1_000_000_000_200_u64).map(|id| row(id, tied)).collect();
    let gte = json!([{"filters": [{"propertyName": "lastmodifieddate", "operator": "GTE", "value": tied_ms}]}]);
    host.expect(search(gte, "lastmodifieddate"), found(300, &rows));
    let asked = Pull { state: Some(host_state()), ..pull(Scope::Since(NOW - 30_000)) };
    let first = host.pull::<HubSpot>(asked.clone()).unwrap();
    let within = |after: &str| {
        json!([{"filters": [
            {"propertyName": "lastmodifieddate", "operator": "EQ", "value": tied_ms},
            {"propertyName": "hs_object_id", "operator": "GT", "value": after},
        ]}])
    };
    host.expect(search(within("0"), "hs_object_id"), found(300, &rows));
    let second = go_on(&host, &asked, &first).unwrap();
    host.expect(search(within("1000000000200"), "hs_object_id"), found(1, &[row(1_000_000_000_201, tied)]));
    let third = go_on(&host, &asked, &second).unwrap();
    assert_eq!(ids(&third), ["1000000000201"]);
    let behind = json!([{"filters": [{"propertyName": "lastmodifieddate", "operator": "GTE", "value": (NOW - 29_999).to_string()}]}]);
    host.expect(search(behind, "lastmodifieddate"), found(0, &[]));
    let last = go_on(&host, &asked, &third).unwrap();
    assert_eq!((last.next, last.mark), (None, Some(NOW)));
}

#[test]
fn what_was_deleted_is_looked_for_once_an_hour() {
    let host = host();
    let state = json!({"next_at": NOW, "since": NOW - 3_600_000, "begun": null, "after": null});
    let asked = Pull { state: Some(state), ..pull(Scope::Since(NOW)) };
    let gte = json!([{"filters": [{"propertyName": "lastmodifieddate", "operator": "GTE", "value": NOW.to_string()}]}]);
    host.expect(search(gte.clone(), "lastmodifieddate"), found(0, &[]));
    let first = host.pull::<HubSpot>(asked.clone()).unwrap();
    assert!(first.next.is_some());
    let path = "/crm/objects/2026-03/contacts?archived=true&limit=100&properties=lastmodifieddate";
    let gone = |id: &str, at: &str| json!({"id": id, "properties": {}, "archived": true, "archivedAt": at});
    let archived = json!({"results": [gone("1", "2026-10-31T23:30:00Z"), gone("2", "2026-10-01T00:00:00Z"), gone("3", "2026-10-31T23:40:00Z")]});
    host.expect(api("GET", path), Reply::json(200, &archived));
    let merged =
        json!([{"filters": [{"propertyName": "hs_merged_object_ids", "operator": "IN", "values": ["1", "3"]}]}]);
    let mut survivor = row(8, "2026-10-31T23:40:00.000Z");
    survivor["properties"]["hs_merged_object_ids"] = json!("3");
    host.expect(search(merged, "hs_object_id"), found(1, &[survivor]));
    let swept = go_on(&host, &asked, &first).unwrap();
    assert_eq!(swept.changes.get(1), Some(&Change::Merged { into: "8".into(), gone: vec!["3".into()] }));
    assert_eq!(swept.changes.last(), Some(&Change::Deleted("1".into())));
    assert_eq!((swept.next.as_ref(), swept.mark, swept.changes.len()), (None, Some(NOW), 3));
    // within the hour it is not asked for again; who it is, is
    host.set_now(host.now() + 3_000_000);
    expect_portal(&host);
    host.expect(search(gte, "lastmodifieddate"), found(0, &[]));
    let later = host.pull::<HubSpot>(Pull { state: swept.state, ..asked }).unwrap();
    assert_eq!(later.next, None);
}

#[test]
fn each_id_is_answered() {
    let host = host();
    let read = |inputs: &[&str]| {
        let inputs: Vec<Value> = inputs.iter().map(|id| json!({"id": id})).collect();
        let body = json!({"inputs": inputs, "properties": ["email", "hs_merged_object_ids", "lastmodifieddate"], "propertiesWithHistory": []});
        api("POST", "/crm/objects/2026-03/contacts/batch/read").json(body)
    };
    let time = "2026-10-31T12:00:00.000Z";
    let mut survivor = row(2, time);
    survivor["properties"]["hs_merged_object_ids"] = json!("3;99");
    let answer = json!({"status": "COMPLETE", "results": [row(1, time), survivor], "numErrors": 2, "errors": [{"category": "OBJECT_NOT_FOUND"}]});
    host.expect(read(&["1", "2", "3", "4"]), Reply::json(207, &answer));
    let merged = json!([{"filters": [{"propertyName": "hs_merged_object_ids", "operator": "IN", "values": ["4"]}]}]);
    host.expect(search(merged, "hs_object_id"), found(0, &[]));
    let page = host.pull::<HubSpot>(pull(Scope::Ids(["1", "2", "3", "4", "x"].map(str::to_owned).into()))).unwrap();
    assert_eq!(ids(&page), ["1", "2"]);
    let others: Vec<_> = page.changes.iter().filter(|change| !matches!(change, Change::Found(_))).collect();
    let expected = [
        Change::Merged { into: "2".into(), gone: vec!["3".into(), "99".into()] },
        Change::Deleted("4".into()),
        Change::Deleted("x".into()),
    ];
    assert_eq!(others, expected.iter().collect::<Vec<_>>());
}

#[test]
fn what_is_unique_is_read_and_what_is_not_is_searched() {
    let host = host();
    let body = json!({
        "inputs": [{"id": "a@example.com"}], "properties": ["email", "hs_merged_object_ids", "lastmodifieddate"],
        "propertiesWithHistory": [], "idProperty": "email",
    });
    let time = "2026-10-31T12:00:00.000Z";
    host.expect(
        api("POST", "/crm/objects/2026-03/contacts/batch/read").json(body),
        Reply::json(200, &json!({"results": [row(1, time)]})),
    );
    let matching = |field: &str, value: &str| pull(Scope::Matching { field: field.into(), values: vec![value.into()] });
    assert_eq!(ids(&host.pull::<HubSpot>(matching("email", "a@example.com")).unwrap()), ["1"]);
    let phones = json!([{"filters": [{"propertyName": "phone", "operator": "IN", "values": ["+15550100"]}]}]);
    host.expect(search(phones, "hs_object_id"), found(1, &[row(2, time)]));
    assert_eq!(ids(&host.pull::<HubSpot>(matching("phone", "+15550100")).unwrap()), ["2"]);
}

#[test]
fn a_value_that_many_have_hides_nobody_who_has_another() {
    let host = host();
    let time = "2026-10-31T12:00:00.000Z";
    let values = vec!["Acme".to_owned(), "Other".to_owned()];
    let asked = pull(Scope::Matching { field: "company".into(), values });
    // of several values HubSpot takes small letters only
    let either = json!({"propertyName": "company", "operator": "IN", "values": ["acme", "other"]});
    host.expect(search(json!([{"filters": [either]}]), "hs_object_id"), found(3, &[row(2, time), row(3, time)]));
    let first = host.pull::<HubSpot>(asked.clone()).unwrap();
    let behind = json!({"propertyName": "hs_object_id", "operator": "GT", "value": "3"});
    host.expect(search(json!([{"filters": [either, behind]}]), "hs_object_id"), found(1, &[row(9, time)]));
    let last = go_on(&host, &asked, &first).unwrap();
    assert_eq!((ids(&first), ids(&last)), (vec!["2", "3"], vec!["9"]));
    assert_eq!(last.next, None);
}

#[test]
fn searches_take_turns_and_limits_are_waited_for() {
    let host = host();
    host.expect(api("POST", "/crm/objects/2026-03/contacts/search"), found(0, &[]));
    host.pull::<HubSpot>(pull(Scope::All)).unwrap();
    host.set_now(NOW + 100);
    assert_eq!(host.pull::<HubSpot>(pull(Scope::All)), Err(Error::RateLimited(110)), "without a request");
    host.set_now(NOW + 210);
    let limited = json!({"status": "error", "errorType": "RATE_LIMIT", "policyName": "SECONDLY"});
    host.expect(api("POST", "/crm/objects/2026-03/contacts/search"), Reply::json(429, &limited));
    assert_eq!(host.pull::<HubSpot>(pull(Scope::All)), Err(Error::RateLimited(1_000)));
}

#[test]
fn a_mapping_of_very_many_fields_is_found_first_and_read_then() {
    let host = host();
    let fields: Vec<String> = (0..200).map(|index| format!("a_custom_property_{index:04}")).collect();
    let time = "2026-10-31T12:00:00.000Z";
    host.expect(api("POST", "/crm/objects/2026-03/contacts/search"), found(1, &[row(1, time)]));
    host.expect(
        api("POST", "/crm/objects/2026-03/contacts/batch/read"),
        Reply::json(200, &json!({"results": [row(1, time)]})),
    );
    let page = host.pull::<HubSpot>(Pull { fields, ..pull(Scope::All) }).unwrap();
    assert_eq!(ids(&page), ["1"]);
    let sent = host.sent();
    assert!(sent.iter().filter(|sent| sent.url.ends_with("/search")).all(|sent| sent.body.len() <= 3_000));
}

#[test]
fn a_deal_brings_its_contacts() {
    let host = host();
    let properties = json!({"dealname": "100 seats", "amount": "12000", "hs_is_closed": "false", "hs_lastmodifieddate": "2026-10-31T12:00:00Z"});
    let deal = json!({"id": "7", "properties": properties, "updatedAt": "2026-10-31T12:00:00Z"});
    host.expect(api("POST", "/crm/objects/2026-03/deals/search"), found(1, &[deal]));
    let linked = json!({"results": [{"from": {"id": "7"}, "to": [{"toObjectId": 151, "associationTypes": []}, {"toObjectId": "152"}]}]});
    let body = json!({"inputs": [{"id": "7"}]});
    host.expect(
        api("POST", "/crm/associations/2026-03/deals/contacts/batch/read").json(body),
        Reply::json(200, &linked),
    );
    let fields = ["dealname", "deal.status", "amount.minor", "amount.currency", "associations.contacts"];
    let page = host.pull::<HubSpot>(Pull { limit: 200, ..Pull::all("deals", &fields) }).unwrap();
    let Some(Change::Found(item)) = page.changes.first() else { panic!("{page:?}") };
    let expected = json!({
        "dealname": "100 seats", "deal.status": "open", "amount.minor": 1_200_000, "amount.currency": "EUR",
        "associations.contacts": "151;152",
    });
    assert_eq!(Value::Object(item.fields.clone()), expected);
}

#[test]
fn the_contacts_of_very_many_deals_are_asked_for_by_the_hundred() {
    let host = host();
    let deals: Vec<Value> = (1..=150)
        .map(|id: u64| json!({"id": id.to_string(), "properties": {}, "updatedAt": "2026-10-31T12:00:00Z"}))
        .collect();
    host.expect(api("POST", "/crm/objects/2026-03/deals/search"), found(150, &deals));
    let path = "/crm/associations/2026-03/deals/contacts/batch/read";
    for (first, last) in [(1, 100), (101, 150)] {
        let inputs: Vec<Value> = (first..=last).map(|id: u64| json!({"id": id.to_string()})).collect();
        let linked = json!({"results": [{"from": {"id": last.to_string()}, "to": [
            {"toObjectId": "12"}, {"toObjectId": 9}, {"toObjectId": "12"},
        ]}]});
        host.expect(api("POST", path).json(json!({"inputs": inputs})), Reply::json(200, &linked));
    }
    let page = host.pull::<HubSpot>(Pull { limit: 200, ..Pull::all("deals", &["associations.contacts"]) }).unwrap();
    let with: Vec<(String, Value)> = page
        .changes
        .into_iter()
        .filter_map(|change| match change {
            Change::Found(item) => Some((item.id, item.fields.get("associations.contacts").cloned()?)),
            _ => None,
        })
        .filter(|(_, contacts)| !contacts.is_null())
        .collect();
    assert_eq!(with, [("100".to_owned(), json!("9;12")), ("150".to_owned(), json!("9;12"))]);
}

#[test]
fn properties_are_described_with_the_accounts_own() {
    let host = MockHost::with_manifest(include_str!("../plugin.toml"));
    host.set_secret("access_token", "pat-na1-canary");
    host.set_config(json!({"api_version": "2026-09"}));
    let results = json!([
        {"name": "email", "label": "Email", "type": "string", "hubspotDefined": true, "hasUniqueValue": false},
        {"name": "lifecyclestage", "label": "Stage", "type": "enumeration", "hubspotDefined": true, "options": [{"label": "Lead", "value": "lead"}]},
        {"name": "createdate", "label": "Created", "type": "datetime", "hubspotDefined": true, "modificationMetadata": {"readOnlyValue": true}},
        {"name": "hubspot_owner_id", "label": "Owner", "type": "enumeration", "hubspotDefined": true, "referencedObjectType": "OWNER"},
        {"name": "shoe_size", "label": "Shoe size", "type": "number", "hubspotDefined": false},
    ]);
    let path = "/crm/properties/2026-09/contacts?archived=false";
    host.expect(api("GET", path), Reply::json(200, &json!({"results": results})));
    let fields = host.describe::<HubSpot>("contacts").unwrap();
    let told: Vec<_> = fields
        .iter()
        .map(|field| (field.name.as_str(), field.kind, field.writable, field.unique, field.custom))
        .collect();
    let expected = [
        ("email", FieldKind::Text, true, true, false),
        ("lifecyclestage", FieldKind::Choice, true, false, false),
        ("createdate", FieldKind::Time, false, false, false),
        ("hubspot_owner_id", FieldKind::Text, true, false, false),
        ("shoe_size", FieldKind::Number, true, false, true),
    ];
    assert_eq!(told, expected);
    assert_eq!(fields.get(1).map(|field| field.choices.as_slice()), Some(["lead".to_owned()].as_slice()));
}
