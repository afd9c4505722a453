//! Which fields an object has in this org, its own among them.

use patchbay_sdk::sync::{Field, FieldKind};
use patchbay_sdk::{Error, http};
use serde::Deserialize;

use super::Resource;
use crate::api::{self, Org};

/// Fields and choices that are told, at most.
const MOST: usize = 5_000;

#[derive(Deserialize)]
struct Described {
    fields: Vec<DescribedField>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DescribedField {
    name: String,
    label: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    nillable: bool,
    #[serde(default)]
    createable: bool,
    #[serde(default)]
    updateable: bool,
    #[serde(default)]
    defaulted_on_create: bool,
    #[serde(default)]
    unique: bool,
    #[serde(default)]
    custom: bool,
    #[serde(default)]
    picklist_values: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    value: String,
    #[serde(default)]
    active: bool,
}

/// The fields of an object.
pub(crate) fn fields(resource: &str) -> Result<Vec<Field>, Error> {
    let org = Org::load()?;
    let url = org.object_url(Resource::named(resource)?.name(), "/describe")?;
    let described: Described = api::send(http::Request::get(url))?.read()?;
    Ok(described.fields.into_iter().filter_map(field).take(MOST).collect())
}

/// Nothing for what is made of other fields, as an address is, and for files.
fn field(described: DescribedField) -> Option<Field> {
    let kind = match described.kind.as_str() {
        "address" | "location" | "base64" | "complexvalue" => return None,
        "boolean" => FieldKind::Boolean,
        "int" | "long" | "double" | "currency" | "percent" => FieldKind::Number,
        "date" => FieldKind::Date,
        "datetime" => FieldKind::Time,
        "picklist" | "multipicklist" => FieldKind::Choice,
        "reference" | "id" => FieldKind::Reference,
        _ => FieldKind::Text,
    };
    Some(Field {
        required: described.createable && !described.nillable && !described.defaulted_on_create,
        writable: described.createable || described.updateable,
        unique: described.unique || described.kind == "id",
        custom: described.custom,
        choices: described
            .picklist_values
            .into_iter()
            .filter(|choice| choice.active)
            .map(|choice| choice.value)
            .take(MOST)
            .collect(),
        ..Field::new(described.name, described.label, kind)
    })
}
