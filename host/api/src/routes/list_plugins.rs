//! `GET /v1/plugins`

use axum::{Json, extract::State};
use patchbay_hub::Hub;

use crate::{
    extract::{Allowed, ReadSettings},
    problem::Problem,
    view::{Page, Plugin},
};

/// List plugins
///
/// Every plugin that the hub knows, installed or not, with the reason where its last package was refused.
#[utoipa::path(
    get,
    path = "/v1/plugins",
    tag = "Plugins",
    security(("api_key" = ["read_settings"])),
    responses((status = 200, description = "All of them", body = Page<Plugin>))
)]
pub(crate) async fn list_plugins(
    caller: Allowed<ReadSettings>,
    State(hub): State<Hub>,
) -> Result<Json<Page<Plugin>>, Problem> {
    Ok(Json(hub.plugins(&caller).await?.into()))
}
