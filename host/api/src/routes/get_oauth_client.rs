//! `GET /v1/connections/{plugin}/client`

use axum::{Json, extract::State};
use patchbay_hub::Hub;
use patchbay_model::PluginId;

use crate::{
    extract::{Allowed, Path, ReadSettings},
    problem::Problem,
    view::OauthClient,
};

/// Read the client that connects to a vendor
///
/// Says where the vendor must be told to send browsers back to, also before there is a client.
#[utoipa::path(
    get,
    path = "/v1/connections/{plugin}/client",
    tag = "Connections",
    security(("api_key" = ["read_settings"])),
    params(("plugin" = String, Path, description = "The plugin's id", example = "salesforce")),
    responses((status = 200, description = "The client", body = OauthClient))
)]
pub(crate) async fn get_oauth_client(
    caller: Allowed<ReadSettings>,
    State(hub): State<Hub>,
    Path(plugin): Path<PluginId>,
) -> Result<Json<OauthClient>, Problem> {
    Ok(Json(hub.oauth_client(&caller, &plugin).await?.into()))
}
