//! Numbers that follow subscriptions: one for each, found again after a lost answer, given back once.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail them")]

#[path = "support/fixtures.rs"]
mod fixtures;

use fixtures::{NUMBER, PN, below, host, settings};
use patchbay_plugin_twilio::Twilio;
use patchbay_sdk::Error;
use patchbay_sdk::events::Event;
use patchbay_sdk::task::{Outcome, Task};
use patchbay_sdk::testing::{Exchange, MockHost, Reply};
use patchbay_sdk::usage::Basis;
use serde_json::{Value, json};

const CLAIM: &str = "stripe:sub_1:1";

/// What Stripe's connector tells of a subscription, at a second.
fn subscription(kind: &str, status: &str, at: u64) -> Event {
    let data = json!({
        "type": format!("customer.subscription.{kind}"), "occurred_at": at * 1000,
        "object": {"id": "sub_1", "status": status, "items": {"data": [{"price": {"id": "price_1"}}]}},
    });
    Event {
        id: format!("evt_{kind}_{status}_{at}"),
        kind: format!("stripe.customer.subscription.{kind}"),
        subject: "sub_1".to_owned(),
        source: "stripe".to_owned(),
        time: at * 1000,
        data: data.to_string(),
    }
}

fn claim(host: &MockHost) -> Value {
    host.record("claims", CLAIM).unwrap()
}

fn named(host: &MockHost) -> String {
    claim(host)["reference"].as_str().unwrap().to_owned()
}

fn number(name: &str, sid: &str) -> Value {
    json!({
        "sid": sid, "phone_number": NUMBER, "friendly_name": name, "capabilities": {"voice": true, "sms": true},
    })
}

fn listed(numbers: &[Value]) -> Reply {
    Reply::json(200, &json!({"incoming_phone_numbers": numbers, "next_page_uri": null}))
}

fn looks(host: &MockHost) {
    let url = below("/AvailablePhoneNumbers/US/Local.json?ExcludeAllAddressRequired=true&PageSize=20");
    let found = json!({"available_phone_numbers": [{"phone_number": NUMBER, "address_requirements": "none"}]});
    host.expect(Exchange::get(url).credential("auth_token"), Reply::json(200, &found));
}

fn asks_for_its_name(host: &MockHost, name: &str, answer: Reply) {
    let url = below(&format!("/IncomingPhoneNumbers.json?FriendlyName={}&PageSize=1000", name.replace(':', "%3A")));
    host.expect(Exchange::get(url).credential("auth_token"), answer);
}

fn buys(host: &MockHost, answer: Reply) {
    host.expect(Exchange::post(below("/IncomingPhoneNumbers/Local.json")).credential("auth_token"), answer);
}

fn gives_back(host: &MockHost, answer: Reply) {
    let url = below(&format!("/IncomingPhoneNumbers/{PN}.json"));
    host.expect(Exchange::new("DELETE", url).credential("auth_token"), answer);
}

/// A host whose subscription has its number.
fn provisioned() -> MockHost {
    let host = host();
    host.deliver::<Twilio>(subscription("created", "active", 1_793_491_000)).unwrap();
    let name = named(&host);
    looks(&host);
    asks_for_its_name(&host, &name, listed(&[]));
    buys(&host, Reply::json(201, &number(&name, PN)));
    host.work_off::<Twilio>().unwrap();
    host
}

#[test]
fn a_subscription_gets_one_number_whose_purchase_bears_the_claims_name() {
    let host = provisioned();
    let found = claim(&host);
    assert_eq!((&found["state"], &found["sid"], &found["number"]), (&json!("active"), &json!(PN), &json!(NUMBER)));
    let body = String::from_utf8(host.sent()[2].body.clone()).unwrap();
    let name = named(&host).replace(':', "%3A");
    assert!(body.contains(&format!("FriendlyName={name}")) && body.contains("PhoneNumber=%2B14155550001"), "{body}");
    let object = host.record("phone-number", &format!("twilio:{PN}")).unwrap();
    assert_eq!((&object["status"], &object["kind"]), (&json!("active"), &json!("local")));
    assert_eq!(object["monthly_price"], json!({"amount": 115, "currency": "USD"}));
    assert_eq!(host.used("number", Basis::Reported), 1);
    assert_eq!(host.events()[0].kind, "twilio.number.provisioned");
    host.deliver::<Twilio>(subscription("created", "active", 1_793_491_000)).unwrap();
    host.deliver::<Twilio>(subscription("updated", "active", 1_793_491_100)).unwrap();
    assert_eq!(host.work_off::<Twilio>().unwrap(), [], "nothing is asked for again");
}

