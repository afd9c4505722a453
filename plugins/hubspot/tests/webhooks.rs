//! What HubSpot sends in: its signature, by its published vectors, and what is read anew because of it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail them")]

use patchbay_plugin_hubspot::HubSpot;
use patchbay_sdk::signature::{Digest, KeyEncoding};
use patchbay_sdk::testing::{Exchange, MockHost, Reply};
use patchbay_sdk::webhook::{Receipt, Request, Verdict};
use serde_json::{Value, json};

const SECRET: &str = "8d1c9f52-6c1b-4a37-9b9e-2f0d4c7a1e55";
const TIME: u64 = 1_793_491_200_000;
const BODY: &str = r#"[{"eventId":1,"subscriptionId":12345,"portalId":62515,"appId":54321,"occurredAt":1793491199000,"subscriptionType":"contact.propertyChange","attemptNumber":0,"objectId":123,"propertyName":"email","propertyValue":"a@b.co","changeSource":"CRM"}]"#;
const PLAIN_URL: &str = "https://hub.example.com/hooks/hubspot";
const PLAIN_SIGNATURE: &str = "sv1/uoHinK75a8xh4Gy2JZYrG4hiYHD78xJZNXagOd0=";
const ESCAPED_URL: &str = "https://hub.example.com/hooks/hubspot/t_42?tenant=a%3Ab%2Fc%20d&mail=x%40y.co";
const DECODED_SIGNATURE: &str = "VQnUinF9TYWX32D8M8eAu8cLI6RWtzti7XBsyI+MHHI=";
const UNDECODED_SIGNATURE: &str = "eEwm3gHqKTDWyFPKyO5kRJzoToM2tqkRZViHLogrscY=";

fn host() -> MockHost {
    let host = MockHost::with_manifest(include_str!("../plugin.toml"));
    host.set_secret("client_secret", SECRET);
    host.set_secret("access_token", "pat-na1-canary");
    host.set_config(json!({}));
    host.set_now(TIME);
    host
}

fn request(url: &str, body: &str, time: &str, signature: &str) -> Request {
    let headers = [("x-hubspot-request-timestamp", time), ("x-hubspot-signature-v3", signature)];
    Request {
        method: "POST".to_owned(),
        url: url.to_owned(),
        headers: headers.into_iter().collect(),
        body: body.as_bytes().to_vec(),
    }
}

