use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

#[track_caller]
fn matches(filter: Value, document: &Value) -> bool {
    Filter::parse(&filter).unwrap_or_else(|violations| panic!("{filter}: {violations:?}")).matches(document)
}

/// The places that are refused.
#[track_caller]
fn refused(filter: Value) -> Vec<String> {
    let violations = Filter::parse(&filter).expect_err("it was taken");
    violations.into_iter().map(|violation| violation.pointer).collect()
}

#[test]
fn all_members_must_hold() {
    let call = json!({"status": "completed", "from": {"number": "+15550100"}, "duration": 61});
    assert!(matches(json!({}), &call));
    assert!(matches(json!({"status": "completed", "from.number": "+15550100"}), &call));
    assert!(!matches(json!({"status": "completed", "from.number": "+15550199"}), &call));
}

#[test]
fn a_field_is_named_with_dots_or_by_a_pointer() {
    let document = json!({"a.b": 1, "a": {"b": 2}, "any": 3, "list": [{"n": 4}]});
    assert!(matches(json!({"a.b": 2, "/a.b": 1, "/any": 3, "list.0.n": 4}), &document));
    assert!(!matches(json!({"list.00.n": 4}), &document), "as JSON Pointers are written");
}

#[test]
fn null_is_as_good_as_missing() {
    for document in [json!({}), json!({"a": null}), json!({"b": {}}), json!([]), json!("text")] {
        assert!(matches(json!({"a": null, "b.c": null}), &document));
        assert!(matches(json!({"a": {"exists": false}}), &document));
        assert!(!matches(json!({"a": {"exists": true}}), &document));
    }
    assert!(matches(json!({"a": {"exists": true}}), &json!({"a": false})));
}

#[test]
fn numbers_compare_by_their_size_and_texts_by_their_characters() {
    assert!(matches(json!({"n": 1.0}), &json!({"n": 1})));
    assert!(!matches(json!({"n": 1}), &json!({"n": "1"})), "nothing is converted");
    assert!(!matches(json!({"n": 9_007_199_254_740_993_u64}), &json!({"n": 9_007_199_254_740_992_u64})));
    assert!(matches(json!({"n": {"gte": -1, "lt": 2.5}}), &json!({"n": 2})));
    assert!(!matches(json!({"n": {"gt": 2}}), &json!({"n": 2})));
    assert!(!matches(json!({"n": {"lt": 3}}), &json!({"n": "2"})), "of another kind is neither more nor less");
    assert!(matches(json!({"name": {"gte": "a", "lt": "b"}}), &json!({"name": "anna"})));
}

#[test]
fn times_compare_by_when_they_are() {
    let at = |time: &str| json!({"at": time});
    let filter = json!({"at": {"gte": "2026-03-01T12:00:00Z", "lt": "2026-03-01T13:00:00Z"}});
    assert!(matches(filter.clone(), &at("2026-03-01T14:30:00+02:00")));
    assert!(matches(filter.clone(), &at("2026-03-01T12:00:00.000Z")));
    assert!(!matches(filter.clone(), &at("2026-03-01T13:00:00Z")));
    assert!(!matches(filter, &at("tomorrow")), "what is no time is neither before nor after");
    assert!(!matches(json!({"at": "2026-03-01T12:00:00Z"}), &at("2026-03-01T12:00:00+00:00")), "equality is of texts");
}

#[test]
fn alternatives_and_contraries_nest() {
    let wanted = json!({
        "currency": {"in": ["usd", "eur"]},
        "any": [{"amount": {"gte": 10_000}}, {"customer.vip": true, "not": {"status": {"in": ["draft", "void"]}}}],
        "status": {"not": "paid"},
    });
    assert!(matches(wanted.clone(), &json!({"currency": "usd", "amount": 10_000})));
    assert!(matches(wanted.clone(), &json!({"currency": "eur", "customer": {"vip": true}, "status": "open"})));
    assert!(!matches(wanted.clone(), &json!({"currency": "eur", "customer": {"vip": true}, "status": "void"})));
    assert!(!matches(wanted.clone(), &json!({"currency": "usd", "amount": 10_000, "status": "paid"})));
    assert!(!matches(wanted, &json!({"currency": "gbp", "amount": 10_000})));
    assert!(matches(json!({"n": {"not": {"gt": 1, "lt": 3}}}), &json!({"n": 3})), "not both");
}

