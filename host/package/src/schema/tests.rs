use serde_json::json;

use super::*;

fn complaints(schema: Value, value: Value) -> Vec<(String, String)> {
    let validator = SchemaValidator::compile(&schema).unwrap();
    let violations = validator.validate(&value).err().unwrap_or_default();
    violations.into_iter().map(|violation| (violation.pointer, violation.expected)).collect()
}

fn complaint(schema: Value, value: Value) -> String {
    complaints(schema, value).remove(0).1
}

#[test]
fn a_valid_value_passes() {
    let schema = json!({"type": "object", "properties": {"model": {"type": "string"}}, "required": ["model"]});
    assert_eq!(complaints(schema, json!({"model": "m"})), []);
}

#[test]
fn each_violation_has_its_place_and_what_was_expected() {
    let schema = json!({
        "type": "object",
        "properties": {
            "model": {"type": "string"},
            "messages": {"type": "array", "items": {"type": "object", "required": ["role"]}},
            "temperature": {"type": ["number", "null"], "maximum": 2},
        },
        "required": ["model"],
        "additionalProperties": false,
    });
    let found = complaints(schema, json!({"messages": [{}], "temperature": 3, "modle": 1}));
    for expected in [
        ("", "the member \"model\""),
        ("", "no member \"modle\""),
        ("/messages/0", "the member \"role\""),
        ("/temperature", "at most 2"),
    ] {
        assert!(found.contains(&(expected.0.to_owned(), expected.1.to_owned())), "{expected:?} in {found:?}");
    }
    assert_eq!(found.len(), 4);
}

#[test]
fn words_say_what_is_expected() {
    for (schema, value, words) in [
        (json!({"type": "string"}), json!(1), "a string"),
        (json!({"type": ["integer", "null"]}), json!("x"), "null or an integer"),
        (json!({"enum": ["a", "b"]}), json!("c"), "one of \"a\", \"b\""),
        (json!({"const": 1}), json!(2), "1"),
        (json!({"minLength": 1}), json!(""), "at least 1 character"),
        (json!({"maxItems": 2}), json!([1, 2, 3]), "at most 2 items"),
        (json!({"pattern": "^[a-z]+$"}), json!("A"), "text that matches the pattern ^[a-z]+$"),
        (json!({"format": "email"}), json!("nobody"), "text of the format email"),
        (json!({"not": {"type": "null"}}), json!(null), "a value that does not match {\"type\":\"null\"}"),
        (json!(false), json!(1), "nothing here"),
    ] {
        assert_eq!(complaint(schema, value), words);
    }
}

#[test]
fn of_several_forms_the_closest_is_explained() {
    let schema = json!({"oneOf": [
        {"type": "string"},
        {"type": "object", "properties": {"url": {"type": "string"}}, "required": ["url"]},
    ]});
    assert_eq!(complaint(schema, json!({"url": 1})), "one of 2 forms; the closest needs at /url: a string");
}

#[test]
fn the_value_itself_is_not_repeated() {
    let schema = json!({"properties": {"key": {"type": "integer"}, "other": {"maxLength": 3}}});
    let found = complaints(schema, json!({"key": "hunter2", "other": "hunter2"}));
    assert!(!format!("{found:?}").contains("hunter2"), "{found:?}");
}

#[test]
fn at_most_fifty_violations_are_listed() {
    let values: Vec<_> = (0..500).map(|_| json!("x")).collect();
    assert_eq!(complaints(json!({"items": {"type": "integer"}}), json!(values)).len(), MAX_VIOLATIONS);
}

#[test]
fn schemas_that_reach_outside_are_refused() {
    for target in ["https://example.com/schema.json", "file:///etc/passwd", "other.json", "other.json#/a"] {
        let error = SchemaValidator::compile(&json!({"properties": {"a": {"$ref": target}}})).unwrap_err();
        assert_eq!(error, SchemaError::Foreign { pointer: "/properties/a/$ref".into(), target: target.into() });
    }
}

#[test]
fn a_member_may_be_called_like_a_keyword() {
    let schema = json!({"properties": {"$ref": {"type": "string"}, "default": {"$ref": "#/$defs/n"}},
        "$defs": {"n": {"type": "integer"}}, "default": {"$ref": "https://example.com"}});
    assert_eq!(complaints(schema, json!({"$ref": "x", "default": 1})), []);
}

