//! Outbound Messages: of the org that is connected, taken for hints, and acknowledged.

use patchbay_plugin_salesforce::Salesforce;
use patchbay_sdk::installation::Account;
use patchbay_sdk::testing::MockHost;
use patchbay_sdk::{Headers, webhook};
use serde_json::json;

const ORG: &str = "00D000000000001EAA";

fn host() -> MockHost {
    let host = MockHost::with_manifest(include_str!("../plugin.toml"));
    host.set_config(json!({"login": "login", "instance_url": "https://acme.my.salesforce.com"}));
    let name = Some(format!("https://login.salesforce.com/id/{ORG}/005000000000001AAA"));
    host.set_account(Account { name, ..Account::default() });
    host
}

fn request(org: &str, notifications: &[(&str, &str, &str)]) -> webhook::Request {
    let notifications: String = notifications
        .iter()
        .map(|(id, kind, record)| {
            format!(
                "<Notification><Id>{id}</Id><sObject xsi:type=\"sf:{kind}\" xmlns:sf=\"urn:sobject.enterprise.soap.sforce.com\">\
                 <sf:Id>{record}</sf:Id><sf:Email>a@b.co</sf:Email></sObject></Notification>"
            )
        })
        .collect();
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><soapenv:Body><notifications \
         xmlns=\"http://soap.sforce.com/2005/09/outbound\"><OrganizationId>{org}</OrganizationId><SessionId xsi:nil=\"true\"/>\
         {notifications}</notifications></soapenv:Body></soapenv:Envelope>"
    );
    webhook::Request {
        method: "POST".to_owned(),
        url: "https://hub.example.com/hooks/abc".to_owned(),
        headers: [("content-type", "text/xml; charset=utf-8"), ("soapaction", "\"\"")].into_iter().collect::<Headers>(),
        body: body.into_bytes(),
    }
}

#[test]
fn a_message_says_which_records_have_changed_and_is_acknowledged() {
    let host = host();
    let told = [
        ("04l000000000001AAA", "Contact", "003000000000001AAA"),
        ("04l000000000002AAA", "Contact", "003000000000002"),
        ("04l000000000003AAA", "Lead", "00Q000000000001AAA"),
    ];
    let request = request(ORG, &told);
    let webhook::Verdict::Genuine(receipt) = host.verify_webhook::<Salesforce>(request.clone()).unwrap() else {
        panic!("it is of the org that is connected");
    };
    assert!(receipt.in_line, "Salesforce waits for the acknowledgement");
    assert_eq!(receipt.kind, "outbound-message.Contact");
    let answer = host.process_webhook::<Salesforce>(receipt, request).unwrap().unwrap();
    assert!(String::from_utf8(answer.body).unwrap().contains("<Ack>true</Ack>"));
    assert_eq!((answer.status, answer.headers.get("content-type")), (200, Some("text/xml; charset=utf-8")));
    let hints = ["003000000000001AAA", "003000000000002AAA"].map(|id| ("contact".to_owned(), id.to_owned()));
    assert_eq!(host.hints(), hints);
}

#[test]
fn a_message_that_is_sent_again_is_acknowledged_again() {
    let host = host();
    let told = [("04l000000000001AAA", "Contact", "003000000000001AAA")];
    let mut ids = Vec::new();
    for _ in 0..2 {
        let webhook::Verdict::Genuine(receipt) = host.verify_webhook::<Salesforce>(request(ORG, &told)).unwrap() else {
            panic!("it is of the org that is connected");
        };
        ids.push(receipt.id.clone());
        assert!(host.process_webhook::<Salesforce>(receipt, request(ORG, &told)).unwrap().is_some());
    }
    // the hub would answer a webhook that it knows without the acknowledgement
    assert_ne!(ids[0], ids[1]);
    assert!(ids.iter().all(|id| id.starts_with("04l000000000001AAA.")), "{ids:?}");
    assert_eq!(host.hints().len(), 1);
}

#[test]
fn whatever_is_not_of_the_connected_org_is_refused() {
    let host = host();
    let refused = |request: webhook::Request| match host.verify_webhook::<Salesforce>(request).unwrap() {
        webhook::Verdict::Refused(reason) => reason,
        other => panic!("{other:?}"),
    };
    let told = [("04l000000000001AAA", "Contact", "003000000000001AAA")];
    // the first fifteen characters count, and capitals with them
    assert!(matches!(
        host.verify_webhook::<Salesforce>(request("00D000000000001", &told)).unwrap(),
        webhook::Verdict::Genuine(_)
    ));
    for org in ["00D000000000002EAA", "00d000000000001EAA", "", "00D"] {
        let _ = refused(request(org, &told));
    }
    let mut other = request(ORG, &told);
    other.method = "GET".to_owned();
    let _ = refused(other);
    let mut other = request(ORG, &told);
    other.headers.set("content-type", "application/json");
    let _ = refused(other);
    let mut other = request(ORG, &told);
    other.body.truncate(other.body.len() - 9);
    let _ = refused(other);
    let mut typed = request(ORG, &told);
    let text = String::from_utf8(typed.body).unwrap();
    typed.body =
        text.replacen("<soapenv:Envelope", "<!DOCTYPE x [<!ENTITY a \"b\">]><soapenv:Envelope", 1).into_bytes();
    assert!(refused(typed).contains("document type"));
    host.set_account(Account::default());
    assert!(refused(request(ORG, &told)).contains("not connected"));
}
