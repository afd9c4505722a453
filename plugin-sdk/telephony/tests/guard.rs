//! Where may be called.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail them")]

use patchbay_telephony::{
    guard::{Destinations, Refusal},
    phone::{Number, Party},
};
use serde_json::json;

fn number(text: &str) -> Number {
    Number::parse(text, None).unwrap()
}

fn setting(destinations: &Destinations, text: &str) -> Option<String> {
    destinations.check(&number(text)).err().and_then(|refusal| refusal.setting())
}

#[test]
fn what_is_dear_is_refused_until_a_setting_allows_it() {
    let careful = Destinations::default();
    for (text, expected) in [
        ("+14155550100", None),
        ("+15551230002", None),
        ("+18005551234", None),
        ("+447012345678", None),
        ("+19002345678", Some("destinations.premium_rate")),
        ("+449098790123", Some("destinations.premium_rate")),
        ("+499001234567", Some("destinations.premium_rate")),
        ("+979123456789", Some("destinations.premium_rate")),
        ("+448431234567", Some("destinations.shared_cost")),
        ("+80812345678", Some("destinations.shared_cost")),
        ("+881612345678", Some("destinations.satellite")),
        ("+88213123456", Some("destinations.satellite")),
        ("+883510012345", Some("destinations.satellite")),
    ] {
        assert_eq!(setting(&careful, text).as_deref(), expected, "{text}");
    }
    let open = Destinations { premium_rate: true, shared_cost: true, satellite: true, ..careful.clone() };
    let closed = Destinations { personal: false, unknown: false, ..careful };
    assert_eq!(setting(&open, "+19002345678"), None);
    assert_eq!(setting(&open, "+448431234567"), None);
    assert_eq!(setting(&open, "+881612345678"), None);
    assert_eq!(setting(&closed, "+447012345678").as_deref(), Some("destinations.personal"));
    assert_eq!(setting(&closed, "+447640123456").as_deref(), Some("destinations.personal"));
    assert_eq!(setting(&closed, "+15551230002").as_deref(), Some("destinations.unknown"));
}

#[test]
fn countries_are_those_that_are_listed_and_not_blocked() {
    let listed = Destinations { countries: vec!["US".to_owned(), "ca".to_owned()], ..Destinations::default() };
    assert_eq!(setting(&listed, "+14155550100"), None);
    assert_eq!(setting(&listed, "+16137827274"), None);
    assert_eq!(setting(&listed, "+18765551234").as_deref(), Some("destinations.countries"));
    assert_eq!(setting(&listed, "+80012345678").as_deref(), Some("destinations.countries"));
    let blocked = Destinations { blocked_countries: vec!["JM".to_owned()], ..Destinations::default() };
    assert_eq!(setting(&blocked, "+14155550100"), None);
    assert_eq!(setting(&blocked, "+18765551234").as_deref(), Some("destinations.blocked_countries"));
}

#[test]
fn a_number_that_is_listed_is_allowed_whatever_else_is_said() {
    let destinations = Destinations { numbers: vec![number("+19002345678")], ..Destinations::default() };
    assert_eq!(destinations.check(&number("+19002345678")), Ok(()));
    assert!(destinations.check(&number("+19002345679")).is_err());
}

#[test]
fn a_refusal_names_the_setting_and_hides_the_number() {
    let refusal = Destinations::default().check(&number("+19002345678")).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "+1900***5678 is a premium-rate number: set destinations.premium_rate to true, or add the number to \
         destinations.numbers, to allow it"
    );
    let party = Party::read("sip:15551230002@example.com");
    let refusal = Destinations::default().check_party(&party).unwrap_err();
    assert_eq!(refusal, Refusal::NoNumber { party: "sip:1555***0002@example.com".to_owned() });
    assert_eq!(refusal.setting(), None);
}

#[test]
fn settings_are_read_and_what_is_not_said_is_careful() {
    let read =
        serde_json::from_value::<Destinations>(json!({"countries": ["US"], "numbers": ["+19002345678"]})).unwrap();
    assert!(!read.premium_rate && read.unknown);
    assert_eq!(read.numbers, [number("+19002345678")]);
    assert_eq!(serde_json::from_value::<Destinations>(json!({})).unwrap(), Destinations::default());
    assert!(serde_json::from_value::<Destinations>(json!({"premium": true})).is_err());
}
