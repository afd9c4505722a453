//! Recordings: fetched while the link is good, and by a new one afterwards.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail them")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey};
use patchbay_plugin_telnyx::Telnyx;
use patchbay_sdk::testing::{Exchange, MockHost, Reply};
use patchbay_sdk::webhook::{Receipt, Request, Verdict};
use serde_json::{Value, json};

const LINK: &str = "https://s3.amazonaws.com/telephony-recorder-prod/account/a.mp3?X-Amz-Expires=600";
const NEW_LINK: &str = "https://s3.amazonaws.com/telephony-recorder-prod/account/b.mp3?X-Amz-Expires=600";

fn host() -> MockHost {
    let host = MockHost::with_manifest(include_str!("../plugin.toml"));
    host.set_secret("api_key", "KEY0123");
    host.set_secret("public_key", "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=");
    host.set_now(1_767_225_660_000);
    host
}

fn told(host: &MockHost, recording: Option<&str>) {
    let body = json!({"data": {
        "record_type": "event", "event_type": "call.recording.saved", "id": "e1", "occurred_at": "2026-01-01T00:01:00Z",
        "payload": {
            "call_leg_id": "leg-a", "call_session_id": "session-a", "channels": "dual", "recording_id": recording,
            "recording_started_at": "2026-01-01T00:00:00Z", "recording_ended_at": "2026-01-01T00:00:30Z",
            "recording_urls": {"mp3": LINK}, "public_recording_urls": {},
        },
    }})
    .to_string();
    let seed: Vec<u8> = (0..32).collect();
    let key = SigningKey::from_bytes(&seed.try_into().unwrap());
    let time = (host.now() / 1000).to_string();
    let signature = STANDARD.encode(key.sign(format!("{time}|{body}").as_bytes()).to_bytes());
    let headers = [
        ("content-type", "application/json"),
        ("telnyx-timestamp", time.as_str()),
        ("telnyx-signature-ed25519", signature.as_str()),
    ];
    let request = Request {
        method: "POST".into(),
        url: "https://hub.example.com/hooks/test".into(),
        headers: headers.into_iter().collect(),
        body: body.into_bytes(),
    };
    let verdict = host.verify_webhook::<Telnyx>(request.clone()).unwrap();
    let receipt: Option<Receipt> = if let Verdict::Genuine(receipt) = verdict { Some(receipt) } else { None };
    host.process_webhook::<Telnyx>(receipt.unwrap(), request).unwrap();
}

fn sound() -> Reply {
    Reply::status(200).header("content-type", "audio/mpeg").chunk("ID3 one").chunk(" two")
}

fn kept(host: &MockHost, id: &str) -> Value {
    let recording = host.record("recording", id).unwrap();
    let (media, bytes) = host.blob(recording["blob_id"].as_str().unwrap()).unwrap();
    assert_eq!((media.as_str(), bytes.as_slice()), ("audio/mpeg", &b"ID3 one two"[..]));
    recording
}

#[test]
fn a_recording_is_fetched_at_once_without_the_key() {
    let host = host();
    told(&host, Some("rec-1"));
    host.expect(Exchange::get(LINK), sound());
    host.work_off::<Telnyx>().unwrap();
    let recording = kept(&host, "telnyx:rec-1");
    assert_eq!((&recording["status"], &recording["call_id"]), (&json!("available"), &json!("telnyx:session-a")));
    assert_eq!((&recording["duration_s"], &recording["channels"]), (&json!(30), &json!(2)));
    assert_eq!(recording["size_bytes"], 11);
    // told once more: there is nothing to fetch
    told(&host, Some("rec-1"));
    host.work_off::<Telnyx>().unwrap();
}

#[test]
fn a_link_that_has_ended_is_replaced_by_a_new_one() {
    let host = host();
    told(&host, None);
    host.set_now(host.now() + 11 * 60_000);
    let list = "https://api.telnyx.com/v2/recordings?filter%5Bcall_leg_id%5D=leg-a&page%5Bsize%5D=250";
    let found = json!({
        "id": "rec-9", "status": "completed", "download_urls": {"mp3": NEW_LINK}, "duration_millis": 29_400,
        "recording_started_at": "2026-01-01T00:00:00Z",
    });
    let other = json!({"id": "rec-8", "status": "completed", "download_urls": {}, "recording_started_at": "2025-12-31T00:00:00Z"});
    host.expect(Exchange::get(list).credential("api_key"), Reply::json(200, &json!({"data": [other, found]})));
    host.expect(Exchange::get(NEW_LINK), sound());
    host.work_off::<Telnyx>().unwrap();
    assert_eq!(host.sent().len(), 2, "the link that had ended was not tried");
    let (_, bytes) = host.blob("blob_1").unwrap();
    assert_eq!(bytes, b"ID3 one two");
}

#[test]
fn a_link_that_leads_nowhere_is_replaced_as_well() {
    let host = host();
    told(&host, Some("rec-1"));
    host.expect(Exchange::get(LINK), Reply::status(403));
    let found = json!({"id": "rec-1", "status": "completed", "download_urls": {"mp3": NEW_LINK}});
    host.expect(
        Exchange::get("https://api.telnyx.com/v2/recordings/rec-1").credential("api_key"),
        Reply::json(200, &json!({"data": found})),
    );
    host.expect(Exchange::get(NEW_LINK), sound());
    host.work_off::<Telnyx>().unwrap();
    assert_eq!(kept(&host, "telnyx:rec-1")["external_ids"]["telnyx"], "rec-1");
}

#[test]
fn an_organization_may_leave_them_where_they_are() {
    let host = host();
    host.set_config(json!({"keep_recordings": false}));
    told(&host, Some("rec-1"));
    host.work_off::<Telnyx>().unwrap();
    let recording = host.record("recording", "telnyx:rec-1").unwrap();
    assert!(recording.get("blob_id").is_none() && recording["status"] == "available", "{recording}");
}
