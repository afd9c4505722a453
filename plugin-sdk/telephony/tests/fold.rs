//! One call out of facts in any order and any number of times.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail them")]

#[path = "support/schema.rs"]
mod schema;

use patchbay_telephony::{
    billing::Increments,
    fold::{
        About, AnsweredBy, CallState, Cause, Direction, Fact, MOST_FACTS, Recording, RecordingStatus, Status, Step,
        What,
    },
    money::Money,
    phone::Party,
    time,
};
use proptest::prelude::*;
use schema::assert_valid;
use serde_json::json;

const START: u64 = 1_772_366_400_000;

fn fact(id: &str, leg: &str, at: u64, what: What) -> Fact {
    Fact {
        id: id.to_owned(),
        leg: leg.to_owned(),
        session: Some("session-1".to_owned()),
        at: Some(START + at),
        sequence: None,
        about: None,
        what,
    }
}

fn ended(cause: Cause, duration_s: Option<u64>) -> What {
    What::Ended { cause, reason: Some("normal_clearing".to_owned()), duration_s }
}

fn step(id: &str, at: u64, node: &str, digits: Option<&str>) -> Fact {
    let step = Step {
        menu: "main".to_owned(),
        version: Some(3),
        node: node.to_owned(),
        did: "digits".to_owned(),
        digits: digits.map(str::to_owned),
        to: None,
    };
    fact(id, "leg-a", at, What::Step(step))
}

#[test]
fn a_call_leaves_its_menu_with_the_end_of_its_main_leg() {
    let of = |facts: &[Fact]| {
        let mut state = CallState::new("telnyx", "leg-a");
        for fact in facts {
            state.add(fact.clone());
        }
        state.has_left_menu()
    };
    let (menu, begun) = (step("step-1", 1, "main", None), fact("a/initiated", "leg-a", 0, What::Initiated));
    let over = fact("a/ended", "leg-a", 9, ended(Cause::Completed, Some(8)));
    let other = fact("b/ended", "leg-b", 5, ended(Cause::Completed, Some(2)));
    assert!(!of(&[menu.clone(), begun.clone(), other]));
    assert!(!of(&[begun.clone(), over.clone()]), "no menu has answered it");
    assert!(of(&[menu.clone(), begun, over.clone()]) && of(&[over, menu]));
}

/// A call that came in, went through a menu and was transferred.
fn example() -> Vec<Fact> {
    let about = |from: &str, to: &str, direction, parent: Option<&str>| About {
        direction: Some(direction),
        from: Some(Party::read(from)),
        to: Some(Party::read(to)),
        from_name: None,
        parent: parent.map(str::to_owned),
    };
    let inbound = about("+15551230001", "+15551230002", Direction::Inbound, None);
    let transfer = about("+15551230002", "sip:desk@example.com", Direction::Outbound, Some("leg-a"));
    let cost = |amount: &str| What::Cost { money: Money::parse(amount, "USD").unwrap() };
    vec![
        Fact { about: Some(inbound), ..fact("a/initiated", "leg-a", 0, What::Initiated) },
        fact("a/answered", "leg-a", 5_000, What::Answered),
        step("s1", 5_100, "greeting", None),
        step("s2", 9_000, "choice", Some("1")),
        Fact { about: Some(transfer), ..fact("b/initiated", "leg-b", 10_000, What::Initiated) },
        fact("b/ringing", "leg-b", 11_000, What::Ringing),
        fact("b/answered", "leg-b", 15_000, What::Answered),
        fact("b/bridged", "leg-b", 15_100, What::Bridged { with: Some("leg-a".to_owned()) }),
        fact("b/ended", "leg-b", 65_500, ended(Cause::Completed, None)),
        fact("a/ended", "leg-a", 66_000, ended(Cause::Cleared, Some(61))),
        fact("a/cost", "leg-a", 70_000, cost("0.0085")),
        fact("b/cost", "leg-b", 70_000, cost("0.0125")),
        fact(
            "rec/available",
            "leg-a",
            71_000,
            What::Recorded(Recording {
                id: "rec-1".to_owned(),
                status: RecordingStatus::Available,
                started_at: Some(START + 5_000),
                ended_at: None,
                duration_s: Some(61),
                channels: Some(2),
                content_type: Some("audio/mpeg".to_owned()),
                url: Some("https://files.example.com/rec-1.mp3".to_owned()),
                url_expires_at: Some(START + 600_000),
            }),
        ),
    ]
}

