//! What is left of calls: logs, figures, messages, answers of surveys, events, and what is refused.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail them")]

#[path = "support/fixtures.rs"]
mod fixtures;

use fixtures::verbs::Carrier;
use fixtures::{CALLER, Line, host, menu, publish};
use patchbay_plugin_ivr::Ivr;
use patchbay_sdk::Error;
use patchbay_sdk::testing::MockHost;
use serde_json::{Value, json};

fn ready(config: Value) -> MockHost {
    let host = host();
    host.set_config(config);
    publish(&host, "main", &menu());
    host
}

fn calls(host: &MockHost, filter: Value) -> Value {
    host.invoke::<Ivr>("list-calls", filter).unwrap()["calls"].clone()
}

fn kinds(host: &MockHost) -> Vec<String> {
    host.events().into_iter().map(|event| event.kind).collect()
}

#[test]
fn a_call_is_logged_with_the_keys_that_led_on() {
    let host = ready(json!({}));
    let line = Line::new(&host, Carrier::Twilio);
    let support = line.press(&line.start(), "2");
    let main = line.press(&support, "0");
    // told twice
    let _ = line.press(&support, "0");
    let _ = line.press(&main, "#");
    host.work_off::<Ivr>().unwrap();
    let all = calls(&host, json!({}));
    let call = &all[0];
    assert_eq!((all.as_array().unwrap().len(), &call["path"]), (1, &json!(["2", "0", "#"])));
    assert_eq!((&call["outcome"], &call["from"], &call["version"]), (&json!("ended"), &json!(CALLER), &json!(1)));
    let did: Vec<_> = call["steps"].as_array().unwrap().iter().map(|step| step["did"].as_str().unwrap()).collect();
    assert_eq!(did, ["start", "greeting", "digits", "greeting", "digits", "greeting", "digits", "hangup"]);
    assert_eq!(calls(&host, json!({"menu": "main", "day": "2026-11-02", "from": CALLER})), all);
    assert_eq!(calls(&host, json!({"day": "2026-11-03"})), json!([]));
    assert_eq!(kinds(&host), ["ivr.call.ended"]);
    let ended = &host.events()[0].data;
    assert_eq!(
        (&ended["path"], &ended["outcome"], &ended["ended_at"]),
        (&json!(["2", "0", "#"]), &json!("ended"), &json!("2026-11-02T15:00:00Z"))
    );
}

#[test]
fn the_order_in_which_notes_come_makes_no_difference() {
    let notes = |host: &MockHost| {
        let line = Line::new(host, Carrier::Telnyx);
        let support = line.press(&line.start(), "2");
        let main = line.press(&support, "0");
        let _ = line.press(&main, "#");
        host.jobs().into_iter().filter(|job| job.kind == "note").collect::<Vec<_>>()
    };
    let log_of = |order: &[usize]| {
        let host = ready(json!({}));
        let notes = notes(&host);
        for index in order {
            let task = patchbay_sdk::task::Task {
                job: notes[*index].id.clone(),
                kind: "note".to_owned(),
                payload: notes[*index].payload.to_string(),
                cursor: None,
                attempt: 1,
            };
            host.step::<Ivr>(task).unwrap();
        }
        calls(&host, json!({}))
    };
    let in_turn = log_of(&[0, 1, 2, 3]);
    assert_eq!(in_turn[0]["path"], json!(["2", "0", "#"]));
    for order in [&[3, 2, 1, 0][..], &[1, 0, 0, 3, 2, 3], &[2, 2, 3, 1, 0]] {
        assert_eq!(log_of(order), in_turn, "{order:?}");
    }
}

#[test]
fn a_caller_who_is_gone_is_told_as_such() {
    let host = ready(json!({}));
    let _ = Line::new(&host, Carrier::Twilio).start();
    host.work_off::<Ivr>().unwrap();
    assert_eq!(calls(&host, json!({}))[0]["outcome"], "abandoned");
    assert_eq!(kinds(&host), ["ivr.call.ended"]);
}

#[test]
fn a_carrier_that_says_that_a_call_is_over_has_that_told_a_minute_later() {
    let host = ready(json!({}));
    let _ = Line::new(&host, Carrier::Twilio).start();
    for _ in 0..2 {
        host.invoke::<Ivr>("hung-up", json!({"call": "CA1"})).unwrap();
    }
    let waits: Vec<_> = host.jobs().iter().filter(|job| job.kind == "close").map(|job| job.delay_ms).collect();
    assert_eq!(waits, [60_000]);
    host.work_off::<Ivr>().unwrap();
    assert_eq!(calls(&host, json!({}))[0]["outcome"], "abandoned");
    assert_eq!(kinds(&host), ["ivr.call.ended"]);
}

