//! What is deleted, and what was merged into others.
//!
//! Salesforce says for two weeks which ids went, by the minute, and up to which time that is whole. Of contacts and accounts, those
//! that went because two became one say in the recycle bin which one is left.

use std::collections::BTreeMap;

use patchbay_sdk::clock::Timestamp;
use patchbay_sdk::sync::{Change, Page};
use patchbay_sdk::{Error, UpstreamFailure, clock, http};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::changed::{Place, with_pause};
use super::{MOST_CHANGES, Resource};
use crate::api::{self, Org, Records};
use crate::{failure, ids, pace, soql, times};

/// Seconds of a window's ends are not looked at, and it has one minute at least.
const MINUTE_MS: u64 = 60_000;
/// How far back Salesforce tells.
const LONGEST_MS: u64 = 15 * 86_400_000;
/// Ids that fit into the address of a query.
const MOST_ASKED: usize = 300;
/// What Salesforce says of a window that it does not tell of any more.
const TOO_OLD: &str = "INVALID_REPLICATION_DATE";
/// What it says of too many ids.
const TOO_MANY: &str = "EXCEEDED_ID_LIMIT";

/// What is kept between runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// Up to this time it is known what went.
    pub(super) covered: Timestamp,
}

/// Within a window.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Among {
    start: Timestamp,
    end: Timestamp,
    /// The mark of the run.
    mark: Timestamp,
    /// Time and id of the last that was told.
    after: Option<(String, String)>,
}

impl Among {
    /// The window from what is known up to now, in whole minutes.
    pub(super) fn between(covered: Timestamp, mark: Timestamp) -> Self {
        let end = mark - mark % MINUTE_MS;
        let start = (covered - covered % MINUTE_MS).min(end.saturating_sub(MINUTE_MS));
        Self { start, end, mark, after: None }
    }
}

#[derive(Deserialize)]
struct Deleted {
    #[serde(rename = "deletedRecords")]
    records: Vec<DeletedRecord>,
    #[serde(rename = "earliestDateAvailable")]
    earliest: Option<String>,
    #[serde(rename = "latestDateCovered")]
    covered: String,
}

#[derive(Deserialize)]
struct DeletedRecord {
    id: String,
    #[serde(rename = "deletedDate")]
    at: String,
}

/// Adds what went to a page, as far as there is room on it.
pub(super) fn read(org: &Org, resource: Resource, among: Among, limit: u32, page: Page) -> Result<Page, Error> {
    if among.end.saturating_sub(among.start) > LONGEST_MS {
        return Err(lost("the last run is more than 15 days ago"));
    }
    let (told, pause_ms) = ask(org, resource, &among)?;
    let limit = usize::try_from(limit).unwrap_or(MOST_CHANGES).clamp(1, MOST_CHANGES);
    let room = limit.saturating_sub(page.changes.len());
    let earliest = told.earliest.as_deref().and_then(times::parse);
    if earliest.is_some_and(|earliest| earliest > among.start + MINUTE_MS) {
        return Err(lost("Salesforce has purged its list of deletions since the last run"));
    }
    let mut records: Vec<(String, String)> = told.records.into_iter().map(|record| (record.at, record.id)).collect();
    records.sort_unstable();
    let new = |record: &(String, String)| among.after.as_ref().is_none_or(|after| record > after);
    records.retain(new);
    let is_cut = records.len() > room;
    records.truncate(room);
    let gone: Vec<String> = records.iter().map(|(_, id)| id.clone()).collect();
    let (changes, more_pause) = fate(org, resource, &gone)?;
    let mut page = with_pause(page, pace::longer(pause_ms, more_pause));
    page.changes.extend(changes);
    if is_cut {
        let after = records.pop().or(among.after);
        return page.then(&Place::Gone(Among { after, ..among }));
    }
    let covered = times::parse(&told.covered).unwrap_or(among.start);
    Page { mark: Some(among.mark), ..page }.keep(&Kept { covered: covered.min(among.end) })
}

