use chrono::DateTime;

use super::*;
use crate::{Timestamp, Violation, object::Source};

/// A time, in seconds.
fn at(second: i64) -> Option<Timestamp> {
    DateTime::from_timestamp(second, 0)
}

fn contacts() -> Mapping {
    mapping(json!({
        "fields": [
            {"hub": "/email", "vendor": "Email", "transforms": [{"kind": "trim"}, {"kind": "lower"}]},
            {"hub": "/phone", "vendor": "Phone", "transforms": [{"kind": "e164", "region": "US"}]},
            {"hub": "/address/city", "vendor": "City"},
            {"hub": "/tags", "vendor": "Tags", "transforms": [{"kind": "split", "separator": ";"}]},
            {"hub": "/status", "vendor": "Stage", "direction": "in"},
            {"hub": "/name", "vendor": "Label", "direction": "out"},
        ],
        "join": ["/email", "/phone"],
    }))
}

fn base(values: Value) -> Base {
    members(values).into_iter().collect()
}

/// With a record that was changed at second 10, and the vendor's at `vendor_at`.
fn merged(policy: Wins, base: Option<&Base>, hub: Option<&Value>, vendor: Value, vendor_at: i64) -> Merged {
    let vendor = to_hub(&contacts(), &members(vendor), &Linked);
    merge(&contacts(), policy, base, hub, |_| at(10), &vendor, at(vendor_at))
}

#[test]
fn a_record_is_made_of_what_the_vendor_has() {
    let item =
        json!({"Email": "Ada@example.com", "Phone": "(415) 555-0100", "City": "Turin", "Tags": "b;a", "Stage": null});
    let made = merged(Wins::Latest, None, None, item, 20);
    let record = json!({
        "email": "ada@example.com", "phone": "+14155550100", "address": {"city": "Turin"}, "tags": ["b", "a"],
    });
    assert_eq!(made.record, Some(record));
    assert!(!made.push && made.conflicts.is_empty());
    let known =
        json!({"/email": "ada@example.com", "/phone": "+14155550100", "/address/city": "Turin", "/tags": ["b", "a"]});
    assert_eq!(made.base, base(known));
}

#[test]
fn what_only_one_side_changed_is_taken_over() {
    let known = base(json!({"/email": "a@example.com", "/address/city": "Turin", "/tags": ["a"]}));
    let hub = json!({"email": "a@example.com", "address": {"city": "Rome", "line1": "Via 1"}, "tags": ["a"]});
    let merged = merged(Wins::Latest, Some(&known), Some(&hub), json!({"Email": "b@example.com", "City": "Turin"}), 20);
    let expected = json!({"email": "b@example.com", "address": {"city": "Rome", "line1": "Via 1"}, "tags": ["a"]});
    assert_eq!(merged.record, Some(expected));
    assert!(merged.push, "the town is news there");
    assert!(merged.conflicts.is_empty());
    assert_eq!(merged.base, base(json!({"/email": "b@example.com", "/address/city": "Turin", "/tags": ["a"]})));
}

#[test]
fn null_clears_and_what_is_not_told_of_stays() {
    let known = base(json!({"/email": "a@example.com", "/address/city": "Turin"}));
    let hub = json!({"email": "a@example.com", "address": {"city": "Turin"}});
    let cleared = merged(Wins::Latest, Some(&known), Some(&hub), json!({"City": ""}), 20);
    assert_eq!(cleared.record, Some(json!({"email": "a@example.com"})), "and no empty address is left");
    assert_eq!(cleared.base, base(json!({"/email": "a@example.com"})));
    let silent = merged(Wins::Latest, Some(&known), Some(&hub), json!({}), 20);
    assert_eq!((silent.record, silent.push, silent.base), (None, false, known));
}

#[test]
fn of_two_changes_one_stays_and_both_are_told() {
    let known = base(json!({"/address/city": "Turin"}));
    let hub = json!({"address": {"city": "Rome"}});
    for (policy, vendor_at, winner) in [
        (Wins::Hub, 20, Side::Hub),
        (Wins::Vendor, 5, Side::Vendor),
        (Wins::Latest, 20, Side::Vendor),
        (Wins::Latest, 10, Side::Vendor),
        (Wins::Latest, 5, Side::Hub),
    ] {
        let both = merged(policy, Some(&known), Some(&hub), json!({"City": "Milan"}), vendor_at);
        let [conflict] = both.conflicts.as_slice() else { panic!("{:?}", both.conflicts) };
        assert_eq!(
            (conflict.field.as_str(), &conflict.hub, &conflict.vendor),
            ("/address/city", &json!("Rome"), &json!("Milan"))
        );
        assert_eq!(conflict.winner, winner, "{policy} {vendor_at}");
        assert_eq!(both.push, winner == Side::Hub);
        assert_eq!(both.record.is_some(), winner == Side::Vendor);
        assert_eq!(both.base, base(json!({"/address/city": "Milan"})), "what the vendor has");
        let again =
            merged(policy, Some(&both.base), both.record.as_ref().or(Some(&hub)), json!({"City": "Milan"}), vendor_at);
        assert!(again.conflicts.is_empty() && again.record.is_none(), "it is told once");
    }
}

