//! `GET /v1/installations/{plugin}/syncs`

use axum::{Json, extract::State};
use patchbay_hub::Hub;
use patchbay_model::PluginId;

use crate::{
    extract::{Allowed, Path, ReadActivity},
    problem::Problem,
    view::{Page, SyncReply},
};

/// List syncs
///
/// What the plugin can keep the same here and at its vendor, with the org's settings and where each stands.
#[utoipa::path(
    get,
    path = "/v1/installations/{plugin}/syncs",
    tag = "Syncs",
    security(("api_key" = ["read_activity"])),
    params(("plugin" = String, Path, description = "The plugin's id", example = "hubspot")),
    responses((status = 200, description = "All of them", body = Page<SyncReply>))
)]
pub(crate) async fn list_syncs(
    caller: Allowed<ReadActivity>,
    State(hub): State<Hub>,
    Path(plugin): Path<PluginId>,
) -> Result<Json<Page<SyncReply>>, Problem> {
    Ok(Json(hub.syncs(&caller, &plugin).await?.into()))
}
