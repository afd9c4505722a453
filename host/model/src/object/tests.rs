use serde_json::json;

use super::*;
use crate::filter::Filter;

#[test]
fn every_object_has_a_schema_that_says_what_it_is() {
    for object in StandardObject::ALL {
        let schema = object.schema();
        assert_eq!(schema["title"], object.as_str());
        assert_eq!(schema["$id"], format!("urn:patchbay:object:{object}:{}", object.version()));
        assert!(!object.description().is_empty(), "{object}");
        assert!(object.has_field("external_ids") && object.has_field("extra"), "{object}");
        assert!(object.example().is_object(), "{object}");
        assert_eq!(object.as_str().parse(), Ok(*object));
        assert!(NoObject.to_string().contains(object.as_str()), "{object}");
        for index in object.indexes() {
            assert!(object.has_field(index), "{object} has no field {index}");
            assert!(object.list_of(index).is_none_or(|list| object.has_field(list)), "{object} has no list of {index}");
        }
    }
}

#[test]
fn values_that_are_equal_are_indexed_alike() {
    assert_eq!(indexed_as(&json!(1)), indexed_as(&json!(1.0)));
    assert_eq!(indexed_as(&json!(0)), indexed_as(&json!(-0.0)));
    assert_ne!(indexed_as(&json!("1")), indexed_as(&json!(1)));
    assert_ne!(indexed_as(&json!("true")), indexed_as(&json!(true)));
    for value in [json!(null), json!([]), json!({})] {
        assert_eq!(indexed_as(&value), None);
    }
    let long = "é".repeat(5_000);
    assert_eq!(indexed_as(&json!(long)).unwrap().chars().count(), 129, "of a long text the beginning");
}

#[test]
fn a_record_is_found_by_its_indexed_fields_and_its_vendors_ids() {
    let data = json!({"email": "ada@example.com", "name": "Ada", "external_ids": {"hubspot": "151"}});
    let entries: Vec<_> = index_entries(StandardObject::Contact, &data).into_iter().collect();
    let entry = |field: &str, value: &str| (field.to_owned(), value.to_owned());
    assert_eq!(entries, [entry("email", "sada@example.com"), entry("external_ids.hubspot", "s151")]);
    let contact = StandardObject::Contact;
    assert!(contact.is_indexed("email") && contact.is_indexed("external_ids.hubspot"));
    assert!(
        !contact.is_indexed("name") && !contact.is_indexed("external_ids") && !contact.is_indexed("external_ids.a.b")
    );
    assert!(contact.selectivity("external_ids.hubspot") < contact.selectivity("email"));
    assert!(contact.selectivity("email") < contact.selectivity("status"));
}

#[test]
fn a_person_is_found_by_each_of_their_numbers() {
    let contact = StandardObject::Contact;
    let data = json!({"phone": "+15550100", "phones": ["+15550100", "+15550101", "+15550101", "+15550102"]});
    let entries: Vec<_> = index_entries(contact, &data).into_iter().collect();
    let entry = |field: &str, value: &str| (field.to_owned(), format!("s{value}"));
    assert_eq!(entries, [entry("phone", "+15550100"), entry("phones", "+15550101"), entry("phones", "+15550102")]);
    assert!(!contact.is_indexed("phones"), "they are asked for by `phone`");

    let data =
        json!({"phone": "+15550100", "phones": ["+15550101"], "emails": ["a@example.com"], "status": "customer"});
    let wanted = |filter: Value| is_wanted(contact, &Filter::parse(&filter).unwrap(), &data);
    for filter in [
        json!({"phone": "+15550100"}),
        json!({"phone": "+15550101"}),
        json!({"phone": {"in": ["+15550199", "+15550101"]}, "status": "customer"}),
        json!({"phone": "+15550101", "email": "a@example.com"}),
        json!({"/phone": "+15550101", "do_not_call": null}),
    ] {
        assert!(wanted(filter.clone()), "{filter}");
    }
    for filter in [
        json!({"phone": "+15550199"}),
        json!({"phone": "+15550101", "status": "lead"}),
        json!({"phone": "+15550101", "email": "b@example.com"}),
        json!({"phone": "+15550101", "not": {"status": "customer"}}),
        json!({"phones": "+15550101"}),
        json!({"status": "+15550101"}),
        json!({"not": {"phone": "+15550100"}}),
    ] {
        assert!(!wanted(filter.clone()), "{filter}");
    }
    let company = json!({"phone": "+15550100", "phones": ["+15550101"]});
    let filter = Filter::parse(&json!({"phone": "+15550101"})).unwrap();
    assert!(!is_wanted(StandardObject::Company, &filter, &company), "a company has no such list");
}

#[test]
fn what_changed_are_the_fields_that_differ() {
    let (before, after) = (json!({"a": 1, "b": 2, "c": 3}), json!({"b": 2, "c": 4, "d": 5}));
    assert_eq!(changed_fields(Some(&before), Some(&after)), ["a", "c", "d"]);
    assert_eq!(changed_fields(None, Some(&after)), ["b", "c", "d"]);
    assert_eq!(changed_fields(Some(&after), Some(&after)), Vec::<String>::new());
}
