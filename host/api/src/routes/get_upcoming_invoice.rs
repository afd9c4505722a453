//! `GET /v1/billing/upcoming`

use axum::{Json, extract::State};
use patchbay_hub::Hub;

use crate::{
    extract::{Allowed, ManageBilling},
    problem::Problem,
    view::Invoice,
};

/// Read the next bill
///
/// As far as it is known: what is used until then comes on top. Owners alone. `conflict` without a subscription.
#[utoipa::path(
    get,
    path = "/v1/billing/upcoming",
    tag = "Billing",
    security(("api_key" = ["manage_billing"])),
    responses((status = 200, description = "The bill", body = Invoice))
)]
pub(crate) async fn get_upcoming_invoice(
    caller: Allowed<ManageBilling>,
    State(hub): State<Hub>,
) -> Result<Json<Invoice>, Problem> {
    Ok(Json(hub.upcoming_invoice(&caller).await?.into()))
}
