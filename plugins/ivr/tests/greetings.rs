//! Callers who are known are called by name, and nobody waits or hears a wrong name for it.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail them")]

#[path = "support/fixtures.rs"]
mod fixtures;

use fixtures::verbs::Carrier;
use fixtures::{CALLER, Line, NUMBER, host, publish, small};
use patchbay_plugin_ivr::Ivr;
use patchbay_sdk::testing::MockHost;
use serde_json::{Value, json};

const BOTH: [Carrier; 2] = [Carrier::Telnyx, Carrier::Twilio];
const TO_ALL: &str = "Welcome to Acme.";
const KNOWN: &str = "Hello {caller.first_name}, welcome to Acme.";

/// A menu that greets by name.
fn greeting(known: &str) -> Value {
    let mut menu = small();
    menu["menus"]["main"]["greeting"] = json!({"say": TO_ALL, "known": known});
    menu
}

fn ready() -> MockHost {
    let host = host();
    publish(&host, "main", &greeting(KNOWN));
    host
}

fn person(host: &MockHost, id: &str, data: Value) {
    let mut whole = json!({"phone": CALLER});
    whole.as_object_mut().unwrap().extend(data.as_object().unwrap().clone());
    host.put_record("contact", id, &whole);
}

fn heard(host: &MockHost, call: &str) -> Vec<String> {
    Line::new(host, Carrier::Twilio).named(call).start().heard()
}

#[test]
fn a_known_caller_is_greeted_by_name_at_both_carriers_and_again() {
    let host = ready();
    person(&host, "hubspot:1", json!({"first_name": "Ada <3 & \"Co\""}));
    for carrier in BOTH {
        let line = Line::new(&host, carrier);
        let told = line.start();
        let greeted = "Hello Ada <3 & \"Co\", welcome to Acme.";
        assert_eq!((told.names(), told.heard()), (vec!["Gather", "Redirect"], vec![greeted.to_owned()]));
        assert_eq!(line.wait(&told).heard(), [greeted]);
    }
}

#[test]
fn who_calls_from_their_second_number_is_known_as_well() {
    let host = ready();
    person(&host, "hubspot:1", json!({"phone": "+14155550177", "phones": [CALLER], "first_name": "Ada"}));
    assert_eq!(heard(&host, "CA1"), ["Hello Ada, welcome to Acme."]);
}

#[test]
fn everybody_else_hears_what_is_said_to_all() {
    let host = ready();
    assert_eq!(heard(&host, "CA1"), [TO_ALL], "nobody has the number");
    for (number, first_name) in [json!(null), json!(""), json!("?"), json!("a".repeat(101))].into_iter().enumerate() {
        person(&host, "hubspot:1", json!({"first_name": first_name, "last_name": "Lovelace"}));
        assert_eq!(heard(&host, &format!("CA2{number}")), [TO_ALL], "{first_name}");
    }
    person(&host, "hubspot:1", json!({"first_name": "Ada"}));
    for from in ["anonymous", "+266696687", "sip:ada@example.com", "14155550123"] {
        let line = Line { from, ..Line::new(&host, Carrier::Twilio).named(from) };
        assert_eq!(line.start().heard(), [TO_ALL], "{from}");
    }
    assert_eq!(heard(&host, "CA3"), ["Hello Ada, welcome to Acme."]);
}

#[test]
fn of_people_who_share_a_number_nobody_is_named_unless_they_are_named_alike() {
    let host = ready();
    person(&host, "hubspot:1", json!({"first_name": "Ada", "last_name": "King"}));
    person(&host, "salesforce:1", json!({"first_name": "Ada", "last_name": "Lovelace"}));
    assert_eq!(heard(&host, "CA1"), ["Hello Ada, welcome to Acme."], "the same first name by two CRMs");
    person(&host, "salesforce:2", json!({"first_name": "Grace"}));
    assert_eq!(heard(&host, "CA2"), [TO_ALL]);
    for number in 0..12 {
        person(&host, &format!("salesforce:{number}"), json!({"first_name": "Ada"}));
    }
    assert_eq!(heard(&host, "CA3"), [TO_ALL], "that is a switchboard");
}

