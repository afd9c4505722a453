//! What Telnyx sends in, from the signature to the call's record and the answer that a caller hears.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail them")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey};
use patchbay_plugin_telnyx::Telnyx;
use patchbay_sdk::testing::MockHost;
use patchbay_sdk::usage::Basis;
use patchbay_sdk::webhook::{Answer, Receipt, Request, Verdict};
use patchbay_sdk::{Error, Headers};
use serde_json::{Value, json};

/// telnyx-python 4.189.0 accepts both.
mod vector {
    pub const PUBLIC_KEY: &str = "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=";
    pub const TIME: u64 = 1_767_225_600;
    pub const BODY: &str = r#"{"data":{"record_type":"event","event_type":"call.initiated","id":"0ccc7b54-4df3-4bca-a65a-3da1ecc777f0","occurred_at":"2026-01-01T00:00:00.000000Z","payload":{"call_control_id":"v3:test","direction":"incoming","from":"+15551230001","to":"+15551230002","state":"parked"}},"meta":{"attempt":1,"delivered_to":"https://hub.example.com/webhooks/telnyx"}}"#;
    pub const SIGNATURE: &str =
        "QUePTCsqQ3lF3CMcSveLzY1OWJUAlpE7qQoyrSXLuZvtSn7DUvjOQt2h0YXXSBRWzZs19zGdLZVx2EET9UVTAg==";
    pub const FORM: &str = "AccountSid=f5586561-8ff0-4291-a51b-c7dfe4139ff9&CallSid=v3%3Atest&CallSidLegacy=v3%3Atest&CallStatus=ringing&ConnectionId=1234567890&From=%2B15551230001&To=%2B15551230002";
    pub const FORM_SIGNATURE: &str =
        "HAonrMKPFZ28UMsq5Iz2qB2n2xlCAsw+jn0pM0MyuXi9uGdhMtfWeVvjLNr3Nvim12t0Ahvme9mNbP9mXSeHAA==";
}

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const URL: &str = "https://hub.example.com/hooks/test";

fn host() -> MockHost {
    let host = MockHost::with_manifest(include_str!("../plugin.toml"));
    host.set_secret("public_key", vector::PUBLIC_KEY);
    host.set_now(vector::TIME * 1000);
    host
}

fn request(url: &str, media: &str, time: &str, signature: &str, body: &str) -> Request {
    let headers = [("content-type", media), ("telnyx-timestamp", time), ("telnyx-signature-ed25519", signature)];
    Request {
        method: "POST".into(),
        url: url.into(),
        headers: headers.into_iter().collect(),
        body: body.as_bytes().to_vec(),
    }
}

/// As Telnyx would sign it now.
fn signed(host: &MockHost, url: &str, media: &str, body: &str) -> Request {
    let seed: Vec<u8> = (0..32).collect();
    let key = SigningKey::from_bytes(&seed.try_into().unwrap());
    let time = (host.now() / 1000).to_string();
    let signature = key.sign(format!("{time}|{body}").as_bytes());
    request(url, media, &time, &STANDARD.encode(signature.to_bytes()), body)
}

fn refusal(host: &MockHost, request: Request) -> String {
    match host.verify_webhook::<Telnyx>(request).unwrap() {
        Verdict::Refused(reason) => reason,
        other => panic!("not refused: {other:?}"),
    }
}

fn receipt(host: &MockHost, request: Request) -> Receipt {
    match host.verify_webhook::<Telnyx>(request).unwrap() {
        Verdict::Genuine(receipt) => receipt,
        other => panic!("not genuine: {other:?}"),
    }
}

fn process(host: &MockHost, url: &str, media: &str, body: &str) -> Result<Option<Answer>, Error> {
    let request = signed(host, url, media, body);
    let receipt = receipt(host, request.clone());
    host.process_webhook::<Telnyx>(receipt, request)
}

fn event(id: &str, kind: &str, at: &str, more: &Value) -> String {
    let mut payload = json!({
        "call_control_id": "v3:a", "call_leg_id": "leg-a", "call_session_id": "session-a", "connection_id": "1",
        "from": "+14155550100", "to": "+13125550188", "direction": "incoming", "client_state": null,
    });
    payload.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"data": {"record_type": "event", "event_type": kind, "id": id, "occurred_at": at, "payload": payload}})
        .to_string()
}

