//! `GET /v1/endpoints/{endpoint}`

use axum::{Json, extract::State};
use patchbay_hub::Hub;
use patchbay_model::EndpointId;

use crate::{
    extract::{Allowed, Path, ReadSettings},
    problem::Problem,
    view::Endpoint,
};

/// Show an endpoint
#[utoipa::path(
    get,
    path = "/v1/endpoints/{endpoint}",
    tag = "Endpoints",
    security(("api_key" = ["read_settings"])),
    params(("endpoint" = String, Path, description = "The endpoint's id")),
    responses((status = 200, description = "The endpoint", body = Endpoint))
)]
pub(crate) async fn get_endpoint(
    caller: Allowed<ReadSettings>,
    State(hub): State<Hub>,
    Path(endpoint): Path<EndpointId>,
) -> Result<Json<Endpoint>, Problem> {
    Ok(Json(hub.endpoint(&caller, endpoint).await?.into()))
}
