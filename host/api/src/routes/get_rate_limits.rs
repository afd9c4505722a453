//! `GET /v1/rate-limits`

use axum::{Json, extract::State};
use patchbay_hub::Hub;

use crate::{
    extract::{Allowed, ReadSettings},
    problem::Problem,
    view::RateLimits,
};

/// Show rate limits
///
/// What is configured for everybody, and what was set for the org in its place.
#[utoipa::path(
    get,
    path = "/v1/rate-limits",
    tag = "Rate limits",
    security(("api_key" = ["read_settings"])),
    responses((status = 200, description = "The limits", body = RateLimits))
)]
pub(crate) async fn get_rate_limits(
    caller: Allowed<ReadSettings>,
    State(hub): State<Hub>,
) -> Result<Json<RateLimits>, Problem> {
    Ok(Json(hub.rate_limits(&caller).await?.into()))
}
