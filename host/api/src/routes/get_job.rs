//! `GET /v1/jobs/{job}`

use axum::{Json, extract::State};
use patchbay_hub::Hub;
use patchbay_model::JobId;

use crate::{
    extract::{AllowedEither, CallActions, Path, ReadActivity},
    problem::Problem,
    view::Job,
};

/// Read a job
///
/// Whoever may call actions may read the jobs that they asked for themselves.
#[utoipa::path(
    get,
    path = "/v1/jobs/{job}",
    tag = "Jobs",
    security(("api_key" = ["read_activity"]), ("api_key" = ["call_actions"])),
    params(("job" = String, Path, description = "The job's id")),
    responses((status = 200, description = "The job", body = Job))
)]
pub(crate) async fn get_job(
    caller: AllowedEither<ReadActivity, CallActions>,
    State(hub): State<Hub>,
    Path(job): Path<JobId>,
) -> Result<Json<Job>, Problem> {
    Ok(Json(hub.job(&caller, job).await?.into()))
}
