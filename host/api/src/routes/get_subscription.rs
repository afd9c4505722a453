//! `GET /v1/billing/subscription`

use axum::{Json, extract::State};
use patchbay_hub::Hub;

use crate::{
    extract::{Allowed, ManageBilling},
    problem::Problem,
    view::Subscription,
};

/// Read the subscription
///
/// What the organization pays for, as its vendor said last. Owners alone.
#[utoipa::path(
    get,
    path = "/v1/billing/subscription",
    tag = "Billing",
    security(("api_key" = ["manage_billing"])),
    responses((status = 200, description = "How it stands", body = Subscription))
)]
pub(crate) async fn get_subscription(
    caller: Allowed<ManageBilling>,
    State(hub): State<Hub>,
) -> Result<Json<Subscription>, Problem> {
    Ok(Json(hub.subscription(&caller).await?.into()))
}
