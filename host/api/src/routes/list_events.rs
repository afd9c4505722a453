//! `GET /v1/events`

use axum::{Json, extract::State};
use patchbay_hub::{EventFilter, Hub};
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
    /// Only these types, with commas between them.
    #[param(example = "stripe.invoice.paid,stripe.invoice.payment_failed")]
    kind: Option<String>,
    /// At most so many: 1 to 200, default 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// List events
///
/// Oldest first, so that a reader who keeps `next` misses none.
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
    let EventQuery { after, kind, limit } = query;
    let kinds = kind.iter().flat_map(|kinds| kinds.split(',')).map(|kind| kind.trim().to_owned());
    let kinds = kinds.filter(|kind| !kind.is_empty()).collect();
    Ok(Json(hub.events(&caller, EventFilter { after, kinds, limit }).await?.into()))
}