#[test]
fn options_are_counted_by_how_often_and_by_how_many() {
    let host = ready(json!({}));
    for (call, keys) in [("CA1", "*#"), ("CA2", "**#"), ("CA3", "20#")] {
        let line = Line::new(&host, Carrier::Twilio).named(call);
        let mut told = line.start();
        for key in keys.chars() {
            told = line.press(&told, &key.to_string());
        }
    }
    let _ = Line::new(&host, Carrier::Twilio).named("CA4").start();
    host.work_off::<Ivr>().unwrap();
    let figures =
        |from: &str, to: &str| host.invoke::<Ivr>("statistics", json!({"menu": "main", "from": from, "to": to}));
    let found = figures("2026-11-01", "2026-11-02").unwrap();
    assert_eq!((&found["calls"], &found["complete"]), (&json!(4), &json!(true)));
    assert_eq!(found["outcomes"], json!([{"outcome": "ended", "calls": 3}, {"outcome": "abandoned", "calls": 1}]));
    let option = |node: &str, key: &str, times: u64, calls: u64| json!({"node": node, "key": key, "times": times, "calls": calls});
    let expected = [
        option("menus/main", "#", 3, 3),
        option("menus/main", "*", 3, 2),
        option("menus/main", "2", 1, 1),
        option("menus/support", "0", 1, 1),
    ];
    assert_eq!(found["options"], json!(expected));
    assert_eq!(figures("2026-11-03", "2026-11-04").unwrap()["calls"], 0);
    for (from, to) in [("2026-11-02", "2026-11-01"), ("2026-10-01", "2026-11-01"), ("2026-02-30", "2026-03-01")] {
        assert!(matches!(figures(from, to), Err(Error::Invalid(_))), "{from} {to}");
    }
}

#[test]
fn a_survey_is_kept_and_told_once() {
    let host = ready(json!({}));
    let line = Line::new(&host, Carrier::Twilio);
    let first = line.press(&line.start(), "4");
    let second = line.press(&first, "5");
    let _ = line.press(&first, "5");
    let _ = line.press(&second, "2");
    host.work_off::<Ivr>().unwrap();
    let answered: Vec<_> = host.events().into_iter().filter(|event| event.kind == "ivr.survey.answered").collect();
    let keys: Vec<_> =
        answered.iter().map(|event| (event.data["question"].clone(), event.data["key"].clone())).collect();
    assert_eq!(keys, [(json!("score"), json!("5")), (json!("again"), json!("2"))]);
    assert_eq!(calls(&host, json!({}))[0]["path"], json!(["4", "5", "2"]));
}

fn messages(host: &MockHost) -> Value {
    host.invoke::<Ivr>("list-messages", json!({})).unwrap()["messages"].clone()
}

/// A caller who leaves a message, twice told.
fn leave(host: &MockHost) {
    let line = Line::new(host, Carrier::Twilio);
    let told = line.press(&line.start(), "3");
    let _ = line.recorded(&told);
    let _ = line.recorded(&told);
}

#[test]
fn a_message_is_kept_and_told_once() {
    let host = ready(json!({}));
    leave(&host);
    host.work_off::<Ivr>().unwrap();
    let kept = messages(&host);
    assert_eq!((kept.as_array().unwrap().len(), &kept[0]["recording"]["id"]), (1, &json!("RE1")));
    assert_eq!((&kept[0]["transcription"], &kept[0]["from"]), (&Value::Null, &json!(CALLER)));
    assert_eq!(kinds(&host).iter().filter(|kind| *kind == "ivr.voicemail.received").count(), 1);
    assert_eq!(calls(&host, json!({}))[0]["outcome"], "voicemail");
}

#[test]
fn what_a_message_says_is_asked_of_the_plugin_that_the_settings_name() {
    let host = ready(json!({"transcription": "assemblyai"}));
    leave(&host);
    let given = |status: &str, text: Value| Ok(json!({"id": "t-1", "status": status, "text": text}));
    host.expect_call("assemblyai", "create-transcript", given("queued", Value::Null));
    host.expect_call("assemblyai", "get-transcript", given("processing", Value::Null));
    host.expect_call("assemblyai", "get-transcript", given("completed", json!("Please call back.")));
    host.work_off::<Ivr>().unwrap();
    assert_eq!(host.asked()[0].input, json!({"audio_url": "https://carrier.example.com/RE1"}));
    assert_eq!(host.asked()[1].input, json!({"id": "t-1"}));
    assert_eq!(
        (&messages(&host)[0]["text"], &messages(&host)[0]["transcription"]),
        (&json!("Please call back."), &json!("done"))
    );
    let told = host.events().into_iter().find(|event| event.kind == "ivr.voicemail.transcribed").unwrap();
    assert_eq!(told.data["text"], "Please call back.");
}

