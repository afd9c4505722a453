//! The numbers here compared with those at Telnyx.
//!
//! Telnyx says what there is: a number that only Telnyx has is taken in, one that only the hub has was given back elsewhere.
//! What differs is told, so that somebody can ask why.

use patchbay_sdk::task::{Next, Step};
use patchbay_sdk::{Error, events, log, objects, records};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::list::page_of;
use super::record::{self, Listed};
use crate::api;

/// The kind of job in the manifest.
pub(super) const JOB: &str = "reconcile-numbers";

/// The event that tells what differs.
const RECONCILED: &str = "telnyx.numbers.reconciled";

/// Numbers of Telnyx' list that one step asks for.
const PAGE: u32 = 100;

/// Numbers of ours that one step asks Telnyx for, each by itself: what a step has asked is not asked again if the next one is
/// too much.
const ASKED: u32 = 25;

/// How many of each list a report names.
const MOST_NAMED: usize = 200;

/// Where it is, and what was found so far.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Cursor {
    place: Place,
    report: Report,
}

#[derive(Debug, Serialize, Deserialize)]
enum Place {
    /// This page of Telnyx' list.
    Theirs(u32),
    /// After this record of ours.
    Ours(Option<String>),
}

/// What differed: the data of the event `telnyx.numbers.reconciled`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "TelnyxNumbersReconciled")]
pub(crate) struct Report {
    /// Numbers that Telnyx has.
    vendor: u64,
    /// Numbers that the hub had.
    hub: u64,
    /// Only Telnyx had them; they are taken in. At most 200 are named.
    added: Vec<String>,
    /// Only the hub had them; they are marked as given back. At most 200 are named.
    released: Vec<String>,
    /// Both had them, with another status or another application; now as at Telnyx. At most 200 are named.
    changed: Vec<String>,
}

impl Report {
    fn differs(&self) -> bool {
        !self.added.is_empty() || !self.released.is_empty() || !self.changed.is_empty()
    }
}

fn name(list: &mut Vec<String>, number: &str) {
    if list.len() < MOST_NAMED {
        list.push(number.to_owned());
    }
}

/// Compares a page.
pub(super) fn step(step: Step<Value, Cursor>) -> Result<Next<Cursor, Report>, Error> {
    let first = || Cursor { place: Place::Theirs(1), report: Report::default() };
    let Cursor { place, mut report } = step.cursor.unwrap_or_else(first);
    let next = match place {
        Place::Theirs(page) => Some(theirs(page, &mut report)?),
        Place::Ours(after) => ours(after.as_deref(), &mut report)?.map(|after| Place::Ours(Some(after))),
    };
    if let Some(place) = next {
        return Ok(Next::Again(Cursor { place, report }));
    }
    if report.differs() {
        events::publish(RECONCILED, "", &report, Some(&step.job))?;
    }
    Ok(Next::Done(report))
}

fn theirs(page: u32, report: &mut Report) -> Result<Place, Error> {
    let listed: api::List<Listed> = api::list(page_of(page, PAGE))?;
    let next = listed.next_page();
    for number in &listed.data {
        if record::is_gone(&number.status) {
            continue;
        }
        report.vendor += 1;
        let found = records::get::<Map<String, Value>>(objects::PHONE_NUMBER, &format!("telnyx:{}", number.id))?;
        let same = found.map(|found| {
            kept(&found.data, "status") == Some(number.status.as_str())
                && kept(&found.data, "connection_id") == number.connection_id.as_deref()
        });
        if same == Some(true) {
            continue;
        }
        match number.show(None) {
            // one that cannot be read keeps no other one from being compared
            Err(error @ Error::Upstream(_)) => {
                let told = error.to_string();
                log::error("a number of Telnyx' list is not taken in", &[("id", &number.id), ("why", &told)]);
                continue;
            }
            shown => drop(shown?),
        }
        let list = if same.is_some() { &mut report.changed } else { &mut report.added };
        name(list, &number.phone_number);
    }
    Ok(next.map_or(Place::Ours(None), Place::Theirs))
}

/// What Telnyx said of the number when it was written.
fn kept<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    fields.get("extra")?.get("telnyx")?.get(name)?.as_str()
}

/// Gives where the next page begins.
fn ours(after: Option<&str>, report: &mut Report) -> Result<Option<String>, Error> {
    let page = records::query::<Map<String, Value>>(objects::PHONE_NUMBER, &json!({}), ASKED, after)?;
    for document in &page.documents {
        let text = |name: &str| document.data.get(name).and_then(Value::as_str);
        let Some(id) = document.id.strip_prefix("telnyx:") else { continue };
        if text("status") == Some("released") {
            continue;
        }
        report.hub += 1;
        if !record::exists(id)? {
            name(&mut report.released, text("number").unwrap_or_default());
            record::released(&document.id)?;
        }
    }
    Ok(page.next)
}
