//! What calls hear: every way through a menu, at both carriers.

#[path = "support/fixtures.rs"]
mod fixtures;

use fixtures::verbs::Carrier;
use fixtures::{CALLBACK, CLOSED, Line, NUMBER, OPEN, SALES, Told, host, menu, publish, small};
use patchbay_plugin_ivr::Ivr;
use patchbay_sdk::testing::MockHost;
use serde_json::{Value, json};

const BOTH: [Carrier; 2] = [Carrier::Telnyx, Carrier::Twilio];
const GREETING: &str = "Welcome to A & B <Co>. Press a key.";

/// A hub with the menu on its number.
fn ready() -> MockHost {
    let host = host();
    publish(&host, "main", &menu());
    host
}

#[test]
fn the_same_menu_is_spoken_in_both_dialects() {
    let host = ready();
    for (carrier, voice, method) in
        [(Carrier::Telnyx, "AWS.Polly.Joanna-Neural", None), (Carrier::Twilio, "Polly.Joanna-Neural", Some("POST"))]
    {
        let told = Line::new(&host, carrier).start();
        assert_eq!(told.names(), ["Gather", "Redirect"]);
        let gather = told.verb("Gather");
        assert_eq!((gather.attribute("timeout"), gather.attribute("numDigits")), (Some("4"), Some("1")));
        assert_eq!(gather.attribute("method"), method);
        // the pound key is an option here, so it must not end the input
        assert_eq!(gather.attribute("finishOnKey"), Some(""));
        assert_eq!(gather.nested[0].attribute("voice"), Some(voice));
        assert_eq!((told.heard(), told.did()), (vec![GREETING.to_owned()], vec!["start", "greeting"]));
        assert_eq!((&told.answer["menu_version"], told.ended()), (&json!(1), false));
    }
}

#[test]
fn a_number_without_a_menu_is_not_answered_here() {
    let host = host();
    let nothing = json!({"document": null, "content_type": null, "steps": [], "menu_version": null, "ended": false});
    let line = Line::new(&host, Carrier::Twilio);
    assert_eq!(host.invoke::<Ivr>("answer", line.input(None, &json!({"kind": "start"}))).unwrap(), nothing);
}

#[test]
fn a_key_that_transfers_shows_the_caller_and_falls_back_to_voicemail() {
    let host = ready();
    for carrier in BOTH {
        let line = Line::new(&host, carrier);
        let told = line.press(&line.start(), "1");
        assert_eq!((told.names(), told.heard()), (vec!["Say", "Dial"], vec!["One moment.".to_owned()]));
        let dial = told.verb("Dial");
        assert_eq!(
            (dial.text.as_str(), dial.attribute("timeout"), dial.attribute("callerId")),
            (SALES, Some("20"), Some(fixtures::CALLER))
        );
        assert_eq!(told.answer["steps"][1]["to"], SALES);
        for status in ["busy", "no-answer", "failed", "canceled"] {
            let after = line.dialled(&told, status);
            assert_eq!(
                (after.names(), after.did()),
                (vec!["Say", "Record", "Say", "Hangup"], vec!["unanswered", "voicemail"])
            );
        }
        for status in ["completed", "answered"] {
            let after = line.dialled(&told, status);
            assert_eq!((after.names(), after.did(), after.ended()), (vec!["Hangup"], vec!["transferred"], true));
        }
    }
}

#[test]
fn a_call_that_comes_back_to_the_number_that_it_shows_goes_round_no_more() {
    let host = ready();
    for carrier in BOTH {
        let told = Line { from: NUMBER, ..Line::new(&host, carrier) }.start();
        assert_eq!((told.names(), told.did()), (vec!["Reject"], vec!["refused"]));
    }
}

#[test]
fn a_caller_who_is_not_shown_is_not_shown_on() {
    let host = ready();
    for from in ["anonymous", "+266696687", "sip:a@example.com", ""] {
        let line = Line { from, call: from, ..Line::new(&host, Carrier::Twilio) };
        let line = if from.is_empty() { line.named("CA0") } else { line };
        let told = line.press(&line.start(), "1");
        assert_eq!(told.verb("Dial").attribute("callerId"), None, "{from}");
    }
}

#[test]
fn submenus_repeats_and_the_end() {
    let host = ready();
    for carrier in BOTH {
        let line = Line::new(&host, carrier);
        let main = line.start();
        let support = line.press(&main, "2");
        assert_eq!(support.heard(), ["https://cdn.example.com/support.mp3"]);
        assert_eq!(support.verb("Gather").attribute("finishOnKey"), None);
        assert_eq!(line.press(&support, "0").heard(), [GREETING]);
        assert_eq!(line.press(&main, "*").heard(), [GREETING]);
        let end = line.press(&main, "#");
        assert_eq!((end.names(), end.heard(), end.ended()), (vec!["Say", "Hangup"], vec!["Bye.".to_owned()], true));
        // the settings' words where the menu has none
        assert_eq!(line.press(&support, "9").heard(), ["Goodbye."]);
    }
}

