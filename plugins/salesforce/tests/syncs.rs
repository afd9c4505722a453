//! Records that come in: queries and their pages, what is gone, ids, and who has the same number.
#![expect(clippy::indexing_slicing, reason = "helpers of tests fail them")]

use patchbay_plugin_salesforce::Salesforce;
use patchbay_sdk::Error;
use patchbay_sdk::sync::{Change, FieldKind, Pull, Scope};
use patchbay_sdk::testing::{Exchange, MockHost, Reply};
use serde_json::{Value, json};

const BASE: &str = "https://acme.my.salesforce.com";
const DATE: &str = "Sun, 01 Nov 2026 00:10:30 GMT";
/// That time.
const NOW: u64 = 1_793_491_830_000;
const ADA: &str = "003000000000001AAA";
const BOB: &str = "003000000000002AAA";

fn host() -> MockHost {
    let host = MockHost::with_manifest(include_str!("../plugin.toml"));
    host.set_secret("access_token", "00D!canary");
    host.set_config(json!({"login": "login", "instance_url": BASE}));
    host
}

fn data(path: &str) -> String {
    format!("{BASE}/services/data/v68.0{path}")
}

/// As the address has it.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

fn query(soql: &str) -> Exchange {
    Exchange::get(format!("{}?q={}", data("/query"), encoded(soql))).credential("access_token")
}

fn query_all(soql: &str) -> Exchange {
    Exchange::get(format!("{}?q={}", data("/queryAll"), encoded(soql))).credential("access_token")
}

fn deleted(start: &str, end: &str) -> Exchange {
    let url = format!("{}?start={}&end={}", data("/sobjects/Contact/deleted/"), encoded(start), encoded(end));
    Exchange::get(url).credential("access_token")
}

fn contact(id: &str, second: u32) -> Value {
    json!({
        "attributes": {"type": "Contact", "url": format!("/services/data/v68.0/sobjects/Contact/{id}")},
        "Id": id, "SystemModstamp": format!("2026-11-01T00:00:{second:02}.000+0000"), "Email": "ada@example.com",
    })
}

fn page(total: usize, next: Option<&str>, records: &[Value]) -> Reply {
    let mut body = json!({"totalSize": total, "done": next.is_none(), "records": records});
    if let Some(next) = next {
        body["nextRecordsUrl"] = json!(next);
    }
    Reply::json(200, &body).header("date", DATE).header("sforce-limit-info", "api-usage=18/5000")
}

fn refusal(status: u16, code: &str) -> Reply {
    Reply::json(status, &json!([{"errorCode": code, "message": "no"}]))
}

fn gone(records: &[(&str, &str)], covered: &str) -> Reply {
    let records: Vec<Value> = records.iter().map(|(id, at)| json!({"id": id, "deletedDate": at})).collect();
    let earliest = "2026-10-17T00:00:00.000+0000";
    Reply::json(
        200,
        &json!({"deletedRecords": records, "earliestDateAvailable": earliest, "latestDateCovered": covered}),
    )
}

fn ids(changes: &[Change]) -> Vec<String> {
    let id = |change: &Change| match change {
        Change::Found(item) => item.id.clone(),
        Change::Deleted(id) => format!("-{id}"),
        Change::Merged { into, gone } => format!("{}>{into}", gone.join("+")),
    };
    changes.iter().map(id).collect()
}

fn since(ms: u64) -> Pull {
    Pull { scope: Scope::Since(ms), limit: 2_000, ..Pull::all("Contact", &["Email"]) }
}

const ALL: &str = "SELECT Id,SystemModstamp,Email FROM Contact ORDER BY SystemModstamp, Id";

