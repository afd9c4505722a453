//! Events: what plugins and the hub published, in order.

use patchbay_model::{
    Code, EventId, Failure, Permission, Timestamp,
    event::{Event, is_type_or_family},
};
use serde::Serialize;

use super::{Page, Size, not_found};
use crate::{auth::Caller, events::envelope, hub::Hub};

/// The most types that one question names.
const MOST_KINDS: usize = 50;

/// Which events.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// After this place in the org's order.
    pub after: Option<i64>,
    /// Of these types, `a.*` for all below `a.`; empty, or `*`: of all.
    pub kinds: Vec<String>,
    /// Published by this: `patchbay` or a plugin's id, or as the envelope says it.
    pub source: Option<String>,
    /// About this.
    pub subject: Option<String>,
    /// Published at that time or later.
    pub from: Option<Timestamp>,
    /// Published before.
    pub to: Option<Timestamp>,
    /// At most so many: 1 to 200, default 50.
    pub limit: Option<u32>,
}

impl EventFilter {
    /// `invalid_request` unless it can be asked for.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let refused = |detail: String| Err(Failure::new(Code::InvalidRequest, detail));
        if self.after.is_some_and(|after| after < 0) {
            return refused("`after` is a sequence, not negative".to_owned());
        }
        if self.kinds.len() > MOST_KINDS {
            return refused(format!("`type` names at most {MOST_KINDS}"));
        }
        if let Some(wrong) = self.kinds.iter().find(|kind| *kind != "*" && !is_type_or_family(kind)) {
            return refused(format!(
                "`type` is a type of events, as in `call.created`, or `call.*`, and not {wrong:?}"
            ));
        }
        if let Some(source) = &self.source
            && envelope::named(source).is_none()
        {
            return refused("`source` is a plugin's id or `patchbay`".to_owned());
        }
        Ok(())
    }

    /// As the database is asked.
    pub(crate) fn stored(&self) -> patchbay_storage::EventFilter {
        patchbay_storage::EventFilter {
            kinds: self.kinds.clone(),
            source: self.source.as_deref().and_then(envelope::named),
            subject: self.subject.clone(),
            from: self.from,
            to: self.to,
        }
    }
}

/// An event and its place in the org's order.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SequencedEvent {
    /// Grows; with gaps.
    pub sequence: i64,
    /// The event.
    #[serde(flatten)]
    pub event: Event,
}

impl Hub {
    /// The org's events, oldest first. Needs the permission `read_activity`. A page can be short, or empty, although there
    /// are more: `next` tells.
    pub async fn events(&self, caller: &Caller, filter: EventFilter) -> Result<Page<SequencedEvent>, Failure> {
        caller.require(Permission::ReadActivity)?;
        let size = Size::new(filter.limit)?;
        filter.check()?;
        let mut tx = self.0.database.read().await?;
        let mut events = tx.org(caller.org);
        let page = events.events().scan(filter.after.unwrap_or(0), &filter.stored(), size.and_one()).await?;
        let (more, upto) = (page.more, page.upto);
        let events = page.events.into_iter().map(|(sequence, event)| SequencedEvent { sequence, event }).collect();
        let page = size.page(events, |event: &SequencedEvent| event.sequence.to_string());
        // the look ended before the page was full
        let next = page.next.or_else(|| more.then(|| upto.to_string()));
        Ok(Page { next, ..page })
    }

    /// One event. Needs the permission `read_activity`.
    pub async fn event(&self, caller: &Caller, id: EventId) -> Result<SequencedEvent, Failure> {
        caller.require(Permission::ReadActivity)?;
        let mut tx = self.0.database.read().await?;
        let found = tx.org(caller.org).events().get(id).await?;
        let (sequence, event) = found.ok_or_else(|| not_found("event"))?;
        Ok(SequencedEvent { sequence, event })
    }
}