fn folded(facts: impl IntoIterator<Item = Fact>) -> CallState {
    let mut call = CallState::new("telnyx", "leg-a");
    for fact in facts {
        call.add(fact);
    }
    call
}

#[test]
fn a_call_is_the_standard_object() {
    let call = folded(example());
    let object = call.to_object();
    assert_valid("call", &object);
    assert_eq!(call.object_id(), "telnyx:leg-a");
    assert_eq!(object["direction"], "inbound");
    assert_eq!(object["status"], "completed");
    assert_eq!(object["from"], "+15551230001");
    assert_eq!(object["to"], "+15551230002");
    assert_eq!(object["started_at"], "2026-03-01T12:00:00Z");
    assert_eq!(object["answered_at"], "2026-03-01T12:00:05Z");
    assert_eq!(object["ended_at"], "2026-03-01T12:01:06Z");
    assert_eq!(object["duration_s"], 61);
    assert_eq!(object["end_reason"], "normal_clearing");
    assert_eq!(object["session_id"], "session-1");
    assert_eq!(object["price"], json!({"amount": 2, "currency": "USD"}));
    assert_eq!(object["external_ids"], json!({"telnyx": "leg-a"}));
    assert_eq!(object["extra"]["telnyx"]["costs"], json!([{"amount": "0.021", "currency": "USD"}]));
    assert_eq!(object["extra"]["telnyx"]["legs"][1]["to_uri"], "sip:desk@example.com");
    assert_eq!(object["extra"]["telnyx"]["legs"][1]["parent"], "leg-a");
    assert!(call.has_ended());
    assert_eq!(call.started_at(), Some(START));
}

#[test]
fn a_call_has_its_way_through_the_menu_in_order() {
    let mut facts = example();
    facts.reverse();
    assert_eq!(
        folded(facts).to_object()["extra"]["ivr"],
        json!([
            {"id": "s1", "at": "2026-03-01T12:00:05.100Z", "menu": "main", "version": 3, "node": "greeting", "did": "digits"},
            {"id": "s2", "at": "2026-03-01T12:00:09Z", "menu": "main", "version": 3, "node": "choice", "did": "digits", "digits": "1"},
        ])
    );
}

#[test]
fn a_menus_answer_tells_its_steps() {
    let answer = json!({
        "document": "<Response/>", "menu_version": 3, "ended": false,
        "steps": [
            {"id": "s2", "at": "2026-03-01T12:00:09Z", "menu": "main", "node": "choice", "did": "digits", "digits": "1"},
            {"id": "s3", "menu": "main", "node": "desk"},
        ],
    });
    assert_eq!(Fact::of_answer("leg-a", &answer), [Fact { session: None, ..step("s2", 9_000, "choice", Some("1")) }]);
    assert!(Fact::of_answer("leg-a", &json!({"document": null})).is_empty());
}

#[test]
fn a_call_has_its_recordings() {
    let mut call = folded(example());
    let earlier = Recording {
        id: "rec-1".to_owned(),
        status: RecordingStatus::Recording,
        started_at: Some(START + 5_000),
        ended_at: None,
        duration_s: None,
        channels: None,
        content_type: None,
        url: None,
        url_expires_at: None,
    };
    assert!(call.add(fact("rec/started", "leg-a", 5_000, What::Recorded(earlier))));
    let recordings = call.recordings();
    assert_eq!(recordings.len(), 1);
    let (id, object) = &recordings[0];
    assert_valid("recording", object);
    assert_eq!(id, "telnyx:rec-1");
    assert_eq!(
        *object,
        json!({
            "call_id": "telnyx:leg-a",
            "status": "available",
            "started_at": "2026-03-01T12:00:05Z",
            "duration_s": 61,
            "channels": 2,
            "content_type": "audio/mpeg",
            "url": "https://files.example.com/rec-1.mp3",
            "url_expires_at": "2026-03-01T12:10:00Z",
            "external_ids": {"telnyx": "rec-1"},
        })
    );
}

