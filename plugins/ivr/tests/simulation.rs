//! Simulated calls: what they show is what calls get.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail them")]

#[path = "support/fixtures.rs"]
mod fixtures;

use fixtures::verbs::{Carrier, verbs};
use fixtures::{CALLBACK, CALLER, CLOSED, Line, NUMBER, OPEN, host, menu, publish};
use patchbay_plugin_ivr::Ivr;
use patchbay_sdk::Error;
use patchbay_sdk::testing::MockHost;
use serde_json::{Value, json};

fn simulate(host: &MockHost, dialect: &str, digits: &[&str], more: Value) -> Value {
    let mut input = json!({
        "id": "main", "dialect": dialect, "digits": digits, "at": OPEN, "from": CALLER, "to": NUMBER, "callback_url": CALLBACK,
    });
    if let (Some(input), Some(more)) = (input.as_object_mut(), more.as_object()) {
        input.extend(more.clone());
    }
    host.invoke::<Ivr>("simulate", input).unwrap()
}

fn documents(simulated: &Value) -> Vec<String> {
    let exchanges = simulated["exchanges"].as_array().unwrap();
    exchanges.iter().map(|exchange| exchange["document"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_simulation_shows_the_very_documents_of_calls() {
    let host = host();
    host.set_config(json!({"disclosure": {"say": "Recorded."}}));
    publish(&host, "main", &menu());
    for (carrier, dialect) in [(Carrier::Telnyx, "texml"), (Carrier::Twilio, "twiml")] {
        for keys in [&["2", "0", "#"][..], &["", "7"], &["4", "9", "5", ""], &["*", "1"], &["3"]] {
            let recording = json!({"url": "https://carrier.example.com/RE1", "duration_s": 12, "id": "RE1"});
            let simulated = simulate(&host, dialect, keys, json!({"recording": recording, "dial_status": "busy"}));
            let line = Line::new(&host, carrier);
            let mut told = line.start();
            let mut real = vec![told.answer["document"].as_str().unwrap().to_owned()];
            let mut steps = told.answer["steps"].as_array().unwrap().clone();
            let mut left = keys.iter();
            while !told.ended() {
                let has = |name: &str| told.verbs.iter().any(|verb| verb.name == name);
                told = if has("Gather") {
                    match left.next() {
                        Some(&"") => line.wait(&told),
                        Some(key) => line.press(&told, key),
                        None => break,
                    }
                } else if has("Dial") {
                    line.dialled(&told, "busy")
                } else {
                    line.recorded(&told)
                };
                real.push(told.answer["document"].as_str().unwrap().to_owned());
                steps.extend(told.answer["steps"].as_array().unwrap().clone());
            }
            assert_eq!(documents(&simulated), real, "{dialect} {keys:?}");
            let did = |steps: &[Value]| {
                steps.iter().map(|step| (step["did"].clone(), step["node"].clone())).collect::<Vec<_>>()
            };
            assert_eq!(did(simulated["steps"].as_array().unwrap()), did(&steps));
            assert_eq!(simulated["ended"], told.ended());
        }
    }
}

#[test]
fn what_is_heard_is_told_in_order() {
    let host = host();
    publish(&host, "main", &menu());
    let simulated = simulate(&host, "twiml", &["1"], json!({"recording": {"id": "RE1"}}));
    let exchange = |number: usize| simulated["exchanges"][number].clone();
    assert_eq!(
        (&exchange(0)["after"], &exchange(0)["heard"]),
        (&Value::Null, &json!([{"say": "Welcome to A & B <Co>. Press a key."}]))
    );
    assert_eq!(
        (&exchange(1)["after"], &exchange(1)["heard"]),
        (&json!("1"), &json!([{"say": "One moment."}, {"ring": "+14155550100"}]))
    );
    let tone =
        json!([{"say": "Please leave a message after the tone. Press the pound key when you are done."}, "tone"]);
    assert_eq!((&exchange(2)["after"], &exchange(2)["heard"]), (&json!("no-answer"), &tone));
    assert_eq!(exchange(3)["heard"], json!([{"say": "Thank you. Your message was recorded. Goodbye."}, "end"]));
    assert_eq!(simulated["ended"], true);
}

#[test]
fn the_clock_is_what_the_simulation_says() {
    let host = host();
    publish(&host, "main", &menu());
    let closed = simulate(&host, "texml", &[], json!({"at": CLOSED}));
    assert_eq!(closed["steps"][0]["did"], "closed");
    assert!(verbs(Carrier::Telnyx, &documents(&closed)[0]).iter().any(|verb| verb.name == "Record"));
    // the hub's own time is a Saturday evening in New York
    let now = simulate(&host, "texml", &[], json!({"at": null}));
    assert_eq!(now["steps"][0]["did"], "closed");
    let wrong = host.invoke::<Ivr>("simulate", json!({"id": "main", "dialect": "texml", "at": "tomorrow"}));
    assert!(matches!(wrong, Err(Error::Invalid(_))));
}

#[test]
fn drafts_are_simulated_and_nothing_is_kept_of_it() {
    let host = host();
    let mut draft = menu();
    draft["menus"]["main"]["options"]["2"]["menu"] = json!("nowhere");
    host.invoke::<Ivr>("save-menu", json!({"id": "main", "menu": draft})).unwrap();
    let simulated = simulate(&host, "twiml", &["2"], json!({}));
    assert_eq!((&simulated["version"], &simulated["ended"]), (&json!(1), &json!(true)));
    assert!(host.jobs().is_empty() && host.events().is_empty());
}
