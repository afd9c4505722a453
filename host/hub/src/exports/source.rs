//! Where rows come from: page by page, the oldest first, up to the last one that was there when the first step began.
//!
//! What was there then and is not deleted meanwhile is in the file once. What was added since with a key within the bounds (a
//! run that began before and ended after, a record whose id sorts among the others) can be in it as well.

use patchbay_model::{
    DeliveryId, Failure, PluginId, RunId, Timestamp, UsageId,
    export::{ExportFilter, Exported},
    filter::Filter,
    object::StandardObject,
};
use patchbay_storage::{EventFilter, OrgTx, Walk};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::document;
use crate::queries::events::SequencedEvent;

/// Rows that are read at a time of what is small.
const PAGE: u32 = 1_000;
/// The same of what can be large: each row may have some hundred kilobytes.
const LARGE: u32 = 100;
/// Ids begin with the time of what they are of, or of what caused it, and that is older by less than this: no call runs for
/// so long.
const LONGEST: chrono::Duration = chrono::Duration::hours(24);
/// A clock that is set may say of a thing that it is so much older than its id.
const SET_BACK: chrono::Duration = chrono::Duration::minutes(1);

/// Where an export has come to, and where it ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// Behind this key.
    pub(super) after: Option<String>,
    /// Up to this key, and with it.
    pub(super) upto: String,
    /// The key of the first row.
    pub(super) first: Option<String>,
}

/// Rows, as documents.
pub(super) struct Page {
    /// Each with its key.
    pub(super) rows: Vec<(String, Value)>,
    /// Behind which key to go on, if all rows are taken; none if nothing is behind them.
    pub(super) next: Option<String>,
}

/// What is gone through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    Runs,
    Events,
    Deliveries,
    Usage,
    Audit,
    Collection(PluginId, String),
    Object(StandardObject),
}

impl Source {
    /// Of what was asked for, which was checked before it was stored.
    pub(super) fn of(what: Exported, filter: &ExportFilter) -> Result<Self, Failure> {
        Ok(match what {
            Exported::Runs => Self::Runs,
            Exported::Events => Self::Events,
            Exported::Deliveries => Self::Deliveries,
            Exported::Usage => Self::Usage,
            Exported::Audit => Self::Audit,
            Exported::Records => match (&filter.object, &filter.plugin, &filter.collection) {
                (Some(object), ..) => Self::Object(object.parse().map_err(Failure::internal)?),
                (None, Some(plugin), Some(collection)) => Self::Collection(plugin.clone(), collection.clone()),
                _ => return Err(Failure::internal("an export of records names no records")),
            },
        })
    }

    /// The standard object that it is of, if it is.
    pub(super) const fn object(&self) -> Option<StandardObject> {
        match self {
            Self::Object(object) => Some(*object),
            _ => None,
        }
    }

    /// Where to begin; nothing if there are no rows.
    pub(super) async fn bounds(&self, ours: &mut OrgTx<'_>, filter: &ExportFilter) -> Result<Option<Place>, Failure> {
        let upto = match self {
            Self::Runs => {
                ours.runs().newest().await?.map(|newest| key(end(newest.0, filter).map_or(newest, RunId::least_at)))
            }
            Self::Usage => {
                ours.usage().newest().await?.map(|newest| key(end(newest.0, filter).map_or(newest, UsageId::least_at)))
            }
            Self::Deliveries => {
                let newest = ours.deliveries().newest().await?;
                newest.map(|newest| key(end(newest.0, filter).map_or(newest, DeliveryId::least_at)))
            }
            Self::Events => Some(ours.events().extent().await?.1.to_string()),
            Self::Audit => ours.audit().head().await?.map(|head| head.entries.to_string()),
            Self::Collection(plugin, collection) => ours.records(plugin).last(collection).await?,
            Self::Object(object) => ours.objects().last(*object).await?,
        };
        // the earliest time that there is has none before it
        let begin = |at: Timestamp| at.checked_sub_signed(LONGEST).unwrap_or(at);
        // what is looked up by id needs not be gone through from the very first
        let after = match self {
            Self::Runs => filter.from.map(|from| key(RunId::least_at(begin(from)))),
            Self::Usage => filter.from.map(|from| key(UsageId::least_at(begin(from)))),
            _ => None,
        };
        Ok(upto.map(|upto| Place { after, upto, first: None }))
    }

