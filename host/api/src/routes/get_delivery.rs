//! `GET /v1/deliveries/{delivery}`

use axum::{Json, extract::State};
use patchbay_hub::Hub;
use patchbay_model::DeliveryId;

use crate::{
    extract::{Allowed, Path, ReadActivity},
    problem::Problem,
    view::DeliveryReply,
};

/// Show a delivery
///
/// With its attempts, and what the endpoint answered to each.
#[utoipa::path(
    get,
    path = "/v1/deliveries/{delivery}",
    tag = "Endpoints",
    security(("api_key" = ["read_activity"])),
    params(("delivery" = String, Path, description = "The delivery's id, which receivers see as `webhook-id`")),
    responses((status = 200, description = "The delivery", body = DeliveryReply))
)]
pub(crate) async fn get_delivery(
    caller: Allowed<ReadActivity>,
    State(hub): State<Hub>,
    Path(delivery): Path<DeliveryId>,
) -> Result<Json<DeliveryReply>, Problem> {
    Ok(Json(hub.delivery(&caller, delivery).await?.into()))
}