/// The life of a call: 61 seconds of talk.
fn life() -> Vec<String> {
    vec![
        event("e1", "call.initiated", "2026-01-01T00:00:00Z", &json!({"state": "parked"})),
        event("e2", "call.answered", "2026-01-01T00:00:05Z", &json!({})),
        event("e3", "call.hangup", "2026-01-01T00:01:06Z", &json!({"hangup_cause": "normal_clearing"})),
        event(
            "e4",
            "call.cost",
            "2026-01-01T00:01:07Z",
            &json!({"cost_parts": [
            {"call_part": "sip-trunking", "cost": "0.0100", "currency": "USD"},
            {"call_part": "call-control", "cost": "0.0040", "currency": "USD"},
        ], "total_cost": "0.0140"}),
        ),
    ]
}

fn document(answer: Option<Answer>) -> String {
    let answer = answer.unwrap();
    assert_eq!((answer.status, answer.headers.get("content-type")), (200, Some("text/xml")));
    String::from_utf8(answer.body).unwrap()
}

fn jobs_done(host: &MockHost) {
    host.work_off::<Telnyx>().unwrap();
}

#[test]
fn both_vectors_are_genuine_within_five_minutes() {
    let host = host();
    let time = vector::TIME.to_string();
    let json = || request(URL, JSON, &time, vector::SIGNATURE, vector::BODY);
    let of_event = receipt(&host, json());
    assert_eq!(
        (of_event.id.as_str(), of_event.kind.as_str()),
        ("0ccc7b54-4df3-4bca-a65a-3da1ecc777f0", "call.initiated")
    );
    assert_eq!((of_event.in_line, of_event.occurred_at), (false, Some(vector::TIME * 1000)));
    let of_form = receipt(&host, request(URL, FORM, &time, vector::FORM_SIGNATURE, vector::FORM));
    assert_eq!((of_form.kind.as_str(), of_form.in_line), ("texml.instructions", true));
    for (distance, genuine) in [(300_000_i64, true), (-300_000, true), (300_001, false), (-300_001, false)] {
        host.set_now((vector::TIME * 1000).checked_add_signed(distance).unwrap());
        let verdict = host.verify_webhook::<Telnyx>(json()).unwrap();
        assert_eq!(matches!(verdict, Verdict::Genuine(_)), genuine, "{distance} ms");
    }
}

#[test]
fn what_is_not_signed_by_telnyx_is_refused_before_it_is_read() {
    let host = host();
    let time = vector::TIME.to_string();
    let with = |time: &str, signature: &str, body: &str| refusal(&host, request(URL, JSON, time, signature, body));
    assert!(with(&time, vector::SIGNATURE, &format!("{} ", vector::BODY)).contains("does not match"));
    assert!(with(&time, vector::FORM_SIGNATURE, vector::BODY).contains("does not match"));
    for wrong in ["", "x", "-1", "1.5", " 1767225600", "1767225600000000"] {
        assert!(with(wrong, vector::SIGNATURE, vector::BODY).contains("telnyx-timestamp"), "{wrong}");
    }
    let short = STANDARD.encode([7_u8; 63]);
    let url_safe = vector::SIGNATURE.replace('+', "-").replace('/', "_");
    let url_safe = url_safe.replace('Q', "-");
    for wrong in ["", "QUeP", short.as_str(), &vector::SIGNATURE[..86], url_safe.as_str()] {
        assert!(with(&time, wrong, vector::BODY).contains("telnyx-signature-ed25519"), "{wrong}");
    }
    let large = "x".repeat((256 << 10) + 1);
    assert!(with(&time, vector::SIGNATURE, &large).contains("more than"));
    let mut twice = request(URL, JSON, &time, vector::SIGNATURE, vector::BODY);
    twice.headers.append("telnyx-signature-ed25519", vector::SIGNATURE);
    assert!(refusal(&host, twice).contains("exactly one"));
    let mut none = request(URL, JSON, &time, vector::SIGNATURE, vector::BODY);
    none.headers = Headers::new();
    assert!(refusal(&host, none).contains("exactly one"));
    let mut read = request(URL, JSON, &time, vector::SIGNATURE, vector::BODY);
    read.method = "GET".into();
    assert!(refusal(&host, read).contains("POST"));
    let nothing = signed(&host, URL, JSON, "{}");
    assert!(refusal(&host, nothing).starts_with("signed, but"));
}

