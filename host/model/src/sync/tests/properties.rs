//! Two sides that anybody edits at any time, and what a sync makes of them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::DateTime;
use proptest::prelude::*;

use super::*;
use crate::Timestamp;

fn contacts() -> Mapping {
    mapping(json!({"fields": [
        {"hub": "/email", "vendor": "Email", "transforms": [{"kind": "trim"}, {"kind": "lower"}]},
        {"hub": "/phone", "vendor": "Phone", "transforms": [{"kind": "e164", "region": "US"}]},
        {"hub": "/extra/talked", "vendor": "Minutes", "transforms": [{"kind": "seconds_to_minutes", "round": "up"}]},
        {"hub": "/tags", "vendor": "Tags", "transforms": [{"kind": "split", "separator": ";"}]},
        {"hub": "/address/city", "vendor": "City"},
        {"hub": "/last_name", "vendor": "Last", "transforms": [{"kind": "default", "value": "Unknown"}]},
    ]}))
}

/// The values that a field has here, and those that it has there, null among them.
fn values(field: usize) -> (&'static str, Vec<Value>, &'static str, Vec<Value>) {
    match field {
        0 => ("/email", vec![json!("a@x.de"), json!("b@x.de")], "Email", vec![json!(" A@x.de"), json!("b@x.de")]),
        1 => (
            "/phone",
            vec![json!("+14155550100"), json!("+14155550101")],
            "Phone",
            vec![json!("(415) 555-0100"), json!("415.555.0101"), json!("+14155550100")],
        ),
        2 => (
            "/extra/talked",
            vec![json!(0), json!(59), json!(61), json!(120), json!(121)],
            "Minutes",
            vec![json!(0), json!(1), json!("2"), json!(3)],
        ),
        3 => (
            "/tags",
            vec![json!(["a"]), json!(["a", "b"]), json!(["b", "a"])],
            "Tags",
            vec![json!("a"), json!("b; a"), json!("a;b")],
        ),
        4 => ("/address/city", vec![json!("Turin"), json!("Rome")], "City", vec![json!("Rome"), json!("Milan")]),
        _ => ("/last_name", vec![json!("Byron")], "Last", vec![json!("Byron"), json!("Unknown")]),
    }
}

const FIELDS: usize = 6;

fn text(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.trim().to_lowercase(),
        Some(other) => other.to_string(),
    }
}

/// What a field means, told as naively as it can be from either side's value.
fn meaning(field: usize, value: Option<&Value>, is_hub: bool) -> String {
    let text = text(value);
    match field {
        1 => text.chars().filter(char::is_ascii_digit).collect::<String>().trim_start_matches('1').to_owned(),
        2 if is_hub && !text.is_empty() => text.parse::<u64>().unwrap().div_ceil(60).to_string(),
        3 => {
            let items = text.split(|separator: char| !separator.is_alphanumeric()).filter(|item| !item.is_empty());
            items.collect::<BTreeSet<_>>().into_iter().collect()
        }
        5 if text.is_empty() => "unknown".to_owned(),
        _ => text,
    }
}

fn at(second: i64) -> Option<Timestamp> {
    DateTime::from_timestamp(second, 0)
}

/// Somebody edits a field, or the sync does one of its two things.
#[derive(Debug, Clone)]
enum Move {
    EditHere(usize, Option<Value>),
    EditThere(usize, Option<Value>),
    Pull,
    Push,
}

/// A record, its counterpart, and what is known of that.
#[derive(Debug, Clone, Default)]
struct Pair {
    record: Value,
    changed: BTreeMap<String, i64>,
    item: Map<String, Value>,
    item_at: i64,
    base: Base,
    now: i64,
}

impl Pair {
    fn new() -> Self {
        let item = (0..FIELDS).map(|field| (values(field).2.to_owned(), Value::Null)).collect();
        Self { record: json!({}), item, ..Self::default() }
    }

    fn go(&mut self, wins: Wins, step: Move) {
        self.now += 1;
        match step {
            Move::EditHere(field, value) => {
                let hub = values(field).0;
                pointer::put(&mut self.record, hub, value);
                self.changed.insert(pointer::field(hub), self.now);
            }
            Move::EditThere(field, value) => {
                self.item.insert(values(field).2.to_owned(), value.unwrap_or_default());
                self.item_at = self.now;
            }
            Move::Pull => {
                self.pull(wins);
            }
            Move::Push => {
                self.push();
            }
        }
    }

    /// What comes of reading the counterpart.
    fn pull(&mut self, wins: Wins) -> Merged {
        let mapping = contacts();
        let vendor = to_hub(&mapping, &self.item, &Linked);
        assert!(vendor.problems.is_empty());
        let changed_at = |field: &str| self.changed.get(field).copied().and_then(at);
        let merged = merge(&mapping, wins, Some(&self.base), Some(&self.record), changed_at, &vendor, at(self.item_at));
        if let Some(record) = &merged.record {
            self.record = record.clone();
        }
        self.base = merged.base.clone();
        merged
    }

    /// How many fields are written.
    fn push(&mut self) -> usize {
        let outgoing = to_push(&contacts(), Some(&self.base), &self.record, &Linked);
        assert!(outgoing.problems.is_empty());
        if !outgoing.fields.is_empty() {
            self.item_at = self.now;
        }
        let written = outgoing.fields.len();
        self.item.extend(outgoing.fields);
        self.base = outgoing.base;
        written
    }

