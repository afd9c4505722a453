use super::*;

/// A mapping's one field as the guide shows it, in a mapping.
fn of_field(field: &Value) -> Mapping {
    mapping(json!({ "fields": [field] }))
}

fn violations(mapping: &Mapping, object: StandardObject) -> Vec<String> {
    let both = [Direction::In, Direction::Out];
    validate(mapping, object.schema(), None, &both).into_iter().map(|violation| violation.pointer).collect()
}

#[test]
fn the_guide_says_what_is_so() {
    let (mut field, mut given, mut examples) = (Value::Null, Value::Null, 0);
    for block in include_str!("../../../../../docs/guides/mapping-fields.md").split("```json ").skip(1) {
        let (says, rest) = block.split_once('\n').unwrap();
        let example: Value = serde_json::from_str(rest.split("```").next().unwrap()).expect(says);
        match says.split_once(' ').unwrap_or((says, "")) {
            ("mapping", object) => {
                assert_eq!(violations(&mapping(example), object.parse().unwrap()), Vec::<String>::new());
            }
            ("field", object) => {
                assert_eq!(violations(&of_field(&example), object.parse().unwrap()), Vec::<String>::new(), "{example}");
                field = example;
            }
            ("refused", says) => {
                let (object, place) = says.split_once(' ').unwrap();
                assert_eq!(violations(&mapping(example), object.parse().unwrap()), [place]);
            }
            ("settings", _) => {
                let settings: SyncSettings = serde_json::from_value(example).unwrap();
                assert!(settings.violations().is_empty());
            }
            ("there" | "here", _) => given = example,
            ("comes", _) => {
                let mut record = json!({});
                for (pointer, value) in to_hub(&of_field(&field), &members(given.clone()), &Linked).values {
                    pointer::put(&mut record, &pointer, value);
                }
                assert_eq!(record, example, "{field} of {given}");
            }
            ("goes", _) => {
                let values = to_vendor(&of_field(&field), &given, &Linked).values;
                assert_eq!(json!(values), example, "{field} of {given}");
            }
            ("problem", _) => {
                let problems = [
                    to_hub(&of_field(&field), &members(given.clone()), &Linked).problems,
                    to_vendor(&of_field(&field), &given, &Linked).problems,
                ]
                .concat();
                assert_eq!(json!(problems.iter().map(|problem| problem.problem).collect::<Vec<_>>()), example);
            }
            other => panic!("{other:?}"),
        }
        examples += 1;
    }
    assert!(examples > 40, "{examples}");
}
