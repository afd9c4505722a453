//! The operations, settings, and Salesforce's own API through the hub.

use patchbay_plugin_salesforce::Salesforce;
use patchbay_sdk::Error;
use patchbay_sdk::testing::{Exchange, MockHost, ProxyCall, Reply};
use serde_json::{Value, json};

const BASE: &str = "https://acme.my.salesforce.com";
const ADA: &str = "003000000000001AAA";

fn host() -> MockHost {
    let host = MockHost::with_manifest(include_str!("../plugin.toml"));
    host.set_secret("access_token", "00D!canary");
    host.set_config(json!({"login": "test", "instance_url": format!("{BASE}/"), "api_version": "67.0"}));
    host
}

fn call(method: &str, path: &str) -> Exchange {
    Exchange::new(method, format!("{BASE}/services/data/v67.0{path}")).credential("access_token")
}

#[test]
fn a_query_has_pages() {
    let host = host();
    let next = "/services/data/v67.0/query/01g000000000001-2000";
    let record = json!({"attributes": {"type": "Account"}, "Id": "001000000000001AAA"});
    host.expect(
        call("GET", "/query?q=SELECT%20Id%20FROM%20Account").header("accept", "application/json"),
        Reply::json(200, &json!({"totalSize": 2, "done": false, "nextRecordsUrl": next, "records": [record]})),
    );
    let page = host.invoke::<Salesforce>("query", json!({"soql": "SELECT Id FROM Account"})).unwrap();
    assert_eq!((&page["total"], &page["next"]), (&json!(2), &json!(next)));
    host.expect(
        Exchange::get(format!("{BASE}{next}")).credential("access_token"),
        Reply::json(200, &json!({"totalSize": 2, "done": true, "records": [record]})),
    );
    let last = host.invoke::<Salesforce>("query-more", json!({"next": next})).unwrap();
    assert_eq!((last.get("next"), &last["records"][0]), (None, &record));
    for next in [
        "/services/apexrest/query",
        "https://evil.example/query",
        "/services/data/v67.0/../query",
        "/services/data/v67.0/limits",
    ] {
        assert!(
            matches!(host.invoke::<Salesforce>("query-more", json!({"next": next})), Err(Error::Invalid(_))),
            "{next}"
        );
    }
}

#[test]
fn a_record_is_read_made_changed_upserted_and_deleted() {
    let host = host();
    host.expect(
        call("GET", "/sobjects/Contact/Patchbay_Id__c/a%20b?fields=Id%2CEmail"),
        Reply::json(200, &json!({"Id": ADA, "Email": "a@b.co"})),
    );
    let input = json!({"object": "Contact", "field": "Patchbay_Id__c", "id": "a b", "fields": ["Id", "Email"]});
    assert_eq!(host.invoke::<Salesforce>("get", input).unwrap()["record"]["Email"], "a@b.co");
    host.expect(
        call("POST", "/sobjects/Contact").json(json!({"LastName": "X"})),
        Reply::json(201, &json!({"id": ADA, "success": true, "errors": []})),
    );
    let made = host.invoke::<Salesforce>("create", json!({"object": "Contact", "fields": {"LastName": "X"}})).unwrap();
    assert_eq!(made, json!({"id": ADA, "created": true, "url": format!("{BASE}/{ADA}")}));
    assert_ne!(host.sent().last().unwrap().repeatable, Some(true));
    host.expect(call("PATCH", &format!("/sobjects/Contact/{ADA}")).json(json!({"Email": null})), Reply::status(204));
    let input = json!({"object": "Contact", "id": ADA, "fields": {"Email": null}});
    assert_eq!(host.invoke::<Salesforce>("update", input).unwrap()["created"], json!(false));
    host.expect(
        call("PATCH", "/sobjects/Contact/Patchbay_Id__c/7?updateOnly=true").json(json!({"LastName": "Y"})),
        Reply::json(200, &json!({"id": ADA, "success": true, "errors": [], "created": false})),
    );
    let input = json!({"object": "Contact", "value": "7", "fields": {"LastName": "Y"}, "update_only": true});
    assert_eq!(host.invoke::<Salesforce>("upsert", input).unwrap()["id"], ADA);
    host.expect(call("DELETE", &format!("/sobjects/Contact/{ADA}")), Reply::status(204));
    host.invoke::<Salesforce>("delete", json!({"object": "Contact", "id": ADA})).unwrap();
    let wrong = [
        ("get", json!({"object": "Contact/../../x", "id": ADA})),
        ("get", json!({"object": "Contact", "id": "../limits/12345"})),
        ("get", json!({"object": "Contact", "field": "Patchbay_Id__c", "id": "a/b"})),
        ("get", json!({"object": "Contact", "field": "Patchbay_Id__c", "id": "a%2Fb"})),
        ("get", json!({"object": "Contact", "field": "Patchbay_Id__c", "id": "..;x"})),
        ("upsert", json!({"object": "Contact", "value": "%2e%2e", "fields": {"LastName": "Y"}})),
        ("update", json!({"object": "Contact", "id": ADA, "fields": {"ID": "x"}})),
        ("upsert", json!({"object": "Contact", "value": "7", "fields": {"patchbay_id__c": "8"}})),
        ("delete", json!({"object": "Contact", "id": "0030000000000%1"})),
    ];
    for (action, input) in wrong {
        assert!(matches!(host.invoke::<Salesforce>(action, input.clone()), Err(Error::Invalid(_))), "{action} {input}");
    }
}

