//! `DELETE /v1/connections/{plugin}`

use axum::extract::State;
use http::StatusCode;
use patchbay_hub::Hub;
use patchbay_model::PluginId;

use crate::{
    extract::{Allowed, ManageConnections, Path},
    problem::Problem,
};

/// Disconnect a plugin
///
/// The secrets can no longer be used by the time of the answer. Their ciphertext may stay in the database's
/// file until its space is used again, and in backups.
#[utoipa::path(
    delete,
    path = "/v1/connections/{plugin}",
    tag = "Connections",
    security(("api_key" = ["manage_connections"])),
    params(("plugin" = String, Path, description = "The plugin's id", example = "openai")),
    responses((status = 204, description = "They are gone"))
)]
pub(crate) async fn delete_connection(
    caller: Allowed<ManageConnections>,
    State(hub): State<Hub>,
    Path(plugin): Path<PluginId>,
) -> Result<StatusCode, Problem> {
    hub.delete_connection(&caller, &plugin).await?;
    Ok(StatusCode::NO_CONTENT)
}