    /// The next rows.
    pub(super) async fn page(
        &self,
        ours: &mut OrgTx<'_>,
        filter: &ExportFilter,
        place: &Place,
        most: u32,
    ) -> Result<Page, Failure> {
        match self {
            Self::Runs => {
                let walk = walk(filter, place, most.min(PAGE))?;
                let rows = ours.runs().walk(&walk).await?;
                page(rows, walk.limit, |run| key(run.id), document::run)
            }
            Self::Usage => {
                let walk = walk(filter, place, most.min(PAGE))?;
                let rows = ours.usage().walk(&walk).await?;
                page(rows, walk.limit, |record| key(record.id), document::usage)
            }
            Self::Deliveries => {
                let walk = walk(filter, place, most.min(PAGE))?;
                let rows = ours.deliveries().walk(&walk).await?;
                page(rows, walk.limit, |delivery| key(delivery.id), document::delivery)
            }
            Self::Audit => {
                let walk = walk(filter, place, most.min(PAGE))?;
                let rows = ours.audit().walk(&walk).await?;
                page(rows, walk.limit, |line| line.seq.to_string(), document::audit)
            }
            Self::Collection(plugin, collection) => {
                let walk = walk::<String>(filter, place, most.min(LARGE))?;
                let rows = ours.records(plugin).walk(collection, &walk).await?;
                page(rows, walk.limit, |record| record.id.clone(), document::record)
            }
            Self::Events => events(ours, filter, place, most.min(LARGE)).await,
            Self::Object(object) => objects(ours, *object, filter, place, most.min(LARGE)).await,
        }
    }

    /// How far a key is on the way, in per mille, where keys say so.
    pub(super) fn progress(&self, place: &Place) -> Option<u32> {
        let number = |key: &str| match self {
            Self::Runs => key.parse().ok().map(|id: RunId| millis(id.0)),
            Self::Usage => key.parse().ok().map(|id: UsageId| millis(id.0)),
            Self::Deliveries => key.parse().ok().map(|id: DeliveryId| millis(id.0)),
            Self::Events | Self::Audit => key.parse().ok(),
            Self::Collection(..) | Self::Object(_) => None,
        };
        let (first, now, last) =
            (number(place.first.as_deref()?)?, number(place.after.as_deref()?)?, number(&place.upto)?);
        let (gone, whole) = (now.saturating_sub(first), last.saturating_sub(first).max(1));
        u32::try_from(gone.saturating_mul(1_000) / whole).ok().map(|part| part.min(1_000))
    }
}

/// From when on nothing is asked for any more, if that is before the newest row: what is behind it needs not be gone through to
/// find nothing. What an id is of is not older than the id.
fn end(newest: Uuid, filter: &ExportFilter) -> Option<Timestamp> {
    let end = filter.to?.checked_add_signed(SET_BACK)?;
    (u64::try_from(end.timestamp_millis()).unwrap_or(0) < millis(newest)).then_some(end)
}

/// When an id begins, in milliseconds.
fn millis(id: Uuid) -> u64 {
    u64::try_from(id.as_u128() >> 80).unwrap_or(u64::MAX)
}

fn key(id: impl std::fmt::Display) -> String {
    id.to_string()
}

/// A page of a table that is gone through by keys of this kind.
fn walk<K: std::str::FromStr>(filter: &ExportFilter, place: &Place, limit: u32) -> Result<Walk<K>, Failure> {
    let read = |key: &str| key.parse().map_err(|_| Failure::internal("an export has lost its place"));
    Ok(Walk {
        after: place.after.as_deref().map(read).transpose()?,
        upto: read(&place.upto)?,
        plugin: filter.plugin.clone(),
        from: filter.from,
        to: filter.to,
        limit,
    })
}