#[test]
fn minutes_are_counted_leg_by_leg_as_the_carrier_does() {
    let call = folded(example());
    let minutes = |increments| {
        let legs = call.billing_by(increments).into_iter();
        legs.map(|leg| (leg.leg, leg.seconds, leg.billed_seconds, leg.minutes)).collect::<Vec<_>>()
    };
    // the carrier counts 61 s of the first leg; of the second there are only times, 50.5 s apart
    assert_eq!(minutes(Increments::MINUTE), [("leg-a".to_owned(), 61, 120, 2), ("leg-b".to_owned(), 51, 60, 1)]);
    assert_eq!(
        minutes(Increments::new(30, 6).unwrap()),
        [("leg-a".to_owned(), 61, 66, 2), ("leg-b".to_owned(), 51, 54, 1)]
    );
    assert_eq!(call.billing(), call.billing_by(Increments::MINUTE));
}

#[test]
fn a_leg_is_billed_from_its_answer_also_if_that_is_told_last() {
    let mut call = CallState::new("telnyx", "leg-a");
    call.add(fact("a/bridged", "leg-a", 62_000, What::Bridged { with: None }));
    call.add(fact("a/ended", "leg-a", 70_000, ended(Cause::Cleared, None)));
    assert_eq!((call.status(), call.billing()), (Status::Completed, vec![]));
    call.add(fact("a/answered", "leg-a", 5_000, What::Answered));
    assert_eq!(call.billing()[0].minutes, 2);
}

#[test]
fn who_does_not_answer_costs_nothing() {
    for (cause, status) in [
        (Cause::Busy, Status::Busy),
        (Cause::NoAnswer, Status::NoAnswer),
        (Cause::Cleared, Status::NoAnswer),
        (Cause::Canceled, Status::Canceled),
        (Cause::Rejected, Status::Failed),
        (Cause::Failed, Status::Failed),
    ] {
        let call = folded([
            fact("a/initiated", "leg-a", 0, What::Initiated),
            fact("a/ringing", "leg-a", 1_000, What::Ringing),
            fact("a/ended", "leg-a", 31_000, ended(cause, Some(0))),
        ]);
        assert_eq!((call.status(), call.billing()), (status, vec![]), "{cause:?}");
        assert_valid("call", &call.to_object());
    }
}

#[test]
fn a_leg_that_runs_is_not_billed_yet() {
    let facts = example();
    let mut call = CallState::new("telnyx", "leg-a");
    let mut seen = vec![(call.status(), 0)];
    for fact in facts {
        call.add(fact);
        seen.push((call.status(), call.billing().len()));
    }
    seen.dedup();
    assert_eq!(
        seen,
        [
            (Status::Queued, 0),
            (Status::Ringing, 0),
            (Status::InProgress, 0),
            (Status::InProgress, 1),
            (Status::Completed, 2),
        ]
    );
}

#[test]
fn a_repeat_changes_nothing_and_says_so() {
    let mut call = folded(example());
    let before = call.clone();
    for fact in example() {
        assert!(!call.add(fact));
    }
    assert_eq!(call, before);
    assert!(!call.merge(before));
}

#[test]
fn of_two_with_one_id_the_later_holds() {
    let cost =
        |at, amount: &str| fact("a/cost", "leg-a", at, What::Cost { money: Money::parse(amount, "USD").unwrap() });
    for facts in [[cost(1, "0.02"), cost(2, "0.01")], [cost(2, "0.01"), cost(1, "0.02")]] {
        assert_eq!(folded(facts).to_object()["extra"]["telnyx"]["costs"][0]["amount"], "0.01");
    }
}