#[test]
fn who_presses_nothing_or_another_key_hears_it_again_and_then_the_fallback() {
    let host = ready();
    for carrier in BOTH {
        let line = Line::new(&host, carrier);
        let first = line.start();
        let silent = line.wait(&first);
        assert_eq!(
            (silent.heard(), silent.did()),
            (vec!["Are you there?".to_owned(), GREETING.to_owned()], vec!["timeout", "greeting"])
        );
        // what is said before it is within the input as well: a key interrupts it
        assert_eq!(silent.names(), ["Gather", "Redirect"]);
        let wrong = line.press(&first, "7");
        assert_eq!(wrong.heard(), ["That is not one of the choices.", GREETING]);
        let end = line.press(&silent, "7");
        assert_eq!((end.heard(), end.did()), (vec!["Goodbye.".to_owned()], vec!["invalid", "fallback", "hangup"]));
        assert!(end.ended());
    }
}

#[test]
fn messages_are_recorded_with_a_way_back_and_a_way_out() {
    let host = ready();
    for (carrier, channels) in [(Carrier::Telnyx, Some("single")), (Carrier::Twilio, None)] {
        let line = Line::new(&host, carrier);
        let told = line.press(&line.start(), "3");
        let record = told.verb("Record");
        assert_eq!((record.attribute("maxLength"), record.attribute("channels")), (Some("60"), channels));
        // the carrier's connector hears of the recording by itself
        assert_eq!(record.attribute("recordingStatusCallback"), Some(CALLBACK));
        assert_eq!(told.heard(), ["After the tone.", "No message was recorded. Goodbye."]);
        let after = line.recorded(&told);
        assert_eq!(
            (after.did(), after.heard()),
            (vec!["message"], vec!["Thank you. Your message was recorded. Goodbye.".to_owned()])
        );
    }
}

#[test]
fn a_survey_begins_with_its_disclaimer() {
    let host = ready();
    for carrier in BOTH {
        let line = Line::new(&host, carrier);
        let first = line.press(&line.start(), "4");
        assert_eq!(first.names(), ["Say", "Gather", "Redirect"]);
        assert_eq!(first.heard(), ["Your answers to the following questions will be stored.", "How was it, 1 to 5?"]);
        let wrong = line.press(&first, "9");
        assert_eq!(wrong.heard(), ["That is not one of the choices.", "How was it, 1 to 5?"]);
        let second = line.press(&wrong, "5");
        assert_eq!((second.did(), second.heard()), (vec!["answer", "question"], vec!["Again? 1 or 2.".to_owned()]));
        let skipped = line.wait(&second);
        assert_eq!(skipped.did(), ["timeout", "skipped", "hangup"]);
        assert_eq!(line.press(&second, "1").heard(), ["Thank you.", "Goodbye."]);
    }
}

#[test]
fn the_disclosure_comes_first_and_no_key_skips_it() {
    let host = ready();
    host.set_config(json!({"disclosure": {"say": "This call may be recorded."}}));
    for carrier in BOTH {
        for at in [OPEN, CLOSED] {
            let told = Line::new(&host, carrier).at(at).start();
            // outside of anything that takes keys
            assert_eq!(
                (told.verbs[0].name.as_str(), told.verbs[0].text.as_str()),
                ("Say", "This call may be recorded.")
            );
        }
        let line = Line::new(&host, carrier);
        let after = line.press(&line.start(), "2");
        assert!(!after.heard().contains(&"This call may be recorded.".to_owned()));
        // whoever begins again hears it again
        let again = line.ask(Some("not-one-of-ours"), &json!({"kind": "digits", "digits": "1"}));
        assert_eq!(again.heard()[0], "This call may be recorded.");
    }
}