#[test]
fn several_records_with_one_external_id_are_a_conflict() {
    let host = host();
    let urls = json!([
        format!("/services/data/v67.0/sobjects/Contact/{ADA}"),
        "/services/data/v67.0/sobjects/Contact/003000000000002AAA",
    ]);
    host.expect(call("PATCH", "/sobjects/Contact/Patchbay_Id__c/7"), Reply::json(300, &urls));
    let upsert = json!({"object": "Contact", "value": "7", "fields": {"LastName": "Y"}});
    let refused = host.invoke::<Salesforce>("upsert", upsert).unwrap_err();
    assert!(matches!(&refused, Error::Conflict(text) if text.contains("make the field unique")), "{refused}");
}

#[test]
fn several_requests_are_one() {
    let host = host();
    let asked = json!({"allOrNone": true, "compositeRequest": [
        {"method": "POST", "url": "/services/data/v67.0/sobjects/Account", "referenceId": "account", "body": {"Name": "Acme"}},
        {"method": "GET", "url": "/services/data/v67.0/sobjects/Account/@{account.id}", "referenceId": "read"},
    ]});
    let answered = json!({"compositeResponse": [
        {"body": {"id": "001000000000001AAA"}, "httpHeaders": {}, "httpStatusCode": 201, "referenceId": "account"},
        {"body": {"Name": "Acme"}, "httpHeaders": {}, "httpStatusCode": 200, "referenceId": "read"},
    ]});
    host.expect(call("POST", "/composite").json(asked), Reply::json(200, &answered));
    let input = json!({"all_or_none": true, "requests": [
        {"method": "POST", "path": "/sobjects/Account", "reference_id": "account", "body": {"Name": "Acme"}},
        {"method": "GET", "path": "/sobjects/Account/@{account.id}", "reference_id": "read"},
    ]});
    let output = host.invoke::<Salesforce>("composite", input).unwrap();
    assert_eq!(
        (&output["results"]["account"]["status"], &output["results"]["read"]["body"]["Name"]),
        (&json!(201), &json!("Acme"))
    );
    let twice = json!({"requests": [
        {"method": "GET", "path": "/limits", "reference_id": "a"}, {"method": "GET", "path": "/limits", "reference_id": "a"},
    ]});
    assert!(matches!(host.invoke::<Salesforce>("composite", twice), Err(Error::Invalid(_))));
    let results = json!([
        {"id": ADA, "success": true, "errors": [], "created": true},
        {"success": false, "errors": [{"statusCode": "STRING_TOO_LONG", "message": "too long", "fields": ["LastName"]}]},
    ]);
    host.expect(call("PATCH", "/composite/sobjects/Contact/Patchbay_Id__c"), Reply::json(200, &results));
    let records = json!([{"Patchbay_Id__c": "1", "LastName": "a"}, {"Patchbay_Id__c": "2", "LastName": "b"}]);
    let input = json!({"operation": "upsert", "object": "Contact", "records": records});
    let results = host.invoke::<Salesforce>("collection", input).unwrap()["results"].clone();
    assert_eq!((&results[0]["created"], &results[1]["errors"][0]["code"]), (&json!(true), &json!("STRING_TOO_LONG")));
}

