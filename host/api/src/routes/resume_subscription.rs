//! `POST /v1/billing/subscription/resume`

use axum::{Json, extract::State};
use patchbay_hub::Hub;

use crate::{
    extract::{Allowed, ManageBilling},
    problem::Problem,
    view::Subscription,
};

/// Resume the subscription
///
/// Goes on with a subscription that is to end. Owners alone. `conflict` without one: what has ended is bought anew.
#[utoipa::path(
    post,
    path = "/v1/billing/subscription/resume",
    tag = "Billing",
    security(("api_key" = ["manage_billing"])),
    responses((status = 200, description = "How it stands now", body = Subscription))
)]
pub(crate) async fn resume_subscription(
    caller: Allowed<ManageBilling>,
    State(hub): State<Hub>,
) -> Result<Json<Subscription>, Problem> {
    Ok(Json(hub.resume_subscription(&caller).await?.into()))
}
