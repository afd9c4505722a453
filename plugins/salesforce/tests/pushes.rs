//! Records that go out, and calls that are logged.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests fail them")]

use std::collections::BTreeMap;

use patchbay_plugin_salesforce::Salesforce;
use patchbay_sdk::Error;
use patchbay_sdk::events::Event;
use patchbay_sdk::sync::{Write, Written};
use patchbay_sdk::testing::{Exchange, MockHost, Reply};
use serde_json::{Value, json};

const BASE: &str = "https://acme.my.salesforce.com";
const ADA: &str = "003000000000001AAA";
const BOB: &str = "003000000000002AAA";

fn host(more: &Value) -> MockHost {
    let host = MockHost::with_manifest(include_str!("../plugin.toml"));
    host.set_secret("access_token", "00D!canary");
    let mut config = json!({"login": "login", "instance_url": BASE});
    for (name, value) in more.as_object().unwrap() {
        config[name.as_str()] = value.clone();
    }
    host.set_config(config);
    host.set_webhook_url("https://hub.example.com/hooks/abc");
    host
}

fn data(path: &str) -> String {
    format!("{BASE}/services/data/v68.0{path}")
}

fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

fn call(method: &str, path: &str) -> Exchange {
    Exchange::new(method, data(path)).credential("access_token")
}

fn query(soql: &str) -> Exchange {
    call("GET", &format!("/query?q={}", encoded(soql)))
}

fn write(record: &str, id: Option<&str>, fields: Value) -> Write {
    let Value::Object(fields) = fields else { panic!("fields") };
    Write {
        key: format!("key-{record}"),
        record: record.to_owned(),
        id: id.map(str::to_owned),
        fields,
        delete: false,
        data: json!({"name": "Grace Hopper"}),
        references: BTreeMap::new(),
    }
}

fn done(id: &str) -> Value {
    json!({"id": id, "success": true, "errors": []})
}

fn failed(code: &str, fields: &[&str]) -> Value {
    json!({"success": false, "errors": [{"statusCode": code, "message": "no", "fields": fields}]})
}

fn page(records: &[Value]) -> Reply {
    Reply::json(200, &json!({"totalSize": records.len(), "done": true, "records": records}))
}

