//! Objects of which a field has one of some values: what is looked for before anything is made.

use patchbay_sdk::Error;
use patchbay_sdk::sync::{Page, Pull};
use serde::{Deserialize, Serialize};

use super::search::{ID, MAX_BODY, body, filter_of, slim};
use super::{BATCH, Reader};
use crate::own_id;
use crate::resource::Resource;

/// How many of the values are done with.
#[derive(Debug, Serialize, Deserialize)]
struct Cursor {
    done: usize,
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
    let done = pull.cursor::<Cursor>()?.map_or(0, |cursor| cursor.done);
    let left = values.get(done..).unwrap_or_default();
    let mut count = left.len().min(BATCH);
    while count > 1 && size(reader, field, left.get(..count).unwrap_or_default()) > MAX_BODY {
        count = count.div_ceil(2);
    }
    let some = left.get(..count).unwrap_or_default();
    if some.is_empty() {
        return Ok(Page::default());
    }
    let found = reader.look_up(vec![filter_of(field, "IN", some)])?;
    let mut page = Page::of(reader.changes(&found.objects)?);
    page.pause_ms = reader.api.pause_ms();
    let done = done + count;
    if done < values.len() { page.then(&Cursor { done }) } else { Ok(page) }
}

fn size(reader: &Reader<'_>, field: &str, values: &[String]) -> usize {
    body(reader, &[vec![filter_of(field, "IN", values)]], ID, &slim(reader)).to_string().len()
}

/// Properties of which no two objects have the same value.
fn is_unique(resource: Resource, field: &str) -> bool {
    field == own_id::PROPERTY || (resource == Resource::Contacts && field == "email")
}
