//! `GET /v1/installations/{plugin}/syncs/{object}/conflicts`

use axum::{Json, extract::State};
use patchbay_hub::Hub;
use patchbay_model::{PluginId, SyncConflictId, object::StandardObject};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    extract::{Allowed, Path, Query, ReadActivity},
    problem::Problem,
    view::{Page, SyncConflict},
};

/// Which conflicts of the sync.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SyncConflictQuery {
    /// Only those before this one: the cursor.
    #[param(value_type = Option<String>)]
    before: Option<SyncConflictId>,
    /// At most so many: 1 to 200, default 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// List a sync's conflicts
///
/// Fields that both sides changed, newest first: both values, and which one stayed. They are kept for 30 days.
#[utoipa::path(
    get,
    path = "/v1/installations/{plugin}/syncs/{object}/conflicts",
    tag = "Syncs",
    security(("api_key" = ["read_activity"])),
    params(
        ("plugin" = String, Path, description = "The plugin's id", example = "hubspot"),
        ("object" = String, Path, description = "The standard object's name", example = "contact"),
        SyncConflictQuery,
    ),
    responses((status = 200, description = "A part of them", body = Page<SyncConflict>))
)]
pub(crate) async fn list_sync_conflicts(
    caller: Allowed<ReadActivity>,
    State(hub): State<Hub>,
    Path((plugin, object)): Path<(PluginId, StandardObject)>,
    Query(query): Query<SyncConflictQuery>,
) -> Result<Json<Page<SyncConflict>>, Problem> {
    let SyncConflictQuery { before, limit } = query;
    Ok(Json(hub.sync_conflicts(&caller, &plugin, object, before, limit).await?.into()))
}
