//! A call out of its steps, in whatever order they come and however often.

use std::collections::btree_map::Entry;

use patchbay_sdk::clock;

use crate::note::Note;
use crate::store::StoredCall;
use crate::types::{CallSummary, Did, Outcome, Step};

/// A call with the steps of a note, and which of those are new.
pub(crate) fn merge(there: Option<StoredCall>, note: &Note) -> (StoredCall, Vec<Step>) {
    let mut call = there.unwrap_or_else(|| StoredCall {
        call: note.call.clone(),
        from: note.from.clone(),
        to: note.to.clone(),
        direction: note.direction,
        menu: note.menu.clone(),
        version: note.version,
        started_at: clock::rfc3339(note.at),
        day: String::new(),
        steps: std::collections::BTreeMap::new(),
        outcome: None,
    });
    let first = call.steps.keys().next().cloned();
    let mut new = Vec::new();
    for step in &note.steps {
        match call.steps.entry(step.id.clone()) {
            Entry::Vacant(place) => {
                place.insert(step.clone());
                new.push(step.clone());
            }
            // told again later: it was when it was told first
            Entry::Occupied(mut place) => {
                if millis(&step.at) < millis(&place.get().at) {
                    place.get_mut().at.clone_from(&step.at);
                }
            }
        }
    }
    // the menu that a call begins with is the call's
    if call.steps.keys().next() != first.as_ref() {
        call.menu.clone_from(&note.menu);
        call.version = note.version;
    }
    if let Some(earliest) = call.steps.values().map(|step| step.at.as_str()).min_by_key(|at| millis(at)) {
        call.started_at = earliest.to_owned();
    }
    call.day = call.started_at.get(..10).unwrap_or_default().to_owned();
    (call, new)
}

fn millis(at: &str) -> u64 {
    clock::parse_rfc3339(at).unwrap_or_default()
}

/// What became of it, by the last thing that it did.
pub(crate) fn outcome(call: &StoredCall) -> Outcome {
    match call.steps.values().next_back().map(|step| step.did) {
        // a caller who hangs up while they talk, or before: the carrier says which
        Some(Did::Transferred | Did::Transfer) => Outcome::Transferred,
        Some(Did::Message) => Outcome::Voicemail,
        Some(Did::Refused) => Outcome::Refused,
        Some(Did::Hangup | Did::Exhausted) => Outcome::Ended,
        _ => Outcome::Abandoned,
    }
}

/// The keys that led on, in order.
pub(crate) fn path(call: &StoredCall) -> Vec<&str> {
    let led_on = call.steps.values().filter(|step| matches!(step.did, Did::Digits | Did::Answer));
    led_on.filter_map(|step| step.digits.as_deref()).collect()
}

/// For people.
pub(crate) fn summary(call: StoredCall) -> CallSummary {
    let path = path(&call).into_iter().map(str::to_owned).collect();
    let StoredCall { call, from, to, direction, menu, version, started_at, steps, outcome, .. } = call;
    CallSummary {
        call,
        from,
        to,
        direction,
        menu,
        version,
        started_at,
        outcome,
        path,
        steps: steps.into_values().collect(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::types::Direction;

    fn step(number: usize) -> Step {
        Step {
            id: format!("{number:04}-00-abcdefabcdef"),
            at: clock::rfc3339(1_793_491_200_000 + number as u64 * 1000),
            menu: "main".to_owned(),
            node: "menus/main".to_owned(),
            did: Did::Digits,
            digits: Some((number % 10).to_string()),
            to: None,
        }
    }

    fn note(numbers: &[usize]) -> Note {
        Note {
            call: "CA1".to_owned(),
            from: "+15551230001".to_owned(),
            to: "+15551230002".to_owned(),
            direction: Direction::Inbound,
            menu: "main".to_owned(),
            version: 1,
            at: 1_793_491_200_000,
            steps: numbers.iter().map(|number| step(*number)).collect(),
            left: Vec::new(),
            ended: false,
        }
    }

    proptest! {
        /// However the steps come, the call is the same.
        #[test]
        fn any_order_and_any_repeats_make_the_same_call(order in Just((0..8_usize).collect::<Vec<_>>()).prop_shuffle(), again in prop::collection::vec(0..8_usize, 0..12)) {
            let in_turn = (0..8).fold(None, |call, number| Some(merge(call, &note(&[number])).0));
            let mixed = order.iter().chain(&again).chain(&order).fold(None, |call, number| Some(merge(call, &note(&[*number])).0));
            prop_assert_eq!(&mixed, &in_turn);
            let path: Vec<String> = path(&mixed.unwrap()).into_iter().map(str::to_owned).collect();
            prop_assert_eq!(path, ["0", "1", "2", "3", "4", "5", "6", "7"]);
        }
    }
}
