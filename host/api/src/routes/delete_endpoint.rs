//! `DELETE /v1/endpoints/{endpoint}`

use axum::extract::State;
use http::StatusCode;
use patchbay_hub::Hub;
use patchbay_model::EndpointId;

use crate::{
    extract::{Allowed, ManageInstallations, Path},
    problem::Problem,
};

/// Delete an endpoint
///
/// What is still to be sent to it is cancelled; what was sent stays readable.
#[utoipa::path(
    delete,
    path = "/v1/endpoints/{endpoint}",
    tag = "Endpoints",
    security(("api_key" = ["manage_installations"])),
    params(("endpoint" = String, Path, description = "The endpoint's id")),
    responses((status = 204, description = "It is gone"))
)]
pub(crate) async fn delete_endpoint(
    caller: Allowed<ManageInstallations>,
    State(hub): State<Hub>,
    Path(endpoint): Path<EndpointId>,
) -> Result<StatusCode, Problem> {
    hub.delete_endpoint(&caller, endpoint).await?;
    Ok(StatusCode::NO_CONTENT)
}