#[test]
fn notes_have_the_same_id_however_often_they_are_signed() {
    let host = host();
    let note = "CallSid=v3%3Aa&CallStatus=completed&CallbackSource=call-progress-events&SequenceNumber=2";
    let first = receipt(&host, signed(&host, URL, FORM, note));
    host.set_now(host.now() + 60_000);
    assert_eq!(receipt(&host, signed(&host, URL, FORM, note)).id, first.id);
    let other = note.replace("SequenceNumber=2", "SequenceNumber=3");
    assert_ne!(receipt(&host, signed(&host, URL, FORM, &other)).id, first.id);
    // somebody waits for this one: sent anew, it is answered anew
    let start = receipt(&host, signed(&host, URL, FORM, "CallSid=v3%3Aa&CallStatus=ringing"));
    host.set_now(host.now() + 1_000);
    let again = receipt(&host, signed(&host, URL, FORM, "CallSid=v3%3Aa&CallStatus=ringing"));
    assert!(start.in_line && again.in_line);
    assert_ne!(start.id, again.id);
}

#[test]
fn events_in_any_order_and_twice_make_one_call_and_two_minutes() {
    let mut objects = Vec::new();
    for order in [vec![0, 1, 2, 3], vec![3, 2, 1, 0], vec![2, 2, 0, 3, 1, 0, 3]] {
        let host = host();
        let life = life();
        for index in order {
            process(&host, URL, JSON, &life[index]).unwrap();
        }
        jobs_done(&host);
        assert_eq!(host.used("call", Basis::Reported), 1);
        assert_eq!(host.used("minute", Basis::Reported), 2, "61 seconds are two minutes");
        objects.push(host.record("call", "telnyx:session-a").unwrap());
    }
    let call = &objects[0];
    assert_eq!((&call["status"], &call["direction"]), (&json!("completed"), &json!("inbound")));
    assert_eq!((&call["from"], &call["duration_s"]), (&json!("+14155550100"), &json!(61)));
    assert_eq!(call["price"], json!({"amount": 1, "currency": "USD"}));
    assert_eq!(call["end_reason"], "normal_clearing");
    assert!(objects.iter().all(|other| other == call), "{objects:?}");
}

#[test]
fn what_others_know_of_a_call_stays() {
    let host = host();
    process(&host, URL, JSON, &life()[0]).unwrap();
    let mut call = host.record("call", "telnyx:session-a").unwrap();
    call["summary"] = json!("asked for prices");
    call["extra"]["hubspot"] = json!({"deal": "1"});
    host.put_record("call", "telnyx:session-a", &call);
    process(&host, URL, JSON, &life()[1]).unwrap();
    let call = host.record("call", "telnyx:session-a").unwrap();
    assert_eq!((&call["summary"], &call["extra"]["hubspot"]["deal"]), (&json!("asked for prices"), &json!("1")));
    assert_eq!(call["status"], "in-progress");
}

#[test]
fn events_are_published_without_links_and_unknown_ones_are_nothing() {
    let host = host();
    let gathered =
        event("e5", "call.gather.ended", "2026-01-01T00:00:09Z", &json!({"digits": "42", "status": "valid"}));
    process(&host, URL, JSON, &gathered).unwrap();
    let saved = event(
        "e6",
        "call.recording.saved",
        "2026-01-01T00:00:10Z",
        &json!({
            "recording_urls": {"mp3": "https://s3.amazonaws.com/telephony-recorder-prod/a.mp3?X-Amz-Signature=s"},
        }),
    );
    process(&host, URL, JSON, &saved).unwrap();
    for (id, kind) in [("e7", "call.brand.new"), ("e8", "message.received"), ("e9", "streaming.started")] {
        process(&host, URL, JSON, &event(id, kind, "2026-01-01T00:00:11Z", &json!({}))).unwrap();
    }
    let events = host.events();
    assert_eq!(
        events.iter().map(|event| event.kind.as_str()).collect::<Vec<_>>(),
        ["telnyx.call.gather.ended", "telnyx.call.recording.saved",]
    );
    assert_eq!((&events[0].data["payload"]["digits"], events[0].id.as_deref()), (&json!("42"), Some("e5")));
    assert!(!events[1].data.to_string().contains("X-Amz"), "{:?}", events[1]);
}

