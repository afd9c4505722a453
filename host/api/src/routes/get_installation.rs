//! `GET /v1/installations/{plugin}`

use axum::{Json, extract::State};
use patchbay_hub::Hub;
use patchbay_model::PluginId;

use crate::{
    extract::{Allowed, Path, ReadSettings},
    problem::Problem,
    view::Installation,
};

/// Read an installation
#[utoipa::path(
    get,
    path = "/v1/installations/{plugin}",
    tag = "Installations",
    security(("api_key" = ["read_settings"])),
    params(("plugin" = String, Path, description = "The plugin's id", example = "openai")),
    responses((status = 200, description = "The installation", body = Installation))
)]
pub(crate) async fn get_installation(
    caller: Allowed<ReadSettings>,
    State(hub): State<Hub>,
    Path(plugin): Path<PluginId>,
) -> Result<Json<Installation>, Problem> {
    Ok(Json(hub.installation(&caller, &plugin).await?.into()))
}
