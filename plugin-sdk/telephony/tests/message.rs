//! Text messages out of what carriers tell in any order.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail them")]

#[path = "support/schema.rs"]
mod schema;

use patchbay_telephony::{
    message::{Channel, Failure, Media, MessageFact, MessageState, Status, Way},
    money::Money,
    phone::Party,
};
use proptest::prelude::*;
use schema::assert_valid;
use serde_json::json;

const START: u64 = 1_772_366_400_000;

fn at(status: Status, after: u64) -> MessageFact {
    MessageFact { status: Some(status), at: Some(START + after), ..MessageFact::default() }
}

fn outbound(facts: impl IntoIterator<Item = MessageFact>) -> MessageState {
    let mut message = MessageState::new("twilio", "SM1", Channel::Sms, Way::Outbound);
    for fact in facts {
        message.add(fact);
    }
    message
}

#[test]
fn a_message_is_the_standard_object() {
    let made = MessageFact {
        created_at: Some(START),
        from: Some(Party::read("+15551230001")),
        to: Some(Party::read("+15551230002")),
        text: Some("Your table is booked".to_owned()),
        price: Money::cost("-0.00750", "USD"),
        ..at(Status::Queued, 0)
    };
    let message = outbound([at(Status::Delivered, 3_000), made, at(Status::Sent, 1_000)]);
    let object = message.to_object();
    assert_valid("message", &object);
    assert_eq!(message.object_id(), "twilio:SM1");
    assert_eq!(
        object,
        json!({
            "channel": "sms",
            "direction": "outbound",
            "status": "delivered",
            "from": "+15551230001",
            "to": "+15551230002",
            "text": "Your table is booked",
            "segments": 1,
            "created_at": "2026-03-01T12:00:00Z",
            "sent_at": "2026-03-01T12:00:01Z",
            "delivered_at": "2026-03-01T12:00:03Z",
            "price": {"amount": 1, "currency": "USD"},
            "external_ids": {"twilio": "SM1"},
            "extra": {"twilio": {"price": {"amount": "0.0075", "currency": "USD"}}},
        })
    );
}

#[test]
fn a_status_never_goes_backwards() {
    let mut message = outbound([]);
    let mut seen = Vec::new();
    for status in [Status::Sent, Status::Queued, Status::Delivered, Status::Sending, Status::Undelivered, Status::Read]
    {
        let changed = message.add(MessageFact { status: Some(status), ..MessageFact::default() });
        seen.push((changed, message.status()));
    }
    assert_eq!(
        seen,
        [
            (true, Status::Sent),
            (false, Status::Sent),
            (true, Status::Delivered),
            (false, Status::Delivered),
            (false, Status::Delivered),
            (true, Status::Read),
        ]
    );
}

#[test]
fn why_it_failed_is_told_while_it_has() {
    let failure = Failure { code: "30003".to_owned(), message: Some("Unreachable destination handset".to_owned()) };
    let failed = MessageFact { failure: Some(failure.clone()), ..at(Status::Undelivered, 2_000) };
    let mut message = outbound([at(Status::Sent, 1_000), failed]);
    assert_eq!(message.failure(), Some(&failure));
    let object = message.to_object();
    assert_valid("message", &object);
    assert_eq!(object["error"], json!({"code": "30003", "message": "Unreachable destination handset"}));
    message.add(at(Status::Delivered, 3_000));
    assert_eq!(message.failure(), None);
    assert_eq!(message.to_object().get("error"), None);
}

#[test]
fn what_comes_in_is_received() {
    let mut message = MessageState::new("telnyx", "m-1", Channel::Mms, Way::Inbound);
    assert_eq!(message.status(), Status::Received);
    message.add(MessageFact {
        from: Some(Party::read("72345")),
        text: Some("Look".to_owned()),
        media: vec![Media {
            url: "https://media.example.com/1".to_owned(),
            content_type: Some("image/jpeg".to_owned()),
        }],
        ..at(Status::Received, 0)
    });
    let object = message.to_object();
    assert_valid("message", &object);
    assert_eq!(object["from"], "72345");
    assert_eq!(object["received_at"], "2026-03-01T12:00:00Z");
    assert_eq!(object["media"], json!([{"content_type": "image/jpeg", "url": "https://media.example.com/1"}]));
}

#[test]
fn parts_are_the_carriers_or_else_counted() {
    let mut message = outbound([MessageFact { text: Some("a".repeat(161)), ..MessageFact::default() }]);
    assert_eq!(message.segments(), 2);
    message.add(MessageFact { segments: Some(3), ..MessageFact::default() });
    assert_eq!(message.segments(), 3);
}

#[test]
fn a_stored_message_is_read_again() {
    let message = outbound([at(Status::Sent, 1_000), at(Status::Delivered, 3_000)]);
    let stored = serde_json::to_value(&message).unwrap();
    assert_eq!(serde_json::from_value::<MessageState>(stored).unwrap(), message);
}

fn facts() -> impl Strategy<Value = Vec<MessageFact>> {
    let status = prop_oneof![
        Just(Status::Queued),
        Just(Status::Sending),
        Just(Status::Sent),
        Just(Status::Failed),
        Just(Status::Undelivered),
        Just(Status::Delivered),
        Just(Status::Read),
    ];
    let fact = (
        prop::option::of(status),
        prop::option::of((0_u64..100_000).prop_map(|at| START + at)),
        prop::option::of("[a-zé€😀]{0,20}"),
        prop::option::of(0_u32..5),
        prop::option::of((1_u32..9000).prop_map(|units| Money::parse(&format!("0.{units:04}"), "USD").unwrap())),
        prop::option::of("[0-9]{1,5}".prop_map(|code| Failure { code, message: None })),
    )
        .prop_map(|(status, at, text, segments, price, failure)| MessageFact {
            status,
            at,
            created_at: at,
            text,
            segments,
            price,
            failure,
            ..MessageFact::default()
        });
    prop::collection::vec(fact, 0..12)
}

proptest! {
    #[test]
    fn any_order_and_any_repetition_make_the_same_message(
        (once, again) in facts().prop_flat_map(|facts| {
            let twice = facts.iter().chain(&facts).cloned().collect::<Vec<_>>();
            (Just(facts), Just(twice).prop_shuffle())
        }),
    ) {
        let (one, other) = (outbound(once), outbound(again));
        assert_valid("message", &one.to_object());
        prop_assert_eq!(one.to_object(), other.to_object());
        prop_assert_eq!(one, other);
    }
}