#[test]
fn a_name_that_makes_a_prohibited_phrase_is_not_said() {
    let host = ready();
    host.set_config(json!({"prohibited_phrases": ["hello winner"]}));
    person(&host, "hubspot:1", json!({"first_name": "Winner"}));
    assert_eq!(heard(&host, "CA1"), [TO_ALL]);
    person(&host, "hubspot:1", json!({"first_name": "Ada"}));
    assert_eq!(heard(&host, "CA2"), ["Hello Ada, welcome to Acme."]);
}

#[test]
fn a_call_is_answered_without_the_name_while_the_storage_is_away() {
    let host = ready();
    person(&host, "hubspot:1", json!({"first_name": "Ada"}));
    let line = Line::new(&host, Carrier::Telnyx);
    assert_eq!(line.start().heard(), ["Hello Ada, welcome to Acme."]);
    host.set_storage_away(true);
    let told = line.named("CA2").start();
    assert_eq!((told.heard(), told.did()), (vec![TO_ALL.to_owned()], vec!["start", "greeting"]));
}

#[test]
fn every_fact_is_said_and_a_recording_gives_way_to_the_name() {
    let host = host();
    let mut menu = greeting("{caller.name} / {caller.first_name} / {caller.last_name} / {caller.company}");
    menu["menus"]["main"]["greeting"] = json!({
        "play": "https://cdn.example.com/welcome.mp3", "known": menu["menus"]["main"]["greeting"]["known"],
    });
    publish(&host, "main", &menu);
    assert_eq!(heard(&host, "CA1"), ["https://cdn.example.com/welcome.mp3"]);
    person(&host, "hubspot:1", json!({"first_name": "Ada", "last_name": "Lovelace"}));
    assert_eq!(heard(&host, "CA2"), ["https://cdn.example.com/welcome.mp3"], "the company is not known");
    person(&host, "hubspot:1", json!({"first_name": "Ada", "last_name": "Lovelace", "company_name": "Engines"}));
    assert_eq!(heard(&host, "CA3"), ["Ada Lovelace / Ada / Lovelace / Engines"]);
}

#[test]
fn of_an_outbound_call_the_called_is_greeted() {
    let host = ready();
    person(&host, "hubspot:1", json!({"first_name": "Ada"}));
    let line = Line::new(&host, Carrier::Twilio);
    let mut input = line.input(None, &json!({"kind": "start"}));
    input["call"] = json!({"id": "CA9", "from": NUMBER, "to": CALLER, "direction": "outbound"});
    let answer = host.invoke::<Ivr>("answer", input).unwrap();
    assert!(answer["document"].as_str().unwrap().contains("Hello Ada, welcome to Acme."), "{answer}");
}

#[test]
fn a_simulation_shows_what_a_known_caller_hears_and_what_another_does() {
    let host = ready();
    person(&host, "hubspot:1", json!({"first_name": "Ada"}));
    for (from, said) in [(CALLER, "Hello Ada, welcome to Acme."), ("+14155550188", TO_ALL)] {
        let input = json!({"id": "main", "dialect": "texml", "from": from, "to": NUMBER});
        let simulated = host.invoke::<Ivr>("simulate", input).unwrap();
        assert_eq!(simulated["exchanges"][0]["heard"], json!([{"say": said}]));
    }
}

#[test]
fn what_is_wrong_with_a_greeting_is_told_by_its_place() {
    let host = host();
    host.set_config(json!({"prohibited_phrases": ["you have won"]}));
    for known in ["Hello {caller.email}.", "Hello.", "{caller.name}, you have won."] {
        assert_eq!(fixtures::places(&host, &greeting(known)), ["/menus/main/greeting/known"], "{known}");
    }
    let mut menu = greeting(KNOWN);
    menu["menus"]["main"]["greeting"] = json!({"known": KNOWN});
    assert_eq!(fixtures::places(&host, &menu), ["/menus/main/greeting"]);
}
