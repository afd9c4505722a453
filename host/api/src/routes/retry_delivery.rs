//! `POST /v1/deliveries/{delivery}/retry`

use axum::{Json, extract::State};
use http::StatusCode;
use patchbay_hub::Hub;
use patchbay_model::DeliveryId;

use crate::{
    extract::{Allowed, ManageInstallations, Path},
    problem::Problem,
    view::Delivery,
};

/// Send a delivery once more
///
/// Whatever became of it, with as many attempts as a new one has and under the same id. One that is pending is a `conflict`: it is
/// tried anyway.
#[utoipa::path(
    post,
    path = "/v1/deliveries/{delivery}/retry",
    tag = "Endpoints",
    security(("api_key" = ["manage_installations"])),
    params(("delivery" = String, Path, description = "The delivery's id")),
    responses((status = 202, description = "It is pending again", body = Delivery))
)]
pub(crate) async fn retry_delivery(
    caller: Allowed<ManageInstallations>,
    State(hub): State<Hub>,
    Path(delivery): Path<DeliveryId>,
) -> Result<(StatusCode, Json<Delivery>), Problem> {
    Ok((StatusCode::ACCEPTED, Json(hub.retry_delivery(&caller, delivery).await?.into())))
}
