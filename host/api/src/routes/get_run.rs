//! `GET /v1/runs/{run}`

use axum::{Json, extract::State};
use patchbay_hub::Hub;
use patchbay_model::RunId;

use crate::{
    extract::{Allowed, Path, ReadActivity},
    problem::Problem,
    view::Run,
};

/// Read a run
#[utoipa::path(
    get,
    path = "/v1/runs/{run}",
    tag = "Runs",
    security(("api_key" = ["read_activity"])),
    params(("run" = String, Path, description = "The run's id")),
    responses((status = 200, description = "The run", body = Run))
)]
pub(crate) async fn get_run(
    caller: Allowed<ReadActivity>,
    State(hub): State<Hub>,
    Path(run): Path<RunId>,
) -> Result<Json<Run>, Problem> {
    Ok(Json(hub.run(&caller, run).await?.into()))
}