#[test]
fn all_records_come_page_by_page_and_the_mark_is_when_the_first_was_asked_for() {
    let host = host();
    let next = "/services/data/v68.0/query/01g000000000001-2000";
    host.expect(
        query(ALL).header("sforce-query-options", "batchSize=2000"),
        page(3, Some(next), &[contact(ADA, 1), contact(BOB, 2)]),
    );
    let later = page(3, None, &[contact("003000000000003", 3)]).header("date", "Sun, 01 Nov 2026 00:11:00 GMT");
    host.expect(Exchange::get(format!("{BASE}{next}")).credential("access_token"), later);
    let pulled = host.pull_all::<Salesforce>(Pull { limit: 2_000, ..Pull::all("Contact", &["Email"]) }).unwrap();
    assert_eq!(ids(&pulled.changes), [ADA, BOB, "003000000000003AAA"]);
    assert_eq!((pulled.mark, pulled.pages), (Some(NOW), 2));
    assert_eq!(pulled.state, Some(json!({"covered": NOW})));
    let Change::Found(ada) = &pulled.changes[0] else { panic!("{:?}", pulled.changes[0]) };
    assert_eq!(ada.url.as_deref(), Some(format!("{BASE}/{ADA}").as_str()));
    assert_eq!(ada.modified_at, Some(1_793_491_201_000));
    assert_eq!(ada.fields["SystemModstamp"], "2026-11-01T00:00:01Z");
    assert_eq!(ada.fields["Email"], "ada@example.com");
}

#[test]
fn a_forgotten_query_goes_on_behind_the_last_record() {
    let host = host();
    let next = "/services/data/v68.0/query/01g000000000001-2000";
    host.expect(query(ALL), page(2, Some(next), &[contact(ADA, 1)]));
    host.expect(
        Exchange::get(format!("{BASE}{next}")).credential("access_token"),
        refusal(400, "INVALID_QUERY_LOCATOR"),
    );
    let on = format!(
        "SELECT Id,SystemModstamp,Email FROM Contact WHERE (SystemModstamp = 2026-11-01T00:00:01Z AND Id > '{ADA}') OR \
         SystemModstamp > 2026-11-01T00:00:01Z ORDER BY SystemModstamp, Id"
    );
    host.expect(query(&on), page(1, None, &[contact(BOB, 2)]));
    let pulled = host.pull_all::<Salesforce>(Pull { limit: 2_000, ..Pull::all("Contact", &["Email"]) }).unwrap();
    assert_eq!(ids(&pulled.changes), [ADA, BOB]);
}

#[test]
fn a_next_page_that_leads_elsewhere_is_not_asked_for() {
    let on = format!(
        "SELECT Id,SystemModstamp,Email FROM Contact WHERE (SystemModstamp = 2026-11-01T00:00:01Z AND Id > '{ADA}') OR \
         SystemModstamp > 2026-11-01T00:00:01Z ORDER BY SystemModstamp, Id"
    );
    for next in [
        "https://evil.example/services/data/v68.0/query/01g000000000001-2000",
        "//evil.example/services/data/v68.0/query/01g000000000001-2000",
        "@evil.example/services/data/v68.0/query/01g000000000001-2000",
        "/services/data/v68.0/../../apexrest/query/01g000000000001-2000",
        "/services/data/v68.0/sobjects/User?x=/query",
        "/services/apexrest/query",
        "",
    ] {
        let host = host();
        host.expect(query(ALL), page(2, Some(next), &[contact(ADA, 1)]));
        host.expect(query(&on), page(1, None, &[contact(BOB, 2)]));
        let pulled = host.pull_all::<Salesforce>(Pull { limit: 2_000, ..Pull::all("Contact", &["Email"]) }).unwrap();
        assert_eq!(ids(&pulled.changes), [ADA, BOB], "{next}");
    }
}

#[test]
fn a_page_that_is_too_large_is_cut_and_nothing_is_skipped() {
    let host = host();
    host.expect(query(ALL), page(2, None, &[contact(ADA, 1), contact(BOB, 1)]));
    let on = format!(
        "SELECT Id,SystemModstamp,Email FROM Contact WHERE (SystemModstamp = 2026-11-01T00:00:01Z AND Id > '{ADA}') OR \
         SystemModstamp > 2026-11-01T00:00:01Z ORDER BY SystemModstamp, Id"
    );
    host.expect(query(&on), page(1, None, &[contact(BOB, 1)]));
    let pulled = host.pull_all::<Salesforce>(Pull { limit: 1, ..Pull::all("Contact", &["Email"]) }).unwrap();
    assert_eq!(ids(&pulled.changes), [ADA, BOB]);
}

