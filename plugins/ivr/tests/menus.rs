//! Menus as documents: saved, found wrong, published, rolled back, deleted.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail them")]

#[path = "support/fixtures.rs"]
mod fixtures;

use fixtures::{NUMBER, host, menu, places, problems, publish, small};
use patchbay_plugin_ivr::Ivr;
use patchbay_sdk::Error;
use patchbay_sdk::testing::MockHost;
use serde_json::{Value, json};

/// The menu with one place of it changed.
fn with(pointer: &str, value: Value) -> Value {
    let mut menu = menu();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    menu.pointer_mut(parent).unwrap()[name] = value;
    menu
}

#[test]
fn a_version_stays_as_it_was_saved() {
    let host = host();
    let save = |menu: &Value| host.invoke::<Ivr>("save-menu", json!({"id": "main", "menu": menu})).unwrap();
    assert_eq!(save(&menu()), json!({"id": "main", "version": 1, "valid": true, "problems": []}));
    // the same again is the same version
    assert_eq!(save(&menu())["version"], 1);
    assert_eq!(save(&small())["version"], 2);
    let get = |input: Value| host.invoke::<Ivr>("get-menu", input).unwrap();
    let first = get(json!({"id": "main", "version": 1}));
    assert_eq!(
        (&first["menu"]["name"], &first["latest"], &first["saved_at"]),
        (&json!("Front desk"), &json!(2), &json!("2026-11-01T00:00:00Z"))
    );
    assert_eq!(get(json!({"id": "main"}))["menu"]["name"], "Small");
    for input in [json!({"id": "main", "version": 3}), json!({"id": "other"})] {
        assert!(matches!(host.invoke::<Ivr>("get-menu", input), Err(Error::NotFound(_))));
    }
}

#[test]
fn a_draft_with_faults_is_kept_and_not_published() {
    let host = host();
    let faulty = with("/menus/main/options/1/to", json!("555-0100"));
    let saved = host.invoke::<Ivr>("save-menu", json!({"id": "main", "menu": faulty})).unwrap();
    assert_eq!((&saved["version"], &saved["valid"]), (&json!(1), &json!(false)));
    let publish = json!({"id": "main", "version": 1, "numbers": [NUMBER]});
    let Err(Error::Invalid(violations)) = host.invoke::<Ivr>("publish-menu", publish) else {
        unreachable!("it has a fault")
    };
    let pointers: Vec<_> = violations.iter().map(|violation| violation.pointer.as_str()).collect();
    assert_eq!(pointers, ["/version", "/menu/menus/main/options/1/to"]);
    assert_eq!(host.record("published", NUMBER), None);
}

#[test]
fn every_rule_names_its_place() {
    let host = host();
    assert_eq!(places(&host, &menu()), Vec::<String>::new());
    for (pointer, value, place) in [
        ("/start", json!("nowhere"), "/start"),
        ("/menus/main/options/2/menu", json!("nowhere"), "/menus/main/options/2"),
        ("/menus/main/options/4/survey", json!("nowhere"), "/menus/main/options/4"),
        ("/menus/main/options/1/to", json!("+1415"), "/menus/main/options/1/to"),
        ("/menus/main/options/1/to", json!("+19005550100"), "/menus/main/options/1/to"),
        ("/menus/main/options/1/to", json!("sip:a@example.com"), "/menus/main/options/1/to"),
        ("/menus/main/options/1/announce/say", json!("a\u{7}b"), "/menus/main/options/1/announce/say"),
        ("/menus/main/options/12", json!({"do": "hangup"}), "/menus/main/options/12"),
        ("/menus/main/options/A", json!({"do": "hangup"}), "/menus/main/options/A"),
        ("/menus/main/greeting", json!({}), "/menus/main/greeting"),
        ("/menus/main/greeting/say", json!("   "), "/menus/main/greeting/say"),
        ("/menus/main/greeting/say", json!("x".repeat(3001)), "/menus/main/greeting/say"),
        ("/menus/main/greeting/blob", json!("blob_0"), "/menus/main/greeting/blob"),
        ("/menus/support/greeting/play", json!("http://cdn.example.com/a.mp3"), "/menus/support/greeting/play"),
        ("/menus/support/options", json!({}), "/menus/support/options"),
        ("/surveys/csat/questions/1/id", json!("score"), "/surveys/csat/questions/1/id"),
        ("/surveys/csat/questions/0/keys", json!("112"), "/surveys/csat/questions/0/keys"),
        ("/surveys/csat/thanks/say", json!(""), "/surveys/csat/thanks/say"),
        ("/hours/time_zone", json!("America/Gotham"), "/hours/time_zone"),
        ("/hours/weekly/mon/1/from", json!("11:00"), "/hours/weekly/mon/1/from"),
        ("/hours/weekly/mon/1/to", json!("13:00"), "/hours/weekly/mon/1/to"),
        ("/hours/weekly/sun", json!([{"from": "22:00", "to": "06:00"}]), "/hours/weekly/sun/0/to"),
        ("/hours/weekly/sun", json!([{"from": "9:00", "to": "10:00"}]), "/hours/weekly/sun/0"),
        ("/hours/holidays/0/date", json!("2026-02-29"), "/hours/holidays/0/date"),
        ("/hours/outside/then", json!({"do": "repeat"}), "/hours/outside/then"),
        ("/hours/outside/say/say", json!("\u{0}"), "/hours/outside/say/say"),
    ] {
        let found = places(&host, &with(pointer, value.clone()));
        assert!(found.iter().any(|found| found == place), "{pointer} = {value}: {found:?}");
    }
}