#[test]
fn what_is_about_to_be_asked_is_recorded_before() {
    let host = host();
    host.deliver::<Twilio>(subscription("created", "active", 1_793_491_000)).unwrap();
    looks(&host);
    let task = Task {
        job: "job_1".to_owned(),
        kind: "number".to_owned(),
        payload: json!({"claim": CLAIM}).to_string(),
        cursor: None,
        attempt: 1,
    };
    assert!(matches!(host.step::<Twilio>(task), Ok(Outcome::Again { .. })));
    let found = claim(&host);
    assert_eq!((&found["state"], &found["candidate"]), (&json!("buying"), &json!(NUMBER)));
    assert_eq!(host.sent().len(), 1, "nothing was bought yet");
}

#[test]
fn a_purchase_whose_answer_was_lost_is_found_again_and_not_repeated() {
    let host = host();
    host.deliver::<Twilio>(subscription("created", "active", 1_793_491_000)).unwrap();
    let name = named(&host);
    looks(&host);
    asks_for_its_name(&host, &name, listed(&[]));
    buys(&host, Reply::fails(Error::Timeout));
    asks_for_its_name(&host, &name, listed(&[number(&name, PN)]));
    host.work_off::<Twilio>().unwrap();
    assert_eq!(claim(&host)["sid"], PN);
    assert_eq!(host.used("number", Basis::Reported), 1);
}

#[test]
fn a_number_that_somebody_else_took_is_let_go_of() {
    let host = host();
    host.deliver::<Twilio>(subscription("created", "active", 1_793_491_000)).unwrap();
    let name = named(&host);
    looks(&host);
    asks_for_its_name(&host, &name, listed(&[]));
    buys(&host, Reply::json(400, &json!({"code": 21422, "message": "taken", "status": 400})));
    let url = below("/AvailablePhoneNumbers/US/Local.json?ExcludeAllAddressRequired=true&PageSize=20");
    let two = json!({"available_phone_numbers": [{"phone_number": NUMBER}, {"phone_number": "+14155550002"}]});
    host.expect(Exchange::get(url).credential("auth_token"), Reply::json(200, &two));
    asks_for_its_name(&host, &name, listed(&[]));
    buys(&host, Reply::json(201, &json!({"sid": PN, "phone_number": "+14155550002", "friendly_name": name})));
    host.work_off::<Twilio>().unwrap();
    assert_eq!(claim(&host)["number"], "+14155550002");
}

#[test]
fn an_end_gives_the_number_back_once_however_it_fails() {
    let host = provisioned();
    host.deliver::<Twilio>(subscription("deleted", "canceled", 1_793_491_100)).unwrap();
    gives_back(&host, Reply::json(500, &json!({"code": 20500, "message": "x"})));
    gives_back(&host, Reply::fails(Error::Timeout));
    gives_back(&host, Reply::json(404, &json!({"code": 20404, "message": "x"})));
    host.work_off::<Twilio>().unwrap();
    assert_eq!(claim(&host)["state"], "released");
    assert_eq!(host.record("phone-number", &format!("twilio:{PN}")).unwrap()["status"], "released");
    let told: Vec<_> = host.events().into_iter().map(|event| event.kind).collect();
    assert_eq!(told, ["twilio.number.provisioned", "twilio.number.released"]);
    host.deliver::<Twilio>(subscription("updated", "active", 1_793_491_050)).unwrap();
    assert_eq!(host.work_off::<Twilio>().unwrap(), [], "what is older begins nothing");
}

#[test]
fn an_end_that_comes_before_its_beginning_buys_nothing() {
    let host = host();
    host.deliver::<Twilio>(subscription("deleted", "canceled", 1_793_491_100)).unwrap();
    host.deliver::<Twilio>(subscription("created", "active", 1_793_491_000)).unwrap();
    assert!(host.jobs().is_empty() && host.sent().is_empty());
    assert_eq!(claim(&host)["state"], "released");
}