#[test]
fn hours_are_those_of_the_place_on_every_day() {
    let host = ready();
    for (at, open) in [
        // Monday, by New York's clocks, five hours behind
        ("2026-11-02T13:59:59Z", false),
        ("2026-11-02T14:00:00Z", true),
        ("2026-11-02T16:59:59.999Z", true),
        ("2026-11-02T17:00:00Z", false),
        ("2026-11-02T18:00:00Z", true),
        ("2026-11-02T22:00:00Z", false),
        // the Friday before, when clocks were four hours behind
        ("2026-10-30T12:59:59Z", false),
        ("2026-10-30T13:00:00Z", true),
        ("2026-10-30T20:59:59Z", true),
        ("2026-10-30T21:00:00Z", false),
        // a Sunday
        ("2026-11-01T15:00:00Z", false),
        // Monday there, Tuesday in Greenwich
        ("2026-11-03T00:30:00Z", false),
        // with an offset of its own
        ("2026-11-02T15:00:00+01:00", true),
        // a holiday, on a Friday
        ("2026-12-25T15:00:00Z", false),
        ("2026-12-24T15:00:00Z", true),
    ] {
        let told = Line::new(&host, Carrier::Twilio).named(at).at(at).start();
        assert_eq!(told.did()[0], if open { "start" } else { "closed" }, "{at}");
    }
    let closed = Line::new(&host, Carrier::Twilio).at(CLOSED).start();
    assert_eq!(
        (closed.heard()[0].as_str(), closed.names()),
        ("We are closed.", vec!["Say", "Say", "Record", "Say", "Hangup"])
    );
    let holiday = Line::new(&host, Carrier::Twilio).at("2026-12-25T15:00:00Z").start();
    assert_eq!(holiday.heard()[0], "Merry Christmas.");
}

#[test]
fn the_nights_when_clocks_are_set_have_one_local_time_for_each_instant() {
    let host = host();
    let mut night = small();
    night["hours"] = json!({
        "time_zone": "America/New_York", "weekly": {"sun": [{"from": "01:30", "to": "03:00"}]},
        "outside": {"then": {"do": "hangup", "say": {"say": "Closed."}}},
    });
    publish(&host, "night", &night);
    for (at, open) in [
        // forward on 8 March 2026: at 07:00Z clocks go from 02:00 to 03:00
        ("2026-03-08T06:29:59Z", false),
        ("2026-03-08T06:30:00Z", true),
        ("2026-03-08T06:59:59Z", true),
        ("2026-03-08T07:00:00Z", false),
        // back on 1 November 2026: at 06:00Z clocks go from 02:00 to 01:00
        ("2026-11-01T05:29:59Z", false),
        ("2026-11-01T05:30:00Z", true),
        ("2026-11-01T05:59:59Z", true),
        ("2026-11-01T06:00:00Z", false),
        ("2026-11-01T06:30:00Z", true),
        ("2026-11-01T07:59:59Z", true),
        ("2026-11-01T08:00:00Z", false),
    ] {
        let told = Line::new(&host, Carrier::Telnyx).named(at).at(at).start();
        assert_eq!(told.did()[0], if open { "start" } else { "closed" }, "{at}");
    }
}

#[test]
fn the_same_request_gets_the_same_answer() {
    let host = ready();
    for carrier in BOTH {
        let line = Line::new(&host, carrier);
        let first = line.start();
        assert_eq!(line.start().answer, first.answer);
        let position = first.position("Gather", "action");
        let pressed = json!({"kind": "digits", "digits": "4"});
        let once = line.ask(Some(&position), &pressed);
        assert_eq!(line.ask(Some(&position), &pressed).answer, once.answer);
        // a step is the same when it is asked for later
        let later = line.at("2026-11-02T15:00:09Z").ask(Some(&position), &pressed);
        let ids = |told: &Told| {
            let steps = told.answer["steps"].as_array().unwrap();
            steps.iter().map(|step| step["id"].clone()).collect::<Vec<Value>>()
        };
        assert_eq!(ids(&later), ids(&once));
        // and another one for another key
        let other = line.ask(Some(&position), &json!({"kind": "digits", "digits": "7"}));
        assert_ne!(ids(&other)[0], ids(&once)[0]);
    }
}

#[test]
fn a_place_that_there_is_not_begins_again_and_not_for_ever() {
    let host = ready();
    host.set_config(json!({"max_steps": 10}));
    for (call, text) in [("CA1", "garbage"), ("CA2", "eyJtIjoibWFpbiJ9")] {
        let line = Line::new(&host, Carrier::Twilio).named(call);
        let digits = json!({"kind": "digits", "digits": "1"});
        for _ in 0..3 {
            let told = line.ask(Some(text), &digits);
            assert_eq!((told.did(), told.heard()), (vec!["restart", "start", "greeting"], vec![GREETING.to_owned()]));
        }
        let told = line.ask(Some(text), &digits);
        assert_eq!((told.did(), told.ended()), (vec!["exhausted"], true));
    }
}

#[test]
fn a_call_has_only_so_many_answers() {
    let host = ready();
    host.set_config(json!({"max_steps": 10}));
    let line = Line::new(&host, Carrier::Telnyx);
    let mut told = line.start();
    for _ in 1..10 {
        told = line.press(&told, "*");
        assert!(!told.ended());
    }
    let end = line.press(&told, "*");
    assert_eq!((end.did(), end.names(), end.ended()), (vec!["exhausted"], vec!["Say", "Hangup"], true));
}

