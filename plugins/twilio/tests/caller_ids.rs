//! Verified caller ids: who is rung how often, what becomes of a code, and what is kept.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail them")]

use patchbay_plugin_twilio::Twilio;
use patchbay_sdk::Error;
use patchbay_sdk::task::{Outcome, Task};
use patchbay_sdk::testing::{Exchange, MockHost, Reply};
use serde_json::{Value, json};

const ACCOUNT: &str = "AC00000000000000000000000000000001";
const NUMBER: &str = "+15551230001";
const OTHER: &str = "+15551230009";
const CODE: &str = "836274";
const SID: &str = "PN00000000000000000000000000000001";
const ALL: &str =
    "https://api.twilio.com/2010-04-01/Accounts/AC00000000000000000000000000000001/OutgoingCallerIds.json";
const MINUTE: u64 = 60_000;

fn host_with(caller_ids: Value) -> MockHost {
    let host = MockHost::with_manifest(include_str!("../plugin.toml"));
    host.set_secret("auth_token", "canary-auth-token");
    host.set_config(json!({"account_sid": ACCOUNT, "caller_ids": caller_ids}));
    host
}

fn host() -> MockHost {
    host_with(json!({}))
}

fn call_sid(number: u32) -> String {
    format!("CA{number:032}")
}

/// Twilio rings, as its so-manieth call.
fn rings(host: &MockHost, call: u32) {
    let answer = json!({
        "account_sid": ACCOUNT, "call_sid": call_sid(call), "friendly_name": "x", "phone_number": NUMBER,
        "validation_code": CODE,
    });
    host.expect(Exchange::post(ALL).credential("auth_token"), Reply::json(200, &answer));
}

/// Twilio is asked whether it has verified the number.
fn listed(host: &MockHost, verified: bool) {
    let known = json!({"sid": SID, "friendly_name": "Front desk", "phone_number": NUMBER});
    let items = if verified { vec![known] } else { Vec::new() };
    let url = format!("{ALL}?PhoneNumber=%2B15551230001");
    host.expect(
        Exchange::get(url).credential("auth_token"),
        Reply::json(200, &json!({"outgoing_caller_ids": items, "next_page_uri": null})),
    );
}

fn start(host: &MockHost) -> Result<Value, Error> {
    host.invoke::<Twilio>("start-caller-id", json!({"phone_number": NUMBER}))
}

fn resend(host: &MockHost) -> Result<Value, Error> {
    host.invoke::<Twilio>("resend-caller-id", json!({"phone_number": NUMBER}))
}

fn wait_minutes(host: &MockHost, minutes: u64) {
    host.set_now(host.now() + minutes * MINUTE);
}

fn watch(call: u32) -> Task {
    Task {
        job: "job_1".to_owned(),
        kind: "watch-caller-id".to_owned(),
        payload: json!({"number": NUMBER, "call_sid": call_sid(call)}).to_string(),
        cursor: None,
        attempt: 1,
    }
}

/// Does the clean-up step by step, as the hub does.
fn clean_up(host: &MockHost) -> Value {
    let mut cursor = None;
    loop {
        let step = Task {
            job: "job_2".to_owned(),
            kind: "clean-up-caller-ids".to_owned(),
            payload: "null".to_owned(),
            cursor,
            attempt: 1,
        };
        match host.step::<Twilio>(step).unwrap() {
            Outcome::Done(result) => return serde_json::from_str(&result.unwrap()).unwrap(),
            Outcome::Again { cursor: next, .. } => cursor = Some(next),
            Outcome::Later(wait) => panic!("put off by {wait} ms"),
        }
    }
}

fn state(host: &MockHost) -> Value {
    host.record("caller-id", NUMBER).and_then(|record| record.get("state").cloned()).unwrap_or_default()
}

fn told(host: &MockHost) -> Vec<String> {
    host.events().into_iter().map(|event| event.kind).collect()
}

