//! Queries, what an org has, and what is left of its limits.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A query.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "SalesforceQuery")]
pub struct Query {
    /// SOQL, as in `SELECT Id, Name FROM Account LIMIT 10`.
    #[schemars(length(min = 1, max = 12000))]
    pub soql: String,
    /// Also what is deleted or archived. Default: no.
    #[serde(default)]
    pub all: bool,
    /// Records on a page, as a hint. Default: 2000.
    #[serde(default)]
    #[schemars(range(min = 200, max = 2000))]
    pub batch_size: Option<u32>,
}

/// The next page of a query.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "SalesforceQueryMore")]
pub struct QueryMore {
    /// What the page before gave as `next`.
    #[schemars(length(min = 1, max = 500))]
    pub next: String,
}

/// A page of records.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(title = "SalesforceRecords")]
pub struct Page {
    /// Records that the query found, on all pages.
    pub total: u64,
    /// Where the next page is; none on the last. Good for two days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// The records, as Salesforce gives them.
    pub records: Vec<Map<String, Value>>,
}

/// An object.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "SalesforceDescribe")]
pub struct Describe {
    /// Its API name, as `Contact` or `Order__c`.
    #[schemars(length(min = 1, max = 100))]
    pub object: String,
}

/// What an object is like in this org.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "camelCase"))]
#[schemars(title = "SalesforceDescription")]
pub struct Description {
    /// Its API name.
    pub name: String,
    /// What people call it.
    pub label: String,
    /// Its fields.
    pub fields: Vec<FieldDescription>,
}

/// A field.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "camelCase"))]
pub struct FieldDescription {
    /// Its API name.
    pub name: String,
    /// What people call it.
    pub label: String,
    /// Salesforce's type of it, as `picklist`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The longest text, in characters; 0 where that means nothing.
    #[serde(default)]
    pub length: u32,
    /// It may be empty.
    #[serde(default)]
    pub nillable: bool,
    /// It can be set when a record is made.
    #[serde(default)]
    pub createable: bool,
    /// It can be changed.
    #[serde(default)]
    pub updateable: bool,
    /// No two records have the same value.
    #[serde(default)]
    pub unique: bool,
    /// Records can be upserted by it.
    #[serde(default)]
    pub external_id: bool,
    /// It is the org's own.
    #[serde(default)]
    pub custom: bool,
}

/// Nothing.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "SalesforceNothing")]
pub struct Nothing {}

/// One limit.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "PascalCase"))]
pub struct Limit {
    /// What there is.
    pub max: i64,
    /// What is left of it.
    pub remaining: i64,
}

/// The org's limits, by Salesforce's names.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(title = "SalesforceLimits")]
pub struct Limits {
    /// `DailyApiRequests` and the others.
    pub limits: BTreeMap<String, Limit>,
}
