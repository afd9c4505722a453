//! The objects of the org and their fields.

use serde_json::{Value, json};

use super::{EXTERNAL, store::State};

/// A field: its name, type, and what may be done with it.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) kind: &'static str,
    /// May it be set?
    pub(super) writable: bool,
    /// Is there no record without it?
    pub(super) required: bool,
}

const fn set(name: &'static str, kind: &'static str) -> Field {
    Field { name, kind, writable: true, required: false }
}

const fn needed(name: &'static str, kind: &'static str) -> Field {
    Field { name, kind, writable: true, required: true }
}

const fn own(name: &'static str, kind: &'static str) -> Field {
    Field { name, kind, writable: false, required: false }
}

/// Of every object.
static COMMON: [Field; 5] = [
    own("Id", "id"),
    own("SystemModstamp", "datetime"),
    own("CreatedDate", "datetime"),
    own("LastModifiedDate", "datetime"),
    own("IsDeleted", "boolean"),
];
static CONTACT: [Field; 17] = [
    needed("LastName", "string"),
    set("FirstName", "string"),
    own("Name", "string"),
    set("Email", "email"),
    set("Phone", "phone"),
    set("MobilePhone", "phone"),
    set("Title", "string"),
    set("AccountId", "reference"),
    set("LeadSource", "picklist"),
    set("MailingStreet", "textarea"),
    set("MailingCity", "string"),
    set("MailingState", "string"),
    set("MailingPostalCode", "string"),
    set("Description", "textarea"),
    own("MasterRecordId", "reference"),
    own("MailingAddress", "address"),
    set(EXTERNAL, "string"),
];
static ACCOUNT: [Field; 14] = [
    needed("Name", "string"),
    set("Website", "url"),
    set("Phone", "phone"),
    set("Industry", "picklist"),
    set("NumberOfEmployees", "int"),
    set("BillingStreet", "textarea"),
    set("BillingCity", "string"),
    set("BillingState", "string"),
    set("BillingPostalCode", "string"),
    set("Description", "textarea"),
    set("ParentId", "reference"),
    own("MasterRecordId", "reference"),
    own("BillingAddress", "address"),
    set(EXTERNAL, "string"),
];
static OPPORTUNITY: [Field; 9] = [
    needed("Name", "string"),
    needed("StageName", "picklist"),
    needed("CloseDate", "date"),
    set("Amount", "currency"),
    set("AccountId", "reference"),
    set("LeadSource", "picklist"),
    set("Description", "textarea"),
    own("IsWon", "boolean"),
    set(EXTERNAL, "string"),
];
static TASK: [Field; 11] = [
    set("Subject", "combobox"),
    set("Status", "picklist"),
    set("TaskSubtype", "picklist"),
    set("WhoId", "reference"),
    set("WhatId", "reference"),
    set("ActivityDate", "date"),
    set("CallType", "picklist"),
    set("CallDurationInSeconds", "int"),
    set("CallDisposition", "string"),
    set("CallObject", "string"),
    set("Description", "textarea"),
];

/// Objects, with what their ids begin with.
pub(super) const OBJECTS: [(&str, &str); 4] =
    [("Contact", "003"), ("Account", "001"), ("Opportunity", "006"), ("Task", "00T")];

/// The fields of an object in this org; nothing if there is no such object.
pub(super) fn of(state: &State, object: &str) -> Option<Vec<&'static Field>> {
    let own: &'static [Field] = match object {
        "Contact" => &CONTACT,
        "Account" => &ACCOUNT,
        "Opportunity" => &OPPORTUNITY,
        "Task" => &TASK,
        _ => return None,
    };
    let there = |field: &&Field| state.has_external_id || field.name != EXTERNAL;
    Some(COMMON.iter().chain(own).filter(there).collect())
}

/// A field by its name, in whatever case.
pub(super) fn find(state: &State, object: &str, name: &str) -> Option<&'static Field> {
    of(state, object)?.into_iter().find(|field| field.name.eq_ignore_ascii_case(name))
}

/// True if a value can stand in a field.
pub(super) fn fits(field: &Field, value: &Value) -> bool {
    match (field.kind, value) {
        (_, Value::Null) => !field.required,
        ("int" | "currency", value) => value.is_number(),
        ("boolean", value) => value.is_boolean(),
        ("date", Value::String(text)) => chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok(),
        ("email", Value::String(text)) => text.contains('@'),
        (_, Value::String(text)) => !field.required || !text.trim().is_empty(),
        _ => false,
    }
}

/// The answer to `describe`.
pub(super) fn described(state: &State, object: &str) -> Option<Value> {
    let fields: Vec<Value> = of(state, object)?
        .into_iter()
        .map(|field| {
            let external = field.name == EXTERNAL;
            let choices = if field.kind == "picklist" { json!([{"value": "Web", "label": "Web", "active": true}]) } else { json!([]) };
            json!({
                "name": field.name, "label": field.name, "type": field.kind, "length": 255, "nillable": !field.required,
                "createable": field.writable, "updateable": field.writable, "defaultedOnCreate": false, "unique": external,
                "externalId": external, "idLookup": external, "custom": external, "picklistValues": choices,
            })
        })
        .collect();
    Some(json!({"name": object, "label": object, "custom": false, "fields": fields}))
}