#[test]
fn phrases_and_destinations_are_the_settings_to_allow() {
    let host = host();
    let premium = with("/menus/main/options/1/to", json!("+19005550100"));
    let found = problems(&host, &premium);
    let [(place, words)] = found.as_slice() else { unreachable!("one fault: {found:?}") };
    assert_eq!(place, "/menus/main/options/1/to");
    assert!(words.contains("destinations.premium_rate"), "{words}");
    host.set_config(json!({"destinations": {"premium_rate": true}, "prohibited_phrases": ["one moment"]}));
    assert_eq!(places(&host, &premium), ["/menus/main/options/1/announce/say"]);
}

#[test]
fn what_was_allowed_when_it_was_saved_is_looked_at_again_when_it_is_published() {
    let host = host();
    let version = publish(&host, "main", &menu());
    host.set_config(json!({"prohibited_phrases": ["WELCOME to"]}));
    let input = json!({"id": "main", "version": version, "numbers": [NUMBER]});
    let Err(Error::Invalid(violations)) = host.invoke::<Ivr>("publish-menu", input) else {
        unreachable!("it is prohibited now")
    };
    assert_eq!(violations[1].pointer, "/menu/menus/main/greeting/say");
}

/// Menus with these ways between them: `(menu, key, to)`, and fallbacks.
fn graph(ways: &[(&str, &str, Value)], fallbacks: &[(&str, Value)]) -> Value {
    let mut menus = json!({});
    for (name, key, action) in ways {
        if menus.get(*name).is_none() {
            menus[*name] = json!({"greeting": {"say": "Press."}, "options": {}});
        }
        menus[*name]["options"][*key] = action.clone();
    }
    for (name, action) in fallbacks {
        menus[*name]["fallback"] = action.clone();
    }
    json!({"name": "Graph", "start": "a", "menus": menus})
}

fn to(menu: &str) -> Value {
    json!({"do": "submenu", "menu": menu})
}

fn end() -> Value {
    json!({"do": "hangup"})
}

#[test]
fn loops_and_dead_ends_are_found() {
    let host = host();
    for (what, menu, expected) in [
        (
            "a way there and back with an end",
            graph(&[("a", "1", to("b")), ("b", "1", to("a")), ("b", "2", end())], &[]),
            vec![],
        ),
        // each menu ends by itself if nothing is pressed, unless its fallback leads on
        (
            "menus that lead to each other alone",
            graph(&[("a", "1", to("b")), ("b", "1", to("a"))], &[("a", to("b")), ("b", to("a"))]),
            vec!["/menus/a", "/menus/a/fallback", "/menus/b"],
        ),
        (
            "a circle for who presses nothing",
            graph(
                &[("a", "1", end()), ("b", "1", end()), ("c", "1", end())],
                &[("a", to("b")), ("b", to("c")), ("c", to("b"))],
            ),
            vec!["/menus/b/fallback"],
        ),
        (
            "a menu that repeats itself",
            graph(&[("a", "1", end())], &[("a", json!({"do": "repeat"}))]),
            vec!["/menus/a/fallback"],
        ),
        ("a menu that nobody comes to", graph(&[("a", "1", end()), ("b", "1", end())], &[]), vec!["/menus/b"]),
        (
            "two that only come to each other",
            graph(&[("a", "1", end()), ("b", "1", to("c")), ("c", "1", to("b"))], &[]),
            vec!["/menus/b", "/menus/c"],
        ),
        ("a way to nowhere", graph(&[("a", "1", to("z"))], &[]), vec!["/menus/a/options/1"]),
        (
            "a transfer that falls back to where it came from",
            graph(
                &[("a", "1", end())],
                &[("a", json!({"do": "transfer", "to": "+14155550100", "otherwise": to("a")}))],
            ),
            vec!["/menus/a/fallback"],
        ),
    ] {
        assert_eq!(places(&host, &menu), expected, "{what}");
    }
}

