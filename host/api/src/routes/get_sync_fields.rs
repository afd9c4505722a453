//! `GET /v1/installations/{plugin}/syncs/{object}/fields`

use axum::{Json, extract::State};
use patchbay_hub::Hub;
use patchbay_model::{PluginId, object::StandardObject};

use crate::{
    extract::{Allowed, ManageInstallations, Path},
    problem::Problem,
    view::SyncFields,
};

/// Read what can be mapped
///
/// The fields of both sides. Those of the vendor, with those that its customer made, are asked for if they were not within the last
/// minute: a call of the plugin, which counts as one.
#[utoipa::path(
    get,
    path = "/v1/installations/{plugin}/syncs/{object}/fields",
    tag = "Syncs",
    security(("api_key" = ["manage_installations"])),
    params(
        ("plugin" = String, Path, description = "The plugin's id", example = "hubspot"),
        ("object" = String, Path, description = "The standard object's name", example = "contact"),
    ),
    responses((status = 200, description = "The fields of both sides", body = SyncFields))
)]
pub(crate) async fn get_sync_fields(
    caller: Allowed<ManageInstallations>,
    State(hub): State<Hub>,
    Path((plugin, object)): Path<(PluginId, StandardObject)>,
) -> Result<Json<SyncFields>, Problem> {
    Ok(Json(hub.sync_fields(&caller, &plugin, object).await?.into()))
}
