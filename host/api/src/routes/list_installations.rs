//! `GET /v1/installations`

use axum::{Json, extract::State};
use patchbay_hub::Hub;

use crate::{
    extract::{Allowed, ReadSettings},
    problem::Problem,
    view::{Installation, Page},
};

/// List installations
///
/// The plugins that are switched on for the org.
#[utoipa::path(
    get,
    path = "/v1/installations",
    tag = "Installations",
    security(("api_key" = ["read_settings"])),
    responses((status = 200, description = "All of them", body = Page<Installation>))
)]
pub(crate) async fn list_installations(
    caller: Allowed<ReadSettings>,
    State(hub): State<Hub>,
) -> Result<Json<Page<Installation>>, Problem> {
    Ok(Json(hub.installations(&caller).await?.into()))
}
