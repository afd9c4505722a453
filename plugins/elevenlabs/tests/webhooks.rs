//! What ElevenLabs' webhooks tell, from the signature to the published event.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail them")]

use patchbay_plugin_elevenlabs::ElevenLabs;
use patchbay_sdk::signature::{Digest, KeyEncoding};
use patchbay_sdk::testing::MockHost;
use patchbay_sdk::webhook::{Receipt, Request, Verdict};
use serde_json::{Value, json};

/// Computed; elevenlabs 2.78.0 accepts it until 30 minutes after its time.
mod vector {
    pub const SECRET: &str = "wsec_5f2c9a0b7d1e4836a9c4e7f1b2d3c4a5";
    pub const TIME: u64 = 1_793_491_200;
    pub const BODY: &str = r#"{"type":"post_call_transcription","event_timestamp":1793491200,"data":{"agent_id":"agent_tv","conversation_id":"conv_tv","status":"done"}}"#;
    pub const HEADER: &str = "t=1793491200,v0=06372938e904af3ed3747a900d1f01e02e54cf9691d2f8c4241b8cdc3049d67f";
}

fn host() -> MockHost {
    let host = MockHost::with_manifest(include_str!("../plugin.toml"));
    host.set_secret("webhook_secret", vector::SECRET);
    host.set_now(vector::TIME * 1000);
    host
}

fn request(header: &str, body: &str) -> Request {
    Request {
        method: "POST".into(),
        url: "https://hub.example.com/hooks/t".into(),
        headers: [("content-type", "application/json"), ("elevenlabs-signature", header)].into_iter().collect(),
        body: body.as_bytes().to_vec(),
    }
}

/// As ElevenLabs would sign it now.
fn signed(host: &MockHost, body: &str) -> Request {
    let time = host.now() / 1000;
    let mac = host.sign("webhook_secret", Digest::Sha256, KeyEncoding::Raw, format!("{time}.{body}").as_bytes());
    let mac: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
    request(&format!("t={time},v0={mac}"), body)
}

fn receipt(host: &MockHost, request: Request) -> Receipt {
    match host.verify_webhook::<ElevenLabs>(request).unwrap() {
        Verdict::Genuine(receipt) => receipt,
        other => panic!("not genuine: {other:?}"),
    }
}

fn refusal(host: &MockHost, request: Request) -> String {
    match host.verify_webhook::<ElevenLabs>(request).unwrap() {
        Verdict::Refused(reason) => reason,
        other => panic!("not refused: {other:?}"),
    }
}

fn published(host: &MockHost, body: &Value) -> Value {
    let request = signed(host, &body.to_string());
    let receipt = receipt(host, request.clone());
    assert_eq!(host.process_webhook::<ElevenLabs>(receipt, request).unwrap(), None);
    host.events().last().unwrap().data.clone()
}

#[test]
fn the_vendors_vector_is_taken_for_half_an_hour() {
    let host = host();
    let expected = Receipt {
        id: "post_call_transcription:conv_tv:1793491200000".into(),
        kind: "post_call_transcription".into(),
        occurred_at: Some(vector::TIME * 1000),
        in_line: false,
    };
    for now in [vector::TIME - 300, vector::TIME, vector::TIME + 1_800] {
        host.set_now(now * 1000);
        assert_eq!(receipt(&host, request(vector::HEADER, vector::BODY)), expected);
    }
    for (now, word) in [(vector::TIME + 1_801, "old"), (vector::TIME - 301, "ahead")] {
        host.set_now(now * 1000);
        assert!(refusal(&host, request(vector::HEADER, vector::BODY)).contains(word));
    }
}

#[test]
fn what_is_not_signed_as_prescribed_is_refused() {
    let host = host();
    let mac = vector::HEADER.split_once("v0=").unwrap().1;
    for (header, body) in [
        (vector::HEADER.to_owned(), vector::BODY.replace("done", "gone")),
        (format!("t=1793491201,v0={mac}"), vector::BODY.to_owned()),
        (format!("t=1793491200,v0={}", mac.to_uppercase()), vector::BODY.to_owned()),
        (format!("t=1793491200,v1={mac}"), vector::BODY.to_owned()),
        (format!("v0={mac}"), vector::BODY.to_owned()),
        (format!("t=+1793491200,v0={mac}"), vector::BODY.to_owned()),
        (String::new(), vector::BODY.to_owned()),
    ] {
        let _ = refusal(&host, request(&header, &body));
    }
    let mut twice = request(vector::HEADER, vector::BODY);
    twice.headers.append("elevenlabs-signature", vector::HEADER);
    assert!(refusal(&host, twice).contains("exactly one"));
    for body in ["[]", r#"{"type":"Odd Name"}"#, r#"{"data":{}}"#] {
        assert!(refusal(&host, signed(&host, body)).starts_with("signed, but"), "{body}");
    }
}

#[test]
fn what_happened_is_published_under_its_own_name() {
    let host = host();
    let data = json!({"conversation_id": "c1", "status": "done", "transcript": [{"role": "user", "message": "hi"}]});
    let event =
        published(&host, &json!({"type": "post_call_transcription", "event_timestamp": "1793491200", "data": data}));
    let expected = json!({"type": "post_call_transcription", "occurred_at": 1_793_491_200_000_u64, "data": data, "shortened": false});
    assert_eq!(event, expected);
    let events = host.events();
    assert_eq!((events[0].kind.as_str(), events[0].subject.as_str()), ("elevenlabs.post_call_transcription", "c1"));
    assert_eq!(events[0].id.as_deref(), Some("post_call_transcription:c1:1793491200000"));
}

#[test]
fn a_recording_becomes_a_file_and_a_very_long_transcript_is_left_out() {
    let host = host();
    // "sound" in base64
    let data = json!({"conversation_id": "c1", "full_audio": "c291bmQ="});
    let event = published(&host, &json!({"type": "post_call_audio", "event_timestamp": 1, "data": data}));
    assert_eq!(event["data"].get("full_audio"), None);
    let id = event["data"]["audio"]["blob"].as_str().unwrap();
    assert_eq!(host.blob(id), Some(("audio/mpeg".to_owned(), b"sound".to_vec())));

    let data = json!({"conversation_id": "c2", "transcript": ["x".repeat(800 << 10)], "analysis": {"ok": true}});
    let event = published(&host, &json!({"type": "post_call_transcription", "event_timestamp": 1, "data": data}));
    assert_eq!((event["shortened"].as_bool(), event["data"].get("transcript")), (Some(true), None));
    assert_eq!(event["data"]["analysis"]["ok"], true);
}

#[test]
fn what_has_another_shape_is_published_as_it_is() {
    let host = host();
    for data in
        [json!({"full_audio": "no base64!"}), json!({"full_audio": 7, "transcript": null}), json!(["x"]), json!(null)]
    {
        let event = published(&host, &json!({"type": "post_call_audio", "event_timestamp": {"at": 1}, "data": data}));
        assert_eq!((&event["data"], &event["occurred_at"]), (&data, &json!(null)));
    }
}