#[test]
fn new_records_are_upserted_linked_ones_changed_and_deleted_ones_deleted() {
    let host = host(&json!({}));
    host.expect(
        Exchange::new("DELETE", data(&format!("/composite/sobjects?ids={BOB}&allOrNone=false")))
            .credential("access_token"),
        Reply::json(200, &json!([done(BOB)])),
    );
    let changed = json!({"attributes": {"type": "Contact"}, "id": ADA, "Email": null});
    host.expect(
        call("PATCH", "/composite/sobjects").json(json!({"allOrNone": false, "records": [changed]})),
        Reply::json(200, &json!([done(ADA)])),
    );
    let new = json!({
        "attributes": {"type": "Contact"}, "Patchbay_Id__c": "hub:1", "Email": "g@example.com", "FirstName": "Grace",
        "LastName": "Hopper",
    });
    let mut made = done("003000000000003AAA");
    made["created"] = json!(true);
    host.expect(
        call("PATCH", "/composite/sobjects/Contact/Patchbay_Id__c").json(json!({"allOrNone": false, "records": [new]})),
        Reply::json(200, &json!([made])),
    );
    let gone = Write { delete: true, ..write("hub:2", Some(BOB), json!({})) };
    let writes = vec![
        write("hub:1", None, json!({"Email": "g@example.com"})),
        gone,
        write("hub:3", Some(ADA), json!({"Email": null})),
    ];
    let pushed = host.push::<Salesforce>("Contact", writes).unwrap();
    let ids: Vec<(String, bool)> = pushed
        .written
        .into_iter()
        .map(|written| match written {
            Written::Done { id, created, .. } => (id, created),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(ids, [("003000000000003AAA".to_owned(), true), (BOB.to_owned(), false), (ADA.to_owned(), false)]);
    assert!(host.sent().iter().all(|sent| sent.method == "DELETE" || sent.repeatable == Some(true)));
}

#[test]
fn each_record_fails_by_itself_and_a_locked_one_is_sent_again() {
    let host = host(&json!({}));
    let patch = || call("PATCH", "/composite/sobjects");
    let locked = failed("UNABLE_TO_LOCK_ROW", &[]);
    let answers = json!([
        locked,
        failed("ENTITY_IS_DELETED", &[]),
        failed("INVALID_CROSS_REFERENCE_KEY", &["AccountId"]),
        failed("DUPLICATES_DETECTED", &[]),
    ]);
    host.expect(patch(), Reply::json(200, &answers));
    host.expect(patch(), Reply::json(200, &json!([done(ADA)])));
    let writes = (0..4).map(|number| write(&format!("hub:{number}"), Some(ADA), json!({"Title": "x"}))).collect();
    let written = host.push::<Salesforce>("Contact", writes).unwrap().written;
    assert!(matches!(written[0], Written::Done { .. }));
    assert_eq!(written[1], Written::Gone);
    assert!(matches!(&written[2], Written::Refused { field: Some(field), .. } if field == "AccountId"));
    assert!(matches!(&written[3], Written::Refused { message, .. } if message.contains("duplicate rule")));
    assert_eq!(host.sent()[1].json()["records"].as_array().unwrap().len(), 1);
    for _ in 0..3 {
        host.expect(patch(), Reply::json(200, &json!([locked])));
    }
    let error = host.push::<Salesforce>("Contact", vec![write("hub:0", Some(ADA), json!({}))]).unwrap_err();
    assert!(matches!(error, Error::Upstream(failure) if failure.status == 503 && failure.retry_after_ms.is_some()));
}

#[test]
fn without_the_external_id_field_records_are_made_all_the_same_and_the_log_says_how_to_make_it() {
    let host = host(&json!({"external_id_field": "Hub__c"}));
    let message = "Provided external ID field does not exist or is not accessible: Hub__c";
    host.expect(
        call("PATCH", "/composite/sobjects/Account/Hub__c"),
        Reply::json(404, &json!([{"errorCode": "NOT_FOUND", "message": message}])),
    );
    let plain = json!({"attributes": {"type": "Account"}, "Name": "Acme"});
    host.expect(
        call("POST", "/composite/sobjects").json(json!({"allOrNone": false, "records": [plain]})),
        Reply::json(201, &json!([done("001000000000001AAA")])),
    );
    let pushed = host.push::<Salesforce>("Account", vec![write("hub:1", None, json!({"Name": "Acme"}))]).unwrap();
    assert!(matches!(&pushed.written[0], Written::Done { created: true, .. }));
    assert!(host.sent()[1].repeatable != Some(true), "a second one would be made");
    let log = format!("{:?}", host.log());
    assert!(log.contains("Object Manager, Account") && log.contains("External ID") && log.contains("field name Hub"));
}

#[test]
fn what_was_made_without_the_external_id_field_is_not_made_again_because_of_a_lock() {
    let host = host(&json!({}));
    let upsert = || call("PATCH", "/composite/sobjects/Contact/Patchbay_Id__c");
    let create = || call("POST", "/composite/sobjects");
    let message = "Provided external ID field does not exist or is not accessible: Patchbay_Id__c";
    let lacks = || Reply::json(404, &json!([{"errorCode": "NOT_FOUND", "message": message}]));
    let locked = failed("UNABLE_TO_LOCK_ROW", &[]);
    let two = || vec![write("hub:1", None, json!({"LastName": "A"})), write("hub:2", None, json!({"LastName": "B"}))];
    host.expect(upsert(), lacks());
    host.expect(create(), Reply::json(200, &json!([done(ADA), locked])));
    host.expect(create(), Reply::json(200, &json!([locked])));
    host.expect(create(), Reply::status(503));
    let written = host.push::<Salesforce>("Contact", two()).unwrap().written;
    assert!(matches!(&written[0], Written::Done { id, created: true, .. } if id == ADA));
    assert!(matches!(&written[1], Written::Refused { message, .. } if message.contains("locked")), "{:?}", written[1]);
    assert_eq!(host.sent().last().unwrap().json()["records"].as_array().unwrap().len(), 1);
    // of which none was made, all can be tried again
    host.expect(upsert(), lacks());
    for left in [2, 2, 2] {
        host.expect(create(), Reply::json(200, &json!(vec![locked.clone(); left])));
    }
    let error = host.push::<Salesforce>("Contact", two()).unwrap_err();
    assert!(matches!(error, Error::Upstream(failure) if failure.status == 503));
}

fn ended(record: &str, status: &str) -> Write {
    let fields = json!({"CallType": "Inbound", "CallDurationInSeconds": 61, "ActivityDate": "2026-11-01", "Description": "Asked for a quote."});
    Write {
        data: json!({"direction": "inbound", "status": status, "from": "+14155550100", "to": "+13125550188"}),
        ..write(record, None, fields)
    }
}

const WHO: &str = "SELECT Id,SystemModstamp,Name,Email,Phone,MobilePhone,AccountId FROM Contact WHERE Phone LIKE '%1%5%5%5%5%0%1%0%0' \
                   OR MobilePhone LIKE '%1%5%5%5%5%0%1%0%0' ORDER BY SystemModstamp, Id LIMIT 2000";

const MADE: &str = "SELECT Id,SystemModstamp,Patchbay_Id__c FROM Contact WHERE Patchbay_Id__c = 'tel:+14155550100' ORDER BY \
                    SystemModstamp, Id LIMIT 2000";

fn logged(record: &str) -> Exchange {
    query(&format!("SELECT Id,CallObject FROM Task WHERE CallObject IN ('{record}') ORDER BY SystemModstamp, Id"))
}

#[test]
fn a_call_is_logged_with_its_contact_its_deal_and_its_recording_once() {
    let host = host(&json!({}));
    host.put_record(
        "recording",
        "telnyx:r1",
        &json!({"status": "available", "call_id": "telnyx:c1", "blob_id": "blob_1"}),
    );
    let references = BTreeMap::from([
        ("contact".to_owned(), vec![ADA.to_owned()]),
        ("deal".to_owned(), vec!["006000000000001AAA".to_owned()]),
    ]);
    let push = |record: &str| {
        let write = Write { references: references.clone(), ..ended(record, "completed") };
        host.push::<Salesforce>("Task", vec![write]).unwrap().written.remove(0)
    };
    host.expect(logged("telnyx:c1"), page(&[]));
    host.expect(call("POST", "/composite/sobjects"), Reply::json(200, &json!([done("00T000000000001AAA")])));
    assert!(matches!(push("telnyx:c1"), Written::Done { created: true, .. }));
    let sent = host.sent().last().unwrap().json()["records"][0].clone();
    let expected = json!({
        "attributes": {"type": "Task"}, "TaskSubtype": "Call", "Status": "Completed", "CallObject": "telnyx:c1",
        "Subject": "Call from +14155550100", "CallType": "Inbound", "CallDurationInSeconds": 61, "CallDisposition": "completed",
        "ActivityDate": "2026-11-01", "WhoId": ADA, "WhatId": "006000000000001AAA",
        "Description": "Asked for a quote.\nRecording: https://hub.example.com/v1/blobs/blob_1",
    });
    assert_eq!(sent, expected);
    // the answer was lost: the same is asked once more
    host.expect(logged("telnyx:c1"), page(&[json!({"Id": "00T000000000001AAA", "CallObject": "telnyx:c1"})]));
    host.expect(call("PATCH", "/composite/sobjects"), Reply::json(200, &json!([done("00T000000000001AAA")])));
    assert!(matches!(push("telnyx:c1"), Written::Done { created: false, .. }));
}

#[test]
fn a_call_with_somebody_unknown_does_as_the_settings_say() {
    let push =
        |host: &MockHost| host.push::<Salesforce>("Task", vec![ended("c1", "completed")]).unwrap().written.remove(0);
    let task = |host: &MockHost| host.sent().last().unwrap().json()["records"][0].clone();
    {
        let host = host(&json!({"unknown_caller": "ignore"}));
        host.expect(query(WHO), page(&[]));
        assert!(matches!(push(&host), Written::Skipped { .. }));
    }
    {
        let host = host(&json!({}));
        host.expect(query(WHO), page(&[]));
        host.expect(logged("c1"), page(&[]));
        host.expect(call("POST", "/composite/sobjects"), Reply::json(200, &json!([done("00T000000000001AAA")])));
        assert!(matches!(push(&host), Written::Done { .. }));
        let task = task(&host);
        assert_eq!((&task["Status"], task.get("WhoId")), (&json!("Not Started"), None));
        assert!(task["Description"].as_str().unwrap().starts_with("Nobody has the number +14155550100"));
    }
    {
        let host = host(&json!({"unknown_caller": "create"}));
        host.expect(query(WHO), page(&[]));
        host.expect(query(MADE), page(&[]));
        let new = json!({
            "attributes": {"type": "Contact"}, "LastName": "+14155550100", "Phone": "+14155550100",
            "Patchbay_Id__c": "tel:+14155550100",
        });
        host.expect(
            call("PATCH", "/composite/sobjects/Contact/Patchbay_Id__c")
                .json(json!({"allOrNone": false, "records": [new]})),
            Reply::json(200, &json!([done(BOB)])),
        );
        host.expect(logged("c1"), page(&[]));
        host.expect(call("POST", "/composite/sobjects"), Reply::json(200, &json!([done("00T000000000001AAA")])));
        assert!(matches!(push(&host), Written::Done { .. }));
        assert_eq!(task(&host)["WhoId"], BOB);
    }
    {
        // it was made for this number before, and people gave it another one and a name
        let host = host(&json!({"unknown_caller": "create"}));
        host.expect(query(WHO), page(&[]));
        host.expect(query(MADE), page(&[json!({"Id": BOB, "Patchbay_Id__c": "tel:+14155550100"})]));
        host.expect(logged("c1"), page(&[]));
        host.expect(call("POST", "/composite/sobjects"), Reply::json(200, &json!([done("00T000000000001AAA")])));
        assert!(matches!(push(&host), Written::Done { .. }));
        assert_eq!(task(&host)["WhoId"], BOB);
    }
    let host = host(&json!({}));
    let still = host.push::<Salesforce>("Task", vec![ended("c1", "in-progress")]).unwrap().written.remove(0);
    assert!(matches!(still, Written::Skipped { reason } if reason.contains("not ended")));
}

#[test]
fn of_several_with_the_number_nobody_is_taken_and_no_further_one_is_made() {
    let both = [ADA, BOB]
        .map(|id| json!({"Id": id, "SystemModstamp": "2026-11-01T00:00:00.000+0000", "Phone": "(415) 555-0100"}));
    let push =
        |host: &MockHost| host.push::<Salesforce>("Task", vec![ended("c1", "completed")]).unwrap().written.remove(0);
    {
        let host = host(&json!({"unknown_caller": "ignore"}));
        host.expect(query(WHO), page(&both));
        assert!(matches!(push(&host), Written::Skipped { .. }));
    }
    for settings in [json!({}), json!({"unknown_caller": "create"})] {
        let host = host(&settings);
        host.expect(query(WHO), page(&both));
        host.expect(logged("c1"), page(&[]));
        host.expect(call("POST", "/composite/sobjects"), Reply::json(200, &json!([done("00T000000000001AAA")])));
        assert!(matches!(push(&host), Written::Done { .. }));
        let task = host.sent().last().unwrap().json()["records"][0].clone();
        assert_eq!((&task["Status"], task.get("WhoId")), (&json!("Not Started"), None), "{settings}");
        assert!(task["Description"].as_str().unwrap().starts_with("Several contacts have the number +14155550100"));
    }
}

fn recording(status: &str) -> Value {
    json!({"status": status, "call_id": "telnyx:c1", "blob_id": "blob_1"})
}

#[test]
fn a_new_summary_leaves_the_links_in_the_comment_and_a_transcripts_is_taken_where_a_call_has_none() {
    let host = host(&json!({}));
    host.put_record("recording", "telnyx:r1", &recording("available"));
    host.put_record(
        "recording",
        "telnyx:r2",
        &json!({"status": "failed", "call_id": "telnyx:c1", "blob_id": "blob_2"}),
    );
    let passing = json!({
        "status": "available", "call_id": "telnyx:c1", "url": "https://recordings.example.com/1?signature=x",
        "url_expires_at": "2026-11-02T00:00:00Z",
    });
    host.put_record("recording", "telnyx:r3", &passing);
    host.put_record(
        "transcript",
        "telnyx:t1",
        &json!({"status": "available", "call_id": "telnyx:c1", "summary": "Heard."}),
    );
    let task = |host: &MockHost| host.sent().last().unwrap().json()["records"][0].clone();
    let link = "Recording: https://hub.example.com/v1/blobs/blob_1";
    let linked = |fields: Value, summary: &str| Write {
        data: json!({"direction": "inbound", "status": "completed", "summary": summary}),
        ..write("telnyx:c1", Some("00T000000000001AAA"), fields)
    };
    let patch = || call("PATCH", "/composite/sobjects");
    let written = || Reply::json(200, &json!([done("00T000000000001AAA")]));
    for (fields, summary, expected) in [
        (json!({"Description": "Wants ten."}), "Wants ten.", Some(format!("Wants ten.\n{link}"))),
        (json!({"Description": null}), "", Some(format!("Heard.\n{link}"))),
        (json!({"CallDisposition": "won"}), "Wants ten.", None),
    ] {
        host.expect(patch(), written());
        let _ = host.push::<Salesforce>("Task", vec![linked(fields, summary)]).unwrap();
        assert_eq!(task(&host).get("Description").and_then(Value::as_str), expected.as_deref());
    }
    // a call that is logged now has both at once
    host.expect(query(WHO), page(&[json!({"Id": ADA, "Phone": "+14155550100"})]));
    host.expect(logged("telnyx:c1"), page(&[]));
    host.expect(call("POST", "/composite/sobjects"), written());
    let mut new = ended("telnyx:c1", "completed");
    new.fields.remove("Description");
    let _ = host.push::<Salesforce>("Task", vec![new]).unwrap();
    assert_eq!(task(&host)["Description"], format!("Heard.\n{link}"));
}

fn told(kind: &str, subject: &str) -> Event {
    Event {
        id: "evt_1".to_owned(),
        kind: kind.to_owned(),
        subject: subject.to_owned(),
        source: "telnyx".to_owned(),
        time: 1_793_491_200_000,
        data: "{}".to_owned(),
    }
}

#[test]
fn a_recording_that_comes_after_the_call_was_logged_is_added_to_what_the_task_says() {
    let host = host(&json!({}));
    let task = "00T000000000001EAA";
    let call_record = json!({"direction": "inbound", "status": "completed", "external_ids": {"salesforce": task}});
    host.put_record("call", "telnyx:c1", &call_record);
    host.put_record("recording", "telnyx:r1", &recording("processing"));
    host.deliver::<Salesforce>(told("recording.created", "telnyx:r1")).unwrap();
    assert!(host.jobs().is_empty(), "there is nothing to hear yet");
    host.put_record("recording", "telnyx:r1", &recording("available"));
    let read = || call("GET", &format!("/sobjects/Task/{task}?fields=Description"));
    let link = "Recording: https://hub.example.com/v1/blobs/blob_1";
    host.deliver::<Salesforce>(told("recording.updated", "telnyx:r1")).unwrap();
    host.expect(read(), Reply::json(200, &json!({"Id": task, "Description": "By hand.\r\nOn two lines."})));
    let whole = format!("By hand.\nOn two lines.\n{link}");
    host.expect(
        call("PATCH", &format!("/sobjects/Task/{task}")).json(json!({"Description": whole})),
        Reply::status(204),
    );
    host.work_off::<Salesforce>().unwrap();
    // told again, it is there
    host.deliver::<Salesforce>(told("recording.updated", "telnyx:r1")).unwrap();
    host.expect(read(), Reply::json(200, &json!({"Id": task, "Description": whole.replace('\n', "\r\n")})));
    host.work_off::<Salesforce>().unwrap();
    // what people wrote is not cut off for it
    host.deliver::<Salesforce>(told("recording.updated", "telnyx:r1")).unwrap();
    host.expect(read(), Reply::json(200, &json!({"Id": task, "Description": "x".repeat(32_000)})));
    host.work_off::<Salesforce>().unwrap();
    assert!(format!("{:?}", host.log()).contains("no room"));
    // a task that is gone, a call that was not logged, and a recording of no call
    host.deliver::<Salesforce>(told("recording.updated", "telnyx:r1")).unwrap();
    host.expect(read(), Reply::json(404, &json!([{"errorCode": "NOT_FOUND", "message": "gone"}])));
    host.work_off::<Salesforce>().unwrap();
    let sent = host.sent().len();
    host.put_record("call", "telnyx:c1", &json!({"direction": "inbound", "status": "completed"}));
    host.deliver::<Salesforce>(told("recording.updated", "telnyx:r1")).unwrap();
    host.work_off::<Salesforce>().unwrap();
    host.put_record("recording", "telnyx:r2", &json!({"status": "available"}));
    for subject in ["telnyx:r2", "telnyx:r3"] {
        host.deliver::<Salesforce>(told("recording.created", subject)).unwrap();
    }
    assert!(host.jobs().is_empty());
    assert_eq!(host.sent().len(), sent);
}
