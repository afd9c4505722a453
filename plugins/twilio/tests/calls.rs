//! The life of calls and messages, as Twilio tells of them: in any order, and more than once.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail them")]

#[path = "support/fixtures.rs"]
mod fixtures;

use fixtures::{ACCOUNT, CALL, CHILD, HOOK, PN, below, form, host, text, told};
use patchbay_plugin_twilio::Twilio;
use patchbay_sdk::Error;
use patchbay_sdk::testing::{Exchange, MockHost, ProxyCall, Reply};
use patchbay_sdk::usage::Basis;
use serde_json::{Value, json};

const FROM: &str = "+14155550100";
const TO: &str = "+14155550199";

fn arriving() -> Vec<(&'static str, &'static str)> {
    vec![
        ("AccountSid", ACCOUNT),
        ("CallSid", CALL),
        ("CallStatus", "ringing"),
        ("Direction", "inbound"),
        ("From", FROM),
        ("To", TO),
    ]
}

fn ended() -> Vec<(&'static str, &'static str)> {
    let mut fields = arriving();
    fields[2] = ("CallStatus", "completed");
    fields.extend([
        ("CallDuration", "61"),
        ("CallbackSource", "call-progress-events"),
        ("SequenceNumber", "1"),
        ("Timestamp", "Sun, 01 Nov 2026 00:01:06 +0000"),
    ]);
    fields
}

fn menu() -> Value {
    json!({
        "document": "<?xml version=\"1.0\"?><Response><Say>Hello</Say></Response>", "content_type": "text/xml",
        "steps": [{"id": "step-1", "at": "2026-11-01T00:00:06Z", "menu": "main", "node": "greeting", "did": "greeting"}],
        "menu_version": 3, "ended": false,
    })
}

fn record(host: &MockHost) -> Value {
    host.record("call", &format!("twilio:{CALL}")).unwrap()
}

#[test]
fn a_call_is_answered_by_its_menu_and_ends_as_one_object_and_on_the_bill() {
    let host = host();
    host.expect_call("ivr", "answer", Ok(menu()));
    let answer = told(&host, HOOK, &arriving()).unwrap();
    assert!(text(answer).contains("<Say>Hello</Say>"));
    let asked = host.asked()[0].input.clone();
    assert_eq!((&asked["request"]["kind"], &asked["call"]["from"]), (&json!("start"), &json!(FROM)));
    assert_eq!((&asked["callback_url"], &asked["dialect"]), (&json!(HOOK), &json!("twiml")));
    host.work_off::<Twilio>().unwrap();
    assert_eq!(record(&host)["status"], "ringing");
    // the menu hears of no hang-up by itself
    host.expect_call("ivr", "hung-up", Ok(json!({"at": "2026-11-01T00:02:06Z"})));
    assert!(told(&host, HOOK, &ended()).unwrap().is_none());
    let call = record(&host);
    assert_eq!(
        (&call["status"], &call["duration_s"], &call["direction"]),
        (&json!("completed"), &json!(61), &json!("inbound"))
    );
    assert_eq!((&call["from"], &call["to"]), (&json!(FROM), &json!(TO)));
    assert_eq!((host.used("call", Basis::Reported), host.used("minute", Basis::Reported)), (1, 2));
    assert_eq!(host.asked()[1].input, json!({"call": CALL}));
}

/// What Twilio tells of a leg that is over.
fn over(sid: &str, seconds: &str, price: Option<&str>) -> Value {
    let (parent, direction) = if sid == CHILD { (Some(CALL), "outbound-dial") } else { (None, "inbound") };
    json!({
        "sid": sid, "parent_call_sid": parent, "direction": direction, "status": "completed", "from": FROM, "to": TO,
        "duration": seconds, "start_time": "Sun, 01 Nov 2026 00:00:05 +0000",
        "end_time": "Sun, 01 Nov 2026 00:01:06 +0000", "price": price, "price_unit": "USD",
    })
}

/// The hub asks for the call and for the calls that it has made.
fn is_asked_for(host: &MockHost, call: &Value, legs: &Value) {
    let one = Exchange::get(below(&format!("/Calls/{CALL}.json"))).credential("auth_token");
    host.expect(one, Reply::json(200, call));
    let made = Exchange::get(below(&format!("/Calls.json?ParentCallSid={CALL}&PageSize=1000")));
    host.expect(made.credential("auth_token"), Reply::json(200, &json!({"calls": legs, "next_page_uri": null})));
}

