//! `POST /v1/jobs/{job}/cancel`

use axum::{Json, extract::State};
use http::StatusCode;
use patchbay_hub::Hub;
use patchbay_model::JobId;

use crate::{
    extract::{AllowedEither, CallActions, ManageInstallations, Path},
    problem::Problem,
    view::Job,
};

/// Cancel a job
///
/// One that waits ends at once. The call of one that runs is broken off, and nothing of that step is kept; what the vendor did
/// stays done. One that has ended is a `conflict`. Whoever may call actions may cancel the jobs that they asked for themselves.
#[utoipa::path(
    post,
    path = "/v1/jobs/{job}/cancel",
    tag = "Jobs",
    security(("api_key" = ["manage_installations"]), ("api_key" = ["call_actions"])),
    params(("job" = String, Path, description = "The job's id")),
    responses((status = 202, description = "It has ended, or ends with the step that is being done", body = Job))
)]
pub(crate) async fn cancel_job(
    caller: AllowedEither<ManageInstallations, CallActions>,
    State(hub): State<Hub>,
    Path(job): Path<JobId>,
) -> Result<(StatusCode, Json<Job>), Problem> {
    Ok((StatusCode::ACCEPTED, Json(hub.cancel_job(&caller, job).await?.into())))
}