#[test]
fn whatever_is_wrong_is_told_at_its_place() {
    assert_eq!(refused(json!([])), [""]);
    assert_eq!(
        refused(json!({"a": {"is": 1}, "b": {}, "c": [1], "": 1, "d..e": 1})),
        ["/a/is", "/b", "/c", "/", "/d..e"]
    );
    assert_eq!(
        refused(json!({"a": {"in": []}, "b": {"in": [1, [2]]}, "c/d": {"exists": 1}})),
        ["/a/in", "/b/in/1", "/c~1d/exists"]
    );
    assert_eq!(
        refused(json!({"a": {"gt": true}, "b": {"gte": 1, "lt": "z"}, "c": {"lt": null}})),
        ["/a/gt", "/b", "/c/lt"]
    );
    assert_eq!(refused(json!({"any": {}, "not": 1})), ["/any", "/not"]);
    assert_eq!(refused(json!({"any": [{}, 1], "not": {}})), ["/any/0", "/any/1", "/not"]);
}

#[test]
fn a_filter_has_bounds() {
    let many =
        |count: usize| -> Value { (0..count).map(|n| (format!("f{n}"), json!(n))).collect::<Map<_, _>>().into() };
    assert!(Filter::parse(&many(MAX_CONDITIONS)).is_ok());
    assert_eq!(refused(many(MAX_CONDITIONS + 1)), [""]);
    let deep = |depth: usize| (0..depth).fold(json!({"a": 1}), |inner, _| json!({"any": [inner]}));
    assert!(Filter::parse(&deep(MAX_DEPTH)).is_ok());
    assert_eq!(refused(deep(MAX_DEPTH + 1)), ["/any/0".repeat(MAX_DEPTH) + "/any"]);
    let nots = (0..=MAX_DEPTH).fold(json!(1), |inner, _| json!({"not": inner}));
    assert_eq!(refused(json!({ "a": nots })), ["/a".to_owned() + &"/not".repeat(MAX_DEPTH + 1)]);
    assert_eq!(refused(json!({"a": {"in": vec![1; MAX_CHOICES + 1]}})), ["/a/in"]);
    assert_eq!(refused(json!({"a": "x".repeat(MAX_TEXT_BYTES + 1)})), ["/a"]);
    assert_eq!(refused(json!({"x".repeat(MAX_FIELD_BYTES + 1): 1})).len(), 1);
    assert_eq!(refused(json!({"a": {"in": vec!["x".repeat(MAX_TEXT_BYTES); 20]}})), [""], "too many bytes of it");
}

#[test]
fn a_filter_is_kept_as_it_was_written() {
    let written = json!({"b": {"not": 1}, "a.c": "x"});
    let filter: Filter = serde_json::from_value(written.clone()).unwrap();
    assert_eq!(serde_json::to_value(&filter).unwrap(), written);
    let error = serde_json::from_value::<Filter>(json!({"b": {"no": 1}})).unwrap_err();
    assert!(error.to_string().contains("\"/b/no\""), "{error}");
}

#[test]
fn an_index_is_told_what_must_be_equal() {
    let filter = Filter::parse(&json!({
        "phone": "+15550100", "status": {"in": ["a", "b"], "exists": true}, "n": {"gt": 1}, "x": {"not": 1},
        "any": [{"email": "a@example.com"}],
    }));
    let filter = filter.unwrap();
    let required: Vec<_> = filter.required().into_iter().map(|(field, values)| (field.name(), values.len())).collect();
    assert_eq!(required, [("phone", 1), ("status", 2)]);
    let named: Vec<_> = filter.fields().into_iter().map(Field::dotted).collect();
    assert_eq!(named, ["phone", "status", "n", "x", "email"]);
}

#[test]
fn the_guide_says_what_is_so() {
    let (mut filter, mut examples) = (Filter::default(), 0);
    for block in include_str!("../../../../docs/guides/filters.md").split("```json ").skip(1) {
        let (says, rest) = block.split_once('\n').unwrap();
        let example: Value = serde_json::from_str(rest.split("```").next().unwrap()).expect(says);
        match says.split_once(' ').unwrap_or((says, "")) {
            ("filter", _) => filter = Filter::parse(&example).unwrap(),
            ("matches", _) => assert!(filter.matches(&example), "{filter:?} {example}"),
            ("does-not-match", _) => assert!(!filter.matches(&example), "{filter:?} {example}"),
            ("refused", place) => assert_eq!(refused(example), [place]),
            other => panic!("{other:?}"),
        }
        examples += 1;
    }
    assert!(examples > 30, "{examples}");
}