#[test]
fn a_message_that_cannot_be_written_down_is_there_all_the_same() {
    for failure in [
        Err(Error::Denied("not switched on".to_owned())),
        Err(Error::Timeout),
        Ok(json!({"id": "t-1", "status": "error", "text": null})),
    ] {
        let host = ready(json!({"transcription": "assemblyai"}));
        leave(&host);
        host.expect_call("assemblyai", "create-transcript", failure);
        host.work_off::<Ivr>().unwrap();
        assert_eq!(messages(&host)[0]["transcription"], "failed");
        assert!(!kinds(&host).contains(&"ivr.voicemail.transcribed".to_owned()));
    }
}

#[test]
fn too_many_calls_are_refused_in_the_settings_way() {
    for (refusal, names, spoken) in [
        ("busy", vec!["Reject"], vec![]),
        ("reject", vec!["Reject"], vec![]),
        ("say", vec!["Say", "Say", "Hangup"], vec!["Recorded.".to_owned(), "Too many.".to_owned()]),
    ] {
        let host = ready(json!({
            "rates": {"per_caller": {"most": 2, "per_s": 3600}}, "refusal": refusal,
            "disclosure": {"say": "Recorded."}, "texts": {"refused": {"say": "Too many."}},
        }));
        for carrier in [Carrier::Telnyx, Carrier::Twilio] {
            let name = format!("{carrier:?}");
            let line = Line { from: &name, ..Line::new(&host, carrier) };
            let calls: Vec<String> = (0..3).map(|number| format!("{name}{number}")).collect();
            assert_eq!(line.named(&calls[0]).start().did()[0], "start");
            assert_eq!(line.named(&calls[1]).start().did()[0], "start");
            let refused = line.named(&calls[2]).start();
            assert_eq!(
                (refused.did(), refused.names(), refused.heard()),
                (vec!["refused"], names.clone(), spoken.clone())
            );
            // each stays what it was, however often it is asked for
            assert_eq!(line.named(&calls[0]).start().did()[0], "start");
            assert_eq!(line.named(&calls[2]).start().did()[0], "refused");
            // the next window
            let another = format!("{name}later");
            assert_eq!(line.at("2026-11-02T16:00:00Z").named(&another).start().did()[0], "start");
        }
        host.work_off::<Ivr>().unwrap();
        let refused =
            calls(&host, json!({})).as_array().unwrap().iter().filter(|call| call["outcome"] == "refused").count();
        assert_eq!(refused, 2);
        // nothing that is logged shows a number
        assert!(host.log().iter().all(|line| line.fields.iter().all(|(_, value)| !value.contains("4155550123"))));
    }
}

#[test]
fn calls_to_a_number_are_counted_together() {
    let host = ready(json!({"rates": {"per_number": {"most": 1, "per_s": 60}}, "refusal": "reject"}));
    let line = Line::new(&host, Carrier::Twilio);
    assert_eq!(line.start().did()[0], "start");
    let other = Line { from: "+14155550177", call: "CA2", ..line };
    assert_eq!(other.start().verb("Reject").attribute("reason"), Some("rejected"));
}

#[test]
fn notes_of_two_calls_write_nothing_in_common() {
    let spend = json!({"currency": "USD", "per_call": "0.50", "per_transfer": "1.00", "most": "2.00"});
    let host = ready(json!({"spend": spend}));
    for name in ["CA1", "CA2"] {
        let _ = Line::new(&host, Carrier::Twilio).named(name).start();
    }
    for note in host.jobs().into_iter().filter(|job| job.kind == "note") {
        let payload = note.payload.to_string();
        let task = patchbay_sdk::task::Task { job: note.id, kind: note.kind, payload, cursor: None, attempt: 1 };
        host.step::<Ivr>(task).unwrap();
    }
    assert_eq!(host.record("spending", "USD"), None);
    assert_eq!(host.jobs().iter().filter(|job| job.kind == "spend").count(), 2);
}

#[test]
fn spending_out_of_the_ordinary_is_told_once_for_each_window() {
    let spend =
        json!({"currency": "USD", "per_call": "0.50", "per_transfer": "1.00", "window_s": 3600, "most": "2.00"});
    let host = ready(json!({"spend": spend}));
    let names: Vec<String> = (0..4).map(|number| format!("CA{number}")).collect();
    for name in &names {
        let line = Line::new(&host, Carrier::Twilio).named(name);
        let _ = line.press(&line.start(), "1");
    }
    host.work_off::<Ivr>().unwrap();
    let alerts: Vec<_> = host.events().into_iter().filter(|event| event.kind == "ivr.spend.alert").collect();
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert_eq!(
        (&alerts[0].data["threshold"], alerts[0].data["window_start"].as_str()),
        (&json!({"amount": 200, "currency": "USD"}), Some("2026-11-02T15:00:00Z"))
    );
}
