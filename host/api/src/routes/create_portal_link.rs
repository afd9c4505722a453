//! `POST /v1/billing/portal`

use axum::{Json, extract::State};
use patchbay_hub::Hub;

use crate::{
    extract::{Allowed, ManageBilling},
    problem::Problem,
    view::PortalLink,
};

/// Open the billing portal
///
/// Gives a page of the vendor's where bills are seen and payment methods are changed. Owners alone. `conflict` if nothing was ever
/// bought.
#[utoipa::path(
    post,
    path = "/v1/billing/portal",
    tag = "Billing",
    security(("api_key" = ["manage_billing"])),
    responses((status = 200, description = "Where it is", body = PortalLink))
)]
pub(crate) async fn create_portal_link(
    caller: Allowed<ManageBilling>,
    State(hub): State<Hub>,
) -> Result<Json<PortalLink>, Problem> {
    Ok(Json(hub.billing_portal(&caller).await?.into()))
}
