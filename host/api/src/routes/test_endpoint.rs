//! `POST /v1/endpoints/{endpoint}/test`

use axum::{Json, extract::State};
use http::StatusCode;
use patchbay_hub::Hub;
use patchbay_model::EndpointId;

use crate::{
    extract::{Allowed, ManageInstallations, Path},
    problem::Problem,
    view::TestReply,
};

/// Try an endpoint
///
/// Publishes an event of the type `endpoint.test`, which goes to this endpoint whatever it subscribes to, on the way of all
/// others.
#[utoipa::path(
    post,
    path = "/v1/endpoints/{endpoint}/test",
    tag = "Endpoints",
    security(("api_key" = ["manage_installations"])),
    params(("endpoint" = String, Path, description = "The endpoint's id")),
    responses((status = 202, description = "It is on its way", body = TestReply))
)]
pub(crate) async fn test_endpoint(
    caller: Allowed<ManageInstallations>,
    State(hub): State<Hub>,
    Path(endpoint): Path<EndpointId>,
) -> Result<(StatusCode, Json<TestReply>), Problem> {
    Ok((StatusCode::ACCEPTED, Json(hub.test_endpoint(&caller, endpoint).await?.into())))
}
