//! `GET /v1/endpoints/{endpoint}/stats`

use axum::{Json, extract::State};
use patchbay_hub::Hub;
use patchbay_model::EndpointId;

use crate::{
    extract::{Allowed, Path, ReadActivity},
    problem::Problem,
    view::Stats,
};

/// Show how an endpoint stands
///
/// What is queued for it, and whether it is left alone because it fails.
#[utoipa::path(
    get,
    path = "/v1/endpoints/{endpoint}/stats",
    tag = "Endpoints",
    security(("api_key" = ["read_activity"])),
    params(("endpoint" = String, Path, description = "The endpoint's id")),
    responses((status = 200, description = "How it stands", body = Stats))
)]
pub(crate) async fn get_endpoint_stats(
    caller: Allowed<ReadActivity>,
    State(hub): State<Hub>,
    Path(endpoint): Path<EndpointId>,
) -> Result<Json<Stats>, Problem> {
    Ok(Json(hub.endpoint_stats(&caller, endpoint).await?.into()))
}
