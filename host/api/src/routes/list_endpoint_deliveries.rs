//! `GET /v1/endpoints/{endpoint}/deliveries`

use axum::{Json, extract::State};
use patchbay_hub::Hub;
use patchbay_model::EndpointId;

use super::list_deliveries::DeliveryQuery;
use crate::{
    extract::{Allowed, Path, Query, ReadActivity},
    problem::Problem,
    view::{Delivery, Page},
};

/// List an endpoint's deliveries
///
/// Those of the newest events first. A page can be short although there are more: ask on for as long as there is a `next`.
#[utoipa::path(
    get,
    path = "/v1/endpoints/{endpoint}/deliveries",
    tag = "Endpoints",
    security(("api_key" = ["read_activity"])),
    params(("endpoint" = String, Path, description = "The endpoint's id"), DeliveryQuery),
    responses((status = 200, description = "A part of them", body = Page<Delivery>))
)]
pub(crate) async fn list_endpoint_deliveries(
    caller: Allowed<ReadActivity>,
    State(hub): State<Hub>,
    Path(endpoint): Path<EndpointId>,
    Query(query): Query<DeliveryQuery>,
) -> Result<Json<Page<Delivery>>, Problem> {
    Ok(Json(hub.deliveries(&caller, endpoint, query.into()).await?.into()))
}
