//! `GET /v1/org`

use axum::{Json, extract::State};
use patchbay_hub::Hub;

use crate::{
    extract::{Allowed, ReadSettings},
    problem::Problem,
    view::Org,
};

/// Read the organization
#[utoipa::path(
    get,
    path = "/v1/org",
    tag = "Organization",
    security(("api_key" = ["read_settings"])),
    responses((status = 200, description = "The caller's", body = Org))
)]
pub(crate) async fn get_org(caller: Allowed<ReadSettings>, State(hub): State<Hub>) -> Result<Json<Org>, Problem> {
    Ok(Json(hub.org(&caller).await?.into()))
}
