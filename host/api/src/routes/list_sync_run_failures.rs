//! `GET /v1/sync-runs/{sync_run}/failures`

use axum::{Json, extract::State};
use patchbay_hub::Hub;
use patchbay_model::SyncRunId;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    extract::{Allowed, Path, Query, ReadActivity},
    problem::Problem,
    view::{Page, SyncFailure},
};

/// Which failures.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SyncFailureQuery {
    /// Only those after this one: the cursor.
    #[param(minimum = 0)]
    pub(super) after: Option<u64>,
    /// At most so many: 1 to 200, default 50.
    #[param(minimum = 1, maximum = 200)]
    pub(super) limit: Option<u32>,
}

/// List what a run could not take over
///
/// Records, in the order in which they were met, with the reason. The first 1,000 of a run are kept; `counts.failed` has all.
#[utoipa::path(
    get,
    path = "/v1/sync-runs/{sync_run}/failures",
    tag = "Syncs",
    security(("api_key" = ["read_activity"])),
    params(("sync_run" = String, Path, description = "The run's id"), SyncFailureQuery),
    responses((status = 200, description = "A part of them", body = Page<SyncFailure>))
)]
pub(crate) async fn list_sync_run_failures(
    caller: Allowed<ReadActivity>,
    State(hub): State<Hub>,
    Path(run): Path<SyncRunId>,
    Query(query): Query<SyncFailureQuery>,
) -> Result<Json<Page<SyncFailure>>, Problem> {
    let SyncFailureQuery { after, limit } = query;
    Ok(Json(hub.sync_run_failures(&caller, run, after, limit).await?.into()))
}
