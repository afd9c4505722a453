//! All that there is, in rising order of ids: an id never changes, so nothing moves while pages are read. What is made or changed
//! meanwhile is found by the first delta, which begins at the time of this run's first page.

use patchbay_sdk::Error;
use patchbay_sdk::clock::{self, Timestamp};
use patchbay_sdk::sync::{Page, Pull};
use serde::{Deserialize, Serialize};

use super::Reader;
use super::search::{ID, filter};
use super::sweep::Sweeping;

/// How far the hub's clock may be from HubSpot's, in milliseconds, where HubSpot does not tell its time.
const SKEW_MS: u64 = 300_000;

/// Where the pages are.
#[derive(Debug, Serialize, Deserialize)]
struct Cursor {
    /// The last id that was read.
    after: u64,
    /// When the first page was read, by HubSpot's clock, in milliseconds.
    begun: Timestamp,
    /// How many were read.
    done: u64,
}

pub(super) fn page(reader: &Reader<'_>, pull: &Pull) -> Result<Page, Error> {
    let cursor: Option<Cursor> = pull.cursor()?;
    let (after, done) = cursor.as_ref().map_or((0, 0), |cursor| (cursor.after, cursor.done));
    let found = reader.search(&[vec![filter(ID, "GT", &after.to_string())]], ID)?;
    let begun = cursor.map(|cursor| cursor.begun).or(found.at);
    let begun = begun.unwrap_or_else(|| clock::now().saturating_sub(SKEW_MS));
    let mut page = Page::of(reader.changes(&found.objects)?);
    page.total = Some(done.saturating_add(found.total));
    page.pause_ms = reader.api.pause_ms();
    if found.is_last() {
        page.mark = Some(begun);
        return page.keep(&Sweeping::after(begun));
    }
    let last = found.rows.iter().filter_map(|row| row.id.parse::<u64>().ok()).max().filter(|last| *last > after);
    let last = last.ok_or_else(|| Error::upstream(200, "HubSpot's search does not go on behind the last id"))?;
    let read = u64::try_from(found.rows.len()).unwrap_or(0);
    page.then(&Cursor { after: last, begun, done: done.saturating_add(read) })
}