#[test]
fn a_reference_to_nothing_is_refused() {
    let error = SchemaValidator::compile(&json!({"$ref": "#/$defs/missing"})).unwrap_err();
    assert!(matches!(error, SchemaError::Dangling { .. }), "{error}");
}

#[test]
fn references_by_anchor_and_with_encoding_are_followed() {
    let schema = json!({"$defs": {"a b": {"$anchor": "here", "type": "integer"}},
        "properties": {"x": {"$ref": "#here"}, "y": {"$ref": "#/$defs/a%20b"}}});
    assert_eq!(complaints(schema, json!({"x": "", "y": ""})).len(), 2);
}

#[test]
fn a_schema_that_never_ends_is_refused() {
    for schema in [
        json!({"$ref": "#"}),
        json!({"$ref": "#/$defs/a", "$defs": {"a": {"allOf": [{"$ref": "#/$defs/b"}]}, "b": {"$ref": "#/$defs/a"}}}),
        json!({"properties": {"x": {"anyOf": [{"type": "null"}, {"not": {"$ref": "#/properties/x"}}]}}}),
    ] {
        let error = SchemaValidator::compile(&schema).unwrap_err();
        assert!(matches!(error, SchemaError::Endless(_)), "{error}");
    }
}

#[test]
fn a_recursive_schema_that_descends_is_fine() {
    let schema = json!({"type": "object", "properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}}});
    assert_eq!(complaints(schema, json!({"left": {"right": 1}})), [("/left/right".into(), "an object".into())]);
}

#[test]
fn a_chain_of_doublings_is_refused() {
    let mut definitions = serde_json::Map::new();
    for level in 0..40 {
        let next = json!({"$ref": format!("#/$defs/d{}", level + 1)});
        definitions.insert(format!("d{level}"), json!({"allOf": [next, next]}));
    }
    definitions.insert("d40".into(), json!({"type": "string"}));
    let error = SchemaValidator::compile(&json!({"$ref": "#/$defs/d0", "$defs": definitions})).unwrap_err();
    assert_eq!(error, SchemaError::Explosive);
}

#[test]
fn size_depth_dialect_and_patterns_have_limits() {
    let large = json!({"description": "x".repeat(MAX_BYTES)});
    assert!(matches!(SchemaValidator::compile(&large), Err(SchemaError::TooLarge(_))));
    let deep = (0..MAX_DEPTH).fold(json!({}), |inner, _| json!({"items": inner}));
    assert_eq!(SchemaValidator::compile(&deep).unwrap_err(), SchemaError::TooDeep);
    let old = json!({"$schema": "http://json-schema.org/draft-07/schema#"});
    assert_eq!(SchemaValidator::compile(&old).unwrap_err(), SchemaError::Dialect);
    for pattern in ["(a", "(?=a)b", "(a{1000}){1000}"] {
        let error = SchemaValidator::compile(&json!({"pattern": pattern})).unwrap_err();
        assert!(matches!(error, SchemaError::Invalid { .. }), "{pattern}: {error}");
    }
}

#[test]
fn what_is_not_a_schema_is_refused_with_its_place() {
    let error = SchemaValidator::compile(&json!({"properties": {"a": {"type": "text"}}})).unwrap_err();
    assert!(error.to_string().starts_with("a valid JSON Schema: at `/properties/a/type` it needs"), "{error}");
    assert!(SchemaValidator::compile(&json!("a string")).is_err());
}

#[test]
fn a_long_chain_of_references_does_not_exhaust_the_stack() {
    let levels = 4_000;
    let mut definitions = serde_json::Map::new();
    for level in 0..levels {
        definitions.insert(format!("d{level}"), json!({"items": {"$ref": format!("#/$defs/d{}", level + 1)}}));
    }
    definitions.insert(format!("d{levels}"), json!({"type": "string"}));
    assert_eq!(complaints(json!({"$ref": "#/$defs/d0", "$defs": definitions}), json!([[[[]]]])), []);
}

/// A schema in which each level asks the next one twice about the same member.
fn doubling(levels: usize) -> Value {
    let mut definitions = serde_json::Map::new();
    for level in 0..levels {
        let next = json!({"properties": {"x": {"$ref": format!("#/$defs/d{}", level + 1)}}});
        definitions.insert(format!("d{level}"), json!({"allOf": [next, next]}));
    }
    definitions.insert(format!("d{levels}"), json!({"type": "string"}));
    json!({"$ref": "#/$defs/d0", "$defs": definitions})
}

fn nested(levels: usize, end: Value) -> Value {
    (0..levels).fold(end, |inner, _| json!({"x": inner}))
}

const TOO_LONG: &str = "less, or less deeply nested: it takes too many steps to check this by the schema";

#[test]
fn a_schema_that_doubles_as_it_descends_takes_only_what_can_be_checked() {
    assert_eq!(complaints(doubling(60), nested(60, json!("x"))), [(String::new(), TOO_LONG.to_owned())]);
    assert_eq!(complaints(doubling(60), nested(8, json!({}))), []);
    assert_eq!(complaints(doubling(8), nested(8, json!("x"))), []);
    assert!(complaints(doubling(8), nested(8, json!(1)))[0].0.starts_with("/x/x"));
}

#[test]
fn a_recursive_schema_that_doubles_takes_only_what_can_be_checked() {
    let schema = json!({"anyOf": [
        {"properties": {"kind": {"const": "add"}, "x": {"$ref": "#"}}, "required": ["kind"]},
        {"properties": {"kind": {"const": "mul"}, "x": {"$ref": "#"}}, "required": ["kind"]},
    ]});
    let tree = |levels| (0..levels).fold(json!({"kind": "mul"}), |inner, _| json!({"kind": "mul", "x": inner}));
    assert_eq!(complaints(schema.clone(), tree(10)), []);
    assert_eq!(complaints(schema, tree(100)), [(String::new(), TOO_LONG.to_owned())]);
}

#[test]
fn what_asks_again_for_unevaluated_members_is_counted() {
    let mut schema = json!({"properties": {"x": {"$ref": "#"}}});
    for _ in 0..20 {
        schema = json!({"anyOf": [schema, {"required": ["y"]}], "unevaluatedProperties": true});
    }
    assert_eq!(complaints(schema, nested(60, json!({})))[0].1, TOO_LONG);
}

#[test]
fn the_faults_of_a_large_value_are_not_listed() {
    let schema = json!({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]});
    let mut values = vec![json!("a")];
    values.resize(1_000_000, json!(1));
    let found = complaints(schema, json!(values));
    assert_eq!(found.len(), 1);
    assert!(found[0].1.contains("too much here to list"), "{found:?}");
}

#[test]
fn one_large_text_does_not_hide_what_is_wrong_elsewhere() {
    let schema = json!({"properties": {
        "image": {"anyOf": [{"type": "string"}, {"type": "object"}]}, "model": {"type": "string"},
    }});
    let found = complaints(schema, json!({"image": "x".repeat(4 << 20), "model": 1}));
    assert_eq!(found, [("/model".to_owned(), "a string".to_owned())]);
}

#[test]
fn a_million_numbers_are_checked() {
    let schema = json!({"properties": {"vector": {"type": "array", "items": {"type": "number"}}}});
    assert_eq!(complaints(schema, json!({"vector": vec![0.5; 1_000_000]})), []);
}

#[test]
fn an_id_below_the_top_and_a_name_given_twice_are_refused() {
    for (schema, place) in [
        (json!({"$defs": {"a": {"$id": "https://example.com/a", "$ref": "#"}}}), "/$defs/a/$id"),
        (json!({"$defs": {"a": {"$anchor": "n"}, "b": {"$anchor": "n"}}}), "/$defs/b/$anchor"),
    ] {
        let error = SchemaValidator::compile(&schema).unwrap_err();
        assert!(matches!(&error, SchemaError::Invalid { pointer, .. } if pointer == place), "{error}");
    }
    assert!(SchemaValidator::compile(&json!({"$id": "https://example.com/a", "properties": {"$id": {}}})).is_ok());
}

#[test]
fn a_schema_that_never_ends_is_found_in_what_is_not_applied_either() {
    let schema = json!({"$ref": "#/const", "const": {"properties": {"x": {"$ref": "#/const/properties/x"}}}});
    assert!(matches!(SchemaValidator::compile(&schema), Err(SchemaError::Endless(_))));
}
