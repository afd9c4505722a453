//! `POST /v1/jobs/{job}/redrive`

use axum::{Json, extract::State};
use http::StatusCode;
use patchbay_hub::Hub;
use patchbay_model::JobId;

use crate::{
    extract::{Allowed, ManageInstallations, Path},
    problem::Problem,
    view::Job,
};

/// Redrive a job
///
/// For one that is `failed`: it goes on where its last step left it, with as many tries as a new one has. Others are a
/// `conflict`.
#[utoipa::path(
    post,
    path = "/v1/jobs/{job}/redrive",
    tag = "Jobs",
    security(("api_key" = ["manage_installations"])),
    params(("job" = String, Path, description = "The job's id")),
    responses((status = 202, description = "It is queued again", body = Job))
)]
pub(crate) async fn redrive_job(
    caller: Allowed<ManageInstallations>,
    State(hub): State<Hub>,
    Path(job): Path<JobId>,
) -> Result<(StatusCode, Json<Job>), Problem> {
    Ok((StatusCode::ACCEPTED, Json(hub.redrive_job(&caller, job).await?.into())))
}
