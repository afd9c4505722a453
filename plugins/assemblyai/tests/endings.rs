//! The end of a transcript, by the webhook and by the job: metered once, told once.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail them")]

#[path = "support/fixtures.rs"]
mod fixtures;

use fixtures::{ALL, HOOK, ID, ONE, SECRET, completed, hooked, host, queued};
use patchbay_plugin_assemblyai::AssemblyAi;
use patchbay_sdk::Error;
use patchbay_sdk::task::{Outcome, Task};
use patchbay_sdk::testing::{Exchange, MockHost, Reply};
use patchbay_sdk::usage::Basis;
use patchbay_sdk::webhook::{Answer, Receipt, Request, Verdict};
use serde_json::{Value, json};

/// The published vector: this body under [`SECRET`].
const BODY: &str = r#"{"transcript_id":"9ea68fd3-f953-42c1-9742-976c447fb463","status":"completed"}"#;

fn request(secrets: &[&str], body: &str) -> Request {
    let headers = secrets.iter().map(|secret| ("x-patchbay-secret", *secret));
    Request {
        method: "POST".to_owned(),
        url: HOOK.to_owned(),
        headers: headers.collect(),
        body: body.as_bytes().to_vec(),
    }
}

fn refusal(host: &MockHost, request: Request) -> String {
    match host.verify_webhook::<AssemblyAi>(request).unwrap() {
        Verdict::Refused(reason) => reason,
        other => panic!("not refused: {other:?}"),
    }
}

fn process(host: &MockHost, body: &str) -> Result<(), Error> {
    let request = request(&[SECRET], body);
    let Verdict::Genuine(receipt) = host.verify_webhook::<AssemblyAi>(request.clone()).unwrap() else {
        panic!("not genuine: {body}")
    };
    host.process_webhook::<AssemblyAi>(receipt, request).map(|answer| assert_eq!(answer, None))
}

fn answers(host: &MockHost, transcript: &Value) {
    host.expect(Exchange::get(ONE).credential("api_key"), Reply::json(200, transcript));
}

fn watch(since: u64) -> Task {
    Task {
        job: "job_1".to_owned(),
        kind: "watch-transcript".to_owned(),
        payload: json!({"transcript": ID, "region": "us", "since": since}).to_string(),
        cursor: None,
        attempt: 1,
    }
}

#[test]
fn only_what_has_the_secret_once_is_genuine() {
    let host = hooked();
    let expected =
        Receipt { id: format!("{ID}:completed"), kind: "completed".to_owned(), occurred_at: None, in_line: false };
    let verdict = host.verify_webhook::<AssemblyAi>(request(&[SECRET], BODY)).unwrap();
    assert_eq!(verdict, Verdict::Genuine(expected));
    assert!(refusal(&host, request(&["9f2b5c1e7a4d4e0f8b6a3c2d1e0f9a8c"], BODY)).contains("is not the connection's"));
    for secrets in [&[][..], &[SECRET, SECRET][..]] {
        assert!(refusal(&host, request(secrets, BODY)).contains("exactly one header"));
    }
    host.rotate_secret("webhook_secret", "the-secret-of-tomorrow");
    assert!(matches!(host.verify_webhook::<AssemblyAi>(request(&[SECRET], BODY)).unwrap(), Verdict::Genuine(_)));
}

#[test]
fn what_is_no_ended_transcript_is_refused_and_redacted_audio_needs_nothing() {
    let host = hooked();
    for body in [
        "",
        "[]",
        r#"{"status":"completed"}"#,
        r#"{"transcript_id":"a-1","status":"queued"}"#,
        r#"{"transcript_id":"../upload","status":"completed"}"#,
    ] {
        assert!(refusal(&host, request(&[SECRET], body)).starts_with("with the right secret, but "), "{body}");
    }
    let body = r#"{"status":"redacted_audio_ready","redacted_audio_url":"https://cdn.example/r.mp3"}"#;
    let verdict = host.verify_webhook::<AssemblyAi>(request(&[SECRET], body)).unwrap();
    assert!(matches!(verdict, Verdict::Answer(Answer { status: 200, .. })), "{verdict:?}");
}