#[test]
fn a_caller_hears_what_the_menu_says_and_the_call_knows_its_path() {
    let host = host();
    let said = json!({
        "document": "<Response><Say>Hi</Say></Response>", "content_type": "text/xml", "menu_version": 3, "ended": false,
        "steps": [{"id": "0000-00-a", "at": "2026-01-01T00:00:00Z", "menu": "main", "node": "menus/main", "did": "greeting"}],
    });
    host.expect_call("ivr", "answer", Ok(said));
    let answer = process(&host, URL, FORM, vector::FORM).unwrap();
    assert_eq!(document(answer), "<Response><Say>Hi</Say></Response>");
    let asked = host.asked();
    assert_eq!(asked[0].input["request"], json!({"kind": "start"}));
    assert_eq!(asked[0].input["call"]["to"], "+15551230002");
    assert_eq!((&asked[0].input["dialect"], &asked[0].input["callback_url"]), (&json!("texml"), &json!(URL)));
    assert!(asked[0].input.get("position").is_none());
    // nothing was written while the caller waited
    assert_eq!(host.record("call", "telnyx:v3:test"), None);
    jobs_done(&host);
    let said = json!({"document": "<Response><Hangup/></Response>", "steps": [
        {"id": "0001-00-b", "at": "2026-01-01T00:00:04Z", "menu": "main", "node": "menus/main", "did": "digits", "digits": "2"},
    ]});
    host.expect_call("ivr", "answer", Ok(said));
    let pressed = format!("{}&Digits=2", vector::FORM);
    process(&host, &format!("{URL}?ivr=cGxhY2U"), FORM, &pressed).unwrap();
    assert_eq!(host.asked()[1].input["request"], json!({"kind": "digits", "digits": "2"}));
    assert_eq!(host.asked()[1].input["position"], "cGxhY2U");
    jobs_done(&host);
    let call = host.record("call", "telnyx:v3:test").unwrap();
    let did: Vec<_> = call["extra"]["ivr"].as_array().unwrap().iter().map(|step| step["did"].clone()).collect();
    assert_eq!(did, [json!("greeting"), json!("digits")]);
    assert_eq!(call["extra"]["ivr"][0]["version"], 3);
    // the menu hears of no hang-up by itself, and is told of it once
    host.expect_call("ivr", "hung-up", Ok(json!({"at": "2026-01-01T00:02:00Z"})));
    let over = "CallSid=v3%3Atest&CallStatus=completed&CallbackSource=call-progress-events&CallDuration=9";
    for _ in 0..2 {
        process(&host, URL, FORM, over).unwrap();
    }
    assert_eq!((host.asked().len(), &host.asked()[2].input), (3, &json!({"call": "v3:test"})));
}

#[test]
fn each_request_for_instructions_is_told_apart() {
    let place = format!("{URL}?ivr=p");
    for (more, expected) in [
        ("", json!({"kind": "redirect"})),
        ("&Digits=", json!({"kind": "digits", "digits": ""})),
        ("&SpeechResult=sales&Confidence=0.9", json!({"kind": "speech", "speech": "sales"})),
        ("&DialCallStatus=busy&DialCallSid=v3%3Ab", json!({"kind": "dial-ended", "dial_status": "busy"})),
        (
            "&Digits=%23&RecordingSid=r1&RecordingDuration=5&RecordingUrl=https%3A%2F%2Fs3.amazonaws.com%2Fa.mp3",
            json!({
                "kind": "recording",
                "recording": {"url": "https://s3.amazonaws.com/a.mp3", "duration_s": 5, "id": "r1"},
            }),
        ),
    ] {
        let host = host();
        host.expect_call("ivr", "answer", Ok(json!({"document": "<Response/>"})));
        process(&host, &place, FORM, &format!("{}{more}", vector::FORM)).unwrap();
        assert_eq!(host.asked()[0].input["request"], expected, "{more}");
    }
}

