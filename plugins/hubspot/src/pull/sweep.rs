//! What was deleted. A search never finds it; the list of what is archived does, and that has no order by time. It is read once an hour
//! at most, a bounded part of it, from where the last time has ended. Webhooks tell sooner.

use patchbay_sdk::Error;
use patchbay_sdk::clock::{self, Timestamp};
use patchbay_sdk::sync::Change;
use serde::{Deserialize, Serialize};

use super::{BATCH, Reader};
use crate::object::{self, Object};
use crate::pull::ids;

/// Between two times, in milliseconds.
const EVERY_MS: u64 = 3_600_000;

/// The most pages of one time; the rest is for the next one.
const MAX_PAGES: u32 = 50;

/// How much is looked at twice, in milliseconds: lists are told of a deletion a little later.
const OVERLAP_MS: u64 = 600_000;

/// What is kept between runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sweeping {
    /// Not before this, by the hub's clock.
    next_at: Timestamp,
    /// What was deleted before is known, by HubSpot's clock.
    since: Timestamp,
    /// When the reading that is not at its end yet began, by HubSpot's clock.
    begun: Option<Timestamp>,
    /// Where it goes on.
    pub(super) after: Option<String>,
}

impl Sweeping {
    /// After all was read: what was deleted before is not here.
    pub(super) fn after(since: Timestamp) -> Self {
        Self { next_at: clock::now().saturating_add(EVERY_MS), since, begun: None, after: None }
    }

    /// At once.
    pub(super) fn due(self) -> Self {
        Self { next_at: 0, ..self }
    }

    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        now >= self.next_at
    }
}

/// A page of what was deleted.
pub(super) struct Swept {
    pub(super) changes: Vec<Change>,
    /// Where the next page begins; none if this was the last for now.
    pub(super) next: Option<String>,
    /// When the reading began, by HubSpot's clock.
    pub(super) begun: Timestamp,
    /// After the last page.
    pub(super) state: Sweeping,
}

#[derive(Deserialize)]
struct Archived {
    #[serde(default)]
    results: Vec<Object>,
    paging: Option<Paging>,
}

#[derive(Deserialize)]
struct Paging {
    next: Option<Next>,
}

#[derive(Deserialize)]
struct Next {
    after: String,
}

/// Reads a page: what is behind `after`. `pages` were read before it this time, which began at `begun`.
pub(super) fn page(
    reader: &Reader<'_>,
    state: &Sweeping,
    after: Option<String>,
    pages: u32,
    begun: Timestamp,
) -> Result<Swept, Error> {
    let limit = BATCH.to_string();
    let mut query = vec![("archived", "true"), ("limit", limit.as_str()), ("properties", reader.resource.modified())];
    query.extend(after.as_deref().map(|after| ("after", after)));
    let answer: Archived = match reader.api.get(&reader.api.objects(reader.resource.path(), ""), &query) {
        Ok(answer) => answer,
        // HubSpot does not know any more where the last time has ended: the next one begins anew
        Err(Error::Upstream(failure)) if failure.status == 400 && after.is_some() => {
            let next_at = clock::now().saturating_add(EVERY_MS);
            let state = Sweeping { next_at, since: state.since, begun: None, after: None };
            return Ok(Swept { changes: Vec::new(), next: None, begun, state });
        }
        Err(other) => return Err(other),
    };
    let from = state.since.saturating_sub(OVERLAP_MS);
    let new = answer.results.into_iter().filter(|object| object.archived_at().is_none_or(|at| at >= from));
    let gone: Vec<String> = new.map(|object| object.id).filter(|id| object::is_id(id)).collect();
    let changes = ids::gone(reader, gone)?;
    let next = answer.paging.and_then(|paging| paging.next).map(|next| next.after).filter(|next| !next.is_empty());
    // one that goes on from an earlier time began then
    let begun = state.begun.filter(|_| state.after.is_some()).unwrap_or(begun);
    let next_at = clock::now().saturating_add(EVERY_MS);
    let (next, state) = match next {
        Some(next) if pages + 1 >= MAX_PAGES => {
            (None, Sweeping { next_at, since: state.since, begun: Some(begun), after: Some(next) })
        }
        Some(next) => (Some(next), state.clone()),
        None => (None, Sweeping { next_at, since: begun, begun: None, after: None }),
    };
    Ok(Swept { changes, next, begun, state })
}