#[test]
fn the_cap_on_what_numbers_cost_holds() {
    let host = host();
    let mut config = settings();
    config["provisioning"]["monthly_cap"] = json!(100);
    host.set_config(config);
    host.deliver::<Twilio>(subscription("created", "active", 1_793_491_000)).unwrap();
    host.work_off::<Twilio>().unwrap();
    let found = claim(&host);
    assert_eq!(found["state"], "refused");
    assert!(found["problem"].as_str().unwrap().contains("115"), "{found}");
    assert_eq!(host.events()[0].kind, "twilio.number.refused");
}

#[test]
fn the_hubs_own_plan_can_bring_a_number() {
    let host = host();
    let mut config = settings();
    config["provisioning"]["follow"] = json!("plan");
    config["provisioning"]["only"] = json!(["pro"]);
    host.set_config(config);
    let changed = |new: &str, time: u64| Event {
        id: format!("evt_{time}"),
        kind: "billing.plan_changed".to_owned(),
        subject: new.to_owned(),
        source: "patchbay".to_owned(),
        time,
        data: json!({"old": "free", "new": new, "status": "active", "period": {}}).to_string(),
    };
    host.deliver::<Twilio>(changed("pro", 1_000)).unwrap();
    assert_eq!(host.record("claims", "plan:plan:1").unwrap()["wanted"], true);
    host.deliver::<Twilio>(changed("free", 2_000)).unwrap();
    assert_eq!(host.record("claims", "plan:plan:1").unwrap()["wanted"], false);
    host.work_off::<Twilio>().unwrap();
    assert!(host.sent().is_empty(), "it ended before anything was asked");
}

fn lists_all(host: &MockHost, numbers: &[Value]) {
    let url = below("/IncomingPhoneNumbers.json?PageSize=1000");
    host.expect(Exchange::get(url).credential("auth_token"), listed(numbers));
}

fn asks_stripe(host: &MockHost, status: &str) {
    host.expect_call("stripe", "get-subscription", Ok(json!({"id": "sub_1", "status": status})));
}

#[test]
fn a_comparison_that_finds_nothing_says_so() {
    let host = provisioned();
    lists_all(
        &host,
        &[number(&named(&host), PN), json!({"sid": "PNx", "phone_number": "+14155550777", "friendly_name": "mine"})],
    );
    asks_stripe(&host, "active");
    let report = host.invoke::<Twilio>("reconcile", json!({})).unwrap();
    assert_eq!((&report["settled"], &report["findings"]), (&json!(true), &json!([])));
    assert_eq!((&report["numbers"], &report["marked"], &report["claims"]), (&json!(2), &json!(1), &json!(1)));
    assert_eq!(host.record("reconcile", report["at"].as_str().unwrap()).unwrap(), report);
    assert_eq!(host.events().last().unwrap().kind, "twilio.numbers.reconciled");
    assert_eq!(host.used("number", Basis::Reported), 1, "the month is metered once");
}

#[test]
fn orphans_and_doubles_are_given_back_and_others_numbers_are_left_alone() {
    let host = provisioned();
    let name = named(&host);
    let double = "PN00000000000000000000000000000002";
    let orphan = "PN00000000000000000000000000000003";
    let own = name.rsplit_once(':').unwrap().0;
    lists_all(
        &host,
        &[
            number(&name, PN),
            number(&name, double),
            number(&format!("{own}:0000"), orphan),
            number("pb:000000000000:0000", "PN00000000000000000000000000000004"),
        ],
    );
    for sid in [double, orphan] {
        let url = below(&format!("/IncomingPhoneNumbers/{sid}.json"));
        host.expect(Exchange::new("DELETE", url).credential("auth_token"), Reply::status(204));
    }
    asks_stripe(&host, "active");
    let report = host.invoke::<Twilio>("reconcile", json!({})).unwrap();
    let found: Vec<_> = report["findings"].as_array().unwrap().iter().map(|one| (&one["kind"], &one["done"])).collect();
    assert_eq!(found, [(&json!("double"), &json!("released")), (&json!("orphan"), &json!("released"))]);
}

