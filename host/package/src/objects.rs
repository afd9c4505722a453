//! The schemas of standard objects, compiled once for all plugins.

use std::{collections::HashMap, sync::LazyLock};

use patchbay_model::object::StandardObject;

use crate::SchemaValidator;

static VALIDATORS: LazyLock<HashMap<StandardObject, SchemaValidator>> = LazyLock::new(|| {
    // one that does not compile fails the test below, and is never shipped
    let compiled = |object: StandardObject| SchemaValidator::compile(object.schema()).ok();
    StandardObject::ALL.iter().filter_map(|object| Some((*object, compiled(*object)?))).collect()
});

/// What is valid for an object.
#[must_use]
pub fn validator(object: StandardObject) -> Option<&'static SchemaValidator> {
    VALIDATORS.get(&object)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_schema_compiles_and_takes_its_example() {
        for object in StandardObject::ALL {
            let schema = SchemaValidator::compile(object.schema()).unwrap_or_else(|error| panic!("{object}: {error}"));
            assert_eq!(schema.validate(&object.example()), Ok(()), "{object}");
            assert!(validator(*object).is_some());
        }
    }

    #[test]
    fn what_every_reader_relies_on_is_demanded() {
        let refused = |object: StandardObject, member: &str, value: serde_json::Value| {
            let mut example = object.example();
            example[member] = value;
            let violations = validator(object).unwrap().validate(&example).expect_err(member);
            assert!(violations.iter().any(|v| v.pointer.starts_with(&format!("/{member}")) || v.pointer.is_empty()));
        };
        refused(StandardObject::Call, "from", json!("555-0100"));
        refused(StandardObject::Call, "started_at", json!("yesterday"));
        refused(StandardObject::Call, "price", json!({"amount": 0.02, "currency": "USD"}));
        refused(StandardObject::Call, "price", json!({"amount": 2, "currency": "usd"}));
        refused(StandardObject::Contact, "email", json!("Ada@example.com"));
        refused(StandardObject::Contact, "nickname", json!("A"));
        refused(StandardObject::Contact, "external_ids", json!({"HubSpot": "1"}));
        refused(StandardObject::Invoice, "status", json!("overdue"));
    }

    #[test]
    fn what_only_one_source_knows_has_its_place() {
        let mut example = StandardObject::Deal.example();
        example["extra"] = json!({"salesforce": {"ForecastCategory": "Pipeline"}});
        assert_eq!(validator(StandardObject::Deal).unwrap().validate(&example), Ok(()));
    }
}