#[test]
fn the_code_is_in_the_output_and_nowhere_else() {
    let host = host();
    let form = "PhoneNumber=%2B15551230001&FriendlyName=Front%20desk&CallDelay=5&Extension=12&\
        StatusCallback=https%3A%2F%2Fhub.example.com%2Fhooks%2Ftest&StatusCallbackMethod=POST";
    let answer = json!({"call_sid": call_sid(1), "validation_code": CODE, "phone_number": NUMBER});
    host.expect(Exchange::post(ALL).credential("auth_token").body(form), Reply::json(200, &answer));
    let wanted =
        json!({"phone_number": "+1 (555) 123-0001", "friendly_name": "Front desk", "call_delay": 5, "extension": "12"});
    let given = host.invoke::<Twilio>("start-caller-id", wanted).unwrap();
    assert_eq!(
        given,
        json!({
            "phone_number": NUMBER, "state": "pending", "validation_code": CODE, "call_sid": call_sid(1),
            "expires_at": "2026-11-01T00:10:00Z", "starts_left": 2,
        })
    );
    let jobs = host.jobs();
    assert_eq!((jobs[0].kind.as_str(), jobs[0].delay_ms), ("watch-caller-id", 20_000));
    let kept = format!("{:?}{:?}{:?}{:?}", host.record("caller-id", NUMBER), host.events(), host.log(), jobs);
    assert!(!kept.contains(CODE), "{kept}");
    assert_eq!(state(&host), "pending");
}

#[test]
fn an_answer_that_is_none_does_not_show_its_code() {
    let host = host();
    let answer = json!({"validation_code": CODE});
    host.expect(Exchange::post(ALL).credential("auth_token"), Reply::json(200, &answer));
    let error = start(&host).unwrap_err();
    assert!(matches!(error, Error::Upstream(_)) && !error.to_string().contains(CODE), "{error}");
}

#[test]
fn a_number_is_rung_three_times_within_an_hour_and_no_other_one_is_kept_waiting_for_it() {
    let host = host();
    for call in [1, 2, 3] {
        rings(&host, call);
        let given = if call == 1 { start(&host) } else { resend(&host) }.unwrap();
        assert_eq!(given["starts_left"], 3 - call);
        wait_minutes(&host, 5);
    }
    assert_eq!(resend(&host), Err(Error::RateLimited(45 * MINUTE)));
    let answer = json!({"call_sid": call_sid(9), "validation_code": CODE, "phone_number": OTHER});
    host.expect(Exchange::post(ALL).credential("auth_token"), Reply::json(200, &answer));
    host.invoke::<Twilio>("start-caller-id", json!({"phone_number": OTHER})).unwrap();
    wait_minutes(&host, 45);
    rings(&host, 4);
    assert_eq!(resend(&host).unwrap()["starts_left"], 0);
}

#[test]
fn after_too_many_calls_in_vain_a_number_is_locked_for_as_long_as_the_settings_say() {
    let host = host_with(json!({"attempts": 2, "lock_minutes": 90}));
    rings(&host, 1);
    start(&host).unwrap();
    rings(&host, 2);
    assert_eq!(resend(&host).unwrap()["locked_until"], "2026-11-01T01:30:00Z");
    for minutes in [0, 89] {
        wait_minutes(&host, minutes);
        let error = resend(&host).unwrap_err();
        assert!(matches!(&error, Error::Conflict(text) if text.contains("2026-11-01T01:30:00Z")), "{error}");
        assert!(!error.to_string().contains(NUMBER), "{error}");
    }
    wait_minutes(&host, 1);
    rings(&host, 3);
    resend(&host).unwrap();
}

#[test]
fn only_what_may_have_rung_somebody_counts() {
    let host = host_with(json!({"attempts": 1}));
    let refusal = json!({"code": 21401, "message": "Invalid PhoneNumber", "status": 400});
    for _ in 0..4 {
        host.expect(Exchange::post(ALL).credential("auth_token"), Reply::json(400, &refusal));
        assert!(matches!(start(&host), Err(Error::Upstream(_))));
    }
    // nobody knows whether it rang, so it counts although the run fails
    host.expect(Exchange::post(ALL).credential("auth_token"), Reply::fails(Error::Timeout));
    assert_eq!(start(&host), Err(Error::Timeout));
    assert_eq!(state(&host), Value::Null);
    assert!(matches!(start(&host), Err(Error::Conflict(_))));
}