/// What the guide says, as naively as it can be written.
mod model {
    use serde_json::Value;

    fn value<'d>(document: &'d Value, field: &str) -> Option<&'d Value> {
        document.pointer(&format!("/{}", field.replace('.', "/"))).filter(|value| !value.is_null())
    }

    fn number(value: &Value) -> Option<f64> {
        value.as_f64()
    }

    fn less(one: &Value, other: &Value) -> Option<bool> {
        match (one, other) {
            (Value::String(one), Value::String(other)) => Some(one < other),
            _ => Some(number(one)? < number(other)?),
        }
    }

    fn same(one: Option<&Value>, other: &Value) -> bool {
        match one {
            None => other.is_null(),
            Some(one) => one == other || (number(one).is_some() && number(one) == number(other)),
        }
    }

    fn condition(value: Option<&Value>, condition: &Value) -> bool {
        let Some(operators) = condition.as_object() else { return same(value, condition) };
        operators.iter().all(|(operator, operand)| match operator.as_str() {
            "in" => operand.as_array().unwrap().iter().any(|wanted| same(value, wanted)),
            "exists" => Value::Bool(value.is_some()) == *operand,
            "not" => !self::condition(value, operand),
            range => value.is_some_and(|value| {
                let (below, above) = (less(value, operand), less(operand, value));
                let (Some(below), Some(above)) = (below, above) else { return false };
                match range {
                    "gt" => above,
                    "gte" => !below,
                    "lt" => below,
                    _ => !above,
                }
            }),
        })
    }

    pub(super) fn matches(filter: &Value, document: &Value) -> bool {
        filter.as_object().unwrap().iter().all(|(name, wanted)| match name.as_str() {
            "any" => wanted.as_array().unwrap().iter().any(|filter| matches(filter, document)),
            "not" => !matches(wanted, document),
            field => condition(value(document, field), wanted),
        })
    }
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..3).prop_map(Value::from),
        (-3_i64..3).prop_map(|n| Value::from(n as f64 / 2.0)),
        "[ab]{0,2}".prop_map(Value::from),
    ]
}

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop::collection::btree_map("[abc]", scalar(), 0..3).prop_map(|members| json!(members));
    prop::collection::btree_map("[abc]", prop_oneof![scalar(), leaf], 0..4).prop_map(|members| json!(members))
}

fn condition() -> impl Strategy<Value = Value> {
    let numbers = (-3_i64..3, -3_i64..3).prop_map(|(low, high)| json!({"gte": low, "lt": high}));
    let texts = "[ab]{0,2}".prop_map(|text| json!({"gt": text}));
    let simple = prop_oneof![
        scalar(),
        prop::collection::vec(scalar(), 1..4).prop_map(|values| json!({ "in": values })),
        any::<bool>().prop_map(|wanted| json!({ "exists": wanted })),
        numbers,
        texts,
        (-3_i64..3).prop_map(|bound| json!({"lte": bound, "exists": true})),
    ];
    simple.prop_recursive(2, 4, 1, |inner| inner.prop_map(|inner| json!({ "not": inner })))
}

fn filter() -> impl Strategy<Value = Value> {
    let flat = prop::collection::btree_map("[abc](\\.[abc])?", condition(), 1..4).prop_map(|members| json!(members));
    flat.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..3).prop_map(|filters| json!({ "any": filters })),
            inner.prop_map(|filter| json!({ "not": filter })),
        ]
    })
}

proptest! {
    #[test]
    fn a_filter_matches_as_the_guide_says(filter in filter(), document in document()) {
        let parsed = Filter::parse(&filter).unwrap();
        prop_assert_eq!(parsed.matches(&document), model::matches(&filter, &document));
    }

    #[test]
    fn whatever_is_given_is_read_or_refused(given in document(), document in document()) {
        if let Ok(filter) = Filter::parse(&given) {
            let _ = filter.matches(&document);
        }
    }

    #[test]
    fn what_is_required_holds_in_all_that_matches(filter in filter(), document in document()) {
        let filter = Filter::parse(&filter).unwrap();
        if filter.matches(&document) {
            for (field, values) in filter.required() {
                prop_assert!(values.iter().any(|value| equal(value, field.of(&document))));
            }
        }
    }
}
