//! Searches.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Object, ObjectType};

/// Finds objects. What was changed some seconds ago may not be found yet.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// Of which kind.
    pub object: ObjectType,
    /// What one of the groups lets through is found; all, without any.
    #[serde(default)]
    #[schemars(length(max = 5))]
    pub filter_groups: Vec<FilterGroup>,
    /// A text that is looked for in the usual properties.
    #[serde(default)]
    #[schemars(length(min = 1, max = 1000))]
    pub query: Option<String>,
    /// Which properties are wanted.
    #[serde(default)]
    #[schemars(length(max = 100), inner(length(min = 1, max = 200)))]
    pub properties: Vec<String>,
    /// In which order. HubSpot takes one.
    #[serde(default)]
    pub sort: Option<Sort>,
    /// How many at most. Default: 100.
    #[serde(default)]
    #[schemars(range(min = 1, max = 200))]
    pub limit: Option<u32>,
    /// `after` of the page before. HubSpot gives 10,000 results of one search at most.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[0-9]{1,5}$"))]
    pub after: Option<String>,
}

/// Filters that must all let an object through.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilterGroup {
    /// One to six.
    #[schemars(length(min = 1, max = 6))]
    pub filters: Vec<Filter>,
}

/// What must hold of a property.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Which one.
    #[serde(rename(serialize = "propertyName"))]
    #[schemars(length(min = 1, max = 200))]
    pub property: String,
    /// What must hold.
    pub operator: Operator,
    /// Compared with; a time in milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 3000))]
    pub value: Option<String>,
    /// The other end, for `BETWEEN`.
    #[serde(default, rename(serialize = "highValue"), skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 3000))]
    pub high_value: Option<String>,
    /// For `IN` and `NOT_IN`; small letters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100))]
    pub values: Option<Vec<String>>,
}

/// What must hold, in HubSpot's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Operator {
    /// It equals the value.
    Eq,
    /// It does not.
    Neq,
    /// It is smaller.
    Lt,
    /// It is smaller or equal.
    Lte,
    /// It is greater.
    Gt,
    /// It is greater or equal.
    Gte,
    /// It is between the two values.
    Between,
    /// It is one of the values.
    In,
    /// It is none of them.
    NotIn,
    /// There is a value.
    HasProperty,
    /// There is none.
    NotHasProperty,
    /// A word of it is the value.
    ContainsToken,
    /// No word of it is.
    NotContainsToken,
}

/// An order.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sort {
    /// By which property.
    #[schemars(length(min = 1, max = 200))]
    pub property: String,
    /// Which way. Default: rising.
    #[serde(default)]
    pub direction: Direction,
}

/// Which way an order goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Direction {
    /// The smallest first.
    #[default]
    Ascending,
    /// The greatest first.
    Descending,
}

/// What was found.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Page {
    /// How many there are in all.
    pub total: u64,
    /// Some of them.
    pub results: Vec<Object>,
    /// For the next page; none on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}
