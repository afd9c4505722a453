//! What has changed since a time, in rising order of the time of change.
//!
//! A page begins at the time of the last row of the one before, and leaves out those rows of that very millisecond that were
//! read: HubSpot sorts by one property only, so rows of the same millisecond have no order that could be relied on. Where they are
//! too many to be left out one by one, that millisecond is read by itself, in order of ids. What changes while pages are read
//! moves behind what was read, and comes again.

use std::collections::BTreeSet;

use patchbay_sdk::Error;
use patchbay_sdk::clock::{self, Timestamp};
use patchbay_sdk::sync::{Page, Pull};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Reader;
use super::search::{Found, ID, MAX_BODY, body, filter, filter_of};
use super::sweep::{self, Sweeping};

/// Where the pages are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Cursor {
    /// What was changed at this time or later, without those that were read. `begun`: when the first page was read, by HubSpot's
    /// clock.
    From { from: Timestamp, read: BTreeSet<String>, done: u64, begun: Option<Timestamp> },
    /// What was changed in this millisecond, behind an id.
    Within { at: Timestamp, after: u64, done: u64, begun: Option<Timestamp> },
    /// All is read, up to this time by HubSpot's clock; what was deleted is looked for.
    Deleted { mark: Timestamp, after: Option<String>, pages: u32, begun: Timestamp },
}

pub(super) fn page(reader: &Reader<'_>, pull: &Pull, from: Timestamp) -> Result<Page, Error> {
    let cursor = pull.cursor()?.unwrap_or(Cursor::From { from, read: BTreeSet::new(), done: 0, begun: None });
    let state: Sweeping = pull.state()?.unwrap_or_else(|| Sweeping::after(from).due());
    let (from, read, within, done, begun) = match cursor {
        Cursor::Deleted { mark, after, pages, begun } => {
            let swept = sweep::page(reader, &state, after, pages, begun)?;
            let mut page = Page::of(swept.changes);
            page.mark = Some(mark);
            page.pause_ms = reader.api.pause_ms();
            return match swept.next {
                Some(after) => {
                    page.then(&Cursor::Deleted { mark, after: Some(after), pages: pages + 1, begun: swept.begun })
                }
                None => page.keep(&swept.state),
            };
        }
        Cursor::From { from, read, done, begun } => (from, read, None, done, begun),
        Cursor::Within { at, after, done, begun } => (at, BTreeSet::new(), Some(after), done, begun),
    };
    let groups = groups(reader, from, &read, within);
    let found = reader.search(&groups, if within.is_some() { ID } else { reader.resource.modified() })?;
    let begun = begun.or(found.at);
    let mut page = Page::of(reader.changes(&found.objects)?);
    page.total = Some(done.saturating_add(found.total));
    page.pause_ms = reader.api.pause_ms();
    let done = done.saturating_add(u64::try_from(found.rows.len()).unwrap_or(0));
    if let Some(after) = within {
        return page.then(&behind_ids(&found, from, after, (done, begun))?);
    }
    if found.is_last() {
        // of what HubSpot had changed when the first page was read nothing is left, but for what its search did not know yet: that is
        // in the overlap. As of the last page it need not be: what the search learned of while pages were waited for may be behind them
        let mark = begun.or_else(|| latest(reader, &found)).unwrap_or(from);
        if !state.is_due(clock::now()) {
            page.mark = Some(mark);
            return Ok(page);
        }
        let begun = found.at.unwrap_or_else(clock::now);
        return page.then(&Cursor::Deleted { mark, after: state.after.clone(), pages: 0, begun });
    }
    let next = behind_rows(reader, &found, from, read, (done, begun))?;
    page.mark = Some(match &next {
        Cursor::From { from, .. } | Cursor::Within { at: from, .. } => *from,
        Cursor::Deleted { mark, .. } => *mark,
    });
    page.then(&next)
}

fn groups(reader: &Reader<'_>, from: Timestamp, read: &BTreeSet<String>, within: Option<u64>) -> Vec<Vec<Value>> {
    let modified = reader.resource.modified();
    let from = from.to_string();
    if let Some(after) = within {
        return vec![vec![filter(modified, "EQ", &from), filter(ID, "GT", &after.to_string())]];
    }
    if read.is_empty() {
        return vec![vec![filter(modified, "GTE", &from)]];
    }
    let read: Vec<String> = read.iter().cloned().collect();
    vec![vec![filter(modified, "GT", &from)], vec![filter(modified, "EQ", &from), filter_of(ID, "NOT_IN", &read)]]
}

/// Where the rows of one millisecond go on, and after the last of them the next millisecond.
fn behind_ids(
    found: &Found,
    at: Timestamp,
    after: u64,
    (done, begun): (u64, Option<Timestamp>),
) -> Result<Cursor, Error> {
    if found.is_last() {
        return Ok(Cursor::From { from: at.saturating_add(1), read: BTreeSet::new(), done, begun });
    }
    let last = found.rows.iter().filter_map(|row| row.id.parse::<u64>().ok()).max().filter(|last| *last > after);
    let after = last.ok_or_else(|| Error::upstream(200, "HubSpot's search does not go on behind the last id"))?;
    Ok(Cursor::Within { at, after, done, begun })
}

/// The time of the last change on the page.
fn latest(reader: &Reader<'_>, found: &Found) -> Option<Timestamp> {
    found.rows.iter().filter_map(|row| row.modified_at(reader.resource)).max()
}

fn behind_rows(
    reader: &Reader<'_>,
    found: &Found,
    from: Timestamp,
    mut read: BTreeSet<String>,
    (done, begun): (u64, Option<Timestamp>),
) -> Result<Cursor, Error> {
    let last = latest(reader, found).filter(|last| *last >= from);
    let last =
        last.ok_or_else(|| Error::upstream(200, "HubSpot's search does not tell times of change in their order"))?;
    if last > from {
        read.clear();
    }
    let before = read.len();
    let same = found.rows.iter().filter(|row| row.modified_at(reader.resource) == Some(last));
    read.extend(same.map(|row| row.id.clone()));
    if last == from && read.len() == before {
        return Err(Error::upstream(200, "HubSpot's search repeats what it has given"));
    }
    let next = groups(reader, last, &read, None);
    let size = body(reader, &next, reader.resource.modified(), &reader.properties).to_string().len();
    if size > MAX_BODY {
        return Ok(Cursor::Within { at: last, after: 0, done, begun });
    }
    Ok(Cursor::From { from: last, read, done, begun })
}
