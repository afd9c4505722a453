//! Who a webhook is from.
#![expect(clippy::panic, reason = "helpers of tests fail them")]

#[path = "support/fixtures.rs"]
mod fixtures;

use fixtures::{ACCOUNT, CALL, HOOK, form, host, receipt, request, signed};
use patchbay_plugin_twilio::Twilio;
use patchbay_sdk::testing::MockHost;
use patchbay_sdk::webhook::{Request, Verdict};

const V1_URL: &str = "https://hub.example.com/twilio/voice?tenant=42&x=a%20b";
const V1: [(&str, &str); 7] = [
    ("ApiVersion", "2010-04-01"),
    ("CallSid", CALL),
    ("CallStatus", "ringing"),
    ("CallerName", ""),
    ("Direction", "inbound"),
    ("From", "+15551230001"),
    ("To", "+15551230002"),
];
const V1_SIGNATURE: &str = "zjlHRfDLrn6v+cpbJx6fJHND1EI=";
const V4_SIGNATURE: &str = "5RAE1rGWv0Xbau4h1G88itTFFwh7v9zJ7ygSZSqZmZQ=";
const SETTINGS: &str = "x-twilio-webhooks-signature-settings";

fn is_genuine(host: &MockHost, request: Request) -> bool {
    match host.verify_webhook::<Twilio>(request) {
        Ok(Verdict::Genuine(_)) => true,
        Ok(Verdict::Refused(_)) => false,
        other => panic!("neither: {other:?}"),
    }
}

fn v1(signature: &str) -> Request {
    request(V1_URL, &form(&V1), &[("x-twilio-signature", signature)])
}

#[test]
fn a_form_is_signed_with_its_parameters_in_order_of_bytes_empty_ones_too() {
    assert!(is_genuine(&host(), v1(V1_SIGNATURE)));
}

#[test]
fn a_url_counts_with_and_without_its_port() {
    let host = host();
    let with_port = "8WpsiV4Ufih0FXFkKFFttCNrNtc=";
    assert!(is_genuine(&host, v1(with_port)));
    let url = V1_URL.replace("example.com/", "example.com:443/");
    for signature in [V1_SIGNATURE, with_port] {
        assert!(is_genuine(&host, request(&url, &form(&V1), &[("x-twilio-signature", signature)])), "{signature}");
    }
}

#[test]
fn values_of_one_name_are_in_order_and_count_once() {
    let fields = [("A", "2"), ("A", "1"), ("A", "2"), ("B", "x")];
    let headers = [("x-twilio-signature", "GXXLMwNf3mUC/BkA6p6qV/fDbVw=")];
    assert!(is_genuine(&host(), request("https://hub.example.com/t", &form(&fields), &headers)));
}

#[test]
fn another_body_is_signed_by_its_hash_in_the_url() {
    let host = host();
    let body = r#"{"MessageSid":"SM00000000000000000000000000000001","MessageStatus":"delivered"}"#;
    let url = "https://hub.example.com/twilio/json?bodySHA256=c2a49ec3252aa01ed7bfceee3c3ae192ce3a8d483b78b62381a3f1649b15ba99";
    let json = |url: &str, body: &str| {
        let mut request = request(url, body, &[("x-twilio-signature", "8uOHg4DlwiDYA1Od1pZkfAFUlB4=")]);
        request.headers.set("content-type", "application/json");
        request
    };
    assert!(is_genuine(&host, json(url, body)));
    assert!(!is_genuine(&host, json(url, &format!("{body} "))));
    assert!(!is_genuine(&host, json("https://hub.example.com/twilio/json", body)));
}

#[test]
fn a_shared_key_counts_only_where_the_connection_has_one() {
    let host = host();
    let sent =
        |settings: &str| request(V1_URL, &form(&V1), &[("x-twilio-signature", V4_SIGNATURE), (SETTINGS, settings)]);
    let sha256 = "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256";
    assert!(!is_genuine(&host, sent(sha256)), "the header is the sender's own word");
    host.set_secret("shared_key", "shared-secret-abc");
    assert!(is_genuine(&host, sent(sha256)));
    assert!(!is_genuine(&host, sent("key=webhooks_sharedkey_1")));
    assert!(!is_genuine(&host, sent("key=webhooks_sharedkey_1,algorithm=HMAC_MD5")));
    assert!(is_genuine(&host, v1(V1_SIGNATURE)), "without the header the auth token signs");
}

#[test]
fn what_is_changed_on_the_way_is_refused() {
    let host = host();
    let mutants = [
        request(V1_URL, &form(&V1), &[]),
        request(V1_URL, &form(&V1), &[("x-twilio-signature", V1_SIGNATURE), ("x-twilio-signature", V1_SIGNATURE)]),
        v1(""),
        v1("zjlHRfDLrn6v+cpbJx6fJHND1EI"),
        v1("ZjlHRfDLrn6v+cpbJx6fJHND1EI="),
        v1(V4_SIGNATURE),
        request(&V1_URL.replace("tenant=42", "tenant=43"), &form(&V1), &[("x-twilio-signature", V1_SIGNATURE)]),
        request(&V1_URL.replace("%20", "+"), &form(&V1), &[("x-twilio-signature", V1_SIGNATURE)]),
        request(V1_URL, &form(&V1[..6]), &[("x-twilio-signature", V1_SIGNATURE)]),
        request(V1_URL, &format!("{}&X=1", form(&V1)), &[("x-twilio-signature", V1_SIGNATURE)]),
    ];
    for mutant in mutants {
        assert!(!is_genuine(&host, mutant.clone()), "{mutant:?}");
    }
}

#[test]
fn a_token_that_is_being_replaced_signs_beside_the_new_one() {
    let host = host();
    host.rotate_secret("auth_token", "ffffffffffffffffffffffffffffffff");
    assert!(is_genuine(&host, v1(V1_SIGNATURE)));
    let own = [("AccountSid", ACCOUNT), ("CallSid", CALL)];
    assert!(is_genuine(&host, signed(&host, HOOK, &own)));
}

#[test]
fn a_repeat_is_known_by_twilios_token_or_by_what_it_is_about() {
    let host = host();
    let status =
        |status: &str| signed(&host, HOOK, &[("CallSid", CALL), ("CallStatus", status), ("SequenceNumber", "3")]);
    let first = receipt(&host, &status("completed"));
    assert_eq!(first, receipt(&host, &status("completed")));
    assert_ne!(first.id, receipt(&host, &status("busy")).id);
    assert!(!first.in_line);
    let with_token = |token: &str| {
        let mut request = status("completed");
        request.headers.append("i-twilio-idempotency-token", token);
        receipt(&host, &request).id
    };
    assert_eq!(with_token("a"), with_token("a"));
    assert_ne!(with_token("a"), with_token("b"));
}

#[test]
fn only_a_call_that_waits_is_answered_in_line() {
    let host = host();
    let call = [("CallSid", CALL), ("CallStatus", "ringing"), ("Direction", "inbound")];
    assert!(receipt(&host, &signed(&host, HOOK, &call)).in_line);
    let message = [("MessageSid", "SM00000000000000000000000000000001"), ("Body", "x")];
    assert!(!receipt(&host, &signed(&host, HOOK, &message)).in_line);
}
