//! Events: what plugins and the hub published, in order.

use patchbay_model::{Code, Failure, Permission, event::Event};
use serde::Serialize;

use super::{Page, Size};
use crate::{auth::Caller, hub::Hub};

/// Which events.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// After this place in the org's order.
    pub after: Option<i64>,
    /// Of these types, `a.*` for all below `a.`; empty: of all.
    pub kinds: Vec<String>,
    /// At most so many: 1 to 200, default 50.
    pub limit: Option<u32>,
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
    /// The org's events, oldest first. Needs the permission `read_activity`.
    pub async fn events(&self, caller: &Caller, filter: EventFilter) -> Result<Page<SequencedEvent>, Failure> {
        caller.require(Permission::ReadActivity)?;
        let size = Size::new(filter.limit)?;
        let after = filter.after.unwrap_or(0);
        if after < 0 {
            return Err(Failure::new(Code::InvalidRequest, "`after` is a sequence, not negative"));
        }
        let mut tx = self.0.database.read().await?;
        let events = tx.org(caller.org).events().list(after, &filter.kinds, size.and_one()).await?;
        let events = events.into_iter().map(|(sequence, event)| SequencedEvent { sequence, event }).collect();
        Ok(size.page(events, |event: &SequencedEvent| event.sequence.to_string()))
    }
}
