//! `GET /v1/installations/{plugin}/syncs/{object}/failures`

use axum::{Json, extract::State};
use patchbay_hub::Hub;
use patchbay_model::{PluginId, object::StandardObject};

use super::list_sync_run_failures::SyncFailureQuery;
use crate::{
    extract::{Allowed, Path, Query, ReadActivity},
    problem::Problem,
    view::{Page, SyncFailure},
};

/// List what was not taken over between runs
///
/// Records of which a webhook told, and records that were to be written at the vendor, in the order in which they were met, with
/// the reason. They are kept for 30 days.
#[utoipa::path(
    get,
    path = "/v1/installations/{plugin}/syncs/{object}/failures",
    tag = "Syncs",
    security(("api_key" = ["read_activity"])),
    params(
        ("plugin" = String, Path, description = "The plugin's id", example = "hubspot"),
        ("object" = String, Path, description = "The standard object's name", example = "contact"),
        SyncFailureQuery,
    ),
    responses((status = 200, description = "A part of them", body = Page<SyncFailure>))
)]
pub(crate) async fn list_sync_failures(
    caller: Allowed<ReadActivity>,
    State(hub): State<Hub>,
    Path((plugin, object)): Path<(PluginId, StandardObject)>,
    Query(query): Query<SyncFailureQuery>,
) -> Result<Json<Page<SyncFailure>>, Problem> {
    let SyncFailureQuery { after, limit } = query;
    Ok(Json(hub.sync_failures(&caller, &plugin, object, after, limit).await?.into()))
}
