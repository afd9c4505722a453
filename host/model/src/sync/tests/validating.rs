use super::*;

const BOTH: &[Direction] = &[Direction::In, Direction::Out];

fn field(name: &str, kind: FieldKind) -> VendorField {
    VendorField {
        name: name.to_owned(),
        title: name.to_owned(),
        kind,
        required: false,
        readable: true,
        writable: true,
        unique: false,
        custom: false,
        choices: Vec::new(),
    }
}

/// The fields of a vendor's records: one of each kind, and two that lack a right.
fn vendor() -> Vec<VendorField> {
    let mut fields: Vec<VendorField> =
        FieldKind::ALL.iter().map(|kind| field(&format!("a_{}", kind.as_str()), *kind)).collect();
    fields.push(VendorField { readable: false, ..field("hidden", FieldKind::Text) });
    fields.push(VendorField { writable: false, ..field("computed", FieldKind::Text) });
    fields
}

/// The places that are refused.
fn refused_of(object: StandardObject, value: Value) -> Vec<String> {
    let violations = validate(&mapping(value), object.schema(), Some(&vendor()), BOTH);
    assert!(violations.iter().all(|violation| !violation.expected.is_empty()));
    violations.into_iter().map(|violation| violation.pointer).collect()
}

/// The places within the one field of a mapping that are refused.
#[track_caller]
fn refused(object: StandardObject, value: Value) -> Vec<String> {
    let places = refused_of(object, json!({ "fields": [value] }));
    places.into_iter().map(|place| place.strip_prefix("/fields/0").unwrap().to_owned()).collect()
}

#[test]
fn a_hub_field_is_one_of_the_object() {
    let contact = |hub: &str| refused(StandardObject::Contact, json!({"hub": hub, "vendor": "a_text"}));
    for hub in ["/name", "/address/city", "/extra/hubspot/score", "/owner/email"] {
        assert_eq!(contact(hub), Vec::<String>::new(), "{hub}");
    }
    for hub in [
        "/nick",
        "/address/town",
        "/address",
        "/extra",
        "/external_ids/hubspot",
        "name",
        "",
        "/",
        "/name/first",
        "/tags/0",
    ] {
        assert_eq!(contact(hub), ["/hub"], "{hub}");
    }
    let violations = validate(
        &mapping(json!({"fields": [{"hub": "/nick", "vendor": "a_text"}]})),
        StandardObject::Contact.schema(),
        None,
        BOTH,
    );
    assert!(violations[0].expected.contains("first_name"), "{violations:?}");
}

#[test]
fn a_vendors_field_is_there_and_has_the_right() {
    let name = |vendor: &str, direction: &str| {
        refused(StandardObject::Contact, json!({"hub": "/name", "vendor": vendor, "direction": direction}))
    };
    assert_eq!(name("missing", "in"), ["/vendor"]);
    assert_eq!((name("hidden", "in"), name("hidden", "out")), (vec!["/vendor".to_owned()], Vec::new()));
    assert_eq!((name("computed", "out"), name("computed", "in")), (vec!["/vendor".to_owned()], Vec::new()));
    assert_eq!((name("computed", "both"), name("", "in")), (vec!["/vendor".to_owned()], vec!["/vendor".to_owned()]));
    let unknown = mapping(json!({"fields": [{"hub": "/name", "vendor": "missing"}]}));
    assert!(validate(&unknown, StandardObject::Contact.schema(), None, BOTH).is_empty(), "nobody was asked");
}

