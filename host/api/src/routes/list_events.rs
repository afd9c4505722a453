//! `GET /v1/events`

use axum::{Json, extract::State};
use patchbay_hub::{EventFilter, Hub};
use patchbay_model::Timestamp;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    extract::{Allowed, Query, ReadActivity},
    problem::Problem,
    view::{Event, Page},
};

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventQuery {
    /// Only those after this sequence: the cursor.
    after: Option<i64>,
    /// Only these types, with commas between them; `call.*` for all below `call.`.
    #[serde(rename = "type")]
    #[param(rename = "type", example = "stripe.invoice.paid,call.*")]
    kind: Option<String>,
    /// Only those that this published: a plugin's id, or `patchbay`.
    #[param(example = "stripe")]
    source: Option<String>,
    /// Only those about this.
    subject: Option<String>,
    /// From this time on (RFC 3339).
    #[param(value_type = Option<String>, format = DateTime, example = "2026-11-01T00:00:00Z")]
    from: Option<Timestamp>,
    /// Up to this time, which is not counted in (RFC 3339).
    #[param(value_type = Option<String>, format = DateTime, example = "2026-12-01T00:00:00Z")]
    to: Option<Timestamp>,
    /// At most so many: 1 to 200, default 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

impl EventQuery {
    pub(crate) fn filter(self) -> EventFilter {
        let Self { after, kind, source, subject, from, to, limit } = self;
        let kinds = kind.iter().flat_map(|kinds| kinds.split(',')).map(|kind| kind.trim().to_owned());
        let kinds = kinds.filter(|kind| !kind.is_empty()).collect();
        EventFilter { after, kinds, source, subject, from, to, limit }
    }
}

/// List events
///
/// Oldest first, as CloudEvents 1.0, so that a reader who keeps `next` misses none. A page can be short although there are
/// more: ask on for as long as there is a `next`.
#[utoipa::path(
    get,
    path = "/v1/events",
    tag = "Events",
    security(("api_key" = ["read_activity"])),
    params(EventQuery),
    responses((status = 200, description = "A part of them", body = Page<Event>))
)]
pub(crate) async fn list_events(
    caller: Allowed<ReadActivity>,
    State(hub): State<Hub>,
    Query(query): Query<EventQuery>,
) -> Result<Json<Page<Event>>, Problem> {
    Ok(Json(hub.events(&caller, query.filter()).await?.into()))
}
