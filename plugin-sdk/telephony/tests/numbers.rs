//! The standard object `phone-number` out of what carriers say.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail them")]

#[path = "support/schema.rs"]
mod schema;

use patchbay_telephony::{
    money::Money,
    numbers::{Capability, Owned, Status},
    phone::{Kind, Number},
};
use schema::assert_valid;
use serde_json::json;

#[test]
fn a_number_is_the_standard_object() {
    let number = Number::parse("+14155550100", None).unwrap();
    let owned = Owned {
        name: Some("Front desk".to_owned()),
        capabilities: ["SMS", "voice", "emergency", "sms"].iter().filter_map(|word| Capability::read(word)).collect(),
        monthly_price: Money::parse("1.15000", "usd"),
        purchased_at: Some(1_772_366_400_000),
        extra: json!({"connection_id": "1"}),
        ..Owned::new("telnyx", "1293384261075731499", number.clone(), Status::Active)
    };
    let object = owned.to_object();
    assert_valid("phone-number", &object);
    assert_eq!(owned.object_id(), "telnyx:1293384261075731499");
    assert_eq!(
        object,
        json!({
            "number": "+14155550100",
            "status": "active",
            "name": "Front desk",
            "kind": "local",
            "country": "US",
            "capabilities": ["voice", "sms"],
            "purchased_at": "2026-03-01T12:00:00Z",
            "monthly_price": {"amount": 115, "currency": "USD"},
            "external_ids": {"telnyx": "1293384261075731499"},
            "extra": {"telnyx": {"connection_id": "1"}},
        })
    );
    assert_eq!(Owned::usage_id(&number, 1_772_366_400_000), "+14155550100/2026-03");
}

#[test]
fn what_the_carrier_says_holds_against_the_tables() {
    let number = Number::parse("+14155550100", None).unwrap();
    let owned = Owned {
        kind: Some(Kind::TollFree),
        country: Some("ca".to_owned()),
        ..Owned::new("twilio", "PN1", number, Status::Pending)
    };
    let object = owned.to_object();
    assert_valid("phone-number", &object);
    assert_eq!((&object["kind"], &object["country"]), (&json!("toll-free"), &json!("CA")));
}

#[test]
fn a_number_that_no_object_has_a_kind_for_has_none() {
    let number = Number::parse("+80012345678", None).unwrap();
    let dear = Number::parse("+979123456789", None).unwrap();
    let object = Owned::new("twilio", "PN1", number, Status::Released).to_object();
    assert_valid("phone-number", &object);
    assert_eq!((&object["kind"], object.get("country")), (&json!("toll-free"), None));
    let object = Owned::new("twilio", "PN2", dear, Status::Suspended).to_object();
    assert_valid("phone-number", &object);
    assert_eq!(object.get("kind"), None);
}
