//! `GET /readyz`

use axum::{Json, extract::State};
use patchbay_hub::Hub;

use super::healthz::Health;
use crate::problem::Problem;

/// Can the hub take calls
///
/// Asks the database, and is false from the moment that a shutdown begins.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "Operating",
    responses((status = 200, description = "It can", body = Health))
)]
pub(crate) async fn readyz(State(hub): State<Hub>) -> Result<Json<Health>, Problem> {
    hub.ready().await?;
    Ok(Json(Health { status: "ready" }))
}