#[test]
fn who_calls_is_found_and_the_call_is_logged() {
    let host = host();
    let who = "/query?q=SELECT%20Id%2CSystemModstamp%2CName%2CEmail%2CPhone%2CMobilePhone%2CAccountId%20FROM%20Contact%20WHERE%20Phone\
               %20LIKE%20%27%251%255%255%255%255%250%251%250%250%27%20OR%20MobilePhone%20LIKE%20%27%251%255%255%255%255%250%251%250\
               %250%27%20ORDER%20BY%20SystemModstamp%2C%20Id%20LIMIT%202000";
    let found = || {
        let ada = json!({"Id": ADA, "SystemModstamp": "2026-11-01T00:00:00.000+0000", "Name": "Ada", "MobilePhone": "415-555-0100"});
        Reply::json(200, &json!({"totalSize": 1, "done": true, "records": [ada]}))
    };
    host.expect(call("GET", who), found());
    let contacts =
        host.invoke::<Salesforce>("find-contact", json!({"phone": "+14155550100"})).unwrap()["contacts"].clone();
    assert_eq!((&contacts[0]["id"], &contacts[0]["name"]), (&json!(ADA), &json!("Ada")));
    host.expect(call("GET", who), found());
    let before = "/query?q=SELECT%20Id%2CCallObject%20FROM%20Task%20WHERE%20CallObject%20IN%20%28%27c-7%27%29%20ORDER%20BY%20\
                  SystemModstamp%2C%20Id";
    host.expect(call("GET", before), Reply::json(200, &json!({"totalSize": 0, "done": true, "records": []})));
    host.expect(
        call("POST", "/composite/sobjects"),
        Reply::json(200, &json!([{"id": "00T000000000001AAA", "success": true, "errors": []}])),
    );
    let input = json!({"call_id": "c-7", "direction": "outbound", "number": "+14155550100", "duration_s": 30, "date": "2026-11-01"});
    let logged = host.invoke::<Salesforce>("log-call", input).unwrap();
    assert_eq!((&logged["task_id"], &logged["contact_id"]), (&json!("00T000000000001AAA"), &json!(ADA)));
    let task = host.sent().last().unwrap().json()["records"][0].clone();
    assert_eq!((&task["Subject"], &task["CallDurationInSeconds"]), (&json!("Call to +14155550100"), &json!(30)));
    assert!(matches!(host.invoke::<Salesforce>("find-contact", json!({})), Err(Error::Invalid(_))));
}

#[test]
fn what_an_object_is_and_what_is_left_is_told() {
    let host = host();
    let field = json!({"name": "Email", "label": "E-mail", "type": "email", "length": 80, "nillable": true, "externalId": false});
    host.expect(
        call("GET", "/sobjects/Contact/describe"),
        Reply::json(200, &json!({"name": "Contact", "label": "Contact", "fields": [field], "urls": {}})),
    );
    let described = host.invoke::<Salesforce>("describe", json!({"object": "Contact"})).unwrap();
    assert_eq!(described["fields"][0]["type"], "email");
    host.expect(
        call("GET", "/limits"),
        Reply::json(200, &json!({"DailyApiRequests": {"Max": 5000, "Remaining": 4982}})),
    );
    let limits = host.invoke::<Salesforce>("limits", json!({})).unwrap();
    assert_eq!(limits["limits"]["DailyApiRequests"], json!({"max": 5000, "remaining": 4982}));
}