#[test]
fn what_a_call_cost_is_asked_for_once_it_is_over_and_so_is_a_leg_that_nobody_told_of() {
    let host = host();
    host.expect_call("ivr", "answer", Ok(json!({"document": null})));
    let _ = told(&host, HOOK, &arriving()).unwrap();
    let _ = told(&host, HOOK, &ended()).unwrap();
    assert_eq!(host.used("minute", Basis::Reported), 2);
    // the first time Twilio does not know all prices yet
    is_asked_for(&host, &over(CALL, "61", Some("-0.00850")), &json!([over(CHILD, "30", None)]));
    is_asked_for(&host, &over(CALL, "61", Some("-0.00850")), &json!([over(CHILD, "30", Some("-0.01400"))]));
    host.work_off::<Twilio>().unwrap();
    let call = record(&host);
    assert_eq!((&call["price"], &call["duration_s"]), (&json!({"amount": 2, "currency": "USD"}), &json!(61)));
    assert_eq!(call["extra"]["twilio"]["costs"], json!([{"amount": "0.0225", "currency": "USD"}]));
    assert_eq!((host.used("call", Basis::Reported), host.used("minute", Basis::Reported)), (1, 3));
    let legs = call["extra"]["twilio"]["legs"].as_array().unwrap();
    assert!(legs.iter().any(|leg| leg["id"] == CHILD && leg["parent"] == CALL), "{legs:?}");
}

#[test]
fn a_call_that_a_client_made_without_a_callback_is_on_the_bill() {
    let host = host();
    let path = format!("/2010-04-01/Accounts/{ACCOUNT}/Calls.json");
    let body = form(&[("To", FROM), ("From", TO), ("Url", "https://example.com/x")]);
    let media = "application/x-www-form-urlencoded";
    host.expect(
        Exchange::post(below("/Calls.json")).credential("auth_token"),
        Reply::json(201, &json!({"sid": CALL, "status": "queued"})),
    );
    let call = ProxyCall::post(&path).header("content-type", media).body(body);
    assert_eq!(host.proxy::<Twilio>(call).status, Some(201));
    let mut running = over(CALL, "0", None);
    running["status"] = json!("in-progress");
    is_asked_for(&host, &running, &json!([]));
    is_asked_for(&host, &over(CALL, "61", Some("-0.01400")), &json!([]));
    host.work_off::<Twilio>().unwrap();
    assert_eq!((host.used("call", Basis::Reported), host.used("minute", Basis::Reported)), (1, 2));
    assert_eq!(record(&host)["status"], "completed");
}

#[test]
fn in_any_order_and_twice_the_call_is_the_same() {
    let mut found = Vec::new();
    for order in [[0, 1, 2, 0, 1, 2], [2, 1, 0, 2, 1, 0], [1, 2, 0, 0, 2, 1]] {
        let host = host();
        let requests = [arriving(), ended(), {
            let mut child = ended();
            child[1] = ("CallSid", CHILD);
            child.extend([("ParentCallSid", CALL)]);
            child[3] = ("Direction", "outbound-dial");
            child
        }];
        let (mut is_over, mut has_menu, mut is_told) = (false, false, false);
        for index in order {
            if index == 0 {
                host.expect_call("ivr", "answer", Ok(menu()));
                has_menu = true;
            }
            if index == 1 && !std::mem::replace(&mut is_over, true) {
                let child = over(CHILD, "61", Some("-0.01400"));
                is_asked_for(&host, &over(CALL, "61", Some("-0.00850")), &json!([child]));
            }
            if is_over && has_menu && !std::mem::replace(&mut is_told, true) {
                host.expect_call("ivr", "hung-up", Ok(json!({"at": "2026-11-01T00:02:06Z"})));
            }
            told(&host, HOOK, &requests[index]).unwrap();
            host.work_off::<Twilio>().unwrap();
        }
        assert_eq!((host.used("call", Basis::Reported), host.used("minute", Basis::Reported)), (1, 4), "{order:?}");
        found.push(record(&host));
    }
    assert_eq!(found[0], found[1]);
    assert_eq!(found[0], found[2]);
}