#[test]
fn a_field_says_who_wins_before_the_sync_does() {
    let mut contacts = contacts();
    contacts.fields[2].wins = Some(Wins::Hub);
    let vendor = to_hub(&contacts, &members(json!({"City": "Milan", "Email": "b@example.com"})), &Linked);
    let hub = json!({"email": "a@example.com", "address": {"city": "Rome"}});
    let merged = merge(&contacts, Wins::Vendor, None, Some(&hub), |_| None, &vendor, None);
    assert_eq!(merged.record, Some(json!({"email": "b@example.com", "address": {"city": "Rome"}})));
    let winners: Vec<Side> = merged.conflicts.iter().map(|conflict| conflict.winner).collect();
    assert_eq!(winners, [Side::Vendor, Side::Hub]);
}

#[test]
fn the_field_that_a_record_was_changed_in_is_asked_for() {
    let stamp = |second: i64, fields: &[&str]| Source {
        stamp: serde_json::from_value(json!({
            "plugin": "ivr", "run": "run_018f3c00000070008000000000000001", "at": at(second),
        }))
        .unwrap(),
        fields: fields.iter().map(|&field| field.to_owned()).collect(),
    };
    let sources = [stamp(30, &["address"]), stamp(5, &["email", "phone"])];
    assert_eq!((changed_at(&sources, "address"), changed_at(&sources, "phone")), (at(30), at(5)));
    assert_eq!(changed_at(&sources, "name"), None);
    let hub = json!({"email": "a@example.com", "address": {"city": "Rome"}});
    let vendor = to_hub(&contacts(), &members(json!({"City": "Milan", "Email": "b@example.com"})), &Linked);
    let merged =
        merge(&contacts(), Wins::Latest, None, Some(&hub), |field| changed_at(&sources, field), &vendor, at(20));
    assert_eq!(merged.record, Some(json!({"email": "b@example.com", "address": {"city": "Rome"}})));
}

#[test]
fn two_that_are_found_to_be_one_fill_each_others_gaps() {
    let hub = json!({"email": "ada@example.com", "phone": "+14155550100"});
    let item = json!({"Email": "ADA@example.com", "Phone": null, "City": "Turin"});
    let joined = merged(Wins::Vendor, None, Some(&hub), item, 20);
    assert!(joined.conflicts.is_empty());
    let expected = json!({"email": "ada@example.com", "phone": "+14155550100", "address": {"city": "Turin"}});
    assert_eq!(joined.record, Some(expected.clone()));
    assert!(joined.push, "the telephone number is missing there");
    let outgoing = to_push(&contacts(), Some(&joined.base), &expected, &Linked);
    assert_eq!(outgoing.fields, members(json!({"Phone": "+14155550100"})));
}

#[test]
fn another_way_of_writing_the_same_is_no_change() {
    let known = base(json!({"/email": "a@example.com", "/phone": "+14155550100", "/tags": ["a", "b"]}));
    let hub = json!({"email": "a@example.com", "phone": "+14155550100", "tags": ["a", "b"]});
    let item = json!({"Email": " A@Example.com", "Phone": "(415) 555-0100", "City": "", "Tags": "b; a"});
    let merged = merged(Wins::Vendor, Some(&known), Some(&hub), item, 20);
    assert_eq!((merged.record, merged.push, merged.base), (None, false, known));
}

#[test]
fn what_a_vendor_rounds_stays_exact_here() {
    let minutes = through(json!([{"kind": "seconds_to_minutes", "round": "up"}]));
    let record = json!({"f": 61});
    let outgoing = to_push(&minutes, None, &record, &Linked);
    assert_eq!(outgoing.fields, members(json!({"v": 2})));
    let vendor = to_hub(&minutes, &outgoing.fields, &Linked);
    let back = merge(&minutes, Wins::Vendor, Some(&outgoing.base), Some(&record), |_| None, &vendor, at(20));
    assert_eq!((back.record, back.push, &back.base), (None, false, &outgoing.base));
    assert!(to_push(&minutes, Some(&back.base), &json!({"f": 75}), &Linked).fields.is_empty(), "two minutes as before");
    assert_eq!(to_push(&minutes, Some(&back.base), &json!({"f": 121}), &Linked).fields, members(json!({"v": 3})));
}

