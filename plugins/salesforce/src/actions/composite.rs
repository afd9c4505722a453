//! Requests that belong together, and many records at once.

use std::collections::{BTreeMap, BTreeSet};

use patchbay_sdk::{Call, Error, http};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::api::{self, Org};
use crate::collections::{self, Outcome};
use crate::types::records::{
    Collection, CollectionResults, Composite, CompositeResults, Operation, Part, PartResult, RecordError, RecordResult,
    Retrieve, Retrieved,
};
use crate::{ids, soql};

#[derive(Deserialize)]
struct Answered {
    #[serde(rename = "compositeResponse")]
    parts: Vec<AnsweredPart>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnsweredPart {
    body: Value,
    http_status_code: u16,
    reference_id: String,
}

pub(crate) fn composite(call: Call<Composite>) -> Result<CompositeResults, Error> {
    let Composite { requests, all_or_none } = call.input;
    let org = Org::load()?;
    let mut names = BTreeSet::new();
    let mut parts = Vec::new();
    for (place, part) in requests.iter().enumerate() {
        let name = part.reference_id.as_str();
        if !soql::is_name(name) || !names.insert(name) {
            return Err(Error::invalid(
                format!("/requests/{place}/reference_id"),
                "a name of its own: letters, digits and _",
            ));
        }
        parts.push(asked(&org, part, place)?);
    }
    let body = json!({"allOrNone": all_or_none, "compositeRequest": parts});
    let answered: Answered = api::send_json(http::Request::post(org.url("/composite")), &body)?.read()?;
    let results: BTreeMap<String, PartResult> = answered
        .parts
        .into_iter()
        .map(|part| (part.reference_id, PartResult { status: part.http_status_code, body: part.body }))
        .collect();
    Ok(CompositeResults { results })
}

fn asked(org: &Org, part: &Part, place: usize) -> Result<Value, Error> {
    let is_plain = part.path.starts_with('/')
        && !part.path.contains("..")
        && part.path.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_plain {
        return Err(Error::invalid(
            format!("/requests/{place}/path"),
            "a path below the API's version, as in /sobjects/Contact",
        ));
    }
    let path = format!("/services/data/v{}{}", org.config.version(), part.path);
    let mut asked = json!({"method": part.method, "url": path, "referenceId": part.reference_id});
    if let (Some(body), Some(members)) = (&part.body, asked.as_object_mut()) {
        members.insert("body".to_owned(), body.clone());
    }
    Ok(asked)
}

pub(crate) fn collection(call: Call<Collection>) -> Result<CollectionResults, Error> {
    let Collection { operation, object, field, records } = call.input;
    let org = Org::load()?;
    let object = api::name("/object", &object)?;
    let batch = match operation {
        Operation::Create => collections::create(&org, &rows(object, records))?,
        Operation::Update => {
            require_ids(&records, "id")?;
            collections::update(&org, &rows(object, records))?
        }
        Operation::Upsert => {
            let field = field.as_deref().unwrap_or_else(|| org.config.external_id());
            require(&records, field)?;
            collections::upsert(&org, object, field, &rows(object, records))?
        }
        Operation::Delete => {
            require_ids(&records, "id")?;
            let ids: Vec<String> =
                records.iter().filter_map(|record| record.get("id")?.as_str().map(str::to_owned)).collect();
            collections::delete(&org, &ids)?
        }
    };
    Ok(CollectionResults { results: batch.outcomes.into_iter().map(result).collect() })
}

fn rows(object: &str, records: Vec<Map<String, Value>>) -> Vec<Value> {
    let typed = |mut record: Map<String, Value>| {
        record.insert("attributes".to_owned(), json!({"type": object}));
        Value::Object(record)
    };
    records.into_iter().map(typed).collect()
}

fn require(records: &[Map<String, Value>], field: &str) -> Result<(), Error> {
    match records.iter().position(|record| record.get(field).is_none_or(Value::is_null)) {
        Some(place) => Err(Error::invalid(format!("/records/{place}/{field}"), "a value")),
        None => Ok(()),
    }
}

fn require_ids(records: &[Map<String, Value>], field: &str) -> Result<(), Error> {
    let is_one = |record: &Map<String, Value>| record.get(field).and_then(Value::as_str).is_some_and(ids::is_id);
    match records.iter().position(|record| !is_one(record)) {
        Some(place) => Err(Error::invalid(format!("/records/{place}/{field}"), "an id of Salesforce")),
        None => Ok(()),
    }
}

fn result(outcome: Outcome) -> RecordResult {
    let error = |reason: crate::failure::Reason| RecordError {
        message: reason.text(),
        code: reason.code,
        fields: reason.fields,
    };
    RecordResult {
        success: outcome.success,
        id: outcome.id,
        created: outcome.created,
        errors: outcome.errors.into_iter().map(error).collect(),
    }
}

pub(crate) fn retrieve(call: Call<Retrieve>) -> Result<Retrieved, Error> {
    let Retrieve { object, ids: asked, fields } = call.input;
    let org = Org::load()?;
    if let Some(place) = asked.iter().position(|id| !ids::is_id(id)) {
        return Err(Error::invalid(format!("/ids/{place}"), "an id of Salesforce: 15 or 18 letters and digits"));
    }
    let url = org.url(&format!("/composite/sobjects/{}", api::name("/object", &object)?));
    let body = json!({"ids": asked, "fields": fields});
    let records = api::send_json(http::Request::post(url).repeatable(true), &body)?.read()?;
    Ok(Retrieved { records })
}
