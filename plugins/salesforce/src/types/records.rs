//! Records: one, many, and requests that belong together.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A record that is read.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "SalesforceGet")]
pub struct Get {
    /// The object's API name, as `Contact`.
    #[schemars(length(min = 1, max = 100))]
    pub object: String,
    /// The record's id, or the value of `field`.
    #[schemars(length(min = 1, max = 500))]
    pub id: String,
    /// An External Id field, in the place of the id.
    #[serde(default)]
    #[schemars(length(min = 1, max = 100))]
    pub field: Option<String>,
    /// What is read. Default: all fields.
    #[serde(default)]
    #[schemars(length(max = 200))]
    pub fields: Vec<String>,
}

/// A record, as Salesforce gives it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(title = "SalesforceRecord")]
pub struct Record {
    /// Its fields.
    pub record: Map<String, Value>,
}

/// A record that is made.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "SalesforceCreate")]
pub struct Create {
    /// The object's API name.
    #[schemars(length(min = 1, max = 100))]
    pub object: String,
    /// Its fields.
    pub fields: Map<String, Value>,
}

/// A record that is changed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "SalesforceUpdate")]
pub struct Update {
    /// The object's API name.
    #[schemars(length(min = 1, max = 100))]
    pub object: String,
    /// The record's id.
    #[schemars(length(min = 15, max = 18))]
    pub id: String,
    /// What changes; null empties a field.
    pub fields: Map<String, Value>,
}

/// A record that is changed, or made.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "SalesforceUpsert")]
pub struct Upsert {
    /// The object's API name.
    #[schemars(length(min = 1, max = 100))]
    pub object: String,
    /// A unique External Id field. Default: the settings'.
    #[serde(default)]
    #[schemars(length(min = 1, max = 100))]
    pub field: Option<String>,
    /// Its value.
    #[schemars(length(min = 1, max = 255))]
    pub value: String,
    /// The other fields.
    pub fields: Map<String, Value>,
    /// It is changed if it is there, and never made. Default: no.
    #[serde(default)]
    pub update_only: bool,
}

/// A record that goes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "SalesforceDelete")]
pub struct Delete {
    /// The object's API name.
    #[schemars(length(min = 1, max = 100))]
    pub object: String,
    /// The record's id.
    #[schemars(length(min = 15, max = 18))]
    pub id: String,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(title = "SalesforceWritten")]
pub struct Written {
    /// The record's id.
    pub id: String,
    /// It was not there before.
    pub created: bool,
    /// Where a person sees it.
    pub url: String,
}

/// One of several requests.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// HTTP method.
    pub method: Method,
    /// Below the API's version, as in `/sobjects/Contact`; `@{account.id}` is what another part gave.
    #[schemars(length(min = 2, max = 14000))]
    pub path: String,
    /// The part's name.
    #[schemars(length(min = 1, max = 100))]
    pub reference_id: String,
    /// The body.
    #[serde(default)]
    pub body: Option<Value>,
}

/// An HTTP method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Reads.
    Get,
    /// Makes.
    Post,
    /// Puts in the place of.
    Put,
    /// Changes.
    Patch,
    /// Deletes.
    Delete,
}

/// Requests that belong together.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "SalesforceComposite")]
pub struct Composite {
    /// In this order.
    #[schemars(length(min = 1, max = 25))]
    pub requests: Vec<Part>,
    /// If one fails, none counts. Default: no.
    #[serde(default)]
    pub all_or_none: bool,
}

/// What became of the requests.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(title = "SalesforceCompositeResults")]
pub struct CompositeResults {
    /// By the parts' names.
    pub results: BTreeMap<String, PartResult>,
}

/// What became of one request.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PartResult {
    /// HTTP status.
    pub status: u16,
    /// What Salesforce answered.
    pub body: Value,
}

/// What is done with many records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// They are made.
    Create,
    /// They are changed, each by its `id`.
    Update,
    /// They are changed or made, by an External Id field.
    Upsert,
    /// They go, each by its `id`.
    Delete,
}

/// Many records.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "SalesforceCollection")]
pub struct Collection {
    /// What is done.
    pub operation: Operation,
    /// The object's API name.
    #[schemars(length(min = 1, max = 100))]
    pub object: String,
    /// For an upsert, the External Id field. Default: the settings'.
    #[serde(default)]
    #[schemars(length(min = 1, max = 100))]
    pub field: Option<String>,
    /// Their fields.
    #[schemars(length(min = 1, max = 200))]
    pub records: Vec<Map<String, Value>>,
}

/// What became of many records.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(title = "SalesforceCollectionResults")]
pub struct CollectionResults {
    /// In the records' order.
    pub results: Vec<RecordResult>,
}

/// What became of one record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RecordResult {
    /// It was done.
    pub success: bool,
    /// The record's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// It was not there before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<bool>,
    /// Why not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<RecordError>,
}

/// Why a record was not written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RecordError {
    /// Salesforce's code.
    pub code: String,
    /// Salesforce's words.
    pub message: String,
    /// The fields that are to blame.
    pub fields: Vec<String>,
}

/// Records that are read.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "SalesforceRetrieve")]
pub struct Retrieve {
    /// The object's API name.
    #[schemars(length(min = 1, max = 100))]
    pub object: String,
    /// The records' ids.
    #[schemars(length(min = 1, max = 2000))]
    pub ids: Vec<String>,
    /// What is read of each.
    #[schemars(length(min = 1, max = 200))]
    pub fields: Vec<String>,
}

/// Records that were read.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(title = "SalesforceRetrieved")]
pub struct Retrieved {
    /// In the order of the ids; null for one that is not there.
    pub records: Vec<Option<Map<String, Value>>>,
}
