//! The bound of a call's facts, which must not depend on their order either.

use patchbay_telephony::fold::{CallState, Cause, Fact, MOST_FACTS, Step, What};
use proptest::prelude::*;

fn fact() -> impl Strategy<Value = Fact> {
    let what = prop_oneof![
        8 => Just(What::Step(Step {
            menu: "main".to_owned(),
            version: None,
            node: "node".to_owned(),
            did: "digits".to_owned(),
            digits: None,
            to: None,
        })),
        1 => Just(What::Ringing),
        1 => Just(What::Answered),
        1 => Just(What::Ended { cause: Cause::Cleared, reason: None, duration_s: None }),
    ];
    // fewer ids than facts, so that some are told differently again after they had to go
    (0_u32..600, prop::option::of(0_u64..1000), what).prop_map(|(id, at, what)| Fact {
        id: format!("f{id}"),
        leg: "leg".to_owned(),
        session: None,
        at,
        sequence: None,
        about: None,
        what,
    })
}

fn folded(facts: Vec<Fact>) -> CallState {
    let mut call = CallState::new("telnyx", "leg");
    for fact in facts {
        call.add(fact);
    }
    call
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_stays_does_not_depend_on_the_order(
        (once, again) in prop::collection::vec(fact(), 900..1200).prop_flat_map(|facts| (Just(facts.clone()), Just(facts).prop_shuffle())),
    ) {
        let (one, other) = (folded(once), folded(again));
        prop_assert!(one.facts().count() <= MOST_FACTS);
        prop_assert_eq!(one, other);
    }
}
