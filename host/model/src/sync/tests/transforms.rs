use super::*;

/// What becomes of a vendor's value at the hub: the value, null if it is empty, or none if it is a problem.
fn come(transforms: &Value, vendor: &Value) -> Option<Value> {
    let mapped = to_hub(&through(transforms.clone()), &members(json!({ "v": vendor })), &Linked);
    assert_eq!(mapped.values.len() + mapped.problems.len(), 1);
    mapped.values.into_values().next().map(Option::unwrap_or_default)
}

/// The same of a hub value at the vendor.
fn go(transforms: &Value, hub: &Value) -> Option<Value> {
    let mapped = to_vendor(&through(transforms.clone()), &json!({ "f": hub }), &Linked);
    assert_eq!(mapped.values.len() + mapped.problems.len(), 1);
    mapped.values.into_values().next().map(Option::unwrap_or_default)
}

/// What the vendor has, what becomes of it at the hub, and what the vendor is told of that; none of what is a problem.
#[track_caller]
fn both_ways(transforms: Value, rows: &[(Value, Option<Value>, Option<Value>)]) {
    for (vendor, hub, back) in rows {
        assert_eq!(come(&transforms, vendor), *hub, "{transforms} of {vendor}");
        if let Some(hub) = hub {
            assert_eq!(go(&transforms, hub), *back, "{transforms} back of {hub}");
        }
    }
}

#[test]
fn without_transforms_a_value_stays_what_it_is() {
    both_ways(
        json!([]),
        &[
            (json!("a"), Some(json!("a")), Some(json!("a"))),
            (json!(1.0), Some(json!(1)), Some(json!(1))),
            (json!(0.5), Some(json!(0.5)), Some(json!(0.5))),
            (json!(false), Some(json!(false)), Some(json!(false))),
            (json!([1, "", "b"]), Some(json!([1, "b"])), Some(json!([1, "b"]))),
            (json!(null), Some(json!(null)), Some(json!(null))),
            (json!("  "), Some(json!(null)), Some(json!(null))),
            (json!([]), Some(json!(null)), Some(json!(null))),
        ],
    );
}

#[test]
fn durations_are_of_seconds_here() {
    for (round, minutes) in [("up", 2), ("nearest", 1), ("down", 1)] {
        let transforms = json!([{"kind": "seconds_to_minutes", "round": round}]);
        assert_eq!(go(&transforms, &json!(61)), Some(json!(minutes)), "{round}");
        assert_eq!(go(&transforms, &json!(0)), Some(json!(0)));
        assert_eq!(go(&transforms, &json!(120)), Some(json!(2)));
    }
    assert_eq!(go(&json!([{"kind": "seconds_to_minutes"}]), &json!(90)), Some(json!(2)), "a half is rounded up");
    both_ways(
        json!([{"kind": "seconds_to_minutes", "round": "up"}]),
        &[
            (json!("2"), Some(json!(120)), Some(json!(2))),
            (json!(1.5), Some(json!(90)), Some(json!(2))),
            (json!("two"), None, None),
        ],
    );
    both_ways(
        json!([{"kind": "ms_to_seconds"}]),
        &[
            (json!("61000"), Some(json!(61)), Some(json!(61_000))),
            (json!(61_499), Some(json!(61)), Some(json!(61_000))),
            (json!(500), Some(json!(1)), Some(json!(1_000))),
            (json!(null), Some(json!(null)), Some(json!(null))),
            (json!(true), None, None),
        ],
    );
}

#[test]
fn letters_and_white_space_are_the_same_on_both_sides() {
    both_ways(
        json!([{"kind": "lower"}, {"kind": "trim"}]),
        &[
            (json!(" Ada@Example.COM "), Some(json!("ada@example.com")), Some(json!("ada@example.com"))),
            (json!(["A", "B "]), Some(json!(["a", "b"])), Some(json!(["a", "b"]))),
            (json!({"a": 1}), None, None),
        ],
    );
    both_ways(json!([{"kind": "upper"}]), &[(json!("de"), Some(json!("DE")), Some(json!("DE")))]);
    assert_eq!(go(&json!([{"kind": "upper"}]), &json!("de")), Some(json!("DE")), "outward as well");
}

