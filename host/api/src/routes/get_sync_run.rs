//! `GET /v1/sync-runs/{sync_run}`

use axum::{Json, extract::State};
use patchbay_hub::Hub;
use patchbay_model::SyncRunId;

use crate::{
    extract::{Allowed, Path, ReadActivity},
    problem::Problem,
    view::SyncRun,
};

/// Read a run of a sync
#[utoipa::path(
    get,
    path = "/v1/sync-runs/{sync_run}",
    tag = "Syncs",
    security(("api_key" = ["read_activity"])),
    params(("sync_run" = String, Path, description = "The run's id")),
    responses((status = 200, description = "The run", body = SyncRun))
)]
pub(crate) async fn get_sync_run(
    caller: Allowed<ReadActivity>,
    State(hub): State<Hub>,
    Path(run): Path<SyncRunId>,
) -> Result<Json<SyncRun>, Problem> {
    Ok(Json(hub.sync_run(&caller, run).await?.into()))
}