#[test]
fn a_delta_has_what_changed_what_went_and_what_was_merged() {
    let host = host();
    let soql = "SELECT Id,SystemModstamp,Email FROM Contact WHERE SystemModstamp >= 2026-11-01T00:00:00Z \
                ORDER BY SystemModstamp, Id";
    host.expect(query(soql), page(1, None, &[contact(ADA, 9)]));
    let went = [("003000000000007AAA", "2026-11-01T00:08:00.000+0000"), (BOB, "2026-11-01T00:07:00.000+0000")];
    host.expect(
        deleted("2026-11-01T00:05:00+00:00", "2026-11-01T00:10:00+00:00"),
        gone(&went, "2026-11-01T00:09:00.000+0000"),
    );
    let asks = format!("SELECT Id,IsDeleted,MasterRecordId FROM Contact WHERE Id IN ('{BOB}','003000000000007AAA')");
    let records = [
        json!({"Id": BOB, "IsDeleted": true, "MasterRecordId": ADA}),
        json!({"Id": "003000000000007AAA", "IsDeleted": true, "MasterRecordId": null}),
    ];
    host.expect(query_all(&asks), page(2, None, &records));
    let state = Some(json!({"covered": 1_793_491_500_000_u64}));
    let pulled = host.pull_all::<Salesforce>(Pull { state, ..since(1_793_491_200_000) }).unwrap();
    assert_eq!(ids(&pulled.changes), [ADA.to_owned(), "-003000000000007AAA".to_owned(), format!("{BOB}>{ADA}")]);
    // the next window begins where Salesforce says that this one is whole
    assert_eq!(pulled.state, Some(json!({"covered": 1_793_491_740_000_u64})));
    assert_eq!((pulled.mark, pulled.pages), (Some(NOW), 1));
}

#[test]
fn deletions_that_nobody_can_tell_any_more_call_for_a_full_run() {
    let soql = "SELECT Id,SystemModstamp,Email FROM Contact WHERE SystemModstamp >= 2026-11-01T00:00:00Z \
                ORDER BY SystemModstamp, Id";
    let host = host();
    let needed = |covered: u64| {
        let state = Some(json!({"covered": covered}));
        let error = host.pull_all::<Salesforce>(Pull { state, ..since(1_793_491_200_000) }).unwrap_err();
        let Error::Upstream(failure) = error else { panic!("{error}") };
        assert_eq!((failure.status, failure.code.as_deref()), (410, Some("INVALID_REPLICATION_DATE")));
        assert!(failure.message.contains("a full run is needed"), "{}", failure.message);
    };
    host.expect(query(soql), page(0, None, &[]));
    needed(NOW - 16 * 86_400_000);
    host.expect(query(soql), page(0, None, &[]));
    host.expect(
        deleted("2026-11-01T00:00:00+00:00", "2026-11-01T00:10:00+00:00"),
        refusal(400, "INVALID_REPLICATION_DATE"),
    );
    needed(1_793_491_200_000);
    host.expect(query(soql), page(0, None, &[]));
    let purged = json!({
        "deletedRecords": [], "earliestDateAvailable": "2026-11-01T00:08:00.000+0000",
        "latestDateCovered": "2026-11-01T00:09:00.000+0000",
    });
    host.expect(deleted("2026-11-01T00:00:00+00:00", "2026-11-01T00:10:00+00:00"), Reply::json(200, &purged));
    needed(1_793_491_200_000);
}

#[test]
fn each_id_is_answered() {
    let host = host();
    let lost = "003000000000009AAA";
    let asked = json!({"ids": [ADA, BOB, lost], "fields": ["Id", "SystemModstamp", "Email"]});
    host.expect(
        Exchange::post(data("/composite/sobjects/Contact")).credential("access_token").json(asked),
        Reply::json(200, &json!([contact(ADA, 1), null, null])),
    );
    let asks = format!("SELECT Id,IsDeleted,MasterRecordId FROM Contact WHERE Id IN ('{BOB}','{lost}')");
    host.expect(query_all(&asks), page(1, None, &[json!({"Id": BOB, "IsDeleted": true, "MasterRecordId": ADA})]));
    let scope = Scope::Ids([ADA, BOB, lost, "nothing"].map(str::to_owned).to_vec());
    let page = host.pull::<Salesforce>(Pull { scope, ..Pull::all("Contact", &["Email"]) }).unwrap();
    let mut told = ids(&page.changes);
    told.sort();
    assert_eq!(told, [format!("-{lost}"), "-nothing".to_owned(), ADA.to_owned(), format!("{BOB}>{ADA}")]);
}

