//! `DELETE /v1/connections/{plugin}/client`

use axum::extract::State;
use http::StatusCode;
use patchbay_hub::Hub;
use patchbay_model::PluginId;

use crate::{
    extract::{Allowed, ManageConnections, Path},
    problem::Problem,
};

/// Forget the organization's own client
///
/// The operator's takes its place, if there is one.
#[utoipa::path(
    delete,
    path = "/v1/connections/{plugin}/client",
    tag = "Connections",
    security(("api_key" = ["manage_connections"])),
    params(("plugin" = String, Path, description = "The plugin's id", example = "salesforce")),
    responses((status = 204, description = "It is gone"))
)]
pub(crate) async fn delete_oauth_client(
    caller: Allowed<ManageConnections>,
    State(hub): State<Hub>,
    Path(plugin): Path<PluginId>,
) -> Result<StatusCode, Problem> {
    hub.delete_oauth_client(&caller, &plugin).await?;
    Ok(StatusCode::NO_CONTENT)
}
