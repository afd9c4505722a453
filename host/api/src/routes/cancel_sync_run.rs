//! `DELETE /v1/sync-runs/{sync_run}`

use axum::{Json, extract::State};
use patchbay_hub::Hub;
use patchbay_model::SyncRunId;

use crate::{
    extract::{Allowed, ManageInstallations, Path},
    problem::Problem,
    view::SyncRun,
};

/// Cancel a run of a sync
///
/// What it has taken over stays; the next run begins where the last one had read to that came to its end. One that has ended is a
/// `conflict`.
#[utoipa::path(
    delete,
    path = "/v1/sync-runs/{sync_run}",
    tag = "Syncs",
    security(("api_key" = ["manage_installations"])),
    params(("sync_run" = String, Path, description = "The run's id")),
    responses((status = 200, description = "The run as it is now", body = SyncRun))
)]
pub(crate) async fn cancel_sync_run(
    caller: Allowed<ManageInstallations>,
    State(hub): State<Hub>,
    Path(run): Path<SyncRunId>,
) -> Result<Json<SyncRun>, Problem> {
    Ok(Json(hub.cancel_sync_run(&caller, run).await?.into()))
}