#[test]
fn what_only_comes_in_is_kept_here_until_the_vendor_changes_it() {
    let known = base(json!({"/status": "lead"}));
    let hub = json!({"status": "customer"});
    let kept = merged(Wins::Latest, Some(&known), Some(&hub), json!({"Stage": "lead"}), 20);
    assert_eq!((kept.record, kept.push), (None, false));
    let taken = merged(Wins::Latest, Some(&known), Some(&hub), json!({"Stage": "lost"}), 20);
    assert_eq!((taken.record, taken.push, taken.conflicts.len()), (Some(json!({"status": "lost"})), false, 1));
}

#[test]
fn what_only_goes_out_follows_what_came_in() {
    let contacts = mapping(json!({"fields": [
        {"hub": "/first_name", "vendor": "First"},
        {"hub": "/last_name", "vendor": "Last"},
        {"hub": "/name", "vendor": "Label", "direction": "out",
         "transforms": [{"kind": "template", "text": "{first_name} {last_name}"}]},
    ]}));
    let vendor = to_hub(&contacts, &members(json!({"First": "Ada", "Last": "Byron"})), &Linked);
    let made = merge(&contacts, Wins::Latest, None, None, |_| None, &vendor, at(20));
    assert!(made.push);
    let record = made.record.unwrap();
    let outgoing = to_push(&contacts, Some(&made.base), &record, &Linked);
    assert_eq!(outgoing.fields, members(json!({"Label": "Ada Byron"})));
    let again = merge(&contacts, Wins::Latest, Some(&outgoing.base), Some(&record), |_| None, &vendor, at(20));
    assert!(!again.push);
    let vendor = to_hub(&contacts, &members(json!({"First": "Ada", "Last": "Lovelace"})), &Linked);
    let changed = merge(&contacts, Wins::Latest, Some(&outgoing.base), Some(&record), |_| None, &vendor, at(30));
    assert!(changed.push);
    let outgoing = to_push(&contacts, Some(&changed.base), &changed.record.unwrap(), &Linked);
    assert_eq!(outgoing.fields, members(json!({"Label": "Ada Lovelace"})));
}

#[test]
fn what_only_goes_out_and_is_mapped_later_goes_there_by_the_next_look() {
    let known = base(json!({"/email": "a@example.com", "/address/city": "Turin"}));
    let hub = json!({"email": "a@example.com", "name": "Ada", "address": {"city": "Turin"}});
    let item = || json!({"Email": "a@example.com", "City": "Turin"});
    let looked = merged(Wins::Latest, Some(&known), Some(&hub), item(), 20);
    assert_eq!((&looked.record, looked.push), (&None, true));
    let outgoing = to_push(&contacts(), Some(&looked.base), &hub, &Linked);
    assert_eq!(outgoing.fields, members(json!({"Label": "Ada"})));
    assert!(!merged(Wins::Latest, Some(&outgoing.base), Some(&hub), item(), 20).push, "it is told once");
}

#[test]
fn only_what_is_news_is_written_and_null_clears_it() {
    let known = base(json!({"/email": "a@example.com", "/address/city": "Turin", "Label": "Ada"}));
    let record = json!({"email": "a@example.com", "phone": "+14155550100", "name": "Ada", "status": "lead"});
    let outgoing = to_push(&contacts(), Some(&known), &record, &Linked);
    assert_eq!(outgoing.fields, members(json!({"Phone": "+14155550100", "City": null})));
    assert_eq!(outgoing.base, base(json!({"/email": "a@example.com", "/phone": "+14155550100", "Label": "Ada"})));
    let created = to_push(&contacts(), None, &record, &Linked);
    let all = json!({"Email": "a@example.com", "Phone": "+14155550100", "Label": "Ada"});
    assert_eq!(created.fields, members(all), "of a new one nothing is cleared");
}

#[test]
fn a_field_with_a_problem_leaves_the_others_alone() {
    let known = base(json!({"/phone": "+14155550100"}));
    let hub = json!({"phone": "+14155550100"});
    let merged = merged(Wins::Vendor, Some(&known), Some(&hub), json!({"Phone": "call me", "City": "Turin"}), 20);
    assert_eq!(merged.record, Some(json!({"phone": "+14155550100", "address": {"city": "Turin"}})));
    assert_eq!(merged.base.values()["/phone"], "+14155550100");

    let mut vendor = to_hub(&contacts(), &members(json!({"Email": "no address", "City": "Turin"})), &Linked);
    assert!(vendor.refuse(&contacts(), "/email", "an e-mail address"));
    assert!(!vendor.refuse(&contacts(), "/email", "an e-mail address"), "it is left out already");
    assert!(!vendor.refuse(&contacts(), "/address", "an address"), "no field is all of it");
    assert_eq!(vendor.values.keys().collect::<Vec<_>>(), ["/address/city"]);
    assert_eq!((vendor.problems[0].vendor.as_str(), vendor.problems[0].problem), ("Email", Problem::Invalid));
}