#[test]
fn kinds_fit_after_the_transforms() {
    use StandardObject::{Call, Contact, Deal};
    for (object, hub, vendor, direction, transforms, places) in [
        (Call, "/duration_s", "a_number", "both", json!([]), vec![]),
        (Call, "/duration_s", "a_text", "in", json!([]), vec!["/transforms"]),
        (Call, "/duration_s", "a_text", "both", json!([{"kind": "number"}]), vec![]),
        (Call, "/duration_s", "a_number", "both", json!([{"kind": "ms_to_seconds"}]), vec![]),
        (Call, "/duration_s", "a_boolean", "in", json!([{"kind": "number"}]), vec!["/transforms/0"]),
        (Call, "/started_at", "a_time", "both", json!([{"kind": "time"}]), vec![]),
        (Call, "/started_at", "a_time", "both", json!([{"kind": "time", "written": "ms"}]), vec![]),
        (Call, "/started_at", "a_date", "out", json!([{"kind": "time"}]), vec!["/transforms"]),
        (Call, "/started_at", "a_date", "both", json!([{"kind": "date"}, {"kind": "time"}]), vec![]),
        (Deal, "/expected_close_on", "a_date", "both", json!([]), vec![]),
        (Deal, "/expected_close_on", "a_time", "in", json!([]), vec!["/transforms"]),
        (Deal, "/amount", "a_number", "both", json!([{"kind": "money", "currency": "USD"}]), vec![]),
        (Deal, "/amount", "a_number", "both", json!([]), vec!["/transforms", "/transforms"]),
        (Deal, "/contact_ids", "a_text", "both", json!([{"kind": "split", "separator": ";"}]), vec![]),
        (Deal, "/contact_ids", "a_text", "out", json!([]), vec!["/transforms"]),
        (Deal, "/company_id", "a_reference", "both", json!([{"kind": "reference", "object": "company"}]), vec![]),
        (Contact, "/do_not_call", "a_boolean", "both", json!([]), vec![]),
        (Contact, "/do_not_call", "a_text", "both", json!([{"kind": "boolean"}]), vec![]),
        (Contact, "/phone", "a_number", "in", json!([]), vec!["/transforms"]),
        (Contact, "/phone", "a_number", "in", json!([{"kind": "e164"}]), vec![]),
        (Contact, "/phone", "a_number", "out", json!([{"kind": "e164"}]), vec!["/transforms"]),
        (Contact, "/tags", "a_choice", "both", json!([{"kind": "split", "separator": ";"}, {"kind": "lower"}]), vec![]),
        (Contact, "/extra/score", "a_number", "both", json!([]), vec![]),
    ] {
        let map = json!({"hub": hub, "vendor": vendor, "direction": direction, "transforms": transforms});
        assert_eq!(refused(object, map.clone()), places, "{map}");
    }
}

#[test]
fn a_tables_words_are_those_of_the_hub() {
    let direction = |inbound: &str| {
        let lookup = json!({"kind": "lookup", "table": {"INBOUND": inbound}});
        refused(StandardObject::Call, json!({"hub": "/direction", "vendor": "a_choice", "transforms": [lookup]}))
    };
    assert_eq!(direction("inbound"), Vec::<String>::new());
    assert_eq!(direction("incoming"), ["/transforms/0/table"]);
}

#[test]
fn transforms_have_bounds_and_a_template_goes_one_way() {
    let with = |direction: &str, transforms: Value| {
        let map = json!({"hub": "/name", "vendor": "a_text", "direction": direction, "transforms": transforms});
        refused(StandardObject::Contact, map)
    };
    let many: serde_json::Map<String, Value> = (0..=MOST_LOOKUP_ENTRIES).map(|n| (n.to_string(), json!("x"))).collect();
    for (transform, within) in [
        (json!({"kind": "e164", "region": "us"}), "/region"),
        (json!({"kind": "e164", "region": "XX"}), "/region"),
        (json!({"kind": "money", "currency": "dollars"}), "/currency"),
        (json!({"kind": "lookup", "table": {}}), "/table"),
        (json!({"kind": "lookup", "table": many}), "/table"),
        (json!({"kind": "lookup", "table": {"a": ["b"]}}), "/table"),
        (json!({"kind": "lookup", "table": {"a": "b"}, "otherwise": {}}), "/otherwise"),
        (json!({"kind": "default", "value": ""}), "/value"),
        (json!({"kind": "default", "value": "x".repeat(MOST_TEXT_BYTES)}), "/value"),
        (json!({"kind": "split", "separator": ""}), "/separator"),
        (json!({"kind": "join", "separator": "x".repeat(11)}), "/separator"),
        (json!({"kind": "template", "text": "{"}), "/text"),
        (json!({"kind": "template", "text": "x".repeat(MOST_TEXT_BYTES + 1)}), "/text"),
        (json!({"kind": "template", "text": "{missing}"}), "/text"),
        (json!({"kind": "template", "text": "{hidden}"}), "/text"),
    ] {
        assert_eq!(with("in", json!([transform])), [format!("/transforms/0{within}")], "{transform}");
    }
    let template = json!({"kind": "template", "text": "{a_text} {a_number}"});
    assert_eq!(with("in", json!([template])), Vec::<String>::new());
    assert_eq!(with("both", json!([template])), ["/transforms/0"]);
    assert_eq!(with("in", json!([template, template])), ["/transforms/1"]);
    assert_eq!(with("out", json!([template])), ["/transforms/0/text", "/transforms/0/text"], "of the object, outward");
    assert_eq!(
        with("out", json!([{"kind": "template", "text": "{first_name}, {address.city}"}])),
        Vec::<String>::new()
    );
    assert_eq!(with("in", vec![json!({"kind": "trim"}); MOST_TRANSFORMS + 1].into()), ["/transforms"]);
}

