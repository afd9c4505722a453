//! `GET /v1/schedules/{plugin}/{schedule}`

use axum::{Json, extract::State};
use patchbay_hub::Hub;
use patchbay_model::PluginId;

use crate::{
    extract::{Allowed, Path, ReadSettings},
    problem::Problem,
    view::Schedule,
};

/// Read a schedule
#[utoipa::path(
    get,
    path = "/v1/schedules/{plugin}/{schedule}",
    tag = "Jobs",
    security(("api_key" = ["read_settings"])),
    params(
        ("plugin" = String, Path, description = "The plugin's id", example = "openai"),
        ("schedule" = String, Path, description = "The schedule's name", example = "nightly"),
    ),
    responses((status = 200, description = "The schedule", body = Schedule))
)]
pub(crate) async fn get_schedule(
    caller: Allowed<ReadSettings>,
    State(hub): State<Hub>,
    Path((plugin, schedule)): Path<(PluginId, String)>,
) -> Result<Json<Schedule>, Problem> {
    Ok(Json(hub.schedule(&caller, &plugin, &schedule).await?.into()))
}