#[test]
fn records_are_joined_by_what_has_a_value() {
    let vendor = to_hub(&contacts(), &members(json!({"Email": null, "Phone": "(415) 555-0100"})), &Linked);
    assert_eq!(join_in(&contacts(), &vendor), [("phone".to_owned(), json!("+14155550100"))]);
    let record = json!({"email": "a@example.com", "phone": "+14155550100"});
    let expected = [("Email", "a@example.com"), ("Phone", "+14155550100")];
    assert_eq!(
        join_out(&contacts(), &record, &Linked),
        expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
}

#[test]
fn a_sync_that_goes_one_way_leaves_the_other_alone() {
    let inward = contacts().within(Direction::In);
    assert_eq!(inward.fields.len(), 5);
    assert!(inward.fields.iter().all(|map| map.direction == Direction::In));
    assert!(to_vendor(&inward, &json!({"email": "a@example.com"}), &Linked).values.is_empty());
    let outward = contacts().within(Direction::Out);
    assert_eq!(
        outward.fields.iter().map(|map| map.vendor.as_str()).collect::<Vec<_>>(),
        ["Email", "Phone", "City", "Tags", "Label"]
    );
    assert!(outward.vendor_fields().is_empty());
    assert_eq!(contacts().within(Direction::Both), contacts());
}

/// Changed at second 10 here and 20 there, of which everything goes.
fn subject<'a>(record: Option<&'a Value>, item: Option<&'a Map<String, Value>>) -> Subject<'a> {
    Subject {
        record,
        changed_at: &|_| at(10),
        item,
        item_at: at(20),
        base: None,
        violations: &|_| Vec::new(),
        goes_out: &|_| true,
    }
}

#[test]
fn a_preview_shows_both_sides_before_and_after() {
    let record = json!({"email": "a@example.com", "phone": "+14155550100"});
    let item = members(
        json!({"Email": "a@example.com", "Phone": "", "City": "Turin", "Other": 1, "Tags": null, "Stage": null}),
    );
    let subject = subject(Some(&record), Some(&item));
    let preview = preview(&contacts(), Wins::Latest, subject, &Linked);
    assert_eq!(preview.record_before, Some(record));
    let after = json!({"email": "a@example.com", "phone": "+14155550100", "address": {"city": "Turin"}});
    assert_eq!(preview.record_after, Some(after));
    let before = json!({"Email": "a@example.com", "Phone": "", "City": "Turin", "Tags": null, "Stage": null});
    assert_eq!(preview.item_before, members(before));
    let after =
        json!({"Email": "a@example.com", "Phone": "+14155550100", "City": "Turin", "Tags": null, "Stage": null});
    assert_eq!(preview.item_after, members(after));
    assert!(preview.conflicts.is_empty() && preview.problems.is_empty() && preview.refused.is_empty());
}

#[test]
fn a_preview_leaves_out_what_breaks_the_schema_and_what_does_not_go_out() {
    let record = json!({"email": "a@example.com", "phone": "+14155550100"});
    let item = members(json!({"Email": "no address", "Phone": null, "City": "Turin"}));
    let breaks = |pointer: &str, broken: bool| {
        let violation = Violation { pointer: pointer.to_owned(), expected: "something else".to_owned() };
        if broken { vec![violation] } else { Vec::new() }
    };
    let address = |record: &Value| breaks("/email", record["email"] == "no address");
    let look = Subject { violations: &address, goes_out: &|_| false, ..subject(Some(&record), Some(&item)) };
    let shown = preview(&contacts(), Wins::Vendor, look, &Linked);
    let after = json!({"email": "a@example.com", "phone": "+14155550100", "address": {"city": "Turin"}});
    assert_eq!(shown.record_after, Some(after), "the field is left out, the rest is not");
    assert_eq!(shown.problems.iter().map(|problem| problem.vendor.as_str()).collect::<Vec<_>>(), ["Email"]);
    assert!(shown.refused.is_empty());
    assert_eq!(shown.item_after, shown.item_before, "nothing goes out");

    let nameless = |record: &Value| breaks("", record.get("name").is_none());
    let look = Subject { violations: &nameless, ..subject(None, Some(&item)) };
    let shown = preview(&contacts(), Wins::Vendor, look, &Linked);
    assert_eq!((shown.record_after, shown.refused.len()), (None, 1), "no field is to blame for what is missing");
    assert_eq!(shown.item_after, shown.item_before);
}