#[test]
fn the_same_number_is_found_however_it_is_written_and_no_value_leaves_its_quotes() {
    let host = host();
    let matching = |field: &str, value: &str| Pull {
        scope: Scope::Matching { field: field.to_owned(), values: vec![value.to_owned()] },
        ..Pull::all("Contact", &["Email"])
    };
    let soql = "SELECT Id,SystemModstamp,Email,Phone FROM Contact WHERE Phone LIKE '%1%5%5%5%5%0%1%0%0' ORDER BY SystemModstamp, Id \
                LIMIT 2000";
    let with = |id: &str, phone: &str| {
        let mut contact = contact(id, 1);
        contact["Phone"] = json!(phone);
        contact
    };
    // the second only has the digits in that order
    host.expect(query(soql), page(2, None, &[with(ADA, "(415) 555-0100"), with(BOB, "+91 5550155550100")]));
    let found = host.pull::<Salesforce>(matching("Phone", "+14155550100")).unwrap();
    assert_eq!(ids(&found.changes), [ADA]);
    let soql = r"SELECT Id,SystemModstamp,Email FROM Contact WHERE Email = 'x\' OR Id != \'' ORDER BY SystemModstamp, Id LIMIT 2000";
    host.expect(query(soql), page(0, None, &[]));
    assert!(host.pull::<Salesforce>(matching("Email", "x' OR Id != '")).unwrap().changes.is_empty());
    for field in ["Email FROM User", "Email'", ""] {
        assert!(matches!(host.pull::<Salesforce>(matching(field, "x")), Err(Error::Invalid(_))), "{field}");
    }
}

#[test]
fn a_limit_that_is_near_slows_the_sync_down() {
    let host = host();
    for (header, pause) in [("api-usage=4200/5000", Some(30_000)), ("api-usage=4990/5000", Some(3_600_000))] {
        let body = json!({"totalSize": 0, "done": true, "records": []});
        host.expect(query(ALL), Reply::json(200, &body).header("sforce-limit-info", header));
        let page = host.pull::<Salesforce>(Pull { limit: 2_000, ..Pull::all("Contact", &["Email"]) }).unwrap();
        assert_eq!(page.pause_ms, pause);
    }
    for (message, wait) in [("TotalRequests Limit exceeded.", 3_600_000), ("ConcurrentRequests Limit exceeded.", 5_000)]
    {
        let body = json!([{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": message}]);
        host.expect(query(ALL), Reply::json(403, &body));
        let error = host.pull::<Salesforce>(Pull { limit: 2_000, ..Pull::all("Contact", &["Email"]) }).unwrap_err();
        assert!(
            matches!(&error, Error::Upstream(failure) if failure.status == 429 && failure.retry_after_ms == Some(wait))
        );
    }
}

#[test]
fn an_objects_fields_are_those_of_this_org() {
    let host = host();
    let field = |name: &str, kind: &str, more: Value| {
        let mut field = json!({
            "name": name, "label": name, "type": kind, "nillable": true, "createable": true, "updateable": true,
            "defaultedOnCreate": false, "unique": false, "custom": false, "picklistValues": [],
        });
        for (name, value) in more.as_object().unwrap() {
            field[name.as_str()] = value.clone();
        }
        field
    };
    let choices = json!([{"value": "Web", "active": true}, {"value": "Fax", "active": false}]);
    let fields = json!([
        field("LastName", "string", json!({"nillable": false})),
        field("LeadSource", "picklist", json!({"picklistValues": choices})),
        field("AccountId", "reference", json!({})),
        field("MailingAddress", "address", json!({})),
        field("CreatedDate", "datetime", json!({"nillable": false, "createable": false, "updateable": false})),
        field("Patchbay_Id__c", "string", json!({"unique": true, "custom": true})),
    ]);
    host.expect(
        Exchange::get(data("/sobjects/Contact/describe")).credential("access_token"),
        Reply::json(200, &json!({"name": "Contact", "fields": fields})),
    );
    let fields = host.describe::<Salesforce>("Contact").unwrap();
    let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, ["LastName", "LeadSource", "AccountId", "CreatedDate", "Patchbay_Id__c"]);
    assert_eq!(fields[1].choices, ["Web"]);
    let facts: Vec<(FieldKind, bool, bool)> =
        fields.iter().map(|field| (field.kind, field.required, field.writable)).collect();
    assert_eq!(facts[0], (FieldKind::Text, true, true));
    assert_eq!(facts[2], (FieldKind::Reference, false, true));
    assert_eq!(facts[3], (FieldKind::Time, false, false));
    assert!(fields[4].unique && fields[4].custom);
}