#[test]
fn a_key_that_is_pressed_goes_to_the_place_in_the_menu_that_the_url_names() {
    let host = host();
    let url = format!("{HOOK}?ivr=3.sales.1");
    let mut fields = arriving();
    fields[2] = ("CallStatus", "in-progress");
    fields.push(("Digits", "1"));
    host.expect_call("ivr", "answer", Ok(menu()));
    let _ = told(&host, &url, &fields).unwrap();
    let mut dialled = fields.clone();
    dialled.extend([("DialCallSid", CHILD), ("DialCallStatus", "completed"), ("DialCallDuration", "30")]);
    host.expect_call("ivr", "answer", Ok(menu()));
    let _ = told(&host, &url, &dialled).unwrap();
    let asked = host.asked();
    assert_eq!(asked[0].input["request"], json!({"kind": "digits", "digits": "1"}));
    assert_eq!(asked[0].input["position"], "3.sales.1");
    assert_eq!(asked[1].input["request"], json!({"kind": "dial-ended", "dial_status": "completed"}));
}

#[test]
fn a_call_without_a_menu_gets_what_the_settings_say() {
    let host = host();
    for error in [Error::Denied("no plugin".to_owned()), Error::Timeout] {
        host.expect_call("ivr", "answer", Err(error));
        assert!(text(told(&host, HOOK, &arriving()).unwrap()).contains(r#"<Reject reason="busy"/>"#));
    }
    let mut config = fixtures::settings();
    config["unanswered"] = json!({"forward_to": "+19002345678"});
    let refused = host.validate_config::<Twilio>(&config).unwrap_err();
    assert_eq!(refused[0].pointer, "/unanswered/forward_to");
    config["unanswered"] = json!({"forward_to": "+14155550111"});
    host.set_config(config);
    host.expect_call("ivr", "answer", Ok(json!({"document": null})));
    assert!(text(told(&host, HOOK, &arriving()).unwrap()).contains("<Dial><Number>+14155550111</Number></Dial>"));
    // who is called there does not ring at themselves
    let mut own = arriving();
    own[4] = ("From", "+14155550111");
    host.expect_call("ivr", "answer", Ok(json!({"document": null})));
    assert!(text(told(&host, HOOK, &own).unwrap()).contains(r#"<Reject reason="busy"/>"#));
}

#[test]
fn a_message_that_is_sent_never_falls_back_and_is_metered_by_its_parts_once() {
    let host = host();
    let sid = "SM00000000000000000000000000000001";
    let told_status = |status: &'static str| {
        let fields = [("MessageSid", sid), ("MessageStatus", status), ("To", FROM), ("From", TO)];
        told(&host, HOOK, &fields).unwrap();
    };
    told_status("delivered");
    let body = form(&[("From", TO), ("Body", "Hello"), ("To", FROM), ("StatusCallback", HOOK)]).replace('+', "%20");
    let sent = json!({
        "sid": sid, "status": "queued", "direction": "outbound-api", "from": TO, "to": FROM, "body": "Hello",
        "num_segments": "1", "date_created": "Sun, 01 Nov 2026 00:00:00 +0000",
    });
    host.expect(Exchange::post(below("/Messages.json")).credential("auth_token").body(body), Reply::json(201, &sent));
    let input = json!({"to": "+1 (415) 555-0100", "from": TO, "body": "Hello"});
    assert_eq!(host.invoke::<Twilio>("send-sms", input).unwrap()["sid"], sid);
    told_status("sent");
    let message = host.record("message", &format!("twilio:{sid}")).unwrap();
    assert_eq!((&message["status"], &message["text"]), (&json!("delivered"), &json!("Hello")));
    assert_eq!(host.used("sms", Basis::Reported), 1);
}

#[test]
fn whoever_answers_stop_gets_nothing_more() {
    let host = host();
    let come = |sid: &'static str, body: &'static str| {
        let fields = [("MessageSid", sid), ("SmsStatus", "received"), ("From", FROM), ("To", TO), ("Body", body)];
        told(&host, HOOK, &fields).unwrap();
    };
    come("SM00000000000000000000000000000002", "STOP");
    let send = || host.invoke::<Twilio>("send-sms", json!({"to": FROM, "from": TO, "body": "Hello"}));
    assert!(
        matches!(send(), Err(error @ Error::Invalid(_)) if error.to_string().contains("START") && !error.to_string().contains(FROM))
    );
    come("SM00000000000000000000000000000003", "START");
    host.expect(
        Exchange::post(below("/Messages.json")).credential("auth_token"),
        Reply::json(201, &json!({"sid": "SM00000000000000000000000000000004", "status": "queued", "body": "Hello"})),
    );
    send().unwrap();
    assert_eq!(host.record("message", "twilio:SM00000000000000000000000000000002").unwrap()["status"], "received");
}

#[test]
fn a_destination_that_is_not_allowed_is_not_asked_for() {
    let host = host();
    let mut config = fixtures::settings();
    config["destinations"] = json!({"countries": ["US"]});
    config["send_limits"] = json!({"per_hour": 1});
    host.set_config(config);
    let call = json!({"to": "+493012345678", "from": TO});
    assert!(matches!(host.invoke::<Twilio>("place-call", call), Err(Error::Invalid(_))));
    host.expect(
        Exchange::post(below("/Messages.json")).credential("auth_token"),
        Reply::json(201, &json!({"sid": "SM00000000000000000000000000000005", "status": "queued", "body": "x"})),
    );
    let send = || host.invoke::<Twilio>("send-sms", json!({"to": FROM, "from": TO, "body": "x"}));
    send().unwrap();
    assert!(matches!(send(), Err(Error::RateLimited(wait)) if wait <= 3_600_000));
}

#[test]
fn a_call_is_made_with_the_hub_for_its_menu_and_counts_at_once() {
    let host = host();
    host.put_record("phone-number", &format!("twilio:{PN}"), &json!({"number": TO, "status": "active"}));
    let made = json!({"sid": CALL, "status": "queued", "from": TO, "to": FROM, "direction": "outbound-api"});
    host.expect(Exchange::post(below("/Calls.json")).credential("auth_token"), Reply::json(201, &made));
    assert_eq!(host.invoke::<Twilio>("place-call", json!({"to": FROM, "from": TO})).unwrap()["sid"], CALL);
    let body = String::from_utf8(host.sent()[0].body.clone()).unwrap();
    assert_eq!(body.matches("StatusCallbackEvent=").count(), 4, "{body}");
    assert!(body.contains("Url=https%3A%2F%2Fhub.example.com%2Fhooks%2Ftest"), "{body}");
    assert_eq!(host.used("call", Basis::Reported), 1);
    host.work_off::<Twilio>().unwrap();
    assert_eq!(record(&host)["direction"], "outbound");
}

#[test]
fn one_number_is_called_so_often_and_not_more() {
    let host = host();
    let mut config = fixtures::settings();
    config["calls_per_number"] = json!({"most": 1, "per_s": 3600});
    host.set_config(config);
    host.put_record("phone-number", &format!("twilio:{PN}"), &json!({"number": TO, "status": "active"}));
    let made = json!({"sid": CALL, "status": "queued", "from": TO, "to": FROM, "direction": "outbound-api"});
    host.expect(Exchange::post(below("/Calls.json")).credential("auth_token"), Reply::json(201, &made));
    let place = || host.invoke::<Twilio>("place-call", json!({"to": FROM, "from": TO}));
    place().unwrap();
    assert!(matches!(place(), Err(Error::RateLimited(wait)) if wait <= 3_600_000));
    // nor by a client
    let path = format!("/2010-04-01/Accounts/{ACCOUNT}/Calls.json");
    let body = form(&[("To", FROM), ("From", TO), ("Url", "https://example.com/x")]);
    let call = ProxyCall::post(&path).header("content-type", "application/x-www-form-urlencoded").body(body);
    assert_eq!(host.proxy::<Twilio>(call).status, Some(400));
}

#[test]
fn a_call_comes_from_the_accounts_numbers_and_verified_caller_ids_alone() {
    let host = host();
    let place = || host.invoke::<Twilio>("place-call", json!({"to": FROM, "from": TO}));
    let listed = |items: Value| {
        let url = Exchange::get(below(&format!(
            "/IncomingPhoneNumbers.json?PhoneNumber={}&PageSize=1000",
            TO.replace('+', "%2B")
        )));
        host.expect(
            url.credential("auth_token"),
            Reply::json(200, &json!({"incoming_phone_numbers": items, "next_page_uri": null})),
        );
    };
    // another carrier's number is none of the account's
    host.put_record("phone-number", "telnyx:1", &json!({"number": TO, "status": "active"}));
    listed(json!([]));
    let error = place().unwrap_err();
    assert!(matches!(&error, Error::Invalid(wrong) if wrong[0].pointer == "/from"), "{error}");
    let made = json!({"sid": CALL, "status": "queued", "from": TO, "to": FROM, "direction": "outbound-api"});
    let rings = || host.expect(Exchange::post(below("/Calls.json")).credential("auth_token"), Reply::json(201, &made));
    // bought elsewhere
    listed(json!([{"sid": PN, "phone_number": TO}]));
    rings();
    place().unwrap();
    host.put_record("caller-id", TO, &json!({"state": "verified"}));
    rings();
    place().unwrap();
}
