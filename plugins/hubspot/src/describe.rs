//! The fields that objects have in the connected account: HubSpot's properties, those that people made for the account, and what this
//! connector computes.

use patchbay_sdk::Error;
use patchbay_sdk::sync::{Field, FieldKind};
use serde::Deserialize;

use crate::api::Api;
use crate::call_log::{COMPUTED, Computed};
use crate::failure;
use crate::object::{AMOUNT_CURRENCY, AMOUNT_MINOR, CONTACT, CONTACTS, DEAL_STATUS};
use crate::own_id;
use crate::resource::Resource;

/// The most fields and choices that are told.
const MOST: usize = 4_900;

/// The longest name and title, in bytes and in characters.
const MAX_NAME: usize = 256;
const MAX_TITLE: usize = 250;

#[derive(Deserialize)]
struct Properties {
    #[serde(default)]
    results: Vec<Property>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Property {
    name: String,
    #[serde(default)]
    label: String,
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    options: Vec<Choice>,
    #[serde(default)]
    has_unique_value: bool,
    #[serde(default)]
    hubspot_defined: bool,
    #[serde(default)]
    calculated: bool,
    #[serde(default)]
    archived: bool,
    #[serde(default)]
    referenced_object_type: Option<String>,
    #[serde(default)]
    modification_metadata: Option<Modification>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Modification {
    #[serde(default)]
    read_only_value: bool,
}

/// The fields of a resource.
pub(crate) fn fields(resource: &str) -> Result<Vec<Field>, Error> {
    let resource = Resource::named(resource)?;
    let api = Api::open()?;
    let path = api.properties(resource.path(), "");
    let found: Properties = api.get(&path, &[("archived", "false")]).map_err(failure::deferred)?;
    let own = found.results.into_iter().filter(|property| !property.archived && is_name(&property.name));
    let mut fields: Vec<Field> = own.map(|property| property.field(resource)).take(MOST).collect();
    fields.extend(computed(resource));
    Ok(fields)
}

impl Property {
    fn field(self, resource: Resource) -> Field {
        let read_only = self.modification_metadata.is_some_and(|modification| modification.read_only_value);
        let company = is_company(resource, &self.name);
        let title = if self.label.is_empty() { self.name.clone() } else { self.label };
        let kind = match self.kind.as_str() {
            _ if company => FieldKind::Reference,
            // of owners, whom no sync knows
            _ if self.referenced_object_type.is_some() => FieldKind::Text,
            "number" => FieldKind::Number,
            "bool" => FieldKind::Boolean,
            "date" => FieldKind::Date,
            // HubSpot keeps an instant of what people choose as a day
            "datetime" if self.name == "closedate" => FieldKind::Date,
            "datetime" => FieldKind::Time,
            "enumeration" => FieldKind::Choice,
            _ => FieldKind::Text,
        };
        let choices = self.options.into_iter().map(|choice| choice.value).filter(|value| !value.is_empty());
        Field {
            title: title.chars().filter(|letter| !letter.is_control()).take(MAX_TITLE).collect(),
            required: resource == Resource::Calls && self.name == "hs_timestamp",
            readable: true,
            // which company it is, is said by an association
            writable: company || !(read_only || self.calculated),
            unique: self.has_unique_value || (resource == Resource::Contacts && self.name == "email"),
            custom: !self.hubspot_defined && self.name != own_id::PROPERTY,
            choices: if kind == FieldKind::Choice { choices.take(MOST).collect() } else { Vec::new() },
            kind,
            name: self.name,
        }
    }
}

fn is_company(resource: Resource, name: &str) -> bool {
    matches!(
        (resource, name),
        (Resource::Contacts, "associatedcompanyid") | (Resource::Deals, "hs_primary_associated_company")
    )
}

fn is_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len()) && !name.contains(char::is_control)
}

/// What is not a property.
fn computed(resource: Resource) -> Vec<Field> {
    match resource {
        Resource::Deals => of_deals(),
        Resource::Calls => {
            let field = |one: &Computed| Field { readable: false, ..Field::new(one.name, one.title, FieldKind::Text) };
            COMPUTED.iter().map(field).collect()
        }
        Resource::Contacts | Resource::Companies => Vec::new(),
    }
}

fn of_deals() -> Vec<Field> {
    let status = Field {
        writable: false,
        choices: ["open", "won", "lost"].map(str::to_owned).into(),
        ..Field::new(DEAL_STATUS, "State: open, won or lost", FieldKind::Choice)
    };
    vec![
        status,
        Field::new(AMOUNT_MINOR, "Amount in the currency's smallest unit", FieldKind::Number),
        Field::new(AMOUNT_CURRENCY, "Currency of the amount", FieldKind::Text),
        Field::new(CONTACTS, "Associated contacts", FieldKind::Reference),
        Field::new(CONTACT, "First associated contact", FieldKind::Reference),
    ]
}