#[test]
fn an_end_that_comes_alone_is_a_whole_call() {
    let about = About {
        direction: Some(Direction::Outbound),
        from: Some(Party::read("+15551230001")),
        to: Some(Party::read("+15551230002")),
        ..About::default()
    };
    let end = Fact { about: Some(about), ..fact("a/ended", "leg-a", 66_000, ended(Cause::Completed, Some(61))) };
    let call = folded([end]);
    let object = call.to_object();
    assert_valid("call", &object);
    assert_eq!(object["direction"], "outbound");
    assert_eq!(object["answered_at"], "2026-03-01T12:00:05Z");
    assert_eq!(call.billing()[0].minutes, 2);
}

#[test]
fn a_call_of_which_nothing_is_known_is_valid_too() {
    assert_valid("call", &CallState::new("telnyx", "v3:abc").to_object());
    let detected = folded([fact("a/amd", "leg-a", 0, What::Detected { by: AnsweredBy::Machine })]);
    assert_eq!(detected.to_object()["answered_by"], "machine");
    assert_valid("call", &detected.to_object());
}

#[test]
fn more_facts_than_a_call_holds_take_steps_away_first() {
    let steps = (0..MOST_FACTS as u64 * 2).map(|count| step(&format!("s{count:04}"), 10_000 + count, "node", None));
    let forwards = example().into_iter().chain(steps.clone());
    let backwards = steps.rev().chain(example());
    let (one, other) = (folded(forwards), folded(backwards));
    assert_eq!(one, other);
    assert_eq!(one.facts().count(), MOST_FACTS);
    assert_eq!(one.billing().len(), 2);
    let object = one.to_object();
    assert_valid("call", &object);
    assert_eq!(object["extra"]["telnyx"]["more"], true);
    // the oldest are gone
    let path = object["extra"]["ivr"].as_array().unwrap();
    assert_eq!(path.last().unwrap()["id"], "s0599");
    assert!(path.iter().all(|step| step["id"] != "s0000"));
}

#[test]
fn a_stored_call_is_read_again() {
    let call = folded(example());
    let stored = serde_json::to_string(&call).unwrap();
    assert_eq!(serde_json::from_str::<CallState>(&stored).unwrap(), call);
}

#[test]
fn logs_do_not_show_who_called() {
    let told = format!("{:?}", folded(example()));
    assert!(!told.contains("+15551230001"), "{told}");
}

fn party() -> impl Strategy<Value = Party> {
    prop_oneof![
        Just("+15551230001"),
        Just("+4930123456"),
        Just("sip:a@example.com"),
        Just("anonymous"),
        Just("72345"),
        Just("ACME"),
    ]
    .prop_map(Party::read)
}

fn about() -> impl Strategy<Value = About> {
    let direction = prop_oneof![Just(Direction::Inbound), Just(Direction::Outbound), Just(Direction::Internal)];
    (
        prop::option::of(direction),
        prop::option::of(party()),
        prop::option::of(party()),
        prop::option::of("[A-Z a-z]{1,8}"),
        prop::option::of("leg-[abc]"),
    )
        .prop_map(|(direction, from, to, from_name, parent)| About { direction, from, to, from_name, parent })
}

