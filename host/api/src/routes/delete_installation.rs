//! `DELETE /v1/installations/{plugin}`

use axum::extract::State;
use http::StatusCode;
use patchbay_hub::Hub;
use patchbay_model::PluginId;

use crate::{
    extract::{Allowed, ManageInstallations, Path},
    problem::Problem,
};

/// Remove an installation
///
/// Calls that run go on to their end; its webhook URL stops working for good.
#[utoipa::path(
    delete,
    path = "/v1/installations/{plugin}",
    tag = "Installations",
    security(("api_key" = ["manage_installations"])),
    params(("plugin" = String, Path, description = "The plugin's id", example = "openai")),
    responses((status = 204, description = "It is gone"))
)]
pub(crate) async fn delete_installation(
    caller: Allowed<ManageInstallations>,
    State(hub): State<Hub>,
    Path(plugin): Path<PluginId>,
) -> Result<StatusCode, Problem> {
    hub.delete_installation(&caller, &plugin).await?;
    Ok(StatusCode::NO_CONTENT)
}
