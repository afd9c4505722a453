//! `POST /v1/billing/checkout`

use axum::{Json as Reply, extract::State};
use patchbay_hub::Hub;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    extract::{Allowed, Json, ManageBilling},
    problem::Problem,
    view::Checkout,
};

/// What is bought.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckoutInput {
    /// A plan of the hub: `GET /v1/plan` lists them.
    #[schema(example = "pro")]
    plan: String,
}

/// Buy a plan
///
/// Gives a page of the vendor's where it is paid; the plan holds once the vendor says that it is. Owners alone. `not_found` where
/// nothing is sold, `conflict` if the organization pays for a plan already.
#[utoipa::path(
    post,
    path = "/v1/billing/checkout",
    tag = "Billing",
    security(("api_key" = ["manage_billing"])),
    request_body = CheckoutInput,
    responses((status = 200, description = "Where it is paid", body = Checkout))
)]
pub(crate) async fn create_checkout(
    caller: Allowed<ManageBilling>,
    State(hub): State<Hub>,
    Json(input): Json<CheckoutInput>,
) -> Result<Reply<Checkout>, Problem> {
    Ok(Reply(hub.billing_checkout(&caller, &input.plan).await?.into()))
}
