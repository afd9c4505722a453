//! HubSpot's search.

use patchbay_sdk::clock::{self, Timestamp};
use patchbay_sdk::{Error, http};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Reader;
use crate::object::{MERGED, Object};
use crate::turn;

/// The longest body that HubSpot takes of a search, in bytes.
pub(super) const MAX_BODY: usize = 3_000;

/// The property that every object has its id in.
pub(super) const ID: &str = "hs_object_id";

/// What a search has found.
pub(super) struct Found {
    /// How many there are, these included.
    pub(super) total: u64,
    /// In the order that was asked for, with the time of change at least.
    pub(super) rows: Vec<Object>,
    /// The same with all that is wanted of them; of one that was deleted meanwhile nothing.
    pub(super) objects: Vec<Object>,
    /// When HubSpot answered, by its own clock; to the second.
    pub(super) at: Option<Timestamp>,
}

impl Found {
    /// True if there are no more.
    pub(super) fn is_last(&self) -> bool {
        self.rows.is_empty() || u64::try_from(self.rows.len()).unwrap_or(u64::MAX) >= self.total
    }
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    total: u64,
    #[serde(default)]
    results: Vec<Object>,
}

/// A filter on a property.
pub(super) fn filter(property: &str, operator: &str, value: &str) -> Value {
    json!({"propertyName": property, "operator": operator, "value": value})
}

/// A filter on a property with several values.
pub(super) fn filter_of(property: &str, operator: &str, values: &[String]) -> Value {
    json!({"propertyName": property, "operator": operator, "values": values})
}

/// What a search by these filters has as its body.
pub(super) fn body(reader: &Reader<'_>, groups: &[Vec<Value>], sort: &str, properties: &[String]) -> Value {
    let groups: Vec<Value> = groups.iter().map(|filters| json!({"filters": filters})).collect();
    json!({
        "filterGroups": groups,
        "sorts": [{"propertyName": sort, "direction": "ASCENDING"}],
        "properties": properties,
        "limit": reader.limit,
        "after": "0",
    })
}

/// What a search asks for of objects that are read then.
pub(super) fn slim(reader: &Reader<'_>) -> [String; 2] {
    [reader.resource.modified().to_owned(), MERGED.to_owned()]
}

impl Reader<'_> {
    /// The first rows of what any of the groups lets through, in rising order of a property: a page of many.
    pub(super) fn search(&self, groups: &[Vec<Value>], sort: &str) -> Result<Found, Error> {
        self.api.wait(turn::take()?);
        self.found(groups, sort)
    }

    /// The same for a question beside the pages.
    pub(super) fn look_up(&self, filters: Vec<Value>) -> Result<Found, Error> {
        self.api.wait(turn::take_soon()?);
        self.found(&[filters], ID)
    }

    fn found(&self, groups: &[Vec<Value>], sort: &str) -> Result<Found, Error> {
        let path = self.api.objects(self.resource.path(), "/search");
        let whole = body(self, groups, sort, &self.properties);
        // a mapping of very many fields: found first, and read by their ids
        let fits = whole.to_string().len() <= MAX_BODY;
        let asked = if fits { whole } else { body(self, groups, sort, &slim(self)) };
        let response = self.api.ask(&path, &asked)?;
        let at = date(&response);
        let Answer { total, results: rows } = response.json()?;
        let objects = if fits {
            rows.clone()
        } else {
            let ids: Vec<String> = rows.iter().map(|row| row.id.clone()).collect();
            self.read(&ids, None)?
        };
        Ok(Found { total, rows, objects, at })
    }
}

fn date(response: &http::WholeResponse) -> Option<Timestamp> {
    clock::parse_http_date(response.header("date")?.trim())
}