#[test]
fn telephone_numbers_are_read_by_their_region() {
    both_ways(
        json!([{"kind": "e164", "region": "US"}]),
        &[
            (json!("(415) 555-0100"), Some(json!("+14155550100")), Some(json!("+14155550100"))),
            (json!("+49 30 1234567"), Some(json!("+49301234567")), Some(json!("+49301234567"))),
            (json!("call me"), None, None),
        ],
    );
    assert_eq!(come(&json!([{"kind": "e164"}]), &json!("(415) 555-0100")), None, "of no country");
    assert_eq!(come(&json!([{"kind": "e164"}]), &json!("+1 415 555 0100")), Some(json!("+14155550100")));
}

#[test]
fn times_are_read_however_vendors_write_them() {
    let (midnight, told) = (Some(json!("2026-11-01T00:00:00Z")), Some(json!("2026-11-01T00:00:00.000Z")));
    for vendor in [
        json!("2026-11-01T00:00:00.000+0000"),
        json!("2026-11-01T00:00:00Z"),
        json!("2026-11-01T01:00:00.000+01:00"),
        json!("2026-10-31T19:00:00-0500"),
        json!("1793491200000"),
        json!(1_793_491_200_000_i64),
        json!("2026-11-01"),
    ] {
        both_ways(json!([{"kind": "time"}]), &[(vendor, midnight.clone(), told.clone())]);
    }
    both_ways(
        json!([{"kind": "time", "written": "ms"}]),
        &[
            (json!("1793491200001"), Some(json!("2026-11-01T00:00:00.001Z")), Some(json!(1_793_491_200_001_i64))),
            (json!("soon"), None, None),
            (json!("2026"), None, None),
            (json!("2026-02-29"), None, None),
            (json!(i64::MAX), None, None),
        ],
    );
}

#[test]
fn of_a_time_a_day_is_its_day_in_utc() {
    let day = Some(json!("2026-11-01"));
    both_ways(
        json!([{"kind": "date"}]),
        &[
            (json!("2026-11-01"), day.clone(), day.clone()),
            (json!("2026-10-31T23:30:00-0500"), day.clone(), day.clone()),
            (json!("1793491200000"), day.clone(), day.clone()),
            (json!("2026-1-1"), None, None),
            (json!("1.11.2026"), None, None),
        ],
    );
    let of_a_time = json!([{"kind": "date"}, {"kind": "time"}]);
    assert_eq!(come(&of_a_time, &json!("2026-11-01")), Some(json!("2026-11-01T00:00:00Z")));
    assert_eq!(go(&of_a_time, &json!("2026-11-01T15:30:00Z")), day, "each undone, the last first");
}

#[test]
fn money_is_counted_in_the_smallest_unit() {
    let usd = |units: i64| Some(json!({"amount": units, "currency": "USD"}));
    both_ways(
        json!([{"kind": "money", "currency": "USD"}]),
        &[
            (json!("19.99"), usd(1999), Some(json!(19.99))),
            (json!(20), usd(2000), Some(json!(20))),
            (json!(0.1), usd(10), Some(json!(0.1))),
            (json!("0.005"), usd(1), Some(json!(0.01))),
            (json!("90071992547409.90"), usd(9_007_199_254_740_990), Some(json!(90_071_992_547_409.9))),
            (json!("90071992547409.91"), None, None),
            (json!("much"), None, None),
        ],
    );
    both_ways(
        json!([{"kind": "money", "currency": "JPY"}]),
        &[(json!("1200"), Some(json!({"amount": 1200, "currency": "JPY"})), Some(json!(1200)))],
    );
    both_ways(
        json!([{"kind": "money", "currency": "KWD"}]),
        &[(
            json!("9007199254740.987"),
            Some(json!({"amount": 9_007_199_254_740_987_i64, "currency": "KWD"})),
            // no number of 64 bits is that
            Some(json!("9007199254740.987")),
        )],
    );
    let euros = json!({"amount": 1999, "currency": "EUR"});
    assert_eq!(go(&json!([{"kind": "money", "currency": "USD"}]), &euros), None, "no number of another currency");
}

