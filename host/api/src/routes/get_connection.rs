//! `GET /v1/connections/{plugin}`

use axum::{Json, extract::State};
use patchbay_hub::Hub;
use patchbay_model::PluginId;

use crate::{
    extract::{Allowed, Path, ReadSettings},
    problem::Problem,
    view::Connection,
};

/// Read a connection
///
/// Says which credentials have a value; the values never come out.
#[utoipa::path(
    get,
    path = "/v1/connections/{plugin}",
    tag = "Connections",
    security(("api_key" = ["read_settings"])),
    params(("plugin" = String, Path, description = "The plugin's id", example = "openai")),
    responses((status = 200, description = "The connection", body = Connection))
)]
pub(crate) async fn get_connection(
    caller: Allowed<ReadSettings>,
    State(hub): State<Hub>,
    Path(plugin): Path<PluginId>,
) -> Result<Json<Connection>, Problem> {
    Ok(Json(hub.connection(&caller, &plugin).await?.into()))
}
