//! `DELETE /v1/schedules/{plugin}/{schedule}`

use axum::extract::State;
use http::StatusCode;
use patchbay_hub::Hub;
use patchbay_model::PluginId;

use crate::{
    extract::{Allowed, ManageInstallations, Path},
    problem::Problem,
};

/// Delete a schedule
///
/// The jobs that it made stay. One that the plugin brought along is a `conflict`: put it with `enabled: false` to switch it off.
#[utoipa::path(
    delete,
    path = "/v1/schedules/{plugin}/{schedule}",
    tag = "Jobs",
    security(("api_key" = ["manage_installations"])),
    params(
        ("plugin" = String, Path, description = "The plugin's id", example = "openai"),
        ("schedule" = String, Path, description = "The schedule's name", example = "nightly"),
    ),
    responses((status = 204, description = "It is gone"))
)]
pub(crate) async fn delete_schedule(
    caller: Allowed<ManageInstallations>,
    State(hub): State<Hub>,
    Path((plugin, schedule)): Path<(PluginId, String)>,
) -> Result<StatusCode, Problem> {
    hub.delete_schedule(&caller, &plugin, &schedule).await?;
    Ok(StatusCode::NO_CONTENT)
}
