//! The properties that objects may have.

use axum::http::Method;
use serde_json::{Value, json};

use super::portal::{Kind, Portal, Properties, Refusal};

/// What every account has.
pub(super) fn built_in(kind: Kind) -> Vec<Value> {
    let (texts, others): (&[&str], &[(&str, &str)]) = match kind {
        Kind::Contacts => (
            &[
                "firstname",
                "lastname",
                "email",
                "phone",
                "mobilephone",
                "company",
                "jobtitle",
                "address",
                "city",
                "state",
                "zip",
            ],
            &[("lifecyclestage", "enumeration")],
        ),
        Kind::Companies => (
            &["name", "domain", "phone", "industry", "description", "address", "city", "state", "zip"],
            &[("numberofemployees", "number"), ("lifecyclestage", "enumeration")],
        ),
        Kind::Deals => (
            &["dealname", "description", "dealstage", "pipeline", "deal_currency_code"],
            &[("amount", "number"), ("closedate", "datetime")],
        ),
        Kind::Calls => (
            &[
                "hs_call_title",
                "hs_call_body",
                "hs_call_from_number",
                "hs_call_to_number",
                "hs_call_status",
                "hs_call_direction",
                "hs_call_disposition",
                "hs_call_recording_url",
            ],
            &[("hs_timestamp", "datetime"), ("hs_call_duration", "number")],
        ),
    };
    let property = |name: &str, kind: &str, read_only: bool| {
        let options = if name == "lifecyclestage" {
            json!([{"label": "Lead", "value": "lead"}, {"label": "Customer", "value": "customer"}])
        } else {
            json!([])
        };
        json!({
            "name": name, "label": name, "type": kind, "fieldType": "text", "description": "", "groupName": "information",
            "options": options, "hubspotDefined": true, "calculated": false, "archived": false, "hidden": false,
            "hasUniqueValue": false, "modificationMetadata": {"readOnlyValue": read_only, "archivable": false, "readOnlyDefinition": true},
        })
    };
    let mut all: Vec<Value> = texts.iter().map(|name| property(name, "string", false)).collect();
    all.extend(others.iter().map(|(name, kind)| property(name, kind, false)));
    all.push(property("hubspot_owner_id", "enumeration", false));
    for name in ["hs_object_id", "hs_merged_object_ids", "associatedcompanyid", "hs_primary_associated_company"] {
        all.push(property(name, "string", true));
    }
    for name in ["hs_is_closed", "hs_is_closed_won"] {
        all.push(property(name, "bool", true));
    }
    all.push(property("hs_deal_stage_probability", "number", true));
    all.push(property("hs_parent_company_id", "number", true));
    all.push(property("createdate", "datetime", true));
    all.push(property(kind.modified(), "datetime", true));
    all
}

/// `/crm/properties/…/{kind}` and what is below it.
pub(super) fn call(portal: &mut Portal, method: &Method, kind: Kind, rest: &[&str], body: &Value) -> (u16, Value) {
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    match (method.as_str(), rest) {
        ("GET", []) => (200, json!({"results": portal.properties[&kind]})),
        ("GET", [name]) => match portal.properties[&kind].iter().find(|property| property["name"] == **name) {
            Some(property) => (200, property.clone()),
            None => (404, refused("OBJECT_NOT_FOUND", &format!("Property {name} does not exist"))),
        },
        ("POST", ["groups"]) if !portal.groups.insert((kind, text("name"))) => {
            (409, refused("CONFLICT", "A group of this name already exists"))
        }
        ("POST", ["groups"]) => (201, body.clone()),
        ("POST", []) => {
            if portal.properties[&kind].iter().any(|property| property["name"] == body["name"]) {
                return (409, refused("CONFLICT", "A property of this name already exists"));
            }
            let needed = ["name", "label", "groupName", "type", "fieldType"];
            if needed.iter().any(|name| text(name).is_empty()) || !portal.groups.contains(&(kind, text("groupName"))) {
                return (
                    400,
                    refused("VALIDATION_ERROR", "a property needs a name, a label, a type and a group that is there"),
                );
            }
            let mut property = body.clone();
            property["hubspotDefined"] = json!(false);
            property["options"] = json!([]);
            property["modificationMetadata"] = json!({"readOnlyValue": false});
            portal.properties.get_mut(&kind).unwrap().push(property.clone());
            (201, property)
        }
        _ => (404, refused("OBJECT_NOT_FOUND", "no such thing")),
    }
}

/// The body of a refusal.
pub(super) fn refused(category: &str, message: &str) -> Value {
    json!({"status": "error", "message": message, "correlationId": "00000000-0000-4000-8000-000000000000", "category": category})
}

/// Properties of a write, checked against the account's.
pub(super) fn checked(portal: &Portal, kind: Kind, own: Option<u64>, body: &Value) -> Result<Properties, Refusal> {
    let mut properties = Properties::new();
    let invalid = |code: &str, name: &str, message: String| {
        let mut refusal = refused("VALIDATION_ERROR", &message);
        refusal["errors"] = json!([{"message": message, "code": code, "context": {"propertyName": [name]}}]);
        (400, refusal)
    };
    let Some(members) = body.as_object() else {
        return Err((400, refused("VALIDATION_ERROR", "properties must be an object")));
    };
    for (name, value) in members {
        let Some(property) = portal.properties[&kind].iter().find(|property| property["name"] == **name) else {
            return Err(invalid("PROPERTY_DOESNT_EXIST", name, format!("Property \"{name}\" does not exist")));
        };
        let Some(value) = value.as_str() else {
            return Err(invalid("INVALID_TYPE", name, format!("{name} must be a text")));
        };
        if property["modificationMetadata"]["readOnlyValue"] == true {
            return Err(invalid("READ_ONLY_VALUE", name, format!("\"{name}\" is a read only property")));
        }
        let fits = match property["type"].as_str() {
            _ if value.is_empty() => true,
            Some("number") => value.parse::<f64>().is_ok(),
            Some("datetime") => value.parse::<u64>().is_ok() || chrono::DateTime::parse_from_rfc3339(value).is_ok(),
            Some("enumeration") if property["options"].as_array().is_some_and(|options| !options.is_empty()) => {
                property["options"].as_array().unwrap().iter().any(|option| option["value"] == value)
            }
            _ => name != "email" || value.contains('@'),
        };
        if !fits {
            return Err(invalid("INVALID_VALUE", name, format!("{value} is not valid for {name}")));
        }
        let is_unique = property["hasUniqueValue"] == true || (kind == Kind::Contacts && name == "email");
        let other =
            portal.by_unique(kind, name, value).filter(|other| is_unique && !value.is_empty() && Some(*other) != own);
        if let Some(other) = other {
            return Err((409, refused("CONFLICT", &format!("Object already exists. Existing ID: {other}"))));
        }
        properties.insert(name.clone(), value.to_owned());
    }
    Ok(properties)
}
