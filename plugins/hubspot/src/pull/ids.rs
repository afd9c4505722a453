//! Objects by their ids: each is there, was merged into another, or is gone. They are read, not searched, so that a change that a webhook
//! has just told is seen.

use patchbay_sdk::Error;
use patchbay_sdk::sync::{Change, Page};

use super::Reader;
use super::search::filter_of;
use crate::object::{self, MERGED};

pub(super) fn page(reader: &Reader<'_>, ids: &[String]) -> Result<Page, Error> {
    let (known, strange): (Vec<String>, Vec<String>) = ids.iter().cloned().partition(|id| object::is_id(id));
    let objects = if known.is_empty() { Vec::new() } else { reader.read(&known, None)? };
    let mut changes = reader.changes(&objects)?;
    let found = |id: &String| objects.iter().any(|object| object.id == *id || object.merged().contains(id));
    let missing = known.into_iter().filter(|id| !found(id)).collect();
    changes.extend(gone(reader, missing)?);
    // what is no id of HubSpot's is nothing that HubSpot has
    changes.extend(strange.into_iter().map(Change::Deleted));
    let mut page = Page::of(changes);
    page.pause_ms = reader.api.pause_ms();
    Ok(page)
}

/// What became of objects that are not there: merged into another one, which is told as well, or deleted. At most a hundred.
pub(super) fn gone(reader: &Reader<'_>, missing: Vec<String>) -> Result<Vec<Change>, Error> {
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    let found = reader.look_up(vec![filter_of(MERGED, "IN", &missing)])?;
    let mut changes = reader.changes(&found.objects)?;
    let into_another = |id: &String| found.rows.iter().any(|row| row.merged().contains(id));
    changes.extend(missing.into_iter().filter(|id| !into_another(id)).map(Change::Deleted));
    Ok(changes)
}