#[test]
fn one_that_waits_for_its_code_is_not_begun_once_more() {
    let host = host();
    rings(&host, 1);
    start(&host).unwrap();
    assert!(matches!(start(&host), Err(Error::Conflict(text)) if text.contains("resend-caller-id")));
    wait_minutes(&host, 10);
    rings(&host, 2);
    start(&host).unwrap();
    assert!(matches!(
        host.invoke::<Twilio>("resend-caller-id", json!({"phone_number": OTHER})),
        Err(Error::NotFound(_))
    ));
}

#[test]
fn a_number_that_twilio_has_verified_already_is_verified() {
    let host = host();
    let refusal = json!({"code": 21450, "message": "Phone number already validated", "status": 400});
    host.expect(Exchange::post(ALL).credential("auth_token"), Reply::json(400, &refusal));
    listed(&host, true);
    let given = start(&host).unwrap();
    assert_eq!(given, json!({"phone_number": NUMBER, "state": "verified", "caller_id_sid": SID, "starts_left": 3}));
    // known here now: nobody is rung, and nothing is told twice
    listed(&host, true);
    assert_eq!(start(&host).unwrap()["state"], "verified");
    assert!(matches!(resend(&host), Err(Error::Conflict(_))));
    assert_eq!(told(&host), ["twilio.caller_id.verified"]);
    assert!(host.jobs().is_empty());
    assert_eq!(host.events()[0].data["friendly_name"], "Front desk");
}

#[test]
fn one_that_was_taken_away_at_twilio_is_verified_anew() {
    let host = host();
    host.put_record("caller-id", NUMBER, &json!({"state": "verified", "caller_id_sid": SID}));
    listed(&host, false);
    rings(&host, 1);
    assert_eq!(start(&host).unwrap()["state"], "pending");
    assert_eq!(host.record("caller-id", NUMBER).unwrap()["caller_id_sid"], Value::Null);
}