fn page<T>(
    rows: Vec<T>,
    limit: u32,
    key: impl Fn(&T) -> String,
    document: impl Fn(T) -> serde_json::Result<Value>,
) -> Result<Page, Failure> {
    let is_full = rows.len() >= limit as usize;
    let mut page = Page { rows: Vec::with_capacity(rows.len()), next: None };
    for row in rows {
        page.rows.push((key(&row), document(row).map_err(Failure::internal)?));
    }
    page.next = page.rows.last().filter(|_| is_full).map(|(key, _)| key.clone());
    Ok(page)
}

/// Behind a page that ends at one number, where all ends at another.
fn beyond(upto: i64, end: i64, more: bool) -> Option<String> {
    (more && upto < end).then(|| upto.to_string())
}

async fn events(ours: &mut OrgTx<'_>, filter: &ExportFilter, place: &Place, limit: u32) -> Result<Page, Failure> {
    let walk = walk::<i64>(filter, place, limit)?;
    let wanted = EventFilter {
        kinds: filter.types.clone(),
        source: filter.plugin.as_ref().map(ToString::to_string),
        subject: None,
        from: filter.from,
        to: filter.to,
    };
    let found = ours.events().scan(walk.after.unwrap_or(0), &wanted, limit).await?;
    let mut rows = Vec::with_capacity(found.events.len());
    for (sequence, event) in found.events.into_iter().filter(|(sequence, _)| *sequence <= walk.upto) {
        let document = document::event(SequencedEvent { sequence, event }).map_err(Failure::internal)?;
        rows.push((sequence.to_string(), document));
    }
    Ok(Page { rows, next: beyond(found.upto, walk.upto, found.more) })
}

async fn objects(
    ours: &mut OrgTx<'_>,
    object: StandardObject,
    filter: &ExportFilter,
    place: &Place,
    limit: u32,
) -> Result<Page, Failure> {
    let found = ours.objects().find(object, &Filter::default(), place.after.as_deref(), limit).await?;
    let is_within = |at: Timestamp| filter.from.is_none_or(|from| at >= from) && filter.to.is_none_or(|to| at < to);
    let mut rows = Vec::with_capacity(found.records.len());
    for record in found.records.into_iter().filter(|record| record.id <= place.upto && is_within(record.updated.at)) {
        rows.push((record.id.clone(), document::object(record).map_err(Failure::internal)?));
    }
    Ok(Page { rows, next: found.next.filter(|next| *next < place.upto) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_how_far_the_keys_have_come() {
        let place = |first: &str, after: &str, upto: &str| Place {
            first: Some(first.to_owned()),
            after: Some(after.to_owned()),
            upto: upto.to_owned(),
        };
        assert_eq!(Source::Events.progress(&place("10", "15", "20")), Some(500));
        assert_eq!(Source::Events.progress(&place("10", "20", "20")), Some(1_000));
        assert_eq!(Source::Events.progress(&place("20", "20", "20")), Some(0));
        let run = |millis: u128| format!("run_{:032x}", millis << 80);
        assert_eq!(Source::Runs.progress(&place(&run(1_000), &run(1_250), &run(2_000))), Some(250));
        assert_eq!(Source::Object(StandardObject::Call).progress(&place("a", "b", "c")), None);
    }

    #[test]
    fn an_export_that_ends_before_the_newest_row_does_not_go_through_what_is_behind() {
        let at = |seconds: i64| chrono::DateTime::from_timestamp(seconds, 0).unwrap();
        let newest = RunId::least_at(at(1_800_000_000)).0;
        let to = |to| ExportFilter { to, ..ExportFilter::default() };
        assert_eq!(end(newest, &to(Some(at(1_700_000_000)))), Some(at(1_700_000_060)));
        assert_eq!(end(newest, &to(Some(at(1_800_000_000)))), None);
        assert_eq!(end(newest, &to(Some(Timestamp::MAX_UTC))), None);
        assert_eq!(end(newest, &to(Some(Timestamp::MIN_UTC))), Some(Timestamp::MIN_UTC + SET_BACK));
        assert_eq!(end(newest, &to(None)), None);
    }

    #[test]
    fn a_page_of_events_ends_where_the_export_does() {
        assert_eq!(beyond(10, 20, true), Some("10".to_owned()));
        assert_eq!(beyond(20, 20, true), None);
        assert_eq!(beyond(10, 20, false), None);
    }
}