#[test]
fn a_number_that_is_gone_is_recorded_and_no_other_one_bought() {
    let host = provisioned();
    lists_all(&host, &[]);
    let url = below("/IncomingPhoneNumbers.json?PhoneNumber=%2B14155550001&PageSize=1000");
    host.expect(Exchange::get(url).credential("auth_token"), listed(&[]));
    asks_stripe(&host, "active");
    let report = host.invoke::<Twilio>("reconcile", json!({})).unwrap();
    assert_eq!(report["findings"][0]["kind"], "missing");
    assert_eq!(claim(&host)["state"], "lost");
    assert!(host.jobs().is_empty());
}

#[test]
fn a_number_of_somebody_else_on_the_same_account_is_neither_bought_nor_given_back() {
    let host = host();
    let theirs = number("pb:0123456789ab:00000000000000000000", PN);
    let release = json!({"sid": PN, "confirm": NUMBER});
    let one = below(&format!("/IncomingPhoneNumbers/{PN}.json"));
    host.expect(Exchange::get(one).credential("auth_token"), Reply::json(200, &theirs));
    assert!(matches!(host.invoke::<Twilio>("release-number", release), Err(Error::Conflict(_))));
    let find = below("/IncomingPhoneNumbers.json?PhoneNumber=%2B14155550001&PageSize=1000");
    host.expect(Exchange::get(find).credential("auth_token"), listed(&[theirs]));
    let price = json!({"amount": 115, "currency": "USD"});
    let buy = json!({"phone_number": NUMBER, "country": "US", "kind": "local", "confirm": price});
    assert!(matches!(host.invoke::<Twilio>("buy-number", buy), Err(Error::Conflict(_))));
    assert_eq!(host.record("phone-number", &format!("twilio:{PN}")), None);
    assert_eq!(host.used("number", Basis::Reported), 0);
}

#[test]
fn an_end_that_no_event_told_is_found() {
    let host = provisioned();
    lists_all(&host, &[number(&named(&host), PN)]);
    asks_stripe(&host, "canceled");
    let report = host.invoke::<Twilio>("reconcile", json!({})).unwrap();
    assert_eq!(report["findings"][0]["kind"], "unheard");
    gives_back(&host, Reply::status(204));
    host.work_off::<Twilio>().unwrap();
    assert_eq!(claim(&host)["state"], "released");
}

#[test]
fn a_number_is_bought_only_for_the_price_that_was_shown() {
    let host = host();
    let mut input = json!({"phone_number": NUMBER, "country": "US", "kind": "local"});
    let quote = host.invoke::<Twilio>("buy-number", input.clone()).unwrap();
    assert_eq!((&quote["status"], &quote["monthly"]["amount"]), (&json!("quoted"), &json!(115)));
    input["confirm"] = json!({"amount": 100, "currency": "USD"});
    assert!(matches!(host.invoke::<Twilio>("buy-number", input.clone()), Err(Error::Invalid(_))));
    input["confirm"] = quote["monthly"].clone();
    let find = below("/IncomingPhoneNumbers.json?PhoneNumber=%2B14155550001&PageSize=1000");
    host.expect(Exchange::get(find.clone()).credential("auth_token"), listed(&[]));
    buys(&host, Reply::fails(Error::Timeout));
    assert_eq!(host.invoke::<Twilio>("buy-number", input.clone()), Err(Error::Timeout));
    host.expect(Exchange::get(find).credential("auth_token"), listed(&[number(NUMBER, PN)]));
    let bought = host.invoke::<Twilio>("buy-number", input).unwrap();
    assert_eq!((&bought["status"], &bought["number"]["sid"]), (&json!("owned"), &json!(PN)));
    assert_eq!(host.used("number", Basis::Reported), 1);
}

#[test]
fn the_number_of_a_subscription_is_not_given_back_by_hand() {
    let host = provisioned();
    let url = below(&format!("/IncomingPhoneNumbers/{PN}.json"));
    for _ in 0..2 {
        host.expect(Exchange::get(url.clone()).credential("auth_token"), Reply::json(200, &number("x", PN)));
    }
    let release = |confirm: &str| host.invoke::<Twilio>("release-number", json!({"sid": PN, "confirm": confirm}));
    assert!(matches!(release("+14155550002"), Err(Error::Invalid(_))));
    assert!(matches!(release(NUMBER), Err(Error::Conflict(_))));
}