#[test]
fn the_job_looks_until_the_number_is_verified() {
    let host = host();
    rings(&host, 1);
    start(&host).unwrap();
    for (seconds, wait) in [(15, 15_000), (30, 15_000), (60, 30_000), (300, 60_000), (580, 20_000)] {
        host.set_now(1_793_491_200_000 + seconds * 1_000);
        listed(&host, false);
        assert_eq!(host.step::<Twilio>(watch(1)), Ok(Outcome::Later(wait)), "after {seconds} s");
    }
    listed(&host, true);
    assert_eq!(host.step::<Twilio>(watch(1)), Ok(Outcome::Done(Some(r#"{"state":"verified"}"#.to_owned()))));
    // whoever comes second asks nobody
    assert_eq!(host.step::<Twilio>(watch(1)), Ok(Outcome::Done(Some(r#"{"state":"verified"}"#.to_owned()))));
    assert_eq!(told(&host), ["twilio.caller_id.verified"]);
    // all is forgotten that was tried before
    let status = host.invoke::<Twilio>("caller-id-status", json!({"phone_number": NUMBER})).unwrap();
    assert_eq!((&status["caller_id"]["state"], &status["starts_left"]), (&json!("verified"), &json!(3)));
}

#[test]
fn what_nobody_keys_in_expires_once_and_can_still_turn_out_well() {
    let host = host_with(json!({"pending_minutes": 2}));
    rings(&host, 1);
    start(&host).unwrap();
    wait_minutes(&host, 2);
    listed(&host, false);
    assert_eq!(host.step::<Twilio>(watch(1)), Ok(Outcome::Done(Some(r#"{"state":"expired"}"#.to_owned()))));
    assert_eq!(clean_up(&host), json!({"expired": 0, "forgotten": 0}));
    assert_eq!(told(&host), ["twilio.caller_id.expired"]);
    assert_eq!(host.events()[0].data, json!({"phone_number": NUMBER, "call_sid": call_sid(1)}));
    listed(&host, true);
    let status = host.invoke::<Twilio>("caller-id-status", json!({"phone_number": NUMBER})).unwrap();
    assert_eq!(status["caller_id"]["state"], "verified");
    assert_eq!(told(&host), ["twilio.caller_id.expired", "twilio.caller_id.verified"]);
}

#[test]
fn a_job_of_a_call_before_changes_nothing() {
    let host = host();
    rings(&host, 1);
    start(&host).unwrap();
    rings(&host, 2);
    resend(&host).unwrap();
    wait_minutes(&host, 11);
    assert_eq!(host.step::<Twilio>(watch(1)), Ok(Outcome::Done(Some(r#"{"state":null}"#.to_owned()))));
    assert_eq!(state(&host), "pending");
}

#[test]
fn a_status_by_hand_ends_what_is_over_and_knows_what_was_verified_elsewhere() {
    let host = host();
    let status = |host: &MockHost| host.invoke::<Twilio>("caller-id-status", json!({"phone_number": NUMBER}));
    listed(&host, false);
    assert!(matches!(status(&host), Err(Error::NotFound(_))));
    rings(&host, 1);
    start(&host).unwrap();
    listed(&host, false);
    assert_eq!(status(&host).unwrap()["caller_id"]["state"], "pending");
    wait_minutes(&host, 10);
    listed(&host, false);
    let ended = status(&host).unwrap();
    assert_eq!((&ended["caller_id"]["state"], &ended["starts_left"]), (&json!("expired"), &json!(2)));
    listed(&host, true);
    assert_eq!(status(&host).unwrap()["caller_id"]["caller_id_sid"], SID);
}

#[test]
fn the_clean_up_ends_what_nobody_watched_and_forgets_what_is_long_over() {
    let host = host_with(json!({"keep_days": 1}));
    rings(&host, 1);
    start(&host).unwrap();
    let day = 24 * 60;
    host.put_record("caller-id", OTHER, &json!({"state": "failed", "ended_at": host.now()}));
    host.put_record("caller-id", "+15551230008", &json!({"state": "verified", "ended_at": host.now()}));
    wait_minutes(&host, 14);
    assert_eq!(clean_up(&host), json!({"expired": 0, "forgotten": 0}), "the job that watches has five minutes");
    wait_minutes(&host, 1);
    assert_eq!(clean_up(&host), json!({"expired": 1, "forgotten": 0}));
    assert_eq!((state(&host), told(&host)), (json!("expired"), vec!["twilio.caller_id.expired".to_owned()]));
    wait_minutes(&host, day - 15);
    assert_eq!(clean_up(&host), json!({"expired": 0, "forgotten": 1}));
    wait_minutes(&host, day);
    assert_eq!(clean_up(&host), json!({"expired": 0, "forgotten": 1}));
    let listed = host.invoke::<Twilio>("list-caller-ids", json!({})).unwrap();
    assert_eq!(listed["caller_ids"].as_array().unwrap().len(), 1);
    assert_eq!(listed["caller_ids"][0]["phone_number"], "+15551230008");
}

#[test]
fn a_caller_id_is_deleted_at_twilio_too_and_one_that_is_not_there_is_fine() {
    let host = host();
    host.put_record("caller-id", NUMBER, &json!({"state": "verified", "caller_id_sid": SID}));
    let one = ALL.replace("OutgoingCallerIds", &format!("OutgoingCallerIds/{SID}"));
    let delete = || host.invoke::<Twilio>("delete-caller-id", json!({"phone_number": NUMBER})).unwrap();
    listed(&host, true);
    host.expect(Exchange::new("DELETE", one).credential("auth_token"), Reply::status(204));
    assert_eq!(delete(), json!({"phone_number": NUMBER, "existed": true}));
    listed(&host, false);
    assert_eq!(delete(), json!({"phone_number": NUMBER, "existed": false}));
}

#[test]
fn what_is_no_number_and_what_is_dear_is_not_rung() {
    let host = host();
    for number in ["", "12", "alice"] {
        let error = host.invoke::<Twilio>("start-caller-id", json!({"phone_number": number})).unwrap_err();
        assert!(matches!(&error, Error::Invalid(wrong) if wrong[0].pointer == "/phone_number"), "{number}: {error}");
    }
    let dear = host.invoke::<Twilio>("start-caller-id", json!({"phone_number": "+19005550123"})).unwrap_err();
    assert!(matches!(&dear, Error::Invalid(_)) && dear.to_string().contains("destinations.premium_rate"), "{dear}");
    assert!(host.sent().is_empty());
}
