//! `GET /v1/installations/{plugin}/syncs/{object}`

use axum::{Json, extract::State};
use patchbay_hub::Hub;
use patchbay_model::{PluginId, object::StandardObject};

use crate::{
    extract::{Allowed, Path, ReadActivity},
    problem::Problem,
    view::SyncReply,
};

/// Read a sync
#[utoipa::path(
    get,
    path = "/v1/installations/{plugin}/syncs/{object}",
    tag = "Syncs",
    security(("api_key" = ["read_activity"])),
    params(
        ("plugin" = String, Path, description = "The plugin's id", example = "hubspot"),
        ("object" = String, Path, description = "The standard object's name", example = "contact"),
    ),
    responses((status = 200, description = "The sync", body = SyncReply))
)]
pub(crate) async fn get_sync(
    caller: Allowed<ReadActivity>,
    State(hub): State<Hub>,
    Path((plugin, object)): Path<(PluginId, StandardObject)>,
) -> Result<Json<SyncReply>, Problem> {
    Ok(Json(hub.sync(&caller, &plugin, object).await?.into()))
}