    fn meanings(&self, is_hub: bool) -> Vec<String> {
        let meaning = |field: usize| {
            let (hub, _, vendor, _) = values(field);
            let value = if is_hub { self.record.pointer(hub) } else { self.item.get(vendor) };
            meaning(field, value, is_hub)
        };
        (0..FIELDS).map(meaning).collect()
    }
}

fn value_of(side: fn(usize) -> Vec<Value>) -> impl Strategy<Value = (usize, Option<Value>)> {
    (0..FIELDS)
        .prop_flat_map(move |field| (Just(field), prop::option::weighted(0.8, prop::sample::select(side(field)))))
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let step = prop_oneof![
        2 => value_of(|field| values(field).1).prop_map(|(field, value)| Move::EditHere(field, value)),
        2 => value_of(|field| values(field).3).prop_map(|(field, value)| Move::EditThere(field, value)),
        1 => Just(Move::Pull),
        1 => Just(Move::Push),
    ];
    prop::collection::vec(step, 0..20)
}

fn policy() -> impl Strategy<Value = Wins> {
    prop::sample::select(Wins::ALL)
}

fn after(wins: Wins, moves: Vec<Move>) -> Pair {
    let mut pair = Pair::new();
    for step in moves {
        pair.go(wins, step);
    }
    pair
}

fn rested(wins: Wins, moves: Vec<Move>) -> Pair {
    let mut pair = after(wins, moves);
    pair.pull(wins);
    pair.push();
    pair
}

proptest! {
    #[test]
    fn both_sides_become_the_same_and_then_rest(wins in policy(), moves in moves()) {
        let mut pair = rested(wins, moves);
        prop_assert_eq!(pair.meanings(true), pair.meanings(false));
        let before = pair.clone();
        let echo = pair.pull(wins);
        prop_assert!(echo.record.is_none() && !echo.push && echo.conflicts.is_empty(), "{echo:?}");
        prop_assert_eq!(pair.push(), 0);
        prop_assert_eq!(&pair.item, &before.item);
    }

    #[test]
    fn a_merge_that_is_done_again_changes_nothing(wins in policy(), moves in moves()) {
        let mut pair = after(wins, moves);
        let first = pair.pull(wins);
        let again = pair.pull(wins);
        prop_assert!(again.record.is_none() && again.conflicts.is_empty(), "{again:?}");
        prop_assert_eq!(again.push, first.push);
        prop_assert_eq!(again.base, first.base);
    }

    #[test]
    fn what_one_side_alone_edits_is_lost_on_neither(
        wins in policy(),
        moves in moves(),
        (here, ours) in value_of(|field| values(field).1),
        (there, theirs) in value_of(|field| values(field).3),
    ) {
        prop_assume!(here != there);
        let mut pair = rested(wins, moves);
        pair.go(wins, Move::EditHere(here, ours.clone()));
        pair.go(wins, Move::EditThere(there, theirs.clone()));
        let merged = pair.pull(wins);
        pair.push();
        prop_assert!(merged.conflicts.is_empty());
        for is_hub in [true, false] {
            let meanings = pair.meanings(is_hub);
            prop_assert_eq!(&meanings[here], &meaning(here, ours.as_ref(), true));
            prop_assert_eq!(&meanings[there], &meaning(there, theirs.as_ref(), false));
        }
    }

    #[test]
    fn what_goes_there_and_back_means_the_same((field, ours) in value_of(|field| values(field).1)) {
        let mut record = json!({});
        pointer::put(&mut record, values(field).0, ours.clone());
        let there: Map<String, Value> = to_vendor(&contacts(), &record, &Linked)
            .values
            .into_iter()
            .map(|(name, value)| (name, value.unwrap_or_default()))
            .collect();
        let back = to_hub(&contacts(), &there, &Linked).values;
        let back = back[values(field).0].as_ref();
        prop_assert_eq!(meaning(field, back, true), meaning(field, ours.as_ref(), true));
    }

    #[test]
    fn whatever_a_vendor_sends_is_taken_or_told_of(name in "[A-Z][a-z]{0,3}", value in anything()) {
        let item = Map::from_iter([(name.clone(), value.clone()), ("City".to_owned(), value)]);
        let mapped = to_hub(&every_transform(), &item, &Linked);
        let known = mapped.values.len() + mapped.problems.len();
        prop_assert_eq!(known, every_transform().fields.iter().filter(|map| map.vendor == "City").count());
    }
}

fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        "[-+0-9:TZ.]{0,30}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-c]", inner, 0..3).prop_map(|members| json!(members)),
        ]
    })
}

/// A field for each transform, all of the same field of the vendor's.
fn every_transform() -> Mapping {
    let transforms = [
        json!({"kind": "seconds_to_minutes"}),
        json!({"kind": "ms_to_seconds"}),
        json!({"kind": "upper"}),
        json!({"kind": "lower"}),
        json!({"kind": "trim"}),
        json!({"kind": "e164", "region": "DE"}),
        json!({"kind": "date"}),
        json!({"kind": "time"}),
        json!({"kind": "money", "currency": "EUR"}),
        json!({"kind": "number"}),
        json!({"kind": "boolean"}),
        json!({"kind": "lookup", "table": {"a": 1}}),
        json!({"kind": "default", "value": 1}),
        json!({"kind": "reference", "object": "company"}),
        json!({"kind": "split", "separator": ";"}),
        json!({"kind": "join", "separator": ";"}),
    ];
    let field = |(index, transform): (usize, &Value)| json!({"hub": format!("/extra/{index}"), "vendor": "City", "transforms": [transform]});
    mapping(json!({ "fields": transforms.iter().enumerate().map(field).collect::<Vec<_>>() }))
}