#[test]
fn settings_name_a_host_of_salesforces() {
    let host = host();
    let check = |config: Value| host.validate_config::<Salesforce>(&config);
    for url in [
        "https://acme.my.salesforce.com",
        "https://acme--dev.sandbox.my.salesforce.com/",
        "https://acme.my.salesforce.mil",
    ] {
        check(json!({"login": "login", "instance_url": url})).unwrap();
    }
    for url in [
        "https://evil.example",
        "https://salesforce.com.evil.example",
        "https://evilsalesforce.com",
        "https://.salesforce.com",
        "http://acme.my.salesforce.com",
        "https://acme.my.salesforce.com/x",
        "https://a@acme.my.salesforce.com",
        "acme.my.salesforce.com",
    ] {
        let wrong = check(json!({"login": "login", "instance_url": url})).unwrap_err();
        assert_eq!(wrong.first().map(|one| one.pointer.as_str()), Some("/instance_url"), "{url}");
    }
    let wrong = check(json!({"login": "login", "instance_url": BASE, "api_version": "30.0"})).unwrap_err();
    assert_eq!(wrong.first().map(|one| one.pointer.as_str()), Some("/api_version"));
}

#[test]
fn the_api_itself_goes_on_with_the_token() {
    let host = host();
    host.expect(
        Exchange::get(format!("{BASE}/services/data/v59.0/query/?q=SELECT+Id+FROM+Contact"))
            .credential("access_token")
            .header("x-pretty-print", "1")
            .without_header("cookie"),
        Reply::json(200, &json!({"done": true}))
            .header("sforce-limit-info", "api-usage=18/5000")
            .header("set-cookie", "a=b"),
    );
    let call = ProxyCall::get("/services/data/v59.0/query/?q=SELECT+Id+FROM+Contact")
        .header("x-pretty-print", "1")
        .header("cookie", "c=d");
    let reply = host.proxy::<Salesforce>(call);
    assert_eq!((reply.result.clone(), reply.status), (Ok(()), Some(200)));
    assert_eq!(
        (reply.headers.get("sforce-limit-info"), reply.headers.get("set-cookie")),
        (Some("api-usage=18/5000"), None)
    );
    for path in [
        "/services/data/v59.0/../../apexrest/x",
        "/services/data/v59.0/%2e%2e/x",
        "/services/data/v59.0/.%2E/%2e./apexrest/x",
        "/services/data/v59.0/%2e/x",
        "/services/data/v59.0/a%2Fb",
        "/services/data/v59.0/a%5Cb",
    ] {
        assert_eq!(host.proxy::<Salesforce>(ProxyCall::get(path)).status, Some(404), "{path}");
    }
}

#[test]
fn a_session_that_has_ended_is_the_hubs_affair() {
    let host = host();
    let body = json!([{"errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid"}]);
    host.expect(call("GET", "/limits"), Reply::json(401, &body));
    assert!(matches!(host.invoke::<Salesforce>("limits", json!({})), Err(Error::Unavailable(_))));
}

#[test]
fn who_is_calling_is_told_out_of_the_records_and_salesforce_is_not_asked() {
    let host = host();
    let ada = json!({
        "first_name": "Ada", "phone": "+14155550123", "company_name": "Engines", "external_ids": {"salesforce": "003000000000001AAA"},
        "extra": {"salesforce": {"url": "https://acme.lightning.force.com/lightning/r/Contact/003000000000001AAA/view"}},
    });
    host.put_record("contact", "salesforce:1", &ada);
    let who = |phone: &str| host.invoke::<Salesforce>("find-caller", json!({"phone": phone})).unwrap();
    let told = who("+14155550123");
    assert_eq!((&told["found"], &told["contact"]["first_name"]), (&json!(true), &json!("Ada")), "{told}");
    assert_eq!(
        (&told["contact"]["vendor_id"], &told["company"]["name"]),
        (&json!("003000000000001AAA"), &json!("Engines")),
        "{told}"
    );
    assert_eq!(told["contact"]["url"], "https://acme.lightning.force.com/lightning/r/Contact/003000000000001AAA/view");
    assert_eq!(who("+14155550124")["found"], false);
}