#[test]
fn calls_go_on_with_the_version_that_they_began_with() {
    let host = ready();
    let line = Line::new(&host, Carrier::Twilio);
    let begun = line.start();
    assert_eq!(publish(&host, "main", &small()), 2);
    let told = line.press(&begun, "2");
    assert_eq!(
        (told.answer["menu_version"].clone(), told.heard()),
        (json!(1), vec!["https://cdn.example.com/support.mp3".to_owned()])
    );
    assert_eq!(line.named("CA2").start().heard(), ["Hello."]);
    // one that is deleted cannot be gone on with: the call begins again, with what there is now
    let other = publish(&host, "other", &small());
    host.invoke::<Ivr>("delete-menu", json!({"id": "main"})).unwrap();
    let told = line.press(&begun, "2");
    assert_eq!((told.did()[0], told.answer["menu_version"].as_u64()), ("restart", Some(other)));
}

#[test]
fn settings_that_are_tightened_hold_for_menus_that_are_published() {
    let host = ready();
    host.set_config(json!({"destinations": {"countries": ["DE"]}}));
    let line = Line::new(&host, Carrier::Twilio);
    let told = line.press(&line.start(), "1");
    assert_eq!(
        (told.did(), told.names()),
        (vec!["digits", "blocked", "voicemail"], vec!["Say", "Record", "Say", "Hangup"])
    );
}

#[test]
fn recordings_of_ones_own_are_played_by_a_url_that_needs_no_key() {
    let host = host();
    let kept =
        host.invoke::<Ivr>("upload-audio", json!({"content_type": "audio/mpeg", "content": "c291bmQ="})).unwrap();
    let mut menu = small();
    menu["menus"]["main"]["greeting"] = json!({"blob": kept["blob"], "say": "Hello."});
    publish(&host, "main", &menu);
    let told = Line::new(&host, Carrier::Twilio).start();
    let url = format!("https://hub.example.com/hooks/test?audio={}", kept["blob"].as_str().unwrap());
    assert_eq!(told.heard(), std::slice::from_ref(&url));
    let request = |url: &str, method: &str| patchbay_sdk::webhook::Request {
        method: method.to_owned(),
        url: url.to_owned(),
        headers: patchbay_sdk::Headers::new(),
        body: Vec::new(),
    };
    use patchbay_sdk::webhook::Verdict;
    let Verdict::Answer(given) = host.verify_webhook::<Ivr>(request(&url, "GET")).unwrap() else {
        unreachable!("it is had")
    };
    assert_eq!(
        (given.status, given.headers.get("content-type"), given.body.as_slice()),
        (200, Some("audio/mpeg"), &b"sound"[..])
    );
    for (url, method) in [
        (url.as_str(), "POST"),
        ("https://hub.example.com/hooks/test?audio=blob_0", "GET"),
        ("https://hub.example.com/hooks/test", "GET"),
    ] {
        let refused = host.verify_webhook::<Ivr>(request(url, method)).unwrap();
        assert!(matches!(refused, Verdict::Refused(_)), "{method} {url}");
    }
}

#[test]
fn an_outbound_call_is_answered_by_the_number_that_it_comes_from() {
    let host = ready();
    let line = Line::new(&host, Carrier::Telnyx);
    let mut input = line.input(None, &json!({"kind": "start"}));
    input["call"] = json!({"id": "CA9", "from": NUMBER, "to": fixtures::CALLER, "direction": "outbound"});
    assert_eq!(host.invoke::<Ivr>("answer", input).unwrap()["menu_version"], 1);
}

#[test]
fn calls_are_answered_while_the_storage_is_away() {
    let host = host();
    host.set_config(json!({"rates": {"per_caller": {"most": 0, "per_s": 60}}}));
    let kept =
        host.invoke::<Ivr>("upload-audio", json!({"content_type": "audio/mpeg", "content": "c291bmQ="})).unwrap();
    let mut menu = menu();
    menu["menus"]["support"]["greeting"] = json!({"blob": kept["blob"], "say": "Support."});
    publish(&host, "main", &menu);
    let line = Line::new(&host, Carrier::Telnyx);
    // with it, the guard refuses
    assert_eq!(line.named("CA0").start().did(), ["refused"]);
    let planned = host.jobs().len();
    host.set_storage_away(true);
    let told = line.start();
    assert_eq!((told.did(), told.heard()), (vec!["start", "greeting"], vec![GREETING.to_owned()]));
    // a recording cannot be had either: its words can
    let support = line.press(&told, "2");
    assert_eq!(support.heard(), ["Support."]);
    assert_eq!(host.jobs().len(), planned);
    assert!(host.log().iter().any(|line| line.message.contains("without being counted")));
    // what comes of the same requests afterwards are the same steps
    host.set_storage_away(false);
    let again = line.press(&told, "2");
    assert_eq!(again.answer["steps"], support.answer["steps"]);
    assert_eq!(host.jobs().len(), planned + 1);
}
