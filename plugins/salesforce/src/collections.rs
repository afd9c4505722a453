//! Up to 200 records in one request, each with a result of its own.
//!
//! A record that another transaction has locked is sent again by itself; the others are done by then.

use patchbay_sdk::{Error, http, log};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::{self, Answer, Org};
use crate::failure::{self, Reason};
use crate::{ids, pace};

/// Records in one request, at most.
pub(crate) const MOST: usize = 200;

/// How often records that are locked are sent.
const TRIES: usize = 3;

/// What became of one record.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Outcome {
    pub(crate) id: Option<String>,
    pub(crate) success: bool,
    /// Of an upsert.
    pub(crate) created: Option<bool>,
    pub(crate) errors: Vec<Reason>,
}

impl Outcome {
    /// True if it failed for this reason.
    pub(crate) fn is(&self, code: &str) -> bool {
        self.errors.iter().any(|error| error.code == code)
    }

    /// True if there is no such record any more. A reference to another that is gone names its field.
    pub(crate) fn is_gone(&self) -> bool {
        self.errors.iter().any(|error| match error.code.as_str() {
            "ENTITY_IS_DELETED" | "NOT_FOUND" => true,
            "INVALID_CROSS_REFERENCE_KEY" | "MALFORMED_ID" => {
                error.fields.iter().all(|field| field.eq_ignore_ascii_case("id"))
            }
            _ => false,
        })
    }
}

/// What became of all of them, in order.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) pause_ms: Option<u64>,
}

/// Makes records. What stays locked, or could not be sent once more, is in the results: the others are made by then.
///
/// # Errors
/// As [`api::send`], if nothing was made; records fail each by itself.
pub(crate) fn create(org: &Org, rows: &[Value]) -> Result<Batch, Error> {
    // no repeat by the hub: second ones would be made
    settled(rows, |rows| api::send_json(http::Request::post(org.url("/composite/sobjects")), &all(rows)))
}

/// Changes records, each with its `id`.
///
/// # Errors
/// As [`create`].
pub(crate) fn update(org: &Org, rows: &[Value]) -> Result<Batch, Error> {
    settled(rows, |rows| {
        api::send_json(http::Request::patch(org.url("/composite/sobjects")).repeatable(true), &all(rows))
    })
}

/// Changes the records that have an external id, and makes the others.
///
/// # Errors
/// As [`create`]; [`Error::Upstream`] with 404 if the object has no such field.
pub(crate) fn upsert(org: &Org, object: &str, field: &str, rows: &[Value]) -> Result<Batch, Error> {
    let path = format!("/composite/sobjects/{}/{}", api::name("/object", object)?, api::name("/field", field)?);
    settled(rows, |rows| api::send_json(http::Request::patch(org.url(&path)).repeatable(true), &all(rows)))
}

/// Deletes records.
///
/// # Errors
/// As [`create`].
pub(crate) fn delete(org: &Org, records: &[String]) -> Result<Batch, Error> {
    if let Some(place) = records.iter().position(|id| !ids::is_id(id)) {
        return Err(Error::invalid(format!("/ids/{place}"), "an id of Salesforce: 15 or 18 letters and digits"));
    }
    settled(records, |records| {
        let ids = records.iter().map(|id| id.as_str()).collect::<Vec<_>>().join(",");
        api::send(http::Request::delete(org.url("/composite/sobjects")).query("ids", &ids).query("allOrNone", "false"))
    })
}

fn all(rows: &[&Value]) -> Value {
    json!({"allOrNone": false, "records": rows})
}

fn settled<T>(rows: &[T], send: impl Fn(&[&T]) -> Result<Answer, Error>) -> Result<Batch, Error> {
    let mut batch = Batch { outcomes: vec![Outcome::default(); rows.len()], pause_ms: None };
    let mut left: Vec<(usize, &T)> = rows.iter().enumerate().collect();
    for attempt in 1..=TRIES {
        if left.is_empty() {
            break;
        }
        let asked: Vec<&T> = left.iter().map(|(_, row)| *row).collect();
        let answer = match send(&asked) {
            Ok(answer) => answer,
            Err(error) if attempt == 1 => return Err(error),
            // the others are done, and what is done is not to be forgotten: these stay locked
            Err(error) => {
                log::warn("locked records could not be sent again", &[("reason", &error.to_string())]);
                break;
            }
        };
        batch.pause_ms = pace::longer(batch.pause_ms, answer.pause_ms());
        let outcomes: Vec<Outcome> = answer.read()?;
        if outcomes.len() != left.len() {
            let text = format!("Salesforce answered with {} results to {} records", outcomes.len(), left.len());
            return Err(Error::upstream(answer.response.status, text));
        }
        let mut locked = Vec::new();
        for ((place, row), outcome) in left.into_iter().zip(outcomes) {
            if outcome.is(failure::LOCKED) {
                locked.push((place, row));
            }
            if let Some(slot) = batch.outcomes.get_mut(place) {
                *slot = outcome;
            }
        }
        left = locked;
    }
    Ok(batch)
}