#[test]
fn without_a_menu_the_settings_say_what_becomes_of_a_caller() {
    for (config, answer, expected) in [
        (json!({}), Err(Error::Denied("not switched on".into())), "<Reject reason=\"rejected\"/>"),
        (json!({"unanswered": {"busy": true}}), Ok(json!({"document": null})), "<Reject reason=\"busy\"/>"),
        (
            json!({"unanswered": {"forward_to": "+13125550199"}}),
            Err(Error::Timeout),
            "<Dial callerId=\"+15551230002\"><Number>+13125550199</Number></Dial>",
        ),
    ] {
        let host = host();
        host.set_config(config);
        host.expect_call("ivr", "answer", answer);
        let document = document(process(&host, URL, FORM, vector::FORM).unwrap());
        assert!(document.contains(expected), "{document}");
    }
    // what comes back from there is not sent there again
    for (from, forward) in
        [("%2B15551230002", "+13125550199"), ("%2B13125550199", "+13125550199"), ("", "+15551230002")]
    {
        let host = host();
        host.set_config(json!({"unanswered": {"forward_to": forward}}));
        host.expect_call("ivr", "answer", Ok(json!({"document": null})));
        let form = vector::FORM.replace("From=%2B15551230001", &format!("From={from}"));
        let document = document(process(&host, URL, FORM, &form).unwrap());
        assert!(document.contains("<Reject"), "{from} {forward}: {document}");
    }
    // one that is under way ends
    let host = host();
    host.expect_call("ivr", "answer", Err(Error::Unavailable("away".into())));
    let document = document(process(&host, &format!("{URL}?ivr=p"), FORM, vector::FORM).unwrap());
    assert!(document.contains("<Hangup/>"), "{document}");
}

#[test]
fn notes_of_texml_make_the_same_call_in_any_order() {
    let base = "CallSid=v3%3Atest&From=%2B15551230001&To=%2B15551230002&CallbackSource=call-progress-events";
    let notes = [
        format!("{base}&CallStatus=ringing&SequenceNumber=0&Timestamp=2026-01-01T00:00:00Z"),
        format!("{base}&CallStatus=in-progress&SequenceNumber=1&Timestamp=2026-01-01T00:00:05Z"),
        format!(
            "{base}&CallStatus=completed&SequenceNumber=2&Timestamp=2026-01-01T00:01:06Z&CallDuration=61\
             &AnsweredTime=2026-01-01T00:00:05Z&EndTime=2026-01-01T00:01:06Z&HangupCause=normal_clearing"
        ),
        "CallSid=v3%3Atest&CallbackSource=call-cost-events&TotalCost=0.0140&Currency=USD".to_owned(),
    ];
    let mut calls = Vec::new();
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
        let host = host();
        for index in order {
            assert_eq!(process(&host, URL, FORM, &notes[index]).unwrap(), None);
        }
        assert_eq!(host.used("minute", Basis::Reported), 2);
        calls.push(host.record("call", "telnyx:v3:test").unwrap());
    }
    assert_eq!((&calls[0]["status"], &calls[0]["duration_s"]), (&json!("completed"), &json!(61)));
    assert!(calls.iter().all(|call| *call == calls[0]), "{calls:?}");
}

#[test]
fn a_leg_that_a_menu_has_called_is_metered_as_one_of_its_own() {
    let host = host();
    host.expect_call("ivr", "answer", Ok(json!({"document": "<Response/>"})));
    let ended = format!("{}&DialCallStatus=completed&DialCallSid=v3%3Aother&DialCallDuration=125", vector::FORM);
    process(&host, &format!("{URL}?ivr=p"), FORM, &ended).unwrap();
    jobs_done(&host);
    assert_eq!(host.used("minute", Basis::Reported), 3);
    let call = host.record("call", "telnyx:v3:test").unwrap();
    let legs = call["extra"]["telnyx"]["legs"].as_array().unwrap();
    assert!(legs.iter().any(|leg| leg["id"] == "v3:other" && leg["parent"] == "v3:test"), "{legs:?}");
}