/// As HubSpot's own library would sign it.
fn signed(host: &MockHost, body: &Value) -> Request {
    let body = body.to_string();
    let message = format!("POST{PLAIN_URL}{body}{TIME}");
    let mac = host.sign("client_secret", Digest::Sha256, KeyEncoding::Raw, message.as_bytes());
    request(PLAIN_URL, &body, &TIME.to_string(), &base64(&mac))
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn verdict(host: &MockHost, request: Request) -> Verdict {
    host.verify_webhook::<HubSpot>(request).unwrap()
}

fn receipt(host: &MockHost, request: Request) -> Receipt {
    match verdict(host, request) {
        Verdict::Genuine(receipt) => receipt,
        other => panic!("{other:?}"),
    }
}

/// Has a request processed, as by an account of this number.
fn processed(host: &MockHost, body: &Value) -> Vec<(String, String)> {
    let request = signed(host, body);
    let receipt = receipt(host, request.clone());
    assert_eq!(host.process_webhook::<HubSpot>(receipt, request), Ok(None));
    host.hints()
}

fn expect_portal(host: &MockHost) {
    let portal =
        json!({"portalId": 62515, "accountType": "STANDARD", "companyCurrency": "EUR", "uiDomain": "app.hubspot.com"});
    let exchange = Exchange::get("https://api.hubapi.com/account-info/2026-03/details").credential("access_token");
    host.expect(exchange, Reply::json(200, &portal));
}

fn element(kind: &str, more: Value) -> Value {
    let mut element = json!({
        "eventId": 1, "subscriptionId": 2, "portalId": 62515, "appId": 3, "occurredAt": TIME, "subscriptionType": kind, "attemptNumber": 0,
    });
    element.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    element
}

#[test]
fn published_vectors_are_taken() {
    let host = host();
    for (url, signature) in
        [(PLAIN_URL, PLAIN_SIGNATURE), (ESCAPED_URL, DECODED_SIGNATURE), (ESCAPED_URL, UNDECODED_SIGNATURE)]
    {
        let receipt = receipt(&host, request(url, BODY, &TIME.to_string(), signature));
        assert_eq!(
            (receipt.kind.as_str(), receipt.occurred_at),
            ("contact.propertyChange", Some(TIME - 1_000)),
            "{url}"
        );
    }
}

#[test]
fn what_is_not_signed_by_hubspot_is_refused() {
    let host = host();
    let time = TIME.to_string();
    let reserialised = serde_json::from_str::<Value>(BODY).unwrap().to_string() + " ";
    for request in [
        request(PLAIN_URL, BODY, "1793491200", PLAIN_SIGNATURE),
        request(PLAIN_URL, &reserialised, &time, PLAIN_SIGNATURE),
        request("http://hub.example.com/hooks/hubspot", BODY, &time, PLAIN_SIGNATURE),
        request("https://hub.example.com/hooks/hubspot/t_42", BODY, &time, DECODED_SIGNATURE),
        request(PLAIN_URL, BODY, "1793491200001", PLAIN_SIGNATURE),
        request(PLAIN_URL, BODY, &time, DECODED_SIGNATURE),
        request(PLAIN_URL, BODY, &time, "eee2dddcc73c94d699f5e395f4b9d454a069a6855fbfa152e91e88823087200e"),
        request(PLAIN_URL, BODY, &time, ""),
        Request { method: "PUT".to_owned(), ..request(PLAIN_URL, BODY, &time, PLAIN_SIGNATURE) },
    ] {
        assert!(matches!(verdict(&host, request.clone()), Verdict::Refused(_)), "{request:?}");
    }
    // the older version, which has no timestamp: HubSpot's own published example
    let older = Request {
        method: "GET".to_owned(),
        url: "https://www.example.com/webhook_uri".to_owned(),
        headers: [
            ("x-hubspot-signature", "eee2dddcc73c94d699f5e395f4b9d454a069a6855fbfa152e91e88823087200e"),
            ("x-hubspot-signature-version", "v2"),
        ]
        .into_iter()
        .collect(),
        body: Vec::new(),
    };
    host.set_secret("client_secret", "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy");
    assert!(matches!(verdict(&host, older), Verdict::Refused(_)));
}

#[test]
fn five_minutes_are_allowed_in_both_directions() {
    let host = host();
    let vector = || request(PLAIN_URL, BODY, &TIME.to_string(), PLAIN_SIGNATURE);
    for (now, taken) in
        [(TIME + 300_000, true), (TIME + 300_001, false), (TIME - 300_000, true), (TIME - 300_001, false)]
    {
        host.set_now(now);
        assert_eq!(matches!(verdict(&host, vector()), Verdict::Genuine(_)), taken, "{now}");
    }
}

#[test]
fn another_try_has_the_same_id_and_another_event_has_another() {
    let host = host();
    let first =
        json!([element("contact.creation", json!({"objectId": 1})), element("deal.creation", json!({"objectId": 2}))]);
    let mut again = first.clone();
    again.as_array_mut().unwrap().reverse();
    again[0]["attemptNumber"] = json!(3);
    let other = json!([element("contact.creation", json!({"objectId": 1, "eventId": 7})), first[1]]);
    let id = |body: &Value| receipt(&host, signed(&host, body)).id;
    assert_eq!(id(&first), id(&again));
    assert_ne!(id(&first), id(&other));
    assert_eq!(receipt(&host, signed(&host, &first)).kind, "batch");
}

#[test]
fn each_kind_says_what_is_read_anew() {
    for (element, expected) in [
        (element("contact.propertyChange", json!({"objectId": 123})), vec![("contact", "123")]),
        (element("company.deletion", json!({"objectId": 5, "mergedObjectIds": null})), vec![("company", "5")]),
        (element("contact.privacyDeletion", json!({"objectId": 6})), vec![("contact", "6")]),
        (element("object.restore", json!({"objectId": 7, "objectTypeId": "0-3"})), vec![("deal", "7")]),
        (
            element(
                "contact.merge",
                json!({"objectId": 1, "primaryObjectId": 1, "mergedObjectIds": [2, 3], "newObjectId": 9}),
            ),
            vec![("contact", "1"), ("contact", "9"), ("contact", "2"), ("contact", "3")],
        ),
        (
            element(
                "deal.associationChange",
                json!({"associationType": "DEAL_TO_CONTACT", "fromObjectId": 4, "toObjectId": 5}),
            ),
            vec![("contact", "5"), ("deal", "4")],
        ),
        (element("object.creation", json!({"objectId": 8, "objectTypeId": "0-48"})), vec![]),
        (element("ticket.creation", json!({"objectId": 8})), vec![]),
        (element("conversation.newMessage", json!({"objectId": 8})), vec![]),
    ] {
        let host = host();
        expect_portal(&host);
        let hints = processed(&host, &json!([element]));
        let hints: Vec<_> = hints.iter().map(|(object, id)| (object.as_str(), id.as_str())).collect();
        assert_eq!(hints, expected, "{element}");
    }
}

#[test]
fn what_another_account_has_opens_nothing() {
    let host = host();
    expect_portal(&host);
    let mut foreign = element("contact.deletion", json!({"objectId": 77}));
    foreign["portalId"] = json!(62516);
    let body = json!([foreign, element("contact.creation", json!({"objectId": 1}))]);
    assert_eq!(processed(&host, &body), [("contact".to_owned(), "1".to_owned())]);
}

#[test]
fn nonsense_that_is_signed_is_refused() {
    let host = host();
    for body in [json!({}), json!([]), json!([{"eventId": 1}]), json!([element("contact creation\n", json!({}))])] {
        assert!(matches!(verdict(&host, signed(&host, &body)), Verdict::Refused(_)), "{body}");
    }
    let many: Vec<Value> = (0..1_001).map(|_| element("contact.creation", json!({"objectId": 1}))).collect();
    assert!(matches!(verdict(&host, signed(&host, &Value::from(many))), Verdict::Refused(_)));
}
