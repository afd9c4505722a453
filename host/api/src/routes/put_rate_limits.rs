//! `PUT /v1/rate-limits`

use axum::{Json as Reply, extract::State};
use patchbay_hub::Hub;
use patchbay_model::rate::OrgRates;

use crate::{
    extract::{Allowed, Json, ManageInstallations},
    problem::Problem,
    view::{OwnRates, RateLimits},
};

/// Set rate limits
///
/// All that hold for the org in place of what is configured; what is left out is as configured. `org`, the limit over
/// everything that the org asks for, is changed with the scope `operator` only. They hold on every hub within a second.
#[utoipa::path(
    put,
    path = "/v1/rate-limits",
    tag = "Rate limits",
    security(("api_key" = ["manage_installations"])),
    request_body = OwnRates,
    responses((status = 200, description = "The limits as they are now", body = RateLimits))
)]
pub(crate) async fn put_rate_limits(
    caller: Allowed<ManageInstallations>,
    State(hub): State<Hub>,
    Json(rates): Json<OrgRates>,
) -> Result<Reply<RateLimits>, Problem> {
    Ok(Reply(hub.put_rate_limits(&caller, rates).await?.into()))
}
