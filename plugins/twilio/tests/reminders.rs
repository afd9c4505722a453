//! Reminders of appointments: in time, or not at all.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail them")]

#[path = "support/fixtures.rs"]
mod fixtures;

use fixtures::{below, host, settings};
use patchbay_plugin_twilio::Twilio;
use patchbay_sdk::testing::{Exchange, MockHost, Reply};
use serde_json::{Value, json};

const APPOINTMENT: &str = "google-calendar:1";
/// 15:00 of the day on which the hub's clock stands.
const BEGINS: &str = "2026-11-01T15:00:00Z";
const HOUR: u64 = 3_600_000;

/// An appointment at 15:00, of which somebody is to be reminded an hour before.
fn planned() -> (MockHost, u64) {
    let host = host();
    let mut config = settings();
    config["reminder"] = json!({"before_min": 60, "timezone": "UTC"});
    host.set_config(config);
    host.put_record("appointment", APPOINTMENT, &appointment("confirmed", BEGINS));
    let begins = patchbay_sdk::clock::parse_rfc3339(BEGINS).unwrap();
    host.set_now(begins - 10 * HOUR);
    let input = json!({"appointment": APPOINTMENT, "from": "+14155550199"});
    let told = host.invoke::<Twilio>("appointment-reminder", input).unwrap();
    assert_eq!((&told["status"], &told["send_at"]), (&json!("planned"), &json!("2026-11-01T14:00:00Z")));
    (host, begins)
}

fn appointment(status: &str, starts_at: &str) -> Value {
    json!({"status": status, "starts_at": starts_at, "title": "Haircut", "attendees": [{"phone": "+14155550100"}]})
}

#[test]
fn a_reminder_is_sent_once_before_the_appointment() {
    let (host, begins) = planned();
    host.set_now(begins - HOUR);
    let sent = json!({"sid": "SM00000000000000000000000000000001", "status": "queued", "body": "Reminder"});
    host.expect(Exchange::post(below("/Messages.json")).credential("auth_token"), Reply::json(201, &sent));
    host.work_off::<Twilio>().unwrap();
    let body = String::from_utf8(host.sent()[0].body.clone()).unwrap();
    assert!(body.contains("Haircut"), "{body}");
}

#[test]
fn nobody_is_reminded_of_what_has_begun_is_off_or_was_moved() {
    for (now_before, record) in [
        (0, appointment("confirmed", BEGINS)),
        (HOUR, appointment("canceled", BEGINS)),
        (HOUR, appointment("confirmed", "2026-11-01T16:00:00Z")),
    ] {
        let (host, begins) = planned();
        host.put_record("appointment", APPOINTMENT, &record);
        host.set_now(begins - now_before);
        host.work_off::<Twilio>().unwrap();
        assert!(host.sent().is_empty(), "{record}");
    }
}