#[test]
fn no_two_fields_write_the_same_place() {
    let fields = |one: Value, other: Value| refused_of(StandardObject::Contact, json!({"fields": [one, other]}));
    let text = |hub: &str, vendor: &str, direction: &str| json!({"hub": hub, "vendor": vendor, "direction": direction});
    assert_eq!(fields(text("/name", "a_text", "in"), text("/name", "a_choice", "in")), ["/fields/1/hub"]);
    assert_eq!(fields(text("/extra/a", "a_text", "in"), text("/extra/a/b", "a_choice", "in")), ["/fields/1/hub"]);
    assert_eq!(fields(text("/name", "a_text", "out"), text("/title", "a_text", "both")), ["/fields/1/vendor"]);
    assert_eq!(fields(text("/name", "a_text", "in"), text("/name", "a_choice", "out")), Vec::<String>::new());
    assert_eq!(fields(text("/name", "a_text", "in"), text("/title", "a_text", "in")), Vec::<String>::new());
}

#[test]
fn records_are_joined_by_fields_that_are_mapped_and_found_by() {
    let join = |join: Value| {
        let fields = json!([
            {"hub": "/email", "vendor": "a_text"},
            {"hub": "/title", "vendor": "a_choice", "direction": "in"},
            {"hub": "/last_name", "vendor": "a_choice", "direction": "out"},
            {"hub": "/name", "vendor": "a_text", "direction": "in",
             "transforms": [{"kind": "template", "text": "{a_text}"}]},
        ]);
        refused_of(StandardObject::Contact, json!({"fields": fields, "join": join}))
    };
    assert_eq!(join(json!(["/email", "/last_name"])), Vec::<String>::new());
    assert_eq!(join(json!(["/phone"])), ["/join/0"], "it is not mapped");
    assert_eq!(join(json!(["/email", "/title"])), ["/join/1"], "no record is found by it");
    assert_eq!(join(json!(["/name"])), ["/join/0"], "the vendor has no such value");
    assert_eq!(join(json!(["/email", "/email", "/email", "/email", "/email", "/email"])), ["/join"]);
}

#[test]
fn fields_go_the_ways_that_the_plugin_can() {
    let both = mapping(json!({"fields": [{"hub": "/name", "vendor": "a_text"}]}));
    let schema = StandardObject::Contact.schema();
    assert_eq!(validate(&both, schema, None, &[Direction::In])[0].pointer, "/fields/0/direction");
    assert!(validate(&both.within(Direction::In), schema, None, &[Direction::In]).is_empty());
    assert_eq!(validate(&Mapping::default(), schema, None, BOTH)[0].pointer, "/fields");
    let many = Mapping { fields: vec![both.fields[0].clone(); MOST_FIELDS + 1], join: Vec::new() };
    assert_eq!(validate(&many, schema, None, BOTH).len(), 1);
}

#[test]
fn a_mapping_is_kept_as_it_was_written_and_unknown_words_are_refused() {
    let written = json!({
        "fields": [
            {"hub": "/email", "vendor": "email", "direction": "both", "transforms": [{"kind": "lower"}], "wins": "hub"},
            {"hub": "/phone", "vendor": "phone", "direction": "in", "transforms": [{"kind": "e164", "region": "US"}]},
        ],
        "join": ["/email"],
    });
    assert_eq!(serde_json::to_value(mapping(written.clone())).unwrap(), written);
    for wrong in [
        json!({"fields": [], "joins": []}),
        json!({"fields": [{"hub": "/a", "vendor": "a", "way": "in"}]}),
        json!({"fields": [{"hub": "/a", "vendor": "a", "direction": "inward"}]}),
        json!({"fields": [{"hub": "/a", "vendor": "a", "transforms": [{"kind": "rot13"}]}]}),
        json!({"fields": [{"hub": "/a", "vendor": "a", "transforms": [{"kind": "e164", "country": "US"}]}]}),
    ] {
        assert!(serde_json::from_value::<Mapping>(wrong.clone()).is_err(), "{wrong}");
    }
}

#[test]
fn settings_have_defaults_and_bounds() {
    let settings: SyncSettings = serde_json::from_value(json!({})).unwrap();
    assert_eq!(settings, SyncSettings::default());
    assert!(settings.violations().is_empty());
    assert_eq!(serde_json::from_value::<SyncSettings>(serde_json::to_value(&settings).unwrap()).unwrap(), settings);
    let beyond = SyncSettings { every_s: 14, full_every_days: 0, ..settings };
    let places: Vec<String> = beyond.violations().into_iter().map(|violation| violation.pointer).collect();
    assert_eq!(places, ["/every_s", "/full_every_days"]);
    assert!(serde_json::from_value::<SyncSettings>(json!({"every": 15})).is_err());
}
