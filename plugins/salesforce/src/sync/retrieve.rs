//! Records by their ids. Each id is answered: it is there, it is deleted, or it was merged into another.

use std::collections::BTreeMap;

use patchbay_sdk::sync::{Change, Page};
use patchbay_sdk::{Error, http};
use serde_json::{Map, Value, json};

use super::changed::with_pause;
use super::item::Fields;
use super::{Resource, gone};
use crate::api::{self, Found, Org, Records};
use crate::{ids, soql};

pub(super) fn read(org: &Org, resource: Resource, fields: &Fields, asked: &[String]) -> Result<Page, Error> {
    // what is no id is nothing that there could be
    let (known, unknown): (Vec<&String>, Vec<&String>) = asked.iter().partition(|id| ids::is_id(id));
    let mut page = Page::of(unknown.into_iter().cloned().map(Change::Deleted).collect());
    if known.is_empty() {
        return Ok(page);
    }
    let (records, pause_ms) = retrieved(org, resource, fields, &known)?;
    page = with_pause(page, pause_ms);
    let found: BTreeMap<String, Map<String, Value>> =
        records.into_iter().filter_map(|record| Some((ids::whole(record.get("Id")?.as_str()?)?, record))).collect();
    let mut missing = Vec::new();
    for id in known {
        match ids::whole(id).and_then(|whole| found.get(&whole)) {
            Some(record) => page.changes.push(Change::Found(fields.item(org, record)?)),
            None => missing.push(id.clone()),
        }
    }
    if missing.is_empty() {
        return Ok(page);
    }
    let (fates, pause_ms) = gone::fate(org, resource, &missing)?;
    let told: usize =
        fates.iter().map(|fate| if let Change::Merged { gone, .. } = fate { gone.len() } else { 1 }).sum();
    if told < missing.len() {
        return Err(Error::Unavailable("records came back while they were read: try again".to_owned()));
    }
    page.changes.extend(fates);
    Ok(with_pause(page, pause_ms))
}

fn retrieved(org: &Org, resource: Resource, fields: &Fields, known: &[&String]) -> Result<Found, Error> {
    let name = resource.name();
    if fields.cross_over() {
        // a collection gives fields of the object itself and no others
        let listed = soql::list(known.iter().map(|id| id.as_str()));
        let statement = format!("SELECT {} FROM {name} WHERE Id IN {listed}", fields.list());
        let answer = org.query(&statement, false, 2000)?;
        let read: Records = answer.read()?;
        return Ok((read.records, answer.pause_ms()));
    }
    let body = json!({"ids": known, "fields": fields.all()});
    let url = org.url(&format!("/composite/sobjects/{name}"));
    let answer = api::send_json(http::Request::post(url).repeatable(true), &body)?;
    let records: Vec<Option<Map<String, Value>>> = answer.read()?;
    Ok((records.into_iter().flatten().collect(), answer.pause_ms()))
}
