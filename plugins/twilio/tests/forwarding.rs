//! Call forwarding by its actions: what to dial, and what is kept of it. The codes themselves are in `forwarding_codes.rs`.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail them")]

use patchbay_plugin_twilio::Twilio;
use patchbay_sdk::Error;
use patchbay_sdk::testing::MockHost;
use serde_json::{Value, json};

const NUMBER: &str = "+15551230001";
const OURS: &str = "+15551230002";

fn host() -> MockHost {
    let host = MockHost::with_manifest(include_str!("../plugin.toml"));
    host.set_config(json!({"account_sid": "AC00000000000000000000000000000001"}));
    host
}

fn set_up(host: &MockHost, input: Value) -> Result<Value, Error> {
    let mut whole = json!({"phone_number": NUMBER, "destination": OURS});
    whole.as_object_mut().unwrap().extend(input.as_object().unwrap().clone());
    host.invoke::<Twilio>("set-up-forwarding", whole)
}

fn of_number(host: &MockHost, action: &str) -> Result<Value, Error> {
    host.invoke::<Twilio>(action, json!({"phone_number": NUMBER}))
}

fn codes(way: &Value) -> Vec<&str> {
    way.as_array().unwrap().iter().map(|dial| dial.get("code").and_then(Value::as_str).unwrap()).collect()
}

#[track_caller]
fn assert_refused(refused: Result<Value, Error>, pointer: &str) {
    let error = refused.unwrap_err();
    assert!(matches!(&error, Error::Invalid(wrong) if wrong.iter().all(|one| one.pointer == pointer)), "{error}");
}

#[test]
fn a_person_is_told_what_to_dial_and_what_else_may_work() {
    let host = host();
    let given = set_up(&host, json!({"carrier": "att", "mode": "missed", "ring_seconds": 15})).unwrap();
    assert_eq!(codes(&given["dial"]), ["**004*15551230002*11*15#"]);
    assert_eq!(given["dial"][0]["tel_uri"], "tel:**004*15551230002*11*15%23");
    let otherwise: Vec<_> = given["otherwise"].as_array().unwrap().iter().map(codes).collect();
    assert_eq!(
        otherwise,
        [
            vec!["**61*15551230002*11*15#", "**62*15551230002*11#", "**67*15551230002*11#"],
            vec!["**004*15551230002#"],
            vec!["**004*+15551230002*11*15#"],
            vec!["**004*5551230002*11*15#"],
        ]
    );
    assert_eq!(codes(&given["query"]), ["*#61#", "*#62#", "*#67#"]);
    assert_eq!(given["confidence"], "good");
    assert!(!given["notes"].as_array().unwrap().is_empty());
    assert_eq!(
        given["forwarding"],
        json!({
            "phone_number": NUMBER, "state": "pending", "carrier": "att", "mode": "missed", "destination": OURS,
            "ring_seconds": 15, "set_up_at": "2026-11-01T00:00:00Z", "still_forwards": false,
        })
    );
}

#[test]
fn a_person_says_that_it_works_and_is_told_how_to_end_it() {
    let host = host();
    assert!(matches!(of_number(&host, "confirm-forwarding"), Err(Error::NotFound(_))));
    assert!(matches!(of_number(&host, "disable-forwarding"), Err(Error::NotFound(_))));
    set_up(&host, json!({"carrier": "verizon", "mode": "missed"})).unwrap();
    host.set_now(host.now() + 60_000);
    for _ in 0..2 {
        let confirmed = of_number(&host, "confirm-forwarding").unwrap();
        assert_eq!((&confirmed["state"], &confirmed["confirmed_by"]), (&json!("active"), &json!("user")));
        assert_eq!(confirmed["confirmed_at"], "2026-11-01T00:01:00Z");
    }
    let events = host.events();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].kind, "twilio.forwarding.confirmed");
    let data = json!({"phone_number": NUMBER, "destination": OURS, "mode": "missed", "confirmed_by": "user"});
    assert_eq!(events[0].data, data);
    let ended = of_number(&host, "disable-forwarding").unwrap();
    assert_eq!((codes(&ended["dial"]), &ended["forwarding"]["state"]), (vec!["*73"], &json!("disabled")));
    assert!(matches!(of_number(&host, "confirm-forwarding"), Err(Error::Conflict(_))));
    // and once more from the beginning
    set_up(&host, json!({"carrier": "verizon", "mode": "all"})).unwrap();
    of_number(&host, "confirm-forwarding").unwrap();
    assert_eq!(host.events().len(), 2);
}