#[test]
fn numbers_and_truth_are_read_from_text() {
    both_ways(
        json!([{"kind": "number"}]),
        &[
            (json!("12"), Some(json!(12)), Some(json!(12))),
            (json!(" 12.50 "), Some(json!(12.5)), Some(json!(12.5))),
            (json!("-1e3"), Some(json!(-1000)), Some(json!(-1000))),
            (json!("1,234"), None, None),
            (json!("1_234"), None, None),
            (json!(true), None, None),
        ],
    );
    let (yes, no) = (Some(json!(true)), Some(json!(false)));
    both_ways(
        json!([{"kind": "boolean"}]),
        &[
            (json!("true"), yes.clone(), yes.clone()),
            (json!("Yes"), yes.clone(), yes.clone()),
            (json!(1), yes.clone(), yes),
            (json!(false), no.clone(), no.clone()),
            (json!("0"), no.clone(), no),
            (json!("maybe"), None, None),
        ],
    );
}

#[test]
fn a_table_is_read_backwards_outward() {
    let table = json!([{"kind": "lookup", "table": {"INBOUND": "inbound", "IN": "inbound", "1": true, "none": null}}]);
    both_ways(
        table.clone(),
        &[
            (json!("INBOUND"), Some(json!("inbound")), Some(json!("INBOUND"))),
            (json!("IN"), Some(json!("inbound")), Some(json!("INBOUND"))),
            (json!(1), Some(json!(true)), Some(json!("1"))),
            (json!("none"), Some(json!(null)), Some(json!(null))),
            (json!("inbound"), None, None),
        ],
    );
    assert_eq!(go(&table, &json!("outbound")), None);
    let otherwise = json!([{"kind": "lookup", "table": {"a": "b"}, "otherwise": "other"}]);
    assert_eq!(come(&otherwise, &json!("c")), Some(json!("other")));
    assert_eq!(go(&otherwise, &json!("other")), None, "no word of the vendor's is made up");
}

#[test]
fn a_default_is_taken_on_the_side_that_nothing_comes_to() {
    let default = json!([{"kind": "default", "value": "Unknown"}]);
    for nothing in [json!(null), json!(""), json!([])] {
        assert_eq!(come(&default, &nothing), Some(json!("Unknown")));
        assert_eq!(go(&default, &nothing), Some(json!("Unknown")));
    }
    assert_eq!(come(&default, &json!(false)), Some(json!(false)), "false is something");
    let unknown = to_hub(&through(default), &Map::new(), &Linked);
    assert_eq!(unknown, Mapped::default(), "what is not told of is not nothing");
}

#[test]
fn a_template_is_filled_from_its_own_side() {
    let inward = mapping(json!({"fields": [{
        "hub": "/name", "vendor": "lastname", "direction": "in",
        "transforms": [{"kind": "template", "text": "{firstname} {}"}],
    }]}));
    let told = |item: Value| to_hub(&inward, &members(item), &Linked).values.remove("/name");
    assert_eq!(told(json!({"firstname": "Ada", "lastname": "Lovelace"})), Some(Some(json!("Ada Lovelace"))));
    assert_eq!(told(json!({"firstname": null, "lastname": "Lovelace"})), Some(Some(json!("Lovelace"))));
    assert_eq!(told(json!({"firstname": null, "lastname": ""})), Some(None));
    assert_eq!(told(json!({"lastname": "Lovelace"})), None, "half of it is not known");
    assert_eq!(inward.vendor_fields().into_iter().collect::<Vec<_>>(), ["firstname", "lastname"]);

    let outward = mapping(json!({"fields": [{
        "hub": "/summary", "vendor": "title", "direction": "out",
        "transforms": [{"kind": "template", "text": "Call with {from_name} in {address.city}: {}"}],
    }]}));
    let record = json!({"from_name": "Ada", "address": {"city": "Turin"}, "summary": "well"});
    let told = to_vendor(&outward, &record, &Linked).values;
    assert_eq!(told["title"], Some(json!("Call with Ada in Turin: well")));
}

