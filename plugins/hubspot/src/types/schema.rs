//! How the account is set up.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ObjectType;

/// Nothing to say.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// The account that is connected.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Account {
    /// HubSpot's number of it, which is the `hub_id`.
    pub portal_id: u64,
    /// `STANDARD`, `SANDBOX`, `DEVELOPER_TEST` or `APP_DEVELOPER`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// ISO 4217.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// As HubSpot names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
}

/// Which properties objects of a kind have.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListProperties {
    /// Of which kind.
    pub object: ObjectType,
}

/// Properties.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Properties {
    /// All of them.
    #[serde(default)]
    pub results: Vec<Property>,
}

/// A property.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Property {
    /// Its name in the API.
    pub name: String,
    /// What people call it.
    #[serde(default)]
    pub label: String,
    /// `string`, `number`, `bool`, `date`, `datetime`, `enumeration` and others.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// The values that it can have.
    #[serde(default)]
    pub options: Vec<PropertyOption>,
    /// No two objects have the same value.
    #[serde(default)]
    pub has_unique_value: bool,
    /// It is HubSpot's own.
    #[serde(default)]
    pub hubspot_defined: bool,
}

/// A value that a property can have.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct PropertyOption {
    /// In the API.
    #[serde(default)]
    pub value: String,
    /// What people see.
    #[serde(default)]
    pub label: String,
}

/// Who uses HubSpot.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListOwners {
    /// The one with this e-mail address.
    #[serde(default)]
    #[schemars(length(min = 3, max = 320))]
    pub email: Option<String>,
    /// How many at most. Default: 100.
    #[serde(default)]
    #[schemars(range(min = 1, max = 500))]
    pub limit: Option<u32>,
    /// `after` of the page before.
    #[serde(default)]
    #[schemars(length(min = 1, max = 500))]
    pub after: Option<String>,
}

/// People.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Owners {
    /// Some of them.
    pub results: Vec<Owner>,
    /// For the next page; none on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// Somebody who uses HubSpot.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Owner {
    /// What `hubspot_owner_id` of an object says.
    pub id: String,
    /// Their e-mail address.
    #[serde(default)]
    pub email: Option<String>,
    /// Their first name.
    #[serde(default)]
    pub first_name: Option<String>,
    /// Their last name.
    #[serde(default)]
    pub last_name: Option<String>,
    /// They do not use it any more.
    #[serde(default)]
    pub archived: bool,
}

/// The pipelines of a kind of objects.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListPipelines {
    /// Of which kind: deals and tickets have some.
    pub object: ObjectType,
}

/// Pipelines.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Pipelines {
    /// All of them.
    #[serde(default)]
    pub results: Vec<Pipeline>,
}

/// The stages that something goes through.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Pipeline {
    /// What `pipeline` of a deal says.
    pub id: String,
    /// What people call it.
    #[serde(default)]
    pub label: String,
    /// In order.
    #[serde(default)]
    pub stages: Vec<Stage>,
}

/// One stage.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Stage {
    /// What `dealstage` of a deal says.
    pub id: String,
    /// What people call it.
    #[serde(default)]
    pub label: String,
}
