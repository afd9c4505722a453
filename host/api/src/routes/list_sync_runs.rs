//! `GET /v1/installations/{plugin}/syncs/{object}/runs`

use axum::{Json, extract::State};
use patchbay_hub::Hub;
use patchbay_model::{PluginId, SyncRunId, object::StandardObject};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    extract::{Allowed, Path, Query, ReadActivity},
    problem::Problem,
    view::{Page, SyncRun},
};

/// Which runs of the sync.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SyncRunQuery {
    /// Only those before this run: the cursor.
    #[param(value_type = Option<String>)]
    before: Option<SyncRunId>,
    /// At most so many: 1 to 200, default 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// List a sync's runs
///
/// Newest first. They are kept for 30 days.
#[utoipa::path(
    get,
    path = "/v1/installations/{plugin}/syncs/{object}/runs",
    tag = "Syncs",
    security(("api_key" = ["read_activity"])),
    params(
        ("plugin" = String, Path, description = "The plugin's id", example = "hubspot"),
        ("object" = String, Path, description = "The standard object's name", example = "contact"),
        SyncRunQuery,
    ),
    responses((status = 200, description = "A part of them", body = Page<SyncRun>))
)]
pub(crate) async fn list_sync_runs(
    caller: Allowed<ReadActivity>,
    State(hub): State<Hub>,
    Path((plugin, object)): Path<(PluginId, StandardObject)>,
    Query(query): Query<SyncRunQuery>,
) -> Result<Json<Page<SyncRun>>, Problem> {
    let SyncRunQuery { before, limit } = query;
    Ok(Json(hub.sync_runs(&caller, &plugin, object, before, limit).await?.into()))
}