#[test]
fn references_go_by_links() {
    both_ways(
        json!([{"kind": "reference", "object": "company"}]),
        &[
            (json!("theirs-7"), Some(json!("company:7")), Some(json!("theirs-7"))),
            (
                json!(["theirs-7", "theirs-8"]),
                Some(json!(["company:7", "company:8"])),
                Some(json!(["theirs-7", "theirs-8"])),
            ),
            (json!(["theirs-7", "nobody"]), None, None),
        ],
    );
    let mapping = through(json!([{"kind": "reference", "object": "company"}]));
    let problems = to_hub(&mapping, &members(json!({"v": "nobody"})), &Linked).problems;
    assert_eq!((problems[0].problem, problems[0].hub.as_str()), (Problem::Unlinked, "/f"));
    assert!(!problems[0].detail.contains("nobody"), "a value is in no message");
}

#[test]
fn lists_are_split_and_joined() {
    both_ways(
        json!([{"kind": "split", "separator": ";"}, {"kind": "lower"}]),
        &[
            (json!("A; b;;c"), Some(json!(["a", "b", "c"])), Some(json!("a;b;c"))),
            (json!("a"), Some(json!(["a"])), Some(json!("a"))),
            (json!(";"), Some(json!(null)), Some(json!(null))),
        ],
    );
    assert_eq!(go(&json!([{"kind": "split", "separator": ";"}]), &json!(["a;b"])), None, "it would become two");
    both_ways(
        json!([{"kind": "join", "separator": ", "}]),
        &[(json!(["a", "b"]), Some(json!("a, b")), Some(json!(["a", "b"])))],
    );
}

#[test]
fn a_long_value_that_is_mapped_very_often_is_taken_as_often_as_there_is_room() {
    let field =
        |n: usize, direction: &str| json!({"hub": format!("/extra/{n}"), "vendor": "v", "direction": direction});
    let inward = mapping(json!({"fields": (0..MOST_FIELDS).map(|n| field(n, "in")).collect::<Vec<_>>()}));
    let long = "x".repeat(10_000);
    let mapped = to_hub(&inward, &members(json!({ "v": long })), &Linked);
    assert_eq!((mapped.values.len(), mapped.problems.len()), (26, MOST_FIELDS - 26));
    assert!(mapped.problems.iter().all(|problem| problem.problem == Problem::Invalid));
    // what is short still comes
    let fields = json!({"fields": [field(0, "in"), {"hub": "/name", "vendor": "w", "direction": "in"}]});
    let item = json!({"v": "x".repeat(300_000), "w": "Ada"});
    let mapped = to_hub(&mapping(fields), &members(item), &Linked);
    assert_eq!(mapped.values.into_iter().collect::<Vec<_>>(), [("/name".to_owned(), Some(json!("Ada")))]);

    let out = |n: usize| json!({"hub": "/f", "vendor": format!("v{n}"), "direction": "out"});
    let outward = mapping(json!({"fields": (0..MOST_FIELDS).map(out).collect::<Vec<_>>()}));
    let outgoing = to_push(&outward, None, &json!({ "f": long }), &Linked);
    assert_eq!((outgoing.fields.len(), outgoing.problems.len()), (26, MOST_FIELDS - 26));
    assert_eq!(outgoing.base.values().len(), 26, "what was not written the vendor does not have");
    assert_eq!(to_vendor(&outward, &json!({ "f": long }), &Linked).values.len(), 26);
}
