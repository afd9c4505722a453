//! Requests for a transcript that break off: what was made of them is found.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail them")]

#[path = "support/fixtures.rs"]
mod fixtures;

use fixtures::{ALL, HOOK, ID, ONE, hooked, host, queued};
use patchbay_plugin_assemblyai::AssemblyAi;
use patchbay_sdk::Error;
use patchbay_sdk::task::{Outcome, Task};
use patchbay_sdk::testing::{Exchange, MockHost, ProxyCall, Reply};
use serde_json::{Value, json};

const AUDIO: &str = "https://example.com/a.mp3?signature=canary";
/// 2026-11-01, in milliseconds since the Unix epoch.
const NOW: u64 = 1_793_491_200_000;
const HOUR: u64 = 3_600_000;

fn breaks_off(host: &MockHost, reply: Reply) {
    host.set_now(NOW);
    host.expect(Exchange::post(ALL).credential("api_key"), reply);
    assert!(host.invoke::<AssemblyAi>("create-transcript", json!({"audio_url": AUDIO})).is_err());
    assert!(host.jobs().is_empty(), "nobody knows yet what to watch");
}

fn listed(id: &str, created: &str, audio_url: &str) -> Value {
    json!({"id": id, "resource_url": format!("{ALL}/{id}"), "status": "queued", "created": created, "completed": null,
        "audio_url": audio_url, "error": null})
}

fn lists(host: &MockHost, transcripts: &[Value]) {
    let page = json!({"page_details": {"limit": 200, "prev_url": null}, "transcripts": transcripts});
    host.expect(Exchange::get(format!("{ALL}?limit=200")).credential("api_key"), Reply::json(200, &page));
}

/// Looks, and gives how many were found and given up.
fn look(host: &MockHost) -> Value {
    let task = Task {
        job: "job_1".to_owned(),
        kind: "find-transcripts".to_owned(),
        payload: "null".to_owned(),
        cursor: None,
        attempt: 1,
    };
    match host.step::<AssemblyAi>(task).unwrap() {
        Outcome::Done(Some(result)) => serde_json::from_str(&result).unwrap(),
        other => Value::from(format!("{other:?}")),
    }
}

#[test]
fn what_was_made_without_an_answer_is_watched() {
    for lost in [
        Reply::fails(Error::Timeout),
        Reply::status(502),
        Reply::status(200).chunk("{\"id\":"),
        Reply::json(200, &json!({})).breaks_off(),
    ] {
        let host = hooked();
        breaks_off(&host, lost);
        host.set_now(NOW + HOUR);
        let others = [
            listed("a-1", "2026-11-01T00:30:00.000000", AUDIO),
            listed("a-2", "2026-11-01T00:00:02.000000", "https://example.com/b.mp3"),
            listed(ID, "2026-11-01T00:00:01.000000", AUDIO),
            listed("a-3", "2026-10-31T23:30:00.000000", AUDIO),
        ];
        lists(&host, &others);
        let mut made = queued();
        made["webhook_url"] = json!(HOOK);
        host.expect(Exchange::get(ONE).credential("api_key"), Reply::json(200, &made));
        assert_eq!(look(&host), json!({"found": 1, "given_up": 0}));
        let jobs: Vec<_> = host.jobs().iter().map(|job| (job.kind.clone(), job.key.clone())).collect();
        assert_eq!(jobs, [("watch-transcript".to_owned(), Some(ID.to_owned()))]);
        assert_eq!(look(&host), json!({"found": 0, "given_up": 0}), "there is nothing more to look for");
    }
}

#[test]
fn what_others_had_made_is_left_alone_and_what_is_not_there_is_given_up() {
    let host = hooked();
    breaks_off(&host, Reply::fails(Error::Timeout));
    let theirs = [listed(ID, "2026-11-01T00:00:01.000000", AUDIO)];
    for (hours, given_up) in [(1, 0), (4, 1)] {
        host.set_now(NOW + hours * HOUR);
        lists(&host, &theirs);
        // the hub would have put its webhook into its own
        host.expect(Exchange::get(ONE).credential("api_key"), Reply::json(200, &queued()));
        assert_eq!(look(&host), json!({"found": 0, "given_up": given_up}));
    }
    assert!(host.jobs().is_empty());
    assert_eq!(look(&host), json!({"found": 0, "given_up": 0}));
}

#[test]
fn through_the_proxy_and_without_a_webhook_it_is_the_same() {
    let host = host();
    host.set_now(NOW);
    host.expect(Exchange::post(ALL).credential("api_key"), Reply::fails(Error::Timeout));
    let call = ProxyCall::post("/v2/transcript").json(&json!({"audio_url": AUDIO}));
    assert_eq!(host.proxy::<AssemblyAi>(call).result, Err(Error::Timeout));
    lists(&host, &[listed(ID, "2026-11-01T00:00:01.000000", AUDIO)]);
    host.expect(Exchange::get(ONE).credential("api_key"), Reply::json(200, &queued()));
    assert_eq!(look(&host), json!({"found": 1, "given_up": 0}));
    assert_eq!(host.jobs().len(), 1);
}

#[test]
fn what_assemblyai_refused_is_not_looked_for() {
    let host = hooked();
    breaks_off(&host, Reply::json(400, &json!({"error": "audio_url is no address"})));
    assert_eq!(look(&host), json!({"found": 0, "given_up": 0}));
}
