//! `GET /v1/events/{event}`

use axum::{Json, extract::State};
use patchbay_hub::Hub;
use patchbay_model::EventId;

use crate::{
    extract::{Allowed, Path, ReadActivity},
    problem::Problem,
    view::Event,
};

/// Read an event
#[utoipa::path(
    get,
    path = "/v1/events/{event}",
    tag = "Events",
    security(("api_key" = ["read_activity"])),
    params(("event" = String, Path, description = "The event's id")),
    responses((status = 200, description = "The event", body = Event))
)]
pub(crate) async fn get_event(
    caller: Allowed<ReadActivity>,
    State(hub): State<Hub>,
    Path(event): Path<EventId>,
) -> Result<Json<Event>, Problem> {
    Ok(Json(hub.event(&caller, event).await?.into()))
}