fn ask(org: &Org, resource: Resource, among: &Among) -> Result<(Deleted, Option<u64>), Error> {
    let time = |at| clock::rfc3339(at).replace('Z', "+00:00");
    let url = org.object_url(resource.name(), "/deleted/")?;
    let request = http::Request::get(url).query("start", &time(among.start)).query("end", &time(among.end));
    match api::send(request) {
        Ok(answer) => Ok((answer.read()?, answer.pause_ms())),
        Err(error) if failure::is(&error, TOO_OLD) || failure::is(&error, TOO_MANY) => {
            Err(lost("Salesforce does not tell any more what was deleted since the last run"))
        }
        Err(error) => Err(error),
    }
}

/// Only a run over all records can find what went. 410, as HTTP has it for a place to go on from that is no more.
fn lost(why: &str) -> Error {
    Error::Upstream(UpstreamFailure {
        status: 410,
        code: Some(TOO_OLD.to_owned()),
        message: format!("{why}: a full run is needed"),
        retry_after_ms: None,
    })
}

/// What became of ids that are gone: deleted, or merged. One that is there again is left out.
pub(super) fn fate(org: &Org, resource: Resource, gone: &[String]) -> Result<(Vec<Change>, Option<u64>), Error> {
    if !resource.is_mergeable() {
        return Ok((gone.iter().cloned().map(Change::Deleted).collect(), None));
    }
    let mut masters: BTreeMap<String, String> = BTreeMap::new();
    let mut there: Vec<String> = Vec::new();
    let mut pause_ms = None;
    for some in gone.chunks(MOST_ASKED) {
        let listed = soql::list(some.iter().map(String::as_str));
        let name = resource.name();
        let statement = format!("SELECT Id,IsDeleted,MasterRecordId FROM {name} WHERE Id IN {listed}");
        let answer = org.query(&statement, true, 2000)?;
        pause_ms = pace::longer(pause_ms, answer.pause_ms());
        let read: Records = answer.read()?;
        for record in &read.records {
            let Some(id) = text(record, "Id").and_then(ids::whole) else { continue };
            if record.get("IsDeleted") == Some(&Value::Bool(false)) {
                there.push(id);
            } else if let Some(master) = text(record, "MasterRecordId").and_then(ids::whole) {
                masters.insert(id, master);
            }
        }
    }
    let mut merged: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut changes = Vec::new();
    for id in gone {
        let whole = ids::whole(id).unwrap_or_else(|| id.clone());
        if there.contains(&whole) {
            continue;
        }
        match last_master(&masters, &whole) {
            Some(master) => merged.entry(master).or_default().push(id.clone()),
            None => changes.push(Change::Deleted(id.clone())),
        }
    }
    changes.extend(merged.into_iter().map(|(into, gone)| Change::Merged { into, gone }));
    Ok((changes, pause_ms))
}

/// Whoever is left may have been merged as well.
fn last_master(masters: &BTreeMap<String, String>, id: &str) -> Option<String> {
    let mut master = masters.get(id)?;
    for _ in 0..masters.len() {
        match masters.get(master) {
            Some(next) => master = next,
            None => break,
        }
    }
    Some(master.clone())
}

fn text<'a>(record: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    record.get(name).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_has_whole_minutes_and_one_at_least() {
        let now = 1_793_491_230_500;
        let minute = now - now % MINUTE_MS;
        for (covered, start) in [
            (minute - 5 * MINUTE_MS, minute - 5 * MINUTE_MS),
            (minute - MINUTE_MS + 10, minute - MINUTE_MS),
            (minute, minute - MINUTE_MS),
            (now, minute - MINUTE_MS),
        ] {
            let window = Among::between(covered, now);
            assert_eq!((window.start, window.end), (start, minute), "{covered}");
        }
    }

    #[test]
    fn a_chain_of_merges_leads_to_who_is_left() {
        let of = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect()
        };
        assert_eq!(last_master(&of(&[("a", "b"), ("b", "c")]), "a").as_deref(), Some("c"));
        assert_eq!(last_master(&of(&[("a", "b")]), "x"), None);
        // what cannot be ends all the same
        assert!(last_master(&of(&[("a", "b"), ("b", "a")]), "a").is_some());
    }
}