#[test]
fn a_webhook_and_the_job_together_meter_once_and_tell_once() {
    let host = hooked();
    host.expect(Exchange::post(ALL).credential("api_key"), Reply::json(200, &queued()));
    host.invoke::<AssemblyAi>("create-transcript", json!({"audio_url": "https://x/a"})).unwrap();
    for _ in 0..2 {
        answers(&host, &completed());
        process(&host, BODY).unwrap();
    }
    answers(&host, &completed());
    assert_eq!(host.work_off::<AssemblyAi>().unwrap(), [Some(json!({"status": "completed"}))]);
    assert_eq!(host.used("audio_seconds", Basis::Reported), 91);
    assert_eq!(host.used("transcripts", Basis::Reported), 1);
    let events = host.events();
    assert_eq!(events.len(), 1);
    assert_eq!((events[0].kind.as_str(), events[0].subject.as_str()), ("assemblyai.transcript.completed", ID));
    let expected = json!({
        "transcript_id": ID, "audio_seconds": 91, "language_code": "en_us", "confidence": 0.93,
        "speech_model": "assemblyai-stt-3-7",
        "sentiment": {
            "sentences": 2, "positive": 1, "neutral": 0, "negative": 1,
            "speakers": [
                {"speaker": "A", "positive": 1, "neutral": 0, "negative": 0},
                {"speaker": "B", "positive": 0, "neutral": 0, "negative": 1},
            ],
        },
    });
    assert_eq!(events[0].data, expected);
}

#[test]
fn text_is_told_only_if_the_org_asks_for_it() {
    let host = hooked();
    host.set_config(json!({"text_in_events": true}));
    answers(&host, &completed());
    process(&host, BODY).unwrap();
    assert_eq!(host.events()[0].data["text"], "Very good. Not so.");

    let mut long = completed();
    long["text"] = json!("é".repeat(500_000));
    drop(host);
    let host = hooked();
    host.set_config(json!({"text_in_events": true}));
    answers(&host, &long);
    process(&host, BODY).unwrap();
    let data = host.events()[0].data.clone();
    assert_eq!((data["text"].as_str().unwrap().len(), &data["text_is_cut"]), (700 << 10, &json!(true)));
}

#[test]
fn a_failure_is_told_and_costs_nothing() {
    let host = hooked();
    answers(&host, &json!({"id": ID, "status": "error", "error": "Download error", "audio_duration": null}));
    process(&host, &BODY.replace("completed", "error")).unwrap();
    let events = host.events();
    assert_eq!(events[0].kind, "assemblyai.transcript.failed");
    assert_eq!(events[0].data, json!({"transcript_id": ID, "error": "Download error"}));
    assert!(host.usage().is_empty());
}

#[test]
fn a_webhook_is_believed_only_where_the_transcript_says_the_same() {
    let host = hooked();
    answers(&host, &queued());
    assert!(matches!(process(&host, BODY), Err(Error::Unavailable(_))));
    let mut other = completed();
    other["id"] = json!("another-one");
    answers(&host, &other);
    assert!(matches!(process(&host, BODY), Err(Error::Upstream(_))));
    let missing = json!({"error": "Transcript lookup error, transcript id not found"});
    for status in [400, 404] {
        host.expect(Exchange::get(ONE).credential("api_key"), Reply::json(status, &missing));
        process(&host, BODY).unwrap();
    }
    assert!(host.usage().is_empty() && host.events().is_empty());
}

#[test]
fn the_job_asks_less_and_less_often() {
    let host = host();
    let start = host.now();
    for (elapsed, wait) in [(0, 5_000), (8_000, 5_000), (60_000, 30_000), (3_600_000, 600_000)] {
        host.set_now(start + elapsed);
        answers(&host, &queued());
        assert_eq!(host.step::<AssemblyAi>(watch(start)), Ok(Outcome::Later(wait)), "after {elapsed} ms");
    }
    host.set_now(start + 3 * 24 * 3_600_000 + 1);
    answers(&host, &queued());
    assert!(matches!(host.step::<AssemblyAi>(watch(start)), Err(Error::Unavailable(_))));
}

#[test]
fn the_job_ends_with_a_transcript_that_is_gone_and_goes_on_after_a_failure() {
    let host = host();
    let now = host.now();
    host.expect(Exchange::get(ONE).credential("api_key"), Reply::status(404));
    assert_eq!(host.step::<AssemblyAi>(watch(now)), Ok(Outcome::Done(Some(r#"{"status":"gone"}"#.to_owned()))));
    host.expect(Exchange::get(ONE).credential("api_key"), Reply::status(500));
    assert!(matches!(host.step::<AssemblyAi>(watch(now)), Err(Error::Upstream(_))));
    host.expect(Exchange::get(ONE).credential("api_key"), Reply::json(200, &completed()).breaks_off());
    assert!(host.step::<AssemblyAi>(watch(now)).is_err());
    assert!(host.usage().is_empty() && host.events().is_empty());
}

#[test]
fn a_transcript_is_looked_for_in_the_region_in_which_it_was_made() {
    let host = hooked();
    host.expect(Exchange::post(ALL).credential("api_key"), Reply::json(200, &queued()));
    host.invoke::<AssemblyAi>("create-transcript", json!({"audio_url": "https://x/a"})).unwrap();
    host.set_config(json!({"region": "eu"}));
    answers(&host, &completed());
    process(&host, BODY).unwrap();
    assert_eq!(host.used("audio_seconds", Basis::Reported), 91);
}