fn what() -> impl Strategy<Value = What> {
    let cause = prop_oneof![
        Just(Cause::Completed),
        Just(Cause::Cleared),
        Just(Cause::Busy),
        Just(Cause::NoAnswer),
        Just(Cause::Canceled),
        Just(Cause::Rejected),
        Just(Cause::Failed),
    ];
    let status = prop_oneof![
        Just(RecordingStatus::Recording),
        Just(RecordingStatus::Processing),
        Just(RecordingStatus::Failed),
        Just(RecordingStatus::Available),
        Just(RecordingStatus::Deleted),
    ];
    let seconds = prop::option::of(0_u64..200);
    prop_oneof![
        Just(What::Initiated),
        Just(What::Ringing),
        Just(What::Answered),
        Just(What::Detected { by: AnsweredBy::Human }),
        prop::option::of("leg-[abc]").prop_map(|with| What::Bridged { with }),
        (cause, prop::option::of("[a-z_]{1,12}"), seconds.clone())
            .prop_map(|(cause, reason, duration_s)| What::Ended { cause, reason, duration_s }),
        (0_i64..10_000, prop_oneof![Just("USD"), Just("EUR")]).prop_map(|(units, currency)| What::Cost {
            money: Money::parse(&format!("0.{units:04}"), currency).unwrap()
        }),
        ("rec-[ab]", status, seconds).prop_map(|(id, status, duration_s)| {
            What::Recorded(Recording {
                id,
                status,
                started_at: None,
                ended_at: None,
                duration_s,
                channels: Some(1),
                content_type: None,
                url: Some("https://files.example.com/a".to_owned()),
                url_expires_at: None,
            })
        }),
        ("[a-c]", prop::option::of("[0-9#*]")).prop_map(|(node, digits)| {
            What::Step(Step {
                menu: "main".to_owned(),
                version: None,
                node,
                did: "digits".to_owned(),
                digits,
                to: None,
            })
        }),
    ]
}

/// Facts of three legs, whose ids are the same now and then while what they say differs.
fn facts() -> impl Strategy<Value = Vec<Fact>> {
    let fact = (
        "f[0-9]{1,2}",
        "leg-[abc]",
        prop::option::of("session-[12]"),
        prop::option::of((0_u64..200_000).prop_map(|at| START + at)),
        prop::option::of(0_u64..10),
        prop::option::of(about()),
        what(),
    )
        .prop_map(|(id, leg, session, at, sequence, about, what)| Fact {
            id,
            leg,
            session,
            at,
            sequence,
            about,
            what,
        });
    prop::collection::vec(fact, 0..40)
}

/// The same facts, some of them twice, in another order.
fn told_twice() -> impl Strategy<Value = (Vec<Fact>, Vec<Fact>)> {
    facts().prop_flat_map(|facts| {
        let again = prop::collection::vec(any::<prop::sample::Index>(), 0..20);
        (Just(facts), again).prop_flat_map(|(facts, again)| {
            let mut more = facts.clone();
            if !facts.is_empty() {
                more.extend(again.iter().map(|index| index.get(&facts).clone()));
            }
            (Just(facts), Just(more).prop_shuffle())
        })
    })
}

proptest! {
    #[test]
    fn any_order_and_any_repetition_make_the_same_call((once, again) in told_twice()) {
        let (one, other) = (folded(once), folded(again));
        prop_assert_eq!(one.to_object(), other.to_object());
        prop_assert_eq!(one.billing(), other.billing());
        prop_assert_eq!(one.recordings(), other.recordings());
        prop_assert_eq!(one, other);
    }

    #[test]
    fn two_halves_make_the_whole((once, again) in told_twice(), at in any::<prop::sample::Index>()) {
        let split = if again.is_empty() { 0 } else { at.index(again.len()) };
        let (mut first, second) = (folded(again[..split].to_vec()), folded(again[split..].to_vec()));
        first.merge(second);
        prop_assert_eq!(first, folded(once));
    }

    #[test]
    fn every_call_is_valid_by_the_schema(facts in facts()) {
        let call = folded(facts);
        assert_valid("call", &call.to_object());
        for (_, recording) in call.recordings() {
            assert_valid("recording", &recording);
        }
        for leg in call.billing() {
            prop_assert!(leg.seconds > 0 && leg.billed_seconds >= leg.seconds && leg.minutes * 60 >= leg.billed_seconds);
        }
        prop_assert!(call.started_at().is_none_or(|at| time::parse(&time::rfc3339(at)) == Some(at)));
    }
}
