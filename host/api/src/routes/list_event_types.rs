//! `GET /v1/event-types`

use axum::{Json, extract::State};
use patchbay_hub::Hub;

use crate::{
    extract::{Allowed, ReadSettings},
    problem::Problem,
    view::{EventType, Page},
};

/// List the types of events
///
/// The hub's own, those of standard objects, and those of each plugin, with the schemas of their data.
#[utoipa::path(
    get,
    path = "/v1/event-types",
    tag = "Events",
    security(("api_key" = ["read_settings"])),
    responses((status = 200, description = "All of them", body = Page<EventType>))
)]
pub(crate) async fn list_event_types(
    caller: Allowed<ReadSettings>,
    State(hub): State<Hub>,
) -> Result<Json<Page<EventType>>, Problem> {
    Ok(Json(hub.event_types(&caller)?.into()))
}
