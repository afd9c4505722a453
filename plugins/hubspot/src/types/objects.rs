//! Objects, one and several.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A kind of HubSpot's objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ObjectType {
    /// People.
    Contacts,
    /// Companies.
    Companies,
    /// Sales that may come about.
    Deals,
    /// Support requests.
    Tickets,
    /// Calls in timelines.
    Calls,
    /// Notes in timelines.
    Notes,
    /// Tasks in timelines.
    Tasks,
    /// Meetings in timelines.
    Meetings,
    /// E-mails in timelines.
    Emails,
}

impl ObjectType {
    /// As in URLs.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Contacts => "contacts",
            Self::Companies => "companies",
            Self::Deals => "deals",
            Self::Tickets => "tickets",
            Self::Calls => "calls",
            Self::Notes => "notes",
            Self::Tasks => "tasks",
            Self::Meetings => "meetings",
            Self::Emails => "emails",
        }
    }
}

/// Reads one object.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetObject {
    /// Of which kind.
    pub object: ObjectType,
    /// HubSpot's id, or the value of `id_property`.
    #[schemars(length(min = 1, max = 500))]
    pub id: String,
    /// A property of which no two have the same value, as `email` of contacts.
    #[serde(default)]
    #[schemars(length(min = 1, max = 200))]
    pub id_property: Option<String>,
    /// Which properties are wanted. Default: those that HubSpot gives by itself.
    #[serde(default)]
    #[schemars(length(max = 100), inner(length(min = 1, max = 200)))]
    pub properties: Vec<String>,
}

/// One of HubSpot's objects.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Object {
    /// HubSpot's id.
    pub id: String,
    /// Its properties, each as text.
    #[serde(default)]
    pub properties: BTreeMap<String, Option<String>>,
    /// When it was made, in RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// When it was last changed, in RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<String>,
    /// True if it is in the recycle bin.
    #[serde(default)]
    pub archived: bool,
    /// Of an upsert: true if it was not there before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<bool>,
}

/// Another object that a new one belongs to.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct With {
    /// HubSpot's id of the other one.
    #[schemars(regex(pattern = r"^[0-9]{1,20}$"))]
    pub id: String,
    /// In which way: HubSpot's number of the association, as 3 from a deal to a contact.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub type_id: u32,
}

/// Makes one object.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateObject {
    /// Of which kind.
    pub object: ObjectType,
    /// Its properties.
    #[schemars(length(min = 1, max = 500))]
    pub properties: BTreeMap<String, String>,
    /// What it belongs to.
    #[serde(default)]
    #[schemars(length(max = 50))]
    pub associations: Vec<With>,
}

/// Changes some properties of an object.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateObject {
    /// Of which kind.
    pub object: ObjectType,
    /// HubSpot's id, or the value of `id_property`.
    #[schemars(length(min = 1, max = 500))]
    pub id: String,
    /// As for reading.
    #[serde(default)]
    #[schemars(length(min = 1, max = 200))]
    pub id_property: Option<String>,
    /// The properties that are set; the empty text unsets one.
    #[schemars(length(min = 1, max = 500))]
    pub properties: BTreeMap<String, String>,
}

/// Puts an object into the recycle bin.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteObject {
    /// Of which kind.
    pub object: ObjectType,
    /// HubSpot's id.
    #[schemars(regex(pattern = r"^[0-9]{1,20}$"))]
    pub id: String,
}

/// An object is in the recycle bin, whether it was there before or not.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Archived {
    /// Always true.
    pub archived: bool,
}

/// Reads up to a hundred objects.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchRead {
    /// Of which kind.
    pub object: ObjectType,
    /// HubSpot's ids, or values of `id_property`.
    #[schemars(length(min = 1, max = 100), inner(length(min = 1, max = 500)))]
    pub ids: Vec<String>,
    /// As for reading one.
    #[serde(default)]
    #[schemars(length(min = 1, max = 200))]
    pub id_property: Option<String>,
    /// Which properties are wanted.
    #[serde(default)]
    #[schemars(length(max = 100), inner(length(min = 1, max = 200)))]
    pub properties: Vec<String>,
    /// Those in the recycle bin in place of the others.
    #[serde(default)]
    pub archived: bool,
}

/// Objects; those that are not there are left out.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ObjectList {
    /// In no order.
    #[serde(default)]
    pub results: Vec<Object>,
}

/// Makes or changes up to a hundred objects, each known by a property of which no two have the same value.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchUpsert {
    /// Of which kind.
    pub object: ObjectType,
    /// That property, as `email` of contacts.
    #[schemars(length(min = 1, max = 200))]
    pub id_property: String,
    /// What they become.
    #[schemars(length(min = 1, max = 100))]
    pub inputs: Vec<UpsertInput>,
}

/// What one object becomes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpsertInput {
    /// Its value of the property.
    #[schemars(length(min = 1, max = 500))]
    pub id: String,
    /// The properties that are set.
    #[schemars(length(max = 500))]
    pub properties: BTreeMap<String, String>,
}

/// Makes two objects of a kind one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MergeObjects {
    /// Of which kind.
    pub object: ObjectType,
    /// The one whose values count.
    #[schemars(regex(pattern = r"^[0-9]{1,20}$"))]
    pub primary: String,
    /// The one that goes.
    #[schemars(regex(pattern = r"^[0-9]{1,20}$"))]
    pub merged: String,
}

/// Says that an object belongs to another.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Associate {
    /// The kind of the one.
    pub from_object: ObjectType,
    /// HubSpot's id of the one.
    #[schemars(regex(pattern = r"^[0-9]{1,20}$"))]
    pub from: String,
    /// The kind of the other.
    pub to_object: ObjectType,
    /// HubSpot's id of the other.
    #[schemars(regex(pattern = r"^[0-9]{1,20}$"))]
    pub to: String,
    /// In which way: HubSpot's number. Default: the usual way between the two kinds.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub type_id: Option<u32>,
}

/// Two objects belong together.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Associated {
    /// Always true.
    pub associated: bool,
}

/// What an object belongs to.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListAssociations {
    /// The kind of the one.
    pub from_object: ObjectType,
    /// HubSpot's ids of the ones.
    #[schemars(length(min = 1, max = 100), inner(regex(pattern = r"^[0-9]{1,20}$")))]
    pub from: Vec<String>,
    /// The kind of the others.
    pub to_object: ObjectType,
}

/// What several objects belong to.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AssociationList {
    /// One for each pair.
    pub results: Vec<AssociatedWith>,
}

/// One that belongs to another.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AssociatedWith {
    /// HubSpot's id of the one.
    pub from: String,
    /// HubSpot's id of the other.
    pub to: String,
    /// In which ways.
    pub types: Vec<AssociationType>,
}

/// A way in which two objects belong together.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct AssociationType {
    /// Who made it up: `HUBSPOT_DEFINED`, `USER_DEFINED`.
    pub category: String,
    /// HubSpot's number.
    #[serde(rename(deserialize = "typeId"))]
    pub type_id: u32,
    /// What people call it.
    #[serde(default)]
    pub label: Option<String>,
}
