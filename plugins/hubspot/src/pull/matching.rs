//! Objects of which a field has one of some values: what is looked for before anything is made.

use patchbay_sdk::sync::{Page, Pull};
use patchbay_sdk::{Error, log};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::search::{ID, MAX_BODY, body, filter, filter_of, slim};
use super::{BATCH, Reader};
use crate::own_id;
use crate::resource::Resource;

/// How many pages of one question are read beside the first, where very many objects have one of the values. More would have to wait
/// for their turns at the search, and whoever asks waits with a write.
const MORE_PAGES: usize = 2;

/// Where the pages are.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Cursor {
    /// How many of the values are done with.
    done: usize,
    /// The last id that was read of what has one of the values after those.
    after: u64,
    /// How many pages of that were read.
    pages: usize,
}

pub(super) fn page(reader: &Reader<'_>, pull: &Pull, field: &str, values: &[String]) -> Result<Page, Error> {
    let values: Vec<String> =
        values.iter().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty()).collect();
    if is_unique(reader.resource, field) {
        // not by the search, which learns of an object seconds after it was made
        let objects = if values.is_empty() { Vec::new() } else { reader.read(&values, Some(field))? };
        let mut page = Page::of(reader.changes(&objects)?);
        page.pause_ms = reader.api.pause_ms();
        return Ok(page);
    }
    // HubSpot takes several values of a text in small letters only, and compares them with any
    let values: Vec<String> = values.iter().map(|value| value.to_lowercase()).collect();
    let Cursor { done, after, pages } = pull.cursor()?.unwrap_or_default();
    let left = values.get(done..).unwrap_or_default();
    let mut count = left.len().min(BATCH);
    while count > 1 && size(reader, field, left.get(..count).unwrap_or_default()) > MAX_BODY {
        count = count.div_ceil(2);
    }
    let some = left.get(..count).unwrap_or_default();
    if some.is_empty() {
        return Ok(Page::default());
    }
    let found = reader.look_up(filters(field, some, after))?;
    let mut page = Page::of(reader.changes(&found.objects)?);
    page.pause_ms = reader.api.pause_ms();
    if !found.is_last() {
        let last = found.rows.iter().filter_map(|row| row.id.parse::<u64>().ok()).max().filter(|last| *last > after);
        match last.filter(|_| pages < MORE_PAGES) {
            Some(after) => return page.then(&Cursor { done, after, pages: pages + 1 }),
            None => log::warn("more objects have a value than are looked at", &[("field", field)]),
        }
    }
    let done = done + count;
    if done < values.len() { page.then(&Cursor { done, after: 0, pages: 0 }) } else { Ok(page) }
}

/// What has one of these values, behind an id.
fn filters(field: &str, values: &[String], after: u64) -> Vec<Value> {
    let mut filters = vec![filter_of(field, "IN", values)];
    if after > 0 {
        filters.push(filter(ID, "GT", &after.to_string()));
    }
    filters
}

/// The same on each page, so that the next one is about the same values.
fn size(reader: &Reader<'_>, field: &str, values: &[String]) -> usize {
    body(reader, &[filters(field, values, u64::MAX)], ID, &slim(reader)).to_string().len()
}

/// Properties of which no two objects have the same value.
fn is_unique(resource: Resource, field: &str) -> bool {
    field == own_id::PROPERTY || (resource == Resource::Contacts && field == "email")
}