#[test]
fn a_survey_that_leads_nowhere_or_is_led_to_from_nowhere_is_found() {
    let host = host();
    let mut menu = with("/menus/main/options/4", end());
    assert_eq!(places(&host, &menu), ["/surveys/csat"]);
    menu = with("/surveys/csat/then", to("nowhere"));
    assert_eq!(places(&host, &menu), ["/surveys/csat/then"]);
}

fn published(host: &MockHost) -> Value {
    host.invoke::<Ivr>("list-menus", json!({})).unwrap()["menus"].clone()
}

#[test]
fn publishing_and_rolling_back_changes_what_numbers_answer() {
    let host = host();
    assert_eq!(publish(&host, "main", &menu()), 1);
    assert_eq!(publish(&host, "main", &small()), 2);
    let on = |version: Value| json!([{"number": NUMBER, "id": "main", "version": version}]);
    assert_eq!(published(&host)[0]["published"], on(json!(2)));
    // the same again is nothing to come back from
    host.invoke::<Ivr>("publish-menu", json!({"id": "main", "version": 2, "numbers": [NUMBER]})).unwrap();
    let back = || host.invoke::<Ivr>("roll-back-menu", json!({"id": "main"}));
    assert_eq!(back().unwrap(), on(json!(1)));
    assert_eq!(host.record("published", NUMBER).unwrap()["resolved"]["version"], 1);
    assert_eq!(back().unwrap(), on(Value::Null));
    assert_eq!(host.record("published", NUMBER), None);
    assert!(matches!(back(), Err(Error::NotFound(_))));
}

#[test]
fn numbers_are_read_as_people_write_them_and_each_once() {
    let host = host();
    host.invoke::<Ivr>("save-menu", json!({"id": "main", "menu": small()})).unwrap();
    let publish =
        |numbers: Value| host.invoke::<Ivr>("publish-menu", json!({"id": "main", "version": 1, "numbers": numbers}));
    let written = publish(json!(["+1 (415) 555-0199"])).unwrap();
    assert_eq!(written[0]["number"], NUMBER);
    for (numbers, place) in
        [(json!(["4155550199"]), "/numbers/0"), (json!([NUMBER, "tel:+1-415-555-0199"]), "/numbers/1")]
    {
        let Err(Error::Invalid(violations)) = publish(numbers.clone()) else { unreachable!("{numbers} is refused") };
        assert_eq!(violations[0].pointer, place);
    }
}

#[test]
fn a_menu_on_numbers_is_deleted_only_with_them() {
    let host = host();
    publish(&host, "main", &menu());
    publish(&host, "main", &small());
    let delete = |unpublish: bool| host.invoke::<Ivr>("delete-menu", json!({"id": "main", "unpublish": unpublish}));
    assert!(matches!(delete(false), Err(Error::Conflict(_))));
    assert_eq!(delete(true).unwrap(), json!({"id": "main", "versions": 2, "numbers": [NUMBER]}));
    assert_eq!(published(&host), json!([]));
    assert_eq!(host.record("published", NUMBER), None);
    assert_eq!(host.record("versions", "main@0000000001"), None);
    assert!(matches!(delete(true), Err(Error::NotFound(_))));
    // a version means the same for good, also to calls that run
    assert_eq!(publish(&host, "main", &small()), 3);
}

#[test]
fn settings_are_held_to_the_rules_of_prompts() {
    let host = host();
    let wrong = |config: Value| {
        let found = host.validate_config::<Ivr>(&config).unwrap_err();
        found.into_iter().map(|violation| violation.pointer).collect::<Vec<_>>()
    };
    host.validate_config::<Ivr>(&json!({})).unwrap();
    let fine = json!({"disclosure": {"say": "This call may be recorded."}, "max_steps": 20});
    host.validate_config::<Ivr>(&fine).unwrap();
    assert_eq!(
        wrong(json!({"disclosure": {"say": "You have won", "blob": null}, "prohibited_phrases": ["have won"]})),
        ["/disclosure/say"]
    );
    assert_eq!(wrong(json!({"texts": {"goodbye": {"blob": "blob_1", "say": "Bye."}}})), ["/texts/goodbye/blob"]);
    let named = json!({"disclosure": {"say": "This call may be recorded.", "known": "Hello {caller.name}."}});
    assert_eq!(wrong(named), ["/disclosure/known"], "what every caller has to hear is the same for all");
    let spend = json!({"currency": "USD", "per_call": "0.01", "per_transfer": "x"});
    assert_eq!(wrong(json!({"spend": spend})), ["/spend/per_transfer", "/spend"]);
}