#[test]
fn what_a_carrier_does_not_take_is_refused_by_its_field() {
    let host = host();
    assert_refused(set_up(&host, json!({"carrier": "reseller", "mode": "all"})), "/carrier");
    assert_refused(set_up(&host, json!({"carrier": "verizon", "mode": "busy"})), "/mode");
    assert_refused(
        set_up(&host, json!({"carrier": "t-mobile", "mode": "missed", "ring_seconds": 12})),
        "/ring_seconds",
    );
    assert_refused(set_up(&host, json!({"carrier": "gsm", "mode": "busy", "ring_seconds": 20})), "/ring_seconds");
    assert_refused(
        set_up(&host, json!({"carrier": "landline", "mode": "missed", "ring_seconds": 20})),
        "/ring_seconds",
    );
    let abroad = json!({"carrier": "t-mobile", "mode": "all", "destination": "+4930123456"});
    assert_refused(set_up(&host, abroad), "/destination");
    let dear = json!({"carrier": "t-mobile", "mode": "all", "destination": "+19005550123"});
    assert_refused(set_up(&host, dear), "/destination");
    assert_refused(set_up(&host, json!({"carrier": "gsm", "mode": "all", "destination": "112"})), "/destination");
    assert_eq!(host.record("forwarding", NUMBER), None);
}

#[test]
fn no_call_is_sent_round_in_a_circle() {
    let host = host();
    assert_refused(set_up(&host, json!({"carrier": "gsm", "mode": "all", "destination": NUMBER})), "/destination");
    let back = |from: &str, to: &str| json!({"carrier": "gsm", "mode": "all", "phone_number": from, "destination": to});
    let third = "+15551230003";
    set_up(&host, back(OURS, third)).unwrap();
    set_up(&host, back(third, NUMBER)).unwrap();
    assert_refused(set_up(&host, json!({"carrier": "gsm", "mode": "all"})), "/destination");
    // one that was ended forwards nothing
    host.invoke::<Twilio>("disable-forwarding", json!({"phone_number": third})).unwrap();
    set_up(&host, json!({"carrier": "gsm", "mode": "all"})).unwrap();
}

#[test]
fn the_options_have_every_carrier_with_its_codes() {
    let host = host();
    let all = host.invoke::<Twilio>("forwarding-options", json!({})).unwrap();
    let ids: Vec<_> =
        all["carriers"].as_array().unwrap().iter().map(|carrier| carrier["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["verizon", "t-mobile", "att", "landline", "us-cellular", "reseller", "gsm"]);
    let one = host.invoke::<Twilio>("forwarding-options", json!({"carrier": "gsm"})).unwrap();
    let gsm = &one["carriers"][0];
    let mode = |name: &str| gsm["modes"].as_array().unwrap().iter().find(|mode| mode["mode"] == name).cloned().unwrap();
    assert_eq!(
        mode("no-answer"),
        json!({
            "mode": "no-answer", "takes_ring_time": true,
            "activate": [["**61*<number>*11*<seconds>#"], ["**61*<number>**<seconds>#"]],
            "deactivate": [["##61#"]], "query": ["*#61#"],
        })
    );
    assert_eq!(mode("all")["activate"], json!([["**21*<number>#"], ["**21*<number>*11#"]]));
    assert_eq!(gsm["ring_times"][3], json!({"seconds": 20, "rings": 3}));
    let verizon = host.invoke::<Twilio>("forwarding-options", json!({"carrier": "verizon"})).unwrap();
    assert_eq!(verizon["carriers"][0]["provider_rings"], json!({"from": 20, "to": 30}));
    assert_eq!(verizon["carriers"][0]["modes"][0]["activate"], json!([["*72<number>"]]));
    assert_eq!(verizon["carriers"][0]["ring_times"], json!([]));
}

#[test]
fn forwardings_are_listed_by_their_state() {
    let host = host();
    set_up(&host, json!({"carrier": "gsm", "mode": "all"})).unwrap();
    set_up(&host, json!({"carrier": "gsm", "mode": "busy", "phone_number": "+15551230005"})).unwrap();
    of_number(&host, "confirm-forwarding").unwrap();
    let list = |input: Value| {
        let page = host.invoke::<Twilio>("list-forwardings", input).unwrap();
        let found: Vec<_> = page["forwardings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["phone_number"].as_str().unwrap().to_owned())
            .collect();
        (found, page["next"].clone())
    };
    assert_eq!(list(json!({"state": "active"})), (vec![NUMBER.to_owned()], Value::Null));
    assert_eq!(list(json!({"limit": 1})), (vec![NUMBER.to_owned()], json!(NUMBER)));
    assert_eq!(list(json!({"limit": 1, "after": NUMBER})), (vec!["+15551230005".to_owned()], Value::Null));
}
